"""What a library needs now and then: bytes verified, trash emptied, what nothing uses removed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sideman.app.library.ending import cancel_all_of
from sideman.app.library.services import Services
from sideman.errors import NotFound
from sideman.infra.blobs.local import LocalBlobStore
from sideman.infra.blobs.measured import MeasuredBlobStore
from sideman.infra.database import now

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Verified:
    """damaged: bytes that no longer have the hash in their name. missing: used by the library and not there. unused: used by nothing."""

    blobs: int
    size_bytes: int
    damaged: tuple[str, ...]
    missing: tuple[str, ...]
    unused: int
    unused_bytes: int

    @property
    def sound(self) -> bool:
        return not self.damaged and not self.missing


class Housekeeping:
    def __init__(self, services: Services) -> None:
        self._s = services

    def verify(self, progress: Callable[[str, float], None] = lambda step, share: None) -> Verified:
        """Hash every blob again and compare with what the library uses."""
        used = self._s.transfers.used_blobs()
        blobs = sorted(self._s.blobs.list(), key=lambda b: b.key)
        damaged, done, total = [], 0, sum(b.size_bytes for b in blobs) or 1
        for blob in blobs:
            sum_now = hashlib.sha256()
            try:
                for piece in self._s.blobs.read(blob.key):
                    sum_now.update(piece)
            except NotFound:
                continue  # deleted while we looked
            if sum_now.hexdigest() != blob.key:
                damaged.append(blob.key)
            done += blob.size_bytes
            progress("verify", done / total)
        there = {b.key for b in blobs}
        unused = [b for b in blobs if b.key not in used]
        return Verified(
            len(blobs), sum(b.size_bytes for b in blobs), tuple(damaged), tuple(sorted(used - there)), len(unused),
            sum(b.size_bytes for b in unused),
        )  # fmt: skip

    def empty_trash(self) -> int:
        """Delete what has been in the trash for the time of the settings."""
        before = now() - timedelta(seconds=self._s.settings.retention.trash_s)
        gone = self._s.recordings.trashed_before(before)
        for recording_id in gone:
            cancel_all_of(self._s, recording_id)
        return sum(self._s.recordings.delete_trashed(i, before) for i in gone)

    def sweep_blobs(self) -> int:
        """Remove bytes that nothing uses and that are older than the grace period: younger ones may be on their way into a row."""
        before = now() - timedelta(seconds=self._s.settings.retention.blob_grace_s)
        old = [b for b in self._s.blobs.list() if b.modified_at < before]
        used = self._s.transfers.used_blobs()  # after the list: what came into use meanwhile is in it
        removed = 0
        for blob in old:
            if blob.key not in used and self._still_old(blob.key, before):  # asked right before: a list of them would age
                self._s.blobs.delete(blob.key)
                removed += 1
        store = self._s.blobs.inner if isinstance(self._s.blobs, MeasuredBlobStore) else self._s.blobs
        if isinstance(store, LocalBlobStore):
            store.sweep(max(HOUR_S, self._s.settings.retention.blob_grace_s))
        return removed

    def _still_old(self, key: str, before: datetime) -> bool:
        """Adding the same bytes again renews a blob."""
        try:
            return self._s.blobs.info(key).modified_at < before
        except NotFound:
            return False

    def forget_jobs(self) -> int:
        """Remove jobs that ended longer ago than the settings keep them."""
        ids = self._s.jobs.finished_before(now() - timedelta(seconds=self._s.settings.retention.jobs_s))
        if ids:
            self._s.queue.forget(ids)
            self._s.jobs.delete(ids)
        return len(ids)
