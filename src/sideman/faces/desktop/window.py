"""A window around the pages: the system's own web view through pywebview, or the default browser where that is not installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

SMALLEST = (640, 480)
QT_NEEDS = "libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxkbcommon-x11-0 libegl1"


def _config_file() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home() / "AppData/Roaming"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "sideman" / "desktop.json"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the next start takes up again. x and y are None for wherever the system puts a new window."""

    library: str | None = None
    width: int = 1360
    height: int = 860
    x: int | None = None
    y: int | None = None

    @classmethod
    def read(cls) -> Remembered:
        """What was kept, or the defaults where nothing readable was."""
        try:
            found = json.loads(_config_file().read_text("utf-8"))
            library, numbers = found["library"], [found[name] for name in ("width", "height", "x", "y")]
            if not all(n is None or isinstance(n, int) for n in numbers) or not isinstance(library, str | None):
                return cls()
            return cls(library, *numbers)
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def keep(self) -> None:
        path = _config_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(asdict(self), indent=1), "utf-8")
        os.replace(partial, path)


def why_no_window() -> str | None:
    """None where a window can be opened, or a sentence."""
    if importlib.util.find_spec("webview") is None:
        return "For a window of its own: pip install 'sideman[desktop]'"
    if not sys.platform.startswith("linux"):
        return None
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no display to open a window on"
    # Qt ends the process where a library is missing, so another one tries first
    tried = subprocess.run([sys.executable, "-c", "from PySide6.QtWidgets import QApplication as A; A([])"], capture_output=True, text=True)
    if tried.returncode:
        return f"Qt cannot open a window here; on Debian and Ubuntu: apt-get install {QT_NEEDS}"
    return None


def show_in_browser(url: str, wait: Callable[[], None]) -> None:
    """In the default browser, until `wait` returns."""
    webbrowser.open(url)
    wait()


def show(url: str, remembered: Remembered) -> None:
    """Show the pages in a window, and return when it is closed."""
    webview = _web_view()
    webview.settings["ALLOW_DOWNLOADS"] = True
    window = webview.create_window(
        "Sideman", url, width=remembered.width, height=remembered.height, x=remembered.x, y=remembered.y, min_size=SMALLEST,
        background_color="#0d0f13", text_select=True,
    )  # fmt: skip

    def keep() -> None:
        width, height = max(window.width, SMALLEST[0]), max(window.height, SMALLEST[1])
        replace(remembered, width=width, height=height, x=window.x, y=window.y).keep()

    window.events.closing += keep
    webview.start(private_mode=False, storage_path=str(_config_file().parent / "webview"))


def _web_view() -> Any:
    if sys.platform.startswith("linux"):
        os.environ.setdefault("QT_API", "pyside6")  # PyQt6 would be GPL
        os.environ.setdefault("PYWEBVIEW_GUI", "qt")
        if os.geteuid() == 0:
            os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")  # Chromium has no sandbox for root
    import webview

    return webview
