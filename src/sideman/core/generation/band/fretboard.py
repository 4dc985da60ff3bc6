"""Guitar voicings as hands play them: six strings in standard tuning, a stretch of four frets, four fingers or a barre."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache

from sideman.core.music import Chord

STRINGS = (40, 45, 50, 55, 59, 64)
HIGHEST_FRET, STRETCH, FINGERS = 9, 3, 4
OPEN_REACH = 3
"""Open strings sound with fingers no higher than this fret."""


@lru_cache(1024)
def shapes(root: int, intervals: tuple[int, ...], open_strings: bool) -> tuple[tuple[int, ...], ...]:
    """Playable voicings, lowest string first, as MIDI numbers; the root is the lowest note."""
    classes = {(root + i) % 12 for i in intervals}
    fifth = (root + 7) % 12
    needed = classes - ({fifth} if len(classes) > 3 else set())
    found: dict[tuple[int, ...], float] = {}
    for lowest in range(3):
        for window in range(1, HIGHEST_FRET - STRETCH + 2):
            frets_of = []
            for s in range(lowest, 6):
                frets = [f for f in range(window, window + STRETCH + 1) if (STRINGS[s] + f) % 12 in classes]
                if open_strings and window <= OPEN_REACH - 1 and STRINGS[s] % 12 in classes:
                    frets.append(0)
                if s == lowest:
                    frets = [f for f in frets if (STRINGS[s] + f) % 12 == root]
                frets_of.append(frets)
            sounding = next((k for k, frets in enumerate(frets_of) if not frets), len(frets_of))  # the strings above are left out
            least = min(4, len(classes) + 1)
            for chosen in itertools.product(*(f[:3] for f in frets_of[:sounding])) if sounding >= least else ():
                pitches = tuple(STRINGS[lowest + k] + f for k, f in enumerate(chosen))
                if {p % 12 for p in pitches} >= needed and _fingers(chosen) <= FINGERS:
                    cost = 0.12 * max(chosen) + 0.2 * _fingers(chosen) - 0.25 * chosen.count(0) - 0.3 * len(pitches)
                    found[pitches] = min(cost, found.get(pitches, 99.0))
    return tuple(sorted(found, key=lambda p: (found[p], p)))[:12]


def _fingers(frets: Sequence[int]) -> int:
    """Fingers needed; the lowest fret may be a barre, which open strings above it forbid."""
    pressed = [f for f in frets if f > 0]
    if not pressed:
        return 0
    low = min(pressed)
    first = list(frets).index(low)
    barre = pressed.count(low) > 1 and 0 not in frets[first:]
    return 1 + sum(f > low for f in pressed) if barre else len(pressed)


def _simpler(intervals: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """A chord, and what a hand that cannot reach it plays instead: without its highest tone, then without its fifth."""
    return intervals, intervals[:4], tuple(i for i in intervals[:4] if i != 7)


def strummed(chords: Sequence[Chord], open_strings: bool, centre: int) -> list[tuple[int, ...]]:
    """One shape per chord (no N among them): near in position to the one before, and to the register asked for."""
    out: list[tuple[int, ...]] = []
    for chord in chords:
        assert chord.root is not None
        options = next((s for i in _simpler(chord.intervals[:5]) if (s := shapes(chord.root, i, open_strings))), ())
        options = options or ((40 + (chord.root - 40) % 12,),)
        before = out[-1] if out else None

        def cost(v: tuple[int, ...], rank: int, before: tuple[int, ...] | None = before) -> float:
            middle = sum(v) / len(v)
            moved = abs(middle - sum(before) / len(before)) if before else 0.0
            return 0.15 * rank + 0.08 * abs(middle - centre) + 0.12 * moved

        out.append(min(((cost(v, k), v) for k, v in enumerate(options)))[1])
    return out
