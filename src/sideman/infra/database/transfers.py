"""Unfinished uploads, webhooks and their deliveries, and the blobs that rows still use."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sideman.errors import NotFound
from sideman.infra.database.engine import Database, new_id, now
from sideman.infra.database.records import DeliveryRecord, UploadRecord, WebhookRecord, as_record
from sideman.infra.database.tables import analyses, deliveries, job_tasks, jobs, mixes, recordings, stems, uploads, webhooks


class Transfers:
    def __init__(self, database: Database) -> None:
        self._db = database

    # uploads

    def add_upload(self, owner_id: str, file_name: str, size_bytes: int, expires_at: datetime) -> UploadRecord:
        record = UploadRecord(new_id(), owner_id, file_name, size_bytes, None, now(), expires_at)
        with self._db.write() as c:
            c.execute(sa.insert(uploads).values(**{f: getattr(record, f) for f in UploadRecord.__slots__}))
        return record

    def upload(self, upload_id: str) -> UploadRecord:
        with self._db.read() as c:
            row = c.execute(sa.select(uploads).where(uploads.c.id == upload_id)).first()
        if row is None:
            raise NotFound("there is no such upload: it has expired or was ended, begin a new one")
        return as_record(UploadRecord, row)

    def complete_upload(self, upload_id: str, recording_id: str) -> None:
        with self._db.write() as c:
            c.execute(sa.update(uploads).where(uploads.c.id == upload_id).values(recording_id=recording_id))

    def delete_upload(self, upload_id: str) -> None:
        with self._db.write() as c:
            c.execute(sa.delete(uploads).where(uploads.c.id == upload_id))

    def expired_uploads(self, moment: datetime) -> tuple[str, ...]:
        with self._db.read() as c:
            return tuple(c.scalars(sa.select(uploads.c.id).where(uploads.c.expires_at < moment)))

    def pending_bytes(self, owner_id: str) -> int:
        with self._db.read() as c:
            query = sa.select(sa.func.coalesce(sa.func.sum(uploads.c.size_bytes), 0))
            return int(c.scalar(query.where(uploads.c.owner_id == owner_id, uploads.c.recording_id.is_(None))) or 0)

    # webhooks

    def add_webhook(self, owner_id: str, url: str, secret: str) -> WebhookRecord:
        record = WebhookRecord(new_id(), owner_id, url, secret, now())
        with self._db.write() as c:
            c.execute(sa.insert(webhooks).values(**{f: getattr(record, f) for f in WebhookRecord.__slots__}))
        return record

    def webhooks(self, owner_id: str | None) -> tuple[WebhookRecord, ...]:
        query = sa.select(webhooks).order_by(webhooks.c.created_at)
        query = query.where(webhooks.c.owner_id == owner_id) if owner_id else query
        with self._db.read() as c:
            return tuple(as_record(WebhookRecord, row) for row in c.execute(query))

    def webhook(self, webhook_id: str) -> WebhookRecord:
        with self._db.read() as c:
            row = c.execute(sa.select(webhooks).where(webhooks.c.id == webhook_id)).first()
        if row is None:
            raise NotFound("there is no such webhook")
        return as_record(WebhookRecord, row)

    def delete_webhook(self, webhook_id: str) -> None:
        with self._db.write() as c:
            c.execute(sa.delete(webhooks).where(webhooks.c.id == webhook_id))

    def add_deliveries(self, owner_id: str, job_id: str, event: str) -> None:
        """One for each webhook of the owner, once per job and event."""
        with self._db.write() as c:
            self._db.alone(c, job_id)
            there = set(c.scalars(sa.select(deliveries.c.webhook_id).where(deliveries.c.job_id == job_id, deliveries.c.event == event)))
            hooks = c.scalars(sa.select(webhooks.c.id).where(webhooks.c.owner_id == owner_id)).all()
            rows: list[dict[str, Any]] = [
                {"id": new_id(), "webhook_id": h, "job_id": job_id, "event": event, "attempts": 0, "next_at": now()}
                for h in hooks
                if h not in there
            ]
            if rows:
                c.execute(sa.insert(deliveries), rows)

    def due_deliveries(self, limit: int, lease_until: datetime) -> tuple[DeliveryRecord, ...]:
        """Take what is due; nobody else takes it before `lease_until`."""
        due = sa.select(deliveries).where(deliveries.c.delivered_at.is_(None), deliveries.c.next_at <= now())
        with self._db.write() as c:
            rows = c.execute(due.order_by(deliveries.c.next_at).limit(limit).with_for_update(skip_locked=True)).all()
            if rows:
                taken = sa.update(deliveries).where(deliveries.c.id.in_([r.id for r in rows]))
                c.execute(taken.values(next_at=lease_until, attempts=deliveries.c.attempts + 1))
            return tuple(as_record(DeliveryRecord, row) for row in rows)

    def settle_delivery(self, delivery_id: str, error: str | None, next_at: datetime) -> None:
        values = {"delivered_at": now(), "error": None} if error is None else {"error": error[:300], "next_at": next_at}
        with self._db.write() as c:
            c.execute(sa.update(deliveries).where(deliveries.c.id == delivery_id).values(**values))

    def deliveries(self, webhook_id: str) -> tuple[DeliveryRecord, ...]:
        query = sa.select(deliveries).where(deliveries.c.webhook_id == webhook_id).order_by(deliveries.c.next_at.desc()).limit(100)
        with self._db.read() as c:
            return tuple(as_record(DeliveryRecord, row) for row in c.execute(query))

    # blobs

    def used_blobs(self) -> frozenset[str]:
        """Keys that any row uses; also what unfinished and failed jobs work on and have made so far, so that they or a retry find it."""
        columns = (
            recordings.c.content_key, recordings.c.decoded_key, recordings.c.peaks_key, recordings.c.artwork_key,
            analyses.c.jams_key, stems.c.blob_key, stems.c.midi_key, stems.c.peaks_key, mixes.c.blob_key,
        )  # fmt: skip
        used: set[str] = set()
        with self._db.read() as c:
            for column in columns:
                used.update(k for k in c.scalars(sa.select(column).where(column.is_not(None)).distinct()))
            open_work = sa.select(job_tasks.c.result, job_tasks.c.work).join(jobs, jobs.c.id == job_tasks.c.job_id)
            for row in c.execute(open_work.where(jobs.c.state != "completed")):
                used.update(_keys_in(row.result), _keys_in(row.work))
        return frozenset(used)


_KEY = re.compile(r"[0-9a-f]{64}")


def _keys_in(value: object) -> set[str]:
    if isinstance(value, dict):
        return set().union(*(_keys_in(v) for v in value.values()), set())
    if isinstance(value, list):
        return set().union(*(_keys_in(v) for v in value), set())
    return {value} if isinstance(value, str) and _KEY.fullmatch(value) else set()
