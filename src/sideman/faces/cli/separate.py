"""sideman separate: take recordings apart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sideman import bootstrap
from sideman.app.separation import SeparationWish, WrittenSet
from sideman.core.music import parse_roles
from sideman.errors import UsageError
from sideman.faces.cli.arguments import Json, OutFolder
from sideman.faces.cli.terminal import print_json, progress_bars, say

Songs = Annotated[
    list[Path], typer.Argument(help="One or more recordings that FFmpeg reads: mp3, m4a, flac, wav, ogg, opus ...", show_default=False)
]
PresetName = Annotated[
    str, typer.Option("--preset", help="preview, fast, best, six, ensemble, scnet, vocals, mdx, kit or lead; see `sideman models presets`.")
]
Wanted = Annotated[
    str | None, typer.Option("--stems", help="Only these stems, with commas; all of the preset otherwise.", show_default=False)
]
MinusOne = Annotated[bool, typer.Option("--minus-one", help="Also write the recording without each stem.")]
Preview = Annotated[
    float | None,
    typer.Option("--preview-seconds", help="Only the loudest part, 1 to 120 s of it, to hear a preset first.", show_default=False),
]


def command(
    songs: Songs, out: OutFolder, preset: PresetName = "preview", stems: Wanted = None, minus_one: MinusOne = False,
    preview_seconds: Preview = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Split recordings into stems and a residual; together they are the recording, bit for bit at 24 bits.

    The preset `preview` is built in: drums and bass are usable, vocals and other experimental. The others run published networks, which
    `sideman models install` brings once you have seen their terms. Several songs go through one loaded network, each into a folder of its
    own.

    Example: sideman separate song.mp3 -o song/stems --preset fast --stems vocals --minus-one
    """
    wish = SeparationWish(preset, parse_roles(stems) if stems else None, minus_one, preview_seconds)
    if len({s.stem.casefold() for s in songs}) < len(songs):
        raise UsageError("two of these recordings have the same name, and each gets a folder of its own name: separate them one by one")
    with progress_bars(json_output) as progress:
        if len(songs) == 1:
            made = [(songs[0], bootstrap.separate_one(songs[0], out, wish, progress))]
        else:
            named = bootstrap.separate_all(songs, out, wish, lambda song: lambda step, share: progress(song.name[:24], share))
            made = list(named)
    if json_output:
        facts = [_facts(written) for _, written in made]
        print_json(facts[0] if len(made) == 1 else {"songs": [{"song": str(song), **f} for (song, _), f in zip(made, facts, strict=True)]})
        return
    for _, written in made:
        _print(written)


def _facts(written: WrittenSet) -> dict[str, Any]:
    stems = [
        {"role": s.role.value, "path": str(s.path), "quality": s.quality.value, **({"minus": str(s.minus)} if s.minus else {})}
        for s in written.stems
    ]
    return {"stems": stems, "residual": str(written.residual), "residual_db": round(written.residual_db, 1)}


def _print(written: WrittenSet) -> None:
    for s in written.stems:
        say(f"{s.role.value:<9} {s.path}  ({s.quality.value})")
        if s.minus:
            say(f"{'without':<9} {s.minus}")
    say(f"residual  {written.residual}  ({written.residual_db:.0f} dB against the recording)")
    if written.suffix == ".wav":
        say("A lane passes full scale, so the set is 32-bit float WAV: nothing is clipped and nothing rescaled.")
