"""What the tables hold, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")
Json = dict[str, Any]


def as_record(kind: type[T], row: sa.Row[Any], **more: Any) -> T:
    """A row as a record: columns by the names of its fields."""
    values = row._mapping
    return kind(**{f.name: values[f.name] for f in fields(kind) if f.name in values and f.name not in more}, **more)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class UserRecord:
    """role: admin, editor or viewer."""

    id: str
    name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """hint: the first characters of the key, to tell keys apart. The key itself is kept nowhere."""

    id: str
    owner_id: str
    name: str
    hint: str
    role: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """key_index: see Key.index. status: uploaded, analyzing, analyzed, failed. *_key: blobs."""

    id: str
    owner_id: str
    content_key: str
    size_bytes: int
    file_name: str
    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    duration_s: float
    title: str
    artist: str
    album: str
    tempo_bpm: float | None
    key_index: int | None
    meter: str | None
    status: str
    decoded_key: str | None
    peaks_key: str | None
    artwork_key: str | None
    artwork_type: str | None
    added_at: datetime
    updated_at: datetime
    trashed_at: datetime | None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnalysisRecord:
    id: str
    recording_id: str
    version: int
    engine: str
    parameters: Json
    jams_key: str
    job_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CorrectionRecord:
    id: str
    recording_id: str
    sequence: int
    kind: str
    values: Json
    user_id: str
    created_at: datetime
    reverted_at: datetime | None


@dataclass(frozen=True, slots=True)
class StemRecord:
    """origin: separated, part (of a stem), excerpt (of a preview), generated, fitted, imported. container: flac or wav. report: the fit report of a generated stem."""

    id: str
    recording_id: str
    generation_id: str | None
    origin: str
    role: str
    name: str
    blob_key: str
    container: str
    size_bytes: int
    duration_s: float
    midi_key: str | None
    peaks_key: str | None
    tempo_bpm: float | None
    key_index: int | None
    score: float | None
    verdict: str | None
    report: Json | None
    provenance: Json
    job_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    id: str
    owner_id: str
    recording_id: str
    job_id: str | None
    roles: list[str]
    parameters: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MixRecord:
    """A file made on demand. kind: mix (lanes summed) or stems (a ZIP of everything)."""

    id: str
    owner_id: str
    recording_id: str
    kind: str
    request: Json
    file_name: str
    job_id: str | None
    blob_key: str | None
    size_bytes: int | None
    integrated_lufs: float | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """access: of who asks for it: own, write or read."""

    id: str
    owner_id: str
    name: str
    created_at: datetime
    recording_ids: tuple[str, ...] = ()
    access: str = "own"


@dataclass(frozen=True, slots=True)
class ShareRecord:
    """access: read or write; user_name: with whom."""

    id: str
    recording_id: str | None
    collection_id: str | None
    user_id: str
    access: str
    created_at: datetime
    user_name: str = ""


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """recording_id is set once the whole file has become a recording."""

    id: str
    owner_id: str
    file_name: str
    size_bytes: int
    recording_id: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One step of a job. work: what is done to what, equal for tasks that do the same. runs: how often it was begun."""

    job_id: str
    name: str
    title: str
    work: Json
    weight: float
    share: float
    runs: int
    result: Json | None
    worker: str | None
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """state: queued, running, completed, failed, cancelled. share 0..1. turn: place in the fair order, see Jobs.submit."""

    id: str
    owner_id: str
    kind: str
    recording_id: str | None
    entity_id: str | None
    state: str
    share: float
    step: str
    error: str | None
    request: Json
    request_hash: str
    idempotency_key: str | None
    asked: Json
    urgency: str
    turn: int
    attempt: int
    retry_of: str | None
    created_at: datetime
    dispatched_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    tasks: tuple[TaskRecord, ...] = field(default=())

    @property
    def unfinished(self) -> bool:
        return self.state in ("queued", "running")


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    id: str
    owner_id: str
    url: str
    secret: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    id: str
    webhook_id: str
    job_id: str
    event: str
    attempts: int
    next_at: datetime
    delivered_at: datetime | None
    error: str | None
