"""Cut a lossless file into chunks that a browser can play one after another without a seam."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from sideman.core.audio.clip import AudioClip
from sideman.errors import NotFound, UnreadableAudio

CHUNK_FRAMES = 65_536


@dataclass(frozen=True, slots=True)
class LosslessFacts:
    frames: int
    sample_rate_hz: int
    channels: int

    @property
    def chunks(self) -> int:
        return -(-self.frames // CHUNK_FRAMES)


def lossless_facts(path: Path) -> LosslessFacts:
    """Length, rate and channels of a FLAC or WAV file."""
    with _opened(path) as file:
        return LosslessFacts(file.frames, file.samplerate, file.channels)


def flac_chunk(path: Path, number: int) -> bytes:
    """Chunk `number` (from 0) of CHUNK_FRAMES frames as a FLAC file of 16 bits. Raises NotFound beyond the end."""
    chunk, out = _read(path, number), io.BytesIO()
    soundfile.write(out, chunk.samples, chunk.rate_hz, "PCM_16", format="FLAC")
    return out.getvalue()


def pcm_chunk(path: Path, number: int) -> bytes:
    """The same as bare samples: 16 bits, little-endian, channels interleaved."""
    return np.rint(_read(path, number).samples * 32768).clip(-32768, 32767).astype("<i2").tobytes()


@dataclass(frozen=True, eq=False)
class Excerpt:
    """starts_s: where the clip begins in its file."""

    clip: AudioClip
    starts_s: float


def middle(path: Path, seconds: float) -> Excerpt:
    """At most so many seconds from the middle of a FLAC or WAV file; the rest is not read."""
    with _opened(path) as file:
        frames = min(file.frames, round(seconds * file.samplerate))
        begin = (file.frames - frames) // 2
        file.seek(begin)
        samples = np.ascontiguousarray(file.read(frames, "float32", always_2d=True).T)
        return Excerpt(AudioClip(samples, file.samplerate), begin / file.samplerate)


@dataclass(frozen=True, eq=False)
class _Chunk:
    samples: NDArray[np.float32]
    rate_hz: int


def _read(path: Path, number: int) -> _Chunk:
    with _opened(path) as file:
        if not 0 <= number * CHUNK_FRAMES < file.frames:
            raise NotFound(f"there is no chunk {number}: this audio has {-(-file.frames // CHUNK_FRAMES)}")
        file.seek(number * CHUNK_FRAMES)
        return _Chunk(file.read(CHUNK_FRAMES, "float32", always_2d=True).clip(-1, 1), file.samplerate)


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise UnreadableAudio(f"this audio cannot be cut into chunks ({error}): it is no FLAC or WAV") from error
