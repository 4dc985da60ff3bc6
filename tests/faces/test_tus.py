"""Resumable uploads by tus 1.0: the official JavaScript client, and requests that it never sends."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from servers import Unavailable, find_node, npm_package

from sideman.core.audio import AudioClip, write_audio

TUS_CLIENT_VERSION = "4.3.1"
CHUNK = 1 << 20
PIECE = {"Content-Type": "application/offset+octet-stream"}
UPLOADS = "/api/v1/uploads"


@pytest.fixture(scope="module")
def http(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"Tus-Resumable": "1.0.0"}, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def new_song(song, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Another beginning of the song at every call: several chunks long, and bytes that the library does not have yet."""
    folder, made = tmp_path_factory.mktemp("songs"), iter(range(1, 1000))

    def make() -> Path:
        number = next(made)
        path = folder / f"song {number}.flac"
        write_audio(AudioClip(song.mixture.samples[:, number * 1000 :], song.mixture.sample_rate_hz), path)
        assert path.stat().st_size > 3 * CHUNK
        return path

    return make


@pytest.fixture(scope="module")
def tus_js(server) -> Callable[..., dict]:
    try:
        node = find_node()
        package = npm_package(node, "tus-js-client", TUS_CLIENT_VERSION)
    except Unavailable as reason:
        pytest.skip(str(reason))

    def run(action: str, file: Path, endpoint: str | None = None, **more: object) -> dict:
        wanted = {"action": action, "endpoint": endpoint or f"{server.url}{UPLOADS}", "file": str(file), "chunkSize": CHUNK} | more
        words = [node, Path(__file__).with_name("tus_client.mjs"), package, json.dumps(wanted)]
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=180, env=environment)
        assert done.returncode == 0 and done.stdout, done.stderr[-2000:]
        return json.loads(done.stdout)

    return run


# the official client


def test_the_official_client_uploads_in_chunks(tus_js, http: httpx.Client, new_song) -> None:
    file = new_song()
    said = tus_js("upload", file)
    assert said["error"] is None
    methods = [request[0] for request in said["requests"]]
    assert methods == ["POST"] + ["PATCH"] * -(-file.stat().st_size // CHUNK)
    assert _kept(http, said["recording"]) == _sha256(file)
    shown = http.get(f"/api/v1/recordings/{said['recording']}").json()
    assert shown["fileName"] == file.name


def test_the_official_client_uploads_where_no_patch_can_be_sent(tus_js, http: httpx.Client, new_song) -> None:
    file = new_song()
    said = tus_js("upload", file, override=True)
    assert said["error"] is None and {request[0] for request in said["requests"]} == {"POST"}
    assert _kept(http, said["recording"]) == _sha256(file)


def test_the_official_client_resumes_an_upload_that_it_aborted(tus_js, http: httpx.Client, new_song, tmp_path: Path) -> None:
    file, storage = new_song(), str(tmp_path / "remembered.json")
    first = tus_js("abort", file, storage=storage, abortAt=2 * CHUNK)
    assert (first["error"], first["recording"]) == (None, None)
    reached = _offset(http, first["url"])
    assert reached >= 2 * CHUNK
    second = tus_js("resume", file, storage=storage)
    assert (second["error"], second["url"]) == (None, first["url"])
    assert second["requests"][0] == ["HEAD", 200, None, reached]
    assert second["requests"][1][:3] == ["PATCH", 204, reached]
    assert _kept(http, second["recording"]) == _sha256(file)


def test_the_official_client_goes_on_after_a_cut_inside_a_chunk(tus_js, http: httpx.Client, server, new_song) -> None:
    file = new_song()
    with CuttingProxy(server.url, cut_after=CHUNK + CHUNK // 3) as proxy:
        said = tus_js("upload", file, endpoint=f"{proxy.url}{UPLOADS}", retryDelays=[100, 500, 1000])
    assert said["error"] is None
    assert proxy.cuts == 1
    asked = next(request for request in said["requests"] if request[0] == "HEAD")
    assert asked[1] == 200
    assert CHUNK < asked[3] < 2 * CHUNK
    assert said["requests"][said["requests"].index(asked) + 1][:3] == ["PATCH", 204, asked[3]]
    assert _kept(http, said["recording"]) == _sha256(file)


def test_the_official_client_ends_an_upload(tus_js, http: httpx.Client, new_song) -> None:
    said = tus_js("terminate", new_song())
    assert said["error"] is None
    assert said["requests"][-1][:2] == ["DELETE", 204]
    assert http.head(said["url"]).status_code == 404


def test_the_official_client_is_told_that_a_file_is_no_music(tus_js, tmp_path: Path) -> None:
    file = tmp_path / "song.mp3"
    file.write_text("these are words\n" * 1000)
    said = tus_js("upload", file, retryDelays=[0, 0])
    assert said["status"] == 422
    assert [request[0] for request in said["requests"]] == ["POST", "PATCH"], "it does not help to send it again"
    assert json.loads(said["body"])["detail"]


# the protocol


def test_what_the_server_can_do_is_said(http: httpx.Client) -> None:
    answer = http.options(UPLOADS)
    assert answer.status_code in (200, 204)
    assert answer.headers["tus-version"].split(",")[0] == "1.0.0"
    assert {"creation", "termination", "checksum", "expiration"} <= set(answer.headers["tus-extension"].split(","))
    assert {"sha1", "sha256"} <= set(answer.headers["tus-checksum-algorithm"].split(","))
    assert int(answer.headers["tus-max-size"]) > 1 << 20


def test_an_upload_begins_empty_and_says_when_it_expires(http: httpx.Client) -> None:
    answer = _begin(http, 1000)
    url = answer.headers["location"]
    assert UUID(url.rsplit("/", 1)[1])
    asked = http.head(url)
    assert (asked.status_code, asked.headers["upload-offset"], asked.headers["upload-length"]) == (200, "0", "1000")
    assert "no-store" in asked.headers["cache-control"]
    piece = http.patch(url, content=bytes(10), headers=PIECE | {"Upload-Offset": "0"})
    assert (piece.status_code, piece.headers["upload-offset"]) == (204, "10")
    for said in (answer, asked, piece):
        assert said.headers["tus-resumable"] == "1.0.0"
        assert parsedate_to_datetime(said.headers["upload-expires"]) > datetime.now(UTC)


def test_a_connection_cut_inside_a_chunk_keeps_exactly_what_arrived(http: httpx.Client, server, new_song) -> None:
    content = new_song().read_bytes()
    url = _begin(http, len(content)).headers["location"]
    arrived = CHUNK // 2 + 12345
    with _open_patch(server.url, url, 0, CHUNK) as connection:
        connection.sendall(content[:arrived])
        time.sleep(0.5)  # until the server has read it all: what lies in the sockets at a cut is lost
    assert _offset_at_rest(http, url) == arrived
    _finish_and_compare(http, url, content, arrived)


def test_a_connection_reset_inside_a_chunk_keeps_a_beginning(http: httpx.Client, server, new_song) -> None:
    content = new_song().read_bytes()
    url = _begin(http, len(content)).headers["location"]
    with _open_patch(server.url, url, 0, len(content)) as connection:
        connection.sendall(content[: 2 * CHUNK])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    reached = _offset_at_rest(http, url)
    assert 0 <= reached <= 2 * CHUNK
    _finish_and_compare(http, url, content, reached)


def test_a_cut_piece_with_a_checksum_is_not_kept(http: httpx.Client, server, new_song) -> None:
    content = new_song().read_bytes()
    url = _begin(http, len(content)).headers["location"]
    with _open_patch(server.url, url, 0, CHUNK, {"Upload-Checksum": _checksum("sha256", content[:CHUNK])}) as connection:
        connection.sendall(content[: CHUNK // 2])
        time.sleep(0.5)
    assert _offset_at_rest(http, url) == 0


def test_a_piece_at_a_wrong_offset_is_refused(http: httpx.Client) -> None:
    url = _begin(http, 1000).headers["location"]
    assert http.patch(url, content=bytes(10), headers=PIECE | {"Upload-Offset": "0"}).status_code == 204
    for wrong in ("0", "5", "11"):
        _expect_problem(http.patch(url, content=bytes(10), headers=PIECE | {"Upload-Offset": wrong}), 409)
    assert _offset(http, url) == 10


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_checksum_is_compared(http: httpx.Client, algorithm: str) -> None:
    url = _begin(http, 1000).headers["location"]
    first, second = b"a" * 300, b"b" * 300
    right = http.patch(url, content=first, headers=PIECE | {"Upload-Offset": "0", "Upload-Checksum": _checksum(algorithm, first)})
    assert (right.status_code, right.headers["upload-offset"]) == (204, "300")
    damaged = http.patch(url, content=second, headers=PIECE | {"Upload-Offset": "300", "Upload-Checksum": _checksum(algorithm, first)})
    _expect_problem(damaged, 460)
    assert _offset(http, url) == 300
    again = http.patch(url, content=second, headers=PIECE | {"Upload-Offset": "300", "Upload-Checksum": _checksum(algorithm, second)})
    assert (again.status_code, again.headers["upload-offset"]) == (204, "600")


def test_an_unknown_checksum_is_a_bad_request(http: httpx.Client) -> None:
    """The protocol names the status."""
    url = _begin(http, 1000).headers["location"]
    _expect_problem(http.patch(url, content=b"a", headers=PIECE | {"Upload-Offset": "0", "Upload-Checksum": "crc99 AAAA"}), 400)
    assert _offset(http, url) == 0


def test_an_ended_upload_is_gone(http: httpx.Client, server) -> None:
    url = _begin(http, 1000).headers["location"]
    assert http.patch(url, content=bytes(10), headers=PIECE | {"Upload-Offset": "0"}).status_code == 204
    assert _files_of(server.data, url)
    assert http.delete(url).status_code == 204
    assert not _files_of(server.data, url)
    assert http.head(url).status_code == 404
    _expect_problem(http.patch(url, content=bytes(10), headers=PIECE | {"Upload-Offset": "10"}), 404)
    _expect_problem(http.delete(url), 404)


def test_another_method_may_be_named_in_a_header(http: httpx.Client) -> None:
    url = _begin(http, 1000).headers["location"]
    piece = http.post(url, content=bytes(10), headers=PIECE | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"})
    assert (piece.status_code, piece.headers["upload-offset"]) == (204, "10")
    assert http.post(url, headers={"X-HTTP-Method-Override": "HEAD"}).headers["upload-offset"] == "10"
    _expect_problem(http.post(url, headers={"X-HTTP-Method-Override": "GET"}), 405)
    _expect_problem(http.post("/api/v1/jobs/" + url.rsplit("/", 1)[1], headers={"X-HTTP-Method-Override": "DELETE"}), 405)
    assert http.post(url, headers={"X-HTTP-Method-Override": "delete"}).status_code == 204
    assert http.head(url).status_code == 404


@pytest.mark.parametrize("version", ["0.2.2", "2.0.0", None])
def test_another_version_of_the_protocol_is_refused(server, http: httpx.Client, version: str | None) -> None:
    url = _begin(http, 1000).headers["location"]
    headers = {} if version is None else {"Tus-Resumable": version}
    with httpx.Client(base_url=server.url, headers=headers) as other:
        answers = [
            other.post(UPLOADS, headers={"Upload-Length": "1000"}),
            other.head(url),
            other.patch(url, content=bytes(10), headers=PIECE | {"Upload-Offset": "0"}),
            other.delete(url),
        ]
    assert [answer.status_code for answer in answers] == [412] * 4
    assert all(answer.headers["tus-version"] == "1.0.0" for answer in answers)
    assert _offset(http, url) == 0


def test_too_long_a_file_is_refused(http: httpx.Client) -> None:
    most = int(http.options(UPLOADS).headers["tus-max-size"])
    _expect_problem(http.post(UPLOADS, headers={"Upload-Length": str(most + 1)}), 413)


def test_more_bytes_than_announced_are_refused(http: httpx.Client) -> None:
    url = _begin(http, 1000).headers["location"]
    _expect_problem(http.patch(url, content=bytes(1001), headers=PIECE | {"Upload-Offset": "0"}), 413)
    assert _offset(http, url) <= 1000


@pytest.mark.parametrize("length", [None, "-1", "many", "1.5", ""])
def test_an_upload_without_a_length_is_refused(http: httpx.Client, length: str | None) -> None:
    answer = http.post(UPLOADS, headers={} if length is None else {"Upload-Length": length})
    assert answer.status_code in (400, 422)
    _expect_problem(answer, answer.status_code)


def test_a_piece_of_another_type_is_refused(http: httpx.Client) -> None:
    url = _begin(http, 1000).headers["location"]
    _expect_problem(http.patch(url, content=bytes(10), headers={"Content-Type": "audio/flac", "Upload-Offset": "0"}), 415)


def test_what_is_no_music_leaves_nothing_behind(http: httpx.Client, server) -> None:
    content = b"these are words\n" * 1000
    before = http.get("/api/v1/recordings").json()
    url = _begin(http, len(content), "song.mp3").headers["location"]
    assert http.patch(url, content=content[:5000], headers=PIECE | {"Upload-Offset": "0"}).status_code == 204
    detail = _expect_problem(http.patch(url, content=content[5000:], headers=PIECE | {"Upload-Offset": "5000"}), 422)
    assert "song.mp3" in detail
    after = http.get("/api/v1/recordings").json()
    assert [item["id"] for item in after["items"]] == [item["id"] for item in before["items"]]
    assert not _files_of(server.data, url)
    key = hashlib.sha256(content).hexdigest()
    assert not [path for path in server.data.rglob("*") if key in path.name]
    assert http.head(url).status_code == 404


def test_of_two_pieces_at_once_the_second_is_refused(http: httpx.Client, server, new_song) -> None:
    content = new_song().read_bytes()
    url = _begin(http, len(content)).headers["location"]
    with _open_patch(server.url, url, 0, CHUNK) as connection:
        connection.sendall(content[: CHUNK // 2])
        time.sleep(0.3)
        _expect_problem(http.patch(url, content=content[:100], headers=PIECE | {"Upload-Offset": "0"}), 423)
        connection.sendall(content[CHUNK // 2 : CHUNK])
        assert connection.recv(1000).startswith(b"HTTP/1.1 204")
    assert _offset(http, url) == CHUNK
    _finish_and_compare(http, url, content, CHUNK)


class CuttingProxy:
    """Passes bytes on to the server, and cuts the connection on which the bytes from the client reach a number, once."""

    def __init__(self, target: str, cut_after: int) -> None:
        parts = urlsplit(target)
        self._target, self._left = (parts.hostname, parts.port), cut_after
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> CuttingProxy:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                there = threading.Thread(target=self._forward, args=(client, server))
                back = threading.Thread(target=self._back, args=(server, client))
                self._threads += [there, back]
                there.start()
                back.start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, contextlib.suppress(OSError):
            while piece := client.recv(65536):
                if not self.cuts:
                    piece = piece[: self._left]
                    self._left -= len(piece)
                server.sendall(piece)
                if not self.cuts and self._left == 0:
                    self.cuts += 1
                    time.sleep(0.3)  # until the server has read it
                    break
            for end in (client, server):
                end.shutdown(socket.SHUT_RDWR)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := server.recv(65536):
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def _open_patch(server: str, url: str, offset: int, length: int, more: dict[str, str] | None = None) -> Iterator[socket.socket]:
    """A PATCH whose body the caller sends, or does not."""
    parts = urlsplit(server)
    headers = {"Host": parts.netloc, "Tus-Resumable": "1.0.0", "Upload-Offset": offset, "Content-Length": length} | PIECE | (more or {})
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        head = f"PATCH {url} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        connection.sendall(head.encode("ascii"))
        yield connection


def _begin(http: httpx.Client, length: int, name: str = "song.flac") -> httpx.Response:
    metadata = f"filename {base64.b64encode(name.encode()).decode()}"
    answer = http.post(UPLOADS, headers={"Upload-Length": str(length), "Upload-Metadata": metadata})
    assert answer.status_code == 201, answer.text
    return answer


def _offset(http: httpx.Client, url: str) -> int:
    answer = http.head(urlsplit(url).path)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def _offset_at_rest(http: httpx.Client, url: str) -> int:
    """Once the server has seen that the connection is gone: when it lets another request write."""
    end = time.monotonic() + 10
    while http.patch(url, content=b"", headers=PIECE | {"Upload-Offset": "999999999"}).status_code == 423:
        assert time.monotonic() < end, "the upload stays locked after its connection was cut"
        time.sleep(0.05)
    return _offset(http, url)


def _finish_and_compare(http: httpx.Client, url: str, content: bytes, offset: int) -> None:
    answer = http.patch(url, content=content[offset:], headers=PIECE | {"Upload-Offset": str(offset)})
    assert (answer.status_code, answer.headers.get("upload-offset")) == (204, str(len(content))), answer.text
    assert _kept(http, answer.headers["sideman-recording"]) == hashlib.sha256(content).hexdigest()


def _kept(http: httpx.Client, recording: str) -> str:
    answer = http.get(f"/api/v1/recordings/{recording}/file")
    assert answer.status_code == 200
    return hashlib.sha256(answer.content).hexdigest()


def _expect_problem(answer: httpx.Response, status: int) -> str:
    """The one sentence of the refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    said = answer.json()
    assert said["status"] == status
    assert said["detail"] and "\n" not in said["detail"] and ". " not in said["detail"]
    return said["detail"]


def _files_of(data: Path, url: str) -> list[Path]:
    return [path for path in data.rglob("*") if url.rsplit("/", 1)[1] in path.name]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _checksum(algorithm: str, content: bytes) -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"
