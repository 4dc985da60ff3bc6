"""Resumable uploads: bytes are appended to a file, in any number of pieces, until the whole file becomes a recording."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from sideman.app.library.access import Access, Caller
from sideman.app.library.intake import Added, Intake, safe_name
from sideman.app.library.services import Services
from sideman.errors import Conflict, LibraryError, NotFound, ServiceUnavailable, TooLarge, UsageError
from sideman.infra.database import UploadRecord, now

CHECKSUMS = ("sha1", "sha256", "md5")
SPARE_BYTES = 256 << 20


class ChecksumMismatch(LibraryError):
    """The piece was not kept."""


class Locked(LibraryError):
    """Another request is writing to this upload."""


@dataclass(frozen=True, slots=True)
class Checksum:
    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, header: str) -> Checksum:
        """tus's `sha1 BASE64`. Raises UsageError."""
        algorithm, _, encoded = header.partition(" ")
        try:
            digest = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise UsageError("the checksum is not `algorithm BASE64`") from error
        if algorithm not in CHECKSUMS:
            raise UsageError(f"no checksum named {algorithm!r}: there are {', '.join(CHECKSUMS)}")
        return cls(algorithm, digest)


@dataclass(frozen=True, slots=True)
class UploadState:
    """added is set once the last byte has come and the file has become a recording."""

    record: UploadRecord
    offset_bytes: int
    added: Added | None = None


class Uploads:
    def __init__(self, services: Services, access: Access, intake: Intake) -> None:
        self._s, self._access, self._intake = services, access, intake
        self._folder = services.settings.uploads

    def begin(self, who: Caller, size_bytes: int, file_name: str) -> UploadState:
        self._access.require(who, "editor")
        if size_bytes < 0:
            raise UsageError("an upload has a length of 0 bytes or more")
        self._intake.refuse_over_quota(who, size_bytes, pending_bytes=self._s.transfers.pending_bytes(who.user_id))
        self._folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._folder).free < size_bytes + SPARE_BYTES:
            raise TooLarge("the server has too little space left for this file: ask its admin")
        expires = now() + timedelta(seconds=self._s.settings.retention.upload_s)
        record = self._s.transfers.add_upload(who.user_id, safe_name(file_name), size_bytes, expires)
        self._path(record.id).touch()
        return UploadState(record, 0)

    def state(self, who: Caller, upload_id: str) -> UploadState:
        record = self._mine(who, upload_id)
        path = self._path(upload_id)
        return UploadState(record, record.size_bytes if record.recording_id else path.stat().st_size if path.exists() else 0)

    def _mine(self, who: Caller, upload_id: str) -> UploadRecord:
        record = self._s.transfers.upload(upload_id)
        if record.owner_id != who.user_id or record.expires_at < now():
            raise NotFound("there is no such upload: it has expired or was ended, begin a new one")
        return record

    def _path(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.part"

    async def append(
        self, who: Caller, upload_id: str, offset: int, pieces: AsyncIterator[bytes], checksum: Checksum | None
    ) -> UploadState:
        """Write pieces at the end. What arrived before a cut stays, unless a checksum was promised for the whole.

        Raises Conflict when `offset` is not where the file ends, Locked, ChecksumMismatch, TooLarge.
        """
        await asyncio.to_thread(self._mine, who, upload_id)
        self._access.require(who, "editor")
        with self._alone(upload_id):
            record, path = await asyncio.to_thread(self._mine, who, upload_id), self._path(upload_id)
            size = path.stat().st_size if path.exists() else 0
            if record.recording_id is not None or size != offset:
                raise Conflict(
                    f"this upload has {record.size_bytes if record.recording_id else size} bytes, not {offset}: go on from there"
                )
            with path.open("ab") as file:
                await self._write(record, file, offset, pieces, checksum)
                return UploadState(record, file.tell())

    @contextmanager
    def _alone(self, upload_id: str) -> Iterator[None]:
        """Raises Locked while another request writes to the upload or makes it a recording."""
        lock = FileLock(self._folder / f"{upload_id}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise Locked("another request is at this upload: wait until it has ended") from None
        try:
            yield
        finally:
            lock.release()

    async def _write(
        self, record: UploadRecord, file: BinaryIO, offset: int, pieces: AsyncIterator[bytes], checksum: Checksum | None
    ) -> None:
        sum_so_far = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        end, whole = offset, False
        try:
            async for piece in pieces:
                if end + len(piece) > record.size_bytes:
                    raise TooLarge(f"more bytes came than the {record.size_bytes} that were announced")
                try:
                    file.write(piece)
                except OSError as error:
                    raise ServiceUnavailable(f"the server cannot keep the upload ({error.strerror}): try again later") from error
                end += len(piece)
                if sum_so_far is not None:
                    sum_so_far.update(piece)
            file.flush()
            whole = True
        finally:
            if checksum is not None and (not whole or sum_so_far is None or sum_so_far.digest() != checksum.digest):
                file.flush()
                os.ftruncate(file.fileno(), offset)
        if checksum is not None and sum_so_far is not None and sum_so_far.digest() != checksum.digest:
            raise ChecksumMismatch("the piece arrived damaged and was not kept: send it again")

    def complete(self, who: Caller, upload_id: str) -> UploadState:
        """Turn a whole upload into a recording. A file that is refused ends the upload: sending it again would not help. Raises Locked."""
        self._mine(who, upload_id)
        with self._alone(upload_id):
            return self._completed(who, upload_id)

    def _completed(self, who: Caller, upload_id: str) -> UploadState:
        record = self._mine(who, upload_id)
        path = self._path(upload_id)
        if record.recording_id is not None or self.state(who, upload_id).offset_bytes < record.size_bytes:
            return self.state(who, upload_id)
        try:
            if record.file_name.lower().endswith(".zip"):
                added = self._intake.add_zip(who, path, record.file_name)
            else:
                added = self._intake.add(who, path, record.file_name)
        except ServiceUnavailable:
            raise
        except Exception:
            self.end(who, upload_id)
            raise
        self._s.transfers.complete_upload(upload_id, added.recording.id)
        self._remove(upload_id)
        return UploadState(self._s.transfers.upload(upload_id), record.size_bytes, added)

    def end(self, who: Caller, upload_id: str) -> None:
        self._mine(who, upload_id)
        self._access.require(who, "editor")
        self._s.transfers.delete_upload(upload_id)
        self._remove(upload_id)

    def _remove(self, upload_id: str) -> None:
        self._path(upload_id).unlink(missing_ok=True)
        (self._folder / f"{upload_id}.lock").unlink(missing_ok=True)

    def expire(self) -> int:
        """Remove what has expired, and files of this machine that no upload or form owns any more."""
        expired = self._s.transfers.expired_uploads(now())
        for upload_id in expired:
            self._s.transfers.delete_upload(upload_id)
            self._remove(upload_id)
        old = now().timestamp() - self._s.settings.retention.upload_s
        for path in (*self._folder.glob("*.part"), *self._folder.glob("form-*")):
            if path.is_file() and path.stat().st_mtime < old:
                path.unlink(missing_ok=True)
                path.with_suffix(".lock").unlink(missing_ok=True)
        for folder in self._folder.glob("sideman-*"):  # of an archive that a server was unpacking when it was killed
            if folder.is_dir() and folder.stat().st_mtime < old:
                shutil.rmtree(folder, ignore_errors=True)
        return len(expired)
