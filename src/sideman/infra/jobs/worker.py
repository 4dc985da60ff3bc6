"""A worker: takes jobs from the queues and runs their plans.

A job is one workflow on the orchestration queue. It enqueues each task of its plan as a child workflow and waits; children on the CPU
and GPU queues run in warm child processes. Only heavy tasks have an attempt limit: what waits is recovered however often
workers restart. Time limits belong to tasks, from when they begin. Every finished task is checkpointed twice: as the queue's step, and as
the task's result in the library, which a retried job takes over.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from dbos import DBOS, SetEnqueueOptions, SetWorkflowID
from dbos import error as dbos_error

from sideman.errors import JobFailed, ServiceUnavailable, SidemanError
from sideman.infra.database import JobRecord, Jobs, Json, TaskRecord
from sideman.infra.jobs.executor import Executor
from sideman.infra.jobs.fleet import Fleet
from sideman.infra.jobs.plan import BATCHES, CPU, GPU, ORCHESTRATION, Plan, Task, from_json, to_json
from sideman.infra.jobs.queue import APPLICATION, VERSION, WORKFLOW, prepare, priority
from sideman.infra.jobs.running import JobGone, ProcessPool, RunningTasks
from sideman.infra.jobs.warm import ChildDied
from sideman.infra.settings import WorkerSettings
from sideman.infra.telemetry import Telemetry

WAITING_JOBS = 64
POLL_S = 0.1
QUEUE_POLL_S = 0.2
"""Each look costs: at 0.1 s an idle worker would take a tenth of a processor."""
TASK_ATTEMPTS = 3
UNLIMITED = 1_000_000
"""The queue counts every recovery, also of what only waited or had not begun; attempts are counted where a task really begins."""
TRANSIENT_WAITS_S = (0.5, 1, 2, 4, 8, 15, 30, 30, 30, 30)
DRAIN_S = 3
CHILD_STARTS, CHILD_WAIT_S = 10, 0.2
T = TypeVar("T")
log = logging.getLogger("sideman.worker")


class Handlers(Protocol):
    """What a worker asks of the floor above. Every method may be called again for the same job: it must not matter."""

    child_context: str

    def plan(self, job: JobRecord) -> Plan: ...
    def run_light(self, task: Task, inputs: Json) -> Json:
        """Run a task of the orchestration queue."""
        ...

    def ended(self, job: JobRecord) -> None:
        """A job was completed, has failed or was cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Where a worker stands. environment: for its child processes (a CUDA device, say)."""

    jobs_url: str
    executor: Executor
    queues: tuple[str, ...]
    settings: WorkerSettings
    environment: dict[str, str]


class Worker:
    """One per process, because the queue library keeps its state per process."""

    def __init__(self, place: WorkerPlace, jobs: Jobs, handlers: Handlers, telemetry: Telemetry) -> None:
        self._place, self._jobs, self._handlers, self._telemetry = place, jobs, handlers, telemetry
        slots = {CPU: place.settings.cpu_slots, GPU: 1}
        self._pool = ProcessPool(slots, handlers.child_context, place.environment, place.settings.task_memory_bytes)
        self._running = RunningTasks(jobs)
        self._threads = ThreadPoolExecutor(2 * WAITING_JOBS + sum(slots.values()) + 4, thread_name_prefix="job")
        self._fleet: Fleet | None = None

    def start(self) -> None:
        place = self._place
        prepare(place.jobs_url)
        DBOS(config={
            "name": APPLICATION, "application_version": VERSION, "executor_id": place.executor.name, "system_database_url": place.jobs_url,
            "sys_db_pool_size": 8, "run_migrations": False, "notification_listener_polling_interval_sec": POLL_S, "log_level": "ERROR",
            "use_listen_notify": False,
        })  # fmt: skip
        self._register()
        settings = place.settings
        self._fleet = Fleet(place.jobs_url, place.executor.name, place.queues, settings.heartbeat_s, settings.dead_after_s)
        queues = (*place.queues, *((BATCHES,) if ORCHESTRATION in place.queues else ()))
        DBOS.listen_queues(queues)
        DBOS.launch()
        width = {ORCHESTRATION: WAITING_JOBS, BATCHES: WAITING_JOBS, CPU: settings.cpu_slots, GPU: 1}
        for queue in queues:
            DBOS.register_queue(queue, worker_concurrency=width[queue], polling_interval_sec=QUEUE_POLL_S)
        self._running.start()
        self._fleet.start()

    def stop(self, drain_s: int = DRAIN_S) -> None:
        """Take no more, let what is nearly done end, hand the rest over. The order matters: handing over first runs jobs twice."""
        DBOS.destroy(workflow_completion_timeout_sec=drain_s)
        self._running.stop()
        self._pool.kill()
        if self._fleet:
            self._fleet.stop()

    def _register(self) -> None:
        @DBOS.step(name="lay out")
        async def lay_out(job_id: str) -> list[list[dict[str, Any]]] | None:
            return await self._patiently(lambda: self._lay_out(job_id))

        @DBOS.step(name="run light task")
        async def light(job_id: str, task: dict[str, Any]) -> Json:
            return await self._outcome(lambda: self._run_light(job_id, Task(**task)))

        @DBOS.step(name="end")
        async def end(job_id: str, state: str, error: str | None) -> None:
            await self._patiently(lambda: self._end(job_id, state, error))

        @DBOS.step(name="run heavy task", preemptible=True)
        async def heavy(job_id: str, task: dict[str, Any]) -> Json:
            return await self._outcome(lambda: self._run_heavy(job_id, Task(**task)))

        @DBOS.workflow(name="task", max_recovery_attempts=UNLIMITED)
        async def run_task(job_id: str, task: dict[str, Any]) -> Json:
            return await heavy(job_id, task)

        async def begun(job_id: str, task: Task, rank: int) -> Awaitable[Json]:
            body = to_json(((task,),))[0][0]
            if task.queue == ORCHESTRATION:
                return light(job_id, body)
            with SetWorkflowID(f"{job_id}:{task.name}"), SetEnqueueOptions(priority=rank):
                handle = await DBOS.enqueue_workflow_async(task.queue, run_task, job_id, body)
            return handle.get_result(polling_interval_sec=POLL_S)

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=UNLIMITED)
        async def run_job(job_id: str) -> None:
            stages = await lay_out(job_id)
            if stages is None:
                return
            rank = await rank_of(job_id)
            for stage in from_json(stages):
                waiting = [(task, await begun(job_id, task, rank)) for task in stage]
                outcomes = [(task, await _settled(result)) for task, result in waiting]
                failed = next(((task, str(o["error"])) for task, o in outcomes if "error" in o), None)
                if failed is not None:
                    await end(job_id, "failed", f"{failed[0].title}: {failed[1]}")
                    return
            await end(job_id, "completed", None)

        @DBOS.step(name="rank")
        async def rank_of(job_id: str) -> int:
            return await self._patiently(lambda: priority(self._jobs.get(job_id)))

    def _lay_out(self, job_id: str) -> list[list[dict[str, Any]]] | None:
        """The plan as it is checkpointed; None for a job that is no longer wanted."""
        job = next(iter(self._jobs.many([job_id])), None)
        if job is None or not job.unfinished:
            return None
        try:
            plan = self._handlers.plan(job)
        except ServiceUnavailable:
            raise
        except SidemanError as error:
            self._end(job_id, "failed", str(error))
            return None
        former = {t.name: t for t in self._jobs.tasks(job.retry_of)} if job.retry_of else {}
        rows = []
        for task in (t for stage in plan for t in stage):
            fresh = TaskRecord(job_id, task.name, task.title, task.work, task.weight, 0.0, 0, None, None, None, None)
            old = former.get(task.name)
            same = old is not None and old.finished_at is not None and old.work == task.work
            rows.append(replace(fresh, share=1.0, result=old.result, finished_at=old.finished_at) if old and same else fresh)
        return to_json(plan) if self._jobs.begin(job_id, rows) else None

    def _inputs(self, job_id: str, name: str) -> tuple[Json | None, Json]:
        """The task's own result, if it has one already, and those of all that are finished."""
        finished = {t.name: t.result for t in self._jobs.get(job_id).tasks if t.finished_at is not None}
        return finished.get(name), finished

    def _run_light(self, job_id: str, task: Task) -> Json:
        known, inputs = self._inputs(job_id, task.name)
        if known is not None:
            return known
        if self._jobs.begin_task(job_id, task.name, self._place.executor.name) is None:
            raise JobGone
        result = self._handlers.run_light(task, inputs)
        self._jobs.finish_task(job_id, task.name, result)
        return result

    def _run_heavy(self, job_id: str, task: Task) -> Json:
        known, inputs = self._inputs(job_id, task.name)
        if known is not None:
            return known
        with self._pool.process(task.queue) as process, self._running.watched(job_id, task.name, process):
            process.warm_up()
            run = self._jobs.begin_task(job_id, task.name, self._place.executor.name)
            if run is None:
                raise JobGone
            if run > TASK_ATTEMPTS:
                raise JobFailed(f"what ran it crashed or was killed {TASK_ATTEMPTS} times in the middle of it, so it was given up")
            progress, start = self._running.reporter(job_id, task.name), time.monotonic()
            try:
                result = process.call(task.target, task.arguments, inputs, progress, task.timeout_s)
            except SidemanError as error:
                self._telemetry.tasks.labels(_kind(task), type(error).__name__).inc()
                if isinstance(error, ServiceUnavailable):
                    self._jobs.forgive_run(job_id, task.name)
                raise
        self._jobs.finish_task(job_id, task.name, result)
        self._measure(task, result, time.monotonic() - start)
        return result

    def _measure(self, task: Task, result: Json, seconds: float) -> None:
        """audio_s and engine are what tasks say of themselves."""
        kind, engine = _kind(task), str(result.get("engine", "sideman"))
        self._telemetry.tasks.labels(kind, "completed").inc()
        self._telemetry.task_s.labels(kind, engine).observe(seconds)
        if result.get("audio_s") and seconds > 0:
            self._telemetry.realtime.labels(kind, engine).observe(float(result["audio_s"]) / seconds)

    def _end(self, job_id: str, state: str, error: str | None) -> None:
        self._jobs.finish(job_id, state, error)
        job = next(iter(self._jobs.many([job_id])), None)
        if job is not None:
            self._handlers.ended(job)

    async def _outcome(self, work: Callable[[], Json]) -> Json:
        """Nothing, or one sentence under `error`: what failed is a value, so that the workflow can name it. Results lie in the library."""
        try:
            await self._patiently(work)
            return {}
        except JobGone:
            return {"error": "it was cancelled"}
        except SidemanError as error:
            return {"error": str(error)}
        except Exception as error:
            log.exception("a task failed unexpectedly")
            return {"error": f"it failed unexpectedly ({type(error).__name__}: {error}): please report it with the worker's log"}

    async def _patiently(self, work: Callable[[], T]) -> T:
        """Run in a thread; wait out a database or store that is down, and begin again when the child process died."""
        loop, died = asyncio.get_running_loop(), 0
        waits = iter(TRANSIENT_WAITS_S)
        while True:
            try:
                return await loop.run_in_executor(self._threads, work)
            except ServiceUnavailable as error:
                wait = next(waits, None)
                if wait is None:
                    raise
                log.warning("waiting %.1f s: %s", wait, error)
                await asyncio.sleep(wait)
            except ChildDied as error:  # runs are counted where the task begins; this bounds children that do not even start
                died += 1
                if died >= CHILD_STARTS:
                    raise JobFailed(f"the process for heavy steps ended {died} times: {error}") from error
                log.warning("trying again: %s", error)
                await asyncio.sleep(died * CHILD_WAIT_S)


def _kind(task: Task) -> str:
    return task.target.rpartition(":")[2]


async def _settled(result: Awaitable[Json]) -> Json:
    """The outcome of a task, also of one that the queue gave up."""
    try:
        return await result
    except dbos_error.DBOSAwaitedWorkflowMaxRecoveryAttemptsExceeded:
        return {"error": "the job queue recovered it too often and gave it up"}
    except dbos_error.DBOSAwaitedWorkflowCancelledError:
        return {"error": "it was cancelled"}
    except dbos_error.DBOSException as error:
        return {"error": f"the job queue gave it up ({error})"}


def run_until(stopped: threading.Event, parent_pid: int | None) -> None:
    """Wait for a stop; a worker that a server started ends with its server, however that went."""
    while not stopped.wait(0.25):
        if parent_pid is not None and os.getppid() != parent_pid:
            return
