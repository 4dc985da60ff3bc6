"""Jobs that end before their time, and what their recordings say then."""

from __future__ import annotations

import logging

from sideman.app.library.services import Services
from sideman.errors import ServiceUnavailable
from sideman.infra.database import JobRecord

log = logging.getLogger("sideman.jobs")


def cancel(services: Services, job: JobRecord) -> bool:
    """False when it was finished already."""
    if services.jobs.finish(job.id, "cancelled") is None:
        return False
    settle(services, services.jobs.get(job.id))
    try:
        services.queue.cancel(job.id)
    except ServiceUnavailable as error:  # its tasks ask the library before they begin
        log.warning("job %s is cancelled, but the queue does not know yet: %s", job.id, error)
    return True


def cancel_all_of(services: Services, recording_id: str) -> None:
    """Of everybody: the recording is about to be deleted."""
    for job in services.jobs.unfinished_of(recording_id):
        cancel(services, job)


def settle(services: Services, job: JobRecord) -> None:
    """A recording whose analysis ended without a result gets its former status back, unless another analysis of it goes on."""
    if job.kind == "analysis" and job.recording_id and job.state in ("failed", "cancelled"):
        analysed = services.results.analysis(job.recording_id) is not None
        status = "analyzed" if analysed else "failed" if job.state == "failed" else "uploaded"
        services.recordings.set_status((job.recording_id,), status, analysing=False)
