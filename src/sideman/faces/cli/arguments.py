"""Arguments that several commands share, so that one name means one thing everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sideman.bootstrap import DEFAULT_STEMS

Song = Annotated[Path, typer.Argument(help="Any recording that FFmpeg reads: mp3, m4a, flac, wav, ogg, opus ...", show_default=False)]
OutFolder = Annotated[Path, typer.Option("-o", "--out", help="Folder for the results; made if it is not there.", show_default=False)]
Stems = Annotated[str, typer.Option(help="New stems, with commas.")]
Style = Annotated[
    str | None,
    typer.Option(help="A style by name or alias (`sideman styles` lists them); left out, the one that suits the song.", show_default=False),
]
Seed = Annotated[int, typer.Option(help="Another number plays another performance; the same one plays the same notes.")]
Json = Annotated[bool, typer.Option("--json", help="Print the facts as JSON on standard output.")]
Engine = Annotated[
    str,
    typer.Option(
        help="band (the default), a network of `sideman models list` such as musicgen-small, or mock: sine waves.", show_default=False
    ),
]

__all__ = ["DEFAULT_STEMS", "Engine", "Json", "OutFolder", "Seed", "Song", "Stems", "Style"]
