"""What a person asks the band for, in their own words, made into wishes on a song."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sideman.core.fit.straighten import TempoMap
from sideman.core.generation import Direction, Generator, understand
from sideman.core.music import MusicAnalysis, StemRole, parse_progression, part_of, with_progression
from sideman.core.pipelines.songs import Song, StemWishes, playable
from sideman.core.pipelines.splicing import BaseStem
from sideman.core.pipelines.tempo import Retimed, at_tempo
from sideman.errors import UsageError

HOTTEST = 2.0


@dataclass(frozen=True)
class Order:
    """engine: the session band where empty. style None: what the prompt names, else the one that suits the song. part: `chorus`, `bars 9-16`, `0:30-1:05`.

    chords: one a bar, again from the beginning. tempo_bpm: the song read at half or double tempo, or brought to another. duration_s: only
    so far, and the stem ends there. temperature: 0 plays by the book, 1 as the style says, 2 freely. like: a song whose groove and density
    are taken over.
    """

    roles: tuple[StemRole, ...]
    style: str | None = None
    seed: int = 1
    candidates: int = 1
    part: str | None = None
    within_s: tuple[float, float] | None = None
    chords: tuple[str, ...] = ()
    tempo_bpm: float | None = None
    duration_s: float | None = None
    prompt: str = ""
    temperature: float = 1.0
    energy: int = 0
    variation: int = 0
    like: MusicAnalysis | None = None
    base: BaseStem | None = None
    engine: str = ""


@dataclass(frozen=True, eq=False)
class Prepared:
    """song: as it is, or at the tempo that was asked for; retimed: its stems do not lie on the recording."""

    song: Song
    wishes: StemWishes
    direction: Direction
    retimed: bool = False


def checked(order: Order, generator: Generator) -> StemWishes:
    """All that can be refused before the song is known. Raises UsageError."""
    if not 0 <= order.temperature <= HOTTEST or not math.isfinite(order.temperature):
        raise UsageError(f"a temperature of {order.temperature:g} is out of range: choose 0 (by the book) to {HOTTEST:g} (freely)")
    if order.seed < 0 or order.variation < 0:
        raise UsageError(f"a seed of {min(order.seed, order.variation)} is none: choose 0 or more")
    if not -3 <= order.energy <= 3:
        raise UsageError(f"an energy of {order.energy} is out of range: choose -3 (softer) to 3 (louder)")
    if order.duration_s is not None and not (order.duration_s > 0 and math.isfinite(order.duration_s)):
        raise UsageError(f"a duration of {order.duration_s:g} s is none: leave it out, or give seconds above 0")
    if order.tempo_bpm is not None and not 20 <= order.tempo_bpm <= 999:
        raise UsageError(f"a tempo of {order.tempo_bpm:g} bpm is out of range: choose 20 to 999")
    parse_progression(order.chords)
    said = _said(order, generator)
    wishes = StemWishes(
        order.roles, order.style or said.style, order.seed, order.within_s, order.candidates, base=order.base, like=order.like,
        liveliness=order.temperature * said.liveliness, energy=max(-3, min(3, order.energy + said.energy)), variation=order.variation,
        words=order.prompt,
    )  # fmt: skip
    return playable(wishes, generator)


def prepare(order: Order, song: Song, generator: Generator, progress: Callable[[float], None] = lambda share: None) -> Prepared:
    """Raises UsageError, and AnalysisError where a song without beats is asked for bars, chords or a tempo."""
    wishes = checked(order, generator)
    within = order.within_s
    retimed = at_tempo(song, order.tempo_bpm, progress) if order.tempo_bpm is not None else Retimed(song)
    song = retimed.song
    if retimed.tempo_map is not None:
        if order.base is not None:
            raise UsageError("a part of a stem is played anew at the song's own tempo: leave the tempo out")
        within = _moved(within, retimed.tempo_map) if within else None
    if order.chords:
        song = replace(song, analysis=with_progression(song.analysis, parse_progression(order.chords)))
    within = part_of(song.analysis, order.part) if order.part else within
    if order.duration_s is not None:
        start, end = within or (0.0, song.analysis.duration_s)
        within = (start, min(end, start + order.duration_s))
    wishes = replace(wishes, within_s=within, length_s=within[1] if within and order.duration_s else None)
    return Prepared(song, wishes, _said(order, generator), retimed.tempo_map is not None)


def _moved(within_s: tuple[float, float], tempo_map: TempoMap) -> tuple[float, float]:
    """The same beats of a song that was brought to another tempo."""
    start, end = tempo_map.at(np.array(within_s)).tolist()
    return max(0.0, start), end


def _said(order: Order, generator: Generator) -> Direction:
    """What the prompt says; a style in it counts where no style was chosen, and where there is more than one."""
    said = understand(order.prompt, generator.style_named if len(generator.styles) > 1 else _no_style)
    return said.without_style() if order.style and generator.style_named(order.style) != said.style else said


def _no_style(name: str) -> str:
    raise UsageError(f"no style named {name!r}")
