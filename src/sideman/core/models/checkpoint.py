"""Weights from a safetensors file: names, tensors, and the text its maker put beside them. Nothing in it is ever executed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.errors import MissingAsset, UnusableModel


def refuse_without_reader() -> None:
    """Raises MissingAsset where weights could not be read: before hundreds of megabytes of them are fetched."""
    if importlib.util.find_spec("safetensors") is None:
        raise MissingAsset("reading model weights needs the extra `separation`: pip install 'sideman[separation]'")


@dataclass(frozen=True)
class Checkpoint:
    metadata: Mapping[str, str]
    tensors: Mapping[str, NDArray[np.generic]]

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Raises UnusableModel for a file that is not safetensors or was cut off, MissingAsset without the library."""
        refuse_without_reader()
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), framework="numpy") as file:
                return cls(dict(file.metadata() or {}), {k: file.get_tensor(k) for k in file.keys()})  # noqa: SIM118 (no mapping)
        except (SafetensorError, OSError, TypeError) as error:
            raise UnusableModel(f"{path.name} is not a whole safetensors file ({error}): fetch it again") from error


def write_checkpoint(path: Path, tensors: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str]) -> None:
    """Write safetensors, whole or not at all. Raises MissingAsset without the library."""
    try:
        from safetensors.numpy import save_file
    except ImportError as error:
        raise MissingAsset("writing model weights needs the extra `separation`: pip install 'sideman[separation]'") from error
    partial = path.with_suffix(".partial")
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, partial, metadata=dict(metadata))
    partial.replace(path)
