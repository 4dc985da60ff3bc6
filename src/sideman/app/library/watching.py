"""Changes of jobs, as they happen, for any number of listeners: one thread looks, however many listen."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sideman.app.library.access import Caller
from sideman.app.library.services import Services
from sideman.errors import SidemanError
from sideman.infra.database import JobRecord, now

LOOK_S = 0.15
OVERLAP_S = 3.0
BACKLOG = 1000
log = logging.getLogger("sideman.watch")


@dataclass(frozen=True, slots=True)
class JobChange:
    """number: ascends by one with every change that this process saw."""

    number: int
    job: JobRecord


class Listener:
    """Changes of one job, which the caller was allowed to see, or of all that are the caller's, in order.

    One that does not keep up loses the oldest: every change holds the whole job. wake is called, from the looking thread, when there is something new.
    """

    def __init__(self, who: Caller, job_id: str | None, wake: Callable[[], None]) -> None:
        self._who, self._job_id, self._wake = who, job_id, wake
        self._changes: deque[JobChange] = deque(maxlen=BACKLOG)

    def offer(self, change: JobChange) -> None:
        job = change.job
        mine = self._who.is_admin or job.owner_id == self._who.user_id
        if job.id == self._job_id or (self._job_id is None and mine):
            self._changes.append(change)
            self._wake()

    def next(self) -> JobChange | None:
        """The next change, or None when there is none yet."""
        return self._changes.popleft() if self._changes else None


class JobWatch:
    """Looks for changed jobs while somebody listens."""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._number = 0
        self._seen: dict[str, JobRecord] = {}

    def listen(self, who: Caller, job_id: str | None, wake: Callable[[], None]) -> Listener:
        listener = Listener(who, job_id, wake)
        with self._lock:
            self._listeners.add(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="job-watch")
                self._thread.start()
        return listener

    def leave(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.discard(listener)

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        since = now() - timedelta(seconds=OVERLAP_S)
        while not self._stop.wait(LOOK_S):
            if not self._listeners:
                since = now() - timedelta(seconds=OVERLAP_S)  # who comes later begins with a snapshot, not with history
                continue
            try:
                since = self._look(since)
            except SidemanError as error:
                log.warning("cannot look for changed jobs: %s", error)
            except Exception:  # listeners would wait for a thread that is gone
                log.exception("cannot look for changed jobs")

    def _look(self, since: datetime) -> datetime:
        """Rows are asked for with an overlap, because writers on other machines commit late, and told apart by what was seen."""
        changed = self._jobs.changed_since(since - timedelta(seconds=OVERLAP_S))
        for job in sorted(changed, key=lambda j: j.updated_at):
            if self._seen.get(job.id) != job:
                self._seen[job.id] = job
                self._number += 1
                with self._lock:
                    listeners = tuple(self._listeners)
                for listener in listeners:
                    listener.offer(JobChange(self._number, job))
        recent = max((j.updated_at for j in changed), default=since)
        edge = recent - timedelta(seconds=4 * OVERLAP_S)
        self._seen = {k: j for k, j in self._seen.items() if j.updated_at >= edge}
        return max(since, recent)
