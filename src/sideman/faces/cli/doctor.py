"""sideman doctor: what this installation has, and what it lacks."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sqlite3
from importlib import metadata
from typing import Any

from sideman import bootstrap
from sideman.errors import SidemanError
from sideman.faces.cli.library_options import Data, Json
from sideman.faces.cli.terminal import print_json, table

EXTRAS = {
    "server": ("dbos", "fastapi", "sqlalchemy"), "postgres": ("psycopg",), "azure": ("azure.storage.blob",), "s3": ("boto3",),
    "separation": ("openvino",), "torch": ("torch",), "neural": ("torch", "transformers", "diffusers", "torchsde"),
}  # fmt: skip


def command(data: Data = None, json_output: Json = False) -> None:
    """Check the installation: versions, extras, carried files, the library's databases and store, free space.

    Example: sideman doctor
    """
    facts = findings(data)
    if json_output:
        print_json({name: {"state": state, "detail": detail} for name, state, detail in facts})
        return
    table("Sideman on this machine", ["what", "state", ""], [list(row) for row in facts])


def findings(data: Any) -> list[tuple[str, str, str]]:
    rows = [
        ("sideman", metadata.version("sideman"), f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} processors")
    ]
    for extra, modules in EXTRAS.items():
        there = all(_importable(m) for m in modules)
        rows.append((f"extra {extra}", "installed" if there else "missing", "" if there else f"pip install 'sideman[{extra}]'"))
    rows.append(
        (
            "SoundFont",
            "found" if bootstrap.current_settings().soundfont.is_file() else "missing",
            str(bootstrap.current_settings().soundfont),
        )
    )
    settings = bootstrap.platform_settings(data)
    folder = next(p for p in (settings.data, *settings.data.parents) if p.exists())
    rows.append(("free space", f"{shutil.disk_usage(folder).free / 1e9:.1f} GB", str(settings.data)))
    if not all(_importable(m) for m in EXTRAS["server"]):
        return rows
    mode = bootstrap.sqlite_journal_mode()
    why = (
        ""
        if mode == "wal"
        else "this version has the WAL-reset bug, so the slower rollback journal is used; 3.51.3 and newer are free of it"
    )
    rows.append(("SQLite", sqlite3.sqlite_version, f"journal mode {mode}; {why}" if why else f"journal mode {mode}"))
    try:
        with bootstrap.open_studio(data) as studio:
            studio.check()
            rows.append(("library", "answers", f"{studio.database_kind}, {studio.living_workers()} workers alive"))
    except SidemanError as error:
        rows.append(("library", "fails", str(error)))
    return rows


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
