"""The main job on a file or clip, with all its results in one folder."""

from __future__ import annotations

from pathlib import Path

from sideman.app.engines import Engines, Source, StepProgress, no_progress, opened
from sideman.core.pipelines import PlayAlong, PlayAlongOptions, play_along, staged

__all__ = ["PlayAlong", "PlayAlongOptions", "run"]


def run(
    source: Source, out: Path, engines: Engines, options: PlayAlongOptions, *, engine: str = "", progress: StepProgress = no_progress
) -> PlayAlong:
    """stems/, new/, minus/, mix.flac, mix.mp3, analysis.jams, timeline.mid, report.html, report.json into `out`.

    engine: who plays, the session band where empty; see Order.
    """
    progress("decode", 0.0)
    with opened(source) as recording, staged(out, [source]) as folder:
        progress("decode", 1.0)
        return play_along(recording, folder, options, engines.separator, engines.generators_named(engine), progress)
