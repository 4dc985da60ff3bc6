"""Seconds and memory of the main job by step, on a four-minute song that the band records, or on a recording of your own.

python -m benchmarks.main_job [RECORDING] [--minutes 4]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results_file import write_result
from sideman.bootstrap import record_demo_song
from sideman.core.audio import Recording, ScratchWriter, blocks, write_audio

CHILD = (
    "import os\nfor v in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'): os.environ.setdefault(v, '1')\n"
    "import json, resource, sys, time, sideman\nt = time.monotonic()\n"
    "r = sideman.play_along(sys.argv[1], sys.argv[2])\n"
    "print(json.dumps({'wall_s': time.monotonic() - t, 'cpu_s': time.process_time(), "
    "'peak_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 'steps': r.seconds, 'duration_s': r.analysis.duration_s}))"
)


def repeated(source: Path, minutes: float, path: Path) -> None:
    """The recording over and over until it is as long as asked for."""
    with (
        Recording.open(source) as recording,
        ScratchWriter(recording.scratch_folder / "long.f32", recording.sample_rate_hz, recording.channels) as writer,
    ):
        left = round(minutes * 60 * recording.sample_rate_hz)
        while left > 0:
            for block in blocks(recording.audio, recording.sample_rate_hz * 10):
                part = block[:, :left]
                left -= part.shape[1]
                writer.write(part)
                if left <= 0:
                    break
        write_audio(writer.finish(), path)


def measured(song: Path, folder: Path) -> dict:
    """The main job in a process of its own, so that its peak memory is its own."""
    done = subprocess.run([sys.executable, "-c", CHILD, str(song), str(folder / "out")], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("recording", type=Path, nargs="?")
    options.add_argument("--minutes", type=float, default=4.0)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = asked.recording or folder / "demo.mp3"
        if asked.recording is None:
            record_demo_song(source)
        song = folder / "song.flac"
        repeated(source, asked.minutes, song)
        start = time.monotonic()
        r = measured(song, folder)
        print(f"whole process {time.monotonic() - start:.1f} s")
    rows = [f"| {step} | {seconds:.1f} |" for step, seconds in r["steps"]]
    body = "\n".join([
        f"A recording of {r['duration_s'] / 60:.1f} minutes ({(asked.recording.name if asked.recording else 'demo song, repeated')}), five new stems, two threads.", "",
        "| step | wall s |", "|---|--:|", *rows, f"| **all** | **{r['wall_s']:.1f}** |", "",
        f"CPU {r['cpu_s']:.1f} s, peak memory {r['peak_mb']:.0f} MB.",
    ])  # fmt: skip
    write_result(f"main_job_{asked.minutes:g}min", "The main job", body)


if __name__ == "__main__":
    main()
