"""Where the third-party files named by assets.lock.toml lie: the same folder in a wheel and in a checkout."""

from __future__ import annotations

from pathlib import Path

from sideman.errors import MissingAsset

FOLDER = Path(__file__).parent / "_carried"


def carried(name: str) -> Path:
    """Path of a carried file such as `soundfont.sf3`.

    Raises MissingAsset when the package was built without it.
    """
    path = FOLDER / name
    if not path.is_file():
        raise MissingAsset(f"{name} is not in this installation: in a checkout, run `python tools/carry.py`")
    return path
