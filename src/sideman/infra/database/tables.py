"""Every table of the library. A change here needs a migration: `make migration NAME=...`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """A UTC time as seconds since 1970 in double precision: the same order and arithmetic on SQLite and PostgreSQL."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> float | None:
        return None if value is None else value.timestamp()

    def process_result_value(self, value: float | None, dialect: Any) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s",
    }
)  # fmt: skip

Id = sa.String(36)
BlobKey = sa.String(64)


def _byte_ordered(length: int) -> sa.String:
    """Text whose order is that of its bytes on both databases: a range of it is a search for a beginning."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _id() -> sa.Column[Any]:
    return sa.Column("id", Id, primary_key=True)


def _to(target: str, nullable: bool = False, gone: str = "CASCADE") -> sa.Column[Any]:
    name = {
        "users": "owner_id",
        "recordings": "recording_id",
        "jobs": "job_id",
        "generations": "generation_id",
        "collections": "collection_id",
    }
    return sa.Column(name[target], Id, sa.ForeignKey(f"{target}.id", ondelete=gone), nullable=nullable)


users = sa.Table(
    "users", metadata, _id(),
    sa.Column("name", sa.String(100), nullable=False, unique=True),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("disabled_at", Moment),
)  # fmt: skip

api_keys = sa.Table(
    "api_keys", metadata, _id(), _to("users"),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("hint", sa.String(12), nullable=False),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("last_used_at", Moment),
    sa.Column("revoked_at", Moment),
)  # fmt: skip

sessions = sa.Table(
    "sessions", metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey("api_keys.id", ondelete="CASCADE"), nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
)  # fmt: skip

secrets = sa.Table(
    "secrets", metadata, sa.Column("name", sa.String(40), primary_key=True), sa.Column("value", sa.String(200), nullable=False)
)

recordings = sa.Table(
    "recordings", metadata, _id(), _to("users"),
    sa.Column("content_key", BlobKey, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("file_name", sa.String(300), nullable=False),
    sa.Column("container", sa.String(40), nullable=False),
    sa.Column("codec", sa.String(40), nullable=False),
    sa.Column("sample_rate_hz", sa.Integer, nullable=False),
    sa.Column("channels", sa.Integer, nullable=False),
    sa.Column("duration_s", sa.Double, nullable=False),
    sa.Column("title", sa.String(300), nullable=False),
    sa.Column("artist", sa.String(300), nullable=False),
    sa.Column("album", sa.String(300), nullable=False),
    sa.Column("title_sort", _byte_ordered(100), nullable=False),
    sa.Column("artist_sort", _byte_ordered(100), nullable=False),
    sa.Column("album_sort", _byte_ordered(100), nullable=False),
    sa.Column("tempo_bpm", sa.Double),
    sa.Column("key_index", sa.Integer),
    sa.Column("meter", sa.String(10)),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("decoded_key", BlobKey),
    sa.Column("peaks_key", BlobKey),
    sa.Column("artwork_key", BlobKey),
    sa.Column("artwork_type", sa.String(40)),
    sa.Column("added_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("trashed_at", Moment),
    sa.UniqueConstraint("owner_id", "content_key"),
)  # fmt: skip
_HERE = recordings.c.trashed_at.is_(None)
for _sort in ("added_at", "title_sort", "artist_sort", "album_sort", "tempo_bpm", "duration_s", "key_index"):
    # one for a user's own, one for an admin, who sees all: a page is then read from its index without sorting
    for _name, _first in ((f"ix_recordings_owner_id_{_sort}", (recordings.c.owner_id,)), (f"ix_recordings_{_sort}", ())):
        sa.Index(_name, *_first, recordings.c[_sort], recordings.c.id, sqlite_where=_HERE, postgresql_where=_HERE)
sa.Index("ix_recordings_meter", recordings.c.meter)
sa.Index("ix_recordings_status", recordings.c.status)
sa.Index("ix_recordings_content_key", recordings.c.content_key)
_GONE = recordings.c.trashed_at.is_not(None)
sa.Index("ix_recordings_trashed_at", recordings.c.trashed_at, sqlite_where=_GONE, postgresql_where=_GONE)

recording_words = sa.Table(
    "recording_words", metadata,
    sa.Column("word", _byte_ordered(60), primary_key=True),
    sa.Column("recording_id", Id, sa.ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True),
    sa.Index("ix_recording_words_recording_id", "recording_id", "word"),
)  # fmt: skip

recording_tags = sa.Table(
    "recording_tags", metadata,
    sa.Column("recording_id", Id, sa.ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag", sa.String(60), primary_key=True),
    sa.Index("ix_recording_tags_tag", "tag", "recording_id"),
)  # fmt: skip

analyses = sa.Table(
    "analyses", metadata, _id(), _to("recordings"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("engine", sa.String(100), nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("jams_key", BlobKey, nullable=False),
    sa.Column("job_id", Id),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("recording_id", "version"),
)  # fmt: skip

corrections = sa.Table(
    "corrections", metadata, _id(), _to("recordings"),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("values", sa.JSON, nullable=False),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("reverted_at", Moment),
    sa.UniqueConstraint("recording_id", "sequence"),
)  # fmt: skip

generations = sa.Table(
    "generations", metadata, _id(), _to("users"), _to("recordings"),
    sa.Column("job_id", Id),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index("ix_generations_recording_id", "recording_id"),
    sa.Index("ix_generations_owner_id_created_at", "owner_id", "created_at"),
)  # fmt: skip

stems = sa.Table(
    "stems", metadata, _id(), _to("recordings"), _to("generations", nullable=True),
    sa.Column("origin", sa.String(10), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("blob_key", BlobKey, nullable=False),
    sa.Column("container", sa.String(10), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("duration_s", sa.Double, nullable=False),
    sa.Column("midi_key", BlobKey),
    sa.Column("peaks_key", BlobKey),
    sa.Column("tempo_bpm", sa.Double),
    sa.Column("key_index", sa.Integer),
    sa.Column("score", sa.Double),
    sa.Column("verdict", sa.String(20)),
    sa.Column("report", sa.JSON),
    sa.Column("provenance", sa.JSON, nullable=False),
    sa.Column("job_id", Id),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index("ix_stems_recording_id", "recording_id"),
    sa.Index("ix_stems_generation_id", "generation_id"),
    sa.Index("ix_stems_role", "role", "created_at"),
    sa.Index("ix_stems_key_index", "key_index"),
    sa.Index("ix_stems_tempo_bpm", "tempo_bpm"),
    sa.Index("ix_stems_blob_key", "blob_key"),
)  # fmt: skip

mixes = sa.Table(
    "mixes", metadata, _id(), _to("users"), _to("recordings"),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("file_name", sa.String(300), nullable=False),
    sa.Column("job_id", Id),
    sa.Column("blob_key", BlobKey),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("integrated_lufs", sa.Double),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index("ix_mixes_recording_id", "recording_id"),
)  # fmt: skip

collections = sa.Table(
    "collections", metadata, _id(), _to("users"),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)  # fmt: skip

collection_items = sa.Table(
    "collection_items", metadata,
    sa.Column("collection_id", Id, sa.ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("recording_id", Id, sa.ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Index("ix_collection_items_recording_id", "recording_id"),
)  # fmt: skip

shares = sa.Table(
    "shares", metadata, _id(), _to("recordings", nullable=True), _to("collections", nullable=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("access", sa.String(5), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("user_id", "recording_id"),
    sa.UniqueConstraint("user_id", "collection_id"),
)  # fmt: skip

uploads = sa.Table(
    "uploads", metadata, _id(), _to("users"),
    sa.Column("file_name", sa.String(300), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("recording_id", Id),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
)  # fmt: skip

UNFINISHED = ("queued", "running")
jobs = sa.Table(
    "jobs", metadata, _id(), _to("users"),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("recording_id", Id),
    sa.Column("entity_id", Id),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("share", sa.Double, nullable=False),
    sa.Column("step", sa.String(100), nullable=False),
    sa.Column("error", sa.String(1000)),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("idempotency_key", sa.String(200)),
    sa.Column("asked", sa.JSON, nullable=False),
    sa.Column("urgency", sa.String(12), nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("retry_of", Id),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("dispatched_at", Moment),
    sa.Column("started_at", Moment),
    sa.Column("finished_at", Moment),
    sa.Column("updated_at", Moment, nullable=False),
    sa.UniqueConstraint("owner_id", "idempotency_key"),
    sa.Index("ix_jobs_created_at", "created_at", "id"),
    sa.Index("ix_jobs_updated_at", "updated_at"),
    sa.Index("ix_jobs_recording_id", "recording_id"),
    sa.Index("ix_jobs_entity_id", "entity_id"),
    sa.Index("ix_jobs_request_hash", "request_hash"),
    sa.Index("ix_jobs_state_urgency_turn", "state", "urgency", "turn"),
    sa.Index("ix_jobs_owner_id_created_at", "owner_id", "created_at"),
    sa.Index("ix_jobs_owner_id_state_turn", "owner_id", "state", "turn"),
)  # fmt: skip
sa.Index(
    "uq_jobs_request_hash_unfinished", jobs.c.request_hash, unique=True,
    sqlite_where=jobs.c.state.in_(UNFINISHED), postgresql_where=jobs.c.state.in_(UNFINISHED),
)  # fmt: skip

job_tasks = sa.Table(
    "job_tasks", metadata,
    sa.Column("job_id", Id, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("title", sa.String(100), nullable=False),
    sa.Column("work", sa.JSON, nullable=False),
    sa.Column("weight", sa.Double, nullable=False),
    sa.Column("share", sa.Double, nullable=False),
    sa.Column("runs", sa.Integer, nullable=False),
    sa.Column("result", sa.JSON),
    sa.Column("worker", sa.String(200)),
    sa.Column("started_at", Moment),
    sa.Column("finished_at", Moment),
)  # fmt: skip

webhooks = sa.Table(
    "webhooks", metadata, _id(), _to("users"),
    sa.Column("url", sa.String(1000), nullable=False),
    sa.Column("secret", sa.String(100), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)  # fmt: skip

deliveries = sa.Table(
    "deliveries", metadata, _id(),
    sa.Column("webhook_id", Id, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    sa.Column("job_id", Id, nullable=False),
    sa.Column("event", sa.String(20), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", Moment, nullable=False),
    sa.Column("delivered_at", Moment),
    sa.Column("error", sa.String(300)),
    sa.UniqueConstraint("webhook_id", "job_id", "event"),
    sa.Index("ix_deliveries_next_at", "next_at"),
)  # fmt: skip
