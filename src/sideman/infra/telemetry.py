"""What is measured for Prometheus: one registry per process, given on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

HTTP_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
WORK_BUCKETS_S = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


class Telemetry:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.requests = Counter("sideman_http_requests_total", "HTTP requests", ["method", "route", "status"], registry=r)
        self.request_s = Histogram(
            "sideman_http_request_seconds", "Until the answer began", ["method", "route"], registry=r, buckets=HTTP_BUCKETS_S
        )
        self.store_s = Histogram(
            "sideman_store_seconds", "Calls of the database and the blob store", ["store", "call"], registry=r, buckets=HTTP_BUCKETS_S
        )
        self.task_s = Histogram("sideman_task_seconds", "Run time of tasks", ["kind", "engine"], registry=r, buckets=WORK_BUCKETS_S)
        self.realtime = Histogram(
            "sideman_task_realtime_factor", "Seconds of audio per second of work", ["kind", "engine"], registry=r,
            buckets=(0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200),
        )  # fmt: skip
        self.tasks = Counter("sideman_tasks_total", "Tasks that ended", ["kind", "outcome"], registry=r)
        self.depth = Gauge("sideman_queue_depth", "Entries in a queue", ["queue", "state"], registry=r)
        self.oldest_s = Gauge("sideman_queue_oldest_seconds", "Age of the oldest entry of a queue", ["queue", "state"], registry=r)
        self.jobs = Gauge("sideman_jobs", "Jobs by kind and state", ["kind", "state"], registry=r)
        self.job_s = Gauge("sideman_job_mean_seconds", "Mean run time of jobs that ended", ["kind", "state"], registry=r)
        self.wait_s = Gauge("sideman_job_mean_wait_seconds", "Mean time between asking and starting, last 100 jobs", ["kind"], registry=r)
        self.workers = Gauge("sideman_workers", "Workers that live", registry=r)
        self.listeners = Gauge("sideman_event_listeners", "Open event streams", registry=r)

    @contextmanager
    def timed(self, store: str, call: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.store_s.labels(store, call).observe(perf_counter() - start)

    def text(self) -> bytes:
        return generate_latest(self.registry)
