"""What jobs are asked for with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sideman.app.separators import Separators
from sideman.core.music import StemRole
from sideman.infra.database import INTERACTIVE, Json

MOST_LANES = 32
FORMATS = ("flac", "wav", "mp3")
MOST_CANDIDATES = 4


@dataclass(frozen=True, slots=True)
class GenerationWish:
    """candidates: performances of each role, with one seed after another. chords: (start_s, end_s, Harte label) instead of those found."""

    roles: tuple[StemRole, ...]
    style: str = "rock"
    seed: int | None = None
    candidates: int = 1
    within_s: tuple[float, float] | None = None
    chords: tuple[tuple[float, float, str], ...] = ()

    def details(self) -> Json:
        """What differs from the simplest wish."""
        found: Json = {}
        if self.candidates > 1:
            found["candidates"] = self.candidates
        if self.within_s is not None:
            found["within_s"] = list(self.within_s)
        if self.chords:
            found["chords"] = [list(c) for c in self.chords]
        return found


@dataclass(frozen=True, slots=True)
class SeparationWish:
    """roles: which stems, None for all of the preset. preview_s: only the loudest part of that many seconds, to hear the preset first."""

    preset: str = "preview"
    roles: tuple[StemRole, ...] | None = None
    preview_s: float | None = None


@dataclass(frozen=True, slots=True)
class MixLane:
    """stem_id None is the recording itself."""

    stem_id: str | None
    gain_db: float = 0.0
    pan: float = 0.0


@dataclass(frozen=True, slots=True)
class MixWish:
    lanes: tuple[MixLane, ...]
    file_format: str = "flac"
    target_lufs: float = -14.0


@dataclass(frozen=True, slots=True)
class FileWish:
    """A file to be made by a job. asked: see NewJob."""

    kind: str
    file_name: str
    request: Json
    asked: Json


@dataclass(frozen=True, slots=True)
class How:
    """How a job is asked for. again: also when an equal one was done before."""

    urgency: str = INTERACTIVE
    idempotency_key: str | None = None
    again: bool = False


NOW = How()


@dataclass(frozen=True, slots=True)
class GeneratorFacts:
    """licence: under which its sound may be used."""

    name: str
    licence: str
    about: str


@dataclass(frozen=True, slots=True)
class StyleFacts:
    """traits: the three things by which a listener knows it."""

    name: str
    title: str
    traits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Playable:
    """What can be generated, and which separators there are: told by bootstrap, so that a wrong wish is refused when it is made.

    parts: what is played for each role. style_named: the style of a name or alias, or UsageError.
    """

    parts: Mapping[StemRole, str]
    styles: tuple[StyleFacts, ...]
    style_named: Callable[[str], str]
    separators: Separators
    generators: tuple[GeneratorFacts, ...]

    @property
    def roles(self) -> tuple[StemRole, ...]:
        return tuple(self.parts)
