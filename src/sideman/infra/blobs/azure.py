"""Blobs in a container of Azure Blob Storage, or of its emulator Azurite."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from sideman.errors import MissingAsset, NotFound, ServiceUnavailable, UsageError
from sideman.infra.blobs.store import (
    PIECE_BYTES,
    BlobInfo,
    Digest,
    SourceFile,
    blob_place,
    checked_key,
    file_digest,
    first_line,
    parsed_location,
    placed_key,
    span,
    temporary_copy,
)

try:
    from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
    from azure.storage.blob import BlobClient, BlobServiceClient, LinearRetry
except ImportError as missing:
    raise MissingAsset("azure:// needs a library that is not installed: run `pip install 'sideman[azure]'`") from missing

_BLOCK_BYTES = 4 << 20  # below the library's threshold of 4 MiB + 1, it sends whole blocks from memory and may send one again
_READ_BYTES = 2 << 20  # the library holds several times what one request brings
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
_ACCOUNT = "AZURE_STORAGE_CONNECTION_STRING"


class AzureBlobStore:
    """A blob is the block blob <prefix>ab/cd/abcd..., which appears when its last block is committed. The first put makes the container."""

    def __init__(self, service: BlobServiceClient, container: str, prefix: str) -> None:
        self._container, self._prefix = service.get_container_client(container), prefix

    @classmethod
    def open(cls, url: str) -> AzureBlobStore:
        """`azure://container[/prefix][?account_url=https://NAME.blob.core.windows.net]`; connects to nothing."""
        where = parsed_location(url, {"account_url"})
        if not _CONTAINER.fullmatch(where.container):
            raise UsageError(f"azure://{where.container} is no container name: use 3 to 63 lower-case letters, digits and single hyphens")
        # a store that is gone answers with an error in about 20 s, one that hangs in about a minute
        options: dict[str, Any] = {
            "retry_policy": LinearRetry(backoff=1, retry_total=2, random_jitter_range=0),
            "connection_timeout": 5,
            "read_timeout": 20,
            "max_single_put_size": _BLOCK_BYTES,
            "max_block_size": _BLOCK_BYTES,
            "max_single_get_size": _READ_BYTES,
        }
        account_url, account = where.options.get("account_url"), os.environ.get(_ACCOUNT)
        try:
            if account_url:
                service = BlobServiceClient(account_url, credential=_identity(), **options)
            elif account:
                service = BlobServiceClient.from_connection_string(account, **options)
            else:
                raise UsageError(f"azure:// has no account: set {_ACCOUNT}, or add ?account_url=URL and install azure-identity")
        except ValueError as error:  # without the text, which may repeat a key
            raise UsageError(f"{'account_url' if account_url else _ACCOUNT} names no account: copy it from the Azure portal") from error
        return cls(service, where.container, where.prefix)

    def put(self, source: Path) -> str:
        digest = file_digest(source)
        with self._answering(None):
            if not self._renew(digest):
                try:
                    self._upload(source, digest)
                except ResourceNotFoundError:
                    with contextlib.suppress(ResourceExistsError):  # another process was faster
                        self._container.create_container()
                    self._upload(source, digest)
        return digest.key

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return self._pieces(key, span(self.info(key), start, length))

    def info(self, key: str) -> BlobInfo:
        with self._answering(key):
            state = self._blob(key).get_blob_properties()
            return BlobInfo(key, state.size, state.last_modified)

    def delete(self, key: str) -> None:
        blob = self._blob(key)
        with self._answering(key):
            try:
                blob.delete_blob(delete_snapshots="include")
            except ResourceNotFoundError:
                return

    def list(self) -> Iterator[BlobInfo]:
        found = iter(self._container.list_blobs(name_starts_with=self._prefix))
        while True:
            with self._answering(None):
                try:
                    state = next(found, None)
                except ResourceNotFoundError:
                    return  # no put has made the container yet
            if state is None:
                return
            key = placed_key(state.name.removeprefix(self._prefix))
            if key:
                yield BlobInfo(key, state.size, state.last_modified)

    def file(self, key: str) -> AbstractContextManager[Path]:
        return temporary_copy(key, self.read(key))

    def _renew(self, digest: Digest) -> bool:
        """Whether the blob is there already; its time is then that of now."""
        blob = self._blob(digest.key)
        try:
            if blob.get_blob_properties().size != digest.size_bytes:
                return False
            blob.set_blob_metadata({})
        except ResourceNotFoundError:
            return False
        return True

    def _upload(self, source: Path, digest: Digest) -> None:
        with SourceFile(source, digest) as file:
            blob = self._blob(digest.key)
            try:
                blob.upload_blob(cast("IO[bytes]", file), length=digest.size_bytes, overwrite=True, max_concurrency=2)
            except HttpResponseError as error:
                # the blocks are gone when another put of the same bytes committed first: then the blob is there
                if getattr(error, "error_code", None) != "InvalidBlockList" or not self._renew(digest):
                    raise

    def _pieces(self, key: str, wanted: range) -> Iterator[bytes]:
        # one request for each block, since a download in one would stop when a second put renews the blob's time
        for start in wanted[::_READ_BYTES]:
            with self._answering(key):
                block = self._blob(key).download_blob(offset=start, length=min(_READ_BYTES, wanted.stop - start)).readall()
            for at in range(0, len(block), PIECE_BYTES):
                yield block[at : at + PIECE_BYTES]

    def _blob(self, key: str) -> BlobClient:
        return self._container.get_blob_client(self._prefix + blob_place(checked_key(key)))

    @contextmanager
    def _answering(self, key: str | None) -> Iterator[None]:
        """Translate what the library raises; without a key, what is missing is the store's business and not the caller's."""
        name = self._container.container_name
        try:
            yield
        except AzureError as error:
            if key and isinstance(error, ResourceNotFoundError):
                raise NotFound(f"there is no blob {key} in the Azure container {name}") from error
            raise ServiceUnavailable(
                f"the Azure container {name} does not answer as it should ({first_line(error)}): check the account and the network, try again"
            ) from error


def _identity() -> Any:
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError as missing:
        raise UsageError(f"?account_url needs `pip install azure-identity`: install it, or set {_ACCOUNT} instead") from missing
    return DefaultAzureCredential()
