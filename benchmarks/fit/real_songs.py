"""The same deliberate errors on whole real songs, on Sideman's own analysis: how far does the score drop?

python -m benchmarks.fit.real_songs AUDIO_DIR FONT

Writes results/judge_real_songs.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.fit.stems import FAULTS, StemMaker
from benchmarks.results_file import write_result
from sideman.core.analysis import analyze
from sideman.core.audio import Recording, measure
from sideman.core.fit.listening import SAMPLE_RATE_HZ, listen
from sideman.core.fit.scoring import Calibration, hear_contrasts, score
from sideman.core.generation import SessionBand
from sideman.core.music import StemRole

ROLES = (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO, StemRole.GUITAR, StemRole.PAD)
SONGS = ("rock_chaosland", "ballad_feelings", "metal_chaos_god")
FLOORS = {"+1": 0.7, "-1": 0.7, "6": 0.7, "shuffle": 0.6, "bar": 0.6, "beat": 0.5}
JUDGED_ON = SONGS[:2]


def main(audio: Path, font: Path) -> None:
    band, calibration = SessionBand.open(font), Calibration.default()
    lines = ["Nobody annotated these songs: `right` is what the product writes on its own analysis, and may be wrong itself.", ""]
    lines += ["| song | stem | right | " + " | ".join(FAULTS) + " |", "|---|---|--:|" + "--:|" * len(FAULTS)]
    drops: dict[str, list[float]] = {}
    for name in SONGS:
        with Recording.open(audio / "real" / f"{name}.ogg") as recording, tempfile.TemporaryDirectory() as folder:
            analysis = analyze(recording)
            song = listen(recording.mono(SAMPLE_RATE_HZ))
            maker = StemMaker(band, Path(folder), song.tuning_semitones, measure(recording.audio).integrated_lufs)
            for role in ROLES:
                values = {
                    s.fault: score(hear_contrasts(song, s.heard, role), role, calibration).value
                    for s in maker.stems(analysis, role, "rock", 5)
                }
                cells = [f"{values[f]:.2f}" if f in values else "-" for f in FAULTS]
                lines.append(f"| {name} | {role} | **{values['right']:.2f}** | " + " | ".join(cells) + " |")
                print(lines[-1], flush=True)
                if name in JUDGED_ON and role.pitched:
                    for fault, value in values.items():
                        drops.setdefault(fault, []).append(values["right"] - value)
    lines += ["", "Mean drop of pitched stems on the rock song and the ballad:", "", "| fault | asked | drop | |", "|---|--:|--:|---|"]
    for fault in FAULTS:
        if fault in drops:
            drop, floor = float(np.mean(drops[fault])), FLOORS.get(fault)
            lines.append(
                f"| {fault} | {floor if floor else ''} | {drop:.2f} | {'' if floor is None else 'met' if drop >= floor else '**missed**'} |"
            )
    write_result("judge_real_songs", "The judge on whole real songs, on Sideman's own analysis", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
