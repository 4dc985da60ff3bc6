"""A model hub on loopback: gives out files, redirects and answers ranges as the real one does."""

from __future__ import annotations

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Hub(ThreadingHTTPServer):
    """Gives out files under /FILE, redirects /hub/FILE there as a model hub does, answers ranges; `cut` ends a body early.

    repositories: files by path; gates: repositories that want a token. The address that files are redirected to is another one.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.gates: dict[str, str] = {}
        self.commit = "abc123"
        self.moved: dict[str, str] = {}
        self.tokens: list[tuple[str, str | None]] = []
        self.cut: int | None = None
        self.ranges: list[str | None] = []
        super().__init__(("127.0.0.1", 0), Answers)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        for repository, files in self.server.repositories.items():
            if path.startswith((f"/api/models/{repository}/", f"/{repository}/resolve/")):
                return self._of(repository, files, path)
        self.server.tokens.append((path, self.headers.get("Authorization")))
        name = path.rsplit("/", 1)[1]
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

    def _of(self, repository: str, files: dict[str, bytes], path: str) -> None:
        self.server.tokens.append((path, self.headers.get("Authorization")))
        if (elsewhere := self.server.moved.get(path)) and self.headers["Host"].startswith("127."):
            self.send_response(302)
            self.send_header("Location", elsewhere)
            return self.end_headers()
        wanted = self.server.gates.get(repository)
        if wanted is not None and self.headers.get("Authorization") != f"Bearer {wanted}":
            return self.send_error(401)
        if path.startswith("/api/"):
            rows = [
                {"rfilename": n, "size": len(d)} | ({"lfs": {"sha256": hashlib.sha256(d).hexdigest()}} if len(d) > 500 else {})
                for n, d in files.items()
            ]
            body = json.dumps({"sha": self.server.commit, "siblings": rows}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return None
        data = files[path.split(f"/resolve/{self.server.commit}/")[1]]
        name = f"blob-{hashlib.sha256(data).hexdigest()}"
        self.server.files[name] = data
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/{name}")
        self.send_header("X-Repo-Commit", self.server.commit)
        return self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing on the terminal of the tests."""
