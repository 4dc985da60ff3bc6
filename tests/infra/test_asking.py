"""Jobs that are asked for, cancelled and tried again: by many at once, in large batches, and while parts of the system are away."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from sideman.app.library import jobs as desk
from sideman.app.library.access import Caller
from sideman.app.library.studio import Studio
from sideman.app.library.wishes import GenerationWish, How, MixLane, MixWish
from sideman.app.workflows.storing import store_generation
from sideman.core.audio import write_audio
from sideman.core.music import StemRole
from sideman.errors import Conflict, NotFound, QuotaExceeded, ServiceUnavailable, SidemanError
from sideman.infra.database import RecordingRecord, new_id
from sideman.infra.database.tables import deliveries
from sideman.infra.jobs import WarmProcess
from sideman.testing import faded_tone

BASS = (StemRole.BASS,)


@pytest.fixture
def song(studio: Studio, me: Caller, tmp_path: Path) -> RecordingRecord:
    return added(studio, me, tmp_path)


def added(studio: Studio, me: Caller, folder: Path) -> RecordingRecord:
    write_audio(faded_tone(440, 0.5), folder / "a.flac")
    return studio.intake.add(me, folder / "a.flac", "a.flac").recording


def copies(studio: Studio, song: RecordingRecord, count: int) -> list[str]:
    made = [replace(song, id=new_id(), content_key=f"{k:064d}") for k in range(count)]
    for record in made:
        studio.services.recordings.add(record)
    return [record.id for record in made]


def test_a_large_batch_is_submitted_piece_by_piece(
    studio: Studio, me: Caller, song: RecordingRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pieces others write; what the database refuses later takes nothing back that was asked for."""
    monkeypatch.setattr(desk, "AT_ONCE", 3)
    ids, really, pieces = copies(studio, song, 8), studio.services.jobs.submit_many, []

    def submit(wanted, quota=None):
        if len(pieces) == 2:
            raise ServiceUnavailable("the library's database does not answer")
        pieces.append(len(wanted))
        return really(wanted, quota)

    monkeypatch.setattr(studio.services.jobs, "submit_many", submit)
    items = studio.jobs.batch_generate(me, ids, GenerationWish(BASS))
    assert pieces == [3, 3] and [i.error is None for i in items] == [True] * 6 + [False] * 2
    assert len(studio.jobs.generations(me, None, 0, 50)) == 6, "nothing is listed that was not asked for"


def test_many_requests_at_once_stay_within_the_quota(opened: Callable[..., Studio], tmp_path: Path) -> None:
    studio = opened(QUOTA_JOBS="5")
    admin = studio.access.local()
    editor = studio.access.add_user(admin, "ed", "editor").id
    who = studio.access.by_key(studio.access.add_key(admin, editor, "key", "editor").token)
    song = added(studio, who, tmp_path)

    def ask(seed: int) -> bool:
        try:
            studio.jobs.generate(who, song.id, GenerationWish(BASS, seed=seed))
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(ask, range(1, 13))) == 5
    assert len(studio.jobs.generations(who, song.id, 0, 50)) == 5


def test_a_recording_says_analyzing_only_while_it_is(
    studio: Studio, me: Caller, song: RecordingRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = studio.services.jobs.dispatched

    def and_cancelled(ids):
        really(ids)
        for job_id in ids:
            studio.jobs.cancel(me, job_id)  # somebody else is quicker

    monkeypatch.setattr(studio.services.jobs, "dispatched", and_cancelled)
    studio.jobs.analyse(me, song.id)
    assert studio.recordings.get(me, song.id).status == "uploaded"
    monkeypatch.undo()
    first = studio.jobs.analyse(me, song.id)
    studio.jobs.analyse(me, song.id, separate=False)
    studio.jobs.cancel(me, first.id)
    assert studio.recordings.get(me, song.id).status == "analyzing", "the other one goes on"


def test_a_job_is_cancelled_while_the_queue_is_away(
    studio: Studio, me: Caller, song: RecordingRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = studio.jobs.analyse(me, song.id)

    def away(job_id: str) -> None:
        raise ServiceUnavailable("the queue does not answer")

    monkeypatch.setattr(studio.services.queue, "cancel", away)
    assert studio.jobs.cancel(me, job.id).state == "cancelled"
    assert studio.recordings.get(me, song.id).status == "uploaded"


def test_a_deleted_recording_takes_its_jobs_along(studio: Studio, me: Caller, song: RecordingRecord) -> None:
    generation = studio.jobs.generate(me, song.id, GenerationWish(BASS, seed=1))
    studio.recordings.trash(me, song.id)
    with pytest.raises(Conflict, match="in the trash"):
        studio.jobs.generate(me, song.id, GenerationWish(BASS, seed=2))
    studio.recordings.delete(me, song.id)
    assert studio.jobs.get(me, generation.job_id or "").state == "cancelled"
    with pytest.raises(NotFound):  # a task that was at its end already
        store_generation(studio.services, {"recording_id": song.id}, {})


def test_a_job_is_tried_again_once(studio: Studio, me: Caller, song: RecordingRecord) -> None:
    job = studio.jobs.analyse(me, song.id)
    studio.jobs.cancel(me, job.id)
    again = studio.jobs.retry(me, job.id)
    assert (again.retry_of, again.attempt) == (job.id, job.attempt + 1)
    studio.jobs.cancel(me, again.id)
    with pytest.raises(Conflict, match="tried again already"):
        studio.jobs.retry(me, job.id)
    studio.recordings.trash(me, song.id)
    with pytest.raises(Conflict, match="in the trash"):
        studio.jobs.retry(me, again.id)


def test_who_may_only_read_a_recording_owns_the_mixes_made_of_it(studio: Studio, song: RecordingRecord) -> None:
    admin = studio.access.local()
    reader_id = studio.access.add_user(admin, "reader", "editor").id
    studio.recordings.share(admin, song.id, "reader", "read")
    reader = studio.access.by_key(studio.access.add_key(admin, reader_id, "key", "editor").token)
    mine = studio.files.mix(reader, song.id, MixWish((MixLane(None, 0.0, 0.0),)))
    studio.jobs.cancel(reader, mine.job_id or "")
    again = studio.jobs.retry(reader, mine.job_id or "")
    assert again.retry_of == mine.job_id
    studio.files.delete_mix(reader, mine.id)
    theirs = studio.files.mix(admin, song.id, MixWish((MixLane(None, -1.0, 0.0),)), How(again=True))
    with pytest.raises(SidemanError, match="shared with you to read"):
        studio.files.delete_mix(reader, theirs.id)


def test_tags_of_two_people_at_once_are_all_kept(studio: Studio, me: Caller, song: RecordingRecord) -> None:
    names = [f"tag {k}" for k in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: studio.recordings.retag(me, song.id, (name.upper(),), ()), names))
    assert set(studio.recordings.get(me, song.id).tags) == set(names)
    assert "tag 3" not in studio.recordings.retag(me, song.id, (), (" TAG 3 ",)).tags


def test_positions_of_many_are_those_of_each(studio: Studio, me: Caller, song: RecordingRecord) -> None:
    urgent = [studio.jobs.generate(me, song.id, GenerationWish(BASS, seed=s)).job_id for s in (1, 2, 3)]
    studio.jobs.batch_generate(me, copies(studio, song, 3), GenerationWish(BASS))
    waiting = studio.services.jobs.page(desk.JobFilter(), 50).items
    assert {v.job.id: v.position for v in studio.jobs.views(waiting)} == {j.id: studio.services.jobs.position(j) for j in waiting}
    assert {studio.services.jobs.positions()[j] for j in urgent if j} == {0, 1, 2}


def test_a_message_about_a_deleted_job_is_not_said_to_have_arrived(studio: Studio, me: Caller, song: RecordingRecord) -> None:
    hook = studio.webhooks.add(me, "https://example.com/hook")
    job = studio.jobs.analyse(me, song.id)
    studio.services.jobs.finish(job.id, "failed", "why")
    studio.webhooks.announce(studio.jobs.get(me, job.id))
    studio.jobs.delete(me, job.id)
    assert studio.webhooks.deliver() == 0
    (said,) = studio.webhooks.deliveries(me, hook.id)
    assert said.delivered_at is None and "deleted" in (said.error or "")
    with studio.services.database.read() as c:
        assert c.scalar(sa.select(sa.func.count()).select_from(deliveries)) == 1


def test_what_a_killed_server_was_unpacking_goes(studio: Studio) -> None:
    folders = [studio.settings.uploads / f"sideman-zip-{age}" for age in ("old", "new")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "stem.wav").write_bytes(b"x")
    os.utime(folders[0], (time.time() - 100 * 3600,) * 2)
    studio.uploads.expire()
    assert [f.exists() for f in folders] == [False, True]


def test_a_set_list_keeps_what_is_there(studio: Studio, me: Caller, song: RecordingRecord) -> None:
    made = studio.services.people.add_collection(me.user_id, "set")
    kept = studio.services.people.set_collection(made.id, None, (new_id(), song.id))
    assert kept.recording_ids == (song.id,), "another one was deleted meanwhile"


def test_a_damaged_library_is_not_healthy(studio: Studio, song: RecordingRecord) -> None:
    studio.check()
    studio.services.database.engine.dispose()
    path = Path(str(studio.services.database.engine.url.database))
    with path.open("r+b") as file:
        file.write(b"\0" * 65536)
    with pytest.raises(ServiceUnavailable):
        studio.check()


def test_scratch_of_a_child_whose_starter_was_killed_goes(tmp_path: Path) -> None:
    left = tmp_path / "sideman-child-left"
    left.mkdir()
    (left / "hours.f32").write_bytes(b"x")
    os.utime(left, (time.time() - 3600,) * 2)
    first, second = (WarmProcess("", {"SIDEMAN_SCRATCH": str(tmp_path)}) for _ in "ab")
    try:
        first.warm_up()
        assert not left.exists()
        (mine,) = tmp_path.glob("sideman-child-*")
        os.utime(mine, (time.time() - 3600,) * 2)
        second.warm_up()
        assert mine.exists(), "its child lives"
    finally:
        first.kill()
        second.kill()
    assert list(tmp_path.glob("sideman-child-*")) == []
