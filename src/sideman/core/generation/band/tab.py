"""Tab notation of the style files: one character a step, a space between beats, a bar line between bars.

`x... x... | x..x x...` is two bars of four beats in sixteenths; a beat of three characters is in triplets. `.` is silence, `-` lets the
character before it sound on. What other characters mean is the part's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sideman.core.generation.context import ContextBar

REST, HOLD = ".", "-"
COMPOUND_PLACE = {0.0: 0, 0.25: 1, 0.5: 2, 0.75: 2}
"""Where the four sixteenths of a straight beat go in a beat of three pulses: an off-beat eighth becomes the last of the three."""


@dataclass(frozen=True, slots=True)
class Step:
    """at: pulses from the beginning of the bar; pulses: how long it is held."""

    at: float
    pulses: float
    symbol: str


@dataclass(frozen=True, slots=True)
class Tab:
    """Bars of beats of characters."""

    bars: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Tab:
        """Raises ValueError for a tab without a beat."""
        bars = tuple(tuple(bar.split()) for bar in text.split("|"))
        if not all(bars):
            raise ValueError(f"the tab {text!r} has an empty bar")
        return cls(bars)

    def steps(self, bar: ContextBar, compound: bool) -> tuple[Step, ...]:
        """This tab on a bar of the song, whatever its length: bars of other lengths take the tab's beats by their accent groups."""
        beats = bar.pulses // 3 if compound else bar.pulses
        return _steps(self.bars[bar.index_in_section % len(self.bars)], beats, compound, bar.index_in_section % 2)


def beat_groups(beats: int) -> tuple[int, ...]:
    """Accent groups of a bar: 4 = 2 + 2, 5 = 3 + 2, 7 = 2 + 2 + 3."""
    fixed = {1: (1,), 2: (2,), 3: (3,), 4: (2, 2), 5: (3, 2), 7: (2, 2, 3)}
    return fixed.get(beats) or ((2,) * (beats // 2) if beats % 2 == 0 else (2,) * ((beats - 3) // 2) + (3,))


def _order(tab: tuple[str, ...], beats: int, turn: int) -> list[int]:
    """Which of the tab's beats each beat of the bar takes: strong beat first in every group, then its weak beat.

    A bar of one group takes the tab's halves in turn, unless one holds what the other began, or is silent where the other is not.
    """
    count = len(tab)
    if count == beats:
        return list(range(count))
    halves = [(i, i + 1) for i in range(0, count - 1, 2)] or [(0, 0)]
    groups, out = beat_groups(beats), list[int]()
    if len(halves) > 1 and len(groups) == 1:
        silent = [not set("".join(tab[i] for i in half)) - {REST, HOLD} for half in halves]
        turn = 0 if tab[halves[1][0]].startswith(HOLD) or (silent[1] and not silent[0]) else 1 if silent[0] and not silent[1] else turn
    for k, size in enumerate(groups):
        strong, weak = halves[(k + (turn if len(groups) == 1 else 0)) % len(halves)]
        out += [strong] + [weak] * (size - 1)
    return out


@lru_cache(4096)
def _steps(tab: tuple[str, ...], beats: int, compound: bool, turn: int) -> tuple[Step, ...]:
    rows: list[list[float | str]] = []
    sounding = False
    for k, index in enumerate(_order(tab, beats, turn)):
        symbols = tab[index]
        for i, symbol in enumerate(symbols):
            share = i / len(symbols)
            if not compound:
                place, width = k + share, 1 / len(symbols)
            elif len(symbols) % 3:
                place, width = k * 3.0 + COMPOUND_PLACE.get(share, round(share * 3)), 1.0
            else:
                place, width = k * 3 + share * 3, 3 / len(symbols)
            if symbol == HOLD and rows and sounding:
                rows[-1][1] = place + width - float(rows[-1][0])
            sounding = symbol != REST and (sounding or symbol != HOLD)
            if symbol == HOLD:
                continue
            if symbol != REST and not (rows and rows[-1][0] == place):
                rows.append([place, width, symbol])
    return tuple(Step(float(at), float(width), str(symbol)) for at, width, symbol in rows)
