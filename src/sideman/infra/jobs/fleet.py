"""Who is alive: a heartbeat per worker, and the jobs of workers that fell silent offered to the living.

The free edition of DBOS recovers the jobs of a worker only when that worker comes back; this closes the gap, on both databases.
Every pass looks at the truth (running rows whose worker has no fresh heartbeat), so a pass that was cut is repaired by the next one.
It is safe in all workers at once: the queue's own update is guarded by state and executor.
"""

from __future__ import annotations

import logging
import os
import socket
import threading

import sqlalchemy as sa
from dbos import DBOS

from sideman.infra.jobs.heartbeats import connected, create_tables, now_s, workers

FORGET_S = 86_400
log = logging.getLogger("sideman.fleet")


class Fleet:
    def __init__(self, url: str, executor_id: str, queues: tuple[str, ...], beat_s: float, dead_after_s: float) -> None:
        self._executor, self._queues, self._beat_s, self._dead_after_s = executor_id, ",".join(queues), beat_s, dead_after_s
        self._engine = connected(url)
        self._status = "dbos.workflow_status" if self._engine.dialect.name == "postgresql" else "workflow_status"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="fleet")
        create_tables(self._engine)
        self.beat()  # visible before the first job is taken, or another worker would take it back

    def beat(self, at_s: float | None = None) -> None:
        with self._engine.begin() as c:
            moment = now_s(c) if at_s is None else at_s
            values = {"host": socket.gethostname(), "pid": os.getpid(), "queues": self._queues, "beat_at": moment}
            if not c.execute(sa.update(workers).where(workers.c.executor_id == self._executor).values(**values)).rowcount:
                c.execute(sa.insert(workers).values(executor_id=self._executor, **values))

    def reap(self) -> None:
        """Offer the jobs of silent workers to all."""
        with self._engine.begin() as c:
            moment = now_s(c)
            live = set(c.scalars(sa.select(workers.c.executor_id).where(workers.c.beat_at >= moment - self._dead_after_s))) | {
                self._executor
            }
            busy = set(c.scalars(sa.text(f"SELECT DISTINCT executor_id FROM {self._status} WHERE status = 'PENDING'")))
            c.execute(sa.delete(workers).where(workers.c.beat_at < moment - FORGET_S))
        dead = sorted(x for x in busy - live if x)
        if dead:
            taken = DBOS._recover_pending_workflows(dead)  # private: dbos is pinned to one minor, and a test kills a worker
            if taken:
                log.warning("took over %d tasks of %s, silent for %.0f s", len(taken), ", ".join(dead), self._dead_after_s)

    def _run(self) -> None:
        beats = 0
        while not self._stop.wait(self._beat_s):
            try:
                self.beat()
                beats += 1
                if beats % 2 == 0:
                    self.reap()
            except sa.exc.SQLAlchemyError as error:
                log.warning("no heartbeat, the database does not answer: %s", error)
            except Exception:
                log.exception("a pass failed")  # without this thread the others would take a living worker for dead

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hand over at once: the next pass of another worker finds no fresh heartbeat."""
        self._stop.set()
        self._thread.join(5)
        try:
            self.beat(0.0)
        except sa.exc.SQLAlchemyError as error:
            log.warning("the last heartbeat could not be taken back: %s", error)
        self._engine.dispose()
