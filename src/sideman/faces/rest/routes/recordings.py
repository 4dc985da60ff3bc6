"""Recordings: list, search, add, edit, trash, share, audio."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from sideman.app.library.access import Caller
from sideman.app.library.intake import Added
from sideman.app.library.recordings import RecordingEdit
from sideman.app.library.studio import Studio
from sideman.core.audio import CHUNK_FRAMES, LosslessFacts
from sideman.errors import NotFound, UsageError
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.delivery import FILE_RESPONSES, BlobFile, deliver
from sideman.faces.rest.forms import FILE_BODY, in_intake
from sideman.faces.rest.parameters import Cursor, Id, Limit, Query_
from sideman.faces.rest.people_shapes import ShareRequest, ShareShape
from sideman.faces.rest.shapes import AudioShape, RecordingChange, RecordingPage, RecordingShape
from sideman.faces.rest.shaping import artwork_file, recording_file, recording_shape, recording_shapes

router = APIRouter(prefix="/recordings", tags=["recordings"])
COPY_BYTES = 1 << 20


async def received(request: Request, studio: Studio, who: Caller) -> Added:
    """The form's field `file` as a recording; a ZIP of stems as one recording."""
    studio.access.require(who, "editor")
    async with request.form(max_files=1, max_fields=20) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise UsageError("the request holds no file: send one as multipart form data in the field `file`")
        name = file.filename or "recording"
        return await in_intake(request, _keep, studio, who, file, name)


def _keep(studio: Studio, who: Caller, file: UploadFile, name: str) -> Added:
    studio.settings.uploads.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=studio.settings.uploads, prefix="form-") as copy:
        shutil.copyfileobj(file.file, copy, COPY_BYTES)
        copy.flush()
        add = studio.intake.add_zip if name.lower().endswith(".zip") else studio.intake.add
        return add(who, Path(copy.name), name)


@router.get("")
def list_recordings(studio: StudioHere, who: Who, query: Query_, limit: Limit = 50, cursor: Cursor = None) -> RecordingPage:
    """A page of recordings, filtered and sorted."""
    page = studio.recordings.page(who, query, limit, cursor)
    return RecordingPage(items=recording_shapes(studio, who, page.items), next_cursor=page.next_cursor)


@router.post(
    "", status_code=201, openapi_extra=FILE_BODY, responses={200: {"model": RecordingShape, "description": "The library had these bytes"}}
)
async def add_recording(request: Request, response: Response, studio: StudioHere, who: Who) -> RecordingShape:
    """Add a recording by one multipart request. 200 instead of 201 when the same bytes are there already."""
    added = await received(request, studio, who)
    response.status_code = 201 if added.created else 200
    response.headers["Location"] = f"/api/v1/recordings/{added.recording.id}"
    return await run_in_threadpool(recording_shape, studio, who, added.recording)


@router.post("/demo", status_code=201, responses={200: {"model": RecordingShape, "description": "It was there already"}})
def add_demo(response: Response, studio: StudioHere, who: Who) -> RecordingShape:
    """Add the demo song, which is composed and recorded for it: it takes some seconds."""
    added = studio.demo.add(who)
    response.status_code = 201 if added.created else 200
    return recording_shape(studio, who, added.recording)


@router.get("/{recording_id}")
def get_recording(studio: StudioHere, who: Who, recording_id: Id) -> RecordingShape:
    return recording_shape(studio, who, studio.recordings.get(who, recording_id))


@router.patch("/{recording_id}")
def edit_recording(studio: StudioHere, who: Who, recording_id: Id, change: RecordingChange) -> RecordingShape:
    edit = RecordingEdit(change.title, change.artist, change.album, None if change.tags is None else tuple(change.tags))
    return recording_shape(studio, who, studio.recordings.edit(who, recording_id, edit))


@router.post("/{recording_id}/trash")
def trash_recording(studio: StudioHere, who: Who, recording_id: Id) -> RecordingShape:
    return recording_shape(studio, who, studio.recordings.trash(who, recording_id))


@router.post("/{recording_id}/restore")
def restore_recording(studio: StudioHere, who: Who, recording_id: Id) -> RecordingShape:
    return recording_shape(studio, who, studio.recordings.restore(who, recording_id))


@router.delete("/{recording_id}", status_code=204)
def delete_recording(studio: StudioHere, who: Who, recording_id: Id) -> None:
    """Really gone; only from the trash."""
    studio.recordings.delete(who, recording_id)


@router.get("/{recording_id}/shares")
def list_shares(studio: StudioHere, who: Who, recording_id: Id) -> list[ShareShape]:
    return [ShareShape.model_validate(s) for s in studio.recordings.shares(who, recording_id)]


@router.post("/{recording_id}/shares", status_code=201)
def share_recording(studio: StudioHere, who: Who, recording_id: Id, wanted: ShareRequest) -> ShareShape:
    return ShareShape.model_validate(studio.recordings.share(who, recording_id, wanted.user, wanted.access))


@router.delete("/{recording_id}/shares/{share_id}", status_code=204)
def unshare_recording(studio: StudioHere, who: Who, recording_id: Id, share_id: Id) -> None:
    studio.recordings.unshare(who, recording_id, share_id)


@router.get("/{recording_id}/file", responses=FILE_RESPONSES, response_class=Response)
def download_recording(
    request: Request, studio: StudioHere, who: Who, recording_id: Id, attachment: Annotated[bool, Query()] = False
) -> Response:
    """The file as it was added. Takes Range."""
    return deliver(request, studio, recording_file(studio.recordings.get(who, recording_id)), attachment)


@router.get("/{recording_id}/artwork", responses=FILE_RESPONSES, response_class=Response)
def get_artwork(request: Request, studio: StudioHere, who: Who, recording_id: Id) -> Response:
    art = artwork_file(studio.recordings.get(who, recording_id))
    if art is None:
        raise NotFound("this recording has no artwork")
    return deliver(request, studio, art)


@router.get("/{recording_id}/audio")
def describe_audio(studio: StudioHere, who: Who, recording_id: Id) -> AudioShape:
    """How many chunks a player will find. 409 until a compressed recording was analysed."""
    return audio_shape(studio.recordings.facts(studio.recordings.get(who, recording_id)))


@router.get("/{recording_id}/chunks/{number}.flac", responses=FILE_RESPONSES, response_class=Response)
def get_chunk(studio: StudioHere, who: Who, recording_id: Id, number: int) -> Response:
    """65,536 frames as FLAC."""
    return chunk_response(studio.recordings.chunk(studio.recordings.get(who, recording_id), number))


@router.get("/{recording_id}/chunks/{number}.pcm", responses=FILE_RESPONSES, response_class=Response)
def get_samples(studio: StudioHere, who: Who, recording_id: Id, number: int) -> Response:
    """The same as bare samples: 16 bits, little-endian, channels interleaved."""
    return chunk_response(studio.recordings.chunk(studio.recordings.get(who, recording_id), number, False), "application/octet-stream")


@router.get("/{recording_id}/peaks.dat", responses=FILE_RESPONSES, response_class=Response)
def get_peaks(request: Request, studio: StudioHere, who: Who, recording_id: Id) -> Response:
    """Waveform peaks in audiowaveform's .dat format."""
    key = studio.recordings.peaks_key(studio.recordings.get(who, recording_id))
    return deliver(request, studio, BlobFile(key, "peaks.dat", "application/octet-stream"))


def audio_shape(facts: LosslessFacts) -> AudioShape:
    return AudioShape(
        frames=facts.frames, sample_rate_hz=facts.sample_rate_hz, channels=facts.channels, chunk_frames=CHUNK_FRAMES, chunks=facts.chunks
    )


def chunk_response(data: bytes, media_type: str = "audio/flac") -> Response:
    return Response(data, media_type=media_type, headers={"Cache-Control": "private, max-age=31536000, immutable"})
