"""What the REST face takes and gives of generations and the engines that make them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from sideman.app.library.wishes import GeneratorFacts
from sideman.faces.rest.shapes import Ident, Name, Shape, Text


class ChordWish(Shape):
    """label: a Harte chord label such as `A:min7`."""

    start_s: float = Field(ge=0, allow_inf_nan=False)
    end_s: float = Field(ge=0, allow_inf_nan=False)
    label: Name


class GenerateRequest(Shape):
    """Without a seed every request plays a new performance; candidates: how many of each stem, one seed after another.

    startS, endS: play in this part of the song only. chords: take these there instead of those found. progression: chords one a bar, again
    from the beginning when they are over. style: left out, what the prompt names, else what suits the song. tempoBpm: half or double of the song's reads it
    so, another tempo makes stems for it. temperature: 0 by the book, 1 as the style says, 2 freely. energy: levels louder or softer.
    variation: another number varies the same performance. like: a recording whose groove and density are taken over. base: a stem of this
    recording that is kept outside startS to endS. engine: the session band, `mock`, or a network by the name that GET /api/v1/engines gives.
    """

    roles: list[Name] = Field(max_length=16)
    style: Name | None = None
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    candidates: int = Field(1, ge=1, le=4)
    start_s: float | None = Field(None, ge=0, allow_inf_nan=False)
    end_s: float | None = Field(None, ge=0, allow_inf_nan=False)
    chords: list[ChordWish] = Field(default=[], max_length=2000)
    progression: list[Name] = Field(default=[], max_length=500)
    tempo_bpm: float | None = Field(None, gt=0, le=1000, allow_inf_nan=False)
    duration_s: float | None = Field(None, gt=0, le=86_400, allow_inf_nan=False)
    prompt: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] = ""
    temperature: float = Field(1.0, ge=0, le=2, allow_inf_nan=False)
    energy: int = Field(0, ge=-3, le=3)
    variation: int = Field(0, ge=0, le=9999)
    like: Ident | None = None
    base: Ident | None = None
    engine: Text = ""
    again: bool = False


class FitRequest(Shape):
    """clip: the recording of the library that holds the loop. role: what it plays. at: where it begins (`bar 9`, `chorus`, `0:31-0:40`), range: the
    part of the song that it may fill. loop: through that part (true) or once (false). transpose: semitones; followChords: chord by chord.
    What is left out is decided by listening.
    """

    clip: Ident
    role: Name = "other"
    at: Name | None = None
    range: Name | None = None
    loop: bool | None = None
    transpose: int | None = Field(None, ge=-24, le=24)
    follow_chords: bool | None = None
    again: bool = False


class GenerationShape(Shape):
    id: str
    recording_id: str
    job_id: str | None
    roles: list[str]
    parameters: dict[str, Any]
    created_at: datetime


class StyleShape(Shape):
    """traits: the three things by which a listener knows the style."""

    name: str
    title: str
    traits: list[str]


class SuitedStyleShape(Shape):
    """score: likeness of the style's accents to the song's (1 the same, 0 none), less what speaks against it."""

    name: str
    score: float


class GeneratorShape(Shape):
    """An engine that plays new stems: `engine` is what a request names it by. licence: under which its sound may be used, use: what that
    allows. problem: why it cannot be used here, null when it can; a network that is not installed is named with the command that does it."""

    engine: str
    name: str
    licence: str
    about: str
    use: Literal["commercial", "revenue limit", "contested", "not stated", "non-commercial"]
    roles: list[str]
    problem: str | None

    @classmethod
    def of(cls, g: GeneratorFacts) -> GeneratorShape:
        return cls(
            engine=g.engine,
            name=g.name,
            licence=g.licence,
            about=g.about,
            use=g.use.value,
            roles=[r.value for r in g.roles],
            problem=g.problem,
        )


class EnginesShape(Shape):
    """What this server can do. parts: what is played for each of generationRoles."""

    separator: str
    generation_roles: list[str]
    parts: dict[str, str]
    styles: list[str]
    style_cards: list[StyleShape]
    generators: list[GeneratorShape]
