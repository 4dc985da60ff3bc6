"""Untrusted files are decoded in a child process: with limits on memory and time, and nothing but itself to lose."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from sideman.core.generation import SuitedStyle
from sideman.core.music import MusicAnalysis, to_jams
from sideman.errors import JobFailed, UnreadableAudio
from sideman.infra.jobs import SCRATCH, ChildDied, OutOfTime, WarmProcess
from sideman.infra.settings import Limits

INSIDE = "sideman.app.workflows."
Json = dict[str, Any]


class Decoder:
    """One child, one file at a time. Every method raises what the decoding raises, and UnreadableAudio over the limits."""

    def __init__(self, limits: Limits, scratch: Path) -> None:
        self._limits = limits
        self._child = WarmProcess("", {SCRATCH: str(scratch)}, limits.decode_memory_bytes)
        self._one = threading.Lock()

    def inspect(self, path: Path, name: str) -> Json:
        """What the library wants to know about a file; it is decoded to its end."""
        return self._call("decoding:inspect_file", {"path": str(path), "name": name, **self._audio_limits()}, name)

    def join(self, files: list[Json], folder: Path, title: str) -> Json:
        """Stems, each with path and name, as lossless files in `folder`, and their sum."""
        return self._call(
            "decoding:join_stems", {"files": files, "folder": str(folder), "title": title, **self._audio_limits()}, title, len(files)
        )

    def draw_peaks(self, path: Path, out: Path) -> None:
        self._call("decoding:draw_peaks", {"path": str(path), "out": str(out)}, "this audio")

    def rank_styles(self, path: Path, analysis: MusicAnalysis) -> tuple[SuitedStyle, ...]:
        """The band's styles by how they suit a song; path: its lossless file."""
        found = self._call("suiting:rank_styles", {"path": str(path), "jams": to_jams(analysis)}, "this audio")
        return tuple(SuitedStyle(s["name"], s["score"]) for s in found["styles"])

    def _audio_limits(self) -> Json:
        return {"duration_s": self._limits.duration_s, "channels": self._limits.channels, "rate_hz": self._limits.rate_hz}

    def _call(self, what: str, arguments: Json, name: str, files: int = 1) -> Json:
        seconds = self._limits.decode_s * files
        try:
            with self._one:
                return self._child.call(INSIDE + what, arguments, {}, lambda step, share: None, seconds)
        except OutOfTime as error:
            raise UnreadableAudio(f"{name} takes longer than {seconds} s to decode: convert it to FLAC or WAV first") from error
        except ChildDied as error:
            raise UnreadableAudio(f"{name} makes the decoder crash or take too much memory: export it again from its source") from error
        except JobFailed as error:  # of a file, not of a job
            raise UnreadableAudio(f"{name} cannot be decoded ({error})") from error

    def close(self) -> None:
        self._child.kill()
