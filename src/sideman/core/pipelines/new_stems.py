"""Generate stems for a song, several candidates of each where wanted, and let the judge hear each of them."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sideman.core import analysis as analysis_engine
from sideman.core import fit
from sideman.core.audio import AudioReader, Recording, ScratchAudio, ScratchWriter, resampled_blocks
from sideman.core.fit import figures
from sideman.core.fit.listening import SAMPLE_RATE_HZ
from sideman.core.generation import GeneratedStem, GenerationRequest, Generator, SongContext, hear_surroundings
from sideman.core.music import MusicAnalysis, NoteEvent, StemRole
from sideman.core.pipelines.concurrency import Watch, together
from sideman.core.pipelines.splicing import BaseStem, spliced, spliced_notes
from sideman.errors import AnalysisError, UsageError

FREE_ROLES = (StemRole.PAD, StemRole.STRINGS)
FREE_NOTE = "No steady pulse was found: this part follows the chords freely, without beats."
MOST_CANDIDATES = 16


@dataclass(frozen=True, eq=False)
class NewStem:
    """A generated stem and what the judge says of it. rank: 1 for the best candidate of its role. note: what a listener must know."""

    stem: GeneratedStem
    report: fit.FitReport
    rank: int = 1
    note: str = ""

    @property
    def accepted(self) -> bool:
        return self.report.verdict is fit.Verdict.ACCEPTED


@dataclass(frozen=True)
class StemWishes:
    """candidates: performances of each role, one seed after another. liveliness, energy, variation: see GenerationRequest.

    like: another song whose groove and density are taken over. length_s: the stem ends there. base: a stem of which only within_s is played anew.
    """

    roles: tuple[StemRole, ...]
    style: str
    seed: int
    within_s: tuple[float, float] | None = None
    candidates: int = 1
    liveliness: float = 1.0
    energy: int = 0
    variation: int = 0
    like: MusicAnalysis | None = None
    length_s: float | None = None
    base: BaseStem | None = None


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
    """The wishes with the style's own name. Raises UsageError, before any work is done, for what the generator cannot play."""
    for role in wishes.roles:
        if role not in generator.roles:
            raise UsageError(f"the band plays no {role}: it plays {', '.join(r.value for r in generator.roles)}")
    if not wishes.roles:
        raise UsageError(f"no stems were asked for: choose from {', '.join(r.value for r in generator.roles)}")
    if not 1 <= wishes.candidates <= MOST_CANDIDATES:
        raise UsageError(f"{wishes.candidates} candidates were asked for: there can be 1 to {MOST_CANDIDATES} of each stem")
    return replace(wishes, style=generator.style_named(wishes.style))


def judged_mono(audio: AudioReader, path: Path) -> ScratchAudio:
    """A stem as the judge hears it: mono at 22,050 Hz."""
    with ScratchWriter(path, SAMPLE_RATE_HZ, 1) as writer:
        for block in resampled_blocks(audio, SAMPLE_RATE_HZ, lambda b: b.mean(0, keepdims=True, dtype=np.float32)):
            writer.write(block)
        return writer.finish()


def song_context(song: Song, wishes: StemWishes) -> SongContext:
    """Raises AnalysisError where a song without beats cannot be followed by any of the stems that are asked for."""
    analysis = song.analysis
    if analysis.grid is None and not set(wishes.roles) <= set(FREE_ROLES):
        raise AnalysisError("no steady pulse was found in this recording: only pad and strings can follow it freely, ask for those")
    if song.drums is not None and analysis.grid is not None:
        found = analysis_engine.find_groove(song.drums, analysis.grid.value, song.recording.scratch_folder / "groove.f32")
        analysis = replace(analysis, groove=found) if found is not None else analysis
    context = SongContext.from_analysis(analysis, hear_surroundings(song.recording.mono(SAMPLE_RATE_HZ)))
    return context.like(wishes.like) if wishes.like is not None else context


def figures_of(stem: AudioReader, mono: AudioReader, notes: Sequence[NoteEvent], song: Song, role: StemRole) -> fit.FitFigures:
    """All the figures of a stem; its onsets from its notes where it has any, else from its sound."""
    analysis, found = song.analysis, fit.FitFigures()
    if analysis.grid is not None:
        scratch = song.recording.scratch_folder / f"onsets-{id(stem)}.f32"
        onsets = np.array([n.start_s for n in notes]) if notes else analysis_engine.find_onsets(stem, scratch)
        found = figures.of_onsets(onsets, analysis)
    tones = figures.tone_shares(notes, analysis) if notes and role.pitched else None
    return replace(
        found, chord_tone_share=tones.chord if tones else None, chord_or_scale_share=tones.chord_or_scale if tones else None,
        loudness_lufs=figures.loudness_of(stem), masked_share=figures.masked_share(song.recording.mono(SAMPLE_RATE_HZ), mono),
        clipped_share=figures.clipped_share(stem),
    )  # fmt: skip


def tempo_warnings(analysis: MusicAnalysis) -> tuple[str, ...]:
    """Half and double time cannot be told by sound: what the beat tracker says of them stands beside the score, with its confidence."""
    found = []
    for reading in analysis.other_readings:
        if reading.relation in ("half", "double"):
            percent = round(100 * reading.probability)
            found.append(
                f"The song may also be felt at {reading.tempo_bpm:.0f} bpm ({percent} % likely): half or double time cannot be told by sound."
            )
    return tuple(found)


def new_stems(song: Song, wishes: StemWishes, generators: Callable[[], Generator], watch: Watch, threads: int) -> tuple[NewStem, ...]:
    """Every candidate of every role, in the order asked for and the best of each role first. Every thread has a generator of its own."""
    context, recording = song_context(song, wishes), song.recording
    heard_song = fit.listen(recording.mono(SAMPLE_RATE_HZ))
    folder = recording.scratch_folder
    frames = recording.frames if wishes.length_s is None else min(recording.frames, round(wishes.length_s * recording.sample_rate_hz))
    wanted = [(role, k) for role in wishes.roles for k in range(wishes.candidates)]
    idle: queue.SimpleQueue[Generator] = queue.SimpleQueue()
    workers = max(1, min(threads, len(wanted)))
    for _ in range(workers):
        idle.put(generators())
    shares = dict.fromkeys(wanted, 0.0)

    def report(key: tuple[StemRole, int], share: float) -> None:
        shares[key] = share
        watch("play along", sum(shares.values()) / len(wanted))

    def one(key: tuple[StemRole, int]) -> NewStem:
        role, k = key
        generator = idle.get()
        try:
            request = GenerationRequest(
                role, wishes.style, wishes.seed + k, frames, recording.sample_rate_hz, wishes.within_s, wishes.liveliness,
                wishes.energy, wishes.variation,
            )  # fmt: skip
            stem = generator.generate(context, request, folder, lambda share: report(key, 0.6 * share))
            said = " ".join(n for n in (generator.note, FREE_NOTE if context.free else "") if n)
        finally:
            idle.put(generator)
        if wishes.base is not None and wishes.within_s is not None:
            audio = spliced(wishes.base.audio, stem.audio, wishes.within_s, folder / f"spliced-{role}-{k}.f32")
            stem.audio.remove()
            stem = replace(stem, audio=audio, notes=spliced_notes(wishes.base.notes, stem.notes, wishes.within_s))
        mono = judged_mono(stem.audio, folder / f"judge-{role}-{k}.f32")
        heard = fit.listen(mono, heard_song.tuning_semitones)
        report(key, 0.75)
        verdict = fit.judge(heard_song, heard, role)
        judged = fit.with_figures(verdict, figures_of(stem.audio, mono, stem.notes, song, role), tempo_warnings(song.analysis))
        mono.remove()
        report(key, 1.0)
        return NewStem(stem, judged, note=said)

    made = together([lambda key=key: one(key) for key in wanted], watch, workers)  # type: ignore[misc]
    return ranked(made)


def ranked(made: Sequence[NewStem]) -> tuple[NewStem, ...]:
    """Best first within each role; equal scores in the order of their seeds."""
    out: list[NewStem] = []
    for role in dict.fromkeys(n.stem.role for n in made):
        of_role = sorted((n for n in made if n.stem.role is role), key=lambda n: (-n.report.score, n.stem.seed))
        out += [replace(n, rank=k + 1) for k, n in enumerate(of_role)]
    return tuple(out)
