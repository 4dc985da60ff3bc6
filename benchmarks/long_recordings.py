"""Memory of the main job as recordings get longer: it must stay flat. Takes minutes; `make soak`.

python -m benchmarks.long_recordings [MINUTES ...]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.main_job import measured, repeated
from benchmarks.results_file import write_result
from sideman.bootstrap import record_demo_song


def main(minutes: list[float]) -> None:
    rows = ["| minutes | wall s | CPU s | peak MB |", "|--:|--:|--:|--:|"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record_demo_song(folder / "demo.mp3")
        for length in minutes:
            repeated(folder / "demo.mp3", length, folder / "song.flac")
            r = measured(folder / "song.flac", folder)
            rows.append(f"| {length:g} | {r['wall_s']:.0f} | {r['cpu_s']:.0f} | {r['peak_mb']:.0f} |")
            print(rows[-1], flush=True)
    write_result(
        "long_recordings", "Memory against length", "The main job on the demo song, repeated; five new stems.\n\n" + "\n".join(rows)
    )


if __name__ == "__main__":
    main([float(m) for m in sys.argv[1:]] or [1.0, 4.0, 20.0])
