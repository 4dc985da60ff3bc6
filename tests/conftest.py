"""Shared fixtures: one composed song for the whole run, files made from it, a clean environment."""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import atexit
import shutil
import signal
import tempfile
import threading
from pathlib import Path

import pytest

from sideman.core.audio import Recording, write_audio
from sideman.testing import ShortSong, short_song

os.environ["SIDEMAN_MODELS"] = tempfile.mkdtemp(prefix="sideman-models-")  # nobody's own models, also for servers that tests start
if threading.current_thread() is threading.main_thread():  # a run in the background ignores Ctrl-C, and so would the programs it starts
    signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(shutil.rmtree, os.environ["SIDEMAN_MODELS"], ignore_errors=True)


LONGEST_FIRST = (
    "test_faults.py", "test_access.py", "test_cli_library.py", "test_deployment.py", "test_long_recordings.py", "test_timeline_cli.py",
    "test_outages.py", "test_musicgen.py", "test_diffusion_engines.py", "test_network_jobs.py", "test_fleet.py", "test_separation_jobs.py",
)  # fmt: skip
"""Files go whole to one of two processes: a long one at the end would leave the other waiting."""
LAST = ("test_pages.py", "test_player.py", "test_taking_apart.py", "test_accessible.py")
"""After all others of the browser, which come after all the rest: a browser keeps an event loop running in its process, in which others could not
start theirs."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: k - len(LONGEST_FIRST) for k, name in enumerate(LONGEST_FIRST)} | {name: 2 + k for k, name in enumerate(LAST)}
    items.sort(key=lambda item: rank.get(item.path.name, int(item.path.parent.name == "browser")))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SIDEMAN_") and name != "SIDEMAN_MODELS":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def song() -> ShortSong:
    return short_song()


@pytest.fixture(scope="session")
def song_file(song: ShortSong, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "song.flac"
    write_audio(song.mixture, path)
    return path


@pytest.fixture
def recording(song_file: Path):
    with Recording.open(song_file) as opened:
        yield opened
