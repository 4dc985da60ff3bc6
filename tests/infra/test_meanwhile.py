"""Two things at once: what one of them is about to do is looked at again right before it is done."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import os
import socket
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sideman.app.library import webhooks
from sideman.app.library.access import Caller
from sideman.app.library.studio import Studio
from sideman.app.library.uploads import Locked
from sideman.app.library.wishes import GenerationWish, How, MixLane, MixWish
from sideman.app.workflows.storing import store_fit
from sideman.core.audio import write_audio
from sideman.core.music import StemRole
from sideman.errors import Conflict, NotFound, TooLarge
from sideman.infra.database import JobRecord, NewJob, StemRecord, TaskRecord, new_id, now
from sideman.infra.database.tables import deliveries, jobs
from sideman.infra.jobs import WarmProcess
from sideman.testing import faded_tone


def tone(folder: Path, frequency_hz: float = 440) -> Path:
    path = folder / f"{frequency_hz}.flac"
    write_audio(faded_tone(frequency_hz, 0.2), path)
    return path


def aged(studio: Studio, key: str, hours: float) -> None:
    with studio.services.blobs.file(key) as path:
        moment = time.time() - hours * 3600
        os.utime(path, (moment, moment))


# what is removed


def test_bytes_that_come_again_while_others_are_removed_stay(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / name for name in "ab"]
    for path in files:
        path.write_text(path.name)
    keys = [studio.services.blobs.put(path) for path in files]
    for key in keys:
        aged(studio, key, 100)
    really = studio.services.blobs.delete

    def delete(key: str) -> None:
        really(key)
        for path in files:
            studio.services.blobs.put(path)  # somebody adds both again just now

    monkeypatch.setattr(studio.services.blobs, "delete", delete)
    assert studio.housekeeping.sweep_blobs() == 1
    assert {b.key for b in studio.services.blobs.list()} == set(keys)


def test_what_is_restored_while_the_trash_is_emptied_stays(
    opened: Callable[..., Studio], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = opened(TRASH_DAYS="0")
    me = studio.access.local()
    song = studio.intake.add(me, tone(tmp_path), "a.flac").recording
    studio.recordings.trash(me, song.id)
    listed = studio.services.recordings.trashed_before

    def and_restored(moment: Any) -> tuple[str, ...]:
        found = listed(moment)
        studio.recordings.restore(me, song.id)
        return found

    monkeypatch.setattr(studio.services.recordings, "trashed_before", and_restored)
    assert studio.housekeeping.empty_trash() == 0 and studio.recordings.get(me, song.id).trashed_at is None
    with pytest.raises(Conflict, match="not in the trash"):
        studio.recordings.delete(me, song.id)


def test_a_name_of_sixty_four_letters_is_no_missing_file(studio: Studio) -> None:
    job = studio.services.jobs.submit(NewJob(studio.access.local().user_id, "analysis", {}, "x")).job
    fields = dict.fromkeys(TaskRecord.__slots__) | {
        "job_id": job.id,
        "name": "t",
        "title": "t",
        "work": {"file": "n" * 64},
        "weight": 1.0,
        "share": 0.0,
        "runs": 0,
    }
    studio.services.jobs.begin(job.id, [TaskRecord(**fields)])
    assert studio.housekeeping.verify().sound


# uploads


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def whole_upload(studio: Studio, path: Path, name: str) -> str:
    me, data = studio.access.local(), path.read_bytes()
    upload = studio.uploads.begin(me, len(data), name).record.id
    asyncio.run(studio.uploads.append(me, upload, 0, pieces(data), None))
    return upload


def test_of_two_requests_that_end_an_upload_one_makes_the_recording(
    studio: Studio, me: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = whole_upload(studio, tone(tmp_path), "a.flac")
    inside, go_on, really = threading.Event(), threading.Event(), studio.intake.add

    def slow(*arguments: Any) -> Any:
        inside.set()
        assert go_on.wait(20)
        return really(*arguments)

    monkeypatch.setattr(studio.intake, "add", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(studio.uploads.complete, me, upload)
        assert inside.wait(20)
        with pytest.raises(Locked, match="another request"):
            studio.uploads.complete(me, upload)
        go_on.set()
        added = first.result(20).added
    assert added is not None and added.created
    assert studio.uploads.complete(me, upload).record.recording_id == added.recording.id, "asked once more it says what it became"


def test_the_same_stems_from_two_requests_are_one_recording_with_its_stems_once(studio: Studio, me: Caller, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "song.zip", "w") as archive:
        for name, hz in (("bass.flac", 110.0), ("drums.flac", 220.0)):
            archive.write(tone(tmp_path, hz), name)
    start = threading.Barrier(2)

    def add(_: int) -> Any:
        start.wait(20)
        return studio.intake.add_zip(me, tmp_path / "song.zip", "song.zip")

    with ThreadPoolExecutor(2) as pool:
        added = list(pool.map(add, range(2)))
    assert sorted(a.created for a in added) == [False, True] and len({a.recording.id for a in added}) == 1
    assert sorted(s.role for s in studio.stems.of_recording(me, added[0].recording.id)) == ["bass", "drums"]


def test_a_piece_that_comes_while_its_upload_is_ended_breaks_nothing(studio: Studio, me: Caller) -> None:
    upload = studio.uploads.begin(me, 100, "a.wav").record.id

    async def cut() -> AsyncIterator[bytes]:
        yield b"x" * 10
        studio.uploads.end(me, upload)
        yield b"x" * 10

    assert asyncio.run(studio.uploads.append(me, upload, 0, cut(), None)).offset_bytes == 20
    with pytest.raises(NotFound):
        studio.uploads.state(me, upload)
    assert not list(studio.settings.uploads.glob(f"{upload}*.part"))


def test_forms_that_a_killed_server_left_go_with_the_uploads(studio: Studio) -> None:
    folder = studio.settings.uploads
    folder.mkdir(parents=True, exist_ok=True)
    old, young = folder / "form-old", folder / "form-young"
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    studio.uploads.expire()
    assert not old.exists() and young.exists()


def test_an_archive_of_very_many_names_is_refused_before_it_is_opened(
    studio: Studio, me: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for k in range(16_000):
            archive.writestr(f"{k:060d}.wav", b"")
    (tmp_path / "bomb.zip").write_bytes(data.getvalue())
    monkeypatch.setattr("sideman.app.library.intake.zipfile.ZipFile", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(TooLarge, match="too many files"):
        studio.intake.add_zip(me, tmp_path / "bomb.zip", "bomb.zip")


# jobs


def generation_of(studio: Studio, me: Caller, recording_id: str, role: StemRole, **how: Any) -> Any:
    return studio.jobs.generate(me, recording_id, GenerationWish((role,), "rock", 1), How(**how))


def test_a_wish_that_is_refused_leaves_nothing(studio: Studio, me: Caller, tmp_path: Path) -> None:
    song = studio.intake.add(me, tone(tmp_path), "a.flac").recording
    first = generation_of(studio, me, song.id, StemRole.BASS, idempotency_key="k")
    with pytest.raises(Conflict, match="idempotency key"):
        generation_of(studio, me, song.id, StemRole.DRUMS, idempotency_key="k")
    assert [g.id for g in studio.jobs.generations(me, song.id, 0, 10)] == [first.id]
    with pytest.raises(Conflict, match="idempotency key"):
        studio.files.mix(me, song.id, MixWish((MixLane(None),)), How(idempotency_key="k"))
    assert studio.files.mixes(me, song.id) == ()


def test_a_key_that_met_an_equal_job_belongs_to_it(studio: Studio, me: Caller, tmp_path: Path) -> None:
    song = studio.intake.add(me, tone(tmp_path), "a.flac").recording
    job = studio.jobs.analyse(me, song.id)
    assert studio.jobs.analyse(me, song.id, How(idempotency_key="late")).id == job.id
    studio.services.jobs.finish(job.id, "failed", "no")
    assert studio.jobs.analyse(me, song.id, How(idempotency_key="late")).id == job.id, "the same key twice is one job"
    assert studio.jobs.analyse(me, song.id).id != job.id


def test_a_deleted_mix_stops_its_job_and_is_not_tried_again(studio: Studio, me: Caller, tmp_path: Path) -> None:
    song = studio.intake.add(me, tone(tmp_path), "a.flac").recording
    wish = MixWish((MixLane(None),))
    mix = studio.files.mix(me, song.id, wish)
    studio.files.delete_mix(me, mix.id)
    assert mix.job_id and studio.jobs.get(me, mix.job_id).state == "cancelled"
    with pytest.raises(Conflict, match="was deleted"):
        studio.jobs.retry(me, mix.job_id)
    assert studio.files.mix(me, song.id, wish).id != mix.id, "asked for anew it is made"
    made = generation_of(studio, me, song.id, StemRole.BASS)
    studio.jobs.delete_generation(me, made.id)
    with pytest.raises(Conflict, match="was deleted"):
        studio.jobs.retry(me, made.job_id)


def test_my_generations_are_listed_without_those_that_i_may_no_longer_see(studio: Studio, me: Caller, tmp_path: Path) -> None:
    bob = studio.access.add_user(me, "bob", "editor")
    guest = Caller(bob.id, bob.name, bob.role)
    theirs = studio.intake.add(me, tone(tmp_path), "a.flac").recording
    own = studio.intake.add(guest, tone(tmp_path, 550), "b.flac").recording
    share = studio.recordings.share(me, theirs.id, "bob", "write")
    made = [generation_of(studio, guest, song.id, StemRole.BASS).id for song in (theirs, own)]
    assert {g.id for g in studio.jobs.generations(guest, None, 0, 10)} == set(made)
    studio.recordings.unshare(me, theirs.id, share.id)
    assert [g.id for g in studio.jobs.generations(guest, None, 0, 10)] == made[1:]


def test_changes_of_a_large_batch_are_seen_to_its_end(studio: Studio, me: Caller) -> None:
    moment = now()
    made = studio.services.jobs.submit(NewJob(me.user_id, "analysis", {}, "first")).job
    values = {c.name: getattr(made, c.name) for c in jobs.c}
    with studio.services.database.write() as c:
        c.execute(sa.insert(jobs), [values | {"id": new_id(), "request_hash": f"{k}", "updated_at": now()} for k in range(5500)])
        last = new_id()
        c.execute(sa.insert(jobs), [values | {"id": last, "request_hash": "last", "updated_at": now() + timedelta(seconds=1)}])
    changed = studio.services.jobs.changed_since(moment - timedelta(seconds=1))
    assert len(changed) == 5502 and changed[-1].id == last


def test_whoever_looks_for_changes_survives_what_nobody_expects(
    studio: Studio, me: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    really, failed = studio.services.jobs.changed_since, threading.Event()

    def once(moment: Any) -> tuple[JobRecord, ...]:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("out of the blue")
        return really(moment)

    monkeypatch.setattr(studio.services.jobs, "changed_since", once)
    woken = threading.Event()
    with caplog.at_level(logging.ERROR):
        listener = studio.watch.listen(me, None, woken.set)
        assert failed.wait(10)
        studio.services.jobs.submit(NewJob(me.user_id, "analysis", {}, "x"))
        assert woken.wait(10) and listener.next() is not None
    assert "out of the blue" in caplog.text


def test_who_was_shut_out_hears_no_more(studio: Studio, me: Caller) -> None:
    bob = studio.access.add_user(me, "bob", "editor")
    key = studio.access.add_key(me, bob.id, "phone", "editor")
    who = studio.access.by_key(key.token)
    assert studio.access.may_stay(who) and studio.access.may_stay(me)
    studio.access.revoke_key(me, key.record.id)
    assert not studio.access.may_stay(who)
    studio.access.update_user(me, bob.id, None, True)
    assert not studio.access.may_stay(replace(who, key_id=None))


def test_long_names_fit_every_database(studio: Studio, me: Caller, tmp_path: Path) -> None:
    song = studio.intake.add(me, tone(tmp_path), "a.flac").recording
    (tmp_path / "jams").write_text(
        '{"annotations": [], "file_metadata": {"title": "", "artist": "", "duration": 1}, "sandbox": {"sideman": {"remarks": [], "energy": []}}}'
    )
    row = {
        "role": "drums", "name": "n" * 150, "blob_key": song.content_key, "container": "flac", "size_bytes": 1, "duration_s": 1.0, "peaks_key": None,
        "provenance": {}, "report": {"score": 0.9, "verdict": "fits"},
    }  # fmt: skip
    wish = {"recording_id": song.id, "job_id": new_id(), "analysis_key": studio.services.blobs.put(tmp_path / "jams")}
    store_fit(studio.services, wish, {"fit": row})
    (stem,) = studio.stems.of_recording(me, song.id)
    assert isinstance(stem, StemRecord) and stem.name == "n" * 100


# children and other people's servers


def test_what_a_killed_child_was_in_the_middle_of_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
    child = WarmProcess("", {"SIDEMAN_SCRATCH": str(tmp_path)})
    started, left = threading.Event(), []

    def progress(step: str, _share: float) -> None:
        left.extend(p.name for p in tmp_path.rglob("big.f32"))
        started.set()

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(child.call, "meanwhile_tasks:write_and_wait", {}, {}, progress, 60)
        assert started.wait(60)
        child.kill()
        with suppress(Exception):
            call.result(30)
    assert left == ["big.f32"] and not list(tmp_path.iterdir())


def test_a_receiver_that_answers_byte_by_byte_holds_nobody_up(opened: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    studio = opened(WEBHOOK_PRIVATE="yes")
    me = studio.access.local()
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 1.0)
    listening = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def dribble() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
                    connection.send(bytes([byte]))
                    if stop.wait(0.2):
                        return

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        hook = studio.webhooks.add(me, f"http://127.0.0.1:{listening.getsockname()[1]}/")
        job = studio.services.jobs.submit(NewJob(me.user_id, "analysis", {}, hashlib.sha256(b"x").hexdigest())).job
        done = studio.services.jobs.finish(job.id, "completed")
        assert done
        studio.webhooks.announce(done)
        began = time.monotonic()
        assert studio.webhooks.deliver() == 0 and time.monotonic() - began < 30
        (delivery,) = studio.webhooks.deliveries(me, hook.id)
        assert delivery.error and "did not answer within" in delivery.error
    finally:
        stop.set()
        listening.close()
        thread.join()


def test_each_message_is_taken_when_its_turn_comes(opened: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow receiver keeps the others' messages free for other workers, and nobody's lease runs out meanwhile."""
    studio = opened(WEBHOOK_PRIVATE="yes")
    me = studio.access.local()
    studio.webhooks.add(me, "http://127.0.0.1:9/")
    for k in range(3):
        done = studio.services.jobs.finish(studio.services.jobs.submit(NewJob(me.user_id, "analysis", {}, f"{k}")).job.id, "completed")
        assert done
        studio.webhooks.announce(done)
    taken = []

    def send(*_: Any) -> str:
        with studio.services.database.read() as c:
            taken.append(c.scalar(sa.select(sa.func.count()).where(deliveries.c.attempts > 0)))
        return "no"

    monkeypatch.setattr(studio.webhooks, "_send", send)
    studio.webhooks.deliver()
    assert taken == [1, 2, 3]
