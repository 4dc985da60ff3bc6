"""A song that nobody owns: sections, a key change and a drifting tempo, all decided by a seed. It comes as its own annotation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sideman.core.generation.context import stream
from sideman.core.music import Annotation, BeatGrid, Chord, ChordSpan, Key, KeySpan, Meter, MusicAnalysis, Provenance, Section

PROVENANCE = Provenance("sideman composer")
VERSES = ((0, 5, 3, 4), (0, 4, 5, 3), (5, 3, 0, 4), (0, 2, 3, 4))
CHORUSES = ((3, 4, 5, 0), (3, 0, 4, 5), (0, 4, 5, 3))
MAJOR_TRIADS = ("maj", "min", "min", "maj", "maj", "min", "dim")
LEAD_IN_S, TAIL_S = 0.5, 2.5


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the form: label, bars, energy, semitones above the first key."""

    label: str
    bars: int
    energy: float
    transposed: int = 0


FORM = (
    Part("A", 4, 0.3), Part("B", 8, 0.75), Part("C", 8, 0.95), Part("B", 8, 0.75), Part("C", 8, 0.95), Part("C", 8, 1.0, 2),
)  # fmt: skip


def _grid(rng: np.random.Generator, bars: int) -> BeatGrid:
    """About 112 to 124 bpm with a slow swell of 1.5 % and the small unrest of a player."""
    count = bars * 4 + 1
    interval = 60 / rng.uniform(112, 124)
    phase = rng.uniform(0, 2 * np.pi)
    swell = 1 + 0.015 * np.sin(phase + np.arange(count - 1) * 2 * np.pi / 64)
    steps = interval * swell * np.exp(rng.normal(0, 0.003, count - 1))
    times = LEAD_IN_S + np.concatenate([[0], np.cumsum(steps)])
    return BeatGrid.from_times(times, np.arange(count) % 4 + 1, Meter(4))


def compose(seed: int) -> MusicAnalysis:
    """The truth about a song of about 90 seconds in 4/4; play it with any generator."""
    rng = stream(seed, "composer")
    grid = _grid(rng, sum(p.bars for p in FORM))
    tonic = int(rng.choice([0, 2, 5, 7, 9]))
    loops = {"A": VERSES[int(rng.integers(len(VERSES)))], "B": VERSES[int(rng.integers(len(VERSES)))]}
    loops["C"] = CHORUSES[int(rng.integers(len(CHORUSES)))]
    chords: list[ChordSpan] = []
    sections: list[Section] = []
    keys: list[KeySpan] = []
    bar = 0
    first = float(grid.times[0])
    duration = float(grid.times[-1]) + TAIL_S
    for part in FORM:
        key = Key((tonic + part.transposed) % 12, "major")
        start = float(grid.seconds_at(bar * 4))
        for k in range(part.bars):
            degree = loops[part.label][k % 4]
            a, b = (float(grid.seconds_at((bar + k + i) * 4)) for i in (0, 1))
            chords.append(ChordSpan(a, b, Chord(key.scale[degree], MAJOR_TRIADS[degree], None, key.flat)))
        bar += part.bars
        end = float(grid.seconds_at(bar * 4))
        sections.append(Section(start, end, part.label, part.energy))
        if keys and keys[-1].key == key:
            keys[-1] = KeySpan(keys[-1].start_s, end, key)
        else:
            keys.append(KeySpan(start, end, key))
    sections[0] = Section(0.0, sections[0].end_s, sections[0].label, sections[0].energy)
    sections[-1] = Section(sections[-1].start_s, duration, sections[-1].label, sections[-1].energy)
    silence = [ChordSpan(0.0, first, Chord(None)), ChordSpan(chords[-1].end_s, duration, Chord(None))]
    spans = (silence[0], *chords, silence[1])
    return MusicAnalysis(
        duration_s=duration, title=f"Demo song no. {seed}", artist="Sideman", grid=Annotation(grid, 1.0, PROVENANCE),
        key=Annotation(keys[0].key, 1.0, PROVENANCE), key_spans=Annotation(tuple(keys), 1.0, PROVENANCE),
        chords=Annotation(spans, 1.0, PROVENANCE), sections=Annotation(tuple(sections), 1.0, PROVENANCE),
        tuning_hz=Annotation(440.0, 1.0, PROVENANCE),
    )  # fmt: skip
