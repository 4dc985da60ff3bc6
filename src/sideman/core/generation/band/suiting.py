"""Which style suits a song: each style's own tabs, played on the song's bar, against where the song itself is struck.

No genre is guessed from the sound: a style suits a song when its drums, bass and chords would strike where the song does, at a tempo and in
a meter that the style is played in. What cannot be told from accents (a country song from a rock song) stays near in the ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sideman.core.generation.band.style import Figure, Style, styles, swung
from sideman.core.generation.band.tab import Step, Tab
from sideman.core.generation.context import ContextBar, SongContext
from sideman.core.music import PLACES_PER_BEAT, StemRole

FREE_STYLE = "ballad"
"""For a song without a pulse: long notes."""
BANDS = np.array([1.0, 0.6, 1.0, 0.8]) / 3.4
"""How much each band of the bar's accents counts."""
KIT: Mapping[str, tuple[float, float, float, float]] = {
    "kick": (1, 0.35, 0.2, 0.15), "snare": (0.2, 0.6, 1, 0.7), "rim": (0, 0.2, 0.8, 0.6), "clap": (0, 0.3, 1, 0.8), "timbale": (0, 0.4, 0.8, 0.5),
    "hat": (0, 0, 0.25, 1), "pedal": (0, 0, 0.2, 0.6), "open": (0, 0, 0.35, 1), "ride": (0, 0, 0.3, 0.9), "bell": (0, 0.1, 0.5, 0.9),
    "crash": (0, 0.1, 0.4, 1), "cowbell": (0, 0.2, 0.9, 0.5),
}  # fmt: skip
BASS, COMPING = (0.7, 0.5, 0.1, 0.05), (0.1, 0.7, 0.6, 0.25)
"""Share of each band in the stroke of an instrument."""
STROKES = {"X": 1.0, "x": 0.75, "o": 0.5, "g": 0.25, "?": 0.35}
OTHER_STROKE = 0.7
SPREAD_BEATS = 0.055
FAINT = 0.3
"""Norm under which a tab says little in a band."""
TEMPO_WEIGHT, NARROW, OWN_METER = 0.6, 0.012, 0.1
"""Of an octave outside the style's tempi; of an octave of width of those; of figures that are written for the song's meter."""

NARROWEST = 0.05
"""Octaves: a style that is played at one tempo only says no more than that."""

Pattern = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SuitedStyle:
    """score: likeness of its accents to the song's (1 the same, 0 none), less what speaks against it."""

    name: str
    score: float


def suited_styles(context: SongContext) -> tuple[SuitedStyle, ...]:
    """All styles with drums, the one that suits best first; FREE_STYLE alone where the song's accents are not known."""
    if context.accents is None:
        return (SuitedStyle(FREE_STYLE, 0.0),)
    heard = _unit(context.accents.strengths, 1e-6)
    found = [SuitedStyle(s.name, round(_suits(s, context, heard), 4)) for s in styles().values() if s.parts[StemRole.DRUMS].figures]
    return tuple(sorted(found, key=lambda f: (-f.score, f.name)))


def _suits(style: Style, context: SongContext, heard: Pattern) -> float:
    """The best of all combinations of the style's figures."""
    drums = _patterns(style, context, StemRole.DRUMS, KIT.get)
    bass = _walk(context) if style.parts[StemRole.BASS].walking else _patterns(style, context, StemRole.BASS, lambda voice: BASS)
    comping = [
        p
        for role in (StemRole.GUITAR, StemRole.PIANO)
        for p in _patterns(style, context, role, lambda v: COMPING if v == "hands" else None)
    ]
    silence = [np.zeros_like(heard)]
    d, b, c = (np.array(x or silence) for x in (drums, bass, comping))
    together = _unit(d[:, None, None] + b[None, :, None] + c[None, None], FAINT)
    likeness = float((together * heard).sum(-1).dot(BANDS).max())
    low, high = style.tempo_bpm
    bpm = context.grid.tempo_bpm
    outside = max(0.0, float(np.log2(low / bpm)), float(np.log2(bpm / high)))
    width = max(NARROWEST, float(np.log2(high / low)))
    meter = context.grid.meter.pattern
    own = OWN_METER * (meter != "4/4" and any(f.meter == meter for f in style.parts[StemRole.DRUMS].figures))
    return likeness - TEMPO_WEIGHT * outside - NARROW * float(np.log2(width)) + own - style.reserve


def _unit(x: Pattern, faint: float) -> Pattern:
    """Centred over the bar and of unit length in every band."""
    y = x - x.mean(-1, keepdims=True)
    return np.asarray(y / (np.linalg.norm(y, axis=-1, keepdims=True) + faint))


def _patterns(
    style: Style, context: SongContext, role: StemRole, bands: Callable[[str], tuple[float, float, float, float] | None]
) -> list[Pattern]:
    """Accents [4, places] of each figure that a part plays in a full band."""
    figures, meter = style.parts[role].figures, context.grid.meter.pattern
    fitting = [f for f in figures if f.meter == meter] or [f for f in figures if not f.meter]
    return [_pattern(f, style, context, bands) for f in fitting if f.energy[1] >= 1]


def _pattern(
    figure: Figure, style: Style, context: SongContext, bands: Callable[[str], tuple[float, float, float, float] | None]
) -> Pattern:
    count = max(len(tab.bars) for tab in figure.tabs.values())
    out = np.zeros((4, context.grid.meter.beats_per_bar * PLACES_PER_BEAT))
    for voice, tab in figure.tabs.items():
        weights = bands(voice)
        if weights is not None:
            out += np.outer(np.array(weights), _struck(tab, count, style, context))
    return out


def _struck(tab: Tab, bars: int, style: Style, context: SongContext) -> Pattern:
    """Mean accents [places] of a tab over its bars."""
    beats, unit = context.grid.meter.beats_per_bar, context.pulses_per_beat
    steps: list[Step] = []
    for k in range(bars):
        steps += tab.steps(ContextBar(0, 0.0, beats * unit, 2, 0, k, False), context.compound)
    at = np.array([s.at for s in steps]) / unit
    if not context.compound:
        at = swung(at, style.swing_pulses, style.swing(context.tempo))
    return _spread(at, np.array([STROKES.get(s.symbol, OTHER_STROKE) for s in steps]), beats) / bars


def _walk(context: SongContext) -> list[Pattern]:
    """A walking bass: a note on every beat."""
    beats = context.grid.meter.beats_per_bar
    return [np.outer(np.array(BASS), _spread(np.arange(beats, dtype=float), np.full(beats, OTHER_STROKE), beats))]


def _spread(at_beats: NDArray[np.floating], strength: Pattern, beats: int) -> Pattern:
    places = np.arange(beats * PLACES_PER_BEAT) / PLACES_PER_BEAT
    away = (places[None] - at_beats[:, None] + beats / 2) % beats - beats / 2
    return np.asarray((strength[:, None] * np.exp(-0.5 * (away / SPREAD_BEATS) ** 2)).sum(0))
