"""The main job: take a recording apart, understand it, and play along."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from sideman.core import analysis as analysis_engine
from sideman.core import fit
from sideman.core.audio import AudioReader, Mp3Writer, Recording, ScratchAudio, blocks, resampled_blocks, write_audio
from sideman.core.audio.encoding import MP3_RATES_HZ
from sideman.core.export import FitRow, ReportFacts, ReportLane, write_report_html, write_report_json
from sideman.core.generation import Generator
from sideman.core.mixing import Lane, Mix, difference, master, sum_lanes
from sideman.core.music import MidiPart, MusicAnalysis, StemRole, write_jams, write_midi
from sideman.core.pipelines.concurrency import StepProgress, Watch, together
from sideman.core.pipelines.new_stems import NewStem, StemWishes, new_stems
from sideman.core.separation import SeparatedStem, Separator, WrittenSet, write_set
from sideman.core.separation.separator import FULL_SCALE
from sideman.errors import UsageError

STEPS = ("separate", "analyse", "play along", "mix", "write")
MP3_RATE_HZ = 44100


@dataclass(frozen=True)
class PlayAlongOptions:
    """without: a separated stem that the new one replaces in the mix. threads: how much may run at once."""

    roles: tuple[StemRole, ...] = (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO, StemRole.GUITAR, StemRole.PAD)
    style: str = "rock"
    seed: int = 1
    without: StemRole | None = None
    threads: int = 2


@dataclass(frozen=True, eq=False)
class PlayAlong:
    """What was found and made. Files lie in the folder that was given."""

    analysis: MusicAnalysis
    reports: tuple[fit.FitReport, ...]
    written: WrittenSet
    mix_lufs: float
    mix_true_peak_dbtp: float
    warning: str
    seconds: tuple[tuple[str, float], ...]


@dataclass
class _Clock:
    """Seconds of every step, by wall clock."""

    laps: list[tuple[str, float]] = field(default_factory=list)
    last: float = field(default_factory=time.monotonic)

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps.append((name, now - self.last))
        self.last = now


def write_exact(audio: ScratchAudio, stem: Path) -> Path:
    """24-bit FLAC, or 32-bit float WAV where FLAC would clip; `stem` has no suffix."""
    peak = max((float(abs(b).max()) for b in blocks(audio, audio.sample_rate_hz * 10) if b.size), default=0.0)
    path = stem.with_suffix(".wav" if peak > FULL_SCALE or audio.channels > 8 else ".flac")
    write_audio(audio, path)
    return path


def play_along(
    recording: Recording, out: Path, options: PlayAlongOptions, separator: Separator, generators: Callable[[], Generator],
    report: StepProgress = lambda step, share: None,
) -> PlayAlong:  # fmt: skip
    """Everything into `out`, an empty folder. Raises TooShort, UsageError and what decoding raises."""
    if options.without is not None and options.without not in separator.roles:
        raise UsageError(f"--without takes one of {', '.join(r.value for r in separator.roles)}, not {options.without}")
    watch, clock = Watch(report), _Clock()
    stems, analysis = _understand(recording, separator, watch, options.threads)
    clock.lap("separate and analyse")
    made: tuple[NewStem, ...] = ()
    if analysis.grid is not None:
        generator = generators()
        roles = list(options.roles)
        if options.without in generator.roles and options.without not in roles:
            roles.append(options.without)  # type: ignore[arg-type]
        unknown = [r for r in roles if r not in generator.roles]
        if unknown:
            raise UsageError(f"the band plays no {unknown[0]}: it plays {', '.join(r.value for r in generator.roles)}")
        wishes = StemWishes(tuple(roles), options.style, options.seed)
        made = new_stems(recording, analysis, wishes, generators, watch, options.threads)
    clock.lap("play along and judge")
    watch("mix", 0.0)
    base, replaced = _base(recording, stems, made, options)
    lanes = [Lane(base)] + [Lane(n.stem.audio) for n in made if n.accepted or n.stem.role is replaced]
    folder = recording.scratch_folder
    mix = master(sum_lanes(lanes, recording.frames, recording.sample_rate_hz, folder / "sum.f32"), folder / "mix.f32")
    watch("mix", 1.0)
    clock.lap("mix")
    written = _write_audio(recording, out, stems, made, mix, base if options.without else None, options, watch)
    if analysis.grid is not None:
        write_midi(out / "timeline.mid", analysis.grid.value, (), analysis)
        for n in made:
            part = MidiPart(n.stem.role.value, n.stem.notes, n.stem.program, n.stem.role is StemRole.DRUMS)
            write_midi(out / "new" / f"{n.stem.role}.mid", analysis.grid.value, [part], analysis)
    write_jams(analysis, out / "analysis.jams")
    clock.lap("write audio")
    warning = _warning(analysis, made)
    facts = _facts(recording, analysis, made, written, mix, warning, separator, out, clock)
    write_report_json(facts, out / "report.json")
    write_report_html(facts, _report_lanes(recording, stems, made, mix), recording.mono(22050), out / "report.html", folder)
    watch("write", 1.0)
    clock.lap("report")
    return PlayAlong(
        analysis, tuple(n.report for n in made), written, mix.loudness.integrated_lufs, mix.loudness.true_peak_dbtp, warning,
        tuple(clock.laps),
    )  # fmt: skip


def _understand(
    recording: Recording, separator: Separator, watch: Watch, threads: int
) -> tuple[tuple[SeparatedStem, ...], MusicAnalysis]:
    shares = {"beats": 0.0, "chords and key": 0.4, "sections and loudness": 0.8}

    def analyse() -> MusicAnalysis:
        def progress(step: str, share: float) -> None:
            watch("analyse", max(share, shares[step]))

        return analysis_engine.analyze(recording, progress)

    def apart() -> tuple[SeparatedStem, ...]:
        return separator.separate(recording, recording.scratch_folder, watch.step("separate"))

    found: list[tuple[SeparatedStem, ...] | MusicAnalysis] = together([analyse, apart], watch, threads)
    analysis, stems = found
    assert isinstance(analysis, MusicAnalysis) and isinstance(stems, tuple)
    return stems, analysis


def _base(
    recording: Recording, stems: Sequence[SeparatedStem], made: Sequence[NewStem], options: PlayAlongOptions
) -> tuple[AudioReader, StemRole | None]:
    """What the new stems are mixed with: the song, or the song without the stem that is replaced."""
    if options.without is None:
        return recording.audio, None
    stem = next(s for s in stems if s.role is options.without)
    new = next((n.stem.role for n in made if n.stem.role is options.without), None)
    return difference(recording.audio, stem.audio, recording.scratch_folder / "without.f32"), new


def _write_audio(
    recording: Recording, out: Path, stems: Sequence[SeparatedStem], made: Sequence[NewStem], mix: Mix, without: AudioReader | None,
    options: PlayAlongOptions, watch: Watch,
) -> WrittenSet:  # fmt: skip
    watch("write", 0.0)
    written = write_set(recording, stems, out / "stems")
    watch("write", 0.3)
    for n in made:
        write_exact(n.stem.audio, out / "new" / n.stem.role.value)
    watch("write", 0.5)
    if isinstance(without, ScratchAudio):
        name = options.without
        write_exact(without, out / "minus" / f"without-{name}")
        new = next((n.stem for n in made if n.stem.role is name), None)
        if new is not None:
            lanes = [Lane(without), Lane(new.audio)]
            replaced = sum_lanes(lanes, recording.frames, recording.sample_rate_hz, recording.scratch_folder / "replaced.f32")
            write_exact(replaced, out / "minus" / f"with-new-{name}")
    write_audio(mix.audio, out / "mix.flac")
    tags = {k: v for k in ("title", "artist", "album") if (v := recording.info.tag(k))}
    rate = mix.audio.sample_rate_hz if mix.audio.sample_rate_hz in MP3_RATES_HZ else MP3_RATE_HZ
    with Mp3Writer(out / "mix.mp3", rate, 2, tags=tags) as mp3:
        for block in resampled_blocks(mix.audio, rate):
            mp3.write(block)
    watch("write", 0.7)
    return written


def _warning(analysis: MusicAnalysis, made: Sequence[NewStem]) -> str:
    if analysis.grid is None:
        return "No steady pulse was found, so no stems were generated."
    return fit.suspect_analysis(tuple(n.report for n in made)) or ""


def _fit_row(n: NewStem) -> FitRow:
    r, f = n.report, n.report.figures
    return FitRow(
        name=r.role.value, style=n.stem.style, seed=n.stem.seed, score=r.score, verdict=r.verdict.value, reason=r.reason,
        axes=tuple((a.name, a.logit) for a in r.axes), undecidable=tuple(u.value for u in r.undecidable),
        onset_to_grid_ms=f.onset_to_grid_ms if f else None, chance_to_grid_ms=f.chance_to_grid_ms if f else None,
        chord_tone_share=f.chord_tone_share if f else None,
    )  # fmt: skip


def _facts(
    recording: Recording, analysis: MusicAnalysis, made: Sequence[NewStem], written: WrittenSet, mix: Mix, warning: str,
    separator: Separator, out: Path, clock: _Clock,
) -> ReportFacts:  # fmt: skip
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    return ReportFacts(
        source=recording.info, analysis=analysis, fits=tuple(_fit_row(n) for n in made), residual_db=written.residual_db,
        mix_lufs=mix.loudness.integrated_lufs, mix_true_peak_dbtp=mix.loudness.true_peak_dbtp, separator=separator.name,
        warning=warning, files=(*files, "report.html", "report.json"), seconds=tuple(clock.laps), version=metadata.version("sideman"),
    )  # fmt: skip


def _report_lanes(recording: Recording, stems: Sequence[SeparatedStem], made: Sequence[NewStem], mix: Mix) -> list[ReportLane]:
    lanes = [ReportLane("song", "song", recording.audio, whole=True)]
    lanes += [ReportLane(s.role.value, "stem", s.audio, s.quality.value) for s in stems]
    lanes += [ReportLane(f"new {n.stem.role}", "new", n.stem.audio, n.report.verdict.value) for n in made]
    return [*lanes, ReportLane("mix", "mix", mix.audio, whole=True)]

