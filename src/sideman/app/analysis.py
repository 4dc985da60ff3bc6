"""Analyse a recording; keep the analysis as JAMS."""

from __future__ import annotations

import json
from pathlib import Path

from sideman.app.engines import Engines, Source, StepProgress, no_progress, opened
from sideman.core import analysis as engine
from sideman.core.analysis import DEFAULT_ENGINES, AnalysisEngines
from sideman.core.audio import Recording
from sideman.core.generation.context import free_grid
from sideman.core.music import Correction, MidiPart, MusicAnalysis, overlaid, read_jams, write_jams, write_midi
from sideman.core.pipelines import staged
from sideman.errors import UsageError

FILE_NAME, NOTES_FILE_NAME = "analysis.jams", "notes.mid"
OTHER_LENGTH_S = 1.0
"""An analysis that differs more from a recording is of another one."""
CORRECTIONS_SUFFIX = ".corrections.json"


def analyze(
    source: Source, out: Path | None = None, progress: StepProgress = no_progress, engines: AnalysisEngines = DEFAULT_ENGINES
) -> MusicAnalysis:
    """Tempo, beats, bars, key, chords, sections, tuning, loudness, energy; written to out/analysis.jams when `out` is given."""
    with opened(source) as recording:
        found = engine.analyze(recording, progress, engines)
    if out is not None:
        with staged(out) as folder:
            write_jams(found, folder / FILE_NAME)
            if found.notes:
                parts = [MidiPart(n.value.role.value, n.value.notes) for n in found.notes]
                write_midi(folder / NOTES_FILE_NAME, found.grid.value if found.grid else free_grid(found.duration_s), parts, found)
    return found


def known_or_found(recording: Recording, known: MusicAnalysis | None, engines: Engines, progress: StepProgress) -> MusicAnalysis:
    """The analysis that is given, or a new one. Raises UsageError for one of another recording."""
    if known is None:
        return engine.analyze(recording, lambda step, share: progress("analyse", share), engines.analyzers.engines())
    if abs(known.duration_s - recording.duration_s) > OTHER_LENGTH_S:
        raise UsageError(
            f"the analysis is of a recording of {known.duration_s:.1f} s, and {recording.info.name} lasts {recording.duration_s:.1f} s: leave it out, or give its own"
        )
    return known


def load(path: Path) -> MusicAnalysis:
    """Read an analysis.jams, with the corrections beside it. Raises UsageError when it is missing or no analysis of Sideman's."""
    if not path.is_file():
        raise UsageError(f"there is no analysis at {path}: run `sideman analyze` first, or leave the option out")
    try:
        found = read_jams(path)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, RecursionError) as error:
        raise UsageError(f"{path.name} is not a JAMS file that Sideman can read ({error})") from error
    return overlaid(found, read_corrections(corrections_beside(path)))


def corrections_beside(path: Path) -> Path:
    return path.with_name(path.stem + CORRECTIONS_SUFFIX)


def read_corrections(path: Path) -> tuple[Correction, ...]:
    """Corrections of a file, none where it is not there. Raises UsageError for what is no such file."""
    if not path.is_file():
        return ()
    try:
        return tuple(Correction(str(row["kind"]), dict(row["values"])) for row in json.loads(path.read_text("utf-8")))
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise UsageError(f"{path.name} holds no corrections that Sideman can read ({error}): repair or remove it") from error
