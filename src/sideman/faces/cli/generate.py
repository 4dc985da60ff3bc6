"""sideman generate: new stems only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sideman import bootstrap
from sideman.app.generation import report_json
from sideman.faces.cli.arguments import DEFAULT_STEMS, Json, OutFolder, Seed, Song, Stems, Style
from sideman.faces.cli.terminal import print_json, progress_bars, say

Analysis = Annotated[Path | None, typer.Option(help="An analysis.jams to play on, instead of analysing again.", show_default=False)]


def command(
    song: Song, out: OutFolder, stems: Stems = DEFAULT_STEMS, style: Style = "rock", seed: Seed = 1, analysis: Analysis = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Write new stems for SONG on its own grid and chords: ROLE.flac, ROLE.mid and fit.json.

    Example: sideman generate song.mp3 -o band --stems bass,drums --style electronic --seed 7
    """
    with progress_bars(json_output) as progress:
        reports = bootstrap.generate(song, out, stems=stems, style=style, seed=seed, analysis=analysis, progress=progress)
    if json_output:
        print_json({"stems": [report_json(r) for r in reports]})
        return
    for r in reports:
        say(f"{r.role.value:<8} {r.score:.2f} {r.verdict.value:<11} {r.reason}")
    say(f"Written  {out}")
