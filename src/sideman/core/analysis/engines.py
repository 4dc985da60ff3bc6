"""Which engine answers which question. None is the default one; every other is a protocol that an installed engine fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sideman.core.analysis.notes import NoteOptions
from sideman.core.audio import AudioReader
from sideman.core.music import BeatGrid, ChordSpan, Key, NoteEvent


class Engine(Protocol):
    """Engines hear mono at their own rate."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def sample_rate_hz(self) -> int: ...


class BeatEngine(Engine, Protocol):
    def grid(self, reader: AudioReader) -> tuple[BeatGrid, float] | None:
        """Beats and bars with a confidence 0..1; None where there is no pulse."""


class ChordEngine(Engine, Protocol):
    def chords(self, reader: AudioReader) -> tuple[ChordSpan, ...]: ...


class KeyEngine(Engine, Protocol):
    def key(self, reader: AudioReader) -> tuple[Key, float]:
        """The key and its probability."""


class NoteEngine(Engine, Protocol):
    def notes(self, reader: AudioReader, options: NoteOptions) -> tuple[NoteEvent, ...]:
        """Notes within the range of the options, by start and pitch."""


@dataclass(frozen=True)
class AnalysisEngines:
    """notes: None means that no notes are wanted."""

    beats: BeatEngine | None = None
    chords: ChordEngine | None = None
    key: KeyEngine | None = None
    notes: NoteEngine | None = None


DEFAULT_ENGINES = AnalysisEngines()
