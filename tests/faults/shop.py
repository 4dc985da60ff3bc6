"""A job kind for fault tests: real worker, queues, child processes, database and store; only the work itself is small.

Every start and end of a task is one line in a log that all processes append to, so that what ran twice can be seen afterwards.
`python shop.py` is the worker; the functions are its tasks.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sideman.errors import JobFailed
from sideman.infra.blobs import open_blob_store
from sideman.infra.database import Database, JobRecord, Jobs, migrate
from sideman.infra.jobs.executor import claimed
from sideman.infra.jobs.plan import CPU, GPU, ORCHESTRATION, Plan, Task
from sideman.infra.jobs.queue import JobQueue
from sideman.infra.jobs.upkeep import Upkeep, dispatch_stranded, reconcile
from sideman.infra.jobs.worker import Worker, WorkerPlace, run_until
from sideman.infra.settings import WorkerSettings
from sideman.infra.telemetry import Telemetry

PIECES = 3


@dataclass(frozen=True)
class Place:
    """Where everything lies; read from the environment by all processes."""

    folder: Path
    database_url: str
    jobs_url: str
    blobs_url: str

    @classmethod
    def here(cls) -> Place:
        return cls(Path(os.environ["SHOP"]), os.environ["SHOP_DATABASE"], os.environ["SHOP_JOBS"], os.environ["SHOP_BLOBS"])


def note(what: str, job_id: str, task: str) -> None:
    line = json.dumps([time.time(), what, job_id, task, os.getpid()]) + "\n"
    file = os.open(Place.here().folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


def context() -> Place:
    return Place.here()


def work(place: Place, arguments: dict[str, Any], inputs: dict[str, Any], progress: Callable[[str, float], None]) -> dict[str, Any]:
    """Something that takes its time, then a blob whose bytes say what it is."""
    job_id, name = arguments["job_id"], arguments["name"]
    note("start", job_id, name)
    if arguments.get("poison") == "child":
        os.kill(os.getpid(), signal.SIGSEGV)
    if arguments.get("poison") == "worker":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(5)
    if arguments.get("poison") == "fails":
        raise JobFailed("there is no music in it")
    end = time.monotonic() + arguments["busy_s"]
    while time.monotonic() < end:
        time.sleep(0.02)
        progress(name, min(1.0, 1 - (end - time.monotonic()) / arguments["busy_s"]))
    with tempfile.NamedTemporaryFile() as file:
        file.write(f"{job_id} {name}".encode() * 500)
        file.flush()
        key = open_blob_store(place.blobs_url).put(Path(file.name))
    note("end", job_id, name)
    return {"key": key, "saw": sorted(inputs)}


class ShopHandlers:
    child_context = "shop:context"

    def plan(self, job: JobRecord) -> Plan:
        busy, poison = job.request.get("busy_s", 0.1), job.request.get("poison")
        first = job.retry_of or job.id  # the same work in a retry, so that it can be taken over

        def piece(name: str, queue: str, **more: Any) -> Task:
            return Task(
                name, name, "shop:work", queue, {"job_id": first, "name": name, "busy_s": busy, **more}, 1, job.request.get("timeout_s", 60)
            )

        middle = (piece("separate", GPU, poison=poison), piece("beats", CPU))
        return ((piece("decode", CPU),), middle, (Task("store", "store", "store", ORCHESTRATION, {"job_id": first}),))

    def run_light(self, task: Task, inputs: dict[str, Any]) -> dict[str, Any]:
        note("start", task.arguments["job_id"], task.name)
        store = open_blob_store(Place.here().blobs_url)
        keys = [inputs[name]["key"] for name in ("decode", "separate", "beats")]
        sizes = [store.info(k).size_bytes for k in keys]
        note("end", task.arguments["job_id"], task.name)
        return {"keys": keys, "sizes": sizes}

    def ended(self, job: JobRecord) -> None:
        note("ended", job.id, job.state)


def main() -> None:
    place, stopped = Place.here(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    database = Database.open(place.database_url)
    migrate(database)
    jobs, queue, handlers = Jobs(database), JobQueue(place.jobs_url), ShopHandlers()
    settings = WorkerSettings(int(os.environ.get("SHOP_CPU", "2")), 0.4, 2.0, 0, True)
    with claimed(place.folder / "locks", place.folder / "scratch") as executor:
        environment = {"SHOP": str(place.folder), "PYTHONPATH": str(Path(__file__).parent)}
        worker = Worker(
            WorkerPlace(place.jobs_url, executor, (ORCHESTRATION, CPU, GPU), settings, environment), jobs, handlers, Telemetry()
        )
        worker.start()
        upkeep = Upkeep(((0.5, lambda: dispatch_stranded(jobs, queue)), (2.0, lambda: reconcile(jobs, queue, handlers.ended))))
        upkeep.start()
        sys.stdout.write(f"ready {executor.name}\n")
        sys.stdout.flush()
        run_until(stopped, int(sys.argv[1]))
        upkeep.stop()
        worker.stop(1)
    os._exit(0)


if __name__ == "__main__":
    main()
