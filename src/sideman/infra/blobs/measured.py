"""A blob store whose calls are timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from sideman.infra.blobs.store import BlobInfo, BlobStore
from sideman.infra.telemetry import Telemetry


class MeasuredBlobStore:
    def __init__(self, inner: BlobStore, telemetry: Telemetry) -> None:
        self.inner, self._telemetry = inner, telemetry

    def put(self, source: Path) -> str:
        with self._telemetry.timed("blobs", "put"):
            return self.inner.put(source)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        with self._telemetry.timed("blobs", "open"):
            return self.inner.read(key, start, length)

    def info(self, key: str) -> BlobInfo:
        with self._telemetry.timed("blobs", "info"):
            return self.inner.info(key)

    def delete(self, key: str) -> None:
        with self._telemetry.timed("blobs", "delete"):
            self.inner.delete(key)

    def list(self) -> Iterator[BlobInfo]:
        return self.inner.list()

    def file(self, key: str) -> AbstractContextManager[Path]:
        return self.inner.file(key)
