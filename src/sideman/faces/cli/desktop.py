"""sideman desktop: the pages in a window, with a server and a worker of their own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sideman import bootstrap
from sideman.errors import ServiceUnavailable
from sideman.faces.cli.terminal import say

ADDRESS = re.compile(r"listens on (http://\S+)")
STOP_S = 15
Library = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Folder of the library. Default: SIDEMAN_DATA, the library of last time, or ~/Sideman.", show_default=False
    ),
]


def command(data: Library = None) -> None:
    """Open Sideman in its own window; its server and worker run while it is open.

    Without the extra `desktop` the default browser shows it until Ctrl-C.

    Example: sideman desktop --data library
    """
    from sideman.faces.desktop import Remembered, show, show_in_browser, why_no_window

    remembered = Remembered.read()
    folder = (data or _library(remembered.library)).expanduser()
    bootstrap.open_studio(folder).close()  # what is wrong with it is said here, not by a process in the background
    remembered = replace(remembered, library=str(folder.resolve()))
    remembered.keep()
    with _server(folder) as (process, url):
        say(f"Sideman is at {url}  (library {folder})")
        reason = why_no_window()
        if reason is None:
            show(url, remembered)
        else:
            say(f"{reason}. Until then the browser shows it; Ctrl-C here stops it.")
            show_in_browser(url, lambda: _wait(process))


def _library(last: str | None) -> Path:
    named = os.environ.get("SIDEMAN_DATA")
    return Path(named or last or Path.home() / "Sideman")


def _wait(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        process.wait()


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server on a free port of this machine. Raises ServiceUnavailable when it ends before it listens."""
    command = [sys.executable, "-m", "sideman", "serve", "--port", "0", "--data", str(folder), "--parent", str(os.getpid())]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}, start_new_session=True
    )
    assert process.stdout is not None
    try:
        found = ADDRESS.search(process.stdout.readline())
        if found is None:
            raise ServiceUnavailable("Sideman's server did not start: its reason is above; `sideman doctor` looks for more")
        yield process, found[1]
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()
