"""MusicAnalysis: every annotation of a recording, each with its confidence and provenance."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Generic, TypeVar

from sideman.core.audio.loudness import Loudness
from sideman.core.music.form import LyricLine, Section
from sideman.core.music.harmony import Chord, ChordSpan, Key, KeySpan
from sideman.core.music.notes import GrooveTemplate, NoteTrack
from sideman.core.music.timeline import BeatGrid, TempoAlternative
from sideman.errors import AnalysisError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who says so: engine name and version, its parameters, the stem it listened to; engine `user` is a correction."""

    engine: str
    version: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    stem: str = "mixture"


@dataclass(frozen=True, slots=True)
class Annotation(Generic[T]):
    """One statement about the recording. confidence 0..1."""

    value: T
    confidence: float
    provenance: Provenance


LIKELY = 0.1
TRUSTED_GROOVE = 0.35
"""How sure a groove template must be to be followed."""


@dataclass(frozen=True, slots=True)
class EnergyPoint:
    """Short-term level of the recording: RMS of one second, dB full scale."""

    time_s: float
    level_db: float


@dataclass(frozen=True)
class MusicAnalysis:
    """`grid`, `key`, `chords` and `sections` are None where the recording gives no answer; `remarks` then says why."""

    duration_s: float
    title: str = ""
    artist: str = ""
    grid: Annotation[BeatGrid] | None = None
    alternatives: tuple[TempoAlternative, ...] = ()
    key: Annotation[Key] | None = None
    key_spans: Annotation[tuple[KeySpan, ...]] | None = None
    chords: Annotation[tuple[ChordSpan, ...]] | None = None
    sections: Annotation[tuple[Section, ...]] | None = None
    tuning_hz: Annotation[float] | None = None
    loudness: Annotation[Loudness] | None = None
    energy: tuple[EnergyPoint, ...] = ()
    notes: tuple[Annotation[NoteTrack], ...] = ()
    groove: Annotation[GrooveTemplate] | None = None
    lyrics: Annotation[tuple[LyricLine, ...]] | None = None
    remarks: tuple[str, ...] = field(default=())

    @property
    def other_readings(self) -> tuple[TempoAlternative, ...]:
        """The alternatives worth a musician's look: those of at least LIKELY probability."""
        return tuple(a for a in self.alternatives if a.probability >= LIKELY)

    @property
    def trusted_groove(self) -> GrooveTemplate | None:
        return self.groove.value if self.groove is not None and self.groove.confidence >= TRUSTED_GROOVE else None

    def merged(self, other: MusicAnalysis) -> MusicAnalysis:
        """This part of an analysis with what the other part adds; where both say something, the other counts. Remarks are joined."""
        said = {f.name: v for f in fields(other) if f.name not in ("duration_s", "remarks") and (v := getattr(other, f.name))}
        return replace(self, **said, remarks=self.remarks + other.remarks)

    def require_grid(self) -> BeatGrid:
        """The beat grid. Raises AnalysisError where none was found."""
        if self.grid is None:
            raise AnalysisError("no steady pulse was found in this recording: stems need beats to be placed on")
        return self.grid.value

    def chord_at(self, time_s: float) -> Chord:
        for span in self.chords.value if self.chords else ():
            if span.start_s <= time_s < span.end_s:
                return span.chord
        return Chord(None)

    def section_at(self, time_s: float) -> Section | None:
        for section in self.sections.value if self.sections else ():
            if section.start_s <= time_s < section.end_s:
                return section
        return None
