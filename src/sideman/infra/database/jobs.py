"""Jobs and their tasks in the database: what was asked for, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sideman.errors import Conflict, NotFound, QuotaExceeded
from sideman.infra.database.engine import Database, new_id, now
from sideman.infra.database.paging import Page, cursor, read_time_cursor
from sideman.infra.database.records import JobRecord, Json, TaskRecord, as_record
from sideman.infra.database.tables import UNFINISHED, job_tasks, jobs

INTERACTIVE, BATCH = "interactive", "batch"
LONGEST_STEP = 100


@dataclass(frozen=True, slots=True)
class NewJob:
    """request: what is done; request_hash: equal for requests that give the same result, of which never two wait or run at once.

    asked: what the caller said, before seeds were drawn and versions looked up; the same idempotency key must come with the same.
    """

    owner_id: str
    kind: str
    request: Json
    request_hash: str
    recording_id: str | None = None
    entity_id: str | None = None
    urgency: str = INTERACTIVE
    idempotency_key: str | None = None
    asked: Json = field(default_factory=dict)
    attempt: int = 1
    retry_of: str | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """created is False when an equal job was there already."""

    job: JobRecord
    created: bool


@dataclass(frozen=True, slots=True)
class Quota:
    """At most so many jobs of one owner since a moment."""

    most: int
    since: datetime

    def refuse(self, count: int) -> None:
        if count > self.most:
            raise QuotaExceeded(f"only {self.most} jobs in 24 hours are allowed: ask for fewer, or try again later", 3600)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """owner_id None: everybody's. Empty tuples do not filter."""

    owner_id: str | None = None
    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    recording_id: str | None = None


@dataclass(frozen=True, slots=True)
class JobCount:
    kind: str
    state: str
    jobs: int
    mean_run_s: float


class Jobs:
    def __init__(self, database: Database) -> None:
        self._db = database

    def submit(self, new: NewJob) -> Submitted:
        """See submit_many."""
        return self.submit_many((new,))[0]

    def submit_many(self, wanted: Sequence[NewJob], quota: Quota | None = None) -> tuple[Submitted, ...]:
        """Insert each, or find the equal job that is unfinished or has the same idempotency key; in one transaction, for one owner.

        `turn` makes the order fair (start-time fair queueing, Goyal, Vin and Cheng 1996): a user's next job comes one turn after
        their last unfinished one, but never before the earliest turn that is still open. Queues serve the lowest turn first, so
        users alternate however many jobs one of them has.
        """
        with self._db.write() as c:
            self._db.alone(c, "jobs")
            made = tuple(self._submit(c, new) for new in wanted)
            if quota is not None and any(m.created for m in made):
                quota.refuse(self._begun_since(c, wanted[0].owner_id, quota.since))
            return made

    def _submit(self, c: sa.Connection, new: NewJob) -> Submitted:
        found = self._equal(c, new)
        if found is not None:
            return Submitted(found, False)
        open_here = sa.and_(jobs.c.state.in_(UNFINISHED), jobs.c.urgency == new.urgency)
        first = c.scalar(sa.select(jobs.c.turn).where(open_here).order_by(jobs.c.turn).limit(1)) or 0
        own = c.scalar(sa.select(sa.func.max(jobs.c.turn)).where(open_here, jobs.c.owner_id == new.owner_id)) or 0
        moment = now()
        job = JobRecord(
            new_id(), new.owner_id, new.kind, new.recording_id, new.entity_id, "queued", 0.0, "waiting", None, new.request, new.request_hash,
            new.idempotency_key, new.asked, new.urgency, max(first, own) + 1, new.attempt, new.retry_of, moment, None, None, None, moment,
        )  # fmt: skip
        c.execute(sa.insert(jobs).values(**{column.name: getattr(job, column.name) for column in jobs.c}))
        return Submitted(job, True)

    def _equal(self, c: sa.Connection, new: NewJob) -> JobRecord | None:
        same = sa.and_(jobs.c.request_hash == new.request_hash, jobs.c.state.in_(UNFINISHED))
        if new.idempotency_key is not None:
            same = sa.or_(same, sa.and_(jobs.c.owner_id == new.owner_id, jobs.c.idempotency_key == new.idempotency_key))
        used_before = sa.case((jobs.c.idempotency_key == new.idempotency_key, 0), else_=1)
        row = c.execute(sa.select(jobs).where(same).order_by(used_before, jobs.c.created_at).limit(1)).first()
        if row is None:
            return None
        said = (row.kind, row.recording_id, row.asked)
        if row.idempotency_key and row.idempotency_key == new.idempotency_key and said != (new.kind, new.recording_id, new.asked):
            raise Conflict(f"the idempotency key {new.idempotency_key!r} was used for another request: choose a new one")
        if new.idempotency_key and row.idempotency_key is None and row.owner_id == new.owner_id:
            c.execute(sa.update(jobs).where(jobs.c.id == row.id).values(idempotency_key=new.idempotency_key, asked=new.asked))
        return as_record(JobRecord, row)

    def _get(self, c: sa.Connection, job_id: str) -> JobRecord:
        row = c.execute(sa.select(jobs).where(jobs.c.id == job_id)).first()
        if row is None:
            raise NotFound("there is no such job: it may have been deleted")
        return as_record(JobRecord, row, tasks=self._tasks(c, job_id))

    def _tasks(self, c: sa.Connection, job_id: str) -> tuple[TaskRecord, ...]:
        rows = c.execute(sa.select(job_tasks).where(job_tasks.c.job_id == job_id).order_by(job_tasks.c.started_at, job_tasks.c.name))
        return tuple(as_record(TaskRecord, row) for row in rows)

    def tasks(self, job_id: str) -> tuple[TaskRecord, ...]:
        """Of a job that was deleted there are none."""
        with self._db.read() as c:
            return self._tasks(c, job_id)

    def get(self, job_id: str) -> JobRecord:
        """With its tasks. Raises NotFound."""
        with self._db.read() as c:
            return self._get(c, job_id)

    def completed(self, request_hash: str) -> JobRecord | None:
        """The last completed job of an equal request."""
        query = sa.select(jobs).where(jobs.c.request_hash == request_hash, jobs.c.state == "completed")
        with self._db.read() as c:
            row = c.execute(query.order_by(jobs.c.finished_at.desc()).limit(1)).first()
            return as_record(JobRecord, row) if row else None

    def many(self, ids: Sequence[str]) -> tuple[JobRecord, ...]:
        with self._db.read() as c:
            return tuple(as_record(JobRecord, r) for r in c.execute(sa.select(jobs).where(jobs.c.id.in_(list(ids)))))

    def states(self, ids: Sequence[str]) -> dict[str, str]:
        with self._db.read() as c:
            return {r.id: r.state for r in c.execute(sa.select(jobs.c.id, jobs.c.state).where(jobs.c.id.in_(list(ids))))}

    def page(self, wanted: JobFilter, limit: int, after: str | None = None) -> Page[JobRecord]:
        """Newest first."""
        where = _where(wanted)
        if after:
            moment, last_id = read_time_cursor(after)
            at = sa.type_coerce(jobs.c.created_at, sa.Double)
            where.append(sa.or_(at < moment, sa.and_(at == moment, jobs.c.id < last_id)))
        with self._db.read() as c:
            rows = c.execute(sa.select(jobs).where(*where).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit + 1)).all()
        more = cursor(rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
        return Page(tuple(as_record(JobRecord, r) for r in rows[:limit]), more)

    def offset_page(self, wanted: JobFilter, skip: int, take: int) -> tuple[JobRecord, ...]:
        query = sa.select(jobs).where(*_where(wanted)).order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        with self._db.read() as c:
            return tuple(as_record(JobRecord, r) for r in c.execute(query.offset(skip).limit(take)))

    def of_entity(self, entity_id: str, owner_id: str | None) -> tuple[JobRecord, ...]:
        """Newest first; of a recording or of what a job makes."""
        query = sa.select(jobs).where(sa.or_(jobs.c.entity_id == entity_id, jobs.c.recording_id == entity_id))
        query = query.where(jobs.c.owner_id == owner_id) if owner_id else query
        with self._db.read() as c:
            return tuple(as_record(JobRecord, r) for r in c.execute(query.order_by(jobs.c.created_at.desc()).limit(200)))

    def counts(self, wanted: JobFilter) -> tuple[JobCount, ...]:
        seconds = sa.type_coerce(jobs.c.finished_at, sa.Double) - sa.type_coerce(jobs.c.started_at, sa.Double)
        query = sa.select(jobs.c.kind, jobs.c.state, sa.func.count(), sa.func.coalesce(sa.func.avg(seconds), 0.0)).where(*_where(wanted))
        with self._db.read() as c:
            return tuple(JobCount(*row) for row in c.execute(query.group_by(jobs.c.kind, jobs.c.state)))

    def position(self, job: JobRecord) -> int | None:
        """How many jobs come before this one; None when it does not wait."""
        if job.state != "queued":
            return None
        before = sa.and_(jobs.c.urgency == job.urgency, sa.or_(jobs.c.turn < job.turn, sa.and_(jobs.c.turn == job.turn, jobs.c.created_at < job.created_at)))  # fmt: skip
        if job.urgency == BATCH:
            before = sa.or_(before, jobs.c.urgency == INTERACTIVE)
        with self._db.read() as c:
            return c.scalar(sa.select(sa.func.count()).where(jobs.c.state == "queued", before)) or 0

    def positions(self) -> dict[str, int]:
        """How many jobs come before each one that waits."""
        order = (jobs.c.urgency != INTERACTIVE, jobs.c.turn, jobs.c.created_at)
        with self._db.read() as c:
            return {job_id: k for k, job_id in enumerate(c.scalars(sa.select(jobs.c.id).where(jobs.c.state == "queued").order_by(*order)))}

    def changed_since(self, moment: datetime) -> tuple[JobRecord, ...]:
        """In the order of their changes; a batch may be of any size."""
        query = sa.select(jobs).where(jobs.c.updated_at >= moment).order_by(jobs.c.updated_at, jobs.c.id)
        with self._db.read() as c:
            return tuple(as_record(JobRecord, r) for r in c.execute(query))

    def undispatched(self, before: datetime) -> tuple[JobRecord, ...]:
        """Jobs whose way into the queue was cut: between the two databases there is no common transaction."""
        query = sa.select(jobs).where(jobs.c.state == "queued", jobs.c.dispatched_at.is_(None), jobs.c.created_at < before)
        with self._db.read() as c:
            return tuple(as_record(JobRecord, r) for r in c.execute(query.order_by(jobs.c.created_at).limit(500)))

    def unfinished(self, before: datetime) -> tuple[JobRecord, ...]:
        query = sa.select(jobs).where(jobs.c.state.in_(UNFINISHED), jobs.c.dispatched_at < before)
        with self._db.read() as c:
            return tuple(as_record(JobRecord, r) for r in c.execute(query.limit(5000)))

    def unfinished_of(self, recording_id: str) -> tuple[JobRecord, ...]:
        query = sa.select(jobs).where(jobs.c.recording_id == recording_id, jobs.c.state.in_(UNFINISHED))
        with self._db.read() as c:
            return tuple(as_record(JobRecord, r) for r in c.execute(query))

    def was_retried(self, job: JobRecord) -> bool:
        query = sa.select(jobs.c.id).where(jobs.c.request_hash == job.request_hash, jobs.c.retry_of == job.id)
        with self._db.read() as c:
            return c.execute(query.limit(1)).first() is not None

    def dispatched(self, ids: Sequence[str]) -> None:
        with self._db.write() as c:
            c.execute(sa.update(jobs).where(jobs.c.id.in_(list(ids))).values(dispatched_at=now()))

    def set_entity(self, job_id: str, entity_id: str) -> None:
        with self._db.write() as c:
            c.execute(sa.update(jobs).where(jobs.c.id == job_id).values(entity_id=entity_id))

    def begin(self, job_id: str, tasks: Sequence[TaskRecord]) -> JobRecord | None:
        """Mark as running and lay its tasks out; idempotent. None when it was cancelled or deleted meanwhile."""
        moment = now()
        with self._db.write() as c:
            alive = sa.and_(jobs.c.id == job_id, jobs.c.state.in_(UNFINISHED))
            started = sa.func.coalesce(sa.type_coerce(jobs.c.started_at, sa.Double), moment.timestamp())
            if not c.execute(sa.update(jobs).where(alive).values(state="running", started_at=started, updated_at=moment)).rowcount:
                return None
            there = set(c.scalars(sa.select(job_tasks.c.name).where(job_tasks.c.job_id == job_id)))
            fresh = [{f: getattr(t, f) for f in TaskRecord.__slots__} for t in tasks if t.name not in there]
            if fresh:
                c.execute(sa.insert(job_tasks), fresh)
            return self._get(c, job_id)

    def begin_task(self, job_id: str, name: str, worker: str) -> int | None:
        """The number of this run, from 1; None when the job no longer wants the task."""
        own = sa.and_(job_tasks.c.job_id == job_id, job_tasks.c.name == name)
        with self._db.write() as c:
            row = c.execute(sa.select(job_tasks.c.title, job_tasks.c.runs).where(own)).first()
            alive = sa.update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running")
            if row is None or not c.execute(alive.values(step=row.title, updated_at=now())).rowcount:
                return None
            c.execute(sa.update(job_tasks).where(own).values(runs=row.runs + 1, worker=worker, started_at=now(), share=0.0))
            return int(row.runs) + 1

    def forgive_run(self, job_id: str, name: str) -> None:
        """A run that was cut through no fault of the task does not count."""
        own = sa.and_(job_tasks.c.job_id == job_id, job_tasks.c.name == name, job_tasks.c.finished_at.is_(None))
        with self._db.write() as c:
            c.execute(sa.update(job_tasks).where(own, job_tasks.c.runs > 0).values(runs=job_tasks.c.runs - 1))

    def report(self, job_id: str, name: str, share: float, step: str | None = None) -> bool:
        """Progress 0..1 of one task. False when the job no longer wants it."""
        with self._db.write() as c:
            c.execute(sa.update(job_tasks).where(job_tasks.c.job_id == job_id, job_tasks.c.name == name).values(share=share))
            return self._sum_up(c, job_id, step)

    def finish_task(self, job_id: str, name: str, result: Json) -> None:
        with self._db.write() as c:
            done = {"share": 1.0, "result": result, "finished_at": now()}
            c.execute(sa.update(job_tasks).where(job_tasks.c.job_id == job_id, job_tasks.c.name == name).values(**done))
            self._sum_up(c, job_id, None)

    def _sum_up(self, c: sa.Connection, job_id: str, step: str | None) -> bool:
        own = job_tasks.c.job_id == job_id
        total = c.execute(sa.select(sa.func.sum(job_tasks.c.weight * job_tasks.c.share), sa.func.sum(job_tasks.c.weight)).where(own)).one()
        share = float(total[0] or 0) / float(total[1] or 1)
        values: dict[str, Any] = {"share": min(share, 0.999), "updated_at": now()}
        if step:
            values["step"] = step[:LONGEST_STEP]
        return bool(c.execute(sa.update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running").values(**values)).rowcount)

    def finish(self, job_id: str, state: str, error: str | None = None) -> JobRecord | None:
        """Completed, failed or cancelled, once: None when it was finished already. The error is cut at 1,000 characters."""
        values: dict[str, Any] = {"state": state, "error": error[:1000] if error else None, "finished_at": now(), "updated_at": now()}
        if state == "completed":
            values |= {"share": 1.0, "step": "done"}
        with self._db.write() as c:
            if not c.execute(sa.update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(UNFINISHED)).values(**values)).rowcount:
                return None
            return self._get(c, job_id)

    def delete(self, ids: Sequence[str]) -> None:
        with self._db.write() as c:
            c.execute(sa.delete(jobs).where(jobs.c.id.in_(list(ids)), jobs.c.state.not_in(UNFINISHED)))

    def finished_before(self, moment: datetime) -> tuple[str, ...]:
        with self._db.read() as c:
            return tuple(c.scalars(sa.select(jobs.c.id).where(jobs.c.finished_at < moment).limit(10_000)))

    def begun_since(self, owner_id: str, moment: datetime) -> int:
        with self._db.read() as c:
            return self._begun_since(c, owner_id, moment)

    def _begun_since(self, c: sa.Connection, owner_id: str, moment: datetime) -> int:
        return c.scalar(sa.select(sa.func.count()).where(jobs.c.owner_id == owner_id, jobs.c.created_at >= moment)) or 0


def _where(wanted: JobFilter) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    where += [] if wanted.owner_id is None else [jobs.c.owner_id == wanted.owner_id]
    where += [jobs.c.state.in_(wanted.states)] if wanted.states else []
    where += [jobs.c.kind.in_(wanted.kinds)] if wanted.kinds else []
    return where + ([jobs.c.recording_id == wanted.recording_id] if wanted.recording_id else [])
