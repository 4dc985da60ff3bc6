"""The library's tables and the questions asked of them; SQLite and PostgreSQL."""

from sideman.infra.database.engine import Database, journal_mode, new_id, now, wal_is_safe
from sideman.infra.database.jobs import BATCH, INTERACTIVE, LONGEST_STEP, JobCount, JobFilter, Jobs, NewJob, Quota, Submitted
from sideman.infra.database.migrating import migrate
from sideman.infra.database.paging import MAX_PAGE, Page
from sideman.infra.database.people import People
from sideman.infra.database.recordings import RecordingQuery, Recordings, Scope, Sort
from sideman.infra.database.records import (
    AnalysisRecord,
    ApiKeyRecord,
    CollectionRecord,
    CorrectionRecord,
    DeliveryRecord,
    GenerationRecord,
    JobRecord,
    Json,
    MixRecord,
    RecordingRecord,
    ShareRecord,
    StemRecord,
    TaskRecord,
    UploadRecord,
    UserRecord,
    WebhookRecord,
)
from sideman.infra.database.results import GenerationQuery, Results, StemQuery
from sideman.infra.database.transfers import Transfers

__all__ = [
    "BATCH", "INTERACTIVE", "LONGEST_STEP", "MAX_PAGE", "AnalysisRecord", "ApiKeyRecord", "CollectionRecord", "CorrectionRecord", "Database",
    "DeliveryRecord", "GenerationQuery", "GenerationRecord", "JobCount", "JobFilter", "JobRecord", "Jobs", "Json", "MixRecord", "NewJob", "Page", "People",
    "Quota", "RecordingQuery", "RecordingRecord", "Recordings", "Results", "Scope", "ShareRecord", "Sort", "StemQuery", "StemRecord", "Submitted",
    "TaskRecord", "Transfers", "UploadRecord", "UserRecord", "WebhookRecord", "journal_mode", "migrate", "new_id", "now", "wal_is_safe",
]  # fmt: skip
