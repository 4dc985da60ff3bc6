"""Real servers for tests: `sideman serve` with its own worker, in processes of their own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

_ADDRESS = re.compile(r"Sideman listens on (http://[\w.:]+)")
_START_S = 180
_STOP_S = 20


@dataclass(frozen=True)
class Server:
    url: str
    data: Path
    process: subprocess.Popen[str]

    def die(self) -> None:
        """As a power cut would end it, with all that it started."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        for process in (psutil.Process(self.process.pid), *family):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(folder: Path, port: int = 0, **settings: str) -> Iterator[Server]:
    """`sideman serve` on the library in `folder`/data. Fails when the server ended by itself."""
    data, log = folder / "data", folder / "log.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIDEMAN_")} | {"PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "sideman", "serve", "--port", str(port), "--data", str(data)]
    with log.open("ab") as err:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, text=True, env=environment | settings
        )
    assert process.stdout
    watchdog = threading.Timer(_START_S, process.kill)
    watchdog.start()
    try:
        first = process.stdout.readline()
        found = _ADDRESS.search(first)
        assert found, f"the server did not say its address: {first!r}\n{log.read_text('utf-8', 'replace')[-2000:]}"
        watchdog.cancel()
        # what it prints later is read, or it would stop once the pipe is full
        reader = threading.Thread(target=process.stdout.read, daemon=True)
        reader.start()
        _wait_until_ready(found[1], process, log)
        yield Server(found[1], data, process)
        if process.poll() is not None and process.returncode != -signal.SIGKILL:
            raise AssertionError(f"the server ended by itself ({process.returncode}): {log.read_text('utf-8', 'replace')[-2000:]}")
    finally:
        watchdog.cancel()
        _stop(process)
        process.stdout.close()


def _wait_until_ready(url: str, process: subprocess.Popen[str], log: Path) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"the server does not get ready: {log.read_text('utf-8', 'replace')[-2000:]}")


def _stop(process: subprocess.Popen[str]) -> None:
    family = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
    if process.poll() is None:
        process.kill()
    process.wait()
    _, left = psutil.wait_procs(family, timeout=3)
    for child in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
