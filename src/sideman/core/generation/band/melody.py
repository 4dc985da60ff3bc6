"""Lead and wordless voice: phrases of four bars. A motif is stated, answered, stated again and brought to rest.

Where its notes fall is a matter of the style's figures; which notes they are is searched for a whole phrase at once: the line that follows
the contour of its motif by steps, with chord tones where the ear waits for them, and the end that the phrase needs.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sideman.core.generation.band.line import among, by_degree, by_interval, cheapest, turns, unaltered
from sideman.core.generation.band.player import Player, full_bars
from sideman.core.generation.band.tab import Step
from sideman.core.generation.context import ContextBar
from sideman.core.music import Chord, Key, ScoreNote

PHRASE_BARS = 4
LIFTS = (0.0, 2.0, 4.0, 0.0)
"""Semitones by which the bars of a phrase lie higher than its first."""
FULL_LIFT = 3.0
LONGEST_BOUND_PULSES = 4
LONG_GAP_PULSES = 1.0
STRONG_LOUDNESS, WEAK_LOUDNESS = 0.62, 0.54
CONTOURS = ((-3, 1, 5, 2, -2), (-4, -1, 2, 4, 6), (6, 4, 1, -1, -4), (-3, 4, -2, 5, 0), (5, -4, -1, 2, 4), (2, -3, -5, -1, 3))
"""Arch, rise, fall, wave, gap and fill, valley: semitones about the bar's height at five places of it (Huron 1996 found arches the commonest)."""
INTERVAL_COST = (1.1, 0.0, 0.0, 0.4, 0.4, 0.7, 2.5, 0.9, 1.6, 1.6, 3.0, 3.5, 1.5)
"""By semitones: steps before leaps, fourths, fifths and octaves before sixths, and hardly a tritone or a seventh (as counted by Vos & Troost 1989)."""
FARTHER_COST, OUTSIDE_COST, FOREIGN_COST, LEAP_TO_PASSING_COST = 5.0, 8.0, 4.0, 1.5
RETURN_COST, ON_COST, LEAP = 0.9, 0.7, 5
"""Of going back to where the line was two notes ago, and of going on in the direction of a leap: skips precede reversals (von Hippel & Huron 2000)."""
AIM_COST, CHANCE = 0.35, 0.6
DEGREE_COST = {"rest": (0.3, 0.0, 0.15, 0.4), "open": (0.7, 0.3, 0.0, 1.5), "closed": (0.0, 0.5, 0.8, 2.5)}
"""Of root, third, fifth and all above where the line rests: on the way, at the end of a question, at the end of an answer."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Slot:
    """A note without its pitch. aim: the height that the contour wants, MIDI; ending: what the phrase needs of it."""

    at: float
    pulses: float
    strong: bool
    aim: float
    ending: str = "rest"


def write(player: Player) -> list[ScoreNote]:
    """Nothing where the style has no figure; the phrases of a section share a motif, varied when it returns."""
    out: list[ScoreNote] = []
    for _, bars in itertools.groupby(full_bars(player), lambda b: (b.section, b.index_in_section // PHRASE_BARS)):
        slots = [s for bar in bars for s in _slots(player, bar) if player.context.chord_at(s.at).root is not None]
        if slots:
            out += _notes(player, slots, out[-1].pitch if out else None)
    return _breathing(player, out)


def _slots(player: Player, bar: ContextBar) -> list[_Slot]:
    figure = player.figure(bar, "motif")
    if figure is None:
        return []
    steps = list(figure.tabs["line"].steps(bar, player.context.compound))
    last = bar.last_in_section or bar.index_in_section % PHRASE_BARS == PHRASE_BARS - 1
    steps = _cadence(player, bar, steps) if last else _varied(player, bar, steps)
    contour = CONTOURS[int(player.rng("contour", bar.section, bar.index_in_section % PHRASE_BARS % 2).integers(len(CONTOURS)))]
    slots = [_slot(player, bar, s, contour) for s in steps]
    if last and slots:
        answered = bar.last_in_section or bar.index_in_section // PHRASE_BARS % 2
        slots[-1] = replace(slots[-1], strong=True, ending="closed" if answered else "open")
    return slots


def _slot(player: Player, bar: ContextBar, step: Step, contour: tuple[float, ...]) -> _Slot:
    phrase = bar.index_in_section % PHRASE_BARS
    shape = float(np.interp(step.at / bar.pulses, np.linspace(0, 1, len(contour)), contour))
    height = player.part.register[2] + LIFTS[phrase] + (FULL_LIFT if bar.energy >= 3 else 0)
    beat = player.context.pulses_per_beat
    return _Slot(bar.start + step.at, step.pulses, step.at % beat == 0 or step.pulses >= beat, height + shape)


def _varied(player: Player, bar: ContextBar, steps: list[Step]) -> list[Step]:
    """The answer is shorter by a note, and the motif returns with fewer off-beats."""
    rng, phrase = player.rng("varied", bar.section, bar.index_in_section), bar.index_in_section % PHRASE_BARS
    if phrase == 1 and len(steps) > 2:
        gone = int(rng.integers(1, len(steps)))
        return [s for k, s in enumerate(steps) if k != gone]
    if phrase == 2 and rng.random() < 0.6:
        return [s for s in steps if s.at % player.context.pulses_per_beat == 0 or rng.random() < 0.8]
    return steps


def _cadence(player: Player, bar: ContextBar, steps: list[Step]) -> list[Step]:
    """The motif's beginning comes to rest on a beat of the bar's first half, as long as its chord lasts, and breath is taken after it."""
    beat = player.context.pulses_per_beat
    begun = [s for s in steps if s.at < bar.pulses / 2]
    while begun and begun[-1].at % beat:
        begun.pop()
    rest = begun.pop() if begun else Step(0.0, beat, "x")
    at = bar.start + rest.at
    events = player.context.sounding_chords()
    here = [events[i] for i in player.context.sounding_between(at, bar.end)]
    change = next((c.start for c in here if c.start >= at + beat - 1e-6 and c.chord != here[0].chord), bar.end)
    return [*begun, replace(rest, pulses=min(max(beat, bar.pulses * 0.75 - rest.at), change - at))]


def _notes(player: Player, slots: list[_Slot], previous: int | None) -> list[ScoreNote]:
    pitches = _line(player, slots, previous)
    return [
        ScoreNote(player.swung(s.at), s.pulses * player.part.length, p, STRONG_LOUDNESS if s.strong else WEAK_LOUDNESS)
        for s, p in zip(slots, pitches, strict=True)
    ]


def _line(player: Player, slots: list[_Slot], previous: int | None) -> list[int]:
    low, high, _ = player.part.register
    pitches = np.arange(low, high + 1)
    interval = by_interval(pitches, INTERVAL_COST, FARTHER_COST)
    rng = player.rng("pitches", *_place(player, slots[0]))
    chords = [player.context.chord_at(s.at) for s in slots]
    own = [
        _cost(pitches, s, c, player.context.key_at(s.at)) + CHANCE * rng.random(len(pitches)) for s, c in zip(slots, chords, strict=True)
    ]
    if previous is not None:
        own[0] += np.minimum(interval[int(np.clip(previous - low, 0, len(pitches) - 1))], 1.0)
    foreign = [~among(pitches, c.pitch_classes) for c in chords]
    no_step = interval > 0
    moving = []
    for k in range(1, len(slots)):
        wide = slots[k].at - slots[k - 1].at - slots[k - 1].pulses >= LONG_GAP_PULSES
        moving.append(interval * (0.5 if wide else 1.0) + LEAP_TO_PASSING_COST * (no_step & (foreign[k - 1][:, None] | foreign[k][None])))
    return [int(pitches[i]) for i in cheapest(own, moving, turns(pitches, RETURN_COST, LEAP, ON_COST))]


def _place(player: Player, slot: _Slot) -> tuple[int, int]:
    """Two phrases share their chances: the second of them answers the first."""
    bar = player.context.bar_at(slot.at)
    return bar.section, bar.index_in_section // (2 * PHRASE_BARS)


def _cost(pitches: NDArray[np.int64], slot: _Slot, chord: Chord, key: Key) -> Array:
    cost = AIM_COST * np.abs(pitches - slot.aim)
    if not slot.strong:
        return np.asarray(cost + np.where(among(pitches, _passing(chord, key)), 0.0, OUTSIDE_COST))
    degrees = DEGREE_COST[slot.ending]
    return np.asarray(cost + by_degree(pitches, chord, itertools.chain(degrees, itertools.repeat(degrees[-1])), FOREIGN_COST))


def _passing(chord: Chord, key: Key) -> set[int]:
    """Chord tones and what of the scale clashes with none: nothing a semitone above one."""
    tones = set(chord.pitch_classes)
    return tones | {p for p in unaltered(chord, key) if (p - 1) % 12 not in tones}


def _breathing(player: Player, notes: list[ScoreNote]) -> list[ScoreNote]:
    """Peaks are stressed, neighbours are bound, and a breath comes before a leap."""
    out = []
    notes = sorted(notes, key=lambda n: n.beat)
    for i, n in enumerate(notes):
        after = notes[i + 1] if i + 1 < len(notes) else None
        peak = after is not None and n.pitch > after.pitch and (i == 0 or notes[i - 1].pitch < n.pitch)
        length = n.length_beats
        if after is not None:
            gap = after.beat - n.beat
            length = min(length, gap) if gap < LONGEST_BOUND_PULSES else length
            if abs(after.pitch - n.pitch) <= 2 and gap < 1:
                length = gap * 1.02
        out.append(replace(n, length_beats=length, loudness=n.loudness * (1.12 if peak else 1.0) * player.arc(n.beat)))
    return out
