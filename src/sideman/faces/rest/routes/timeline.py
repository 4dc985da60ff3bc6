"""The analysis of a recording and its corrections."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from sideman.core.music import to_jams
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.forms import FILE_BODY, received_file
from sideman.faces.rest.parameters import HowAsked, Id
from sideman.faces.rest.shapes import AnalyseRequest, AnalysisVersionShape, CorrectionRequest, CorrectionShape, JobShape, TimelineShape

router = APIRouter(prefix="/recordings/{recording_id}", tags=["timeline"])
Version = Annotated[int | None, Query(ge=1, le=1_000_000)]


@router.post("/analyses", status_code=202)
def analyse(studio: StudioHere, who: Who, recording_id: Id, wanted: AnalyseRequest, how: HowAsked) -> JobShape:
    """Analyse and separate. An equal job that is under way or done is answered instead of a new one."""
    job = studio.jobs.analyse(who, recording_id, replace(how, again=wanted.again), wanted.separate, wanted.engines)
    return JobShape.of(studio.jobs.view(job))


@router.get("/analyses")
def list_versions(studio: StudioHere, who: Who, recording_id: Id) -> list[AnalysisVersionShape]:
    return [AnalysisVersionShape.model_validate(a) for a in studio.timelines.versions(who, recording_id)]


@router.get("/timeline")
def get_timeline(studio: StudioHere, who: Who, recording_id: Id, version: Version = None, as_found: Annotated[bool, Query(alias="asFound")] = False) -> TimelineShape:  # fmt: skip
    """With the user's corrections, or as the engines found it."""
    return TimelineShape.of(studio.timelines.analysis(who, recording_id, version, as_found))


@router.get("/jams")
def get_jams(studio: StudioHere, who: Who, recording_id: Id, version: Version = None) -> dict[str, Any]:
    """The timeline as a JAMS document."""
    return to_jams(studio.timelines.analysis(who, recording_id, version))


@router.get("/corrections")
def list_corrections(studio: StudioHere, who: Who, recording_id: Id) -> list[CorrectionShape]:
    """All that were made, also those that were taken back."""
    return [CorrectionShape.model_validate(c) for c in studio.timelines.corrections(who, recording_id)]


@router.post("/corrections", status_code=201)
def correct(studio: StudioHere, who: Who, recording_id: Id, wanted: CorrectionRequest) -> CorrectionShape:
    return CorrectionShape.model_validate(studio.timelines.correct(who, recording_id, wanted.kind, wanted.values))


@router.post("/annotations", status_code=201, openapi_extra=FILE_BODY)
async def import_annotations(request: Request, studio: StudioHere, who: Who, recording_id: Id) -> list[CorrectionShape]:
    """Beats, chords, keys or sections from a file of another tool (JAMS, .beats, .lab, Audacity labels, MIDI), as corrections."""
    await run_in_threadpool(studio.access.writable, who, recording_id)
    made = await received_file(request, lambda path: studio.timelines.import_annotations(who, recording_id, path))
    return [CorrectionShape.model_validate(c) for c in made]


@router.delete("/corrections/{correction_id}", status_code=204)
def revert(studio: StudioHere, who: Who, recording_id: Id, correction_id: Id) -> None:
    """Take a correction back; it stays listed."""
    studio.timelines.revert(who, recording_id, correction_id)
