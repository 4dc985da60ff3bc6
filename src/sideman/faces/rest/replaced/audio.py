"""/api/audio of the replaced system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from sideman.app.library.access import Caller
from sideman.app.library.queries import RecordingRecord
from sideman.app.library.recordings import RecordingEdit
from sideman.app.library.studio import Studio
from sideman.core.music import MusicAnalysis, to_jams
from sideman.errors import AnalysisError, Conflict, NotFound, UsageError
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.delivery import FILE_RESPONSES, deliver, link
from sideman.faces.rest.forms import FILE_BODY
from sideman.faces.rest.parameters import Skip, Take
from sideman.faces.rest.replaced.kept import KeptRecording
from sideman.faces.rest.replaced.shapes import AnalysisResult, AnalyzeAnswer, AudioFile, GeneratedStem, Insights, MetadataChange
from sideman.faces.rest.routes.recordings import received
from sideman.faces.rest.shaping import artwork_file, recording_file, stem_file

router = APIRouter(prefix="/api/audio", tags=["replaced API"])


def _shape(studio: Studio, who: Caller, recording_id: str) -> AudioFile:
    record = studio.recordings.get(who, recording_id)
    return AudioFile.of(record, link(studio, recording_file(record), who.user_id))


def _style_of(studio: Studio, tags: Sequence[str]) -> str | None:
    """The first style that a genre tag names, as a whole or with one of its words."""
    for name in (*tags, *(word for tag in tags for word in tag.split())):
        try:
            return studio.jobs.playable.style_named(name)
        except UsageError:
            continue
    return None


def _suiting(studio: Studio, record: RecordingRecord, analysis: MusicAnalysis) -> str | None:
    """None for a recording in which there is nothing to follow."""
    try:
        return studio.recordings.suiting(record, analysis)[0].name
    except AnalysisError:
        return None


@router.post("/upload", status_code=201, openapi_extra=FILE_BODY)
async def upload(request: Request, response: Response, studio: StudioHere, who: Who) -> AudioFile:
    """The same bytes again are answered with the recording that they already are."""
    added = await received(request, studio, who)
    response.headers["Location"] = f"/api/audio/{added.recording.id}"
    return AudioFile.of(added.recording, link(studio, recording_file(added.recording), who.user_id))


@router.get("")
def list_audio(studio: StudioHere, who: Who, skip: Skip = 0, take: Take = 50) -> list[AudioFile]:
    """Newest first."""
    rows = studio.recordings.offset_page(who, skip, take)
    return [AudioFile.of(r, link(studio, recording_file(r), who.user_id)) for r in rows]


@router.get("/{audio_id}")
def get_audio(studio: StudioHere, who: Who, audio_id: KeptRecording) -> AudioFile:
    return _shape(studio, who, audio_id)


@router.delete("/{audio_id}", status_code=204)
def delete_audio(studio: StudioHere, who: Who, audio_id: KeptRecording) -> None:
    """Into the trash, from where /api/v1 can restore it; an unfinished job of it goes on."""
    studio.recordings.trash(who, audio_id)


@router.post("/{audio_id}/analyze", status_code=202)
def analyze(studio: StudioHere, who: Who, audio_id: KeptRecording) -> AnalyzeAnswer:
    """Analysis and stems."""
    job = studio.jobs.analyse(who, audio_id)
    message = "Analysis started" if job.unfinished else "This recording was analysed already"
    return AnalyzeAnswer(message=message, audio_file_id=audio_id, job_id=job.id)


@router.get("/{audio_id}/analysis")
def get_analysis(studio: StudioHere, who: Who, audio_id: KeptRecording) -> AnalysisResult:
    record = studio.timelines.record(who, audio_id)
    return AnalysisResult.of(record.id, audio_id, record.created_at, studio.timelines.analysis(who, audio_id))


@router.get("/{audio_id}/jams")
def get_jams(studio: StudioHere, who: Who, audio_id: KeptRecording) -> dict[str, Any]:
    return to_jams(studio.timelines.analysis(who, audio_id))


@router.get("/{audio_id}/stems")
def list_stems(studio: StudioHere, who: Who, audio_id: KeptRecording) -> list[GeneratedStem]:
    return [GeneratedStem.of(s, link(studio, stem_file(s), who.user_id)) for s in studio.stems.of_recording(who, audio_id)]


@router.get("/{audio_id}/download", responses=FILE_RESPONSES, response_class=Response)
def download(request: Request, studio: StudioHere, who: Who, audio_id: KeptRecording) -> Response:
    return deliver(request, studio, recording_file(studio.recordings.get(who, audio_id)), attachment=True)


@router.put("/{audio_id}/metadata")
def change_metadata(studio: StudioHere, who: Who, audio_id: KeptRecording, change: MetadataChange) -> AudioFile:
    tags = None if change.tags is None else tuple(change.tags)
    studio.recordings.edit(who, audio_id, RecordingEdit(change.title, change.artist, change.album, tags))
    return _shape(studio, who, audio_id)


@router.get("/{audio_id}/artwork", responses=FILE_RESPONSES, response_class=Response)
def get_artwork(request: Request, studio: StudioHere, who: Who, audio_id: KeptRecording) -> Response:
    art = artwork_file(studio.recordings.get(who, audio_id))
    if art is None:
        raise NotFound("this recording has no artwork")
    return deliver(request, studio, art)


@router.get("/{audio_id}/insights")
def get_insights(studio: StudioHere, who: Who, audio_id: KeptRecording) -> Insights:
    """Tempo and key from the analysis; the style that a genre tag names, else the one that suits the song; stems that the band plays."""
    record = studio.recordings.get(who, audio_id)
    try:
        a = studio.timelines.analysis(who, audio_id)
    except NotFound as error:
        raise Conflict("this recording was not analysed yet: analyse it first") from error
    grid = a.grid.value if a.grid else None
    style = _style_of(studio, record.tags) or _suiting(studio, record, a)
    return Insights(
        audio_file_id=audio_id, suggested_bpm=grid.tempo_bpm if grid else None, suggested_key=str(a.key.value) if a.key else None,
        suggested_style=style, suggested_stems=["Drums", "Bass", "Piano", "Guitar", "Synth"], time_signature=str(grid.meter) if grid else None,
        duration_seconds=record.duration_s,
    )  # fmt: skip
