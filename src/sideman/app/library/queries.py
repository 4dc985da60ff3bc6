"""The questions that faces may ask of the library, as values: what `infra` understands, offered upwards."""

from sideman.infra.database import MAX_PAGE, JobFilter, Page, RecordingQuery, RecordingRecord, Sort, StemQuery, StemRecord

__all__ = ["MAX_PAGE", "JobFilter", "Page", "RecordingQuery", "RecordingRecord", "Sort", "StemQuery", "StemRecord"]
