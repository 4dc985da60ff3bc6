"""A Chromium for tests: the one on PATH, else Debian's when tests run as root, else Playwright's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APT_GET = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "--yes", "--quiet")
"""Test processes that start at once wait for each other."""
FLAGS = ("--autoplay-policy=no-user-gesture-required", "--host-resolver-rules=MAP studio.test 127.0.0.1")
"""A click of the mouse is a gesture, one of a script is not always. studio.test: a name that is not this machine's own, without https."""


class NoBrowser(Exception):
    """The reason in one sentence."""


@cache
def find() -> str | None:
    """Path of a browser; None for Playwright's own. Raises NoBrowser."""
    if found := _on_path():
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run([*APT_GET, "chromium"], capture_output=True, text=True)
        if found := _on_path():
            return found
    done = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], capture_output=True, text=True)
    if done.returncode:
        raise NoBrowser("no Chromium on PATH, and neither apt-get nor Playwright could bring one: install chromium")
    return None


def _on_path() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)
