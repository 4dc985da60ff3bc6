"""Warping: sound moved onto other times and pitches, piece by piece, by Signalsmith Stretch (MIT).

The pieces are stretched with some sound before and after them and cross-faded, so that a whole song can be warped in constant memory
and every anchor lands where it should: within the 3 ms of TOLERANCE_S, measured on impulses from 0.6 to 1.5 times the speed. The library's own
output is already aligned: adding its stated latency would be wrong by 100 ms.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sideman.core.audio.clip import AudioReader, Samples, read_padded
from sideman.core.audio.scratch import ScratchAudio, ScratchWriter
from sideman.errors import MissingAsset

ROLL_S = 0.25
"""Sound on both sides of a piece that is stretched with it and thrown away."""
LEAD_S = 0.015
"""A piece begins before its anchor, so that the attack there is in one piece."""
FADE_S = 0.012
LONGEST_S = 20.0
TOLERANCE_S = 0.003
MOST_SKIPPED = 64
"""Anchors that one piece may span: looking back costs time."""
TONALITY_HZ = 8000.0
SMALLEST_RATIO, LARGEST_RATIO = 0.25, 4.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment of the source and where it is to be; semitones: transposition from here to the next anchor."""

    source_s: float
    target_s: float
    semitones: float = 0.0


def needed_anchors(anchors: Sequence[Anchor], tolerance_s: float = TOLERANCE_S) -> list[Anchor]:
    """Those without which the line between their neighbours would miss one by more than the tolerance: long pieces sound best."""
    if len(anchors) <= 2:
        return list(anchors)
    kept = [0]
    for i in range(1, len(anchors) - 1):
        a = anchors[kept[-1]]
        jumps = anchors[i + 1].source_s <= anchors[i].source_s or anchors[i].source_s <= anchors[i - 1].source_s
        if jumps or anchors[i].semitones != a.semitones or i - kept[-1] >= MOST_SKIPPED:
            kept.append(i)
            continue
        end = anchors[i + 1]
        inside = anchors[kept[-1] + 1 : i + 1]
        line = [a.target_s + (x.source_s - a.source_s) / (end.source_s - a.source_s) * (end.target_s - a.target_s) for x in inside]
        if max(abs(x.target_s - t) for x, t in zip(inside, line, strict=True)) > tolerance_s:
            kept.append(i)
    return [anchors[k] for k in (*kept, len(anchors) - 1)]


@dataclass(frozen=True, slots=True)
class _Piece:
    """From and to in seconds of the source and of the target."""

    source_s: tuple[float, float]
    target_s: tuple[float, float]
    semitones: float


def _pieces(anchors: Sequence[Anchor]) -> Iterator[_Piece]:
    pairs = [(a, b) for a, b in itertools.pairwise(anchors) if b.target_s > a.target_s and b.source_s > a.source_s]
    for i, (a, b) in enumerate(pairs):
        length = b.target_s - a.target_s
        count = max(1, int(np.ceil(length / LONGEST_S)))
        source = np.linspace(a.source_s, b.source_s, count + 1) - LEAD_S * (b.source_s - a.source_s) / length
        target = np.linspace(a.target_s, b.target_s, count + 1) - LEAD_S
        if i + 1 == len(pairs) or pairs[i + 1][0].target_s > b.target_s:  # no piece takes over: it sounds up to its anchor
            source[-1] += (LEAD_S + FADE_S) * (b.source_s - a.source_s) / length
            target[-1] += LEAD_S + FADE_S
        for k in range(count):
            yield _Piece((source[k], source[k + 1]), (target[k], target[k + 1]), a.semitones)


def stretched(x: Samples, ratio: float, rate: int, semitones: float = 0.0) -> Samples:
    """[channels, frames] -> [channels, round(frames * ratio)]. Raises MissingAsset where the library is not installed."""
    frames = round(x.shape[1] * ratio)
    if abs(ratio - 1) < 1e-5 and abs(semitones) < 1e-4:
        return x
    try:
        from python_stretch.Signalsmith import Stretch
    except ImportError as error:
        raise MissingAsset("stretching needs the package python-stretch, which has no wheel here: pip install python-stretch") from error
    stretch = Stretch()
    stretch.preset(x.shape[0], float(rate))
    stretch.setTimeFactor(1 / ratio)
    if semitones:
        stretch.setTransposeSemitones(float(semitones), TONALITY_HZ / rate)
    y = np.asarray(stretch.process(np.ascontiguousarray(x)), np.float32)
    return y[:, :frames] if y.shape[1] >= frames else np.pad(y, ((0, 0), (0, frames - y.shape[1])))


def _sounding(reader: AudioReader, piece: _Piece, rate: int, fade: int) -> tuple[int, Samples]:
    """The piece with half a fade more on both sides, and the frame of the target at which it begins."""
    (a, b), (c, d) = piece.source_s, piece.target_s
    ratio = (d - c) / (b - a)
    first, last = int((a - ROLL_S) * rate), int((b + ROLL_S) * rate)
    y = stretched(read_padded(reader, first, last - first), ratio, rate, piece.semitones)
    origin = round(c * rate - (a * rate - first) * ratio)
    begin, end = round(c * rate) - fade, round(d * rate) + fade
    part = y[:, max(0, begin - origin) : max(0, end - origin)]
    return begin, np.pad(part, ((0, 0), (0, max(0, end - begin - part.shape[1]))))


def warp(
    reader: AudioReader, anchors: Sequence[Anchor], frames: int, path: Path, progress: Callable[[float], None] = lambda share: None
) -> ScratchAudio:
    """`frames` frames in which each anchor's source lies at its target; silence before the first and after the last anchor.

    anchors ascend in their targets; sources may jump back (a loop). Raises MissingAsset.
    """
    rate, fade = reader.sample_rate_hz, round(FADE_S * reader.sample_rate_hz)
    ramp = np.sin(np.linspace(0, np.pi / 2, 2 * fade, dtype=np.float32)) ** 2
    pieces = list(_pieces(anchors))
    with ScratchWriter(path, rate, reader.channels) as writer:
        pending, at = np.zeros((reader.channels, 0), np.float32), 0
        for k, piece in enumerate(pieces):
            begin, y = _sounding(reader, piece, rate, fade)
            y = y.copy()
            y[:, : 2 * fade] *= ramp
            y[:, y.shape[1] - 2 * fade :] *= ramp[::-1]
            if begin < at:
                y, begin = y[:, at - begin :], at
            while pending.shape[1] == 0 and begin - at > rate:  # silence before the sound, written as it comes
                step = min(rate * 10, begin - at, frames - at)
                if step <= 0:
                    break
                writer.write(np.zeros((reader.channels, step), np.float32))
                at += step
            keep = begin - at
            size = max(pending.shape[1], keep + y.shape[1])
            pending = np.pad(pending, ((0, 0), (0, size - pending.shape[1])))
            pending[:, keep : keep + y.shape[1]] += y
            done = max(0, min(pending.shape[1] - 2 * fade, frames - at))
            writer.write(pending[:, :done])
            pending, at = pending[:, done:], at + done
            progress((k + 1) / len(pieces))
        rest = max(0, frames - at)
        writer.write(pending[:, :rest])
        left = rest - min(rest, pending.shape[1])
        while left > 0:
            step = min(left, rate * 10)
            writer.write(np.zeros((reader.channels, step), np.float32))
            left -= step
        return writer.finish()
