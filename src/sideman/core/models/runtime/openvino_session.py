"""Graphs on OpenVINO: float32, or bf16 where the CPU multiplies it and a comparison allows it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from sideman.core.models.runtime.session import Array, Engine, Precision, Request, RunsOn, Session
from sideman.errors import UnusableModel

log = logging.getLogger(__name__)
SAFE_BF16_DB = 35.0
"""A model runs in bf16 only where its output stays this close to float32 on a test signal."""


class OpenVinoSession:
    def __init__(self, path: Path, precision: Precision, threads: int) -> None:
        import openvino

        core = openvino.Core()
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": precision.value,
            "ENABLE_CPU_PINNING": False,
        }
        try:
            compiled = core.compile_model(core.read_model(path), "CPU", settings)
        except RuntimeError as error:
            raise UnusableModel(f"OpenVINO cannot run this network: {str(error).strip().splitlines()[-1]}") from error
        self.input_shapes = [tuple(i.shape) for i in compiled.inputs]
        self._request = compiled.create_infer_request()
        got = Precision.BFLOAT16 if "bf" in compiled.get_property("INFERENCE_PRECISION_HINT").to_string() else Precision.FLOAT32
        self.runs_on = RunsOn(Engine.OPENVINO, version("openvino"), "cpu", got)

    def __call__(self, *inputs: Array) -> Sequence[Array]:
        try:
            found = self._request.infer(dict(enumerate(inputs)), share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise UnusableModel(f"OpenVINO stopped in this network: {str(error).strip().splitlines()[-1]}") from error
        return [found[i] for i in range(len(found))]


@cache
def processor() -> tuple[str, frozenset[str]]:
    """Name and feature flags of the CPU; empty where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "", frozenset()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {k.strip(): v.strip() for k, v in fields.items()}
    return values.get("model name", ""), frozenset(values.get("flags", "").split())


def multiplies_bf16() -> bool:
    """By tiles (AMX) or vectors (AVX-512 BF16). Elsewhere OpenVINO takes float32 without a word."""
    return bool(processor()[1] & {"amx_bf16", "avx512_bf16"})


def openvino_session(path: Path, request: Request) -> Session:
    """bf16 where it was asked for and one comparison with float32 came out at SAFE_BF16_DB or more, else float32."""
    if request.precision is Precision.FLOAT32 or not multiplies_bf16():
        return OpenVinoSession(path, Precision.FLOAT32, request.threads)
    found = _known_agreement_db(path, request)
    if found >= SAFE_BF16_DB:
        return OpenVinoSession(path, Precision.BFLOAT16, request.threads)
    log.warning("bf16 would differ from float32 by %.1f dB on this machine (at least %.0f wanted): running float32", found, SAFE_BF16_DB)
    return OpenVinoSession(path, Precision.FLOAT32, request.threads)


def _known_agreement_db(path: Path, request: Request) -> float:
    """From the notes of an earlier run on this machine, or measured now and noted. One network is in memory at a time."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    key = f"{digest[:16]} on {processor()[0]}, openvino {version('openvino')}"
    notes = _read(request.notes)
    if key in notes:
        return float(notes[key])
    found = _agreement_of(path, request.threads)
    if request.notes is not None and np.isfinite(found):
        try:
            request.notes.parent.mkdir(parents=True, exist_ok=True)
            request.notes.write_text(json.dumps(notes | {key: round(found, 1)}, indent=1), encoding="utf-8")
        except OSError as error:
            log.info("the comparison of bf16 with float32 is not remembered: %s", error)
    return found


def _agreement_of(path: Path, threads: int) -> float:
    rng = np.random.default_rng(0)
    exact = OpenVinoSession(path, Precision.FLOAT32, threads)
    noise = [rng.standard_normal(s).astype(np.float32) for s in exact.input_shapes]
    wanted = [np.array(y) for y in exact(*noise)]
    del exact
    return agreement_db(OpenVinoSession(path, Precision.BFLOAT16, threads)(*noise), wanted)


def _read(path: Path | None) -> dict[str, float]:
    if path is None:
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.info("%s cannot be read (%s): measuring again", path, error)
        return {}


def agreement_db(found: Sequence[Array], wanted: Sequence[Array]) -> float:
    """Signal to difference, all outputs together; -inf when something is not finite."""
    if not all(np.isfinite(y).all() for y in found):
        return -np.inf
    signal = sum(float(np.square(w, dtype=np.float64).sum()) for w in wanted)
    noise = sum(float(np.square(np.subtract(f, w, dtype=np.float64)).sum()) for f, w in zip(found, wanted, strict=True))
    return float(10 * np.log10(signal / noise)) if noise and signal else np.inf
