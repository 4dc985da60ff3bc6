"""Two things at once with one way to stop them: the first error or Ctrl-C ends the others at their next report of progress."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from sideman.errors import Cancelled

T = TypeVar("T")
StepProgress = Callable[[str, float], None]


class Watch:
    """Progress reports of all threads go through here, so that a stop reaches each of them."""

    def __init__(self, report: StepProgress) -> None:
        self._report, self._stopped = report, threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def step(self, name: str) -> Callable[[float], None]:
        def progress(share: float) -> None:
            self(name, share)

        return progress

    def __call__(self, name: str, share: float) -> None:
        if self._stopped.is_set():
            raise Cancelled("stopped: nothing half-made was left")
        self._report(name, share)


def together(tasks: Sequence[Callable[[], T]], watch: Watch, threads: int) -> list[T]:
    """Results in the order of the tasks. The first exception stops the rest and is raised."""
    with ThreadPoolExecutor(max(1, threads), thread_name_prefix="sideman") as pool:
        futures: list[Future[T]] = [pool.submit(task) for task in tasks]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            watch.stop()
            raise
        failed = next((f for f in futures if f.done() and f.exception() is not None), None)
        if failed is not None:
            watch.stop()
            for f in futures:
                f.cancel()
            failed.result()
        return [f.result() for f in futures]
