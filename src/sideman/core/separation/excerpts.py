"""The loudest part of a recording, for hearing a separator before a whole song is given to it."""

from __future__ import annotations

import numpy as np

from sideman.core.audio import AudioClip, AudioReader, Recording, read_padded
from sideman.errors import UsageError

HOP_S = 0.5


def loudest_start(recording: Recording, seconds: float) -> float:
    """Where the loudest `seconds` of a recording begin, in seconds. Raises UsageError for a length that makes no sense."""
    if not seconds >= 1:
        raise UsageError(f"an excerpt of {seconds:g} s is too short to judge by: ask for at least 1 s")
    rate = recording.sample_rate_hz
    hop = int(HOP_S * rate)
    energy = [
        float(np.square(recording.audio.read(start, hop).samples, dtype=np.float64).sum()) for start in range(0, recording.frames, hop)
    ]
    width = int(seconds / HOP_S)
    if width >= len(energy):
        return 0.0
    total = np.convolve(energy, np.ones(width), "valid")
    return min(int(total.argmax()) * HOP_S, max(0.0, recording.duration_s - seconds))


def excerpt(recording: Recording, start_s: float, seconds: float) -> Recording:
    """A part of a recording as one of its own; close it. Longer than a few minutes is read into memory: excerpts are short."""
    first = round(start_s * recording.sample_rate_hz)
    clip = recording.audio.read(first, min(recording.frames - first, round(seconds * recording.sample_rate_hz)))
    return Recording.from_clip(clip, recording.info.name)


class Placed:
    """An AudioReader of a whole recording that is silent but for a part, which begins at frame `first`."""

    def __init__(self, part: AudioReader, first: int, frames: int) -> None:
        self._part, self._first, self.frames = part, first, frames
        self.sample_rate_hz, self.channels = part.sample_rate_hz, part.channels

    def read(self, start: int, frames: int) -> AudioClip:
        count = max(0, min(frames, self.frames - start))
        return AudioClip(read_padded(self._part, start - self._first, count), self.sample_rate_hz)
