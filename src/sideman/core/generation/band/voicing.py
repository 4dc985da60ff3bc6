"""Voicings chosen together: Viterbi over all close and open voicings, smallest movement, kept near a centre."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from sideman.core.music import Chord

Scale = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """Lowest and highest pitch, the pitch the hand stays near, how many notes at most, and how far it stretches."""

    low: int
    high: int
    centre: int
    notes: int = 4
    rootless: bool = False
    span: int = 14


def _rootless(chord: Chord, scale: Scale) -> list[int]:
    """The ninth instead of the root: the natural one of the key, over a dominant the flat one of the key, else the root stays."""
    assert chord.root is not None
    above = [i for i in chord.intervals if i % 12]
    ninths = (14, 13) if {4, 10} <= set(above) else (14,)
    ninth = next((i for i in ninths if (chord.root + i) % 12 in scale), 12) if scale else 14
    return above if any(i in above for i in (13, 14, 15)) else [*above, ninth]


def candidates(chord: Chord, register: Register, scale: Scale = ()) -> list[tuple[int, ...]]:
    """All voicings of a chord in a register; a note too many loses its fifth first. scale: pitch classes of the key, where it is known."""
    assert chord.root is not None
    intervals = list(chord.intervals)
    if register.rootless and len(intervals) >= 4:
        intervals = _rootless(chord, scale)
    classes = list(dict.fromkeys((chord.root + i) % 12 for i in intervals))
    if len(classes) > register.notes:
        classes = [c for c in classes if c != (chord.root + 7) % 12][: register.notes]
    out = []
    for order in itertools.permutations(classes):
        start = register.low + (order[0] - register.low) % 12
        notes = [start]
        for pc in order[1:]:
            notes.append(notes[-1] + 1 + (pc - notes[-1] - 1) % 12)
        for octave in (0, 12, 24):
            moved = tuple(n + octave for n in notes)
            if moved[-1] <= register.high and moved[-1] - moved[0] <= register.span:
                out.append(moved)
    return out or [tuple(register.low + (c - register.low) % 12 for c in classes)]


def _shape_cost(v: tuple[int, ...], register: Register) -> float:
    pairs = list(itertools.pairwise(v))
    cost = abs(sum(v) / len(v) - register.centre) * 0.35
    cost += 1.5 * sum(b - a <= 1 for a, b in pairs) + 2.0 * sum(b - a <= 2 and a < 52 for a, b in pairs)
    return cost + (1.0 if v[-1] - v[0] > 16 else 0.0)


def _movement(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    near = sum(min(abs(x - y) for y in b) for x in a) + sum(min(abs(x - y) for y in a) for x in b)
    return near * 0.5 + abs(a[-1] - b[-1]) * 0.5


def lead_voices(chords: Sequence[Chord], register: Register, scales: Sequence[Scale] = ()) -> list[tuple[int, ...]]:
    """One voicing per chord (no N among them), with the least total movement. scales: of the key at each chord."""
    if not chords:
        return []
    known: dict[tuple[Chord, Scale], list[tuple[int, ...]]] = {}
    for pair in zip(chords, scales or [()] * len(chords), strict=True):
        if pair not in known:
            known[pair] = candidates(pair[0], register, pair[1])
    options = [known[pair] for pair in zip(chords, scales or [()] * len(chords), strict=True)]
    cost = [_shape_cost(v, register) for v in options[0]]
    moves: dict[tuple[tuple[int, ...], tuple[int, ...]], float] = {}
    back: list[list[int]] = []
    for before, now in itertools.pairwise(options):
        new_cost, pointers = [], []
        for v in now:
            steps = []
            for u, c in zip(before, cost, strict=True):
                if (u, v) not in moves:
                    moves[u, v] = _movement(u, v)
                steps.append(c + moves[u, v])
            best = min(range(len(steps)), key=steps.__getitem__)
            new_cost.append(steps[best] + _shape_cost(v, register))
            pointers.append(best)
        cost = new_cost
        back.append(pointers)
    k = min(range(len(cost)), key=cost.__getitem__)
    path = [k]
    for pointers in back[::-1]:
        path.append(pointers[path[-1]])
    return [o[i] for o, i in zip(options, path[::-1], strict=True)]
