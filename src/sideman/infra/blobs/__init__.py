"""Content-addressed bytes: a blob's key is the SHA-256 of what it holds. One protocol; a folder, Azure Blob or S3 behind it."""

from sideman.infra.blobs.store import BlobInfo, BlobStore, blob_key, open_blob_store

__all__ = ["BlobInfo", "BlobStore", "blob_key", "open_blob_store"]
