"""Resumable uploads by tus 1.0 (https://tus.io/protocols/resumable-upload): creation, termination, checksum, expiration."""

from __future__ import annotations

import base64
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sideman.app.library.uploads import CHECKSUMS, Checksum, UploadState
from sideman.errors import UsageError
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.forms import in_intake
from sideman.faces.rest.parameters import Id
from sideman.faces.rest.problems import problem, responses

router = APIRouter(prefix="/uploads", tags=["uploads"])
VERSION = "1.0.0"
EXTENSIONS = "creation,termination,checksum,expiration"
PIECE_TYPE = "application/offset+octet-stream"
Resumable = Annotated[str | None, Header(alias="Tus-Resumable")]
Metadata = Annotated[str | None, Header(alias="Upload-Metadata", max_length=4000)]
Length = Annotated[str | None, Header(alias="Upload-Length", max_length=20)]
Offset = Annotated[str | None, Header(alias="Upload-Offset", max_length=20)]
Sum = Annotated[str | None, Header(alias="Upload-Checksum", max_length=200)]


def _headers(state: UploadState) -> dict[str, str]:
    headers = {
        "Tus-Resumable": VERSION, "Upload-Offset": str(state.offset_bytes), "Upload-Length": str(state.record.size_bytes),
        "Upload-Expires": format_datetime(state.record.expires_at, usegmt=True), "Cache-Control": "no-store",
    }  # fmt: skip
    if state.record.recording_id:
        headers["Sideman-Recording"] = state.record.recording_id
    if state.added is not None and not state.added.created:
        headers["Sideman-Known"] = "true"  # the library had these bytes
    return headers


def _other_version(version: str | None) -> Response | None:
    if version == VERSION:
        return None
    return problem(412, f"this server speaks tus {VERSION}: send it in the Tus-Resumable header", headers={"Tus-Version": VERSION})


def _file_name(metadata: str | None) -> str:
    """The value of `filename`, or of `name`, in tus's `key base64,key base64`."""
    values: dict[str, str] = {}
    for pair in (metadata or "").split(","):
        key, _, encoded = pair.strip().partition(" ")
        try:
            values[key] = base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
        except ValueError as error:
            raise UsageError("Upload-Metadata is not `key BASE64,key BASE64`") from error
    return values.get("filename") or values.get("name") or "recording"


def _number(header: str | None, name: str) -> int:
    if header is None or not header.isascii() or not header.isdecimal():
        raise UsageError(f"{name} is {header!r}: it must be a whole number")
    return int(header)


@router.options("", status_code=204, response_class=Response)
def describe(studio: StudioHere) -> Response:
    """What this server's tus can do."""
    return Response(status_code=204, headers={
        "Tus-Resumable": VERSION, "Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
        "Tus-Max-Size": str(studio.settings.limits.upload_bytes),
    })  # fmt: skip


@router.post("", status_code=201, response_class=Response, responses=responses(412))
def begin(studio: StudioHere, who: Who, resumable: Resumable = None, length: Length = None, metadata: Metadata = None) -> Response:
    """Announce a file: its length, and its name in Upload-Metadata."""
    if (refusal := _other_version(resumable)) is not None:
        return refusal
    state = studio.uploads.begin(who, _number(length, "Upload-Length"), _file_name(metadata))
    return Response(status_code=201, headers=_headers(state) | {"Location": f"/api/v1/uploads/{state.record.id}"})


@router.head("/{upload_id}", response_class=Response, responses=responses(412))
def ask(studio: StudioHere, who: Who, upload_id: Id, resumable: Resumable = None) -> Response:
    """How many bytes have arrived; Sideman-Recording names the recording once all have."""
    if (refusal := _other_version(resumable)) is not None:
        return refusal
    return Response(status_code=200, headers=_headers(studio.uploads.state(who, upload_id)))


@router.patch("/{upload_id}", status_code=204, responses=responses(412, 415, 423, 460), openapi_extra={
    "requestBody": {"required": True, "content": {PIECE_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
})  # fmt: skip
async def append(
    request: Request, studio: StudioHere, who: Who, upload_id: Id, resumable: Resumable = None, offset: Offset = None, checksum: Sum = None
) -> Response:
    """Append bytes at Upload-Offset. The last piece makes the recording, and answers 422 when the file is none."""
    if (refusal := _other_version(resumable)) is not None:
        return refusal
    if request.headers.get("content-type") != PIECE_TYPE:
        return problem(415, f"a piece is sent as {PIECE_TYPE}")
    try:
        wanted = Checksum.parse(checksum) if checksum else None
    except UsageError as error:
        return problem(400, str(error))  # the protocol's status for an algorithm that is not there
    state = await studio.uploads.append(who, upload_id, _number(offset, "Upload-Offset"), request.stream(), wanted)
    if state.offset_bytes == state.record.size_bytes:
        state = await in_intake(request, studio.uploads.complete, who, upload_id)
    return Response(status_code=204, headers=_headers(state))


@router.delete("/{upload_id}", status_code=204, responses=responses(412))
def end(studio: StudioHere, who: Who, upload_id: Id, resumable: Resumable = None) -> Response:
    """Give an upload up."""
    if (refusal := _other_version(resumable)) is not None:
        return refusal
    studio.uploads.end(who, upload_id)
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})


class MethodOverride:
    """tus's X-HTTP-Method-Override, for clients that can send no PATCH or DELETE: on the paths of uploads only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/api/v1/uploads"):
            wanted = Headers(scope=scope).get("x-http-method-override", "").upper()
            if wanted in ("HEAD", "PATCH", "DELETE"):
                scope = dict(scope, method=wanted)
        await self._app(scope, receive, send)
