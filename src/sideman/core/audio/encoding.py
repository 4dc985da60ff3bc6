"""Write audio files block by block: FLAC 24-bit, WAV float32, MP3. A file appears under its name only when it is whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol

import av
import numpy as np
import soundfile

from sideman.core.audio.clip import AudioReader, Samples, blocks
from sideman.errors import AudioWriteError

FULL_SCALE_24 = 1 << 23
LARGEST_WAV_BYTES = 2**32 - 65536
FLAC_PEAK = 1 - 2.0**-23
FLAC_CHANNELS = 8
MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
LAME_OPTIONS = {"compression_level": "7"}
"""LAME's fast psychoacoustics: half the time of its default, at bit rates where the difference is below hearing."""


def quantised_24(samples: Samples) -> Samples:
    """The values that a 24-bit file keeps, undithered: round to 2^-23, clip at full scale. Exact in float32."""
    steps = np.clip(np.rint(samples.astype(np.float64) * FULL_SCALE_24), -FULL_SCALE_24, FULL_SCALE_24 - 1)
    return (steps / FULL_SCALE_24).astype(np.float32)


class Writer(Protocol):
    def write(self, samples: Samples) -> None: ...
    def __enter__(self) -> Writer: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class _Whole:
    """Writes to a hidden neighbour and renames at the end, so that an error or Ctrl-C leaves no half file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(f".{path.name}.part{path.suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AudioWriteError(f"{path.parent} cannot be made ({error.strerror}): choose another folder") from error

    def _close(self) -> None:
        raise NotImplementedError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._close()
            if kind is None:
                os.replace(self.partial, self.path)
        except (soundfile.LibsndfileError, av.error.FFmpegError, OSError) as failure:
            raise AudioWriteError(f"{self.path} cannot be written ({failure}): check the folder and the free space") from failure
        finally:
            self.partial.unlink(missing_ok=True)


class PcmWriter(_Whole):
    """FLAC 24-bit or WAV float32 by the suffix. frames: how many there will be, for the header of a WAV that passes 4 GB (RF64)."""

    def __init__(self, path: Path, sample_rate_hz: int, channels: int, frames: int = 0) -> None:
        super().__init__(path)
        self._integer = path.suffix.lower() == ".flac"
        try:
            self._file = soundfile.SoundFile(
                self.partial, "w", sample_rate_hz, channels, "PCM_24" if self._integer else "FLOAT",
                format="FLAC" if self._integer else "RF64" if frames * channels * 4 > LARGEST_WAV_BYTES else "WAV",
            )  # fmt: skip
        except (soundfile.LibsndfileError, OSError, UnicodeError) as error:
            named = os.fsencode(path).decode("utf-8", "replace")
            raise AudioWriteError(f"{named} cannot be written ({error}): check the folder and the free space") from error

    def write(self, samples: Samples) -> None:
        try:
            if self._integer:  # int32 with the value in the upper 24 bits: libsndfile then neither scales nor dithers
                steps = np.clip(np.rint(samples.T.astype(np.float64) * FULL_SCALE_24), -FULL_SCALE_24, FULL_SCALE_24 - 1)
                self._file.write(steps.astype(np.int32) << 8)
            else:
                self._file.write(samples.T.astype(np.float32))
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioWriteError(f"{self.path} cannot be written ({error}): check the free space") from error

    def _close(self) -> None:
        self._file.close()

    def __enter__(self) -> PcmWriter:
        return self


class Mp3Writer(_Whole):
    """MP3 by libmp3lame inside PyAV. Takes mono or stereo at one of MP3_RATES_HZ."""

    def __init__(
        self, path: Path, sample_rate_hz: int, channels: int, bit_rate_bps: int = 256_000, tags: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(path)
        self._layout = "mono" if channels == 1 else "stereo"
        self._rate, self._pts = sample_rate_hz, 0
        try:
            self._container = av.open(str(self.partial), "w", format="mp3")
            self._container.metadata.update(tags or {})
            self._stream = self._container.add_stream("libmp3lame", rate=sample_rate_hz, layout=self._layout, options=LAME_OPTIONS)
            self._stream.bit_rate = bit_rate_bps
        except (av.error.FFmpegError, OSError) as error:
            raise AudioWriteError(f"{path} cannot be written ({error}): check the folder and the free space") from error

    def write(self, samples: Samples) -> None:
        if not samples.shape[1]:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(np.clip(samples, -1, 1), np.float32), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts = self._rate, self._pts
        self._pts += samples.shape[1]
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise AudioWriteError(f"{self.path} cannot be written ({error}): check the free space") from error

    def _close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def __enter__(self) -> Mp3Writer:
        return self


def lossless_suffix(peak: float, channels: int) -> str:
    """`.flac`, or `.wav` (float32) for what FLAC would clip or cannot hold. peak: linear, 1 is full scale."""
    return ".wav" if peak > FLAC_PEAK or channels > FLAC_CHANNELS else ".flac"


def write_audio(reader: AudioReader, path: Path) -> None:
    """A whole reader as .flac or .wav."""
    with PcmWriter(path, reader.sample_rate_hz, reader.channels, reader.frames) as out:
        for block in blocks(reader, reader.sample_rate_hz * 10):
            out.write(block)


def write_lossless(reader: AudioReader, stem: Path) -> Path:
    """A whole reader as `stem` with the suffix that loses nothing; `stem` has none of its own."""
    peak = max((float(abs(b).max()) for b in blocks(reader, reader.sample_rate_hz * 10) if b.size), default=0.0)
    path = stem.with_name(stem.name + lossless_suffix(peak, reader.channels))
    write_audio(reader, path)
    return path
