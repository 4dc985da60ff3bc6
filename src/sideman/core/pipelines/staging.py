"""Results appear all at once: they are made in a hidden neighbour of the target folder and moved there when complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sideman.errors import AudioWriteError


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A folder to write into. Leaving normally moves its entries into `target`, replacing entries of the same name; an error or
    Ctrl-C leaves `target` as it was."""
    target = target.absolute()
    if target.exists() and not target.is_dir():
        raise AudioWriteError(f"{target} is a file: choose a folder for the results")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.part-", dir=target.parent))
    except OSError as error:
        raise AudioWriteError(f"{target} cannot be written ({error.strerror}): choose another folder") from error
    try:
        yield folder
        target.mkdir(exist_ok=True)
        for entry in sorted(folder.iterdir()):
            _replace(entry, target / entry.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _replace(entry: Path, target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    os.replace(entry, target)
