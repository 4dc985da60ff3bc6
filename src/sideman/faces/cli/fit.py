"""sideman fit: your own loop on a song. sideman straighten: a song at an even tempo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sideman import bootstrap
from sideman.app.fitting import FitWish
from sideman.app.generation import report_json
from sideman.core.music import StemRole
from sideman.errors import UsageError
from sideman.faces.cli.arguments import Json, OutFolder, Song
from sideman.faces.cli.generate import Analysis
from sideman.faces.cli.terminal import print_json, progress_bars, say

Clip = Annotated[Path, typer.Argument(help="A loop or stem of yours, in any tempo and key.", show_default=False)]
Role = Annotated[str, typer.Option(help="What it plays: drums, bass, piano, guitar, lead ...; decides its level and how it is judged.")]
At = Annotated[
    str | None, typer.Option(help="Where it begins: chorus, bar 9, 0:31-0:40; found by listening otherwise.", show_default=False)
]
Within = Annotated[
    str | None, typer.Option("--range", help="Only this part of the song: chorus, bars 9-16, 0:30-1:05.", show_default=False)
]
Repeat = Annotated[
    bool | None,
    typer.Option("--loop/--once", help="Again and again, or once; a clip shorter than half the song loops by default.", show_default=False),
]
Transpose = Annotated[str, typer.Option(help="auto: what fits best; chords: chord by chord; off; or semitones such as -3.")]
TempoOption = Annotated[float | None, typer.Option(help="Beats a minute; the song's own mean by default.", show_default=False)]
StemFiles = Annotated[
    list[Path] | None, typer.Option("--stem", help="A stem of the song to warp along; may be given several times.", show_default=False)
]
Undo = Annotated[
    Path | None,
    typer.Option(help="The tempo-map.json of a song that was straightened: brings it back to its own tempo.", show_default=False),
]


def _transposed(wish: FitWish, transpose: str) -> FitWish:
    if transpose == "auto":
        return wish
    if transpose == "chords":
        return replace(wish, follow_chords=True)
    if transpose == "off":
        return replace(wish, semitones=0, follow_chords=False)
    try:
        semitones = int(transpose)
    except ValueError:
        raise UsageError(f"--transpose {transpose!r} is none of auto, chords, off, or a number of semitones") from None
    if not -12 <= semitones <= 12:
        raise UsageError(f"--transpose {semitones} is more than an octave: choose -12 to 12")
    return replace(wish, semitones=semitones, follow_chords=False)


def fit(
    clip: Clip, song: Song, out: OutFolder, role: Role = "other", at: At = None, within: Within = None, repeat: Repeat = None,
    transpose: Transpose = "auto", analysis: Analysis = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Bring CLIP onto SONG: its beats onto the song's own, its key into the song's, its level to its role, its length to the sample.

    Example: sideman fit loop.wav song.mp3 -o fitted --role drums --range chorus
    """
    wish = _transposed(FitWish(StemRole.parse(role), at, within, repeat), transpose)
    known = bootstrap.loaded(analysis)
    with progress_bars(json_output) as progress:
        made = bootstrap.fit(clip, song, out, wish=wish, analysis=known, progress=progress)
    p, r = made.placement, made.report
    if json_output:
        print_json(report_json(r) | {"path": str(made.path), "tempo_ratio": p.tempo_ratio, "semitones": p.semitones, "repeats": p.repeats})
        return
    how = "chord by chord" if p.follows_chords else f"{p.semitones:+.2f} semitones" if abs(p.semitones) > 0.005 else "not transposed"
    say(f"Placed   {p.clip_beats} beats{', repeated,' if p.repeats else ''} at {p.tempo_ratio:.3f} times their tempo, {how}")
    say(f"Fit      {r.score:.2f} {r.verdict.value}: {r.reason}")
    say(f"Written  {made.path}")


def straighten(
    song: Song, out: OutFolder, tempo: TempoOption = None, stem: StemFiles = None, undo: Undo = None, analysis: Analysis = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Bring SONG, and stems of it, to an even tempo, and keep the map, so that it can be undone.

    Example: sideman straighten song.mp3 -o even --tempo 120 --stem song/stems/drums.flac
    """
    with progress_bars(json_output) as progress:
        made = bootstrap.straighten(song, out, tempo_bpm=tempo, stems=stem or [], undo=undo, analysis=analysis, progress=progress)
    if json_output:
        print_json({"tempo_bpm": made.tempo_bpm, "duration_s": made.duration_s, "beats": len(made.source_s)})
        return
    say(f"Tempo    {made.tempo_bpm:.2f} bpm" + (", as it was" if undo else ", even") + f"; {made.duration_s:.1f} s")
    say(f"Written  {out}")
