"""The figures of the library for Prometheus, gathered when they are asked for."""

from __future__ import annotations

import time

from sideman.app.library.jobs import KINDS
from sideman.app.library.services import Services
from sideman.infra.database import JobFilter, JobRecord

RECENT = 100


class Measures:
    def __init__(self, services: Services) -> None:
        self._s = services

    def text(self, listeners: int = 0) -> bytes:
        """Prometheus's text format. Raises ServiceUnavailable when the databases do not answer."""
        t, moment = self._s.telemetry, time.time()
        for gauge in (t.depth, t.oldest_s, t.jobs, t.job_s, t.wait_s):
            gauge.clear()
        for depth in self._s.queue.depths():
            t.depth.labels(depth.queue, depth.state).set(depth.jobs)
            t.oldest_s.labels(depth.queue, depth.state).set(max(0.0, moment - depth.oldest_at_s))
        for count in self._s.jobs.counts(JobFilter()):
            t.jobs.labels(count.kind, count.state).set(count.jobs)
            t.job_s.labels(count.kind, count.state).set(count.mean_run_s)
        for kind in KINDS:
            waits = [w for j in self._s.jobs.offset_page(JobFilter(kinds=(kind,)), 0, RECENT) if (w := _wait_s(j)) is not None]
            if waits:
                t.wait_s.labels(kind).set(sum(waits) / len(waits))
        t.workers.set(self._s.queue.living_workers(self._s.settings.worker.dead_after_s))
        t.listeners.set(listeners)
        return t.text()


def _wait_s(job: JobRecord) -> float | None:
    return (job.started_at - job.created_at).total_seconds() if job.started_at else None
