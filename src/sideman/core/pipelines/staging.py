"""Results appear all at once: they are made in a hidden folder beside or inside the target and moved into place when complete."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sideman.errors import AudioWriteError, UsageError

REPORT = "report.json"


@contextmanager
def staged(target: Path, sources: Iterable[object] = ()) -> Iterator[Path]:
    """A folder to write into. Leaving normally moves its files into `target`; an error or Ctrl-C leaves `target` as it was.

    Files of the same name are replaced, and by a new report.json so are the files that a former one lists; everything else in `target` stays.
    sources: what the results are made of; raises UsageError before one of those that are files would be replaced.
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
            places = {p: target / p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.is_file()}
            former = _former(target) if (folder / REPORT).exists() else ()
            _refuse_sources((*places.values(), *former), sources)
            _remove(former, target)
            for path, place in places.items():
                place.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, place)
        except OSError as error:
            raise AudioWriteError(f"the results cannot be moved to {target} ({error.strerror}): check what lies there") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_sources(written: Iterable[Path], sources: Iterable[object]) -> None:
    kept = [Path(s) for s in sources if isinstance(s, str | Path)]
    for place in written:
        if place.exists() and any(s.exists() and place.samefile(s) for s in kept):
            raise UsageError(
                f"{place.name} in {place.parent} is what this is made from, and a result would replace it: choose another folder"
            )


def _former(target: Path) -> tuple[Path, ...]:
    """Files of an earlier run, by its own list, so that no stem of yesterday lies beside the report of today."""
    try:
        names = json.loads((target / REPORT).read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()  # no report of Sideman's: nothing here is ours
    paths = ((target / str(name)).resolve() for name in names)
    return tuple(p for p in paths if p.is_relative_to(target) and p.is_file())


def _remove(former: Iterable[Path], target: Path) -> None:
    for path in former:
        path.unlink(missing_ok=True)
        if path.parent != target and not any(path.parent.iterdir()):
            path.parent.rmdir()
