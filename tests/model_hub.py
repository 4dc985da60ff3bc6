"""A model hub on loopback: gives out files, redirects and answers ranges as the real one does."""

from __future__ import annotations

import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub(ThreadingHTTPServer):
    """Gives out files under /FILE, redirects /hub/FILE there as a model hub does, answers ranges; `cut` ends a body early."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: int | None = None
        self.ranges: list[str | None] = []
        super().__init__(("127.0.0.1", 0), Answers)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[1]
        data = self.server.files.get(name)
        if data is None:
            return self.send_error(401 if name == "gated" else 404)
        if self.path.startswith("/hub/") or "/resolve/" in self.path:
            self.send_response(302)
            self.send_header("Location", f"/{name}")
            self.send_header("X-Repo-Commit", "abc123")
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(data).hexdigest()}"')
            return self.end_headers()
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if start >= len(data):
            return self.send_error(416)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : self.server.cut])
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Nothing on the terminal of the tests."""
