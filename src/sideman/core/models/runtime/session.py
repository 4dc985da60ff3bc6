"""What a runtime is asked for and what it gives: engine, device, number format, a session.

A number format is never left to the runtime's own judgement: OpenVINO picks bf16 by itself on CPUs that have it, so the same program would
give other stems on another machine. What was really used is read back and kept in every result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Precision(StrEnum):
    FLOAT32 = "f32"
    BFLOAT16 = "bf16"
    FLOAT16 = "f16"


class Engine(StrEnum):
    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"
    TORCH = "torch"


@dataclass(frozen=True)
class RunsOn:
    """What a session really uses: engine and its version, device, number format."""

    engine: Engine
    version: str
    device: str
    precision: Precision

    def __str__(self) -> str:
        return f"{self.engine} {self.version}, {self.device}, {self.precision}"


class Session(Protocol):
    """A graph ready to run. Outputs may be views of the runtime's own memory: use them before the next call."""

    @property
    def runs_on(self) -> RunsOn: ...
    def __call__(self, *inputs: Array) -> Sequence[Array]: ...


@dataclass(frozen=True)
class Request:
    """How to run: `engine` and `precision` are wishes, None leaves the choice to us; threads of the CPU; device `cpu`, `cuda`, `mps` or None.

    `notes` is a file that remembers, from one run to the next, what comparing number formats on this machine gave.
    """

    engine: Engine | None = None
    precision: Precision = Precision.FLOAT32
    threads: int = 1
    device: str | None = None
    notes: Path | None = None
