"""An analysis.jams on disk with a person's corrections beside it, for those who work without a library."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sideman.app import analysis
from sideman.core.music import Correction, MusicAnalysis, corrected, read_annotations
from sideman.errors import UsageError


class TimelineFile:
    """The analysis stays as found; what a person says is kept in NAME.corrections.json beside it and can be taken back."""

    def __init__(self, path: Path) -> None:
        self.path = path / analysis.FILE_NAME if path.is_dir() else path
        self._beside = analysis.corrections_beside(self.path)

    def corrections(self) -> tuple[Correction, ...]:
        return analysis.read_corrections(self._beside)

    def analysis(self) -> MusicAnalysis:
        """With the corrections. Raises UsageError where there is none."""
        return analysis.load(self.path)

    def correct(self, *more: Correction) -> MusicAnalysis:
        """Lay corrections over what is there. Raises UsageError, and keeps nothing, where they do not fit."""
        self.analysis()  # refuses where there is none, before a lock is left beside it
        with self._alone():
            found = corrected(self.analysis(), more)
            self._keep((*self.corrections(), *more))
        return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """So that of two who correct at once neither loses what was said."""
        try:
            with FileLock(self._beside.with_name(f".{self._beside.name}.lock"), timeout=10):
                yield
        except Timeout as error:
            raise UsageError(f"somebody else has been correcting {self.path.name} for 10 s: try again") from error
        except OSError as error:
            raise UsageError(f"{self._beside.parent} cannot be written ({error.strerror}): corrections lie beside the analysis") from error

    def import_annotations(self, file: Path) -> tuple[Correction, ...]:
        """What another tool's file says, laid over as corrections."""
        if not file.is_file():
            raise UsageError(f"there is no file {file}: check the path")
        found = read_annotations(file, self.analysis().duration_s)
        self.correct(*found)
        return found

    def undo(self) -> Correction:
        """Take the last correction back. Raises UsageError where there is none."""
        none = UsageError(f"{self.path.name} has no corrections to take back")
        if not self.corrections():
            raise none
        with self._alone():
            made = self.corrections()
            if not made:
                raise none
            self._keep(made[:-1])
        return made[-1]

    def _keep(self, made: tuple[Correction, ...]) -> None:
        rows: list[dict[str, Any]] = [{"kind": c.kind, "values": dict(c.values)} for c in made]
        partial = self._beside.with_name(f".{self._beside.name}.part")
        partial.write_text(json.dumps(rows, indent=1), "utf-8")
        os.replace(partial, self._beside)
