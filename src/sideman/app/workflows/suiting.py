"""Which styles suit a recording, asked for outside any job. Runs in the child process of the decoder, which does not load the band otherwise."""

from __future__ import annotations

from pathlib import Path

from sideman.app.workflows.decoding import Json, Progress
from sideman.core.audio import Recording, middle
from sideman.core.music import from_jams
from sideman.core.pipelines.songs import suiting

HEARD_S = 120.0
"""From the middle of a song: a listener knows its style by then, and three hours cost no more."""


def rank_styles(_context: object, arguments: Json, _inputs: object, _progress: Progress) -> Json:
    """The band's styles by how they suit a song, of its lossless file and its analysis. Raises AnalysisError, see `suiting`."""
    found = middle(Path(arguments["path"]), HEARD_S)
    with Recording.from_clip(found.clip) as excerpt:
        ranked = suiting(excerpt, from_jams(arguments["jams"]), found.starts_s)
    return {"styles": [{"name": s.name, "score": s.score} for s in ranked]}
