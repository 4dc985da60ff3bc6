"""A library with one of everything in it, and people who may do different things with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import event

from sideman.app.library.access import Caller
from sideman.app.library.studio import Studio
from sideman.core.audio import write_audio
from sideman.core.generation.composer import compose
from sideman.core.music import MusicAnalysis
from sideman.faces.rest.delivery import link
from sideman.faces.rest.shaping import recording_file
from sideman.infra.database import AnalysisRecord, GenerationRecord, MixRecord, NewJob, RecordingRecord, StemRecord, new_id, now
from sideman.testing import faded_tone

PEOPLE = {"admin": "admin", "owner": "editor", "writer": "editor", "reader": "editor", "stranger": "editor", "viewer": "viewer"}
"""Users of a world by name, with their roles. writer, reader and viewer are those with whom the owner shared; viewer to write."""


@dataclass(frozen=True)
class World:
    """tokens: an API key of each person, and `owner's viewer key`. ids: by the names that the paths of routes use. mark: ends all names."""

    mark: str
    tokens: dict[str, str]
    users: dict[str, str]
    ids: dict[str, str]
    recording: RecordingRecord
    link: httpx.URL


def hurried(studio: Studio) -> Studio:
    """SQLite does not wait for the disk: a world is some forty transactions."""
    if studio.services.database.is_sqlite:
        engine = studio.services.database.engine
        event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=off"))
        engine.dispose()  # connections from now on
    return studio


@cache
def _truth() -> MusicAnalysis:
    return replace(compose(3), duration_s=4.0)


@cache
def _blobs(studio: Studio) -> tuple[RecordingRecord, str, str]:
    """A recording that went through the intake, the key of its analysis, the key of a small file: what all worlds share."""
    with TemporaryDirectory() as folder:
        tone, small = Path(folder) / "tone.flac", Path(folder) / "small"
        write_audio(faded_tone(440, 1.0), tone)
        small.write_bytes(b"MThd, or so")
        added = studio.intake.add(studio.access.local(), tone, "tone.flac")
        return added.recording, studio.timelines.keep(_truth()), studio.services.blobs.put(small)


def world(studio: Studio) -> World:
    """New people and a new recording of theirs, with everything that belongs to it."""
    local, mark = studio.access.local(), uuid4().hex[:8]
    users = {name: studio.access.add_user(local, f"{name} {mark}", role).id for name, role in PEOPLE.items()}
    tokens = {name: studio.access.add_key(local, users[name], "key", role).token for name, role in PEOPLE.items()}
    tokens["owner's viewer key"] = studio.access.add_key(local, users["owner"], "key", "viewer").token
    first, jams, small = _blobs(studio)
    owner = studio.access.by_key(tokens["owner"])
    record = studio.services.recordings.add(
        replace(first, id=new_id(), owner_id=owner.user_id, title=f"tone {mark}", tags=("test",), added_at=now())
    )
    # an artwork that is no picture: nothing looks inside
    studio.services.recordings.update(record.id, artwork_key=small, artwork_type="image/png")
    for name, access in (("writer", "write"), ("reader", "read"), ("viewer", "write")):
        share = studio.services.people.share(users[name], access, recording_id=record.id)
    ids = {"recording_id": record.id, "audio_id": record.id, "entity_id": record.id, "recording_share_id": share.id}
    ids |= _results(studio, record, jams, small) | _belongings(studio, users, record)
    return World(mark, tokens, users, ids, record, httpx.URL(link(studio, recording_file(record), owner.user_id)))


def _results(studio: Studio, record: RecordingRecord, jams: str, small: str) -> dict[str, str]:
    s, owner = studio.services, record.owner_id
    waiting = s.jobs.submit(NewJob(owner, "analysis", {"separate": True}, uuid4().hex, record.id)).job
    failed = s.jobs.submit(NewJob(owner, "analysis", {}, uuid4().hex, record.id)).job
    s.jobs.finish(failed.id, "failed", "it did not work")
    s.results.add_analysis(AnalysisRecord(new_id(), record.id, 1, "test 1", {}, jams, None, now()))
    playing = s.jobs.submit(NewJob(owner, "generation", {}, uuid4().hex, record.id, generation_id := new_id())).job
    made = GenerationRecord(generation_id, owner, record.id, playing.id, ["bass"], {"style": "rock", "seed": 1}, now())
    s.results.add_generations([made])
    stem = StemRecord(
        new_id(), record.id, made.id, "generated", "bass", "bass", record.content_key, "flac", record.size_bytes, 1.0, small, None, 120.0, 3, 0.9,
        "fits", {"tempo": 0.9}, {"engine": "band"}, None, now(),
    )  # fmt: skip
    s.results.put_stems([stem])
    mix = MixRecord(new_id(), owner, record.id, "mix", {}, "tone (mix).flac", None, record.content_key, record.size_bytes, -14.0, now())
    s.results.add_mix(mix)
    correction = s.results.add_correction(record.id, "set-key", {"key": "A minor"}, owner)
    return {
        "job_id": waiting.id, "failed_job_id": failed.id, "generation_id": made.id, "stem_id": stem.id, "mix_id": mix.id,
        "correction_id": correction.id,
    }  # fmt: skip


def _belongings(studio: Studio, users: dict[str, str], record: RecordingRecord) -> dict[str, str]:
    s, owner = studio.services, record.owner_id
    collection = s.people.add_collection(owner, "a set list")
    s.people.set_collection(collection.id, None, (record.id,))
    share = s.people.share(users["writer"], "write", collection_id=collection.id)
    s.people.share(users["reader"], "read", collection_id=collection.id)
    s.people.share(users["viewer"], "write", collection_id=collection.id)
    hook = s.transfers.add_webhook(owner, "https://example.org/hook", "secret")
    key = s.people.add_key(owner, "spare", "viewer", uuid4().hex * 2, "sm_spare")
    upload = studio.uploads.begin(Caller(owner, "owner", "editor"), 1000, "piece.wav")
    return {
        "collection_id": collection.id, "collection_share_id": share.id, "webhook_id": hook.id, "key_id": key.id,
        "upload_id": upload.record.id, "user_id": users["stranger"],
    }  # fmt: skip


# requests that routes take, each as `GET /path/{with_names}`


def names(route: str, w: World) -> dict[str, str]:
    """What stands for the names in the path of a route."""
    method, path = route.split()
    ids = dict(w.ids, number="0", stem_type="Bass", key="Am", name="htdemucs")
    ids["share_id"] = w.ids["collection_share_id" if "collections" in path else "recording_share_id"]
    if path.startswith(("/api/jobs/", "/api/v1/jobs/")) and (method == "DELETE" or path.endswith("retry")):
        ids["job_id"] = w.ids["failed_job_id"]
    if path.startswith("/files/"):
        ids["key"] = w.recording.content_key
    return ids


def body(route: str, w: World) -> dict[str, Any] | None:
    """The JSON of a route; None for those that take none."""
    recording, other = w.ids["recording_id"], f"stranger {w.mark}"
    batch: dict[str, Any] = {"recordingIds": [recording]}
    return {
        "POST /api/v1/session": {"key": w.tokens["viewer"]}, "POST /api/v1/keys": {"role": "viewer"},
        "POST /api/v1/collections": {"name": "x"}, "POST /api/v1/webhooks": {"url": "https://example.org/"},
        "POST /api/v1/batch/analyse": batch, "POST /api/v1/batch/trash": batch, "POST /api/v1/batch/tag": batch | {"add": ["x"]},
        "POST /api/v1/batch/export": batch, "POST /api/v1/batch/generate": batch | {"roles": ["bass"]},
        "POST /api/v1/models/{name}/install": {"accept": True}, "POST /api/v1/recordings/{recording_id}/separations": {"preset": "preview"},
        "POST /api/v1/recordings/{recording_id}/fits": {"clip": recording, "role": "bass"},
        "POST /api/v1/users": {"name": f"new {uuid4().hex}"}, "PATCH /api/v1/users/{user_id}": {"role": "viewer"},
        "POST /api/v1/recordings/{recording_id}/mixes": {"lanes": [{"stemId": w.ids["stem_id"]}]},
        "PATCH /api/v1/recordings/{recording_id}": {"title": "new"}, "POST /api/v1/recordings/{recording_id}/analyses": {"separate": False},
        "POST /api/v1/recordings/{recording_id}/corrections": {"kind": "set-key", "values": {"key": "C major"}},
        "POST /api/v1/recordings/{recording_id}/generations": {"roles": ["bass"]}, "PATCH /api/v1/collections/{collection_id}": {"name": "new"},
        "PUT /api/audio/{audio_id}/metadata": {"title": "new"}, "POST /api/generation": {"audioFileId": recording, "targetStems": ["Bass"]},
        "POST /api/v1/recordings/{recording_id}/shares": {"user": other}, "POST /api/v1/collections/{collection_id}/shares": {"user": other},
    }.get(route)  # fmt: skip


def headers(route: str) -> dict[str, str]:
    """What resumable uploads ask for; their body is any bytes."""
    tus = {"tus-resumable": "1.0.0", "upload-length": "100", "upload-offset": "0", "content-type": "application/offset+octet-stream"}
    return tus if "/api/v1/uploads" in route else {}


UPLOADS = ("POST /api/v1/recordings", "POST /api/audio/upload")
"""They take a form with a file."""
ANNOTATIONS = "POST /api/v1/recordings/{recording_id}/annotations"


def sent_file(route: str, tone: bytes) -> tuple[str, bytes] | None:
    """Name and content of the file that a route takes; None for those that take none."""
    if route == ANNOTATIONS:
        return "chords.lab", b"0.0 0.2 C:maj7\n0.2 0.4 A:min\n"
    return ("tone.flac", tone) if route in UPLOADS else None
