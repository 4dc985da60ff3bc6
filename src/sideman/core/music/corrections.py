"""What a user says against the analysis: applied over it, never into it, so that each correction can be taken back.

A corrected annotation has the engine `user` and full confidence. Corrections are applied in the order in which they were made.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sideman.core.music import regrid
from sideman.core.music.analysis import Annotation, MusicAnalysis, Provenance
from sideman.core.music.form import Section
from sideman.core.music.harmony import Chord, ChordSpan, Key, KeySpan
from sideman.core.music.timeline import BeatGrid, Meter
from sideman.errors import AnalysisError, UsageError

USER = Provenance("user")
EDGE_S = 1e-6


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
        except KeyError as error:
            raise UsageError(f"the correction {correction.kind} has no {error.args[0]}: it takes {TAKES[correction.kind]}") from error
        except (TypeError, ValueError, OverflowError) as error:
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


def _regridded(change: Callable[[BeatGrid, Mapping[str, Any]], BeatGrid]) -> Callable[[MusicAnalysis, Mapping[str, Any]], MusicAnalysis]:
    def apply(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
        return replace(a, grid=_mine(regrid.checked(change(a.require_grid(), values), a.duration_s)), groove=None)  # it counts the old bars

    return apply


def _set_meter(grid: BeatGrid, values: Mapping[str, Any]) -> BeatGrid:
    """meter: `3/4`; bar: from which bar on, the whole recording without it."""
    return regrid.with_meter(grid, Meter.parse(str(values["meter"])), int(values.get("bar", 1)))


def _take_alternative(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """relation: one of the analysis' other readings, by its name; tempo_bpm and meter where several have it."""
    relation, near, meter = str(values["relation"]), values.get("tempo_bpm"), values.get("meter")
    found = [r for r in a.alternatives if r.relation == relation and r.grid is not None and meter in (None, str(r.meter))]
    if not found:
        known = ", ".join(r.relation for r in a.alternatives if r.grid is not None) or "none"
        raise ValueError(f"there is no other reading named {relation}; there are: {known}")
    best = min(found, key=lambda r: abs(r.tempo_bpm - float(near))) if near is not None else found[0]
    return replace(a, grid=_mine(best.grid), groove=None)


def _set_tempo(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """tempo_bpm and downbeat_s: a recording made to a click. meter: as found, unless given."""
    meter = Meter.parse(str(values["meter"])) if "meter" in values else a.grid.value.meter if a.grid else Meter(4)
    return replace(
        a, grid=_mine(regrid.constant(float(values["tempo_bpm"]), float(values["downbeat_s"]), meter, a.duration_s)), groove=None
    )


def _set_beats(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """times_s and positions (place in the bar, from 1): a grid from elsewhere. meter: the longest bar that is most common, unless given."""
    times, positions = [float(t) for t in values["times_s"]], [int(p) for p in values["positions"]]
    lengths = [p for p, following in itertools.pairwise(positions) if following == 1] or [max(positions)]
    meter = Meter.parse(str(values["meter"])) if "meter" in values else Meter(max(set(lengths), key=lambda n: (lengths.count(n), n)))
    if not all(math.isfinite(t) for t in times):
        raise ValueError("a time is no number")
    return replace(a, grid=_mine(regrid.checked(BeatGrid.from_times(times, positions, meter), a.duration_s)), groove=None)


def _set_key(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """key: `A minor`; start_s and end_s: for this part only, the whole recording without them."""
    key = Key.parse(str(values["key"]))
    if "start_s" not in values and "end_s" not in values:
        return replace(a, key=_mine(key), key_spans=_mine((KeySpan(0.0, a.duration_s, key),)))
    start, end = _span(a, {"start_s": 0.0, "end_s": a.duration_s} | dict(values))
    spans = [KeySpan(start, end, key)]
    for old in a.key_spans.value if a.key_spans else (KeySpan(0.0, a.duration_s, a.key.value),) if a.key else ():
        if old.start_s < start - EDGE_S:
            spans.append(replace(old, end_s=min(old.end_s, start)))
        if old.end_s > end + EDGE_S:
            spans.append(replace(old, start_s=max(old.start_s, end)))
    return _with_keys(a, sorted(spans, key=lambda s: s.start_s))


def _set_keys(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """keys: rows of start_s, end_s, key, in order: all of them, from elsewhere."""
    spans = [KeySpan(float(s), float(e), Key.parse(str(k))) for s, e, k in values["keys"]]
    _in_order(a, [(s.start_s, s.end_s) for s in spans])
    return _with_keys(a, spans)


def _with_keys(a: MusicAnalysis, spans: Sequence[KeySpan]) -> MusicAnalysis:
    """The key of the whole is the one that lasts longest."""
    longest = max((s.key for s in spans), key=lambda k: sum(s.end_s - s.start_s for s in spans if s.key == k))
    return replace(a, key=a.key if a.key and a.key.value == longest else _mine(longest), key_spans=_mine(tuple(spans)))


def _set_chords(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """chords: rows of start_s, end_s, Harte label, in order: all of them, from elsewhere."""
    spans = tuple(ChordSpan(float(s), float(e), Chord.parse(str(c))) for s, e, c in values["chords"])
    _in_order(a, [(s.start_s, s.end_s) for s in spans])
    return replace(a, chords=_mine(spans))


def _set_sections(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """sections: rows of start_s, end_s, label, in order: all of them, from elsewhere. Energy stays what was measured."""
    rows = [(float(s), float(e), _label(str(label))) for s, e, label in values["sections"]]
    _in_order(a, [(s, e) for s, e, _ in rows])
    found = [(s, e, label, a.section_at((s + e) / 2)) for s, e, label in rows]
    return replace(a, sections=_mine(tuple(Section(s, e, label, old.energy if old else 0.5) for s, e, label, old in found)))


def _label(text: str) -> str:
    """What every file can hold: not too long, no half of a character."""
    return text.encode("utf-8", "replace").decode().strip()[:60]


def _in_order(a: MusicAnalysis, spans: Sequence[tuple[float, float]]) -> None:
    if not spans or any(not 0 <= s < e <= a.duration_s + 1 for s, e in spans):
        raise ValueError(f"every row needs a start before its end, both between 0 and {a.duration_s:.2f} s")
    if any(b[0] < c[1] - 0.01 for c, b in itertools.pairwise(spans)):
        raise ValueError("rows overlap or are not in order")


def _set_chord(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """start_s, end_s, chord, as Am7 or in Harte syntax: replaces what was there, whole spans or parts of them."""
    start, end = _span(a, values)
    new = ChordSpan(start, end, Chord.read(str(values["chord"])))
    spans = [new]
    for old in a.chords.value if a.chords else ():
        if old.start_s < start - EDGE_S:
            spans.append(replace(old, end_s=min(old.end_s, start)))
        if old.end_s > end + EDGE_S:
            spans.append(replace(old, start_s=max(old.start_s, end)))
    return replace(a, chords=_mine(tuple(sorted(spans, key=lambda s: s.start_s))))


def _set_section(a: MusicAnalysis, values: Mapping[str, Any]) -> MusicAnalysis:
    """start_s, end_s, label: replaces what was there, whole sections or parts of them. of_s: a moment of the section that this one was: what it
    gives up goes to its neighbours."""
    start, end = _span(a, values)
    if not isinstance(values["label"], str) or not values["label"].strip():
        raise ValueError("a section needs a label")
    label, old_ones = _label(values["label"]), a.sections.value if a.sections else ()
    own = a.section_at(float(values["of_s"])) if "of_s" in values else None
    made = replace(_model(old_ones, own, (start, end), label), start_s=start, end_s=end, label=label, confidence=1.0)
    before = [s for s in old_ones if s.start_s < start - EDGE_S and (s != own or s == old_ones[0])]
    after = [s for s in old_ones if s.end_s > end + EDGE_S and (s != own or s == old_ones[-1])]
    spans = [replace(s, end_s=min(s.end_s, start)) for s in before]
    if spans and own is not None and own.start_s < start:
        spans[-1] = replace(spans[-1], end_s=start)
    spans.append(made)
    rest = [replace(s, start_s=max(s.start_s, end)) for s in after]
    if rest and own is not None and own.end_s > end:
        rest[0] = replace(rest[0], start_s=end)
    return replace(a, sections=_mine((*spans, *rest)))


def _model(old_ones: Sequence[Section], own: Section | None, span: tuple[float, float], label: str) -> Section:
    """The section that a new one goes on from, for what was measured in it: the one that it was, or else of those that it covers the one of its
    label, or of which it covers most. Its guessed name stays with its label."""
    start, end = span

    def shared(s: Section) -> float:
        return min(end, s.end_s) - max(start, s.start_s)

    covered = [s for s in old_ones if shared(s) > EDGE_S]
    found = own or max(covered, key=lambda s: (s.label == label, shared(s)), default=Section(start, end, label))
    return found if found.label == label else replace(found, name="", name_confidence=0.0)


def _span(a: MusicAnalysis, values: Mapping[str, Any]) -> tuple[float, float]:
    start, end = float(values["start_s"]), float(values["end_s"])
    if not 0 <= start < end <= a.duration_s + EDGE_S:
        raise ValueError(f"{start:.2f} to {end:.2f} s is no span of {a.duration_s:.2f} s")
    return start, end


KINDS: dict[str, Callable[[MusicAnalysis, Mapping[str, Any]], MusicAnalysis]] = {
    "halve-tempo": _regridded(lambda grid, values: regrid.halved(grid)),
    "double-tempo": _regridded(lambda grid, values: regrid.doubled(grid)),
    "move-bar-one": _regridded(lambda grid, values: regrid.with_bar_one_moved(grid, int(values["beats"]))),
    "set-meter": _regridded(_set_meter),
    "move-beat": _regridded(lambda grid, values: regrid.with_beat_moved(grid, float(values["from_s"]), float(values["to_s"]))),
    "add-beat": _regridded(lambda grid, values: regrid.with_beat_added(grid, float(values["time_s"]))),
    "remove-beat": _regridded(lambda grid, values: regrid.with_beat_removed(grid, float(values["time_s"]))),
    "take-alternative": _take_alternative,
    "set-tempo": _set_tempo,
    "set-beats": _set_beats,
    "set-key": _set_key,
    "set-keys": _set_keys,
    "set-chords": _set_chords,
    "set-sections": _set_sections,
    "set-chord": _set_chord,
    "set-section": _set_section,
}
TAKES = {
    "halve-tempo": "nothing", "double-tempo": "nothing", "move-bar-one": "beats", "set-meter": "meter, and bar", "move-beat": "from_s and to_s",
    "add-beat": "time_s", "remove-beat": "time_s", "take-alternative": "relation, and tempo_bpm and meter", "set-tempo": "tempo_bpm and downbeat_s, and meter",
    "set-beats": "times_s and positions, and meter", "set-key": "key, and start_s and end_s", "set-keys": "keys", "set-chords": "chords",
    "set-sections": "sections", "set-chord": "start_s, end_s and chord", "set-section": "start_s, end_s and label, and of_s",
}  # fmt: skip
"""The values of each; behind `and` after a comma those that may be left out."""
