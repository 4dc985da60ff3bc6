"""What every blob store does, and which one a URL names."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from sideman.errors import Conflict, NotFound, ServiceUnavailable, UsageError

PIECE_BYTES = 1 << 20
_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BlobInfo:
    key: str
    size_bytes: int
    modified_at: datetime


class BlobStore(Protocol):
    """Bytes by their SHA-256. A blob is there whole or not at all; writing the same bytes twice keeps one.

    Every method raises ServiceUnavailable when the store does not answer, and NotFound for a key that it does not hold.
    """

    def put(self, source: Path) -> str:
        """Copy a file in and return its key. The source stays. Atomic: a cut leaves nothing under the key.

        Bytes that are there already count as written now: `modified_at` is renewed, so who removes old blobs that nothing uses
        spares one that is just being added again. NotFound when the source cannot be read, Conflict when it changes meanwhile.
        """
        ...

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Bytes from `start`, in pieces of at most PIECE_BYTES; none when `start` is past the end.

        NotFound is raised by the call, not by the first piece. Nothing is open until the first piece is asked for.
        """
        ...

    def info(self, key: str) -> BlobInfo: ...

    def delete(self, key: str) -> None:
        """Remove a blob; nothing happens when it is gone already."""
        ...

    def list(self) -> Iterator[BlobInfo]:
        """Every blob, in no order that means anything. What half-finished writes left is not listed."""
        ...

    def file(self, key: str) -> AbstractContextManager[Path]:
        """The blob as a local file, to read only: the store's own file, or a temporary copy that goes with the context.

        NotFound is raised by the call. A copy has been checked against its key, the store's own file has not: see verify_blob.
        """
        ...


@dataclass(frozen=True, slots=True)
class Digest:
    key: str
    size_bytes: int


class SourceFile:
    """A file that is read once from front to back and hashed on the way.

    With `expected`, its last piece is only handed out when the whole has that digest: a file that changes between the reading that
    named it and the reading that sends it never gets stored under a wrong key. Raises NotFound when it cannot be read.
    """

    def __init__(self, path: Path, expected: Digest | None = None) -> None:
        self._path, self._expected, self._hash, self._size = path, expected, hashlib.sha256(), 0
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise self._unreadable(error) from error

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        try:
            piece = self._file.read(size)
        except OSError as error:
            raise self._unreadable(error) from error
        self._hash.update(piece)
        self._size += len(piece)
        if self._expected and (size < 0 or len(piece) < size or self._size >= self._expected.size_bytes) and self.digest != self._expected:
            raise Conflict(f"{self._path} changed while it was stored: try again when nothing writes to it")
        return piece

    @property
    def digest(self) -> Digest:
        """Of what has been read so far."""
        return Digest(self._hash.hexdigest(), self._size)

    def _unreadable(self, error: OSError) -> NotFound:
        return NotFound(f"{self._path} cannot be read ({error.strerror or error}): check that the file is there")


def file_digest(path: Path) -> Digest:
    with SourceFile(path) as source:
        while source.read(PIECE_BYTES):
            pass
        return source.digest


def blob_key(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises NotFound when it cannot be read."""
    return file_digest(path).key


def checked_key(key: str) -> str:
    """The key, or NotFound when it is no SHA-256: nothing else may become part of a path or a URL."""
    if not _KEY.fullmatch(key):
        raise NotFound(f"{key[:80]!r} is no blob key")
    return key


def blob_place(key: str) -> str:
    """Where a blob lies under the store's prefix; two levels keep folders small."""
    return f"{key[:2]}/{key[2:4]}/{key}"


def placed_key(place: str) -> str | None:
    """The key of the blob at a place under the prefix; None for what no store put there."""
    key = place.rpartition("/")[2]
    return key if _KEY.fullmatch(key) and place == blob_place(key) else None


def span(info: BlobInfo, start: int, length: int | None) -> range:
    """The bytes that a reading asks for, cut to what the blob has."""
    if start < 0 or (length is not None and length < 0):
        raise UsageError(f"a blob has no bytes {start} to {start} + {length}: begin at 0 or later and read 0 bytes or more")
    stop = info.size_bytes if length is None else min(start + length, info.size_bytes)
    return range(start, max(start, stop))


def verified(key: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a whole blob as they come. Raises ServiceUnavailable at the end when they are not what the key says."""
    hashed = hashlib.sha256()
    for piece in pieces:
        hashed.update(piece)
        yield piece
    if hashed.hexdigest() != key:
        raise ServiceUnavailable(f"blob {key} is damaged, its bytes no longer have this SHA-256: bring it back from a backup")


def verify_blob(store: BlobStore, key: str) -> None:
    """Read a blob to its end. Raises ServiceUnavailable when its bytes changed since they were stored."""
    for _ in verified(key, store.read(key)):
        pass


@contextmanager
def temporary_copy(key: str, pieces: Iterator[bytes]) -> Iterator[Path]:
    """The verified pieces as a file in the system's temporary folder, removed on leaving."""
    try:
        handle, name = tempfile.mkstemp(prefix="sideman-blob-")
    except OSError as error:
        raise unusable(Path(tempfile.gettempdir()), error) from error
    path = Path(name)
    try:
        with open(handle, "wb") as file:
            try:
                for piece in verified(key, pieces):
                    file.write(piece)
                file.flush()
            except OSError as error:
                raise unusable(path.parent, error) from error
        yield path
    finally:
        path.unlink(missing_ok=True)


def unusable(folder: Path, error: OSError) -> ServiceUnavailable:
    """What a failed system call says about a folder that blobs are written to."""
    return ServiceUnavailable(f"{folder} does not take or give bytes ({error.strerror or error}): check its disk, space and permissions")


@dataclass(frozen=True, slots=True)
class Location:
    """What a remote store's URL names. `prefix` is empty or ends with a slash."""

    container: str
    prefix: str
    options: Mapping[str, str]


def parsed_location(url: str, options: set[str]) -> Location:
    """Raises UsageError for a URL without a container and for an option that the store does not know."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    if not parts.netloc:
        raise UsageError(f"SIDEMAN_BLOBS_URL names no container: write its name after {parts.scheme}://")
    if unknown := sorted(given.keys() - options):
        raise UsageError(f"SIDEMAN_BLOBS_URL has the option {unknown[0]!r}: {parts.scheme}:// knows {', '.join(sorted(options))}")
    prefix = parts.path.strip("/")
    return Location(parts.netloc, f"{prefix}/" if prefix else "", given)


def first_line(error: Exception) -> str:
    """What a cloud library says, without addresses of objects, signatures in URLs, and the lines that follow."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"<[^<>]* at 0x[0-9a-f]+>: |\?[^\s'\")]+", "", line).rstrip(". ")[:200]


def open_blob_store(url: str) -> BlobStore:
    """`file:///folder`, `azure://container/prefix?account_url=URL`, `s3://bucket/prefix?endpoint=URL&region=NAME`.

    Prefix and options may be left out: the account is then that of AZURE_STORAGE_CONNECTION_STRING. Connects to nothing. Raises
    UsageError for another URL, MissingAsset when the extra is not installed.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "file":
        from sideman.infra.blobs.local import LocalBlobStore

        if not rest.startswith("/"):
            raise UsageError(f"SIDEMAN_BLOBS_URL is {url!r}: a folder is written from the root, file:///FOLDER")
        return LocalBlobStore(Path(rest))
    if scheme == "azure":
        from sideman.infra.blobs.azure import AzureBlobStore

        return AzureBlobStore.open(url)
    if scheme == "s3":
        from sideman.infra.blobs.s3 import S3BlobStore

        return S3BlobStore.open(url)
    raise UsageError(f"SIDEMAN_BLOBS_URL is {url.partition('?')[0]!r}: it begins with file://, azure:// or s3://")
