"""Requests to the application in this process, from any peer and with any headers, also those that HTTP libraries refuse to send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
from fastapi import FastAPI

LOOPBACK, ELSEWHERE = "127.0.0.1", "192.0.2.7"


class Caller:
    """A context manager. peer: the address that requests come from."""

    def __init__(self, app: FastAPI, peer: str = LOOPBACK) -> None:
        self._app, self._peer = app, peer
        self._runner = asyncio.Runner()

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def ask(
        self, method: str, path: str, *, key: str | None = None, headers: Iterable[tuple[str, str]] = (), peer: str | None = None,
        chunks: list[bytes] | None = None, host: str = "localhost", **body: Any,
    ) -> httpx.Response:  # fmt: skip
        """`body` as httpx takes it: json, files, content. chunks: a body whose length no header states. Does not wait for an endless answer."""
        request = httpx.Request(method, f"http://{host}{path}", **body)
        made = [(n.decode().lower(), v.decode()) for n, v in request.headers.raw]
        fields = [*(f for f in made if chunks is None or f[0] != "content-length"), *headers]
        if key is not None:
            fields.append(("authorization", f"Bearer {key}"))
        pieces = [request.read()] if chunks is None else chunks
        return self._runner.run(self._call(request, fields, peer or self._peer, pieces))

    async def _call(self, request: httpx.Request, fields: list[tuple[str, str]], peer: str, pieces: list[bytes]) -> httpx.Response:
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.0"}, "http_version": "1.1", "method": request.method, "scheme": "http",
            "path": httpx.URL(request.url).path, "raw_path": request.url.raw_path, "query_string": request.url.query, "root_path": "",
            "headers": [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in fields], "client": (peer, 4000), "server": ("localhost", 80),
        }  # fmt: skip
        left, started, status, raw, content = list(pieces), asyncio.Event(), 0, [], bytearray()

        async def receive() -> dict[str, Any]:
            if left:
                return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}
            await started.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, raw
            if message["type"] == "http.response.start":
                status, raw = message["status"], message["headers"]
                endless = any(n == b"content-type" and v.startswith(b"text/event-stream") for n, v in raw)
                started.set() if endless else None
            else:
                content.extend(message.get("body", b""))
                started.set() if not message.get("more_body") else None

        await self._app(scope, receive, send)
        return httpx.Response(status, headers=raw, content=bytes(content))
