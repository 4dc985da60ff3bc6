"""Heard notes as written ones: starts on the nearest step of the grid, lengths in whole steps, what is left as a push in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sideman.core.music.notes import NoteEvent, ScoreNote
from sideman.core.music.timeline import BeatGrid

STRAIGHT, TRIPLE = 4, 3
"""Steps a beat: sixteenths, or triplets where they fit clearly better."""
CLEARLY = 0.8


def steps_per_beat(starts_beats: np.ndarray, compound: bool) -> int:
    """Sixteenths or triplets, whichever lies nearer to the starts; a compound beat has six sixteenths."""
    if compound:
        return 6
    if not len(starts_beats):
        return STRAIGHT

    def miss(steps: int) -> float:
        """Mean distance to the steps, relative to what chance gives."""
        x = starts_beats * steps
        return float(np.abs(x - np.round(x)).mean()) / 0.25

    return TRIPLE if miss(TRIPLE) < CLEARLY * miss(STRAIGHT) else STRAIGHT


def on_the_grid(notes: Sequence[NoteEvent], grid: BeatGrid) -> tuple[ScoreNote, ...]:
    """Every note on the nearest step, at least one step long. Two notes of a pitch on one step become the louder one."""
    if not notes:
        return ()
    starts = grid.beat_at([n.start_s for n in notes])
    ends = grid.beat_at([n.end_s for n in notes])
    steps = steps_per_beat(starts, grid.meter.compound)
    placed = np.round(starts * steps) / steps
    lengths = np.maximum(1, np.round((ends - placed) * steps)) / steps
    pushes = 1000 * (np.array([n.start_s for n in notes]) - grid.seconds_at(placed))
    kept: dict[tuple[float, int], ScoreNote] = {}
    for n, beat, length, push in zip(notes, placed, lengths, pushes, strict=True):
        written = ScoreNote(float(beat), float(length), n.pitch, n.velocity / 127, float(push))
        before = kept.get((written.beat, n.pitch))
        if before is None or before.loudness < written.loudness:
            kept[written.beat, n.pitch] = written
    return tuple(sorted(kept.values(), key=lambda n: (n.beat, n.pitch)))
