"""What jobs are asked for with."""

from __future__ import annotations

from dataclasses import dataclass

from sideman.core.music import StemRole
from sideman.infra.database import INTERACTIVE, Json

MOST_LANES = 32
FORMATS = ("flac", "wav", "mp3")


@dataclass(frozen=True, slots=True)
class GenerationWish:
    roles: tuple[StemRole, ...]
    style: str = "rock"
    seed: int | None = None


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
class Playable:
    """What can be generated, and which separator is there: told by bootstrap, so that a wrong wish is refused when it is made."""

    roles: tuple[StemRole, ...]
    styles: tuple[str, ...]
    separator: str
