"""What every blob store promises, on a folder, on Azure Blob (Azurite) and on S3 (moto)."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from servers import free_port

from sideman.errors import Conflict, NotFound, ServiceUnavailable, UsageError
from sideman.infra.blobs import BlobStore, blob_key, open_blob_store
from sideman.infra.blobs.local import LocalBlobStore
from sideman.infra.blobs.store import PIECE_BYTES, blob_place, first_line, placed_key, verify_blob

KINDS = ("local", "azure", "s3")
EMPTY = hashlib.sha256(b"").hexdigest()
LARGE_BYTES = 20_000_003  # several blocks of every store, and no whole number of them


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a store lies that nobody has used: its container does not exist yet."""
    name = f"sideman-{uuid.uuid4().hex[:12]}"
    if request.param == "azure":
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", request.getfixturevalue("azurite").connection_string)
        return f"azure://{name}/deep/prefix"
    if request.param == "s3":
        server = request.getfixturevalue("s3_server")
        for variable, value in server.environment.items():
            monkeypatch.setenv(variable, value)
        return f"s3://{name}/deep/prefix?endpoint={server.endpoint}"
    return f"file://{tmp_path / 'store'}"


@pytest.fixture
def store(url: str) -> BlobStore:
    return open_blob_store(url)


@pytest.fixture
def source(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / f"source-{uuid.uuid4().hex}"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "noise"
    path.write_bytes(hashlib.shake_128(b"sideman").digest(LARGE_BYTES))
    return path


def whole(store: BlobStore, key: str) -> bytes:
    return b"".join(store.read(key))


def keys(store: BlobStore) -> list[str]:
    return [info.key for info in store.list()]


def test_what_is_put_can_be_read(store: BlobStore, source: Callable[[bytes], Path]) -> None:
    path = source(b"one two three")
    key = store.put(path)
    assert key == hashlib.sha256(b"one two three").hexdigest() == blob_key(path)
    assert path.read_bytes() == b"one two three"
    assert whole(store, key) == b"one two three"
    info = store.info(key)
    assert (info.key, info.size_bytes) == (key, 13)
    assert abs(datetime.now(UTC) - info.modified_at) < timedelta(minutes=1)
    with store.file(key) as file:
        assert file.read_bytes() == b"one two three"
    verify_blob(store, key)


def test_ranges(store: BlobStore, source: Callable[[bytes], Path]) -> None:
    key = store.put(source(b"0123456789"))
    for start, length, expected in [(0, 3, b"012"), (4, None, b"456789"), (8, 99, b"89"), (5, 0, b""), (10, None, b""), (99, 5, b"")]:
        assert b"".join(store.read(key, start, length)) == expected, (start, length)
    for start, length in [(-1, None), (0, -1)]:
        with pytest.raises(UsageError, match="no bytes"):
            store.read(key, start, length)


def test_the_same_bytes_are_kept_once_and_count_as_new(store: BlobStore, source: Callable[[bytes], Path]) -> None:
    key = store.put(source(b"twice"))
    before = store.info(key).modified_at
    time.sleep(1.1)  # remote stores count in seconds
    assert store.put(source(b"twice")) == key
    assert keys(store) == [key]
    assert store.info(key).modified_at > before
    assert whole(store, key) == b"twice"


def test_an_empty_file(store: BlobStore, source: Callable[[bytes], Path]) -> None:
    assert store.put(source(b"")) == EMPTY
    assert store.info(EMPTY).size_bytes == 0 and whole(store, EMPTY) == b"" and keys(store) == [EMPTY]
    with store.file(EMPTY) as file:
        assert file.read_bytes() == b""


def test_a_large_file_streams_with_flat_memory(store: BlobStore, large: Path, tmp_path: Path) -> None:
    store.put(large)  # what the libraries load once
    double = tmp_path / "double"
    double.write_bytes(large.read_bytes() * 2)
    tracemalloc.start()
    try:
        key = store.put(double)
        put_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        hashed, sizes = hashlib.sha256(), []
        for piece in store.read(key):
            hashed.update(piece)
            sizes.append(len(piece))
        read_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert hashed.hexdigest() == key and sum(sizes) == 2 * LARGE_BYTES and max(sizes) <= PIECE_BYTES
    assert put_bytes < 25_000_000 and read_bytes < 30_000_000
    start = LARGE_BYTES - 4_000_000
    assert b"".join(store.read(key, start, 9_000_000)) == double.read_bytes()[start : start + 9_000_000]
    with store.file(key) as file:
        assert blob_key(file) == key


def test_deleting(store: BlobStore, source: Callable[[bytes], Path]) -> None:
    store.delete(EMPTY)  # nothing has made the container yet
    gone, kept = store.put(source(b"gone")), store.put(source(b"kept"))
    store.delete(gone)
    store.delete(gone)
    assert keys(store) == [kept]
    with pytest.raises(NotFound):
        store.info(gone)


@pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
def test_an_unknown_key_is_not_found_at_the_call(store: BlobStore, source: Callable[[bytes], Path], used: bool) -> None:
    if used:
        store.put(source(b"another"))
    for ask in (store.read, store.info, store.file):
        with pytest.raises(NotFound, match=EMPTY):
            ask(EMPTY)
    assert len(keys(store)) == used


@pytest.mark.parametrize("key", ["../../etc/passwd", EMPTY.upper(), EMPTY[:-1], EMPTY + "\n", "", "é" * 64, f"{EMPTY}/../x"])
def test_only_a_hash_is_a_key(store: BlobStore, key: str) -> None:
    for ask in (store.read, store.info, store.file, store.delete):
        with pytest.raises(NotFound, match="no blob key"):
            ask(key)


def test_only_blobs_are_listed(store: BlobStore, url: str, source: Callable[[bytes], Path]) -> None:
    kept = {store.put(source(bytes([n]) * 10)) for n in range(20)}
    for end in ("ed", "/nested"):
        other = open_blob_store(url.replace("/deep/prefix", f"/deep/prefix{end}").replace("/store", f"/store{end}"))
        other.put(source(b"not of this store"))
    assert sorted(keys(store)) == sorted(kept)


class Reading:
    """A file that fails after so many bytes of all that was read from it."""

    def __init__(self, source: Failing) -> None:
        self._source, self._file = source, Path(source).open("rb")  # noqa: SIM115

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._source.left -= len(piece)
        if self._source.left < 0:
            self._source.fail()
        return piece

    def close(self) -> None:
        self._file.close()


class Failing(type(Path())):
    """The path of a file whose disk breaks while it is read."""

    left = 0

    def open(self, *_args: object, **_options: object) -> Reading:
        return Reading(self)

    def fail(self) -> None:
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("broken_after", [0.5, 1.7])
def test_a_put_that_breaks_midway_leaves_nothing(store: BlobStore, url: str, large: Path, broken_after: float, tmp_path: Path) -> None:
    """A remote store reads twice, to name and to send; the second reading breaks after blocks have been sent."""
    broken = Failing(large)
    broken.left = int(broken_after * LARGE_BYTES)
    if broken_after > 1 and isinstance(store, LocalBlobStore):
        assert store.put(broken) == blob_key(large)
        return
    with pytest.raises(NotFound, match="Input/output error"):
        store.put(broken)
    assert keys(store) == []
    with pytest.raises(NotFound):
        store.info(blob_key(large))
    assert not list(tmp_path.rglob(".put-*"))
    assert store.put(large) == blob_key(large)


def test_a_source_that_is_not_there(store: BlobStore, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(NotFound, match="cannot be read"):
            store.put(path)
    assert keys(store) == []


class Changing(type(Path())):
    """A file that someone writes to after it was read once."""

    def open(self, *_args: object, **_options: object):
        file = Path(self).open("rb")  # noqa: SIM115
        with Path(self).open("r+b") as writer:
            writer.seek(-1, os.SEEK_END)
            last = writer.read(1)[0]
            writer.seek(-1, os.SEEK_END)
            writer.write(bytes([(last + 1) % 256]))
        return file


@pytest.mark.parametrize("size", [100, 9_000_000])
def test_a_source_that_changes_is_never_stored_under_a_wrong_key(store: BlobStore, source: Callable[[bytes], Path], size: int) -> None:
    path = Changing(source(bytes(size)))
    if isinstance(store, LocalBlobStore):  # reads once: what it read is what it stored
        key = store.put(path)
        assert keys(store) == [key]
    else:
        with pytest.raises(Conflict, match="changed while"):
            store.put(path)
        assert keys(store) == []
    for key in keys(store):
        verify_blob(store, key)


def test_many_put_the_same_bytes_at_once(store: BlobStore, large: Path) -> None:
    barrier = threading.Barrier(4)

    def put(_: int) -> str:
        barrier.wait()
        return store.put(large)

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(put, range(4))) == {blob_key(large)}
    assert keys(store) == [blob_key(large)]
    verify_blob(store, blob_key(large))


def test_the_temporary_copy_goes_with_its_context(
    store: BlobStore, source: Callable[[bytes], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    key = store.put(source(b"a copy"))
    with pytest.raises(KeyError), store.file(key) as file:
        assert file.read_bytes() == b"a copy"
        assert (file.parent == scratch) is not isinstance(store, LocalBlobStore)
        raise KeyError
    assert list(scratch.iterdir()) == []
    assert whole(store, key) == b"a copy"


def test_damage_is_noticed(store: BlobStore, source: Callable[[bytes], Path], url: str) -> None:
    key = store.put(source(b"sound and whole"))
    damage(store, key, b"sound and hole!")
    with pytest.raises(ServiceUnavailable, match="damaged"):
        verify_blob(store, key)
    if isinstance(store, LocalBlobStore):
        store.put(source(b"sound and whole"))
        verify_blob(store, key)
    else:
        with pytest.raises(ServiceUnavailable, match="damaged"), store.file(key):
            pytest.fail("a damaged copy was handed out")


def damage(store: BlobStore, key: str, data: bytes) -> None:
    """Other bytes under the key, past the store."""
    if isinstance(store, LocalBlobStore):
        with store.file(key) as path:
            path.write_bytes(data)
    elif type(store).__name__ == "AzureBlobStore":
        store._blob(key).upload_blob(data, overwrite=True)
    else:
        store._client.put_object(Body=data, **store._at(key))


@pytest.mark.parametrize("kind", ["azure", "s3"])
def test_a_store_that_is_down(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Callable[[bytes], Path]) -> None:
    port = free_port()
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING",
        f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:{port}/a;",
    )
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "test")
    url = "azure://container" if kind == "azure" else f"s3://bucket?endpoint=http://127.0.0.1:{port}"
    path = source(b"x")

    def fails(ask: Callable[[], object]) -> str:
        with pytest.raises(ServiceUnavailable, match="does not answer as it should") as caught:
            ask()
        return str(caught.value)

    store = open_blob_store(url)
    asks = [
        lambda: store.put(path), lambda: store.read(EMPTY), lambda: store.info(EMPTY), lambda: store.delete(EMPTY),
        lambda: keys(store), lambda: store.file(EMPTY),
    ]  # fmt: skip
    start = time.monotonic()
    with ThreadPoolExecutor(len(asks)) as threads:
        messages = list(threads.map(fails, asks))
    assert time.monotonic() - start < 20
    assert not any("\n" in m or "0x" in m for m in messages)


def test_what_a_library_says_is_told_without_signatures_and_addresses() -> None:
    said = "<HTTPConnection object at 0x7ff0c5>: no way to 'http://host/blob?sig=secret&se=1'.\nRequestId: 1"
    assert first_line(OSError(said)) == "no way to 'http://host/blob'"
    assert first_line(OSError()) == "OSError"


def test_a_local_store_without_space_says_which_folder(tmp_path: Path, large: Path) -> None:
    store = LocalBlobStore(tmp_path / "store")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, hard))
    try:
        with pytest.raises(ServiceUnavailable, match=str(tmp_path / "store")):
            store.put(large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert keys(store) == [] and not list(tmp_path.rglob(".put-*"))


def test_a_local_store_whose_folder_is_a_file(tmp_path: Path, source: Callable[[bytes], Path]) -> None:
    (tmp_path / "store").write_text("no folder")
    store = LocalBlobStore(tmp_path / "store")
    with pytest.raises(ServiceUnavailable, match="store"):
        store.put(source(b"x"))
    assert keys(store) == []


def test_a_local_blob_may_be_read_by_other_users(tmp_path: Path, source: Callable[[bytes], Path]) -> None:
    store = LocalBlobStore(tmp_path / "store")
    with store.file(store.put(source(b"x"))) as path:
        assert path.stat().st_mode & 0o777 == 0o644
        assert path == tmp_path / "store" / blob_place(path.name) and placed_key(blob_place(path.name)) == path.name


def test_what_a_killed_put_leaves_is_not_listed_and_swept(tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe", tmp_path / "store"
    os.mkfifo(pipe)
    code = "import sys; from pathlib import Path; from sideman.infra.blobs.local import LocalBlobStore as S; S(Path(sys.argv[1])).put(Path(sys.argv[2]))"
    with subprocess.Popen([sys.executable, "-c", code, str(folder), str(pipe)]) as child, pipe.open("wb") as writer:
        writer.write(bytes(4 * PIECE_BYTES))
        end = time.monotonic() + 20
        while not any(p.stat().st_size >= PIECE_BYTES for p in folder.glob(".put-*")):
            assert time.monotonic() < end, "the put wrote nothing"
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
    store = LocalBlobStore(folder)
    assert keys(store) == [] and len(list(folder.iterdir())) == 1
    assert store.sweep(older_than_s=3600) == 0 and len(list(folder.iterdir())) == 1
    assert store.sweep(older_than_s=0) == 1 and list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host/folder", "begins with"),
        ("file://folder", "from the root"),
        ("azure://", "no container"),
        ("s3:///prefix", "no container"),
        ("azure://My_Container", "3 to 63"),
        ("azure://container", "AZURE_STORAGE_CONNECTION_STRING"),
        ("azure://container?acount_url=x", "acount_url"),
        ("s3://bucket?endpont=http://localhost", "endpont"),
        ("s3://bucket?endpoint=nonsense", "endpoint"),
    ],
)
def test_a_url_that_makes_no_sense(url: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    with pytest.raises(UsageError, match=says):
        open_blob_store(url)


@pytest.mark.parametrize(("url", "module"), [("azure://container", "azure.storage.blob"), ("s3://bucket", "boto3")])
def test_a_missing_extra_has_its_sentence(url: str, module: str) -> None:
    code = f"""
import sys
sys.modules[{module!r}] = None
from sideman.errors import MissingAsset
from sideman.infra.blobs import open_blob_store
try:
    open_blob_store({url!r})
except MissingAsset as error:
    sys.exit(0 if "pip install 'sideman[" in str(error) else str(error))
sys.exit("no error")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_azure_without_a_connection_string_needs_azure_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(UsageError, match="pip install azure-identity"):
        open_blob_store("azure://container?account_url=https://name.blob.core.windows.net")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=secret")
    with pytest.raises(UsageError, match="names no account") as caught:
        open_blob_store("azure://container")
    assert "secret" not in str(caught.value)


def test_a_store_that_hangs_up_midway(s3_server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is cut while it is read is the store's failure, never a short blob."""
    for variable, value in s3_server.environment.items():
        monkeypatch.setenv(variable, value)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nLast-Modified: Tue, 24 Nov 2026 10:00:00 GMT\r\nConnection: close\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for body in (b"", b"cut short"):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(head + body)

        server = threading.Thread(target=serve)
        server.start()
        url = f"s3://bucket?endpoint=http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ServiceUnavailable, match="does not answer as it should"):
            whole(open_blob_store(url), EMPTY)
        server.join()
