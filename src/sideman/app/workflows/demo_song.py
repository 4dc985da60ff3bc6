"""Record the demo song. Runs in a child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sideman.app.demo import record_song
from sideman.app.engines import Engines

SEED = 7


def record(engines: Engines, arguments: dict[str, Any], _inputs: object, progress: object) -> dict[str, Any]:
    """The demo song as MP3 at `path`."""
    record_song(Path(arguments["path"]), engines, SEED)
    return {}
