"""A walking bass: a line in quarters that steps through chord and scale and leads into every root."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sideman.core.generation.band.line import Array, among, by_degree, by_interval, cheapest, turns, unaltered
from sideman.core.generation.band.player import Player
from sideman.core.generation.context import ChordEvent
from sideman.core.music import ScoreNote

FIRST_HELD = 0.45
"""Of a beat: so long, at least, the line stays on the root of a chord that begins between beats."""
INTERVAL_COST = (2.5, 0.1, 0.0, 0.3, 0.4, 0.55, 1.6, 0.8, 1.8, 2.2, 3.0, 3.5, 1.8)
FARTHER_COST = 6.0
APPROACH_COST = (3.0, 0.0, 0.25, 1.4, 1.4, 0.6, 2.0, 0.8, 2.2, 2.5, 3.0, 3.5, 2.0)
"""Into the next root, by semitones: from a step away, or from its fourth or fifth."""
RETURN_COST, ON_COST, LEAP = 0.9, 0.5, 5
SCALE_COST, CHROMATIC_COST, APPROACH_SCALE_COST, APPROACH_CHROMATIC_COST = 0.85, 2.2, 0.65, 0.85
NO_ROOT_COST, FOREIGN_COST = 8.0, 4.0
BAR_COST = (0.3, 0.25, 0.15, 0.6)
"""Of root, third, fifth and seventh on the downbeat of a chord that goes on."""
CENTRE_COST, CHANCE = 0.035, 0.7
CHUNK = 32
"""Notes that are searched together: a long song takes as little memory as a short one."""
SKIP_CHANCE = 0.15


@dataclass(frozen=True, slots=True)
class _Slot:
    """A note without its pitch, in pulses. first: it brings the chord; leads: the next note is another chord's root."""

    at: float
    until: float
    event: ChordEvent
    first: bool
    leads: bool


def write(player: Player, events: Sequence[ChordEvent]) -> list[ScoreNote]:
    """Quarters under all chords, silent where the song hardly plays."""
    slots = [s for event, following in zip(events, [*events[1:], None], strict=True) for s in _slots(player, event, following)]
    out: list[ScoreNote] = []
    previous: int | None = None
    for start in range(0, len(slots), CHUNK):
        wanted = slots[start : start + CHUNK]
        line = _pitches(player, slots[start : start + CHUNK + 1], previous)[: len(wanted)]
        previous = line[-1]
        out += _played(player, wanted, line)
    return [n for n in out if player.energy(n.beat) > 0]


def _slots(player: Player, event: ChordEvent, following: ChordEvent | None) -> list[_Slot]:
    unit = float(player.context.pulses_per_beat)
    first_beat = unit * np.ceil((event.start + FIRST_HELD * unit) / unit)  # after a pushed chord the line is on the beat again
    places = [event.start, *np.arange(first_beat, event.end - 1e-6, unit).tolist()]
    leads = following is not None and following.start - event.end < unit
    return [_Slot(a, b, event, k == 0, leads and k == len(places) - 1) for k, (a, b) in enumerate(itertools.pairwise([*places, event.end]))]


def _pitches(player: Player, slots: Sequence[_Slot], previous: int | None) -> list[int]:
    low, high, centre = player.part.register
    pitches = np.arange(low, high + 1)
    rng = player.rng("walk", round(slots[0].at * 4))
    own = [_cost(player, pitches, s) + CENTRE_COST * np.abs(pitches - centre) + CHANCE * rng.random(len(pitches)) for s in slots]
    interval, approach = (by_interval(pitches, costs, FARTHER_COST) for costs in (INTERVAL_COST, APPROACH_COST))
    if previous is not None:
        own[0] += interval[previous - low]
    moving = [approach if s.leads and not s.first else interval for s in slots[:-1]]
    return [int(pitches[i]) for i in cheapest(own, moving, turns(pitches, RETURN_COST, LEAP, ON_COST))]


def _cost(player: Player, pitches: NDArray[np.int64], slot: _Slot) -> Array:
    chord = slot.event.chord
    if slot.first:
        return np.where(pitches % 12 == chord.bass_pitch_class, 0.0, NO_ROOT_COST)
    if not slot.leads and abs(player.context.bar_at(slot.at).start - slot.at) < 1e-6:
        return by_degree(pitches, chord, BAR_COST, FOREIGN_COST)
    scale, chromatic = (APPROACH_SCALE_COST, APPROACH_CHROMATIC_COST) if slot.leads else (SCALE_COST, CHROMATIC_COST)
    in_scale = among(pitches, unaltered(chord, player.context.key_at(slot.at)))
    return np.where(among(pitches, chord.pitch_classes[:4]), 0.0, np.where(in_scale, scale, chromatic))


def _played(player: Player, slots: Sequence[_Slot], line: Sequence[int]) -> list[ScoreNote]:
    """Two and four are a little louder; now and then a skipped eighth leads on."""
    rng, unit = player.rng("walked", round(slots[0].at * 4)), player.context.pulses_per_beat
    out = []
    for slot, pitch in zip(slots, line, strict=True):
        start, end = player.swung(slot.at), player.swung(slot.until)
        loudness = 0.66 + 0.06 * (int(slot.at / unit) % 2) + 0.05 * float(rng.random())
        out.append(ScoreNote(start, (end - start) * float(rng.uniform(0.85, 0.99)), pitch, loudness))
        if slot.leads and unit == 1 and slot.until - slot.at == 1 and rng.random() < SKIP_CHANCE:
            out.append(ScoreNote(player.swung(slot.at + 0.5), 0.3, pitch, 0.35))
    return out
