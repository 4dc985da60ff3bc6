"""HTDemucs at full size on a CUDA card beside the processors of the same machine: the same random weights, float32, the same recording.

    python -m benchmarks.gpu [--seconds 240] [--rounds 3] [--threads 8]

Random weights separate nothing, but the arithmetic is that of the published ones. Times are of a loaded network: read, separate, keep.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.results_file import markdown_table, write_result
from benchmarks.separation import ROLES, prepared
from sideman.core.audio import Recording
from sideman.core.models.memory import Residence
from sideman.core.models.runtime import Engine, Precision, Request
from sideman.core.separation.backends.demucs import DemucsSeparator, Member

COMPARED_S = 30


def separated(weights: Path, song: Path, request: Request, rounds: int) -> tuple[list[float], np.ndarray]:
    """Seconds of every round, and the stems' first half minute [stems, 2, frames]."""
    separator = DemucsSeparator("htdemucs", [Member(weights, ROLES, "")], request, Residence())
    took: list[float] = []
    for _ in range(rounds + 1):  # the first one loads
        with Recording.open(song) as recording:
            start = time.monotonic()
            stems = separator.separate(recording, recording.scratch_folder)
            took.append(time.monotonic() - start)
            heard = np.stack([s.audio.read(0, COMPARED_S * recording.sample_rate_hz).samples for s in stems])
    return took[1:], heard


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=8)
    a = parser.parse_args()
    runs = {
        "torch, cuda": Request(Engine.TORCH, Precision.FLOAT32, a.threads, device="cuda"),
        f"torch, cpu, {a.threads} threads": Request(Engine.TORCH, Precision.FLOAT32, a.threads, device="cpu"),
        f"onnxruntime, cpu, {a.threads} threads": Request(Engine.ONNXRUNTIME, Precision.FLOAT32, a.threads, device="cpu"),
    }
    found: dict[str, tuple[list[float], np.ndarray]] = {}
    with tempfile.TemporaryDirectory() as name:
        weights, _, song = prepared(Path(name), a.seconds)
        for k, request in runs.items():
            found[k] = separated(weights, song, request, a.rounds)
    truth = next(iter(found.values()))[1]
    first = statistics.median(next(iter(found.values()))[0])
    rows = []
    for k, (took, heard) in found.items():
        error = float(((heard - truth) ** 2).mean())
        agrees = f"{10 * np.log10(float((truth**2).mean()) / error):.0f}" if error else "-"
        median = statistics.median(took)
        rows.append([k, f"{median:.2f}", f"{a.seconds / median:.0f}", f"{median / first:.1f}", agrees])
    table = markdown_table(["runs on", "s", "times real time", "slower than the card", "agrees, dB"], rows)
    memory = torch.cuda.max_memory_allocated() / 1e6
    write_result(
        "gpu", "HTDemucs on a CUDA card",
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}; {a.seconds:g} s of stereo, random weights of the published architecture, "
        f"medians of {a.rounds}. The card holds {memory:,.0f} MB at most, whatever the length.\n\n{table}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
