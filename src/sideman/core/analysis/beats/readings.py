"""The other readings of a pulse, each with beats of its own for the whole recording: what a musician takes with one click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sideman.core.analysis.beats.onsets import FRAME_RATE_HZ
from sideman.core.analysis.beats.pulses import agreement
from sideman.core.music.timeline import BeatGrid, Meter, TempoAlternative

if TYPE_CHECKING:
    from sideman.core.analysis.beats.tracker import BeatTracking

RATIOS = ((0.5, "half"), (2, "double"), (1 / 3, "third"), (3, "triple"), (1.5, "3/2"), (2 / 3, "2/3"))
"""Beats of the other reading to one beat of the chosen one."""
SAME_TEMPO = 0.04
MOST = 6


class Heard(Protocol):
    """A candidate pulse of one window: beats in frames of the window, and the bars over it."""

    @property
    def beats(self) -> NDArray[np.float64]: ...
    @property
    def tempo_bpm(self) -> float: ...
    @property
    def beats_per_bar(self) -> int: ...
    @property
    def first_downbeat(self) -> int: ...
    @property
    def compound_share(self) -> float: ...
    @property
    def probability(self) -> float: ...


def relation(a: Heard, chosen: Heard) -> str:
    """half, double, third, triple, 3/2, 2/3, shifted (same tempo, other phase), same, or other (no simple ratio)."""
    ratio = a.tempo_bpm / chosen.tempo_bpm
    for value, name in RATIOS:
        if abs(np.log(ratio / value)) < SAME_TEMPO:
            return name
    if abs(np.log(ratio)) >= SAME_TEMPO:
        return "other"
    return "shifted" if agreement(a.beats, chosen.beats) < 0.5 else "same"


def alternatives(used: Sequence[tuple[float, Sequence[Heard], Heard]], grid: BeatGrid | None) -> tuple[TempoAlternative, ...]:
    """used: for every window its start in seconds, its candidates and the one that was chosen.

    A reading that stands in a simple ratio to the grid gets its beats from it, at the phase of its most probable candidate, so that it
    holds through windows that did not offer it.
    """
    probability: dict[tuple[str, int, int], float] = {}
    best: dict[tuple[str, int, int], tuple[float, Heard]] = {}
    for start_s, found, chosen in used:
        for c in found:
            name = relation(c, chosen)
            if name == "same":
                continue
            key = (name, round(c.tempo_bpm) if name == "other" else 0, c.beats_per_bar)
            probability[key] = probability.get(key, 0.0) + c.probability / len(used)
            if key not in best or c.probability > best[key][1].probability:
                best[key] = (start_s, c)
    out = []
    for key, (start_s, c) in best.items():
        meter = Meter(c.beats_per_bar, c.compound_share > 0.5)
        own = _derived(grid, key[0], start_s, c, meter) if grid is not None else None
        out.append(TempoAlternative(key[0], c.tempo_bpm, meter, probability[key], own))
    return tuple(sorted(out, key=lambda a: -a.probability)[:MOST])


def _derived(grid: BeatGrid, name: str, start_s: float, c: Heard, meter: Meter) -> BeatGrid | None:
    """The grid at another level or phase, or None where no simple ratio leads to it."""
    ratio = 1.0 if name == "shifted" else next((r for r, n in RATIOS if n == name), None)
    if ratio is None:
        return None
    step = 1 / ratio
    times = c.beats / FRAME_RATE_HZ + start_s
    place = grid.beat_at(times)
    phase = float(np.angle(np.exp(2j * np.pi * place / step).mean()) / (2 * np.pi) % 1) * step
    first = int(np.ceil((0 - phase) / step - 1e-9))
    last = int(np.floor((len(grid) - 1 - phase) / step + 1e-9))
    positions = phase + np.arange(first, last + 1) * step
    seconds = grid.seconds_at(positions)
    seconds = seconds[seconds >= 0]
    if len(seconds) < 2:
        return None
    near = np.abs(seconds - (times[c.first_downbeat] if c.first_downbeat < len(times) else times[0]))
    downbeat = int(near.argmin())
    return BeatGrid.from_times(seconds, (np.arange(len(seconds)) - downbeat) % meter.beats_per_bar + 1, meter)


AGREES_NOWHERE, AGREES_EVERYWHERE = 0.4, 0.95
TOLERANCE_S = 0.07


def committee(grid: BeatGrid, tracked: BeatTracking) -> tuple[BeatGrid, float, tuple[TempoAlternative, ...]]:
    """Another engine's grid, how sure to be of it, and what our tracker offers beside it.

    Two trackers that agree are mostly right (mean F 95 where four agree by three quarters, docs/explanation/analysis.md); where they do not,
    ours is the first other reading.
    """
    if tracked.grid is None:
        return grid, AGREES_NOWHERE, ()
    a, b = grid.times, tracked.grid.times
    shared = [agreement(x, y, TOLERANCE_S) for x, y in ((a, b), (b, a))]
    both = 2 * shared[0] * shared[1] / max(1e-9, sum(shared))
    confidence = AGREES_NOWHERE + (AGREES_EVERYWHERE - AGREES_NOWHERE) * both
    ours = TempoAlternative("sideman", tracked.grid.tempo_bpm, tracked.grid.meter, 1 - both, tracked.grid)
    return grid, confidence, (ours,)
