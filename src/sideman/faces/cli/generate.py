"""sideman generate: new stems only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sideman import bootstrap
from sideman.app.generation import Order, report_json
from sideman.core.music import parse_roles
from sideman.errors import UsageError
from sideman.faces.cli.arguments import DEFAULT_STEMS, Engine, Json, OutFolder, Seed, Song, Stems, Style
from sideman.faces.cli.facts import say_style
from sideman.faces.cli.terminal import print_json, progress_bars, say

Analysis = Annotated[Path | None, typer.Option(help="An analysis.jams to play on, instead of analysing again.", show_default=False)]
Candidates = Annotated[int, typer.Option(help="Performances of each stem, 1 to 16, one seed after another; all are kept, the best first.")]
Range = Annotated[str | None, typer.Option("--range", help="Only a part of the song: chorus, B, bars 9-16, 0:30-1:05.", show_default=False)]
Chords = Annotated[
    str | None, typer.Option(help="Other chords, one a bar, again from the beginning when they are over: 'Am7 D7 G C'.", show_default=False)
]
Prompt = Annotated[str, typer.Option(help="Words for the band: a style, louder or softer, busier or simpler.", show_default=False)]
Temperature = Annotated[float, typer.Option(help="0 plays by the book, 1 as the style says, 2 freely.")]
Energy = Annotated[int, typer.Option(help="Levels louder (1 to 3) or softer (-1 to -3) than the song asks for.")]
Tempo = Annotated[
    float | None, typer.Option(help="Half or double of the song's tempo reads it so; another tempo makes stems for it.", show_default=False)
]
Seconds = Annotated[float | None, typer.Option("--seconds", help="Play only so long.", show_default=False)]
Variation = Annotated[int, typer.Option(help="Another number varies the same performance in its details.")]
Like = Annotated[
    Path | None, typer.Option(help="analysis.jams of another song, whose groove and density are taken over.", show_default=False)
]


def command(
    song: Song, out: OutFolder, stems: Stems = DEFAULT_STEMS, style: Style = None, seed: Seed = 1, candidates: Candidates = 1,
    part: Range = None, chords: Chords = None, prompt: Prompt = "", temperature: Temperature = 1.0, energy: Energy = 0, tempo: Tempo = None,
    seconds: Seconds = None, variation: Variation = 0, like: Like = None, engine: Engine = "", analysis: Analysis = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Write new stems for SONG on its own grid and chords: ROLE.flac, ROLE.mid (of the band) and fit.json.

    Example: sideman generate song.mp3 -o band --stems bass,drums --style funk --candidates 4 --range chorus --seed 7
    """
    if chords is not None and not chords.replace("|", " ").split():
        raise UsageError("--chords holds no chords: write such as 'Am7 D7 G C', or leave it out")
    order = Order(
        parse_roles(stems), style, seed, candidates, part, None, tuple(chords.replace("|", " ").split()) if chords else (), tempo, seconds,
        prompt, temperature, energy, variation, bootstrap.loaded(like), engine=engine,
    )  # fmt: skip
    with progress_bars(json_output) as progress:
        made = bootstrap.generate(song, out, order=order, analysis=analysis, progress=progress)
    if json_output:
        rows = [
            report_json(n.report)
            | {
                "style": n.stem.style,
                "seed": n.stem.seed,
                "rank": n.rank,
                "file": n.file_name,
                "engine": n.stem.provenance.engine,
                "note": n.note,
            }
            for n in made
        ]
        print_json({"stems": rows})
        return
    for n in made:
        r = n.report
        say(f"{n.file_name:<12} {r.score:.2f} {r.verdict.value:<11} seed {n.stem.seed}  {r.reason}" + (f" {n.note}" if n.note else ""))
    if any(n.suited for n in made):
        say_style(made[0].stem.style)
    say(f"Written   {out}")
