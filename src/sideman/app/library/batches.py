"""The same thing done to many recordings, each on its own: what fails for one does not keep the others back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sideman.errors import ServiceUnavailable, SidemanError
from sideman.infra.database import JobRecord


@dataclass(frozen=True, slots=True)
class BatchItem:
    """What came of one recording of a batch: a job or nothing to wait for, or the sentence that says why not."""

    recording_id: str
    job: JobRecord | None = None
    error: str | None = None


def each(recording_ids: Sequence[str], do: Callable[[str], object]) -> tuple[BatchItem, ...]:
    """Raises ServiceUnavailable: then nothing more would succeed."""
    return tuple(_one(recording_id, do) for recording_id in dict.fromkeys(recording_ids))


def _one(recording_id: str, do: Callable[[str], object]) -> BatchItem:
    try:
        done = do(recording_id)
    except ServiceUnavailable:
        raise
    except SidemanError as error:
        return BatchItem(recording_id, error=str(error))
    return BatchItem(recording_id, done if isinstance(done, JobRecord) else None)
