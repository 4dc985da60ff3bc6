"""`sideman desktop`: a window with a server of its own, or the browser; nothing is left running afterwards."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from devtools import inside
from servers import free_port

from sideman.faces.desktop import Remembered, why_no_window

SOON_S = 60


def until(true: Callable[[], object], seconds: float = SOON_S) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def desktop(home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "sideman", "desktop", *words]
        with (home / "log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment})
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_window_and_library_are_remembered_and_a_damaged_memory_is_none(home: Path) -> None:
    assert Remembered.read() == Remembered()
    kept = Remembered("/music", 1000, 700, 5, 6)
    kept.keep()
    assert Remembered.read() == kept
    for damage in ("", "{", "[]", '{"library": 3}', '{"library": null, "width": "x", "height": 1, "x": 1, "y": 1}'):
        (home / "config/sideman/desktop.json").write_text(damage)
        assert Remembered.read() == Remembered()


@pytest.mark.slow
def test_without_a_window_the_browser_shows_it_until_ctrl_c(home: Path, desktop: Callable[..., subprocess.Popen[str]]) -> None:
    browser = home / "browser"
    browser.write_text(f"#!/bin/sh\necho $1 > {home}/opened\n")
    browser.chmod(0o755)
    process = desktop("--data", str(home / "library"), BROWSER=str(browser), DISPLAY="", WAYLAND_DISPLAY="")
    until(lambda: (home / "opened").exists() and (home / "opened").read_text().strip())
    url = (home / "opened").read_text().strip()
    assert "<title>Sideman</title>" in httpx.get(url).text
    started = family(process)
    process.send_signal(signal.SIGINT)
    process.wait(30)
    assert psutil.wait_procs(started, 20)[1] == []
    assert Remembered.read().library == str(home / "library")
    assert "Ctrl-C here stops it" in (home / "log").read_text()


@pytest.mark.slow
def test_a_server_ends_with_a_desktop_that_was_killed(home: Path, desktop: Callable[..., subprocess.Popen[str]]) -> None:
    process = desktop(SIDEMAN_DATA="~/library", BROWSER="true", DISPLAY="", WAYLAND_DISPLAY="")
    until(lambda: "Ctrl-C here" in (home / "log").read_text())
    assert (home / "library").is_dir()
    started = family(process)
    process.kill()
    process.wait()
    assert started and psutil.wait_procs(started, 30)[1] == []


@pytest.mark.slow
def test_a_window_shows_the_pages_and_plays(
    home: Path, desktop: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("webview") is None:
        pytest.skip("pywebview is not installed: pip install 'sideman[desktop]' to test the window")
    if (xvfb := shutil.which("Xvfb")) is None:
        pytest.skip("there is no Xvfb to open a window on: apt-get install xvfb")
    port = free_port()
    screen = subprocess.Popen(
        [xvfb, "-displayfd", "1", "-screen", "0", "1500x950x24"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert screen.stdout is not None
        monkeypatch.setenv("DISPLAY", f":{screen.stdout.readline().strip()}")
        if reason := why_no_window():
            pytest.skip(reason)
        process = desktop("--data", str(home / "library"), QTWEBENGINE_REMOTE_DEBUGGING=str(port))
        until(lambda: _answers(port))
        until(lambda: inside(port, "document.querySelector('h1')?.textContent") == "Library")
        assert inside(port, "[isSecureContext, typeof AudioWorkletNode, innerWidth]") == [True, "function", 1360]
        assert inside(port, "document.querySelector('.welcome h2').textContent") == "Bring in your first recording"
        started = family(process)
        process.terminate()
        process.wait(30)
        assert psutil.wait_procs(started, 20)[1] == []
    finally:
        screen.kill()
        screen.communicate()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/json").json()[0]["url"].startswith("http://127.0.0.1")
    except (httpx.TransportError, IndexError):
        return False
