"""One batch of performances on the song: played, brought back onto the grid where it slipped, judged; and what helps when all are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sideman.core import analysis as analysis_engine
from sideman.core import fit
from sideman.core.audio import AudioReader, ScratchAudio, ScratchWriter, resampled_blocks, warp
from sideman.core.fit import figures
from sideman.core.fit.listening import SAMPLE_RATE_HZ, Heard
from sideman.core.fit.slips import anchors_of, find_slips
from sideman.core.generation import GeneratedStem, GenerationRequest, Generator, SongContext
from sideman.core.generation.generator import EARLY_S
from sideman.core.music import MusicAnalysis, NoteEvent, StemRole
from sideman.core.pipelines.concurrency import Watch
from sideman.core.pipelines.songs import Song, StemWishes
from sideman.core.pipelines.splicing import spliced, spliced_notes

FREE_NOTE = "No steady pulse was found: this part follows the chords freely, without beats."
FITTING = (fit.Verdict.ACCEPTED, fit.Verdict.WARNED)
PLAYED_SHARE = 0.8
Report = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class NewStem:
    """A generated stem and what the judge says of it. rank: 1 for the best candidate of its role. note: what a listener must know.

    stands_in: it plays because what was asked for did not fit. suited: its style was not asked for but chosen to suit the song.
    """

    stem: GeneratedStem
    report: fit.FitReport
    rank: int = 1
    note: str = ""
    stands_in: bool = False
    suited: bool = False

    @property
    def file_name(self) -> str:
        """Without a suffix: one of its own for each candidate, and for what was refused beside what stands in."""
        return self.stem.role.value if self.rank == 1 else f"{self.stem.role.value}-{self.rank}"

    @property
    def accepted(self) -> bool:
        return self.report.verdict is fit.Verdict.ACCEPTED


@dataclass(frozen=True, eq=False)
class Stage:
    """What every performance of a song shares. style: its own name; suited: chosen to suit the song. frames: the length of its stems."""

    song: Song
    context: SongContext
    heard_song: Heard
    wishes: StemWishes
    style: str
    suited: bool
    frames: int

    def request(self, role: StemRole, seed: int) -> GenerationRequest:
        w = self.wishes
        return GenerationRequest(
            role, self.style, seed, self.frames, self.song.recording.sample_rate_hz, w.within_s, w.liveliness, w.energy, w.variation, w.words,
            w.base.audio if w.base is not None else None,
        )  # fmt: skip


def played(stage: Stage, generator: Generator, wanted: Sequence[tuple[StemRole, int]], report: Report) -> list[NewStem]:
    """(role, seed) of each performance, in one batch."""
    folder = stage.song.recording.scratch_folder
    requests = [stage.request(role, seed) for role, seed in wanted]
    stems = generator.generate_all(stage.context, requests, folder, lambda share: report(PLAYED_SHARE * share))
    said = " ".join(n for n in (generator.note, FREE_NOTE if stage.context.free else "") if n)
    out = []
    for k, stem in enumerate(stems):
        out.append(replace(_heard(stage, stem), note=said, suited=stage.suited))
        report(PLAYED_SHARE + (1 - PLAYED_SHARE) * (k + 1) / len(stems))
    return out


def _in_base(stage: Stage, stem: GeneratedStem) -> GeneratedStem:
    """The stem of which only a part is played anew, with that part."""
    base, within_s = stage.wishes.base, stage.wishes.within_s
    if base is None or within_s is None:
        return stem
    early_s = EARLY_S if stem.notes else 0.0
    audio = spliced(base.audio, stem.audio, within_s, stem.audio.path.with_suffix(".spliced.f32"), early_s)
    notes = spliced_notes(base.notes, stem.notes, within_s) if stem.notes else ()  # what a network plays there is not known
    return replace(stem, audio=audio, notes=notes)


def _heard(stage: Stage, stem: GeneratedStem) -> NewStem:
    """Judged as it is; and once more with its passages brought back to the song's accents, where they seem to have slipped."""
    made = [stem]
    heard = [_judged(stage, _in_base(stage, stem))]
    if stem.passages_s and not heard[0].accepted and not stage.context.free and (straight := _straightened(stage, stem)) is not None:
        made.append(straight)
        heard.append(_judged(stage, _in_base(stage, straight)))
    best = max(heard, key=lambda n: n.report.score)
    for audio in {id(s.audio): s.audio for s in (*made, *(n.stem for n in heard))}.values():
        if audio is not best.stem.audio:
            audio.remove()
    return best


def _straightened(stage: Stage, stem: GeneratedStem) -> GeneratedStem | None:
    mono = judged_mono(stem.audio, stem.audio.path.with_suffix(".mono.f32"))
    slips = find_slips(stage.heard_song, fit.listen(mono, stage.heard_song.tuning_semitones), stem.passages_s)
    mono.remove()
    moved = [s for s in slips if not s.still]
    if not moved:
        return None
    audio = warp(stem.audio, anchors_of(slips), stem.audio.frames, stem.audio.path.with_suffix(".straight.f32"))
    most = max(abs(s.source_start_s - s.start_s) for s in moved)
    said = ("straightened", f"{len(moved)} of {len(slips)} passages, {1000 * most:.0f} ms at most")
    return replace(stem, audio=audio, provenance=replace(stem.provenance, parameters=(*stem.provenance.parameters, said)))


def _judged(stage: Stage, stem: GeneratedStem) -> NewStem:
    mono = judged_mono(stem.audio, stem.audio.path.with_suffix(".judged.f32"))
    verdict = fit.judge(stage.heard_song, fit.listen(mono, stage.heard_song.tuning_semitones), stem.role)
    known = figures_of(stem.audio, mono, stem.notes, stage.song, stem.role)
    mono.remove()
    return NewStem(stem, fit.with_figures(verdict, known, tempo_warnings(stage.song.analysis)))


def rescued(stage: Stage, generator: Generator, made: Sequence[NewStem], watch: Watch) -> list[NewStem]:
    """For each role of which the judge accepts none: performances by other seeds, and at last the stand-in's, if there is one, which says so.

    Where the judge cannot decide about the stand-in either (a few seconds of sound), the performances that were asked for stay alone.
    """
    tries = max(generator.tries, stage.wishes.tries)
    best = {role: max((n.report.score for n in made if n.stem.role is role), default=0.0) for role in stage.wishes.roles}
    settled = FITTING if generator.stand_in is not None else (*FITTING, fit.Verdict.UNDECIDABLE, fit.Verdict.SILENT)
    open_roles = [r for r in stage.wishes.roles if not any(n.report.verdict in settled for n in made if n.stem.role is r)]
    out: list[NewStem] = []
    for k in range(1, tries):
        if not open_roles:
            break
        seed = stage.wishes.seed + stage.wishes.candidates - 1 + k
        for n in played(stage, generator, [(r, seed) for r in open_roles], watch.step("play again")):
            best[n.stem.role] = max(best[n.stem.role], n.report.score)
            if n.report.verdict in FITTING:
                out.append(n)
                open_roles.remove(n.stem.role)
            else:
                n.stem.audio.remove()
    if generator.stand_in is None:
        return out
    for role in [r for r in open_roles if r in generator.stand_in.roles]:
        n = played(stage, generator.stand_in, [(role, stage.wishes.seed)], watch.step("stand in"))[0]
        if n.report.verdict is fit.Verdict.UNDECIDABLE and any(m.report.verdict is n.report.verdict for m in made if m.stem.role is role):
            n.stem.audio.remove()
            continue
        count = stage.wishes.candidates + tries - 1
        said = f"The {generator.stand_in.name} plays: the judge accepted none of {count} performances of {generator.name} (best fit {best[role]:.2f})."
        out.append(replace(n, note=" ".join((said, n.note)).strip(), stands_in=True))
    return out


def judged_mono(audio: AudioReader, path: Path) -> ScratchAudio:
    """A stem as the judge hears it: mono at 22,050 Hz."""
    with ScratchWriter(path, SAMPLE_RATE_HZ, 1) as writer:
        for block in resampled_blocks(audio, SAMPLE_RATE_HZ, lambda b: b.mean(0, keepdims=True, dtype=np.float32)):
            writer.write(block)
        return writer.finish()


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
