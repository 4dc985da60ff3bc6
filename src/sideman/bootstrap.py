"""Composition root: Settings in, wired use cases out. The one module that knows every concrete engine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from sideman.app import analysis as analysis_cases
from sideman.app import demo as demo_cases
from sideman.app import evaluation as evaluation_cases
from sideman.app import generation as generation_cases
from sideman.app import midi as midi_cases
from sideman.app import mixing as mixing_cases
from sideman.app import playalong as playalong_cases
from sideman.app import separation as separation_cases
from sideman.app.engines import Engines, Source, StepProgress, no_progress
from sideman.app.mixing import MixInput
from sideman.core.audio import Loudness
from sideman.core.evaluation.scores import AnalysisScores
from sideman.core.evaluation.separation import SeparationScores
from sideman.core.evaluation.timing import TimingScore
from sideman.core.fit import FitReport
from sideman.core.generation import Generator, SessionBand
from sideman.core.music import MusicAnalysis, StemRole, parse_roles
from sideman.core.pipelines import PlayAlong, PlayAlongOptions
from sideman.core.pipelines.new_stems import StemWishes
from sideman.core.separation import PreviewSeparator, WrittenSet
from sideman.infra.settings import Settings

DEFAULT_STEMS = ",".join(r.value for r in PlayAlongOptions().roles)


def current_settings() -> Settings:
    """Settings of the environment; scratch files go where they say from here on."""
    settings = Settings.from_environment()
    if settings.scratch is not None:
        tempfile.tempdir = str(settings.scratch)
    return settings


def engines(settings: Settings | None = None) -> Engines:
    settings = settings or current_settings()

    def band() -> Generator:
        return SessionBand.open(settings.soundfont)

    return Engines(PreviewSeparator(), band, settings.threads)


def _roles(stems: str | Iterable[str | StemRole]) -> tuple[StemRole, ...]:
    """From `drums,bass`, or names and roles in a list; without repeats."""
    if isinstance(stems, str):
        return parse_roles(stems)
    return tuple(dict.fromkeys(s if isinstance(s, StemRole) else StemRole.parse(s) for s in stems))


def analyze(source: Source, out: str | Path | None = None, progress: StepProgress = no_progress) -> MusicAnalysis:
    """Understand a recording (a path or an AudioClip); with `out`, also write out/analysis.jams."""
    current_settings()
    return analysis_cases.analyze(source, Path(out) if out else None, progress)


def separate(source: Source, out: str | Path, progress: StepProgress = no_progress) -> WrittenSet:
    """Take a recording apart into drums, bass, vocals, other and a residual, as files in `out`."""
    return separation_cases.separate(source, Path(out), engines(), progress)


def generate(
    source: Source, out: str | Path, *, stems: str | Iterable[str | StemRole] = DEFAULT_STEMS, style: str = "rock", seed: int = 1,
    analysis: MusicAnalysis | str | Path | None = None, progress: StepProgress = no_progress,
) -> tuple[FitReport, ...]:  # fmt: skip
    """Write new stems for a song: ROLE.flac, ROLE.mid, fit.json in `out`. `analysis` saves analysing again."""
    known = analysis_cases.load(Path(analysis)) if isinstance(analysis, (str, Path)) else analysis
    return generation_cases.generate(source, Path(out), engines(), StemWishes(_roles(stems), style, seed), known, progress)


def mix(inputs: list[str | Path | MixInput], out: str | Path, target_lufs: float = -14.0) -> Loudness:
    """Mix audio files into one, at a loudness and under -1 dBTP."""
    lanes = [i if isinstance(i, MixInput) else MixInput(Path(i)) for i in inputs]
    current_settings()
    return mixing_cases.mix(lanes, Path(out), target_lufs)


def render_midi(midi: str | Path, out: str | Path) -> float:
    """Play a MIDI file with the SoundFont of the settings. Returns seconds."""
    return midi_cases.render_midi(Path(midi), Path(out), current_settings().soundfont)


def play_along(
    source: Source, out: str | Path, *, stems: str | Iterable[str | StemRole] = DEFAULT_STEMS, style: str = "rock", seed: int = 1,
    without: str | StemRole | None = None, progress: StepProgress = no_progress,
) -> PlayAlong:  # fmt: skip
    """The main job: take a recording apart, understand it, play along; everything into the folder `out`."""
    role = StemRole.parse(without) if isinstance(without, str) else without
    wired = engines()
    options = replace(PlayAlongOptions(), roles=_roles(stems), style=style, seed=seed, without=role, threads=wired.threads)
    return playalong_cases.run(source, Path(out), wired, options, progress)


def record_demo_song(path: str | Path, seed: int = 7, progress: StepProgress = no_progress) -> MusicAnalysis:
    """Compose and record the demo song as MP3; returns the truth about it."""
    return demo_cases.record_song(Path(path), engines(), seed, progress)


def compare_with_truth(truth: MusicAnalysis, found: MusicAnalysis) -> AnalysisScores:
    """Scores of an analysis against the composed truth."""
    return demo_cases.compare(truth, found)


def evaluate_analysis(folder: str | Path) -> Iterator[AnalysisScores]:
    """Scores of every annotated recording below `folder`."""
    current_settings()
    return evaluation_cases.analysis_scores(Path(folder))


def evaluate_separation(folder: str | Path) -> Iterator[SeparationScores]:
    return evaluation_cases.separation_scores(Path(folder), engines())


def evaluate_timing(folder: str | Path) -> Iterator[TimingScore]:
    return evaluation_cases.timing_scores(Path(folder), engines())
