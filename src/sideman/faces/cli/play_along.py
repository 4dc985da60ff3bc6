"""sideman play-along: the main job."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from sideman import bootstrap
from sideman.app.playalong import PlayAlong
from sideman.faces.cli.arguments import DEFAULT_STEMS, Engine, Json, OutFolder, Seed, Song, Stems, Style
from sideman.faces.cli.facts import analysis_json, say_analysis, say_style
from sideman.faces.cli.terminal import print_json, progress_bars, say, table

THE_BAND = "session band"
COLOURS = {"accepted": "green", "warned": "yellow", "undecidable": "yellow", "rejected": "red", "silent": "red"}


def command(
    song: Song,
    out: OutFolder,
    stems: Stems = DEFAULT_STEMS,
    style: Style = None,
    seed: Seed = 1,
    engine: Engine = "",
    without: Annotated[
        str | None,
        typer.Option(
            help="Also write the song without this stem (drums, bass, vocals, other) and with the new one in its place.", show_default=False
        ),
    ] = None,
    project: Annotated[
        bool, typer.Option("--project", help="Also write song.dawproject for Bitwig Studio, Studio One, Cubase and others.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Take SONG apart, understand it, and play along.

    Writes stems/ and their residual, new/ stems as audio and MIDI, mix.flac and mix.mp3, analysis.jams, timeline.mid (the song's own
    tempo, beat by beat), and report.html, which opens in any browser.

    Example: sideman play-along song.mp3 -o song --stems drums,bass --style jazz --without bass
    """
    with progress_bars(json_output) as progress:
        result = bootstrap.play_along(
            song, out, stems=stems, style=style, seed=seed, without=without, engine=engine, project=project, progress=progress
        )
    if json_output:
        print_json(result_json(result))
        return
    say_analysis(result.analysis)
    say_fits(result)
    say(f"Mix       {result.mix_lufs:.1f} LUFS, true peak {result.mix_true_peak_dbtp:.1f} dBTP")
    say(
        f"Written   {out}/report.html and {out}/mix.mp3, stems/, new/, analysis.jams{', timeline.mid' if result.analysis.grid else ''}{', song.dawproject' if project else ''}"
    )


def say_fits(result: PlayAlong) -> None:
    if result.reports:
        rows: list[list[str | Text]] = []
        for made in result.made:
            r, by = made.report, "" if made.engine == THE_BAND and not made.note else f" ({made.engine})"
            colour = COLOURS[r.verdict.value]
            rows.append([f"new {made.name}{by}", f"{r.score:.2f}", Text(r.verdict.value, style=colour), r.reason])
        table("Do the new stems fit? (judged by their sound against the recording's)", ["stem", "fit", "verdict", "why"], rows)
    if any(m.suited for m in result.made):
        say_style(result.made[0].style)
    for note in (*(m.note for m in result.made if m.note), *([result.warning] if result.warning else [])):
        say(f"Note      {note}")


def result_json(result: PlayAlong) -> dict[str, Any]:
    from sideman.app.generation import report_json

    return {
        "analysis": analysis_json(result.analysis),
        "new_stems": [report_json(m.report) | {"style": m.style, "engine": m.engine, "file": m.name, "note": m.note} for m in result.made],
        "residual_db": round(result.written.residual_db, 1),
        "mix": {"integrated_lufs": round(result.mix_lufs, 2), "true_peak_dbtp": round(result.mix_true_peak_dbtp, 2)},
        "warning": result.warning,
        "seconds": {k: round(v, 2) for k, v in result.seconds},
    }
