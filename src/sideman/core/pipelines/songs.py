"""A song that stems are made for, what is wished of them, and what their players are told of the song."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sideman.core import analysis as analysis_engine
from sideman.core.audio import AudioReader, Recording, ScratchAudio
from sideman.core.fit.listening import SAMPLE_RATE_HZ
from sideman.core.generation import Generator, SongContext, SuitedStyle, hear_surroundings, suited_styles
from sideman.core.music import MusicAnalysis, StemRole
from sideman.core.pipelines.splicing import BaseStem
from sideman.errors import AnalysisError, UsageError

FREE_ROLES = (StemRole.PAD, StemRole.STRINGS)
MOST_CANDIDATES = 16


@dataclass(frozen=True)
class StemWishes:
    """style None: the one that suits the song. candidates: performances of each role, one seed after another. liveliness, energy, variation, words: see GenerationRequest.

    like: another song whose groove and density are taken over. length_s: the stem ends there. base: a stem of which only within_s is played anew.
    tries: performances, by one seed after another, until the judge refuses none; an engine may have more of its own.
    """

    roles: tuple[StemRole, ...]
    style: str | None
    seed: int
    within_s: tuple[float, float] | None = None
    candidates: int = 1
    liveliness: float = 1.0
    energy: int = 0
    variation: int = 0
    words: str = ""
    like: MusicAnalysis | None = None
    length_s: float | None = None
    base: BaseStem | None = None
    tries: int = 1


@dataclass(frozen=True, eq=False)
class Song:
    """What stems are made for. drums: its own drum stem where there is one, from which its groove is taken."""

    recording: Recording
    analysis: MusicAnalysis
    drums: AudioReader | None = None

    def close(self) -> None:
        """Remove the scratch files of a recording that was made for this song alone."""
        self.recording.close()
        if isinstance(self.recording.audio, ScratchAudio):
            self.recording.audio.remove()


def playable(wishes: StemWishes, generator: Generator) -> StemWishes:
    """The wishes with the own name of a style that was named. Raises UsageError, before any work is done, for what the generator cannot play."""
    for role in wishes.roles:
        if role not in generator.roles:
            raise UsageError(f"the engine {generator.name} plays no {role}: it plays {', '.join(r.value for r in generator.roles)}")
    if not wishes.roles:
        raise UsageError(f"no stems were asked for: choose from {', '.join(r.value for r in generator.roles)}")
    if not 1 <= wishes.candidates <= MOST_CANDIDATES:
        raise UsageError(f"{wishes.candidates} candidates were asked for: there can be 1 to {MOST_CANDIDATES} of each stem")
    return replace(wishes, style=generator.style_named(wishes.style)) if wishes.style else wishes


def followers(analysis: MusicAnalysis, roles: Sequence[StemRole]) -> tuple[StemRole, ...]:
    """Those of the roles that can follow this song: without a pulse, held chords alone; without chords too, nothing."""
    if analysis.grid is not None:
        return tuple(roles)
    chords = analysis.chords.value if analysis.chords else ()
    return tuple(r for r in roles if r in FREE_ROLES) if any(c.chord.root is not None for c in chords) else ()


def song_context(song: Song, wishes: StemWishes) -> SongContext:
    """Raises AnalysisError where a song without beats cannot be followed by any of the stems that are asked for."""
    analysis = song.analysis
    if analysis.grid is None and not set(wishes.roles) <= set(FREE_ROLES):
        raise AnalysisError("no steady pulse was found in this recording: only pad and strings can follow it freely, ask for those")
    if song.drums is not None and analysis.grid is not None:
        found = analysis_engine.find_groove(song.drums, analysis.grid.value, song.recording.scratch_folder / "groove.f32")
        analysis = replace(analysis, groove=found) if found is not None else analysis
    context = SongContext.from_analysis(analysis, hear_surroundings(song.recording.mono(SAMPLE_RATE_HZ)))
    context = replace(context, audio=song.recording.audio)
    if wishes.style is None and analysis.grid is not None:
        context = replace(context, accents=analysis_engine.find_bar_accents(song.recording, analysis.grid.value))
    return context.like(wishes.like) if wishes.like is not None else context


def suiting(excerpt: Recording, analysis: MusicAnalysis, starts_s: float = 0.0) -> tuple[SuitedStyle, ...]:
    """The styles that suit a song of which an excerpt is heard, the best one first. Raises AnalysisError where it has neither beats nor chords.

    starts_s: where the excerpt lies in the song.
    """
    context = SongContext.from_analysis(analysis)
    if analysis.grid is not None:
        context = replace(context, accents=analysis_engine.find_bar_accents(excerpt, analysis.grid.value, starts_s))
    return suited_styles(context)
