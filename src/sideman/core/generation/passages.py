"""The song in passages that a network makes in one piece: whole bars, cut where sections begin when that is near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sideman.core.generation.context import ContextBar, SongContext
from sideman.core.generation.prompts import PassageFacts

LEAST_SHARE = 0.5
"""Of the longest passage: a section that begins after so much of it ends it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """start_s is a bar line of the song, or the beginning of what is to be played; so is end_s. bar_s: a bar's length at its beginning."""

    start_s: float
    end_s: float
    bar_s: float
    facts: PassageFacts

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


def passages(context: SongContext, within_s: tuple[float, float] | None, longest_s: float) -> tuple[Passage, ...]:
    """Passages that fill the song, or a part of it, one after another without gaps."""
    begin, end = within_s or (0.0, context.duration_s)
    end = min(end, context.duration_s)
    edges = [
        (max(begin, s), min(end, e), bar) for bar in context.bars for s, e in [_seconds(context, bar)] if min(end, e) - max(begin, s) > 0.01
    ]
    if not edges:
        return ()
    last = edges[-1]
    step = _seconds(context, last[2])[1] - _seconds(context, last[2])[0]
    while edges[-1][1] < end - 0.01:  # the grid ends before the song: bars of the same length go on
        edges.append((edges[-1][1], min(end, edges[-1][1] + step), replace(last[2], index_in_section=1)))
    if within_s is not None:
        first = edges[0]
        step = _seconds(context, first[2])[1] - _seconds(context, first[2])[0]
        count = max(
            0, round((first[0] - begin) / step) - 1
        )  # bars of the same length before the first, which reaches back for what is left
        before = [(first[0] - k * step, first[0] - (k - 1) * step, replace(first[2], index_in_section=1)) for k in range(count, 0, -1)]
        edges = [*before, *edges]
        edges[0] = (begin, *edges[0][1:])
    out: list[Passage] = []
    held: list[tuple[float, float, ContextBar]] = []
    for edge in edges:
        filled = edge[0] - held[0][0] if held else 0.0
        full = bool(held) and edge[1] - held[0][0] > longest_s
        if full or (held and edge[2].first_in_section and filled >= LEAST_SHARE * longest_s):
            out.append(_passage(context, held))
            held = []
        held.append(edge)
    return (*out, _passage(context, held))


def _seconds(context: SongContext, bar: ContextBar) -> tuple[float, float]:
    start, end = context.seconds_at([bar.start, bar.end])
    return float(start), float(end)


def _passage(context: SongContext, held: Sequence[tuple[float, float, ContextBar]]) -> Passage:
    bars = [bar for _, _, bar in held]
    start, end = _seconds(context, bars[0])[0], _seconds(context, bars[-1])[1]
    beats = sum(b.pulses for b in bars) / context.pulses_per_beat
    energy = round(sum(b.energy for b in bars) / len(bars))
    section = bars[0].section
    name = context.section_names[section] if 0 <= section < len(context.section_names) else ""
    facts = PassageFacts(
        None if context.free else 60 * beats / (end - start), context.key_at(bars[0].start) if context.key_known else None,
        None if context.free else round(bars[0].pulses / context.pulses_per_beat), energy, name,
    )  # fmt: skip
    return Passage(held[0][0], held[-1][1], (end - start) / len(bars), facts)
