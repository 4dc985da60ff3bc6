"""Changes of a beat grid that a person asks for: levels, bars, meters, single beats. Pure functions; each returns a new grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sideman.core.music.timeline import BeatGrid, Meter

FASTEST_BPM = 400.0
"""Beyond this nobody taps along, and each doubling would double what everything that follows the grid has to do."""
SLOWEST_BPM = 10.0
LONGEST_BAR = 32


def checked(grid: BeatGrid, duration_s: float) -> BeatGrid:
    """The grid. Raises ValueError where its beats are outside of the recording, faster or slower than anybody taps, or its bars longer than 32 beats."""
    if not (grid.times_s[0] >= 0 and grid.times_s[-1] <= duration_s + 1):
        raise ValueError(f"beats lie between 0 and {duration_s:.2f} s")
    if grid.tempo_bpm > FASTEST_BPM:
        raise ValueError(f"{grid.tempo_bpm:.0f} bpm is faster than {FASTEST_BPM:.0f} bpm")
    if grid.tempo_bpm < SLOWEST_BPM:
        raise ValueError(f"{grid.tempo_bpm:.1f} bpm is slower than {SLOWEST_BPM:.0f} bpm: these are no beats")
    if min(grid.positions) < 1 or max(b.beats for b in grid.bars) > LONGEST_BAR:
        raise ValueError(f"places in the bar count from 1, and no bar has more than {LONGEST_BAR} beats")
    return grid


def counted(times_s: Sequence[float], meter: Meter, first: int) -> BeatGrid:
    """All bars of one meter; `first`: place of the first beat in its bar, from 0."""
    positions = (np.arange(len(times_s)) + first) % meter.beats_per_bar + 1
    return BeatGrid.from_times(np.asarray(times_s, float), positions, meter)


def first_downbeat(grid: BeatGrid) -> int:
    """Index of the first downbeat, 0 where there is none."""
    return next((k for k, p in enumerate(grid.positions) if p == 1), 0)


def halved(grid: BeatGrid) -> BeatGrid:
    """Every other beat, so that downbeats stay beats where they can. The meter keeps its count: bars become twice as long."""
    downbeats = [k for k, p in enumerate(grid.positions) if p == 1] or [0]
    odd = downbeats[0] % 2 if grid.meter.beats_per_bar % 2 == 0 else 0  # in odd meters every other downbeat goes either way
    kept = next((k for k in downbeats if k % 2 == odd), odd)
    return counted(grid.times_s[odd::2], grid.meter, -(kept // 2) % grid.meter.beats_per_bar)


def doubled(grid: BeatGrid) -> BeatGrid:
    """A beat between every two. The meter keeps its count: bars become half as long. Raises ValueError beyond FASTEST_BPM."""
    if 2 * grid.tempo_bpm > FASTEST_BPM:
        raise ValueError(f"twice {grid.tempo_bpm:.0f} bpm is faster than {FASTEST_BPM:.0f} bpm")
    times = tuple(float(t) for t in grid.seconds_at(np.arange(0, len(grid) - 0.5, 0.5)))
    usual = grid.meter.beats_per_bar
    begins = [2 * b.first_beat + k for b in grid.bars for k in range(0, 2 * b.beats, usual)]
    return BeatGrid.from_times(times, _places(begins, len(times), usual), grid.meter)


def with_bar_one_moved(grid: BeatGrid, beats: int) -> BeatGrid:
    """Every bar begins so many beats later; negative is earlier. Bars of another length than the others keep it."""
    usual, last = grid.meter.beats_per_bar, grid.bars[-1]
    beats = beats if abs(beats) <= len(grid) else beats % usual
    begins = [b.first_beat + beats for b in grid.bars]
    begins += range(begins[-1] + last.beats, len(grid), last.beats)
    return BeatGrid.from_times(grid.times_s, _places(begins, len(grid), usual), grid.meter)


def _places(begins: Sequence[int], count: int, usual: int) -> NDArray[np.int64]:
    """Of `count` beats in bars that begin at these; before the first of them in bars of `usual` beats."""
    at = np.arange(count)
    before = np.searchsorted(begins, at, side="right") - 1
    return np.where(before < 0, (at - begins[0]) % usual, at - np.asarray(begins)[before.clip(0)]) + 1


def with_meter(grid: BeatGrid, meter: Meter, from_bar: int = 1) -> BeatGrid:
    """Bars of this meter from a bar on (counted from 1), up to the end; bars before it stay. Raises ValueError for a bar that is not there."""
    bars = grid.bars
    if not 1 <= from_bar <= len(bars):
        raise ValueError(f"bar {from_bar} is not among the {len(bars)} bars")
    if from_bar == 1:
        return counted(grid.times_s, meter, -first_downbeat(grid) % meter.beats_per_bar)
    if (meter.unit, meter.compound) != (grid.meter.unit, grid.meter.compound):
        raise ValueError(f"{meter} counts other beats than the {grid.meter} before bar {from_bar}: give it to the whole song")
    start = bars[from_bar - 1].first_beat
    tail = np.arange(len(grid) - start) % meter.beats_per_bar + 1
    positions = np.concatenate([np.array(grid.positions[:start], int), tail])
    kept = sum(b.beats == grid.meter.beats_per_bar for b in bars[: from_bar - 1])
    new_bars = len(tail) // meter.beats_per_bar
    return BeatGrid.from_times(grid.times_s, positions, meter if new_bars > kept else grid.meter)


def with_beat_moved(grid: BeatGrid, from_s: float, to_s: float) -> BeatGrid:
    """The beat nearest to from_s lies at to_s. Raises ValueError where it would pass a neighbour."""
    k = int(np.abs(grid.times - from_s).argmin())
    low = grid.times_s[k - 1] if k else 0.0
    high = grid.times_s[k + 1] if k + 1 < len(grid) else np.inf
    if not (low < to_s < high or (k == 0 and 0 <= to_s < high)):
        raise ValueError(f"the beat at {grid.times_s[k]:.3f} s cannot go to {to_s:.3f} s: its neighbours are at {low:.3f} and {high:.3f} s")
    return BeatGrid((*grid.times_s[:k], float(to_s), *grid.times_s[k + 1 :]), grid.positions, grid.meter)


def with_beat_added(grid: BeatGrid, time_s: float) -> BeatGrid:
    """One beat more; the count goes on from the beat before it to the next downbeat that was there."""
    if not (time_s >= 0 and float(np.abs(grid.times - time_s).min()) >= 30 / FASTEST_BPM):
        raise ValueError(f"{time_s:.3f} s is before the recording, or where a beat already is")
    k = int(np.searchsorted(grid.times, time_s))
    times = (*grid.times_s[:k], float(time_s), *grid.times_s[k:])
    before_first = grid.positions[0] - 1 or grid.meter.beats_per_bar
    position = before_first if k == 0 else grid.positions[-1] % grid.bars[-1].beats + 1 if k == len(grid) else grid.positions[k - 1] + 1
    return BeatGrid(times, _recounted((*grid.positions[:k], position, *grid.positions[k:]), k), grid.meter)


def with_beat_removed(grid: BeatGrid, time_s: float) -> BeatGrid:
    """The beat nearest to time_s is gone; where it was a downbeat, the next beat is. Raises ValueError when two would not be left."""
    if len(grid) < 3:
        raise ValueError("a grid needs two beats")
    k = int(np.abs(grid.times - time_s).argmin())
    positions, start = [*grid.positions[:k], *grid.positions[k + 1 :]], k
    if grid.positions[k] == 1 and k < len(positions):
        positions[k], start = 1, k + 1
    return BeatGrid((*grid.times_s[:k], *grid.times_s[k + 1 :]), _recounted(tuple(positions), start), grid.meter)


def _recounted(positions: tuple[int, ...], start: int) -> tuple[int, ...]:
    """Places from `start` on count up from the one before, until the next downbeat."""
    out = list(positions)
    for k in range(max(start, 1), len(out)):
        if out[k] == 1:
            break
        out[k] = out[k - 1] + 1
    return tuple(out)


def constant(tempo_bpm: float, downbeat_s: float, meter: Meter, duration_s: float) -> BeatGrid:
    """One tempo over the whole recording, through a known downbeat."""
    if not SLOWEST_BPM <= tempo_bpm <= FASTEST_BPM:
        raise ValueError(f"{tempo_bpm:g} bpm is not between {SLOWEST_BPM:.0f} and {FASTEST_BPM:.0f}")
    if not 0 <= downbeat_s <= duration_s:
        raise ValueError(f"{downbeat_s:g} s is outside of the recording")
    interval = 60 / tempo_bpm
    before = int(downbeat_s / interval)
    count = int((duration_s - downbeat_s) / interval) + 1 + before
    times = downbeat_s + (np.arange(count) - before) * interval
    return counted([float(t) for t in times], meter, -before % meter.beats_per_bar)
