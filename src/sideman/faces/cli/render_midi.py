"""sideman render-midi: hear a MIDI file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sideman import bootstrap
from sideman.faces.cli.arguments import Json
from sideman.faces.cli.terminal import print_json, say

Midi = Annotated[Path, typer.Argument(help="A Standard MIDI file.", show_default=False)]
Out = Annotated[Path, typer.Option("-o", "--out", help="Where to write: .flac or .wav.", show_default=False)]


def command(midi: Midi, out: Out, json_output: Json = False) -> None:
    """Play a MIDI file with the carried SoundFont (or the one that SIDEMAN_SOUNDFONT names).

    Example: sideman render-midi song/new/bass.mid -o bass.flac
    """
    seconds = bootstrap.render_midi(midi, out)
    if json_output:
        print_json({"path": str(out), "duration_s": round(seconds, 3)})
    else:
        say(f"{out}: {seconds:.1f} s")
