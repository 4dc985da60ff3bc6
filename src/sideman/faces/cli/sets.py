"""sideman sets: set lists, songs in an order to play through."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

import typer

from sideman.errors import NotFound, UsageError
from sideman.faces.cli.facts import clock
from sideman.faces.cli.library import full_id
from sideman.faces.cli.library_options import Data, Json, Key, Library, Server, library, refuse_empty
from sideman.faces.cli.terminal import print_json, say, table

app = typer.Typer(name="sets", help="Set lists: songs in an order to play through.", no_args_is_help=True)
SetName = Annotated[str, typer.Argument(metavar="SET", help="Name of a set list, or the beginning of its id.", show_default=False)]
Ids = Annotated[list[str], typer.Argument(help="Ids of recordings, or the beginning of one.", show_default=False)]
COLLECTIONS = "/api/v1/collections"


@app.command("list")
def list_(data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """List the set lists that you may see.

    Example: sideman sets list
    """
    with library(data, server, key) as lib:
        found = lib.ask("GET", COLLECTIONS)
    if json_output:
        print_json({"sets": found})
    elif found:
        table(
            "Set lists",
            ["set", "songs", "access", "id"],
            [[c["name"], str(len(c["recordingIds"])), c["access"], c["id"][:8]] for c in found],
        )
    else:
        say("no set lists: `sideman sets create NAME IDS...` makes one")


@app.command("show")
def show(name: SetName, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """Show the songs of a set list in their order.

    Example: sideman sets show Friday
    """
    with library(data, server, key) as lib:
        _show(lib, set_named(lib, name), json_output)


@app.command("create")
def create(name: Annotated[str, typer.Argument(show_default=False)], recordings: Annotated[list[str] | None, typer.Argument(help="Ids of recordings, in order.", show_default=False)] = None, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Make a set list of recordings in the order in which they are named.

    Example: sideman sets create Friday 3f2a 77b1
    """
    with library(data, server, key) as lib:
        ids = [full_id(lib, r) for r in recordings or ()]
        made = lib.ask("POST", COLLECTIONS, json={"name": name})
        _put(lib, made, ids, json_output)


@app.command("add")
def add(name: SetName, recordings: Ids, at: Annotated[int | None, typer.Option(min=1, help="Place of the first of them; left out, the end.", show_default=False)] = None, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Put recordings into a set list, or move those that are in it to another place.

    Example: sideman sets add Friday 3f2a --at 1
    """
    with library(data, server, key) as lib:
        found, ids = set_named(lib, name), list(dict.fromkeys(full_id(lib, r) for r in recordings))
        rest = [i for i in found["recordingIds"] if i not in ids]
        place = len(rest) if at is None else min(at - 1, len(rest))
        _put(lib, found, rest[:place] + ids + rest[place:], json_output)


@app.command("remove")
def remove(name: SetName, recordings: Ids, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """Take recordings out of a set list. They stay in the library.

    Example: sideman sets remove Friday 3f2a
    """
    with library(data, server, key) as lib:
        found = set_named(lib, name)
        gone = [_inside(found, r) for r in recordings]
        _put(lib, found, [i for i in found["recordingIds"] if i not in gone], json_output)


@app.command("rename")
def rename(name: SetName, new: Annotated[str, typer.Argument(show_default=False)], data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Give a set list another name.

    Example: sideman sets rename Friday 'Friday, second set'
    """
    with library(data, server, key) as lib:
        _show(lib, lib.ask("PATCH", f"{COLLECTIONS}/{set_named(lib, name)['id']}", json={"name": new}), json_output)


@app.command("delete")
def delete(name: SetName, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """Delete a set list. Its recordings stay in the library.

    Example: sideman sets delete Friday
    """
    with library(data, server, key) as lib:
        found = set_named(lib, name)
        lib.ask("DELETE", f"{COLLECTIONS}/{found['id']}")
    if json_output:
        print_json({"deleted": found})
    else:
        say(f"{found['name']} is deleted; its recordings stay")


def set_named(lib: Library, name: str) -> dict[str, Any]:
    """The set list of that name, else the one whose id begins so. Raises NotFound, and UsageError where there are several."""
    there: list[dict[str, Any]] = lib.ask("GET", COLLECTIONS)
    found = [c for c in there if c["name"].casefold() == name.casefold()] or [
        c for c in there if len(name) > 3 and c["id"].startswith(name)
    ]
    if not found:
        near = difflib.get_close_matches(name.casefold(), {c["name"].casefold(): c["name"] for c in there}, 1)
        hint = next(
            (f"did you mean {c['name']}?" for c in there if near and c["name"].casefold() == near[0]), "`sideman sets list` shows them"
        )
        raise NotFound(f"there is no set list {name!r}: {hint}")
    if len(found) > 1:
        raise UsageError(f"{len(found)} set lists are called {name!r}: name one by its id, {' or '.join(c['id'][:8] for c in found)}")
    return found[0]


def _inside(found: dict[str, Any], beginning: str) -> str:
    """Also of a recording that is in the trash, or no longer shared."""
    refuse_empty(beginning, "recording")
    ids = [i for i in found["recordingIds"] if i.startswith(beginning)]
    if not ids:
        raise NotFound(f"{found['name']} holds no recording whose id begins with {beginning!r}: `sideman sets show` lists them")
    if len(ids) > 1:
        raise UsageError(f"{len(ids)} recordings of {found['name']} have ids that begin with {beginning!r}: give more of it")
    return str(ids[0])


def _put(lib: Library, found: dict[str, Any], ids: list[str], json_output: bool) -> None:
    _show(lib, lib.ask("PATCH", f"{COLLECTIONS}/{found['id']}", json={"recordingIds": ids}), json_output)


def _show(lib: Library, found: dict[str, Any], json_output: bool) -> None:
    rows = lib.pages("/api/v1/recordings", {"collection": found["id"], "sort": "position", "descending": False}, 5000)
    if json_output:
        print_json({"set": found, "recordings": rows})
    elif rows:
        cells = [
            [
                str(k + 1), r["title"], r["artist"], clock(r["durationS"]), f"{r['tempoBpm']:.1f}" if r["tempoBpm"] else "",
                r["key"]["name"] if r["key"] else "", r["id"][:8],
            ]
            for k, r in enumerate(rows)
        ]  # fmt: skip
        total = clock(sum(r["durationS"] for r in rows))
        table(f"{found['name']}: {len(rows)} songs, {total}", ["", "title", "artist", "length", "bpm", "key", "id"], cells)
    else:
        say(f"{found['name']} is empty")
