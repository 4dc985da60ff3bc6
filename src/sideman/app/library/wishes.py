"""What jobs are asked for with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from sideman.app.engines import BAND
from sideman.app.fitting import FitWish
from sideman.app.separators import Separators
from sideman.core.models.catalog import Use
from sideman.core.music import StemRole
from sideman.core.pipelines import Order
from sideman.core.pipelines.songs import StemWishes
from sideman.infra.database import INTERACTIVE, Json

MOST_LANES = 32
FORMATS = ("flac", "wav", "mp3")
MOST_CANDIDATES = 4


@dataclass(frozen=True, slots=True)
class GenerationWish:
    """candidates: performances of each role, with one seed after another. chords: (start_s, end_s, Harte label) instead of those found.

    style None: what the prompt names, else the one that suits the song. progression: chords one a bar. like: a recording whose groove and density are taken over.
    base: a stem of which only within_s is played anew. The rest as in Order.
    """

    roles: tuple[StemRole, ...]
    style: str | None = None
    seed: int | None = None
    candidates: int = 1
    within_s: tuple[float, float] | None = None
    chords: tuple[tuple[float, float, str], ...] = ()
    progression: tuple[str, ...] = ()
    tempo_bpm: float | None = None
    duration_s: float | None = None
    prompt: str = ""
    temperature: float = 1.0
    energy: int = 0
    variation: int = 0
    like: str | None = None
    base: str | None = None
    engine: str = ""

    def details(self) -> Json:
        """What differs from the simplest wish."""
        found: Json = {}
        if self.candidates > 1:
            found["candidates"] = self.candidates
        if self.within_s is not None:
            found["within_s"] = list(self.within_s)
        if self.chords:
            found["chords"] = [list(c) for c in self.chords]
        if self.progression:
            found["progression"] = list(self.progression)
        for name, plain in (
            ("tempo_bpm", None),
            ("duration_s", None),
            ("prompt", ""),
            ("temperature", 1.0),
            ("energy", 0),
            ("variation", 0),
            ("like", None),
            ("base", None),
            ("engine", ""),
        ):
            if (value := getattr(self, name)) != plain:
                found[name] = value
        return found

    def order(self) -> Order:
        """What can be checked before the song is known."""
        return Order(
            self.roles, self.style, self.seed or 0, 1, None, self.within_s, self.progression, self.tempo_bpm, self.duration_s, self.prompt,
            self.temperature, self.energy, self.variation, engine=self.engine,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SeparationWish:
    """roles: which stems, None for all of the preset. preview_s: only the loudest part of that many seconds, to hear the preset first."""

    preset: str = "preview"
    roles: tuple[StemRole, ...] | None = None
    preview_s: float | None = None


@dataclass(frozen=True, slots=True)
class LoopWish:
    """clip: the recording that holds the loop. fit: where and how it is to lie on the song."""

    clip: str
    fit: FitWish

    def details(self) -> Json:
        """What was said; what is left out is decided by listening."""
        said = {k: v for k, v in asdict(self.fit).items() if v is not None}
        return {"clip": self.clip} | said | {"role": self.fit.role.value}


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
class ExportWish:
    """even_tempo: everything warped onto one tempo. tempo_bpm: which, None for the song's own. project: a DAWproject in place of a ZIP."""

    even_tempo: bool = False
    tempo_bpm: float | None = None
    project: bool = False


AS_IT_IS = ExportWish()


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
    """engine: what a wish names it by. licence: under which its sound may be used, use: what that allows. roles: what it plays. problem: why
    it cannot be used here, None when it can. together: all stems of a wish in one task. weights: a hash of them, empty for none."""

    engine: str
    name: str
    licence: str
    about: str
    use: Use
    roles: tuple[StemRole, ...]
    problem: str | None = None
    together: bool = False
    weights: str = ""


@dataclass(frozen=True, slots=True)
class StyleFacts:
    """traits: the three things by which a listener knows it."""

    name: str
    title: str
    traits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Playable:
    """What can be generated, and which separators there are: told by bootstrap, so that a wrong wish is refused when it is made.

    parts: what is played for each role. style_named: the style of a name or alias, or UsageError. check: what an order comes to, or UsageError.
    """

    parts: Mapping[StemRole, str]
    styles: tuple[StyleFacts, ...]
    style_named: Callable[[str], str]
    check: Callable[[Order], StemWishes]
    separators: Separators
    generators: Callable[[], tuple[GeneratorFacts, ...]]

    def generator(self, engine: str) -> GeneratorFacts | None:
        """None for one that is not listed, such as the mock."""
        return next((g for g in self.generators() if g.engine == (engine or BAND)), None)

    @property
    def roles(self) -> tuple[StemRole, ...]:
        return tuple(self.parts)
