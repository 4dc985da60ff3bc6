"""A task for a child process that a test kills."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any


def write_and_wait(_context: object, _arguments: Any, _inputs: Any, progress: Any) -> Any:
    with tempfile.TemporaryDirectory(prefix="sideman-task-") as folder:
        (Path(folder) / "big.f32").write_bytes(b"x" * 1000)
        progress("written", 0.5)
        time.sleep(60)
