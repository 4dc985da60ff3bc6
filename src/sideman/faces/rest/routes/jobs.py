"""Jobs of every kind, and batches."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from sideman.app.library.access import Caller
from sideman.app.library.batches import each
from sideman.app.library.queries import JobFilter
from sideman.app.library.studio import Studio
from sideman.app.library.wishes import GenerationWish
from sideman.core.music import StemRole
from sideman.errors import UsageError
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.parameters import Cursor, Id, Limit, of_search
from sideman.faces.rest.shapes import BatchAnalyse, BatchGenerate, BatchShape, BatchTag, BatchTarget, Ident, JobPage, JobShape

router = APIRouter(tags=["jobs"])
MOST_IN_A_BATCH = 10_000
State = Literal["queued", "running", "completed", "failed", "cancelled"]
Kind = Literal["analysis", "separation", "generation", "fit", "mix", "export", "model"]


@router.get("/jobs")
def list_jobs(
    studio: StudioHere, who: Who, state: Annotated[tuple[State, ...], Query()] = (), kind: Annotated[tuple[Kind, ...], Query()] = (),
    recording: Annotated[Ident | None, Query()] = None, limit: Limit = 50, cursor: Cursor = None,
) -> JobPage:  # fmt: skip
    """Newest first."""
    page = studio.jobs.page(who, JobFilter(None, state, kind, recording), limit, cursor)
    return JobPage(items=[JobShape.of(v) for v in studio.jobs.views(page.items)], next_cursor=page.next_cursor)


@router.get("/jobs/{job_id}")
def get_job(studio: StudioHere, who: Who, job_id: Id) -> JobShape:
    """With its tasks."""
    return JobShape.of(studio.jobs.view(studio.jobs.get(who, job_id)))


@router.post("/jobs/{job_id}/cancel")
def cancel_job(studio: StudioHere, who: Who, job_id: Id) -> JobShape:
    return JobShape.of(studio.jobs.view(studio.jobs.cancel(who, job_id)))


@router.post("/jobs/{job_id}/retry", status_code=202)
def retry_job(studio: StudioHere, who: Who, job_id: Id) -> JobShape:
    """A new job that repeats only what was not finished."""
    return JobShape.of(studio.jobs.view(studio.jobs.retry(who, job_id)))


@router.delete("/jobs/{job_id}", status_code=204)
def delete_job(studio: StudioHere, who: Who, job_id: Id) -> None:
    studio.jobs.delete(who, job_id)


@router.post("/batch/analyse", status_code=202)
def batch_analyse(studio: StudioHere, who: Who, wanted: BatchAnalyse) -> BatchShape:
    """Analyse a selection or everything that a search finds. Interactive jobs go before."""
    studio.access.require(who, "editor")
    return BatchShape.of(studio.jobs.batch_analyse(who, _targets(studio, who, wanted), wanted.again))


@router.post("/batch/generate", status_code=202)
def batch_generate(studio: StudioHere, who: Who, wanted: BatchGenerate) -> BatchShape:
    studio.access.require(who, "editor")
    wish = GenerationWish(
        tuple(dict.fromkeys(StemRole.parse(r) for r in wanted.roles)), wanted.style, wanted.seed, prompt=wanted.prompt, temperature=wanted.temperature, energy=wanted.energy
    )  # fmt: skip
    return BatchShape.of(studio.jobs.batch_generate(who, _targets(studio, who, wanted), wish))


@router.post("/batch/trash")
def batch_trash(studio: StudioHere, who: Who, wanted: BatchTarget) -> BatchShape:
    studio.access.require(who, "editor")
    return BatchShape.of(each(_targets(studio, who, wanted), lambda r: studio.recordings.trash(who, r)))


@router.post("/batch/tag")
def batch_tag(studio: StudioHere, who: Who, wanted: BatchTag) -> BatchShape:
    studio.access.require(who, "editor")
    retag = partial(studio.recordings.retag, who, add=tuple(wanted.add), remove=tuple(wanted.remove))
    return BatchShape.of(each(_targets(studio, who, wanted), retag))


@router.post("/batch/export", status_code=202)
def batch_export(studio: StudioHere, who: Who, wanted: BatchTarget) -> BatchShape:
    """A ZIP of stems for each."""
    studio.access.require(who, "editor")
    return BatchShape.of(studio.files.batch_export(who, _targets(studio, who, wanted)))


def _targets(studio: Studio, who: Caller, wanted: BatchTarget) -> tuple[str, ...]:
    if bool(wanted.recording_ids) == (wanted.search is not None):
        raise UsageError("a batch takes recordingIds or a search, one of the two")
    if wanted.search is None:
        return tuple(dict.fromkeys(wanted.recording_ids))
    return studio.recordings.ids(who, of_search(wanted.search), MOST_IN_A_BATCH)
