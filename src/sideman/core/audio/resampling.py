"""Sample-rate conversion by soxr (HQ), whole or block by block, with exact lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import soxr

from sideman.core.audio.clip import AudioClip, AudioReader, Samples, blocks

BLOCK_S = 10


def resampled_frames(frames: int, from_hz: int, to_hz: int) -> int:
    """Length after conversion: rounded, so that converting back gives the old length; what has a frame keeps one."""
    return max(round(frames * to_hz / from_hz), min(frames, 1))


def resample(clip: AudioClip, sample_rate_hz: int) -> AudioClip:
    """A clip at another rate; its length is `resampled_frames`."""
    if clip.sample_rate_hz == sample_rate_hz:
        return clip
    y = soxr.resample(clip.samples.T, clip.sample_rate_hz, sample_rate_hz, quality="HQ").T.astype(np.float32)
    return AudioClip(_exact(y, resampled_frames(clip.frames, clip.sample_rate_hz, sample_rate_hz)), sample_rate_hz)


def _exact(samples: Samples, frames: int) -> Samples:
    if samples.shape[1] >= frames:
        return samples[:, :frames]
    return np.pad(samples, ((0, 0), (0, frames - samples.shape[1])))


class StreamResampler:
    """Push blocks in, get blocks out; after `last=True` the total length is exactly `total_out` frames."""

    def __init__(self, from_hz: int, to_hz: int, channels: int, total_out: int) -> None:
        self._stream = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float32", quality="HQ") if from_hz != to_hz else None
        self._left = total_out

    def push(self, samples: Samples, last: bool) -> Samples:
        out = samples
        if self._stream is not None:
            out = self._stream.resample_chunk(np.ascontiguousarray(samples.T), last=last).reshape(-1, samples.shape[0]).T
        out = out[:, : self._left] if not last else _exact(out, self._left)
        self._left -= out.shape[1]
        return out


def resampled_blocks(
    reader: AudioReader, sample_rate_hz: int, shape: Callable[[Samples], Samples] = lambda block: block
) -> Iterator[Samples]:
    """All of a reader at another rate, in order; `shape` may change the channels of each block first (down-mix)."""
    total = resampled_frames(reader.frames, reader.sample_rate_hz, sample_rate_hz)
    size = BLOCK_S * reader.sample_rate_hz
    stream: StreamResampler | None = None
    for index, raw in enumerate(blocks(reader, size)):
        block = shape(raw)
        stream = stream or StreamResampler(reader.sample_rate_hz, sample_rate_hz, block.shape[0], total)
        yield stream.push(block, last=(index + 1) * size >= reader.frames)
