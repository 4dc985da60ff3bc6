"""Analyse a recording; keep the analysis as JAMS."""

from __future__ import annotations

from pathlib import Path

from sideman.app.engines import Source, StepProgress, no_progress, opened
from sideman.core import analysis as engine
from sideman.core.music import MusicAnalysis, read_jams, write_jams
from sideman.core.pipelines import staged
from sideman.errors import UsageError

FILE_NAME = "analysis.jams"


def analyze(source: Source, out: Path | None = None, progress: StepProgress = no_progress) -> MusicAnalysis:
    """Tempo, beats, bars, key, chords, sections, tuning, loudness, energy; written to out/analysis.jams when `out` is given."""
    with opened(source) as recording:
        found = engine.analyze(recording, progress)
    if out is not None:
        with staged(out) as folder:
            write_jams(found, folder / FILE_NAME)
    return found


def load(path: Path) -> MusicAnalysis:
    """Read an analysis.jams. Raises UsageError when it is missing or no analysis of Sideman's."""
    if not path.is_file():
        raise UsageError(f"there is no analysis at {path}: run `sideman analyze` first, or leave the option out")
    try:
        return read_jams(path)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as error:
        raise UsageError(f"{path.name} is not a JAMS file that Sideman can read ({error})") from error
