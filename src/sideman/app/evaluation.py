"""Measure the engines on annotated recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sideman.app.engines import Engines
from sideman.core import analysis as analysis_engine
from sideman.core.audio import Recording
from sideman.core.evaluation import scores, separation, timing
from sideman.core.evaluation.references import read_references
from sideman.core.evaluation.scores import interval, reliability
from sideman.core.generation import SongContext
from sideman.core.music import StemRole
from sideman.errors import AnalysisError, AudioError

__all__ = ["analysis_scores", "interval", "reliability", "separation_scores", "timing_scores"]
LEAST_BARS = 4
TIMED_ROLES = (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO)


def analysis_scores(folder: Path, annotations: Path | None, engines: analysis_engine.AnalysisEngines) -> Iterator[scores.AnalysisScores]:
    """One row per annotated recording below `folder`; a row without figures for one that cannot be analysed."""
    for reference in read_references(folder, annotations):
        try:
            with Recording.open(reference.audio) as recording:
                yield scores.score(reference.within(recording.duration_s), analysis_engine.analyze(recording, engines=engines))
        except (AnalysisError, AudioError):
            yield scores.AnalysisScores(reference.name)


def separation_scores(folder: Path, engines: Engines) -> Iterator[separation.SeparationScores]:
    """One row per folder below `folder`/stems: mixture.flac and the true stems."""
    for case in sorted(p for p in (folder / "stems").glob("*") if (p / "mixture.flac").is_file()):
        truth = separation.true_stems(case)
        with Recording.open(case / "mixture.flac") as recording:
            stems = engines.separator.separate(recording, recording.scratch_folder)
            yield separation.score(case.name, recording, stems, truth)


def timing_scores(folder: Path, engines: Engines, annotations: Path | None = None) -> Iterator[timing.TimingScore]:
    """Band stems written on the product's own analysis, measured on the annotated grid; rows without figures for what cannot be read, has no grid, or is
    shorter than its annotation."""
    band = engines.generators()
    for annotated in read_references(folder, annotations):
        if len(annotated.downbeats_s) < LEAST_BARS:
            continue
        try:
            with Recording.open(annotated.audio) as recording:
                reference = annotated.within(recording.duration_s)
                found = analysis_engine.analyze(recording, engines=engines.analyzers.engines())
        except (AnalysisError, AudioError):
            found = None
        if found is None or found.grid is None or len(reference.downbeats_s) < LEAST_BARS:
            yield from (timing.TimingScore(annotated.name, role) for role in TIMED_ROLES)
            continue
        context = SongContext.from_analysis(found)
        for role in TIMED_ROLES:
            yield timing.score(reference, context, band.write(context, role, "rock", 1), role)
