"""The questions that faces may ask of the library, as values: what `infra` understands, offered upwards."""

from sideman.infra.database import (
    MAX_PAGE,
    GenerationRecord,
    JobFilter,
    JobRecord,
    MixRecord,
    Page,
    RecordingQuery,
    RecordingRecord,
    Sort,
    StemQuery,
    StemRecord,
)

__all__ = [
    "MAX_PAGE", "GenerationRecord", "JobFilter", "JobRecord", "MixRecord", "Page", "RecordingQuery", "RecordingRecord", "Sort", "StemQuery", "StemRecord",
]  # fmt: skip
