"""sideman analyze: understand a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sideman import bootstrap
from sideman.faces.cli.arguments import Json, Song
from sideman.faces.cli.facts import analysis_json, say_analysis
from sideman.faces.cli.terminal import print_json, progress_bars, say

Out = Annotated[
    Path | None, typer.Option("-o", "--out", help="Folder for analysis.jams; without it nothing is written.", show_default=False)
]


Engines = Annotated[
    str | None,
    typer.Option(
        help="Engines other than the default ones: beats=madmom|madmom-2015|beat-this|beat-this-small|essentia, chords=madmom, key=madmom|essentia, notes=basic-pitch|madmom, separated by commas; what it leaves open SIDEMAN_ANALYSIS decides.",
        show_default=False,
    ),
]
Notes = Annotated[bool, typer.Option("--notes", help="Also find the notes: by basic-pitch, where no other engine for them is named.")]


def command(song: Song, out: Out = None, engines: Engines = None, notes: Notes = False, json_output: Json = False) -> None:
    """Find tempo, beats, bars, meter, key, tuning, chords, sections and loudness.

    The result is a JAMS file, which Sonic Visualiser (through JAMS tools), mir_eval and librosa users can read.

    Example: sideman analyze song.mp3 -o song
    """
    with progress_bars(json_output) as progress:
        found = bootstrap.analyze(song, out, lambda step, share: progress("analyse", share), wish=engines, notes=notes)
    if json_output:
        print_json(analysis_json(found))
        return
    say_analysis(found)
    if out is not None:
        say(f"Written   {out}/analysis.jams")
