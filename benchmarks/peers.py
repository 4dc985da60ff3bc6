"""Each analysis engine and the separator beside a peer, in one run on the same recording, CPU seconds: prints ratios.

pip install librosa        # the peer; a benchmark needs it, the product does not
python -m benchmarks.peers RECORDING
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.results_file import write_result
from sideman.core.analysis import beats, chords
from sideman.core.audio import Recording, read_all
from sideman.core.evaluation.separation import hpss_split
from sideman.core.separation import PreviewSeparator

ROUNDS = 3


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def compared(name: str, peer: str, own_work: Callable[[], object], peer_work: Callable[[], object], seconds: float) -> str:
    """Interleaved rounds, medians; the first call of the peer is not counted (it compiles)."""
    peer_work()
    own, other = [], []
    for _ in range(ROUNDS):
        own.append(cpu_seconds(own_work))
        other.append(cpu_seconds(peer_work))
    a, b = statistics.median(own), statistics.median(other)
    return f"| {name} | {a:.2f} | {seconds / a:.0f}x | {peer} | {b:.2f} | {b / a:.2f} |"


def main(path: Path) -> None:
    import librosa

    rows = ["| engine | CPU s | real time | peer | peer CPU s | peer / own |", "|---|--:|--:|---|--:|--:|"]
    with Recording.open(path) as recording:
        seconds = recording.duration_s
        mono44, mono11 = recording.mono(44100), recording.mono(11025)
        y22 = read_all(recording.mono(22050))[0]
        grid = beats.track(mono44).grid
        rows.append(
            compared(
                "beats, bars, meter",
                "librosa.beat.beat_track (beats only)",
                lambda: beats.track(mono44),
                lambda: librosa.beat.beat_track(y=y22, sr=22050),
                seconds,
            )
        )

        def harmony() -> object:
            return chords.estimate(chords.listen(mono11), grid)

        rows.append(
            compared(
                "chords and key",
                "librosa.feature.chroma_cqt (features only)",
                harmony,
                lambda: librosa.feature.chroma_cqt(y=y22, sr=22050),
                seconds,
            )
        )
        whole = read_all(recording.stereo(44100))
        separator = PreviewSeparator()
        rows.append(
            compared(
                "separation, 4 stems", "median-filter HPSS split (scipy)", lambda: separator.separate(recording, recording.scratch_folder),
                lambda: hpss_split(np.ascontiguousarray(whole), 44100), seconds,
            )
        )  # fmt: skip
    write_result(
        "peers",
        "Engines beside their peers",
        f"{path.name}, {seconds:.0f} s; CPU seconds, medians of {ROUNDS} interleaved rounds.\n\n" + "\n".join(rows),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
