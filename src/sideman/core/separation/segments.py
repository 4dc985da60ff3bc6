"""A recording in overlapping segments: where they lie, how they are weighed, and the streaming overlap-add around any model.

One input window and one accumulator of a segment per stem are in memory, whatever the recording's length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, Samples, read_padded
from sideman.core.separation.separator import Progress

Array = NDArray[np.float32]
STATISTICS_FRAMES = 1 << 18
CANCELLED = 1e-4
"""A mono mix this much weaker than its channels (-80 dB) is a rest of channels that cancel."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The model hears `length_of_model` frames from `window`; of its output, `length` frames from `offset` on count."""

    window: int
    offset: int
    length: int


def even_plan(total: int, segment: int, overlap: float = 0.25) -> tuple[Segment, ...]:
    """Full segments only, evenly spaced, overlapping by at least `overlap`: never more than demucs' plan and no nearly empty last one."""
    if total <= segment:
        return (Segment(-((segment - total) // 2), 0, total),)
    count = -(-(total - segment) // int((1 - overlap) * segment)) + 1
    starts = (round(i * (total - segment) / (count - 1)) for i in range(count))
    return tuple(Segment(s, s, segment) for s in starts)


def demucs_plan(total: int, segment: int, overlap: float = 0.25) -> tuple[Segment, ...]:
    """The plan of demucs.apply: a fixed step; a last, short piece is centred in silence."""
    step = int((1 - overlap) * segment)
    plan = []
    for offset in range(0, total, step):
        length = min(segment, total - offset)
        plan.append(Segment(offset - (segment - length) // 2, offset, length))
    return tuple(plan)


def triangle(segment: int) -> Array:
    """Weight of a segment's frames in the overlap-add, as demucs."""
    rise = np.arange(1, segment // 2 + 1, dtype=np.float32)
    fall = np.arange(segment - segment // 2, 0, -1, dtype=np.float32)
    w = np.concatenate([rise, fall])
    return np.asarray(w / w.max(), np.float32)


@dataclass(frozen=True, slots=True)
class Level:
    """Mean and standard deviation (unbiased) of a recording's mono mix; `silent` when there is nothing but zeros.

    Where the channels cancel each other, the deviation is that of the channels themselves: the mix says nothing about how loud they are.
    """

    mean: np.float32
    deviation: np.float32
    silent: bool = False


def level_of(reader: AudioReader, channels: Sequence[int]) -> Level:
    """One pass in float64, around the first sample so that an offset costs no digits."""
    count, total, squares, pivot, power = 0, 0.0, 0.0, None, 0.0
    for start in range(0, reader.frames, STATISTICS_FRAMES):
        x = reader.read(start, STATISTICS_FRAMES).samples[list(channels)]
        power += float(np.square(x, dtype=np.float64).mean(0).sum())
        block = x.mean(0, dtype=np.float64)
        pivot = block[0] if pivot is None else pivot
        block -= pivot
        count, total, squares = count + len(block), total + float(block.sum()), squares + float(block @ block)
    variance = max(0.0, squares - total * total / count) / max(1, count - 1)
    mean = (pivot or 0.0) + total / max(1, count)
    deviation, alone = variance**0.5, max(0.0, power / max(1, count) - mean * mean) ** 0.5
    return Level(np.float32(mean), np.float32(alone if deviation < CANCELLED * alone else deviation), power == 0)


@dataclass(frozen=True, slots=True)
class SegmentModel:
    """What the overlap-add needs to know of a model.

    `run` takes one segment [channels, frames] and gives [stems, channels, frames] on the same scale. `normalised`: it hears zero mean and
    unit deviation; otherwise the recording as it is.
    """

    frames: int
    stems: int
    channels: int
    run: Callable[[Array], Array]
    normalised: bool = True


def separated(
    reader: AudioReader, model: SegmentModel, plan: Sequence[Segment], write: Callable[[Array], None], progress: Progress
) -> None:
    """Run the plan in order; `write` gets [stems, channels of the reader, n] blocks, every frame once.

    Channels go through the model in pairs, each pair on its own level; a single one is doubled and the two results are averaged. Silent
    pairs stay silent. An exception raised by `progress` (0..1, once a segment) ends the work.
    """
    pairs = [tuple(range(c, min(c + model.channels, reader.channels))) for c in range(0, reader.channels, model.channels)]
    levels = [level_of(reader, p) for p in pairs]
    if not model.normalised:
        levels = [x if x.silent else Level(np.float32(0), np.float32(1 - 1e-8)) for x in levels]
    weight = triangle(model.frames)
    sums = np.zeros((model.stems, reader.channels, model.frames), np.float32)
    weights, done = np.zeros(model.frames, np.float32), 0

    def finished(count: int) -> Array:
        out = sums[..., :count] / weights[:count]
        for pair, level in zip(pairs, levels, strict=True):
            if not level.silent:
                out[:, list(pair)] = out[:, list(pair)] * (level.deviation + np.float32(1e-8)) + level.mean
        return np.asarray(out, np.float32)

    for i, s in enumerate(plan):
        ready = s.offset - done
        if ready > 0:
            write(finished(ready))
            for a in (sums, weights):
                a[..., : model.frames - ready] = a[..., ready:].copy()
                a[..., model.frames - ready :] = 0
            done = s.offset
        cut = s.offset - s.window
        heard = read_padded(reader, s.window, model.frames)
        inside = slice(max(0, -s.window), model.frames - max(0, s.window + model.frames - reader.frames))
        for pair, level in zip(pairs, levels, strict=True):
            if not level.silent:
                out = model.run(_normalised(heard[list(pair)], level, inside, model.channels))
                out = out if len(pair) == model.channels else out.mean(1, keepdims=True)
                sums[:, list(pair), : s.length] += weight[: s.length] * out[..., cut : cut + s.length]
        weights[: s.length] += weight[: s.length]
        progress((i + 1) / len(plan))
    write(finished(reader.frames - done))


def _normalised(x: Samples, level: Level, inside: slice, channels: int) -> Samples:
    """Zero mean, unit deviation inside the recording, exact zeros outside; as many channels as the model hears."""
    y = np.zeros((channels, x.shape[1]), np.float32)
    y[:, inside] = (x[:, inside] - level.mean) / (level.deviation + np.float32(1e-8))
    return y
