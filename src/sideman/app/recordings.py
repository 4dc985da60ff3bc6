"""What a file says about itself, without decoding it."""

from __future__ import annotations

from pathlib import Path

from sideman.core.audio import SourceInfo, probe


def info(path: str | Path) -> SourceInfo:
    """Format, codec, rate, channels and tags. Raises UnreadableAudio or NoAudio."""
    return probe(Path(path))
