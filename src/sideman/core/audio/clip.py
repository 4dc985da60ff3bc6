"""Audio values: a clip that fits in memory, and the reader that every engine takes.

Arrays are float32 [channels, frames], full scale = 1.0. A reader is asked for blocks, so that memory does not grow with length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class AudioClip:
    """samples: float32 [channels, frames]."""

    samples: Samples
    sample_rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2:
            raise ValueError(f"samples must be [channels, frames], not {self.samples.shape}")

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate_hz

    def read(self, start: int, frames: int) -> AudioClip:
        """Block of at most `frames` frames from `start`; a clip is its own reader."""
        return AudioClip(self.samples[:, start : start + frames], self.sample_rate_hz)


class AudioReader(Protocol):
    """A recording at one rate, read in blocks in any order."""

    @property
    def sample_rate_hz(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def frames(self) -> int: ...
    def read(self, start: int, frames: int) -> AudioClip:
        """Block of at most `frames` frames from `start` (>= 0); shorter at the end."""
        ...


def blocks(reader: AudioReader, frames: int) -> Iterator[Samples]:
    """All of a reader in order, in blocks of `frames` frames, as [channels, frames]."""
    for start in range(0, reader.frames, frames):
        yield reader.read(start, frames).samples


def read_padded(reader: AudioReader, start: int, frames: int) -> Samples:
    """Exactly `frames` frames from `start`, which may be negative; zeros outside the recording."""
    out = np.zeros((reader.channels, frames), np.float32)
    low, high = max(start, 0), min(start + frames, reader.frames)
    if high > low:
        out[:, low - start : high - start] = reader.read(low, high - low).samples
    return out


def read_all(reader: AudioReader) -> Samples:
    """The whole recording in memory: for short sounds only."""
    return reader.read(0, reader.frames).samples


# Order of FFmpeg's default layouts: L left, R right, C both, - left out (LFE repeats what the others play).
_SIDES = {3: "LRC", 4: "LRLR", 5: "LRCLR", 6: "LRC-LR", 7: "LRC-CLR", 8: "LRC-LRLR"}


def fold_to_stereo(block: Samples) -> Samples:
    """[channels, frames] -> [2, frames]: mono doubled, stereo as it is, more channels with centre and surrounds at -3 dB."""
    channels = block.shape[0]
    if channels == 1:
        return np.repeat(block, 2, axis=0)
    if channels == 2:
        return block
    out = block[:2].copy()
    for c, side in enumerate(_SIDES.get(channels, "LR" * channels)[:channels]):
        if c >= 2 and side != "-":
            rows = {"L": [0], "R": [1], "C": [0, 1]}[side]
            out[rows] += np.float32(0.7071) * block[c]
    return out
