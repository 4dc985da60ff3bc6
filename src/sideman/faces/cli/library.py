"""sideman library: add, find, edit and trash recordings."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import Annotated, Any

import typer

from sideman import bootstrap
from sideman.errors import SidemanError, UsageError
from sideman.faces.cli.facts import clock
from sideman.faces.cli.library_options import Data, Json, Key, Server, library, refuse_empty
from sideman.faces.cli.terminal import complain, print_json, progress_bars, say, table

app = typer.Typer(name="library", help="The library: add, find, edit and trash recordings.", no_args_is_help=True)
Ids = Annotated[list[str], typer.Argument(help="Ids of recordings, or the beginning of one.", show_default=False)]
Most = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many to list.")]


@app.command("add")
def add(
    paths: Annotated[list[Path], typer.Argument(help="Audio files, ZIPs of stems, or folders of audio files.", show_default=False)],
    multitrack: Annotated[bool, typer.Option(help="Each folder holds the stems of one song and becomes one recording.")] = False,
    data: Data = None, server: Server = None, key: Key = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Add recordings. The same bytes twice are one recording; a file that cannot be read does not keep the others back.

    Example: sideman library add song.mp3 album/
    """
    with tempfile.TemporaryDirectory(prefix="sideman-add-") as folder:
        files = [_zipped(p, Path(folder)) for p in paths if p.is_dir()] if multitrack else []
        files += [f for p in paths if not (multitrack and p.is_dir()) for f in _files(p)]
        _add(files, (data, server, key), json_output)


def _files(path: Path) -> list[Path]:
    """What a path holds: itself, or every file of the folder."""
    return sorted(x for x in path.rglob("*") if x.is_file() and not x.name.startswith(".")) if path.is_dir() else [path]


def _zipped(folder: Path, into: Path) -> Path:
    target = Path(tempfile.mkdtemp(dir=into)) / f"{folder.resolve().name}.zip"  # two folders may have one name
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for file in _files(folder):
            archive.write(file, file.relative_to(folder))
    return target


def _add(files: list[Path], library_of: tuple[Path | None, str | None, str | None], json_output: bool) -> None:
    added: list[dict[str, Any]] = []
    first_error: SidemanError | None = None
    with library(*library_of) as lib, progress_bars(json_output) as progress:
        for k, path in enumerate(files):
            try:
                added.append(lib.upload(path))
            except SidemanError as error:
                first_error = first_error or error
                if len(files) > 1:
                    complain(f"{path}: {error}")
            progress("add", (k + 1) / len(files))
    if json_output:
        print_json({"added": added})
    elif added:
        _list(added, f"{len(added)} in the library")
    if first_error is not None:
        if len(files) == 1:
            raise first_error
        raise typer.Exit(first_error.exit_code)


@app.command("list")
def list_(most: Most = 50, trashed: Annotated[bool, typer.Option(help="What lies in the trash.")] = False, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """List recordings, newest first.

    Example: sideman library list --limit 20
    """
    with library(data, server, key) as lib:
        rows = lib.pages("/api/v1/recordings", {"trashed": trashed}, most)
        place = str(bootstrap.platform_settings(lib.data).data) if lib.is_local else "the server"
    _show(rows, json_output, f"nothing is in the {'trash' if trashed else 'library'} of {place}: --data names another library")


@app.command("search")
def search(
    words: Annotated[str, typer.Argument(help="Words, or beginnings of words, in title, artist, album, tags, file name.")] = "",
    artist: Annotated[str, typer.Option(help="Beginning of the artist.")] = "",
    tag: Annotated[str, typer.Option(help="A tag.")] = "",
    bpm: Annotated[str, typer.Option(help="A tempo or a range: 120 or 118-124.")] = "",
    song_key: Annotated[str, typer.Option("--song-key", help="A minor, Am or Camelot's 8A.")] = "",
    compatible: Annotated[bool, typer.Option(help="Also keys that mix with --song-key.")] = False,
    sort: Annotated[str, typer.Option(help="added, title, artist, album, tempo, key or duration.")] = "added",
    most: Most = 50, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Find recordings.

    Example: sideman library search blue --bpm 118-124 --song-key Am --compatible
    """
    wanted = {
        "q": words, "artist": artist, "tag": tag, "key": song_key, "compatible": compatible, "sort": sort, "descending": sort == "added",
    } | _tempo_range(bpm)  # fmt: skip
    with library(data, server, key) as lib:
        rows = lib.pages("/api/v1/recordings", wanted, most)
    _show(rows, json_output)


@app.command("show")
def show(recording: Annotated[str, typer.Argument(show_default=False)], data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Show one recording with its stems and jobs.

    Example: sideman library show 3f2a
    """
    with library(data, server, key) as lib:
        recording_id = full_id(lib, recording)
        facts = lib.ask("GET", f"/api/v1/recordings/{recording_id}")
        stems = lib.pages("/api/v1/stems", {"recording": recording_id}, 1000)
        jobs = lib.pages("/api/v1/jobs", {"recording": recording_id}, 20)
    if json_output:
        print_json({"recording": facts, "stems": stems, "jobs": jobs})
        return
    _list([facts], facts["title"])
    if stems:
        rows = [
            [s["name"], s["origin"], f"{s['score']:.2f}" if s["score"] is not None else "", s["verdict"] or "", s["id"][:8]] for s in stems
        ]
        table("Stems", ["stem", "origin", "fit", "verdict", "id"], rows)
    if jobs:
        table("Jobs", ["job", "state", "step", "id"], [[j["kind"], j["state"], j["error"] or j["step"], j["id"][:8]] for j in jobs])


@app.command("edit")
def edit(
    recording: Annotated[str, typer.Argument(show_default=False)],
    title: Annotated[str | None, typer.Option(show_default=False)] = None,
    artist: Annotated[str | None, typer.Option(show_default=False)] = None,
    album: Annotated[str | None, typer.Option(show_default=False)] = None,
    tags: Annotated[str | None, typer.Option(help="All tags, with commas.", show_default=False)] = None,
    data: Data = None, server: Server = None, key: Key = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Change title, artist, album or tags.

    Example: sideman library edit 3f2a --title 'Blue in Green' --tags jazz,ballad
    """
    change: dict[str, Any] = {k: v for k, v in (("title", title), ("artist", artist), ("album", album)) if v is not None}
    if tags is not None:
        change["tags"] = [t.strip() for t in tags.split(",") if t.strip()]
    with library(data, server, key) as lib:
        facts = lib.ask("PATCH", f"/api/v1/recordings/{full_id(lib, recording)}", json=change)
    _show([facts], json_output)


@app.command("trash")
def trash(recordings: Ids, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """Move recordings to the trash.

    Example: sideman library trash 3f2a
    """
    _each(recordings, "trash", library_of=(data, server, key), json_output=json_output)


@app.command("restore")
def restore(recordings: Ids, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """Take recordings out of the trash.

    Example: sideman library restore 3f2a
    """
    _each(recordings, "restore", library_of=(data, server, key), json_output=json_output)


@app.command("delete")
def delete(recordings: Ids, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """Delete recordings that are in the trash, with their stems: for good.

    Example: sideman library delete 3f2a
    """
    gone: list[str] = []
    first_error: SidemanError | None = None
    with library(data, server, key) as lib:
        for recording in dict.fromkeys(full_id(lib, i, trashed=True) for i in recordings):
            try:
                lib.ask("DELETE", f"/api/v1/recordings/{recording}")
                gone.append(recording)
            except SidemanError as error:
                first_error = first_error or error
                if len(recordings) > 1:
                    complain(f"{recording}: {error}")
    if json_output:
        print_json({"deleted": gone})
    elif gone:
        say(f"deleted: {', '.join(gone)}")
    if first_error is not None:
        if len(recordings) == 1:
            raise first_error
        raise typer.Exit(first_error.exit_code)


def _each(ids: list[str], verb: str, library_of: tuple[Path | None, str | None, str | None], json_output: bool) -> None:
    with library(*library_of) as lib:
        rows = [lib.ask("POST", f"/api/v1/recordings/{full_id(lib, i, trashed=verb == 'restore')}/{verb}") for i in ids]
    _show(rows, json_output)


@app.command("verify")
def verify(data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """Hash everything again and report what is damaged, missing or unused. Exit code 6 when something is wrong.

    Example: sideman library verify
    """
    with library(data, server, key) as lib, progress_bars(True):
        found = lib.ask("POST", "/api/v1/library/verification")
    if json_output:
        print_json(found)
    else:
        say(f"{found['blobs']} files, {found['sizeBytes'] / 1e6:.0f} MB: {len(found['damaged'])} damaged, {len(found['missing'])} missing; "
            f"{found['unused']} unused ({found['unusedBytes'] / 1e6:.0f} MB, removed after the grace period)")  # fmt: skip
        for name in ("damaged", "missing"):
            for blob in found[name]:
                say(f"{name}: {blob}")
    if found["damaged"] or found["missing"]:
        raise typer.Exit(6)


def full_id(lib: Any, beginning: str, trashed: bool = False) -> str:
    """The id that begins so, among the newest thousand."""
    from sideman.errors import NotFound

    if len(beginning) == 36:
        return beginning
    refuse_empty(beginning, "recording")
    found = [r["id"] for r in lib.pages("/api/v1/recordings", {"trashed": trashed}, 1000) if r["id"].startswith(beginning)]
    if not found:
        where, shown = (" in the trash", " --trashed") if trashed else ("", "")
        raise NotFound(f"no recording{where} has an id that begins with {beginning!r}: `sideman library list{shown}` shows them")
    if len(found) > 1:
        raise UsageError(f"{len(found)} recordings have ids that begin with {beginning!r}: give more of it")
    return str(found[0])


def _tempo_range(text: str) -> dict[str, str]:
    """`120` or `118-124` as parameters of the API; none for an empty text."""
    low, dash, high = text.partition("-")
    if text and not (_is_number(low) and (not dash or _is_number(high))):
        raise UsageError(f"--bpm is {text!r}: write a tempo or a range, 120 or 118-124")
    return (
        {"tempoFrom": low, "tempoTo": high}
        if dash
        else {"tempoFrom": f"{float(low) - 0.5}", "tempoTo": f"{float(low) + 0.5}"}
        if low
        else {}
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _show(rows: list[dict[str, Any]], json_output: bool, nothing: str = "nothing found") -> None:
    if json_output:
        print_json({"recordings": rows})
    elif rows:
        _list(rows, f"{len(rows)} recording{'s' if len(rows) != 1 else ''}")
    else:
        say(nothing)


def _list(rows: list[dict[str, Any]], title: str) -> None:
    cells = [
        [
            r["title"], r["artist"], clock(r["durationS"]), f"{r['tempoBpm']:.1f}" if r["tempoBpm"] else "",
            f"{r['key']['name']} ({r['key']['camelot']})" if r["key"] else "", r["meter"] or "", r["status"], r["id"][:8],
        ]
        for r in rows
    ]  # fmt: skip
    table(title, ["title", "artist", "length", "bpm", "key", "meter", "status", "id"], cells)
