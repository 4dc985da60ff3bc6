"""How answers travel: JSON compressed and with an ETag, files in ranges, requests no larger than allowed."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sideman.app.library.studio import Studio
from sideman.errors import NotFound, TooLarge
from sideman.faces.rest.problems import of_error, problem, responses

COMPRESS_FROM_BYTES = 1024
LINK_S = 3600
ORDINARY_BODY_BYTES = 8 << 20
UPLOAD_PATHS = re.compile(r"/api/(audio/upload|v1/(recordings|multitracks|uploads/[^/]+))/?")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_BYTES = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("audio/*", "image/*", "application/*")}
FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": _BYTES, "description": "The bytes"}, 206: {"content": _BYTES, "description": "A range of the bytes"},
    304: {"description": "Not modified"}, **responses(416),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BlobFile:
    """A blob with the name and the media type that it is given out with."""

    key: str
    name: str
    media_type: str


def media_type_of(container: str) -> str:
    types = {
        "flac": "audio/flac", "wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg", "mov": "audio/mp4", "matroska": "audio/webm",
        "aac": "audio/aac", "aiff": "audio/aiff",
    }  # fmt: skip
    return types.get(container, "application/octet-stream")


def deliver(request: Request, studio: Studio, file: BlobFile, attachment: bool = False) -> Response:
    """A blob, whole or in the range that is asked for. Content-addressed, so it never changes under its ETag."""
    etag = f'"{file.key}"'
    headers = {
        "ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f"{'attachment' if attachment else 'inline'}; filename*=UTF-8''{quote(file.name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }  # fmt: skip
    if etag in (request.headers.get("if-none-match") or ""):
        return Response(status_code=304, headers=headers)
    size = studio.recordings.size_bytes(file.key)
    asked = request.headers.get("range")
    if asked is None or not asked.startswith("bytes") or (request.headers.get("if-range") or etag) != etag:
        return _stream(studio, file, 0, size, 200, headers)
    wanted = _range(asked, size)
    if wanted is None:
        return problem(
            416, f"the range {asked[:60]!r} does not lie in the {size} bytes of this file", headers={"Content-Range": f"bytes */{size}"}
        )
    start, length = wanted
    headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    return _stream(studio, file, start, length, 206, headers)


def _stream(studio: Studio, file: BlobFile, start: int, length: int, status: int, headers: dict[str, str]) -> Response:
    pieces: Iterator[bytes] = studio.recordings.read(file.key, start, length)
    return StreamingResponse(pieces, status, headers | {"Content-Length": str(length)}, file.media_type)


def _range(header: str, size: int) -> tuple[int, int] | None:
    """Start and length; None where it cannot be satisfied. Of several ranges none is served."""
    match = _RANGE.fullmatch(header.strip())
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        last = min(int(match[2]), size)
        return (size - last, last) if last else None
    start, end = int(match[1]), min(int(match[2]), size - 1) if match[2] else size - 1
    return (start, end - start + 1) if start <= end else None


# signed links: how browsers reach a blob without a key, and never the store itself


def link(studio: Studio, file: BlobFile, user_id: str) -> str:
    """A path that gives this blob out until it expires. It is the same for some hours, so that browsers can cache what it leads to."""
    expires = (int(time.time()) // LINK_S + 2) * LINK_S
    query = {"name": file.name, "type": file.media_type, "user": user_id, "expires": str(expires)}
    query["signature"] = studio.access.signature("link", file.key, *query.values())
    return f"/files/{file.key}?{urlencode(query)}"


def check_link(studio: Studio, file: BlobFile, user_id: str, expires: str, signature: str) -> None:
    """Raises NotFound: a wrong link leads nowhere."""
    right = studio.access.signature("link", file.key, file.name, file.media_type, user_id, expires)
    if (
        not hmac.compare_digest(right.encode(), signature.encode("utf-8", "replace"))
        or not expires.isdecimal()
        or int(expires) < time.time()
    ):
        raise NotFound("this link is wrong or has expired: take a new one from the recording")


def _takes_gzip(header: str) -> bool:
    for one in header.lower().split(","):
        coding, *parameters = (p.strip().replace(" ", "") for p in one.split(";"))
        if coding == "gzip":
            return not any(re.fullmatch(r"q=0(\.0*)?", p) for p in parameters)
    return False


class BodyLimit:
    """Refuses bodies that are too large while they arrive, whatever their headers say."""

    def __init__(self, app: ASGIApp, upload_bytes: int) -> None:
        self._app, self._upload_bytes = app, upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._upload_bytes + (1 << 20) if UPLOAD_PATHS.fullmatch(scope["path"]) else ORDINARY_BODY_BYTES
        stated = Headers(scope=scope).get("content-length", "0")
        seen = 0
        if stated.isdecimal() and int(stated) > limit:
            await of_error(_too_large(limit))(scope, receive, send)
            return

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, counted, send)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the request is larger than the {limit >> 20} MB that are allowed here")


class JsonDelivery:
    """Gives JSON answers to GET an ETag, answers 304 to who has them already, and compresses the large ones."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked, start, body = Headers(scope=scope), None, bytearray()

        async def held(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if kind.startswith(("application/json", "application/problem+json")):
                    start = message
                    return
            elif start is not None:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    await _send_json(scope, asked, start, bytes(body), send)
                return
            await send(message)

        await self._app(scope, receive, held)


async def _send_json(scope: Scope, asked: Headers, start: Message, body: bytes, send: Send) -> None:
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["Vary"] = "Accept-Encoding, Authorization, Cookie"
    if scope["method"] in ("GET", "HEAD") and start["status"] == 200:
        headers.setdefault("Cache-Control", "private, no-cache")
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers["ETag"] = etag
        if etag in (asked.get("if-none-match") or ""):
            del headers["content-length"]
            await send({"type": "http.response.start", "status": 304, "headers": headers.raw})
            await send({"type": "http.response.body", "body": b""})
            return
    if len(body) >= COMPRESS_FROM_BYTES and _takes_gzip(asked.get("accept-encoding", "")):
        body = gzip.compress(body, 5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    await send({"type": "http.response.start", "status": start["status"], "headers": headers.raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
