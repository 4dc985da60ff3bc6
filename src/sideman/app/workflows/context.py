"""What the heavy tasks of jobs work with."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sideman.app.engines import Engines
from sideman.app.models import Models
from sideman.core.audio import Recording
from sideman.core.music import MusicAnalysis, from_jams
from sideman.infra.blobs import BlobStore

Progress = Callable[[str, float], None]
Json = dict[str, Any]


class TaskContext:
    """What a child process keeps between tasks: engines with what they have loaded, and the recording it had last."""

    def __init__(self, blobs: BlobStore, engines: Engines, models: Models) -> None:
        self.blobs, self.engines, self.models = blobs, engines, models
        self._last: tuple[str, Recording] | None = None

    @contextmanager
    def recording(self, key: str, name: str) -> Iterator[Recording]:
        """A recording by its blob. The last one stays open: the tasks of one job ask for the same one after another."""
        if self._last is None or self._last[0] != key:
            if self._last is not None:
                self._last[1].close()
                self._last = None
            with self.blobs.file(key) as path:
                self._last = (key, Recording.open(path, name))
        try:
            yield self._last[1]
        except BaseException:
            self._last[1].close()
            self._last = None
            raise

    def analysis(self, key: str) -> MusicAnalysis:
        return from_jams(json.loads(b"".join(self.blobs.read(key))))


@contextmanager
def task_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sideman-task-") as name:
        yield Path(name)
