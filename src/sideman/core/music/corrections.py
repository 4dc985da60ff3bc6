"""What a user says against the analysis: applied over it, never into it, so that each correction can be taken back.

A corrected annotation has the engine `user` and full confidence. Corrections are applied in the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sideman.core.music.analysis import Annotation, MusicAnalysis, Provenance
from sideman.core.music.form import Section
from sideman.core.music.harmony import Chord, ChordSpan, Key, KeySpan
from sideman.core.music.timeline import BeatGrid, Meter
from sideman.errors import AnalysisError, UsageError

USER = Provenance("user")
EDGE_S = 1e-6
FASTEST_BPM = 400.0
"""Beyond this nobody taps along, and each doubling would double what everything that follows the grid has to do."""


@dataclass(frozen=True, slots=True)
class Correction:
    """kind: a name in KINDS. values: what that kind needs, by name."""

    kind: str
    values: Mapping[str, Any]


def corrected(analysis: MusicAnalysis, corrections: Sequence[Correction]) -> MusicAnalysis:
    """The analysis with the corrections laid over it. Raises UsageError for one that does not fit it."""
    for correction in corrections:
        apply = KINDS.get(correction.kind)
        if apply is None:
            raise UsageError(f"no correction named {correction.kind!r}: there are {', '.join(KINDS)}")
        try:
            analysis = apply(analysis, correction.values)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UsageError(f"the correction {correction.kind} cannot be applied ({error}): check its values") from error
    return analysis


def overlaid(analysis: MusicAnalysis, corrections: Sequence[Correction]) -> MusicAnalysis:
    """As `corrected`, for an analysis that the corrections were not made for: one that no longer fits is left out and remarked on."""
    for correction in corrections:
        try:
            analysis = corrected(analysis, (correction,))
        except (UsageError, AnalysisError):
            analysis = replace(
                analysis, remarks=(*analysis.remarks, f"Your correction {correction.kind} does not fit this analysis any more.")
            )
    return analysis


def _mine(value: Any) -> Annotation[Any]:
    return Annotation(value, 1.0, USER)


def _halve_tempo(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """Every other beat, so that downbeats stay beats where they can. The meter keeps its count: bars become twice as long."""
    grid = a.require_grid()
    downbeats = [k for k, p in enumerate(grid.positions) if p == 1] or [0]
    odd = downbeats[0] % 2 if grid.meter.beats_per_bar % 2 == 0 else 0  # in odd meters every other downbeat goes either way
    kept = next((k for k in downbeats if k % 2 == odd), odd)
    return replace(a, grid=_mine(_counted(grid.times_s[odd::2], grid.meter, -(kept // 2) % grid.meter.beats_per_bar)))


def _double_tempo(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """A beat between every two. The meter keeps its count: bars become half as long."""
    grid = a.require_grid()
    if 2 * grid.tempo_bpm > FASTEST_BPM:
        raise ValueError(f"twice {grid.tempo_bpm:.0f} bpm is faster than {FASTEST_BPM:.0f} bpm")
    half_beats = np.arange(0, len(grid) - 0.5, 0.5)
    first_downbeat = next((k for k, p in enumerate(grid.positions) if p == 1), 0)
    times = tuple(float(t) for t in grid.seconds_at(half_beats))
    return replace(a, grid=_mine(_counted(times, grid.meter, -2 * first_downbeat % grid.meter.beats_per_bar)))


def _move_bar_one(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """beats: how many beats later every bar begins; negative is earlier."""
    grid, beats = a.require_grid(), int(values["beats"])
    n = grid.meter.beats_per_bar
    return replace(a, grid=_mine(_counted(grid.times_s, grid.meter, (grid.positions[0] - 1 - beats) % n)))


def _set_meter(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """meter: `3/4`. Bars are counted anew from the first downbeat."""
    grid, meter = a.require_grid(), Meter.parse(str(values["meter"]))
    first_downbeat = next((k for k, p in enumerate(grid.positions) if p == 1), 0)
    return replace(a, grid=_mine(_counted(grid.times_s, meter, -first_downbeat % meter.beats_per_bar)))


def _counted(times_s: tuple[float, ...], meter: Meter, first: int) -> BeatGrid:
    positions = (np.arange(len(times_s)) + first) % meter.beats_per_bar + 1
    return BeatGrid.from_times(times_s, positions, meter)


def _set_key(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """key: `A minor`, for the whole recording."""
    key = Key.parse(str(values["key"]))
    return replace(a, key=_mine(key), key_spans=_mine((KeySpan(0.0, a.duration_s, key),)))


def _set_chord(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """start_s, end_s, chord in Harte syntax: replaces what was there, whole spans or parts of them."""
    start, end = _span(a, values)
    new = ChordSpan(start, end, Chord.parse(str(values["chord"])))
    spans = [new]
    for old in a.chords.value if a.chords else ():
        if old.start_s < start - EDGE_S:
            spans.append(replace(old, end_s=min(old.end_s, start)))
        if old.end_s > end + EDGE_S:
            spans.append(replace(old, start_s=max(old.start_s, end)))
    return replace(a, chords=_mine(tuple(sorted(spans, key=lambda s: s.start_s))))


def _set_section(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """start_s, end_s, label: replaces what was there, whole sections or parts of them."""
    start, end = _span(a, values)
    label = str(values["label"])[:60]
    old_ones = a.sections.value if a.sections else ()
    energy = next((s.energy for s in old_ones if s.start_s <= start < s.end_s), 0.5)
    spans = [Section(start, end, label, energy, 1.0)]
    for old in old_ones:
        if old.start_s < start - EDGE_S:
            spans.append(replace(old, end_s=min(old.end_s, start)))
        if old.end_s > end + EDGE_S:
            spans.append(replace(old, start_s=max(old.start_s, end)))
    return replace(a, sections=_mine(tuple(sorted(spans, key=lambda s: s.start_s))))


def _span(a: MusicAnalysis, values: Mapping[str, Any]) -> tuple[float, float]:
    start, end = float(values["start_s"]), float(values["end_s"])
    if not 0 <= start < end <= a.duration_s + EDGE_S:
        raise ValueError(f"{start:.2f} to {end:.2f} s is no span of {a.duration_s:.2f} s")
    return start, end


KINDS: dict[str, Callable[[MusicAnalysis, Mapping[str, Any]], MusicAnalysis]] = {
    "halve-tempo": _halve_tempo,
    "double-tempo": _double_tempo,
    "move-bar-one": _move_bar_one,
    "set-meter": _set_meter,
    "set-key": _set_key,
    "set-chord": _set_chord,
    "set-section": _set_section,
}
