"""Look through an untrusted file once, from beginning to end, without keeping what it decodes to.

Meant for a process of its own with memory and time limits: decoders are large and files lie.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from sideman.core.audio.decoding import DecodedFrames, SourceInfo, _audio_stream, _info, _open, artwork
from sideman.errors import NoAudio, TooLarge, UnreadableAudio

MISSING_SHARE = 0.01
MISSING_S = 0.25
STREAMED_SIZE = 0x7FFFF000
"""From here on a size in a WAV file may be what sox and arecord write when they cannot know it yet."""
LONGEST_HEADER = 1 << 20
EXACT_CONTAINERS = ("flac", "wav", "aiff", "mov", "w64", "caf", "matroska")
"""Formats that state their length at their beginning. Of an MP3 only one with a Xing header does; an Ogg states it on its last page."""
PLAIN_WAV = (1, 3, 0xFFFE)
"""PCM, float, extensible: compressed formats state a byte rate that is only about right."""
PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"GIF8": "image/gif", b"RIFF": "image/webp"}


@dataclass(frozen=True, slots=True)
class AudioLimits:
    duration_s: float
    channels: int
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """info.artwork is the picture, artwork_type its media type where it is one that browsers show."""

    info: SourceInfo
    frames: int
    peak: float
    artwork_type: str | None

    @property
    def duration_s(self) -> float:
        return self.frames / self.info.sample_rate_hz


def inspect(path: Path, name: str, limits: AudioLimits, progress: Callable[[float], None] = lambda share: None) -> Inspection:
    """Decode a file to its end.

    Raises, each in one sentence: NoAudio (empty, or no audio stream), UnreadableAudio (no audio at all, truncated, samples that are
    no numbers), TooLarge (over the limits, so that a small file cannot decode without end).
    """
    with _open(path, name) as container:
        stream = _audio_stream(container, name)
        stated_s = _stated_duration_s(container, stream, path)
        frames = DecodedFrames(container, stream)
        count, peak = 0, 0.0
        try:
            for block in frames:
                _refuse_over_limits(name, frames, limits)
                top = float(np.abs(block).max(initial=0.0))
                if not np.isfinite(top):
                    raise UnreadableAudio(f"{name} holds samples that are no numbers (NaN or infinity): export it again from its source")
                peak = max(peak, top)
                count += block.shape[1]
                if count > limits.duration_s * frames.sample_rate_hz:
                    raise TooLarge(f"{name} is longer than {limits.duration_s / 60:.0f} minutes, the longest that may be added: split it")
                progress(min(1.0, count / frames.sample_rate_hz / stated_s) if stated_s else 0.0)
        except (av.error.FFmpegError, ValueError) as error:
            raise UnreadableAudio(f"{name} cannot be decoded ({error}): choose another file") from error
        if not count:
            if frames.damaged:
                raise UnreadableAudio(f"{name} is damaged, not one of its audio packets can be decoded: choose another file")
            raise NoAudio(f"{name} holds no audio: its audio stream is empty")
        found_s = count / frames.sample_rate_hz
        if stated_s is not None and stated_s - found_s > max(MISSING_S, MISSING_SHARE * stated_s):
            raise UnreadableAudio(
                f"{name} is cut off or damaged: it states {stated_s:.1f} s and holds {found_s:.1f} s, so copy or export it again"
            )
        info = _info(container, stream, name, frames.damaged)
    picture = artwork(path)
    info = SourceInfo(
        info.name, info.container, info.codec, frames.sample_rate_hz, frames.channels, info.bit_rate_bps, info.tags, picture, frames.damaged
    )
    kind = next((k for magic, k in PICTURES.items() if picture and picture.startswith(magic)), None)
    return Inspection(info, count, peak, kind)


def _refuse_over_limits(name: str, frames: DecodedFrames, limits: AudioLimits) -> None:
    if frames.channels > limits.channels:
        raise TooLarge(f"{name} has {frames.channels} channels, {limits.channels} are the most that may be added: fold it down first")
    if not 1000 <= frames.sample_rate_hz <= limits.rate_hz:
        raise TooLarge(f"{name} has a rate of {frames.sample_rate_hz} Hz, 1000 to {limits.rate_hz} may be added: resample it first")


def _stated_duration_s(container: av.container.InputContainer, stream: av.AudioStream, path: Path) -> float | None:
    """The length that the file's own header promises; None where a length would be a guess from the file's size."""
    kind = container.format.name
    if kind == "mp3":
        return _xing_duration_s(path)
    if kind == "wav":
        return _wav_duration_s(path)
    if not any(part in kind for part in EXACT_CONTAINERS):
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.streams.video:
        return None  # the container is as long as its picture
    return container.duration / av.time_base if container.duration else None


def _wav_duration_s(path: Path) -> float | None:
    """From the size in the data chunk's header: FFmpeg corrects a size that is more than the file holds."""
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return None
        file.seek(12)
        rate = 0
        while len(head := file.read(8)) == 8:
            tag, size = head[:4], struct.unpack("<I", head[4:])[0]
            if tag == b"data":
                unknown = not size or size >= 0xFFFFFF00 or (size >= STREAMED_SIZE and size > path.stat().st_size)
                return size / rate if rate and not unknown else None
            body = file.read(min(size, LONGEST_HEADER)) if tag == b"fmt " else b""
            if len(body) >= 12 and struct.unpack("<H", body[:2])[0] in PLAIN_WAV:
                rate = struct.unpack("<I", body[8:12])[0]
            file.seek(size + (size & 1) - len(body), 1)
    return None


def _xing_duration_s(path: Path) -> float | None:
    """Frames x samples per frame of a Xing or Info header, in the first frame after an ID3 tag."""
    with path.open("rb") as file:
        head = file.read(10)
        start = 0
        if head[:3] == b"ID3" and len(head) == 10:
            start = 10 + sum((b & 0x7F) << (7 * (3 - k)) for k, b in enumerate(head[6:10]))
        file.seek(start)
        frame = file.read(400)
    if len(frame) < 200 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return None
    version, rate_index = frame[1] >> 3 & 3, frame[2] >> 2 & 3
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0 or rate_index == 3 or version == 1 or not frame[at + 7] & 1:
        return None
    rate = (44100, 48000, 32000)[rate_index] / {3: 1, 2: 2, 0: 4}[version]
    return float(struct.unpack(">I", frame[at + 8 : at + 12])[0] * (1152 if version == 3 else 576) / rate)
