"""The bar pointer model over network activations, exactly as madmom decodes it, but in blocks.

Inside a beat the model only moves on by a state a frame, so a beat of n frames is one segment whose score two running sums give. A beat
that ends at frame t began at least n_min frames before, so n_min frames are one numpy call. Krebs, Böck, Widmer (ISMIR 2015);
Böck, Krebs, Widmer (ISMIR 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

FRAME_RATE_HZ = 100
LOWEST_BPM, HIGHEST_BPM, TEMPI = 55.0, 215.0, 60
TEMPO_CHANGE = 100.0
ZONE = 16
"""A beat's first sixteenth is where its beat is expected."""
DOWNBEAT_THRESHOLD = 0.05
FLOOR = -1e6
GROUP = 15

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PlacedBeat:
    """Frame at 100 Hz, place in the bar from 1."""

    frame: int
    place: int


@cache
def intervals(tempi: int | None = TEMPI) -> NDArray[np.int64]:
    """Frames of a beat: all of them, or so many on a logarithmic scale."""
    low, high = 60 * FRAME_RATE_HZ / HIGHEST_BPM, 60 * FRAME_RATE_HZ / LOWEST_BPM
    every = np.arange(np.round(low), np.round(high) + 1)
    if tempi is None or tempi >= len(every):
        return every.astype(np.int64)
    found, count = np.zeros(0), tempi
    while len(found) < tempi:
        found = np.unique(np.round(np.logspace(np.log2(low), np.log2(high), count, base=2)))
        count += 1
    return found.astype(np.int64)


def _transitions(n: NDArray[np.int64]) -> Array:
    """Log probability of every interval after every other."""
    p = np.exp(-TEMPO_CHANGE * np.abs(n[None] / n[:, None] - 1))
    p[p <= np.spacing(1)] = 0
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p / p.sum(1, keepdims=True)))


def _groups(change: Array) -> list[tuple[slice, slice]]:
    """Neighbouring intervals and those from which they can be reached at all."""
    out = []
    for a in range(0, len(change), GROUP):
        to = slice(a, min(a + GROUP, len(change)))
        sources = np.flatnonzero(np.isfinite(change[:, to]).any(1))
        out.append((to, slice(int(sources[0]), int(sources[-1]) + 1)))
    return out


@dataclass(frozen=True, eq=False)
class _Scores:
    """Running sums over frames of the log densities: zone [beats, frames + 1] inside the zone of each beat, `rest` outside them."""

    zone: Array
    rest: Array
    zone_frames: NDArray[np.int64]
    start: float

    @property
    def frames(self) -> int:
        return len(self.rest) - 1


def _running(log_density: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(np.maximum(log_density, FLOOR))])


def _scores(activation: NDArray[np.float32], beats: int, n: NDArray[np.int64]) -> _Scores:
    """activation [frames, 2], beat and downbeat; [frames, 1] where every beat is like every other."""
    with np.errstate(divide="ignore"):
        logs = [_running(np.log(column.astype(float))) for column in activation.T]
        rest = _running(np.log(np.maximum(0.0, 1.0 - activation.astype(float).sum(1)) / (ZONE - 1)))
    zones = np.array([(np.linspace(0, 1, i, endpoint=False) < 1.0 / ZONE).sum() for i in n], np.int64)
    return _Scores(np.stack([logs[-1], *(logs[0] for _ in range(beats - 1))]), rest, zones, -float(np.log(beats * int(n.sum()))))


@dataclass(frozen=True, slots=True)
class _Segment:
    """A beat of the path: first frame (negative where it began before the recording), which beat of the bar, which interval."""

    first: int
    beat: int
    interval: int


def _left(s: _Scores, entered: Array, n: NDArray[np.int64], last: NDArray[np.int64]) -> Array:
    """Score of every beat that ends with frame `last` [frames], at every interval: [intervals, beats, frames]."""
    first = last[None] - n[:, None] + 1
    end = s.rest[last + 1][None]
    known = np.maximum(first, 0)
    border = np.minimum(known + s.zone_frames[:, None], s.frames)
    zone = s.zone[:, border] - s.zone[:, known] + (end - s.rest[border])
    full = entered[known, :, np.arange(len(n))[:, None]].transpose(0, 2, 1) + zone.transpose(1, 0, 2)
    if first.min() >= 0:
        return np.asarray(full)
    inside = np.clip(s.zone_frames[:, None] + first, 0, last[None] + 1)
    begun = s.start + s.zone[:, inside] + (end - s.rest[inside])
    return np.where(first[:, None] >= 0, full, begun.transpose(1, 0, 2))


def _decode(activation: NDArray[np.float32], beats: int, n: NDArray[np.int64]) -> tuple[float, list[_Segment]]:
    """The most probable path of one bar length and its log probability."""
    s, change = _scores(activation, beats, n), _transitions(n)
    entered = np.full((s.frames + 1, beats, len(n)), -np.inf)
    entered[0] = s.start + change.max(0)
    groups, block = _groups(change), int(n[0])
    for a in range(1, s.frames + 1, block):
        at = np.arange(a, min(a + block, s.frames + 1))
        left = np.roll(_left(s, entered, n, at - 1), 1, axis=1).reshape(len(n), -1, 1)
        for to, source in groups:
            best = (left[source] + change[source, None, to]).max(0)
            entered[a : a + len(at), :, to] = best.reshape(beats, len(at), -1).transpose(1, 0, 2)
    score, segment = _last(s, entered, n, beats)
    path = [segment]
    while segment.first > 0:
        before = (segment.beat - 1) % beats
        left = _left(s, entered, n, np.array([segment.first - 1]))[:, before, 0]
        i = int((left + change[:, segment.interval]).argmax())
        segment = _Segment(segment.first - int(n[i]), before, i)
        path.append(segment)
    return score, path[::-1]


def _last(s: _Scores, entered: Array, n: NDArray[np.int64], beats: int) -> tuple[float, _Segment]:
    """The beat that is under way when the recording ends."""
    best, found, end = -np.inf, _Segment(0, 0, 0), s.frames
    for beat in range(beats):
        zone = s.zone[beat]
        for i, length in enumerate(n):
            first = np.arange(max(0, end - int(length)), end)
            border = np.minimum(first + s.zone_frames[i], end)
            value = entered[first, beat, i] + zone[border] - zone[first] + s.rest[end] - s.rest[border]
            k = int(value.argmax())
            if value[k] > best:
                best, found = float(value[k]), _Segment(int(first[k]), beat, i)
            if end < length:
                earlier = np.arange(1, int(length) - end + 1)
                inside = np.clip(s.zone_frames[i] - earlier, 0, end)
                begun = s.start + zone[inside] + s.rest[end] - s.rest[inside]
                k = int(begun.argmax())
                if begun[k] > best:
                    best, found = float(begun[k]), _Segment(-int(earlier[k]), beat, i)
    return best, found


def _peaks(path: list[_Segment], activation: NDArray[np.float32], n: NDArray[np.int64], zones: NDArray[np.int64]) -> list[PlacedBeat]:
    """The strongest frame of every beat's zone."""
    out, columns = [], activation.shape[1]
    for segment in path:
        first = max(segment.first, 0)
        last = min(segment.first + int(zones[segment.interval]), len(activation))
        if last > first:
            out.append(PlacedBeat(int(activation[first:last].argmax()) // columns + first, segment.beat + 1))
    return out


def track_bars(activation: NDArray[np.float32], bar_lengths: tuple[int, ...] = (3, 4)) -> tuple[list[PlacedBeat], int]:
    """activation [frames, 2], beat and downbeat -> beats and the bar length that fits best; none where nothing rises above the threshold."""
    loud = np.flatnonzero((activation >= DOWNBEAT_THRESHOLD).any(1))
    if not len(loud):
        return [], 0
    first, last = int(loud[0]), int(loud[-1]) + 1
    inner, n = activation[first:last], intervals()
    decoded = [(*_decode(inner, beats, n), beats) for beats in bar_lengths]
    _, path, beats = max(decoded, key=lambda d: d[0])
    zones = _scores(inner[:1], beats, n).zone_frames
    return [PlacedBeat(b.frame + first, b.place) for b in _peaks(path, inner, n, zones)], beats


def track_beats(activation: NDArray[np.float32]) -> list[int]:
    """activation [frames] -> frames of the beats, without bars."""
    if not activation.any():
        return []
    column, n = activation[:, None], intervals(None)
    _, path = _decode(column, 1, n)
    return [b.frame for b in _peaks(path, column, n, _scores(column[:1], 1, n).zone_frames)]
