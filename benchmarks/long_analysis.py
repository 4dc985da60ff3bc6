"""Memory and time of the analysis alone, up to ten hours. Takes ten minutes and 15 GB of scratch; `make soak`.

python -m benchmarks.long_analysis [MINUTES ...]
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.results_file import markdown_table, write_result
from sideman.core.analysis import analyze
from sideman.core.audio import Recording, ScratchWriter, SourceInfo
from sideman.core.music import BeatGrid, Chord, Meter
from sideman.testing import triad_song

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def child(minutes: int) -> None:
    """One recording: a minute of music, repeated at another place each time, so that the tempo starts anew at every seam."""
    loop = [Chord.parse(x) for x in ("C:maj", "A:min", "F:maj", "G:7")]
    song = triad_song(BeatGrid.constant(118, 116, Meter(4), 0.2), loop, 60).samples
    folder = Path(tempfile.mkdtemp(prefix="sideman-"))
    with ScratchWriter(folder / "decoded.f32", 44100, 1) as writer:
        for k in range(minutes):
            writer.write(np.roll(song, 4410 * (k % 600), axis=1))
        audio = writer.finish()
    with Recording(audio, SourceInfo("long", "memory", "pcm_f32", 44100, 1, None), folder, 0) as recording:
        start = time.process_time()
        found = analyze(recording)
        beats = len(found.grid.value) if found.grid else 0
        sys.stdout.write(f"{time.process_time() - start} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024} {beats}\n")


def main(minutes: list[int]) -> None:
    rows = []
    for length in minutes:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.long_analysis", "--one", str(length)],
            capture_output=True,
            text=True,
            env=os.environ | ONE_THREAD,
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        cpu_s, peak_mb, beats = (float(x) for x in done.stdout.split())
        rows.append([f"{length}", f"{cpu_s:.0f}", f"{cpu_s * 4 / length:.2f}", f"{peak_mb:.0f}", f"{beats:.0f}"])
        print(rows[-1], flush=True)
    write_result(
        "long_analysis", "Analysis against length", markdown_table(["minutes", "CPU s", "CPU s per 4 minutes", "peak MB", "beats"], rows)
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        child(int(sys.argv[2]))
    else:
        main([int(m) for m in sys.argv[1:]] or [4, 20, 60, 600])
