"""Decoded audio in a scratch file: written once in order, read in blocks by every engine.

The file holds interleaved float32. It is read with plain reads, not through a memory map: mapped pages count as the
process's own memory until the kernel takes them back, and the promise is that memory stays flat as recordings get longer.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

from sideman.core.audio.clip import AudioClip, Samples
from sideman.errors import AudioWriteError


class ScratchAudio:
    """AudioReader over a finished scratch file. The file is opened for each block, so that threads can read the same recording."""

    def __init__(self, path: Path, sample_rate_hz: int, channels: int) -> None:
        self.path, self.sample_rate_hz, self.channels = path, sample_rate_hz, channels
        self.frames = path.stat().st_size // (4 * channels)

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate_hz

    def read(self, start: int, frames: int) -> AudioClip:
        wanted = max(0, min(frames, self.frames - start))
        data = np.fromfile(self.path, np.float32, wanted * self.channels, offset=start * self.channels * 4)
        return AudioClip(np.ascontiguousarray(data.reshape(-1, self.channels).T), self.sample_rate_hz)

    def remove(self) -> None:
        """Delete the file: for scratch that is over before its folder is."""
        self.path.unlink(missing_ok=True)


class ScratchWriter:
    """Writes [channels, frames] blocks in order; `finish` closes the file and opens it as a reader."""

    def __init__(self, path: Path, sample_rate_hz: int, channels: int) -> None:
        self.path, self.sample_rate_hz, self.channels = path, sample_rate_hz, channels
        self.peak = 0.0
        self._file = open(path, "wb")  # noqa: SIM115 - closed by finish or __exit__

    def write(self, samples: Samples) -> None:
        if samples.size:
            self.peak = max(self.peak, float(np.abs(samples).max()))
            try:
                self._file.write(np.ascontiguousarray(samples.T, np.float32).data)
            except OSError as error:
                raise self._full(error) from error

    def finish(self) -> ScratchAudio:
        try:
            self._file.close()
        except OSError as error:
            raise self._full(error) from error
        return ScratchAudio(self.path, self.sample_rate_hz, self.channels)

    def _full(self, error: OSError) -> AudioWriteError:
        return AudioWriteError(f"{self.path.parent} is full ({error.strerror}): free space there, or set SIDEMAN_SCRATCH")

    def __enter__(self) -> ScratchWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
