"""Results appear all at once: they are made in a hidden folder beside or inside the target and moved into place when complete."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sideman.errors import AudioWriteError

REPORT = "report.json"


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A folder to write into. Leaving normally moves its files into `target`; an error or Ctrl-C leaves `target` as it was.

    Files of the same name are replaced, and so are the files that a former report.json lists; everything else in `target` stays.
    """
    target = target.resolve()
    if target.exists() and not target.is_dir():
        raise AudioWriteError(f"{target} is a file: choose a folder for the results")
    try:
        # inside an existing target, which may be a mount of its own: a rename never crosses file systems
        where = target if target.exists() else target.parent
        where.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.part-", dir=where))
    except OSError as error:
        raise AudioWriteError(f"{target} cannot be written ({error.strerror}): choose another folder") from error
    try:
        yield folder
        try:
            target.mkdir(exist_ok=True)
            _remove_former(target)
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                place = target / path.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, place)
        except OSError as error:
            raise AudioWriteError(f"the results cannot be moved to {target} ({error.strerror}): check what lies there") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_former(target: Path) -> None:
    """Files of an earlier run, by its own list, so that no stem of yesterday lies beside the report of today."""
    try:
        names = json.loads((target / REPORT).read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # no report of Sideman's: nothing here is ours
    for name in names:
        path = (target / str(name)).resolve()
        if path.is_relative_to(target) and path.is_file():
            path.unlink()
            if path.parent != target and not any(path.parent.iterdir()):
                path.parent.rmdir()
