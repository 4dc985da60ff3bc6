"""sideman mix: sum audio files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sideman import bootstrap
from sideman.app.mixing import MixInput
from sideman.errors import UsageError
from sideman.faces.cli.arguments import Json
from sideman.faces.cli.terminal import print_json, say

Files = Annotated[list[str], typer.Argument(help="Audio files; FILE=GAIN sets a level in dB, as in bass.flac=-3.", show_default=False)]
Out = Annotated[Path, typer.Option("-o", "--out", help="The mix: .flac, .wav or .mp3.", show_default=False)]
Lufs = Annotated[float, typer.Option("--lufs", help="Loudness of the mix.")]


def parsed(text: str) -> MixInput:
    """`bass.flac=-3` -> a file and its gain; a file whose own name holds `=` is taken as it is when it exists."""
    if Path(text).exists() or "=" not in text:
        return MixInput(Path(text))
    name, _, gain = text.rpartition("=")
    try:
        return MixInput(Path(name), float(gain))
    except ValueError:
        raise UsageError(f"{text!r}: what follows = must be a level in dB, as in bass.flac=-3") from None


def command(files: Files, out: Out, lufs: Lufs = -14.0, json_output: Json = False) -> None:
    """Sum FILES, bring the mix to a loudness, and keep its true peak under -1 dBTP.

    Example: sideman mix song.mp3 band/bass.flac=-2 band/drums.flac -o mix.mp3
    """
    loudness = bootstrap.mix([parsed(f) for f in files], out, lufs)
    facts = {"integrated_lufs": round(loudness.integrated_lufs, 2), "true_peak_dbtp": round(loudness.true_peak_dbtp, 2), "path": str(out)}
    if json_output:
        print_json(facts)
    else:
        say(f"{out}: {loudness.integrated_lufs:.1f} LUFS, true peak {loudness.true_peak_dbtp:.1f} dBTP")
