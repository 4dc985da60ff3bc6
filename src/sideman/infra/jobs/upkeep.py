"""What must happen now and then: jobs whose way was cut, jobs that the queue gave up, webhooks, what has had its time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from sideman.errors import SidemanError
from sideman.infra.database import JobRecord, Jobs, now
from sideman.infra.jobs.queue import JobQueue

DISPATCH_AFTER_S = 2.0
RECONCILE_AFTER_S = 15.0
GIVEN_UP = {
    "ERROR": "the job queue ended it with an error",
    "CANCELLED": "the job queue cancelled it",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "it took its worker down too often and was given up",
    "SUCCESS": "it ended without saying how",
}
log = logging.getLogger("sideman.upkeep")


def dispatch_stranded(jobs: Jobs, queue: JobQueue) -> int:
    """Put jobs into the queue that are in the library only: the process that took the request ended between the two."""
    stranded = jobs.undispatched(now() - timedelta(seconds=DISPATCH_AFTER_S))
    if stranded:
        queue.put(stranded)
        jobs.dispatched([j.id for j in stranded])
    return len(stranded)


def reconcile(jobs: Jobs, queue: JobQueue, ended: Callable[[JobRecord], None]) -> int:
    """Finish jobs that the queue has ended without the library's knowing; put those back that the queue has lost."""
    before = now() - timedelta(seconds=RECONCILE_AFTER_S)
    open_jobs = [j for j in jobs.unfinished(before) if j.updated_at < before]
    states = queue.states([j.id for j in open_jobs]) if open_jobs else {}
    lost = [j for j in open_jobs if j.id not in states]
    if lost:
        queue.put(lost)
    for job in open_jobs:
        reason = GIVEN_UP.get(states.get(job.id, ""))
        if reason is not None:
            finished = jobs.finish(job.id, "failed", reason)
            if finished is not None:
                ended(finished)
    return len(lost)


class Upkeep:
    """Runs its chores in one thread, each at its interval. A chore that fails is tried again at its next turn."""

    def __init__(self, chores: tuple[tuple[float, Callable[[], object]], ...]) -> None:
        self._chores = chores
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="upkeep")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        due = [0.0] * len(self._chores)
        while not self._stop.wait(0.5):
            for k, (interval_s, chore) in enumerate(self._chores):
                if time.monotonic() >= due[k]:
                    try:
                        chore()
                    except SidemanError as error:
                        log.warning("upkeep: %s", error)
                    except Exception:
                        log.exception("upkeep failed")
                    due[k] = time.monotonic() + interval_s
