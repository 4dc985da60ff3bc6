"""Blobs in a bucket of Amazon S3, or of anything that speaks its protocol (MinIO, Ceph, Cloudflare R2)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

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
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError as missing:
    raise MissingAsset("s3:// needs a library that is not installed: run `pip install 'sideman[s3]'`") from missing

_PART_BYTES = 8 << 20
_MOST_PARTS = 10_000  # of one upload; the store's own limit
_MOST_COPY_BYTES = 5 << 30  # that the store copies in one call
_GONE = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


class S3BlobStore:
    """A blob is the object <prefix>ab/cd/abcd..., which appears when its upload is completed. The first put makes the bucket.

    A killed upload leaves parts that are not listed but paid for: give the bucket a rule that aborts incomplete multipart uploads.
    """

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client, self._bucket, self._prefix = client, bucket, prefix

    @classmethod
    def open(cls, url: str) -> S3BlobStore:
        """`s3://bucket[/prefix][?endpoint=URL&region=NAME]`, credentials as boto3 finds them; connects to nothing."""
        where = parsed_location(url, {"endpoint", "region"})
        endpoint = where.options.get("endpoint")
        config = Config(
            # a store that is gone answers with an error in about 20 s, one that hangs in about a minute
            connect_timeout=5,
            read_timeout=20,
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": "path" if endpoint else "auto"},
            # newer checksums only where needed: stores that are not Amazon's refuse them
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        try:
            session = boto3.session.Session(region_name=where.options.get("region"))
            client = session.client("s3", endpoint_url=endpoint, region_name=session.region_name or "us-east-1", config=config)
        except (BotoCoreError, ValueError) as error:
            raise UsageError(
                f"s3://{where.container} cannot be opened ({first_line(error)}): check endpoint, region and AWS_PROFILE"
            ) from error
        return cls(client, where.container, where.prefix)

    def put(self, source: Path) -> str:
        digest = file_digest(source)
        with self._answering(None):
            if not self._renew(digest):
                try:
                    self._upload(source, digest)
                except ClientError as error:
                    if _code(error) != "NoSuchBucket":
                        raise
                    self._make_bucket()
                    self._upload(source, digest)
        return digest.key

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return self._pieces(key, span(self.info(key), start, length))

    def info(self, key: str) -> BlobInfo:
        with self._answering(key):
            state = self._client.head_object(**self._at(key))
            return BlobInfo(key, state["ContentLength"], state["LastModified"])

    def delete(self, key: str) -> None:
        at = self._at(key)
        with contextlib.suppress(NotFound), self._answering(key):
            self._client.delete_object(**at)

    def list(self) -> Iterator[BlobInfo]:
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix))
        while True:
            with self._answering(None):
                try:
                    page = next(pages, None)
                except ClientError as error:
                    if _code(error) != "NoSuchBucket":  # no put has made it yet
                        raise
                    page = None
            if page is None:
                return
            for state in page.get("Contents", []):
                key = placed_key(state["Key"].removeprefix(self._prefix))
                if key:
                    yield BlobInfo(key, state["Size"], state["LastModified"])

    def file(self, key: str) -> AbstractContextManager[Path]:
        return temporary_copy(key, self.read(key))

    def _upload(self, source: Path, digest: Digest) -> None:
        with SourceFile(source, digest) as file:
            if digest.size_bytes <= _PART_BYTES:
                self._client.put_object(Body=file.read(), **self._at(digest.key))
            else:
                self._upload_parts(file, digest)

    def _upload_parts(self, file: SourceFile, digest: Digest) -> None:
        """One part after the other, so that one is all that memory holds."""
        at = self._at(digest.key)
        part_bytes = max(_PART_BYTES, -(-digest.size_bytes // _MOST_PARTS))
        upload = self._client.create_multipart_upload(**at)["UploadId"]
        parts: list[dict[str, Any]] = []
        try:
            while piece := file.read(part_bytes):
                number = len(parts) + 1
                etag = self._client.upload_part(Body=piece, PartNumber=number, UploadId=upload, **at)["ETag"]
                parts.append({"ETag": etag, "PartNumber": number})
            self._client.complete_multipart_upload(UploadId=upload, MultipartUpload={"Parts": parts}, **at)
        except BaseException:
            with contextlib.suppress(BotoCoreError, ClientError):  # what went wrong first is what to tell
                self._client.abort_multipart_upload(UploadId=upload, **at)
            raise

    def _renew(self, digest: Digest) -> bool:
        """Whether the object is there already; its time is then that of now, for which S3 has only a copy onto itself."""
        at = self._at(digest.key)
        try:
            size = self._client.head_object(**at)["ContentLength"]
            if size != digest.size_bytes or size > _MOST_COPY_BYTES:
                return False
            self._client.copy_object(CopySource={"Bucket": self._bucket, "Key": at["Key"]}, MetadataDirective="REPLACE", **at)
        except ClientError as error:
            if _code(error) in _GONE:
                return False
            raise
        return True

    def _make_bucket(self) -> None:
        region = self._client.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._client.create_bucket(Bucket=self._bucket, **place)
        except ClientError as error:
            if _code(error) != "BucketAlreadyOwnedByYou":  # made by another process that was faster
                raise

    def _pieces(self, key: str, wanted: range) -> Iterator[bytes]:
        if not wanted:
            return  # S3 has no way to ask for no bytes
        with self._answering(key):
            body = self._client.get_object(Range=f"bytes={wanted.start}-{wanted.stop - 1}", **self._at(key))["Body"]
        with contextlib.closing(body):
            while True:
                with self._answering(key):
                    piece = body.read(PIECE_BYTES)
                if not piece:
                    return
                yield piece

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + blob_place(checked_key(key))}

    @contextmanager
    def _answering(self, key: str | None) -> Iterator[None]:
        """Translate what the library raises; without a key, what is missing is the store's business and not the caller's."""
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            if key and isinstance(error, ClientError) and _code(error) in _GONE:
                raise NotFound(f"there is no blob {key} in the S3 bucket {self._bucket}") from error
            raise ServiceUnavailable(
                f"the S3 bucket {self._bucket} does not answer as it should ({first_line(error)}): "
                "check the credentials and the network, try again"
            ) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
