"""Look through an uploaded file. Runs in a child process with memory and time limits, and loads nothing but the decoder."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sideman.core.audio import AudioLimits, inspect

LARGEST_ARTWORK = 8 << 20


def inspect_file(_context: object, arguments: dict[str, Any], _inputs: object, progress: Callable[[str, float], None]) -> dict[str, Any]:
    """What the library wants to know about a file. Raises what `sideman.core.audio.inspect` raises."""
    limits = AudioLimits(arguments["duration_s"], arguments["channels"], arguments["rate_hz"])
    found = inspect(Path(arguments["path"]), arguments["name"], limits, lambda share: progress("inspect", share))
    picture = found.info.artwork if found.artwork_type and found.info.artwork and len(found.info.artwork) <= LARGEST_ARTWORK else None
    return {
        "container": found.info.container, "codec": found.info.codec, "sample_rate_hz": found.info.sample_rate_hz,
        "channels": found.info.channels, "duration_s": found.duration_s, "tags": {k: _clean(v) for k, v in found.info.tags},
        "artwork": b64encode(picture).decode() if picture else None, "artwork_type": found.artwork_type if picture else None,
    }  # fmt: skip


def _clean(text: str) -> str:
    """PostgreSQL keeps no NUL, and a tag may hold one."""
    return text.replace("\0", "").strip()
