"""kill -9 of anything at any moment, databases and stores that go away, jobs that kill what runs them: nothing is lost, nothing that
was finished is done again, nothing is left lying about."""

from __future__ import annotations

import time
from collections import Counter

import psutil
import pytest
from yard import Yard, chaos

from sideman.infra.database import BATCH, NewJob

soaked_on_sqlite = pytest.mark.parametrize("yard", ["postgresql", pytest.param("sqlite", marks=pytest.mark.soak)], indirect=True)
"""What hangs on the queues more than on the database: on SQLite only in `make soak`."""


def assert_nothing_lost(yard: Yard, ids: list[str]) -> None:
    assert yard.wait(ids, 120) == Counter(completed=len(ids))
    assert yard.repeated_after_finish() == []
    assert yard.missing() == set() and yard.orphans() == set()


def test_jobs_run_once_each_without_faults(yard: Yard) -> None:
    yard.wait_ready(yard.start_worker())
    ids = yard.submit(3)
    assert_nothing_lost(yard, ids)
    starts = Counter((e.job_id, e.task) for e in yard.events() if e.what == "start")
    assert set(starts.values()) == {1} and len(starts) == 3 * 4
    store = next(t for t in yard.jobs.get(ids[0]).tasks if t.name == "store")
    assert store.result and len(store.result["keys"]) == 3


def test_kill_9_of_workers_and_children_over_a_batch(yard: Yard) -> None:
    for worker in (yard.start_worker(), yard.start_worker()):
        yard.wait_ready(worker)
    ids = yard.submit(10, busy_s=0.3)  # `make soak` does it for longer
    assert chaos(yard, ids, kills=4, pause_s=(0.3, 1.2), seed=1, timeout_s=60) >= 2
    assert_nothing_lost(yard, ids)


@soaked_on_sqlite
def test_a_worker_that_never_comes_back_is_replaced_by_another(yard: Yard) -> None:
    first = yard.start_worker()
    yard.wait_ready(first)
    (job,) = yard.submit(1, busy_s=1.0)
    yard.until(lambda: bool(yard.starts(job, "beats")))
    yard.kill(first)
    (yard.folder / "locks").rename(yard.folder / "elsewhere")  # another folder of locks is another executor: not the same one again
    yard.wait_ready(yard.start_worker())
    assert_nothing_lost(yard, [job])
    assert len(yard.starts(job, "decode")) == 1


def test_killing_the_worker_takes_its_children_with_it(yard: Yard) -> None:
    worker = yard.start_worker()
    yard.wait_ready(worker)
    yard.submit(2, busy_s=20)
    yard.until(lambda: len(yard.children()) > 0)
    children = yard.children()
    yard.kill(worker)
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


@soaked_on_sqlite
def test_cancel_ends_the_child_and_frees_its_place(yard: Yard) -> None:
    yard.wait_ready(yard.start_worker(cpu=1))
    (long,) = yard.submit(1, busy_s=60)
    yard.until(lambda: bool(yard.starts(long, "decode")))
    pid = yard.starts(long, "decode")[0].pid
    assert yard.jobs.finish(long, "cancelled")
    yard.queue.cancel(long)
    yard.until(lambda: not psutil.pid_exists(pid), timeout_s=5)
    (short,) = yard.submit(1)
    assert yard.wait([short], 30) == Counter(completed=1)
    assert yard.jobs.get(long).state == "cancelled"


@soaked_on_sqlite
def test_a_poison_job_fails_alone_with_its_reason(yard: Yard) -> None:
    yard.wait_ready(yard.start_worker())
    poisoned = yard.submit(1, poison="child") + yard.submit(1, poison="fails")
    healthy = yard.submit(2)
    assert yard.wait(poisoned + healthy, 90) == Counter(completed=2, failed=2)
    crashed, refused = (yard.jobs.get(j) for j in poisoned)
    assert crashed.error and crashed.error.startswith("separate: ") and "3 times" in crashed.error
    assert refused.error == "separate: there is no music in it"
    assert len(yard.starts(poisoned[0], "separate")) == 3 and len(yard.starts(poisoned[1], "separate")) == 1


@soaked_on_sqlite
def test_a_job_that_kills_its_worker_is_given_up(yard: Yard) -> None:
    yard.wait_ready(yard.start_worker())
    (poisoned,) = yard.submit(1, poison="worker")
    healthy = yard.submit(3)
    deadline = time.monotonic() + 90
    while yard.jobs.get(poisoned).unfinished and time.monotonic() < deadline:
        for worker in [w for w in yard.workers if w.poll() is not None]:
            yard.kill(worker)
            yard.wait_ready(yard.start_worker())
        time.sleep(0.1)
    job = yard.jobs.get(poisoned)
    assert job.state == "failed" and job.error and "given up" in job.error
    assert len(yard.starts(poisoned, "separate")) == 3
    for worker in [w for w in yard.workers if w.poll() is not None]:
        yard.kill(worker)
        yard.wait_ready(yard.start_worker())
    assert yard.wait(healthy, 60) == Counter(completed=3)


@soaked_on_sqlite
def test_a_task_over_its_time_limit_fails_its_job(yard: Yard) -> None:
    yard.wait_ready(yard.start_worker())
    (slow,) = yard.submit(1, busy_s=30, timeout_s=1)
    assert yard.wait([slow], 30) == Counter(failed=1)
    assert "limit of 1 s" in (yard.jobs.get(slow).error or "")


@soaked_on_sqlite
def test_a_request_whose_process_died_before_the_queue_is_put_in(yard: Yard) -> None:
    ids = yard.submit(3, put=False)
    yard.wait_ready(yard.start_worker())
    assert_nothing_lost(yard, ids)


@soaked_on_sqlite
def test_a_retry_repeats_only_what_failed(yard: Yard) -> None:
    yard.wait_ready(yard.start_worker())
    (failed,) = yard.submit(1, poison="fails")
    assert yard.wait([failed], 30) == Counter(failed=1)
    assert retry(yard, failed, {}) == Counter(completed=1)
    runs = {name: len(yard.starts(failed, name)) for name in ("decode", "beats", "separate", "store")}
    assert runs == {"decode": 1, "beats": 1, "separate": 2, "store": 1}


@soaked_on_sqlite
def test_a_retry_takes_over_only_what_is_the_same_work(yard: Yard) -> None:
    yard.wait_ready(yard.start_worker())
    (failed,) = yard.submit(1, poison="fails")
    assert yard.wait([failed], 30) == Counter(failed=1)
    assert retry(yard, failed, {"busy_s": 0.2}) == Counter(completed=1)
    assert [len(yard.starts(failed, name)) for name in ("decode", "beats", "separate", "store")] == [2, 2, 2, 1]


def retry(yard: Yard, failed: str, request: dict[str, float]) -> Counter[str]:
    old = yard.jobs.get(failed)
    job = yard.jobs.submit(NewJob(old.owner_id, old.kind, request, old.request_hash, attempt=2, retry_of=old.id)).job
    yard.queue.put([job])
    return yard.wait([job.id], 30)


def ended_before(yard: Yard, job: str, others: set[str], since_s: float) -> int:
    """How many of the others ended between `since_s` and the job's first task."""
    start = yard.starts(job, "decode")[0].at_s
    return sum(e.what == "ended" and e.job_id in others and since_s < e.at_s < start for e in yard.events())


@soaked_on_sqlite
def test_users_take_turns_however_many_jobs_one_of_them_has(yard: Yard) -> None:
    many = set(yard.submit(1000, owner="ann", busy_s=0.3))
    yard.wait_ready(yard.start_worker(cpu=1))
    yard.until(lambda: any(e.what == "ended" for e in yard.events()), timeout_s=60)
    began = time.time()
    (one,) = yard.submit(1, owner="bob", busy_s=0.3)
    yard.until(lambda: bool(yard.starts(one, "decode")), timeout_s=60)
    assert ended_before(yard, one, many, began) <= 2


@soaked_on_sqlite
def test_interactive_jobs_go_before_a_batch(yard: Yard) -> None:
    batch = set(yard.submit(200, urgency=BATCH, busy_s=0.3))
    yard.wait_ready(yard.start_worker(cpu=1))
    yard.until(lambda: len(yard.events()) > 4, timeout_s=60)
    began = time.time()
    (urgent,) = yard.submit(1, busy_s=0.3)
    yard.until(lambda: bool(yard.starts(urgent, "decode")), timeout_s=60)
    assert ended_before(yard, urgent, batch, began) <= 1


@soaked_on_sqlite
def test_a_clean_stop_hands_over(yard: Yard) -> None:
    first = yard.start_worker()
    yard.wait_ready(first)
    ids = yard.submit(4, busy_s=0.8)
    yard.until(lambda: len(yard.events()) > 2)
    first.terminate()
    assert first.wait(20) == 0
    yard.kill(first)
    yard.wait_ready(yard.start_worker())
    assert_nothing_lost(yard, ids)
