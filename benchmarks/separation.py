"""HTDemucs here beside the demucs command line: whole programs, the same random weights of the published architecture, interleaved.

    python -m venv PEER && PEER/bin/pip install demucs==4.1.0 torch==2.13.0      # the peer; the product does not need it
    python -m benchmarks.separation PEER/bin/python [--seconds 60] [--rounds 3] [--threads 1]

Random weights separate nothing, but the arithmetic is that of the published ones. CPU seconds and peak memory are those of the process.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.results_file import markdown_table, write_result
from sideman.core.audio import AudioClip, Recording, ScratchWriter, write_audio
from sideman.core.models.checkpoint import Checkpoint
from sideman.core.models.memory import Residence
from sideman.core.models.runtime import Engine, Precision, Request
from sideman.core.models.runtime.openvino_session import multiplies_bf16
from sideman.core.music import StemRole
from sideman.core.separation import write_set
from sideman.core.separation.backends.demucs import DemucsSeparator, Member
from sideman.core.separation.backends.demucs.configuration import CLASS
from sideman.core.separation.segments import SegmentModel, even_plan, separated
from sideman.testing import LongRecording
from sideman.testing.weights import HTDEMUCS, write_htdemucs, write_torch_file

ROLES = tuple(StemRole(s) for s in HTDEMUCS["sources"])


@dataclass(frozen=True)
class Cost:
    cpu_s: float
    wall_s: float
    peak_mb: float


def measured(call: list[str], environment: dict[str, str]) -> Cost:
    import time

    start = time.monotonic()
    process = subprocess.Popen(call, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = process.stderr.read().decode() if process.stderr else ""
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(call)} failed:\n{complaint[-2000:]}")
    return Cost(used.ru_utime + used.ru_stime, time.monotonic() - start, used.ru_maxrss / 1024)


def run_own(engine: str, precision: str, threads: int, weights: Path, song: Path) -> None:
    """What one measured process of ours does: read, load, separate, write."""
    request = Request(Engine(engine), Precision(precision), threads, notes=weights.with_name("bf16.json"))
    separator = DemucsSeparator("htdemucs", [Member(weights, ROLES, "")], request, Residence())
    with Recording.open(song) as recording, tempfile.TemporaryDirectory() as folder:
        write_set(recording, separator.separate(recording, recording.scratch_folder), Path(folder))


def run_stub(seconds: int) -> None:
    """Everything around the network on a long recording; the network gives back what it hears."""
    model = SegmentModel(343_980, 4, 2, lambda segment: np.repeat(segment[None], 4, 0))
    reader = LongRecording(seconds)
    with tempfile.TemporaryDirectory() as folder, ScratchWriter(Path(folder) / "stems.f32", 44100, 8) as writer:
        separated(reader, model, even_plan(reader.frames, 343_980), lambda b: writer.write(b.reshape(8, -1)), lambda share: None)


def prepared(folder: Path, seconds: float) -> tuple[Path, Path, Path]:
    """Weights in both formats and a recording: (ours, folder of the peer's, song)."""
    weights = folder / "955717e8.safetensors"
    write_htdemucs(weights, HTDEMUCS)
    peer = folder / "peer"
    peer.mkdir()
    write_torch_file(peer / "x.th", Checkpoint.read(weights).tensors, CLASS, HTDEMUCS)
    (peer / "x.th").rename(peer / f"955717e8-{hashlib.sha256((peer / 'x.th').read_bytes()).hexdigest()[:8]}.th")
    (peer / "htdemucs.yaml").write_text("models: ['955717e8']\n")
    rng = np.random.default_rng(0)
    t = np.arange(int(seconds * 44100)) / 44100
    tones = sum(np.sin(2 * np.pi * f * t + p) for f, p in ((55, 0), (220, 1), (277, 2), (660, 3)))
    samples = (0.1 * tones * (1 + np.sin(2 * np.pi * 2 * t)) + 0.05 * rng.standard_normal((2, len(t)))).astype(np.float32)
    song = folder / "song.wav"
    write_audio(AudioClip(samples, 44100), song)
    return weights, peer, song


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights, peer, song = prepared(folder, a.seconds)
        environment = os.environ | {"OMP_NUM_THREADS": str(a.threads), "MKL_NUM_THREADS": str(a.threads), "PYTHONPATH": str(Path.cwd())}
        own = [sys.executable, "-m", "benchmarks.separation", "own"]
        runs = {
            "demucs 4.1.0, `--shifts 0 --float32`": [
                a.peer, "-m", "demucs", "-n", "htdemucs", "--repo", str(peer), "--shifts", "0", "--float32", "-d", "cpu", "-o", str(folder / "out"), str(song),
            ],
            "sideman, OpenVINO f32 (`best`)": [*own, "openvino", "f32", str(a.threads), str(weights), str(song)],
            "sideman, onnxruntime f32": [*own, "onnxruntime", "f32", str(a.threads), str(weights), str(song)],
        }  # fmt: skip
        if multiplies_bf16():
            runs["sideman, OpenVINO bf16 (`fast`)"] = [*own, "openvino", "bf16", str(a.threads), str(weights), str(song)]
            measured(runs["sideman, OpenVINO bf16 (`fast`)"], environment)  # the comparison with float32 happens once, not in the figures
        costs: dict[str, list[Cost]] = {k: [] for k in runs}
        for _ in range(a.rounds):
            for k, call in runs.items():
                costs[k].append(measured(call, environment))
        stub = [measured([sys.executable, "-m", "benchmarks.separation", "stub", str(s)], environment).peak_mb for s in (60, 3600)]
    first = statistics.median(c.cpu_s for c in next(iter(costs.values())))
    rows = []
    for k, found in costs.items():
        cpu = statistics.median(c.cpu_s for c in found)
        each = " ".join(f"{c.cpu_s:.1f}" for c in found)
        rows.append(
            [
                k,
                each,
                f"{cpu:.1f}",
                f"{first / cpu:.2f}",
                f"{statistics.median(c.wall_s for c in found):.1f}",
                f"{max(c.peak_mb for c in found):,.0f}",
            ]
        )
    table = markdown_table(["program", "CPU s, each round", "median", "peer / own", "wall s", "peak MB"], rows)
    text = (
        f"{a.seconds:g} s of stereo, {a.threads} thread(s), whole programs (start, load, decode, separate, write), interleaved. Weights are random in the "
        f"published architecture: the arithmetic is the same, the stems mean nothing.\n\n{table}\n\nMemory and length: everything around the network, with a stub "
        f"that gives back what it hears, peaks at {stub[0]:.0f} MB for one minute and {stub[1]:.0f} MB for sixty; the network holds one segment, "
        "whatever the length."
    )
    write_result("separation", "HTDemucs beside the demucs command line", text)


if __name__ == "__main__":
    if sys.argv[1] == "own":
        run_own(sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5]), Path(sys.argv[6]))
    elif sys.argv[1] == "stub":
        run_stub(int(sys.argv[2]))
    else:
        main()
