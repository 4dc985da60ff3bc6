"""A part of a song in a musician's words: a section, bars, or times. And a chord progression laid over a song."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace

from sideman.core.music.analysis import Annotation, MusicAnalysis, Provenance
from sideman.core.music.harmony import Chord, ChordSpan
from sideman.errors import UsageError

_BARS = re.compile(r"(?:bars?\s*)?(\d+)(?:\s*(?:-|–|to)\s*(\d+))?", re.IGNORECASE)
_TIME = r"(?:(\d+):)?(\d+(?:\.\d+)?)s?"
_TIMES = re.compile(rf"{_TIME}\s*(?:-|–|to)\s*{_TIME}", re.IGNORECASE)


def part_of(analysis: MusicAnalysis, text: str) -> tuple[float, float]:
    """Start and end in seconds of `chorus`, `chorus 2`, `B`, `bars 9-16`, `bar 9`, `0:30-1:05`, `30s-65s`. Raises UsageError."""
    wanted = text.strip()
    found = _section(analysis, wanted) or _bars(analysis, wanted) or _times(wanted)
    if found is None:
        names = list(dict.fromkeys(n for s in (analysis.sections.value if analysis.sections else ()) for n in (s.name, s.label) if n))
        near = difflib.get_close_matches(wanted.lower(), [n.lower() for n in names], 1, 0.5)
        hint = f", did you mean {near[0]}?" if near else ": name a section" + (f" ({', '.join(names)})" if names else "")
        raise UsageError(f"{text!r} is no part of this song{hint}, bars such as 9-16, or times such as 0:30-1:05")
    start, end = found
    if not 0 <= start < end <= analysis.duration_s + 1:
        raise UsageError(f"{text!r} is {start:.1f} to {end:.1f} s, and this recording lasts {analysis.duration_s:.1f} s")
    return start, min(end, analysis.duration_s)


def _section(analysis: MusicAnalysis, wanted: str) -> tuple[float, float] | None:
    sections = analysis.sections.value if analysis.sections else ()
    head, _, number = wanted.rpartition(" ")
    readings = [(wanted, 1)] + ([(head, int(number))] if head and number.isdecimal() else [])
    for name, which in readings if wanted else ():
        own = [s for s in sections if name.lower() in (s.name.lower(), s.label.lower())]
        if 1 <= which <= len(own):
            return own[which - 1].start_s, own[which - 1].end_s
    return None


def _bars(analysis: MusicAnalysis, wanted: str) -> tuple[float, float] | None:
    match = _BARS.fullmatch(wanted)
    if match is None or analysis.grid is None:
        return None
    grid = analysis.grid.value
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= len(grid.bars):
        raise UsageError(f"{wanted!r} are no bars of this song: it has {len(grid.bars)}")
    a, b = grid.bars[first - 1], grid.bars[last - 1]
    return max(0.0, float(grid.seconds_at(a.first_beat))), min(float(grid.seconds_at(b.first_beat + b.beats)), analysis.duration_s)


def _times(wanted: str) -> tuple[float, float] | None:
    match = _TIMES.fullmatch(wanted)
    return (60 * int(match[1] or 0) + float(match[2]), 60 * int(match[3] or 0) + float(match[4])) if match else None


def parse_progression(tokens: Sequence[str]) -> tuple[Chord, ...]:
    """Chords in Harte syntax or as on a lead sheet. Raises UsageError that names the token which is none."""
    out = []
    for k, token in enumerate(tokens):
        try:
            out.append(Chord.read(token))
        except ValueError as error:
            raise UsageError(f"{token!r}, number {k + 1} of the chords, is no chord: write such as Am7, F#dim, Bb/D or A:min7") from error
    return tuple(out)


def with_progression(analysis: MusicAnalysis, chords: Sequence[Chord]) -> MusicAnalysis:
    """One chord a bar from the first whole one on, again from the beginning when they are over; a pick-up takes the last chord.

    Raises AnalysisError without beats.
    """
    grid = analysis.require_grid()
    if not chords:
        return analysis
    spans = []
    pick_up = int(grid.bars[0].first_beat < 0)
    for k, bar in enumerate(grid.bars, -pick_up):
        start, end = (float(grid.seconds_at(b)) for b in (bar.first_beat, bar.first_beat + bar.beats))
        if start < analysis.duration_s:
            spans.append(ChordSpan(max(0.0, start), min(end, analysis.duration_s), chords[k % len(chords)]))
    return replace(analysis, chords=Annotation(tuple(spans), 1.0, Provenance("user")))
