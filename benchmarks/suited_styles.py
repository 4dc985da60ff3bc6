"""Which style the band chooses: for its own performances (mixed, four of each style), and for recordings as they are analysed.

python -m benchmarks.suited_styles FOLDER [FOLDER ...]

Writes results/suited_styles.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.results_file import markdown_table, write_result
from sideman.carried import carried
from sideman.core.analysis import analyze, find_bar_accents
from sideman.core.audio import AudioClip, Recording
from sideman.core.generation import GenerationRequest, SessionBand, SongContext, Style, SuitedStyle, styles, suited_styles
from sideman.core.music import Annotation, BeatGrid, Chord, ChordSpan, Key, Meter, MusicAnalysis, Provenance, StemRole
from sideman.errors import SidemanError

RATE_HZ, SECONDS, SEED = 44100, 40.0, 5
PROGRESSIONS = ("C:maj A:min F:maj G:maj", "A:min F:maj C:maj G:maj", "D:min7 G:7 C:maj7 A:min7", "E:min C:maj D:maj E:min")
PAIRS = ((StemRole.PIANO, StemRole.PAD), (StemRole.GUITAR, StemRole.PAD))
SHOWN = 3


def written(tempo_bpm: float, progression: str) -> MusicAnalysis:
    bars = max(8, int(SECONDS / (240 / tempo_bpm)))
    grid, source = BeatGrid.constant(tempo_bpm, bars * 4 + 1, Meter(4)), Provenance("composed", "1")
    edges = [float(grid.seconds_at(4 * b)) for b in range(bars + 1)]
    labels = progression.split()
    chords = tuple(ChordSpan(edges[b], edges[b + 1], Chord.parse(labels[b % len(labels)]), 1.0) for b in range(bars))
    key = Annotation(Key(0, "major"), 1.0, source)
    return MusicAnalysis(edges[-1] + 1, grid=Annotation(grid, 1.0, source), chords=Annotation(chords, 1.0, source), key=key)


def ranked(recording: Recording, analysis: MusicAnalysis) -> tuple[SuitedStyle, ...]:
    accents = find_bar_accents(recording, analysis.require_grid())
    return suited_styles(replace(SongContext.from_analysis(analysis), accents=accents))


def performances(style: Style, band: SessionBand, folder: Path) -> Iterator[tuple[SuitedStyle, ...]]:
    rng = np.random.default_rng([SEED, *style.name.encode()])
    for k, progression in enumerate(PROGRESSIONS):
        analysis = written(float(rng.uniform(*style.tempo_bpm)), progression)
        frames = round(analysis.duration_s * RATE_HZ)
        mix = np.zeros((2, frames), np.float32)
        for role in (StemRole.DRUMS, StemRole.BASS, *PAIRS[k % 2]):
            request = GenerationRequest(role, style.name, 50 + k, frames, RATE_HZ)
            stem = band.generate(SongContext.from_analysis(analysis), request, folder)
            mix += stem.audio.read(0, frames).samples
            stem.audio.remove()
        with Recording.from_clip(AudioClip(mix, RATE_HZ)) as recording:
            yield ranked(recording, analysis)


def own() -> tuple[str, float]:
    band, rows, right = SessionBand.open(carried("soundfont.sf3")), [], []
    with tempfile.TemporaryDirectory() as name:
        for style in styles().values():
            found = [r[0].name for r in performances(style, band, Path(name))]
            right += [f == style.name for f in found]
            others = ", ".join(dict.fromkeys(f for f in found if f != style.name)) or "-"
            rows.append([style.name, f"{sum(f == style.name for f in found)} of {len(found)}", others])
    return markdown_table(["played", "chosen", "instead"], rows), float(np.mean(right))


def of_recordings(folders: list[Path]) -> str:
    rows = []
    for path in sorted(p for f in folders for p in f.iterdir() if p.is_file()):
        try:
            with Recording.open(path) as recording:
                analysis = analyze(recording)
                if analysis.grid is None:
                    continue
                found = ranked(recording, analysis)
        except SidemanError:
            continue  # of a folder of odd files only what can be analysed has a style
        grid = analysis.grid.value
        rows.append([path.stem, f"{grid.tempo_bpm:.0f} in {grid.meter}", ", ".join(f"{s.name} {s.score:.2f}" for s in found[:SHOWN])])
    return markdown_table(["recording", "heard", "suits"], rows)


def main(folders: list[Path]) -> None:
    table, share = own()
    body = (
        f"The band's own performances at drawn tempi, on their own grid: {100 * share:.0f} % are given their own style "
        f"(by chance {100 / len(styles()):.0f} %).\n\n{table}\n\nRecordings, on the beats that were found in them; the reserves of rare "
        f"styles were chosen with these in view:\n\n{of_recordings(folders)}"
    )
    write_result("suited_styles", "Which style suits a song", body)


if __name__ == "__main__":
    main([Path(p) for p in sys.argv[1:]])
