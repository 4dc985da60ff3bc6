"""The demo song as a recording of the library: for who has none at hand."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sideman.app.library.access import Access, Caller
from sideman.app.library.intake import Added, Intake
from sideman.infra.jobs import WarmProcess

ENGINES = "sideman.bootstrap:engines"
RECORD = "sideman.app.workflows.demo_song:record"
LONGEST_S = 600
FILE_NAME = "sideman-demo.mp3"


class DemoSong:
    def __init__(self, access: Access, intake: Intake) -> None:
        self._access, self._intake = access, intake

    def add(self, who: Caller) -> Added:
        """Recorded in a child process, which leaves nothing in this one. It is the same song every time, so it is added once."""
        self._access.require(who, "editor")
        child = WarmProcess(ENGINES)
        with tempfile.TemporaryDirectory(prefix="sideman-demo-") as folder:
            path = Path(folder) / FILE_NAME
            try:
                child.call(RECORD, {"path": str(path)}, {}, lambda step, share: None, LONGEST_S)
            finally:
                child.kill()
            return self._intake.add(who, path, FILE_NAME)
