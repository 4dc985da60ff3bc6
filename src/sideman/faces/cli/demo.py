"""sideman demo: the main job on a song that comes with its truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sideman import bootstrap
from sideman.core.music import MusicAnalysis
from sideman.faces.cli import jobs, library_options, play_along
from sideman.faces.cli.arguments import Seed
from sideman.faces.cli.facts import clock, say_analysis
from sideman.faces.cli.terminal import progress_bars, say, table

Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")]
Library = Annotated[
    Path | None,
    typer.Option("--library", help="Also leave the song, its analysis and a new bass in the library of this folder.", show_default=False),
]
Song = Annotated[Path | None, typer.Option(help="A recording of your own instead of the demo song.", show_default=False)]


def command(out: Out = Path("demo"), song: Song = None, seed: Seed = 7, library: Library = None) -> None:
    """Compose and record a 90-second song (drifting tempo, sections, a key change), then run the main job on its MP3 alone.

    What was found is printed beside what was composed. With --song, the main job runs on your recording.
    """
    if song is not None:
        with progress_bars() as progress:
            result = bootstrap.play_along(song, out, seed=seed, progress=progress)
        say_analysis(result.analysis)
        play_along.say_fits(result)
        say(f"Open      {out}/report.html")
        keep(library, song, seed)
        return
    mp3 = out / "demo-song.mp3"
    with progress_bars() as progress:
        truth = bootstrap.record_demo_song(mp3, seed, progress)
        result = bootstrap.play_along(mp3, out, without="bass", progress=progress)
    say_comparison(truth, result.analysis)
    play_along.say_fits(result)
    say(f"Open      {out}/report.html, or listen to {out}/demo-song.mp3, {out}/mix.mp3 and {out}/minus/")
    keep(library, mp3, seed)


def keep(folder: Path | None, song: Path, seed: int) -> None:
    """Add the song to a library, take it apart there, and play a bass to it: what the pages begin with."""
    if folder is None:
        return
    with library_options.library(folder, None, None) as lib:
        at = f"/api/v1/recordings/{lib.upload(song)['id']}"
        jobs.finish(lib, [lib.ask("POST", f"{at}/analyses", json={})["id"]], False)
        made = lib.ask("POST", f"{at}/generations", json={"roles": ["bass"], "seed": seed})
        jobs.finish(lib, [made["jobId"]], False)
    say(f"Play      it in the browser: sideman serve --data {folder} (in a checkout: make serve), then http://127.0.0.1:5000")


def say_comparison(truth: MusicAnalysis, found: MusicAnalysis) -> None:
    """Composed and found, side by side; found knows the MP3 only."""
    s = bootstrap.compare_with_truth(truth, found)
    grid, heard = truth.require_grid(), found.grid.value if found.grid else None
    keys = [" then ".join(f"{k.key} ({clock(k.start_s)})" for k in a.key_spans.value) if a.key_spans else "none" for a in (truth, found)]
    letters = ["".join(x.label for x in a.sections.value) if a.sections else "none" for a in (truth, found)]
    starts = [" ".join(clock(x.start_s) for x in a.sections.value) if a.sections else "" for a in (truth, found)]
    rows = [
        ["tempo", f"{grid.tempo_bpm:.1f} bpm", f"{heard.tempo_bpm:.1f} bpm" if heard else "none", f"{s.tempo_error_percent:.2f} % off"],
        ["meter", str(grid.meter), str(heard.meter) if heard else "none", ""],
        ["beats", str(len(grid)), str(len(heard)) if heard else "0", f"F {s.beat_f:.1f} %"],
        ["downbeats", str(len(grid.downbeats_s)), str(len(heard.downbeats_s)) if heard else "0", f"F {s.downbeat_f:.1f} %"],
        ["key", keys[0], keys[1], f"MIREX {s.key_mirex:.0f} %"],
        ["chords", _count(truth), _count(found), f"{s.majmin:.1f} % of the time right (major/minor), {s.sevenths:.1f} % with sevenths"],
        ["sections", f"{letters[0]} at {starts[0]}", f"{letters[1]} at {starts[1]}", f"F {s.section_f:.0f} % within 3 s"],
        ["tuning", "440.0 Hz", f"{found.tuning_hz.value:.1f} Hz" if found.tuning_hz else "none", f"{s.tuning_error_cents:.1f} cents off"],
    ]
    table("The demo song: composed, and found in its MP3", ["", "composed", "found", "score"], rows)


def _count(a: MusicAnalysis) -> str:
    return f"{sum(c.chord.root is not None for c in a.chords.value)} spans" if a.chords else "none"
