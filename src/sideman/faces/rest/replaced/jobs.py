"""/api/jobs of the replaced system: analysis and generation jobs only, as its enums are closed. All kinds are under /api/v1/jobs."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query

from sideman.app.library.access import Caller
from sideman.app.library.jobs import ANALYSIS, GENERATION
from sideman.app.library.queries import JobFilter
from sideman.app.library.studio import Studio
from sideman.errors import NotFound
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.parameters import Id, Skip, Take
from sideman.faces.rest.replaced.shapes import STATE_OF, Job, JobStatistics, JobStatus, JobType

router = APIRouter(prefix="/api/jobs", tags=["replaced API"])
KINDS = (ANALYSIS, GENERATION)


def _visible(studio: Studio, who: Caller, job_id: str) -> Job:
    job = studio.jobs.get(who, job_id)
    if job.kind not in KINDS:
        raise NotFound("there is no such job: it may have been deleted")
    return Job.of(studio.jobs.view(job))


@router.get("")
def list_jobs(
    studio: StudioHere, who: Who, status: Annotated[JobStatus | None, Query()] = None,
    job_type: Annotated[JobType | None, Query(alias="type")] = None, skip: Skip = 0, take: Take = 50,
) -> list[Job]:  # fmt: skip
    """Newest first."""
    states = (STATE_OF[status],) if status else ()
    wanted = JobFilter(None, states, (job_type.lower(),) if job_type else KINDS)
    return [Job.of(v) for v in studio.jobs.views(studio.jobs.offset_page(who, wanted, skip, take))]


@router.get("/stats")
def statistics(studio: StudioHere, who: Who) -> JobStatistics:
    counts = studio.jobs.counts(who, JobFilter(kinds=KINDS))
    states, kinds = Counter[str](), Counter[str]()
    for c in counts:
        states[c.state] += c.jobs
        kinds[c.kind] += c.jobs
    done = [(c.jobs, c.mean_run_s) for c in counts if c.state == "completed"]
    average = sum(n * s for n, s in done) / states["completed"] if states["completed"] else 0.0
    return JobStatistics(
        total_jobs=states.total(), pending_jobs=states["queued"], running_jobs=states["running"], completed_jobs=states["completed"],
        failed_jobs=states["failed"], cancelled_jobs=states["cancelled"], analysis_jobs=kinds[ANALYSIS], generation_jobs=kinds[GENERATION],
        average_completion_time_seconds=average,
    )  # fmt: skip


@router.get("/entity/{entity_id}")
def list_of_entity(studio: StudioHere, who: Who, entity_id: Id) -> list[Job]:
    """Jobs of a recording or of a generation."""
    return [Job.of(v) for v in studio.jobs.views([j for j in studio.jobs.of_entity(who, entity_id) if j.kind in KINDS])]


@router.get("/{job_id}")
def get_job(studio: StudioHere, who: Who, job_id: Id) -> Job:
    return _visible(studio, who, job_id)


@router.post("/{job_id}/cancel")
def cancel(studio: StudioHere, who: Who, job_id: Id) -> Job:
    _visible(studio, who, job_id)
    return Job.of(studio.jobs.view(studio.jobs.cancel(who, job_id)))


@router.post("/{job_id}/retry")
def retry(studio: StudioHere, who: Who, job_id: Id) -> Job:
    """A new job; it keeps counting attempts."""
    _visible(studio, who, job_id)
    return Job.of(studio.jobs.view(studio.jobs.retry(who, job_id)))


@router.delete("/{job_id}", status_code=204)
def delete(studio: StudioHere, who: Who, job_id: Id) -> None:
    _visible(studio, who, job_id)
    studio.jobs.delete(who, job_id)
