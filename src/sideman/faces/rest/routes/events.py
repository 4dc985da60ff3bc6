"""Server-sent events: the progress of jobs as it happens."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from sideman.app.library.access import Caller
from sideman.app.library.jobs import JobView, eta_s
from sideman.app.library.queries import JobFilter
from sideman.app.library.studio import Studio
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.parameters import Id
from sideman.faces.rest.shapes import JobShape

router = APIRouter(tags=["events"])
KEEP_ALIVE_S = 15.0
SNAPSHOT = 200
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "description": "An event `job` for each unfinished job at the start and for every change after that; data is a Job",
    }
}


@router.get("/events", responses=STREAM, response_class=StreamingResponse)
async def all_events(studio: StudioHere, who: Who) -> StreamingResponse:
    """All jobs that the caller may see. Begins with those that are not finished, so that a reconnect misses nothing."""
    return _stream(studio, who, None)


@router.get("/jobs/{job_id}/events", responses=STREAM, response_class=StreamingResponse)
async def job_events(studio: StudioHere, who: Who, job_id: Id) -> StreamingResponse:
    """One job, until it is finished."""
    await run_in_threadpool(studio.jobs.get, who, job_id)
    return _stream(studio, who, job_id)


def _stream(studio: Studio, who: Caller, job_id: str | None) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(studio, who, job_id), media_type="text/event-stream", headers=headers)


async def _events(studio: Studio, who: Caller, job_id: str | None) -> AsyncIterator[str]:
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(woken.set)

    listener, checked = studio.watch.listen(who, job_id, wake), time.monotonic()
    try:
        yield "retry: 2000\n\n"
        for view in await run_in_threadpool(_snapshot, studio, who, job_id):
            yield _event(view, None)
            if job_id is not None and not view.job.unfinished:
                return
        while True:
            while (change := listener.next()) is not None:
                yield _event(JobView(change.job, eta_s(change.job), None), change.number)
                if job_id is not None and not change.job.unfinished:
                    return
            woken.clear()
            try:
                await asyncio.wait_for(woken.wait(), KEEP_ALIVE_S)
            except TimeoutError:
                yield ": still here\n\n"
            if time.monotonic() - checked >= KEEP_ALIVE_S:
                if not await run_in_threadpool(_goes_on, studio, who, job_id):
                    return
                checked = time.monotonic()
    finally:
        studio.watch.leave(listener)


def _goes_on(studio: Studio, who: Caller, job_id: str | None) -> bool:
    """False when who listens was shut out, or the one job was deleted before its end was seen."""
    return studio.access.may_stay(who) and (job_id is None or studio.jobs.is_there(job_id))


def _snapshot(studio: Studio, who: Caller, job_id: str | None) -> list[JobView]:
    if job_id is not None:
        return [studio.jobs.view(studio.jobs.get(who, job_id))]
    page = studio.jobs.page(who, JobFilter(states=("queued", "running")), SNAPSHOT)
    return [JobView(job, eta_s(job), None) for job in page.items]


def _event(view: JobView, number: int | None) -> str:
    body = json.dumps(JobShape.of(view).model_dump(mode="json", by_alias=True, exclude={"tasks"}))
    number_line = "" if number is None else f"id: {number}\n"
    return f"event: job\n{number_line}data: {body}\n\n"
