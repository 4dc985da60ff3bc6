"""Decode anything that FFmpeg reads (through PyAV, FFmpeg inside the wheel) into a scratch file; tags and artwork with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

from sideman.core.audio.clip import Samples
from sideman.core.audio.scratch import ScratchAudio, ScratchWriter
from sideman.errors import NoAudio, UnreadableAudio

MAX_CHANNELS = 16
MAX_RATE_HZ = 384_000
PLAYLISTS = {
    "hls",
    "applehttp",
    "dash",
    "concat",
    "concatf",
    "sdp",
    "rtsp",
    "rtp",
    "imf",
    "lavfi",
    "ffmetadata",
    "image2",
    "sbg",
    "webm_dash_manifest",
}
_SAFE = {"protocol_whitelist": "file", "format_whitelist": ",".join(sorted(av.formats_available - PLAYLISTS))}
"""A file must not make FFmpeg open other files or addresses, as a playlist does."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the file says about itself. `damaged_packets` were skipped while decoding."""

    name: str
    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    bit_rate_bps: int | None
    tags: tuple[tuple[str, str], ...] = ()
    artwork: bytes | None = field(default=None, repr=False)
    damaged_packets: int = 0

    def tag(self, name: str) -> str | None:
        """A tag by its lower-case name: title, artist, album, genre, date, track, comment."""
        return dict(self.tags).get(name)


@dataclass(frozen=True, slots=True)
class Decoded:
    audio: ScratchAudio
    info: SourceInfo
    replaced_samples: int
    """NaN and infinite samples, replaced by zero."""


def _tags(container: av.container.InputContainer, stream: av.AudioStream) -> tuple[tuple[str, str], ...]:
    merged = {k.lower(): v for source in (container.metadata, stream.metadata) for k, v in source.items() if v}
    return tuple(sorted(merged.items()))


def artwork(path: Path) -> bytes | None:
    """The picture inside the file, as it lies there; None where there is none that can be read."""
    try:
        with av.open(os.path.abspath(path), options=_SAFE) as container:
            for stream in container.streams.video:
                if stream.disposition & av.stream.Disposition.attached_pic:
                    for packet in container.demux(stream):
                        if packet.size:
                            return bytes(packet)
    except (av.error.FFmpegError, ValueError, OSError):
        return None  # a broken picture is no reason to refuse the music
    return None


def probe(path: Path, name: str | None = None) -> SourceInfo:
    """Read the header only. name: what to call the file where its own name says nothing.

    Raises UnreadableAudio when it is not audio, NoAudio when it holds no audio stream.
    """
    name = name or path.name
    with _open(path, name) as container:
        stream = _audio_stream(container, name)
        return _info(container, stream, name, 0)


def _open(path: Path, name: str) -> av.container.InputContainer:
    try:
        there = path.is_file()
    except OSError as error:
        raise UnreadableAudio(f"{name} cannot be read ({error.strerror}): check who may") from error
    if not there:
        raise UnreadableAudio(f"{name} is not a file: check the path")
    if path.stat().st_size == 0:
        raise NoAudio(f"{name} is empty, it holds no audio: choose another file")
    try:
        return av.open(os.path.abspath(path), metadata_errors="replace", options=_SAFE)  # a relative name with a colon would be a protocol
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise UnreadableAudio(f"{name} cannot be read as audio ({_reason(error)}): choose another file") from error


def _reason(error: Exception) -> str:
    text = (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()
    return text[:1].lower() + text[1:]


def _audio_stream(container: av.container.InputContainer, name: str) -> av.AudioStream:
    if container.format.name.endswith("_pipe") or container.format.name == "image2":
        raise UnreadableAudio(f"{name} is a picture, whatever its name says: choose a file with sound")
    if not container.streams.audio:
        raise NoAudio(f"{name} holds no audio stream: choose a file with sound")
    return container.streams.audio[0]


def _info(container: av.container.InputContainer, stream: av.AudioStream, name: str, damaged: int) -> SourceInfo:
    return SourceInfo(
        name=os.fsencode(name).decode("utf-8", "replace"),  # a name that is no UTF-8 could not be written into a report
        container=container.format.name.split(",")[0],
        codec=stream.codec_context.name,
        sample_rate_hz=int(stream.codec_context.sample_rate or 0),
        channels=int(stream.codec_context.channels or 0),
        bit_rate_bps=int(stream.bit_rate or container.bit_rate or 0) or None,
        tags=_tags(container, stream),
        artwork=None,
        damaged_packets=damaged,
    )


class DecodedFrames:
    """Decoded frames of one stream as float32 [channels, frames]; damaged packets are skipped and counted."""

    def __init__(self, container: av.container.InputContainer, stream: av.AudioStream) -> None:
        self._container, self._stream = container, stream
        self.damaged = 0
        self.sample_rate_hz = self.channels = 0

    def __iter__(self) -> Iterator[Samples]:
        resampler: av.AudioResampler | None = None
        given: tuple[str, str, int] | None = None
        for frame in self._decoded():
            if given is None:  # the first frame decides: headers lie
                layout, self.sample_rate_hz, self.channels = frame.layout, frame.sample_rate, len(frame.layout.channels)
            if (frame.format.name, frame.layout.name, frame.sample_rate) != given:  # streams may change inside, as joined files do
                if resampler is not None:
                    yield from map(self._by_channel, resampler.resample(None))
                given = (frame.format.name, frame.layout.name, frame.sample_rate)
                # interleaved: PyAV reads a plane too many behind eight planar channels, which ends the process
                resampler = av.AudioResampler(format="flt", layout=layout, rate=self.sample_rate_hz)
            assert resampler is not None
            frame.pts = None  # damaged time stamps would make the resampler fill or drop samples
            yield from map(self._by_channel, resampler.resample(frame))
        if resampler is not None:
            yield from map(self._by_channel, resampler.resample(None))

    def _by_channel(self, frame: av.AudioFrame) -> Samples:
        return np.ascontiguousarray(frame.to_ndarray().reshape(-1, self.channels).T, np.float32)

    def _decoded(self) -> Iterator[av.AudioFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self.damaged += 1  # the container is cut off: what was read before stands
                return
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                self.damaged += 1


def decode(path: Path, scratch: Path, name: str | None = None) -> Decoded:
    """Decode the first audio stream of `path` into the scratch file, at its own rate and channels. name: see `probe`.

    Raises UnreadableAudio or NoAudio in one sentence.
    """
    name = name or path.name
    with _open(path, name) as container:
        stream = _audio_stream(container, name)
        frames = DecodedFrames(container, stream)
        writer: ScratchWriter | None = None
        replaced = written = 0
        try:
            for block in frames:
                if writer is None:
                    _refuse_odd_format(name, frames.channels, frames.sample_rate_hz)
                    writer = ScratchWriter(scratch, frames.sample_rate_hz, frames.channels)
                bad = ~np.isfinite(block)
                if bad.any():
                    replaced += int(bad.sum())
                    block = np.where(bad, np.float32(0), block)
                writer.write(block)
                written += block.shape[1]
        except (av.error.FFmpegError, ValueError) as error:
            raise UnreadableAudio(f"{name} cannot be decoded ({_reason(error)}): choose another file") from error
        if writer is None or not written:
            _refuse_nothing(name, frames.damaged)
        assert writer is not None
        info = _info(container, stream, name, frames.damaged)
    audio = writer.finish()
    info = SourceInfo(
        info.name, info.container, info.codec, audio.sample_rate_hz, audio.channels, info.bit_rate_bps, info.tags,
        artwork(path), frames.damaged,
    )  # fmt: skip
    return Decoded(audio, info, replaced)


def _refuse_odd_format(name: str, channels: int, rate: int) -> None:
    if not 1 <= channels <= MAX_CHANNELS or not 1000 <= rate <= MAX_RATE_HZ:
        raise UnreadableAudio(
            f"{name} claims {channels} channels at {rate} Hz: Sideman takes 1 to {MAX_CHANNELS} channels at 1 to "
            f"{MAX_RATE_HZ // 1000} kHz, so convert it first"
        )


def _refuse_nothing(name: str, damaged: int) -> None:
    if damaged:
        raise UnreadableAudio(f"{name} is damaged, not one of its audio packets can be decoded: choose another file")
    raise NoAudio(f"{name} holds no audio: its audio stream is empty")
