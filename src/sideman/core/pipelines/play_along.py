"""The main job: take a recording apart, understand it, and play along."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path

from sideman.core import analysis as analysis_engine
from sideman.core import fit
from sideman.core.analysis import DEFAULT_ENGINES, AnalysisEngines
from sideman.core.audio import AudioReader, Recording, ScratchAudio, write_audio, write_lossless
from sideman.core.export import FitRow, ReportFacts, ReportLane, write_report_html, write_report_json
from sideman.core.generation import Generator
from sideman.core.generation.context import free_grid
from sideman.core.mixing import Lane, Mix, difference, master, sum_lanes, write_mp3
from sideman.core.music import MidiPart, MusicAnalysis, StemRole, write_jams, write_midi
from sideman.core.pipelines.concurrency import StepProgress, Watch, together
from sideman.core.pipelines.new_stems import NewStem, new_stems
from sideman.core.pipelines.projects import ProjectLane, write_song_project
from sideman.core.pipelines.songs import Song, StemWishes, followers, playable
from sideman.core.separation import SeparatedStem, Separator, WrittenSet, write_set
from sideman.errors import UsageError

SPECTROGRAM_RATE_HZ = 22050
TRIES = 3
"""Of a stem that the judge refuses: nobody chooses among takes here, as they do with `generate`."""


@dataclass(frozen=True)
class PlayAlongOptions:
    """style None: the one that suits the song. without: a separated stem that the new one replaces in the mix. threads: how much may run at once. analysis: who listens.

    project: also write song.dawproject.
    """

    roles: tuple[StemRole, ...] = (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO, StemRole.GUITAR, StemRole.PAD)
    style: str | None = None
    seed: int = 1
    without: StemRole | None = None
    threads: int = 2
    analysis: AnalysisEngines = DEFAULT_ENGINES
    project: bool = False


@dataclass(frozen=True)
class PlayedStem:
    """name: of its files in new/. style, engine: how and by whom it was played; suited: the style was chosen to suit the song. note: what a listener must know."""

    name: str
    report: fit.FitReport
    style: str
    engine: str
    note: str
    suited: bool


@dataclass(frozen=True, eq=False)
class PlayAlong:
    """What was found and made. Files lie in the folder that was given."""

    analysis: MusicAnalysis
    made: tuple[PlayedStem, ...]
    written: WrittenSet
    mix_lufs: float
    mix_true_peak_dbtp: float
    warning: str
    seconds: tuple[tuple[str, float], ...]

    @property
    def reports(self) -> tuple[fit.FitReport, ...]:
        return tuple(m.report for m in self.made)


@dataclass
class _Clock:
    """Seconds of every step, by wall clock."""

    laps: list[tuple[str, float]] = field(default_factory=list)
    last: float = field(default_factory=time.monotonic)

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps.append((name, now - self.last))
        self.last = now


@dataclass(frozen=True, eq=False)
class _Session:
    """All that was found and made, before it is written. without: the song less the stem that is replaced."""

    recording: Recording
    separator: str
    stems: tuple[SeparatedStem, ...]
    analysis: MusicAnalysis
    made: tuple[NewStem, ...]
    mix: Mix
    without: ScratchAudio | None

    @property
    def warning(self) -> str:
        if self.analysis.grid is None:
            following = "only " + " and ".join(dict.fromkeys(n.stem.role.value for n in self.made)) if self.made else "nothing"
            return f"No steady pulse was found, so {following} could follow: pad and strings do where there are chords."
        return fit.suspect_analysis(tuple(n.report for n in self.made)) or ""


def play_along(
    recording: Recording,
    out: Path,
    options: PlayAlongOptions,
    separator: Separator,
    generators: Callable[[], Generator],
    report: StepProgress = lambda step, share: None,
) -> PlayAlong:
    """Everything into `out`, an empty folder. Raises TooShort, UsageError and what decoding raises."""
    watch, clock = Watch(report), _Clock()
    wishes = _wishes(options, separator, generators())
    stems, analysis = _understand(recording, separator, watch, options)
    clock.lap("separate and analyse")
    made: tuple[NewStem, ...] = ()
    wishes = replace(wishes, roles=followers(analysis, wishes.roles))
    if wishes.roles:
        drums = next((s.audio for s in stems if s.role is StemRole.DRUMS), None)
        made = new_stems(Song(recording, analysis, drums), wishes, generators, watch, options.threads)
    clock.lap("play along and judge")
    watch("mix", 0.0)
    without = _without(recording, stems, options.without)
    lanes = [Lane(_base(recording, without, made, options.without))]
    lanes += [Lane(n.stem.audio) for n in made if n.accepted and n.rank == 1]
    folder = recording.scratch_folder
    mix = master(sum_lanes(lanes, recording.frames, recording.sample_rate_hz, folder / "sum.f32"), folder / "mix.f32")
    watch("mix", 1.0)
    clock.lap("mix")
    session = _Session(recording, separator.name, stems, analysis, made, mix, without)
    written = _write_music(session, out, options.without, watch, options.threads)
    if options.project:
        tracks = [ProjectLane(s.role.value, s.audio, muted=s.role is options.without and _missed(made, s.role)) for s in stems]
        tracks += [ProjectLane(f"new {n.file_name}", n.stem.audio, n.stem.notes, not n.accepted) for n in made]
        write_song_project(out / "song.dawproject", recording, analysis, tracks)
    clock.lap("write")
    _write_report(session, written, out, clock)
    watch("write", 1.0)
    return PlayAlong(
        analysis, tuple(PlayedStem(n.file_name, n.report, n.stem.style, n.stem.provenance.engine, n.note, n.suited) for n in made), written, mix.loudness.integrated_lufs, mix.loudness.true_peak_dbtp, session.warning,
        tuple(clock.laps),
    )  # fmt: skip


def _wishes(options: PlayAlongOptions, separator: Separator, generator: Generator) -> StemWishes:
    """The stems to make; what is replaced is made too where the engine can. Refuses before any work is done."""
    if options.without is not None and options.without not in separator.roles:
        raise UsageError(f"--without takes one of {', '.join(r.value for r in separator.roles)}, not {options.without}")
    roles = list(options.roles)
    if options.without in generator.roles and options.without not in roles:
        roles.append(options.without)
    return playable(StemWishes(tuple(roles), options.style, options.seed, tries=TRIES), generator)


def _understand(
    recording: Recording, separator: Separator, watch: Watch, options: PlayAlongOptions
) -> tuple[tuple[SeparatedStem, ...], MusicAnalysis]:
    def analyse() -> MusicAnalysis:
        return analysis_engine.analyze(recording, lambda step, share: watch("analyse", share), options.analysis)

    def apart() -> tuple[SeparatedStem, ...]:
        return separator.separate(recording, recording.scratch_folder, watch.step("separate"))

    found: list[tuple[SeparatedStem, ...] | MusicAnalysis] = together([analyse, apart], watch, options.threads)
    analysis, stems = found
    assert isinstance(analysis, MusicAnalysis) and isinstance(stems, tuple)
    return stems, analysis


def _without(recording: Recording, stems: Sequence[SeparatedStem], role: StemRole | None) -> ScratchAudio | None:
    stem = next((s for s in stems if s.role is role), None)
    return difference(recording.audio, stem.audio, recording.scratch_folder / "without.f32") if stem else None


def _base(recording: Recording, without: ScratchAudio | None, made: Sequence[NewStem], role: StemRole | None) -> AudioReader:
    """What accepted stems are mixed with. A stem is only missed where a new one that fits takes its place, or none can."""
    return without if without is not None and _missed(made, role) else recording.audio


def _missed(made: Sequence[NewStem], role: StemRole | None) -> bool:
    """Is the stem of this role left out, because a new one that fits takes its place, or none can?"""
    replaced = next((n for n in made if n.stem.role is role), None)
    return role is not None and (replaced is None or replaced.accepted)


def _write_music(session: _Session, out: Path, replaced: StemRole | None, watch: Watch, threads: int) -> WrittenSet:
    """Audio, MIDI and JAMS. Encoders release the interpreter, so files are written side by side."""
    watch("write", 0.0)
    recording, grid = session.recording, session.analysis.grid
    written: list[WrittenSet] = []
    tasks: list[Callable[[], object]] = [lambda: written.append(write_set(recording, session.stems, out / "stems"))]
    tasks += [partial(write_lossless, n.stem.audio, out / "new" / n.file_name) for n in session.made]
    tasks += [partial(write_audio, session.mix.audio, out / "mix.flac"), partial(_write_mp3, session, out / "mix.mp3")]
    if session.without is not None:
        tasks.append(partial(write_lossless, session.without, out / "minus" / f"without-{replaced}"))
        for n in (m for m in session.made if m.stem.role is replaced and m.rank == 1):
            lanes = [Lane(session.without), Lane(n.stem.audio)]
            audio = sum_lanes(lanes, recording.frames, recording.sample_rate_hz, recording.scratch_folder / "replaced.f32")
            tasks.append(partial(write_lossless, audio, out / "minus" / f"with-new-{replaced}"))
    together(tasks, watch, threads)
    watch("write", 0.6)
    if grid is not None:
        write_midi(out / "timeline.mid", grid.value, (), session.analysis)
    beats = grid.value if grid is not None else free_grid(session.analysis.duration_s)
    for n in (m for m in session.made if m.stem.notes):
        part = MidiPart(n.stem.role.value, n.stem.notes, n.stem.program, not n.stem.role.pitched)
        write_midi(out / "new" / f"{n.file_name}.mid", beats, [part], session.analysis)
    write_jams(session.analysis, out / "analysis.jams")
    return written[0]


def _write_mp3(session: _Session, path: Path) -> None:
    tags = {k: v for k in ("title", "artist", "album") if (v := session.recording.info.tag(k))}
    write_mp3(session.mix.audio, path, tags)


def _fit_row(n: NewStem) -> FitRow:
    r, f = n.report, n.report.figures
    return FitRow(
        name=n.file_name, engine=n.stem.provenance.engine, note=n.note, style=n.stem.style, seed=n.stem.seed, score=r.score, verdict=r.verdict.value, reason=r.reason,
        axes=tuple((a.name, a.logit) for a in r.axes), undecidable=tuple(u.value for u in r.undecidable),
        onset_to_grid_ms=f.onset_to_grid_ms if f else None, chance_to_grid_ms=f.chance_to_grid_ms if f else None,
        chord_tone_share=f.chord_tone_share if f else None,
    )  # fmt: skip


def _write_report(session: _Session, written: WrittenSet, out: Path, clock: _Clock) -> None:
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    loudness = session.mix.loudness
    facts = ReportFacts(
        source=session.recording.info, analysis=session.analysis, fits=tuple(_fit_row(n) for n in session.made),
        residual_db=written.residual_db, mix_lufs=loudness.integrated_lufs, mix_true_peak_dbtp=loudness.true_peak_dbtp,
        separator=session.separator, warning=session.warning, files=(*files, "report.html", "report.json"), seconds=tuple(clock.laps),
        version=metadata.version("sideman"),
    )  # fmt: skip
    lanes = [ReportLane("song", "song", session.recording.audio, whole=True)]
    lanes += [ReportLane(s.role.value, "stem", s.audio, s.quality.value) for s in session.stems]
    lanes += [ReportLane(f"new {n.file_name}", "new", n.stem.audio, n.report.verdict.value) for n in session.made]
    lanes += [ReportLane("mix", "mix", session.mix.audio, whole=True)]
    recording = session.recording
    write_report_html(facts, lanes, recording.mono(SPECTROGRAM_RATE_HZ), out / "report.html", recording.scratch_folder)
    clock.lap("report")
    write_report_json(replace(facts, seconds=tuple(clock.laps)), out / "report.json")
