"""What a worker is doing right now: its child processes, and the watch that ends a task as soon as its job is cancelled."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sideman.errors import ServiceUnavailable, SidemanError
from sideman.infra.database import Jobs
from sideman.infra.jobs.warm import ChildDied, WarmProcess

LOOK_S = 0.2
REPORT_S = 0.25
log = logging.getLogger("sideman.worker")


class JobGone(SidemanError):
    """The job was cancelled or deleted while its task ran."""


class ProcessPool:
    """Warm child processes per queue; a task holds one while it runs."""

    def __init__(self, slots: Mapping[str, int], context: str, environment: Mapping[str, str], memory_bytes: int) -> None:
        self._idle: dict[str, queue.LifoQueue[WarmProcess]] = {name: queue.LifoQueue() for name in slots}
        self._all: list[WarmProcess] = []
        for name, count in slots.items():
            for _ in range(count):
                self._all.append(WarmProcess(context, environment, memory_bytes))
                self._idle[name].put(self._all[-1])

    @contextmanager
    def process(self, name: str) -> Iterator[WarmProcess]:
        process = self._idle[name].get()
        try:
            yield process
        finally:
            self._idle[name].put(process)

    def kill(self) -> None:
        for process in self._all:
            process.kill()


class RunningTasks:
    """Looks five times a second whether the jobs of running tasks are still wanted, and kills the child of one that is not."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._tasks: dict[WarmProcess, tuple[str, str]] = {}
        self._gone: set[WarmProcess] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="cancel-watch")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is cut by a clean stop is forgiven: it will begin again elsewhere, as if it had not begun."""
        self._stop.set()
        self._thread.join(5)
        with self._lock:
            tasks = list(self._tasks.values())
        for job_id, name in tasks:
            try:
                self._jobs.forgive_run(job_id, name)
            except ServiceUnavailable as error:
                log.warning("a run that this stop cuts is counted: %s", error)

    @contextmanager
    def watched(self, job_id: str, name: str, process: WarmProcess) -> Iterator[None]:
        """A ChildDied that this watch caused becomes JobGone."""
        with self._lock:
            self._tasks[process] = (job_id, name)
        try:
            yield
        except ChildDied as error:
            if process in self._gone:
                raise JobGone("the job was cancelled") from error
            raise
        finally:
            with self._lock:
                self._tasks.pop(process, None)
                self._gone.discard(process)

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_S):
            with self._lock:
                tasks = dict(self._tasks)
            if not tasks:
                continue
            try:
                states = self._jobs.states(sorted({job_id for job_id, _ in tasks.values()}))
            except SidemanError as error:
                log.warning("cannot see whether jobs were cancelled: %s", error)
                continue
            for process, task in tasks.items():
                if states.get(task[0]) != "running":
                    with self._lock:
                        if self._tasks.get(process) != task:
                            continue
                        self._gone.add(process)
                    process.kill()

    def reporter(self, job_id: str, name: str) -> Callable[[str, float], None]:
        """Writes progress at most four times a second. Progress that cannot be written is no reason to stop."""
        last = 0.0

        def report(step: str, share: float) -> None:
            nonlocal last
            if time.monotonic() - last < REPORT_S:
                return
            last = time.monotonic()
            try:
                self._jobs.report(job_id, name, min(max(share, 0.0), 1.0), step or None)
            except ServiceUnavailable as error:
                log.warning("progress not written: %s", error)

        return report
