"""What happens by itself: trash and unused bytes go, uploads expire, old jobs are forgotten, stranded jobs move on, webhooks arrive."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers import free_port

from sideman.app.library.access import Caller
from sideman.app.library.studio import Studio
from sideman.app.library.webhooks import WAITS_S
from sideman.app.workflows.handlers import JobHandlers
from sideman.core.audio import write_audio
from sideman.errors import Conflict, NotFound, SidemanError
from sideman.infra.database import AnalysisRecord, DeliveryRecord, JobRecord, MixRecord, NewJob, RecordingRecord, StemRecord, new_id, now
from sideman.infra.database.tables import deliveries, jobs, uploads
from sideman.infra.jobs.upkeep import Upkeep, dispatch_stranded, reconcile
from sideman.testing import faded_tone

DAY = timedelta(days=1)


def person(studio: Studio, name: str) -> Caller:
    user = studio.access.add_user(studio.access.local(), name, "editor")
    return Caller(user.id, user.name, user.role)


def tone(folder: Path, frequency_hz: float) -> Path:
    path = folder / f"{frequency_hz}.flac"
    write_audio(faded_tone(frequency_hz, 0.2), path)
    return path


def kept(studio: Studio, folder: Path, text: str) -> str:
    """A small blob that nothing uses yet."""
    path = folder / "small"
    path.write_text(text)
    return studio.services.blobs.put(path)


def there(studio: Studio) -> set[str]:
    return {b.key for b in studio.services.blobs.list()}


def made_older(studio: Studio, by: timedelta, *keys: str) -> None:
    for key in keys:
        with studio.services.blobs.file(key) as path:
            moment = (now() - by).timestamp()
            os.utime(path, (moment, moment))


def with_results(studio: Studio, record: RecordingRecord, folder: Path) -> set[str]:
    """Give a recording one of everything that holds bytes; returns their keys."""
    keys = {
        name: kept(studio, folder, f"{record.id} {name}")
        for name in ("jams", "stem", "midi", "stem peaks", "mix", "decoded", "peaks", "art")
    }
    s = studio.services
    s.recordings.update(record.id, decoded_key=keys["decoded"], peaks_key=keys["peaks"], artwork_key=keys["art"])
    s.results.add_analysis(AnalysisRecord(new_id(), record.id, 0, "test", {}, keys["jams"], None, now()))
    s.results.put_stems([StemRecord(
        new_id(), record.id, None, "separated", "bass", "bass", keys["stem"], "flac", 1, 1.0, keys["midi"], keys["stem peaks"], None, None, None, None,
        None, {}, None, now(),
    )])  # fmt: skip
    s.results.add_mix(MixRecord(new_id(), record.owner_id, record.id, "mix", {}, "mix.flac", None, keys["mix"], 1, None, now()))
    return set(keys.values())


# trash and blobs


def test_trash_is_emptied_and_bytes_go_unless_another_owner_uses_them(opened: Callable[..., Studio], tmp_path: Path) -> None:
    studio = opened(TRASH_DAYS="0", BLOB_GRACE_HOURS="1")
    ann, bob = person(studio, "ann"), person(studio, "bob")
    both, only = tone(tmp_path, 440), tone(tmp_path, 550)
    anns = [studio.intake.add(ann, path, path.name).recording for path in (both, only)]
    bobs = studio.intake.add(bob, both, "mine.flac").recording
    results = with_results(studio, anns[0], tmp_path) | with_results(studio, anns[1], tmp_path)
    assert bobs.content_key == anns[0].content_key
    everything = {anns[0].content_key, anns[1].content_key} | results
    made_older(studio, timedelta(hours=2), *everything)
    assert studio.housekeeping.empty_trash() == 0 and studio.housekeeping.sweep_blobs() == 0 and there(studio) == everything
    for record in anns:
        studio.recordings.trash(ann, record.id)
    assert studio.housekeeping.sweep_blobs() == 0 and there(studio) == everything, "what lies in the trash can be restored"
    assert studio.housekeeping.empty_trash() == 2
    for record in anns:
        with pytest.raises(NotFound):
            studio.recordings.get(ann, record.id)
    assert studio.housekeeping.sweep_blobs() == 1 + len(results)
    assert there(studio) == {bobs.content_key}
    assert b"".join(studio.recordings.read(bobs.content_key)) == both.read_bytes()
    assert studio.housekeeping.verify().sound


def test_trash_waits_for_the_days_of_the_settings(opened: Callable[..., Studio], tmp_path: Path) -> None:
    studio = opened(TRASH_DAYS="30")
    me, shelf = studio.access.local(), studio.services.recordings
    first = studio.intake.add(me, tone(tmp_path, 440), "a.flac").recording
    records = [first, *(shelf.add(replace(first, id=new_id(), content_key=f"{k:064x}")) for k in range(2))]
    for record, age in zip(records, (29 * DAY, 31 * DAY, None), strict=True):
        shelf.update(record.id, trashed_at=now() - age if age else None)
    assert studio.housekeeping.empty_trash() == 1
    assert {r.id for r in shelf.many([r.id for r in records])} == {records[0].id, records[2].id}
    assert shelf.update(records[0].id, trashed_at=None).trashed_at is None, "restored in time"


def test_only_bytes_older_than_the_grace_period_that_nothing_uses_go(opened: Callable[..., Studio], tmp_path: Path) -> None:
    studio = opened(BLOB_GRACE_HOURS="24")
    record = studio.intake.add(studio.access.local(), tone(tmp_path, 440), "a.flac").recording
    results = with_results(studio, record, tmp_path)
    young, old, renewed = (kept(studio, tmp_path, text) for text in ("young", "old", "renewed"))
    made_older(studio, timedelta(hours=23), young)
    made_older(studio, timedelta(hours=25), old, renewed, record.content_key, *results)
    kept(studio, tmp_path, "renewed")  # somebody is just adding these bytes again
    folder = tmp_path / "library" / "blobs"
    (folder / ".put-cut").write_bytes(b"half")
    os.utime(folder / ".put-cut", (0, 0))
    (folder / ".put-now").write_bytes(b"half")
    found = studio.housekeeping.verify()
    assert (found.unused, found.unused_bytes, found.sound) == (3, len("youngoldrenewed"), True)
    assert studio.housekeeping.sweep_blobs() == 1
    assert there(studio) == {record.content_key, young, renewed} | results
    assert not (folder / ".put-cut").exists() and (folder / ".put-now").exists()


def test_verification_names_what_is_damaged_and_what_is_missing(opened: Callable[..., Studio], tmp_path: Path) -> None:
    studio = opened()
    record = studio.intake.add(studio.access.local(), tone(tmp_path, 440), "a.flac").recording
    lost = kept(studio, tmp_path, "picture")
    studio.services.recordings.update(record.id, artwork_key=lost)
    assert studio.housekeeping.verify().sound
    studio.services.blobs.delete(lost)
    with studio.services.blobs.file(record.content_key) as path:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    found = studio.housekeeping.verify()
    assert (found.damaged, found.missing, found.sound) == ((record.content_key,), (lost,), False)


# uploads


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


def test_unfinished_uploads_expire_with_their_files(opened: Callable[..., Studio]) -> None:
    studio = opened(UPLOAD_HOURS="24")
    me, folder = studio.access.local(), studio.settings.uploads
    old, young = (studio.uploads.begin(me, 100, "a.wav").record.id for _ in range(2))
    for upload in (old, young):
        asyncio.run(studio.uploads.append(me, upload, 0, pieces(b"x" * 40), None))
        assert studio.uploads.state(me, upload).offset_bytes == 40
    assert studio.uploads.expire() == 0
    with studio.services.database.write() as c:
        c.execute(sa.update(uploads).where(uploads.c.id == old).values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(NotFound, match="expired"):
        studio.uploads.state(me, old)  # also before the file is gone
    orphan, new_orphan, foreign = (
        folder / f"{new_id()}.part",
        folder / f"{new_id()}.part",
        folder / "form-1234",
    )  # of a server that was killed
    for path in (orphan, new_orphan, foreign):
        path.write_bytes(b"x")
    for path in (orphan, foreign):
        os.utime(path, (0, 0))
    assert studio.uploads.expire() == 1
    assert {p.name for p in folder.glob("*.part")} == {f"{young}.part", new_orphan.name} and not foreign.exists()
    assert not list(folder.glob(f"{old}*"))
    assert studio.uploads.state(me, young).offset_bytes == 40
    with pytest.raises(NotFound):
        studio.services.transfers.upload(old)


# jobs


def job_of(studio: Studio, what: str, queued: bool = True) -> JobRecord:
    me = studio.access.local()
    made = studio.services.jobs.submit(NewJob(me.user_id, "analysis", {}, hashlib.sha256(what.encode()).hexdigest())).job
    if queued:
        studio.services.queue.put([made])
        studio.services.jobs.dispatched([made.id])
    return made


def set_job(studio: Studio, job_id: str, **values: Any) -> None:
    with studio.services.database.write() as c:
        c.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


def test_jobs_that_ended_long_ago_are_forgotten(opened: Callable[..., Studio]) -> None:
    studio = opened(JOB_DAYS="30")
    s = studio.services
    old, recent, waiting = (job_of(studio, name) for name in ("old", "recent", "waiting"))
    for job, age in ((old, 31), (recent, 29)):
        s.jobs.finish(job.id, "completed")
        set_job(studio, job.id, finished_at=now() - age * DAY)
    set_job(studio, waiting.id, created_at=now() - 100 * DAY)
    ids = [old.id, recent.id, waiting.id]
    assert set(s.queue.states(ids)) == set(ids)
    assert studio.housekeeping.forget_jobs() == 1
    assert set(s.jobs.states(ids)) == set(s.queue.states(ids)) == {recent.id, waiting.id}
    assert studio.housekeeping.forget_jobs() == 0


def test_jobs_whose_way_into_the_queue_was_cut_are_put_in_once(opened: Callable[..., Studio]) -> None:
    studio = opened()
    s = studio.services
    stranded, fresh = job_of(studio, "stranded", queued=False), job_of(studio, "fresh", queued=False)
    set_job(studio, stranded.id, created_at=now() - timedelta(seconds=3))
    assert dispatch_stranded(s.jobs, s.queue) == 1 and dispatch_stranded(s.jobs, s.queue) == 0
    assert set(s.queue.states([stranded.id, fresh.id])) == {stranded.id}
    assert s.jobs.get(stranded.id).dispatched_at and s.jobs.get(fresh.id).dispatched_at is None


def test_jobs_that_the_queue_gave_up_or_lost_are_noticed(opened: Callable[..., Studio]) -> None:
    studio = opened()
    s = studio.services
    given_up, lost, young = (job_of(studio, name) for name in ("given up", "lost", "young"))
    s.queue.cancel(given_up.id)
    s.queue.cancel(young.id)
    s.queue.forget([lost.id])
    for job in (given_up, lost):
        set_job(studio, job.id, dispatched_at=now() - DAY, updated_at=now() - DAY)
    ended: list[JobRecord] = []
    assert reconcile(s.jobs, s.queue, ended.append) == 1
    assert [(j.id, j.state, j.error) for j in ended] == [(given_up.id, "failed", "the job queue cancelled it")]
    assert s.jobs.get(lost.id).state == "queued" and set(s.queue.states([lost.id])) == {lost.id}
    assert s.jobs.get(young.id).state == "queued", "the worker may be about to write it"
    reconcile(s.jobs, s.queue, ended.append)
    assert len(ended) == 1


def test_a_job_retried_after_its_first_attempt_was_deleted_is_planned(opened: Callable[..., Studio], tmp_path: Path) -> None:
    """What the first attempt finished is then gone too, and is done again."""
    studio = opened()
    s, me = studio.services, studio.access.local()
    record = studio.intake.add(me, tone(tmp_path, 440), "a.flac").recording
    first = studio.jobs.analyse(me, record.id)
    studio.jobs.cancel(me, first.id)
    again = studio.jobs.retry(me, first.id)
    studio.jobs.delete(me, first.id)
    assert again.retry_of == first.id
    assert worker_of(studio)._lay_out(again.id) is not None
    begun = s.jobs.get(again.id)
    assert begun.state == "running" and begun.tasks and not any(t.finished_at for t in begun.tasks)


def test_an_analysis_is_asked_with_the_settings_under_its_own_wish(opened: Callable[..., Studio], tmp_path: Path) -> None:
    studio = opened(ANALYSIS="key=essentia")
    me = studio.access.local()
    first, second = (studio.intake.add(me, tone(tmp_path, hz), f"{hz}.flac").recording for hz in (440, 550))
    assert studio.jobs.analyse(me, first.id).request["engines"] == "key=essentia"
    assert "engines" not in studio.jobs.analyse(me, second.id, engines="key=sideman").request


def test_notes_are_found_in_the_stems_that_are_there(opened: Callable[..., Studio], tmp_path: Path) -> None:
    """Of a recording that a better preset took apart, an analysis does not make stems anew, and hears those."""
    studio = opened()
    me = studio.access.local()
    record = studio.intake.add(me, tone(tmp_path, 440), "a.flac").recording
    better = StemRecord(
        new_id(), record.id, None, "separated", "bass", "bass", "b" * 64, "flac", 1, 1.0, None, None, None, None, None, None, None,
        {"preset": "best"}, None, now(),
    )  # fmt: skip
    studio.services.results.put_stems([better])
    job = studio.jobs.analyse(me, record.id, engines="notes=basic-pitch")
    tasks = {task.name: task for stage in handlers_of(studio).plan(job) for task in stage}
    assert "separate" not in tasks
    assert tasks["notes"].arguments["stems"] == [{"role": better.role, "blob_key": better.blob_key}]


def worker_of(studio: Studio) -> Any:
    from sideman.infra.jobs.executor import Executor
    from sideman.infra.jobs.worker import Worker, WorkerPlace

    s = studio.services
    place = WorkerPlace(studio.settings.jobs_url, Executor("test", studio.settings.scratch), ("orch",), studio.settings.worker, {})
    return Worker(place, s.jobs, handlers_of(studio), s.telemetry)


def handlers_of(studio: Studio) -> JobHandlers:
    return JobHandlers(studio.services, studio.timelines, studio.webhooks)


def test_a_chore_that_fails_keeps_no_other_from_its_turn(caplog: pytest.LogCaptureFixture) -> None:
    done, twice = threading.Event(), []

    def refuses() -> None:
        raise SidemanError("not now")

    def breaks() -> None:
        raise ZeroDivisionError

    def works() -> None:
        twice.append(1)
        if twice.count(1) == 2:
            done.set()

    upkeep = Upkeep(((0.0, refuses), (0.0, breaks), (0.0, works), (3600.0, lambda: twice.append(0))))
    upkeep.start()
    try:
        assert done.wait(60)
    finally:
        upkeep.stop()
    assert twice.count(0) == 1 and twice.count(1) >= 2
    assert "not now" in caplog.text and "ZeroDivisionError" in caplog.text


# webhooks


class Receiver:
    """Somebody's server. `answers`: status codes of the next requests; 204 when there are none left."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def finished(studio: Studio, what: str = "work", state: str = "completed", error: str | None = None) -> JobRecord:
    job = studio.services.jobs.finish(job_of(studio, what).id, state, error)
    assert job
    return job


def delivery(studio: Studio, webhook_id: str) -> DeliveryRecord:
    (only,) = studio.services.transfers.deliveries(webhook_id)
    return only


def make_due(studio: Studio) -> None:
    with studio.services.database.write() as c:
        c.execute(sa.update(deliveries).values(next_at=now() - timedelta(seconds=1)))


def verified(message: tuple[dict[str, str], bytes], secret: str) -> dict[str, Any]:
    """As the documentation tells receivers to: HMAC-SHA-256 of `UNIX.body` under the secret."""
    headers, body = message
    parts = dict(part.split("=", 1) for part in headers["sideman-signature"].split(","))
    expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert set(parts) == {"t", "v1"} and int(parts["t"]) > 0 and hmac.compare_digest(parts["v1"], expected)
    return json.loads(body)


def test_a_signed_message_arrives_once_for_each_job(opened: Callable[..., Studio], receiver: Receiver) -> None:
    studio = opened(WEBHOOK_PRIVATE="yes")
    me = studio.access.local()
    hook = studio.webhooks.add(me, receiver.url)
    done, failed, cancelled = finished(studio, "a"), finished(studio, "b", "failed", "no music in it"), finished(studio, "c", "cancelled")
    for _ in range(2):  # the end of a job may be told twice
        for job in (done, failed, cancelled):
            handlers_of(studio).ended(job)
    assert studio.webhooks.deliver() == 2 and studio.webhooks.deliver() == 0
    make_due(studio)
    assert studio.webhooks.deliver() == 0 and len(receiver.got) == 2
    told = {m["jobId"]: m for m in (verified(message, hook.secret) for message in receiver.got)}
    assert (told[done.id]["event"], told[done.id]["error"], told[done.id]["kind"]) == ("job.completed", None, "analysis")
    assert (told[failed.id]["event"], told[failed.id]["error"]) == ("job.failed", "no music in it")
    assert told[done.id]["finishedAt"] == done.finished_at.isoformat() and receiver.got[0][0]["content-type"] == "application/json"
    assert len({m["deliveryId"] for m in told.values()}) == 2
    with pytest.raises(AssertionError):
        verified(receiver.got[0], hook.secret + "x")
    headers, body = receiver.got[0]
    with pytest.raises(AssertionError):
        verified((headers, body.replace(b"job", b"jab")), hook.secret)
    assert all(d.delivered_at and d.attempts == 1 and d.error is None for d in studio.webhooks.deliveries(me, hook.id))


def test_word_goes_to_the_owner_of_the_job_only(opened: Callable[..., Studio], receiver: Receiver) -> None:
    studio = opened(WEBHOOK_PRIVATE="yes")
    ann = person(studio, "ann")
    hook = studio.webhooks.add(ann, receiver.url)
    handlers_of(studio).ended(finished(studio))  # a job of local
    assert studio.webhooks.deliver() == 0 and receiver.got == [] and studio.webhooks.deliveries(ann, hook.id) == ()
    with pytest.raises(NotFound):
        studio.webhooks.deliveries(studio.access.local(), hook.id)
    with pytest.raises(NotFound):
        studio.webhooks.delete(studio.access.local(), hook.id)


@pytest.mark.parametrize("answer", [500, 404, 302, 429])
def test_a_message_that_is_refused_is_sent_again_later(opened: Callable[..., Studio], receiver: Receiver, answer: int) -> None:
    studio = opened(WEBHOOK_PRIVATE="yes")
    hook = studio.webhooks.add(studio.access.local(), receiver.url)
    receiver.answers = [answer]
    handlers_of(studio).ended(finished(studio))
    before = now()
    assert studio.webhooks.deliver() == 0
    first = delivery(studio, hook.id)
    assert first.error == f"the address answered {answer}" and first.delivered_at is None and first.next_at > before
    assert studio.webhooks.deliver() == 0 and len(receiver.got) == 1, "not before its time; and a redirect is not followed"
    make_due(studio)
    assert studio.webhooks.deliver() == 1 and len(receiver.got) == 2
    again = delivery(studio, hook.id)
    assert again.delivered_at and again.error is None and again.attempts == 2
    one, two = (verified(message, hook.secret) for message in receiver.got)
    assert one == two, "the receiver can tell by deliveryId that it has seen this"


def test_a_receiver_that_is_down_is_tried_later_and_later_and_given_up_after_a_day(opened: Callable[..., Studio]) -> None:
    studio = opened(WEBHOOK_PRIVATE="yes")
    hook = studio.webhooks.add(studio.access.local(), f"http://127.0.0.1:{free_port()}/")
    handlers_of(studio).ended(finished(studio))
    waits = []
    for k in range(len(WAITS_S) + 1):
        assert studio.webhooks.deliver() == 0
        row = delivery(studio, hook.id)
        assert row.attempts == k + 1 and row.error and "ConnectError" in row.error and row.delivered_at is None
        waits.append((row.next_at - now()).total_seconds())
        make_due(studio)
    assert [round(w / s, 1) for w, s in zip(waits, WAITS_S, strict=False)] == [1.0] * len(WAITS_S)
    assert waits == sorted(waits) and 3600 * 12 < sum(waits[:-1]) < 3600 * 36 and waits[-1] > 3600 * 24 * 365


def test_many_workers_deliver_at_once_and_each_message_goes_once(opened: Callable[..., Studio], receiver: Receiver) -> None:
    studio = opened(WEBHOOK_PRIVATE="yes")
    studio.webhooks.add(studio.access.local(), receiver.url)
    done = [finished(studio, f"{k}") for k in range(30)]
    for job in done:
        handlers_of(studio).ended(job)
    with ThreadPoolExecutor(4) as workers:
        arrived = sum(workers.map(lambda _: studio.webhooks.deliver(), range(4)))
    arrived += studio.webhooks.deliver()
    assert arrived == 30 and sorted(json.loads(body)["jobId"] for _, body in receiver.got) == sorted(j.id for j in done)


def test_a_webhook_that_is_deleted_meanwhile_holds_up_no_other(
    opened: Callable[..., Studio], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = opened(WEBHOOK_PRIVATE="yes")
    me, transfers = studio.access.local(), studio.services.transfers
    hooks = {studio.webhooks.add(me, receiver.url).id for _ in range(2)}
    handlers_of(studio).ended(finished(studio))
    take = transfers.due_deliveries

    def taken(*arguments: Any) -> tuple[DeliveryRecord, ...]:
        found = take(*arguments)
        if len(hooks) == 2:
            studio.webhooks.delete(me, found[0].webhook_id)
            hooks.discard(found[0].webhook_id)
        return found

    monkeypatch.setattr(transfers, "due_deliveries", taken)
    assert studio.webhooks.deliver() == 1 and len(receiver.got) == 1


def test_a_message_goes_to_the_address_that_was_checked_under_the_name_that_was_given(
    opened: Callable[..., Studio], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name may point elsewhere when it is asked for again; of its addresses the first that takes a connection counts."""
    studio = opened(WEBHOOK_PRIVATE="yes")
    port = receiver.url.rpartition(":")[2].removesuffix("/hook")
    asked: list[str] = []
    really = socket.getaddrinfo

    def resolve(host: str, at: int, *more: Any, **named: Any) -> list[tuple[Any, ...]]:
        if host != "hooks.example.org":
            return really(host, at, *more, **named)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, at)) for address in ("127.0.0.9", "127.0.0.1")]

    hook = studio.webhooks.add(studio.access.local(), f"http://hooks.example.org:{port}/hook")
    handlers_of(studio).ended(finished(studio))
    monkeypatch.setattr("sideman.app.library.webhooks.socket.getaddrinfo", resolve)
    assert studio.webhooks.deliver() == 1, delivery(studio, hook.id).error
    assert asked == ["hooks.example.org"]
    assert receiver.got[0][0]["host"] == f"hooks.example.org:{port}"


INSIDE = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.1.2.3", "192.168.0.9", "172.16.0.1", "169.254.169.254", "2130706433"]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_addresses_inside_the_network_get_nothing_unless_the_settings_say_so(
    opened: Callable[..., Studio], receiver: Receiver, host: str
) -> None:
    studio = opened()
    hook = studio.webhooks.add(studio.access.local(), receiver.url.replace("127.0.0.1", host))
    handlers_of(studio).ended(finished(studio))
    assert studio.webhooks.deliver() == 0 and receiver.got == []
    row = delivery(studio, hook.id)
    assert row.delivered_at is None and row.error and "SIDEMAN_WEBHOOK_PRIVATE=yes allows it" in row.error


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "example.org", "http://", "https://:443/", "http://[x/", "http://h:99999/", "file:///etc/passwd", ""]
)
def test_what_is_no_web_address_becomes_no_webhook(opened: Callable[..., Studio], url: str) -> None:
    studio = opened()
    with pytest.raises(SidemanError, match="web address"):
        studio.webhooks.add(studio.access.local(), url)
    assert studio.webhooks.list(studio.access.local()) == ()


def test_a_running_job_is_not_deleted(opened: Callable[..., Studio]) -> None:
    studio = opened()
    with pytest.raises(Conflict, match="cancel it first"):
        studio.jobs.delete(studio.access.local(), job_of(studio, "a").id)
