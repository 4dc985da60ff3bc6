"""Figures beside the score: distance to the analysed grid, the chance level of random onsets, share of chord tones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sideman.core.fit.judge import FitFigures
from sideman.core.music import MusicAnalysis, NoteEvent, StemRole

DIVISIONS = 4


def distance_to_grid_ms(onsets_s: NDArray[np.float64], analysis: MusicAnalysis, divisions: int = DIVISIONS) -> float:
    """Median distance of onsets to the nearest sixteenth (sixth of the beat in compound time) of the analysed grid."""
    grid = analysis.require_grid()
    parts = 6 if grid.meter.compound else divisions
    position = grid.beat_at(onsets_s) * parts
    nearest = grid.seconds_at(np.round(position) / parts)
    return float(np.median(np.abs(nearest - onsets_s))) * 1000


def figures(notes: Sequence[NoteEvent], analysis: MusicAnalysis, role: StemRole, seed: int = 0) -> FitFigures:
    """Near-perfect by construction for the band: it plays on this grid. Always read beside the chance level."""
    if not notes or analysis.grid is None:
        return FitFigures(None, None, None)
    onsets = np.array([n.start_s for n in notes])
    random = np.random.default_rng(seed).uniform(onsets.min(), onsets.max(), 2000)
    share = _chord_tone_share(notes, analysis) if role.pitched else None
    return FitFigures(distance_to_grid_ms(onsets, analysis), distance_to_grid_ms(random, analysis), share)


def _chord_tone_share(notes: Sequence[NoteEvent], analysis: MusicAnalysis) -> float | None:
    """Share of sounding time whose pitch class belongs to the chord at the middle of the note."""
    inside = total = 0.0
    for n in notes:
        chord = analysis.chord_at((n.start_s + min(n.end_s, n.start_s + 0.5)) / 2)
        if chord.root is not None:
            total += n.end_s - n.start_s
            inside += (n.end_s - n.start_s) * (n.pitch % 12 in chord.pitch_classes)
    return inside / total if total else None
