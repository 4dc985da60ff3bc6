"""Blobs in a folder of this machine, or of a disk that several machines share."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from sideman.errors import NotFound
from sideman.infra.blobs.store import PIECE_BYTES, BlobInfo, SourceFile, blob_place, checked_key, placed_key, span, unusable

_UNFINISHED = ".put-"


class LocalBlobStore:
    """A blob is the file ab/cd/abcd... under `folder`, which the first put makes. Writes appear by a rename."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def put(self, source: Path) -> str:
        with SourceFile(source) as file:
            try:
                return self._store(file)
            except OSError as error:
                raise unusable(self._folder, error) from error

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        wanted = span(self.info(key), start, length)
        return self._pieces(key, wanted)

    def info(self, key: str) -> BlobInfo:
        try:
            state = self._path(key).stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._missing(key) from error
        except OSError as error:
            raise unusable(self._folder, error) from error
        return BlobInfo(key, state.st_size, datetime.fromtimestamp(state.st_mtime, UTC))

    def delete(self, key: str) -> None:
        path = self._path(key)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise unusable(self._folder, error) from error

    def list(self) -> Iterator[BlobInfo]:
        for first in self._entries(self._folder):
            for second in self._entries(first):
                for path in self._entries(second):
                    key = placed_key(path.relative_to(self._folder).as_posix())
                    if key:
                        with contextlib.suppress(NotFound):  # deleted since the folder was read
                            yield self.info(key)

    def file(self, key: str) -> AbstractContextManager[Path]:
        self.info(key)
        return nullcontext(self._path(key))

    def sweep(self, older_than_s: float) -> int:
        """Remove what cut writes left and nothing has touched for so long; returns how many. A write in progress touches its file
        with every piece, so an hour is safe."""
        removed = 0
        before = time.time() - older_than_s
        for path in self._entries(self._folder):
            if path.name.startswith(_UNFINISHED):
                try:
                    if path.stat().st_mtime <= before:
                        path.unlink()
                        removed += 1
                except FileNotFoundError:
                    continue  # its writer finished, or another sweep was faster
                except OSError as error:
                    raise unusable(self._folder, error) from error
        return removed

    def _store(self, source: SourceFile) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        # in the store's own folder: a rename never crosses file systems
        handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=self._folder)
        try:
            with open(handle, "wb") as file:
                while piece := source.read(PIECE_BYTES):
                    file.write(piece)
                file.flush()
                os.chmod(name, 0o644)
                os.fsync(file.fileno())
            key = source.digest.key
            path = self._path(key)
            for folder in (path.parent.parent, path.parent):
                if not folder.is_dir():
                    folder.mkdir(exist_ok=True)
                    _sync(folder.parent)
            # also over the same bytes: that renews the time and mends a damaged blob
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync(path.parent)
        return key

    def _pieces(self, key: str, wanted: range) -> Iterator[bytes]:
        try:
            with self._path(key).open("rb") as file:
                file.seek(wanted.start)
                left = len(wanted)
                while left and (piece := file.read(min(PIECE_BYTES, left))):
                    left -= len(piece)
                    yield piece
        except FileNotFoundError as error:
            raise self._missing(key) from error
        except OSError as error:
            raise unusable(self._folder, error) from error

    def _path(self, key: str) -> Path:
        return self._folder / blob_place(checked_key(key))

    def _entries(self, folder: Path) -> Iterable[Path]:
        try:
            return [Path(entry.path) for entry in os.scandir(folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []  # not made yet, or a file that is not ours
        except OSError as error:
            raise unusable(self._folder, error) from error

    def _missing(self, key: str) -> NotFound:
        return NotFound(f"there is no blob {key} in {self._folder}")


def _sync(folder: Path) -> None:
    """Make a new entry of a folder outlast a loss of power. Windows has no such call and needs none."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
