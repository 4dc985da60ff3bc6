"""Bass: the style's lines in degrees of the chord, or a walking line; each bar varied as a player would."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sideman.core.generation.band import walking
from sideman.core.generation.band.player import Player, full_bars
from sideman.core.generation.band.tab import Step
from sideman.core.generation.context import ChordEvent, ContextBar
from sideman.core.music import ScoreNote

DEAD, APPROACH, NEXT, OCTAVE = "x", "a", "n", "8"
DEGREES = {"2": 2, "3": 4, "4": 5, "5": 7, "6": 9, "7": 10}
"""Semitones of a major scale with the flat seventh; the chord's own third, fifth and seventh come first."""
NEAR_PULSES = 0.26
SOON_PULSES = 1.5
"""A line may come in so late on a new chord, with its root."""
AHEAD_PULSES = 4
"""How far a bar looks for the chord that an anticipation belongs to."""
ON_BEAT, OFF_BEAT, GHOST = 0.74, 0.62, 0.3


def _near(player: Player, pitch_class: int, reference: int) -> int:
    low, high, _ = player.part.register
    return min((p for p in range(low, high + 1) if p % 12 == pitch_class), key=lambda p: (abs(p - reference), p))


def _root(player: Player, event: ChordEvent, reference: int | None = None) -> int:
    pc = event.chord.bass_pitch_class
    assert pc is not None
    return _near(player, pc, player.part.register[2] if reference is None else reference)


@dataclass
class _Line:
    """What goes on from bar to bar: the chord of the last note, and one whose root was played before it began."""

    before: ChordEvent | None = None
    anticipated: ChordEvent | None = None


def write(player: Player) -> list[ScoreNote]:
    events = player.context.sounding_chords()
    if not events:
        return []
    out, line = walking.write(player, events) if player.part.walking else [], _Line()
    for bar in full_bars(player):
        if not player.part.walking or bar.energy == 0:
            out += _bar(player, bar, events, line)
    return [replace(n, loudness=n.loudness * player.arc(n.beat)) for n in out]


def _event_at(events: tuple[ChordEvent, ...], pulse: float) -> int | None:
    """Index of the chord that sounds at a pulse."""
    return next((i for i, e in enumerate(events) if e.start - 1e-6 <= pulse < e.end - 1e-6), None)


def _bar(player: Player, bar: ContextBar, events: tuple[ChordEvent, ...], line: _Line) -> list[ScoreNote]:
    figure = player.figure(bar, "line")
    if figure is None:
        return []
    here = tuple(events[i] for i in player.context.sounding_between(bar.start, bar.end + AHEAD_PULSES))
    steps = _with_roots(list(figure.tabs["line"].steps(bar, player.context.compound)), bar, here, line)
    steps = _varied(player, bar, steps)
    out = []
    for k, step in enumerate(steps):
        at = bar.start + step.at
        i = _event_at(here, at)
        if i is None:
            continue
        following = here[i + 1] if i + 1 < len(here) else here[i]
        early = step.symbol == NEXT and following.start - at <= player.context.pulses_per_beat + 0.01
        event = following if early else here[i]
        root = _root(player, event)
        pitch = _pitch(player, step.symbol, event, following, root)
        known = line.before is here[i] or line.anticipated is here[i]
        if step.symbol in DEGREES and (not known or (abs(at - here[i].start) < 0.51 and line.anticipated is not here[i])):
            pitch = root  # a chord is heard from its root
        line.before = event
        if early:
            line.anticipated = following
        held = step.pulses if early else min(step.pulses, here[i].end - at)
        gap = (steps[k + 1].at if k + 1 < len(steps) else bar.pulses) - step.at
        length = max(0.08, min(held, gap) * (0.3 if step.symbol == DEAD else player.part.length))
        loudness = GHOST if step.symbol == DEAD else ON_BEAT if step.at % 1 == 0 else OFF_BEAT
        out.append(ScoreNote(player.swung(at), length, pitch, loudness * (1.06 if step.at == 0 else 1.0)))
    return out


def _with_roots(steps: list[Step], bar: ContextBar, events: tuple[ChordEvent, ...], line: _Line) -> list[Step]:
    """Every chord that begins in the bar gets its root, unless the line brings it soon or brought it before."""
    for event in events:
        at = event.start - bar.start
        if not -1e-6 <= at < bar.pulses - 1e-6 or event is line.anticipated:
            continue
        near = any(abs(s.at - at) <= NEAR_PULSES for s in steps)
        soon = any(0 < s.at - at <= SOON_PULSES and s.at < event.end - bar.start and s.symbol in "1n" for s in steps)
        early = any(s.symbol == NEXT and at - 1.01 <= s.at < at for s in steps)
        if not (near or soon or early):
            steps = [*steps, Step(at, min(1.0, event.pulses, bar.pulses - at), "1")]
    return sorted(steps, key=lambda s: s.at)


def _pitch(player: Player, symbol: str, event: ChordEvent, following: ChordEvent, root: int) -> int:
    low, high, _ = player.part.register
    if symbol == OCTAVE:
        return root + 12 if root + 12 <= high + 7 else root
    if symbol == APPROACH:
        target = _root(player, following, root)
        if target == root:
            return next((p for p in (root + 7, root - 5) if low <= p <= high), root)
        scale = player.context.key_at(event.start).scale
        steps = [target - 1, target + 1, target - 2, target + 2]
        inside = [p for p in steps if p % 12 in scale and low <= p <= high]
        return min(inside or [target - 1], key=lambda p: (abs(p - root), p))
    if symbol in DEGREES:
        intervals = event.chord.intervals
        index = {"3": 1, "5": 2, "7": 3}.get(symbol)
        semitones = intervals[index] if index is not None and index < len(intervals) else DEGREES[symbol]
        if symbol == "6" and 3 in intervals and 9 not in intervals:
            semitones = 10  # over a minor chord that does not say so the sixth is seldom meant
        assert event.chord.root is not None
        pc = (event.chord.root + semitones) % 12
        above = root + (pc - root) % 12
        return above if above <= high else above - 12
    return root


def _varied(player: Player, bar: ContextBar, steps: list[Step]) -> list[Step]:
    """Small changes that keep two bars from being the same: a note left out, an octave, a dead note, a fifth at the end."""
    rng, amount = player.rng("varied", bar.number), player.part.variation
    if player.context.compound or bar.energy == 0:
        return steps
    out: list[Step] = []
    for step in steps:
        weak = step.at % 1 != 0
        if weak and step.symbol == "1" and rng.random() < 0.16 * amount:
            continue
        if weak and step.symbol == "1" and bar.energy >= 2 and rng.random() < 0.14 * amount:
            step = replace(step, symbol=str(rng.choice(["8", "5", DEAD])))
        elif step.at >= bar.pulses - 1 and step.symbol == "1" and rng.random() < 0.5 * amount:
            step = replace(step, symbol=str(rng.choice([APPROACH, "5", "8"])))
        out.append(step)
    if bar.energy >= 2 and bar.index_in_section % 4 == 3 and bar.pulses >= 3 and rng.random() < amount:
        out = [s for s in out if s.at < bar.pulses - 1]
        end = bar.pulses - 1.0
        out += [Step(end, 0.5, str(rng.choice(["1", "5", "8"]))), Step(end + 0.5, 0.5, APPROACH)]
    taken = {round(s.at * 4) for s in out}
    free = [q for q in range(1, bar.pulses * 4, 2) if q not in taken and q - 1 in taken]
    if free and rng.random() < 0.35 * amount:
        out.append(Step(float(rng.choice(free)) / 4, 0.25, DEAD))
    return sorted(out, key=lambda s: s.at)
