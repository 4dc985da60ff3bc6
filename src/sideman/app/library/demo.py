"""The demo song as a recording of the library: for who has none at hand."""

from __future__ import annotations

import shutil
import tempfile
from importlib import metadata
from pathlib import Path

from sideman.app.library.access import Access, Caller
from sideman.app.library.intake import Added, Intake
from sideman.infra.jobs import WarmProcess

ENGINES = "sideman.bootstrap:engines"
RECORD = "sideman.app.workflows.demo_song:record"
LONGEST_S = 600
FILE_NAME = "sideman-demo.mp3"


class DemoSong:
    """kept: where the recorded song waits for the next one who asks; every version of the program records its own."""

    def __init__(self, access: Access, intake: Intake, kept: Path) -> None:
        self._access, self._intake = access, intake
        self._kept = kept / f"demo-{metadata.version('sideman')}.mp3"

    def add(self, who: Caller) -> Added:
        """Recorded in a child process, which leaves nothing in this one. It is the same song every time, so it is added once."""
        self._access.require(who, "editor")
        with tempfile.TemporaryDirectory(prefix="sideman-demo-") as folder:
            path = Path(folder) / FILE_NAME
            if self._kept.exists():
                shutil.copyfile(self._kept, path)
            else:
                self._record(path)
            return self._intake.add(who, path, FILE_NAME)

    def _record(self, path: Path) -> None:
        child = WarmProcess(ENGINES)
        try:
            child.call(RECORD, {"path": str(path)}, {}, lambda step, share: None, LONGEST_S)
        finally:
            child.kill()
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        beside = self._kept.with_suffix(f".{path.parent.name}")
        shutil.copyfile(path, beside)
        beside.replace(self._kept)
