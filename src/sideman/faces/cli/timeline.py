"""sideman timeline: look at an analysis, correct it, take corrections back, bring annotations in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sideman import bootstrap
from sideman.app.timelines import TimelineFile
from sideman.core.music import CORRECTION_VALUES, Correction
from sideman.errors import UsageError
from sideman.faces.cli.facts import analysis_json, say_analysis
from sideman.faces.cli.library import full_id
from sideman.faces.cli.library_options import Data, Json, Key, Library, Server, library
from sideman.faces.cli.terminal import print_json, say

app = typer.Typer(name="timeline", help="Beats, chords, key, sections: look, correct, undo, import.", no_args_is_help=True)
KINDS_AND_VALUES = [kind if values == "nothing" else f"{kind} ({values})" for kind, values in CORRECTION_VALUES.items()]
Target = Annotated[str, typer.Argument(help="Id of a recording in the library, or an analysis.jams (or its folder).", show_default=False)]
Kind = Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS_AND_VALUES)}.", show_default=False)]
Values = Annotated[list[str] | None, typer.Argument(help="name=value, as many as that correction needs.", show_default=False)]


def _file(target: str) -> TimelineFile | None:
    """The analysis on disk that the target names, or None for an id."""
    path = Path(target)
    return bootstrap.timeline_file(path) if path.exists() or path.suffix == ".jams" else None


def _at(lib: Library, target: str) -> str:
    return f"/api/v1/recordings/{full_id(lib, target)}"


@app.command("show")
def show(target: Target, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """The analysis with the corrections laid over it, and which they are.

    Example: sideman timeline show song/analysis.jams
    """
    if found := _file(target):
        _shown(found, json_output)
        return
    with library(data, server, key) as lib:
        at = _at(lib, target)
        timeline, made = lib.ask("GET", f"{at}/timeline"), lib.ask("GET", f"{at}/corrections")
    kept = [c for c in made if c["revertedAt"] is None]
    if json_output:
        print_json({"timeline": timeline, "corrections": kept})
        return
    key_name = timeline["key"]["name"] if timeline["key"] else "no key"
    say(
        f"{_tempo(timeline['tempoBpm'], timeline['meter'])}, {key_name}, {len(timeline['chords'])} chords, {len(timeline['sections'])} sections"
    )
    for reading in timeline["otherReadings"]:
        say(f"other reading: {reading[0]}, {_tempo(reading[1], reading[2])}, {reading[3]:.0%}")
    for c in kept:
        say(f"corrected: {c['kind']} {_words(c['values'])} ({c['id'][:8]})")


def _tempo(bpm: float | None, meter: str | None) -> str:
    return f"{bpm:.1f} bpm in {meter}" if bpm else "no beats"


def _words(values: dict[str, Any]) -> str:
    return " ".join(f"{k}={v if not isinstance(v, list) else f'[{len(v)}]'}" for k, v in values.items())


def _shown(file: TimelineFile, json_output: bool) -> None:
    analysis, made = file.analysis(), file.corrections()
    if json_output:
        print_json(analysis_json(analysis) | {"corrections": [{"kind": c.kind, "values": dict(c.values)} for c in made]})
        return
    say_analysis(analysis)
    for c in made:
        say(f"Corrected {c.kind} {_words(dict(c.values))}")


@app.command("edit")
def edit(target: Target, kind: Kind, values: Values = None, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Correct the analysis: what follows it (click, chords, new stems, exports) follows the correction. It survives a new analysis.

    Example: sideman timeline edit song set-meter meter=3/4 bar=9
    """
    given = _values(values or [])
    if found := _file(target):
        found.correct(Correction(kind, given))
        _told({"kind": kind, "values": given}, json_output)
        return
    with library(data, server, key) as lib:
        _told(lib.ask("POST", f"{_at(lib, target)}/corrections", json={"kind": kind, "values": given}), json_output)


WORDS = ("label", "chord", "key", "meter")
"""Values that are text whatever they look like: a section may be called 1."""


def _values(given: list[str]) -> dict[str, Any]:
    """`meter=3/4 bar=9`: what is JSON is taken as JSON, the rest as text."""
    out: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{text!r} is no value: write name=value, such as meter=3/4")
        try:
            out[name] = value if name in WORDS else json.loads(value)
        except ValueError:
            out[name] = value
    return out


def _told(made: dict[str, Any], json_output: bool) -> None:
    print_json(made) if json_output else say(f"corrected: {made['kind']} {_words(made['values'])}")


@app.command("undo")
def undo(target: Target, correction: Annotated[str | None, typer.Argument(help="Id of the correction in a library; the last one without it.", show_default=False)] = None, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Take a correction back.

    Example: sideman timeline undo song
    """
    if found := _file(target):
        if correction is not None:
            raise UsageError("corrections of a file have no ids: leave it out, and the last one is taken back")
        gone = found.undo()
        _undone({"kind": gone.kind, "values": dict(gone.values)}, json_output)
        return
    with library(data, server, key) as lib:
        at = _at(lib, target)
        kept = [c for c in lib.ask("GET", f"{at}/corrections") if c["revertedAt"] is None and c["id"].startswith(correction or "")]
        if not kept:
            raise UsageError(f"there is no correction {correction or ''} to take back: `sideman timeline show {target}` lists them")
        last = max(enumerate(kept), key=lambda c: (str(c[1]["createdAt"]), c[0]))[1]
        lib.ask("DELETE", f"{at}/corrections/{last['id']}")
        _undone(last, json_output)


def _undone(gone: dict[str, Any], json_output: bool) -> None:
    print_json(gone) if json_output else say(f"taken back: {gone['kind']} {_words(gone['values'])}")


@app.command("import")
def import_(target: Target, file: Annotated[Path, typer.Argument(help="JAMS, .beats, .lab, Audacity labels, or MIDI (its tempo map).", show_default=False)], data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Lay another tool's annotations over the analysis, as corrections that can be taken back.

    Example: sideman timeline import song downbeats.beats
    """
    if found := _file(target):
        made: list[dict[str, Any]] = [{"kind": c.kind, "values": dict(c.values)} for c in found.import_annotations(file)]
    else:
        if not file.is_file():
            raise UsageError(f"there is no file {file}: check the path")
        with library(data, server, key) as lib, file.open("rb") as body:
            made = lib.ask("POST", f"{_at(lib, target)}/annotations", files={"file": (file.name, body)})
    if json_output:
        print_json({"corrections": made})
    for c in made if not json_output else ():
        say(f"imported: {c['kind']} {_words(c['values'])}")
