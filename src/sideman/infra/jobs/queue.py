"""The queues, seen from where jobs are asked for: put a job in, take it out, count what waits. Runs no workflow."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient

from sideman.infra.database import BATCH, Database, JobRecord, wal_is_safe
from sideman.infra.database.engine import translated
from sideman.infra.jobs.heartbeats import living_workers
from sideman.infra.jobs.plan import BATCHES, ORCHESTRATION

APPLICATION = "sideman"
VERSION = "1"
"""Fixed: by default it is a hash of the code, and every update would strand the jobs that were under way."""
WORKFLOW = "job"
QUEUES_DATABASE = "the database of the job queues"
BATCH_PRIORITY = 1_000_000_000
LAST_PRIORITY = 2_000_000_000


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """oldest_at_s: seconds since 1970 when the oldest of them was put in."""

    queue: str
    state: str
    jobs: int
    oldest_at_s: float


def prepare(url: str) -> None:
    """Create the queue's tables: the client alone never does. For every process, before anything else."""
    for name in ("dbos", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        if wal_is_safe():
            database = Database.open(url)
            with database.read():
                pass  # connecting sets the journal mode, which stays in the file
            database.close()
    with translated(QUEUES_DATABASE):
        DBOS.migrate(url)


def priority(job: JobRecord) -> int:
    """Lower comes first: interactive jobs before batch jobs, each in the fair order of their turns."""
    return min(job.turn + (BATCH_PRIORITY if job.urgency == BATCH else 0), LAST_PRIORITY)


class JobQueue:
    def __init__(self, url: str) -> None:
        prepare(url)
        self._client = DBOSClient(system_database_url=url, application_name=APPLICATION, use_listen_notify=False)

    @property
    def _engine(self) -> sa.Engine:
        return self._client._sys_db.engine

    @property
    def _table(self) -> str:
        return "workflow_status" if self._engine.dialect.name == "sqlite" else "dbos.workflow_status"

    def put(self, jobs: Sequence[JobRecord]) -> None:
        """One transaction; the job's id is the workflow's, so putting it in twice is putting it in once."""
        with translated(QUEUES_DATABASE), self._engine.begin() as connection:
            ids = [j.id for j in jobs]
            query = sa.text(f"SELECT workflow_uuid FROM {self._table} WHERE workflow_uuid IN :ids").bindparams(
                sa.bindparam("ids", expanding=True)
            )
            there = set(connection.scalars(query, {"ids": ids}))
            for job in jobs:
                if job.id not in there:
                    options: Any = {"workflow_name": WORKFLOW, "queue_name": BATCHES if job.urgency == BATCH else ORCHESTRATION, "workflow_id": job.id, "priority": priority(job), "app_version": VERSION}  # fmt: skip
                    self._client.enqueue_in_transaction(connection, options, job.id)

    def cancel(self, job_id: str) -> None:
        with translated(QUEUES_DATABASE):
            self._client.cancel_workflow(job_id, cancel_children=True)

    def states(self, ids: Sequence[str]) -> dict[str, str]:
        """The queue's own states of jobs; a job that it does not know is missing."""
        query = sa.text(f"SELECT workflow_uuid, status FROM {self._table} WHERE workflow_uuid IN :ids")
        with translated(QUEUES_DATABASE), self._engine.connect() as connection:
            return {
                str(r[0]): str(r[1]) for r in connection.execute(query.bindparams(sa.bindparam("ids", expanding=True)), {"ids": list(ids)})
            }

    def forget(self, ids: Sequence[str]) -> None:
        """Delete the queue's rows of finished jobs and of their tasks."""
        with translated(QUEUES_DATABASE):
            self._client.delete_workflows(list(ids), delete_children=True)

    def depths(self) -> tuple[QueueDepth, ...]:
        query = sa.text(
            f"SELECT queue_name, status, count(*), min(created_at) FROM {self._table} "
            "WHERE status IN ('ENQUEUED', 'PENDING', 'DELAYED') AND queue_name IS NOT NULL GROUP BY queue_name, status"
        )
        with translated(QUEUES_DATABASE), self._engine.connect() as connection:
            return tuple(QueueDepth(r[0], r[1], r[2], r[3] / 1000) for r in connection.execute(query))

    def living_workers(self, within_s: float) -> int:
        """How many workers gave a heartbeat within that time."""
        with translated(QUEUES_DATABASE):
            return living_workers(self._engine, within_s)

    def close(self) -> None:
        self._client.destroy()
