"""Start, kill and restart the workers of a shop, submit jobs to it, and check what must be true at the end."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from sideman.infra.blobs import open_blob_store
from sideman.infra.database import Database, JobFilter, Jobs, NewJob, People, migrate
from sideman.infra.jobs.queue import JobQueue

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Event:
    at_s: float
    what: str
    job_id: str
    task: str
    pid: int


class Yard:
    def __init__(self, folder: Path, database_url: str | None = None, jobs_url: str | None = None, blobs_url: str | None = None) -> None:
        self.folder = folder
        self.database_url = database_url or f"sqlite:///{folder}/library.db"
        self.jobs_url = jobs_url or f"sqlite:///{folder}/jobs.db"
        self.blobs_url = blobs_url or f"file://{folder}/blobs"
        self.database = Database.open(self.database_url)
        migrate(self.database)
        self.jobs, self.people = Jobs(self.database), People(self.database)
        self.queue = JobQueue(self.jobs_url)
        self.workers: list[subprocess.Popen[str]] = []
        self.owners: dict[str, str] = {}

    # workers

    def start_worker(self, cpu: int = 2) -> subprocess.Popen[str]:
        environment = os.environ | {
            "SHOP": str(self.folder), "SHOP_DATABASE": self.database_url, "SHOP_JOBS": self.jobs_url, "SHOP_BLOBS": self.blobs_url,
            "SHOP_CPU": str(cpu),
        }  # fmt: skip
        command = [sys.executable, str(HERE / "shop.py"), str(os.getpid())]
        log = (self.folder / "worker.log").open("a")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        log.close()
        self.workers.append(process)
        return process

    def wait_ready(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None and process.stdout.readline().startswith("ready"), (self.folder / "worker.log").read_text()

    def kill(self, process: subprocess.Popen[str]) -> None:
        """kill -9, as the kernel does when memory is gone."""
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
        self.workers.remove(process)

    def stop(self) -> None:
        for process in list(self.workers):
            process.terminate()
        for process in list(self.workers):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        self.workers.clear()
        self.queue.close()
        self.database.close()

    def children(self) -> list[psutil.Process]:
        found = []
        for worker in self.workers:
            try:
                found += psutil.Process(worker.pid).children()
            except psutil.NoSuchProcess:
                continue
        return found

    # jobs

    def submit(self, count: int = 1, owner: str = "ann", urgency: str = "interactive", put: bool = True, **request: object) -> list[str]:
        if owner not in self.owners:
            self.owners[owner] = self.people.add_user(owner, "editor").id
        number = time.time_ns()
        wanted = [NewJob(self.owners[owner], "shop", dict(request), f"{number}-{k}", urgency=urgency) for k in range(count)]
        made = [s.job for s in self.jobs.submit_many(wanted)]
        if put:
            self.queue.put(made)
            self.jobs.dispatched([j.id for j in made])
        return [j.id for j in made]

    def wait(self, ids: Iterable[str], timeout_s: float) -> Counter[str]:
        """States of the jobs when all are finished, or when time is up."""
        wanted, deadline = list(ids), time.monotonic() + timeout_s
        while True:
            states = self.jobs.states(wanted)
            if not any(s in ("queued", "running") for s in states.values()) or time.monotonic() > deadline:
                return Counter(states.values())
            time.sleep(0.2)

    def until(self, true: Callable[[], bool], timeout_s: float = 30) -> None:
        deadline = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < deadline, "it did not happen: " + (self.folder / "worker.log").read_text()[-3000:]
            time.sleep(0.02)

    def events(self) -> list[Event]:
        log = self.folder / "log"
        return [Event(*json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []

    # what must be true

    def starts(self, job_id: str, task: str) -> list[Event]:
        return [e for e in self.events() if (e.what, e.job_id, e.task) == ("start", job_id, task)]

    def repeated_after_finish(self) -> list[str]:
        """Tasks that began again after their result was committed."""
        found = []
        for job in self.jobs.offset_page(JobFilter(), 0, 10_000):
            for task in self.jobs.get(job.id).tasks:
                finished = task.finished_at.timestamp() if task.finished_at else float("inf")
                found += [f"{job.id} {task.name}" for e in self.starts(job.id, task.name) if e.at_s > finished]
        return found

    def orphans(self) -> set[str]:
        """Blobs that no finished task made."""
        used = set()
        for job in self.jobs.offset_page(JobFilter(), 0, 10_000):
            used |= {t.result["key"] for t in self.jobs.get(job.id).tasks if t.result and "key" in t.result}
        return {b.key for b in open_blob_store(self.blobs_url).list()} - used

    def missing(self) -> set[str]:
        there = {b.key for b in open_blob_store(self.blobs_url).list()}
        jobs = self.jobs.offset_page(JobFilter(states=("completed",)), 0, 10_000)
        return {t.result["key"] for j in jobs for t in self.jobs.get(j.id).tasks if t.result and "key" in t.result} - there


def chaos(yard: Yard, ids: list[str], kills: int, pause_s: tuple[float, float], seed: int, timeout_s: float) -> int:
    """Kill -9 a random worker or child, again and again, each worker restarted, until the kills are done. Returns kills made."""
    dice, made, deadline = random.Random(seed), 0, time.monotonic() + timeout_s
    while made < kills and time.monotonic() < deadline:
        time.sleep(dice.uniform(*pause_s))
        if not any(s in ("queued", "running") for s in yard.jobs.states(ids).values()):
            break
        children = yard.children()
        if children and dice.random() < 0.4:
            try:
                dice.choice(children).kill()
            except psutil.NoSuchProcess:
                continue
        else:
            yard.kill(dice.choice(yard.workers))
            yard.wait_ready(yard.start_worker())
        made += 1
    return made
