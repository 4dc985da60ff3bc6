"""The name of a worker: stable per place, so that a restarted worker finds its own jobs, and never held by two at once."""

from __future__ import annotations

import hashlib
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from sideman.errors import Conflict

MOST_WORKERS = 256


@dataclass(frozen=True, slots=True)
class Executor:
    """scratch: a folder of its own, empty when the worker starts: what a killed worker left there goes."""

    name: str
    scratch: Path


@contextmanager
def claimed(locks: Path, scratch: Path) -> Iterator[Executor]:
    """The first free place of this data folder on this machine, held by a file lock until the process ends."""
    locks.mkdir(parents=True, exist_ok=True)
    folder = hashlib.sha256(str(locks).encode()).hexdigest()[:8]
    for place in range(MOST_WORKERS):
        lock = FileLock(locks / f"worker-{place}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            own = scratch / f"worker-{place}"
            shutil.rmtree(own, ignore_errors=True)
            own.mkdir(parents=True)
            yield Executor(f"{socket.gethostname()}/{folder}/{place}", own)
        finally:
            lock.release()
        return
    raise Conflict(f"{MOST_WORKERS} workers already use {locks.parent} on this machine: stop some of them")
