"""What every generation engine takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sideman.core.audio import AudioReader, ScratchAudio
from sideman.core.generation.context import SongContext
from sideman.core.music import NoteEvent, Provenance, StemRole

EARLY_S = 0.03
"""A note that is played a little before the beat belongs to that beat, also where a part of a song begins or ends."""
Progress = Callable[[float], None]


def no_progress(share: float) -> None:
    """The default: nobody watches."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One stem. frames: its exact length at sample_rate_hz. within_s: notes begin and end in this part of the song only.

    liveliness: how far a player varies, 1 as the style says, 0 not at all. energy: levels louder or softer than the song asks for.
    variation: another number varies the same performance in its details. words: what a person said, for engines that are told in words.
    base: the stem of which only within_s is played anew, for engines that can hear it.
    """

    role: StemRole
    style: str
    seed: int
    frames: int
    sample_rate_hz: int
    within_s: tuple[float, float] | None = None
    liveliness: float = 1.0
    energy: int = 0
    variation: int = 0
    words: str = ""
    base: AudioReader | None = None


@dataclass(frozen=True, eq=False)
class GeneratedStem:
    """audio: stereo, exactly as long as asked for. notes are empty for engines that make sound directly.

    passages_s: parts of the song that were made in one piece each, and may have slipped against it; none for what is on the grid by itself.
    """

    role: StemRole
    style: str
    seed: int
    audio: ScratchAudio
    notes: tuple[NoteEvent, ...]
    program: int
    provenance: Provenance
    passages_s: tuple[tuple[float, float], ...] = ()


class Generator(Protocol):
    """at_once: stems that are best asked for together. tries: performances that the judge may refuse before `stand_in` plays instead."""

    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> tuple[StemRole, ...]: ...
    @property
    def at_once(self) -> int: ...
    @property
    def tries(self) -> int: ...
    @property
    def stand_in(self) -> Generator | None: ...
    @property
    def styles(self) -> tuple[str, ...]: ...
    @property
    def note(self) -> str:
        """What every listener must know of what this engine makes; empty for most."""
        ...

    def style_named(self, name: str) -> str:
        """The style of that name or alias. Raises UsageError."""
        ...

    def write(self, context: SongContext, role: StemRole, style: str, seed: int) -> tuple[NoteEvent, ...]:
        """The notes of a part in seconds; empty for engines that make sound directly."""
        ...

    def generate(self, context: SongContext, request: GenerationRequest, folder: Path, progress: Progress = no_progress) -> GeneratedStem:
        """Write the stem into scratch files in `folder`. Raises UsageError for an unknown role or style."""
        ...

    def generate_all(
        self, context: SongContext, requests: Sequence[GenerationRequest], folder: Path, progress: Progress = no_progress
    ) -> tuple[GeneratedStem, ...]:
        """The same for several, in their order; they agree in length and part of the song."""
        ...
