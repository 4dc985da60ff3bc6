"""/api/generation and /api/stems of the replaced system."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from sideman.app.library.access import Caller
from sideman.app.library.queries import GenerationRecord, JobRecord, StemQuery, StemRecord
from sideman.app.library.studio import Studio
from sideman.app.library.wishes import GenerationWish
from sideman.core.music import StemRole
from sideman.errors import NotFound
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.delivery import FILE_RESPONSES, deliver, link
from sideman.faces.rest.parameters import Id, Skip, Take, keys_of
from sideman.faces.rest.replaced.kept import KeptRecording, KeptStem
from sideman.faces.rest.replaced.shapes import (
    STATE_OF,
    STATUS_OF,
    STEM_TYPES,
    CreateGenerationRequest,
    GeneratedStem,
    GenerationRequest,
    JobStatus,
    StemStatistics,
    StemType,
)
from sideman.faces.rest.shaping import stem_file

generation = APIRouter(prefix="/api/generation", tags=["replaced API"])
stems = APIRouter(prefix="/api/stems", tags=["replaced API"])
MOST = 10_000
SHOWN_AS = {"seed": "randomSeed", "tempo_bpm": "targetBpm", "duration_s": "durationSeconds", "progression": "chordProgression"}
"""What the replaced system called the parameters of a generation."""


def _request(studio: Studio, who: Caller, generation_id: str) -> GenerationRequest:
    return _requests(studio, (studio.jobs.generation(who, generation_id),))[0]


def _requests(studio: Studio, generations: Sequence[GenerationRecord]) -> list[GenerationRequest]:
    jobs = studio.jobs.of_generations(generations)
    return [_shape(g, jobs.get(g.id)) for g in generations]


def _shape(found: GenerationRecord, job: JobRecord | None) -> GenerationRequest:
    shown = {SHOWN_AS.get(name, name): value for name, value in found.parameters.items()}
    return GenerationRequest(
        id=found.id, audio_file_id=found.recording_id, target_stems=[STEM_TYPES.get(r, "Other") for r in found.roles],
        parameters=json.dumps(shown), status=STATUS_OF[job.state] if job else "Completed", created_at=found.created_at,
        completed_at=job.finished_at if job else None,
    )  # fmt: skip


def _stem(studio: Studio, who: Caller, stem: StemRecord) -> GeneratedStem:
    return GeneratedStem.of(stem, link(studio, stem_file(stem), who.user_id))


@generation.post("", status_code=201)
def create(studio: StudioHere, who: Who, wanted: CreateGenerationRequest, response: Response) -> GenerationRequest:
    p = wanted.parameters
    roles = tuple(dict.fromkeys(StemRole.parse(s) for s in wanted.target_stems))
    wish = GenerationWish(roles) if p is None else GenerationWish(
        roles, p.style, p.random_seed, progression=tuple(p.chord_progression or ()), tempo_bpm=p.target_bpm, duration_s=p.duration_seconds,
        prompt=p.prompt or "", temperature=1.0 if p.temperature is None else min(2.0, max(0.0, p.temperature)),
    )  # fmt: skip
    made = studio.jobs.generate(who, wanted.audio_file_id, wish)
    response.headers["Location"] = f"/api/generation/{made.id}"
    return _request(studio, who, made.id)


@generation.get("")
def list_generations(
    studio: StudioHere, who: Who, status: Annotated[JobStatus | None, Query()] = None, skip: Skip = 0, take: Take = 50
) -> list[GenerationRequest]:
    """Newest first."""
    rows = studio.jobs.generations(who, None, skip, take, STATE_OF[status] if status else None)
    return _requests(studio, rows)


@generation.get("/{generation_id}")
def get_generation(studio: StudioHere, who: Who, generation_id: Id) -> GenerationRequest:
    return _request(studio, who, generation_id)


@generation.get("/audio/{audio_id}")
def list_of_audio(studio: StudioHere, who: Who, audio_id: KeptRecording) -> list[GenerationRequest]:
    return _requests(studio, studio.jobs.generations(who, audio_id, 0, MOST))


@generation.get("/{generation_id}/stems")
def list_generated(studio: StudioHere, who: Who, generation_id: Id) -> list[GeneratedStem]:
    found = studio.jobs.generation(who, generation_id)
    mine = (s for s in studio.stems.of_recording(who, found.recording_id) if s.generation_id == generation_id)
    return [_stem(studio, who, s) for s in mine]


@generation.post("/{generation_id}/cancel")
def cancel(studio: StudioHere, who: Who, generation_id: Id) -> GenerationRequest:
    job = studio.jobs.of_generation(studio.jobs.generation(who, generation_id))
    if job is None:
        raise NotFound("this generation has no job any more: there is nothing to cancel")
    studio.jobs.cancel(who, job.id)
    return _request(studio, who, generation_id)


@generation.delete("/{generation_id}", status_code=204)
def delete(studio: StudioHere, who: Who, generation_id: Id) -> None:
    studio.jobs.delete_generation(who, generation_id)


@generation.get("/stems/{stem_id}/download", responses=FILE_RESPONSES, response_class=Response)
def download_generated(request: Request, studio: StudioHere, stem: KeptStem) -> Response:
    return deliver(request, studio, stem_file(stem), attachment=True)


def _all(studio: Studio, who: Caller, query: StemQuery) -> list[GeneratedStem]:
    return [_stem(studio, who, s) for s in studio.stems.all(who, query)]


@stems.get("/statistics")
def statistics(studio: StudioHere, who: Who) -> StemStatistics:
    counts = studio.stems.counts(who)
    by_type = Counter[str]()
    for role, n in counts.by_role.items():
        by_type[STEM_TYPES.get(role, "Other")] += n
    return StemStatistics(total_stems=counts.total, total_size_bytes=counts.size_bytes, stems_by_type=dict(by_type))


@stems.get("/bpm")
def by_tempo(
    studio: StudioHere, who: Who, min_bpm: Annotated[float, Query(alias="minBpm", ge=0, le=1000)] = 0,
    max_bpm: Annotated[float, Query(alias="maxBpm", ge=0, le=1000)] = 1000,
) -> list[GeneratedStem]:  # fmt: skip
    return _all(studio, who, StemQuery(tempo_from_bpm=min_bpm, tempo_to_bpm=max_bpm))


@stems.get("/audio/{audio_id}")
def of_audio(studio: StudioHere, who: Who, audio_id: KeptRecording) -> list[GeneratedStem]:
    return [_stem(studio, who, s) for s in studio.stems.of_recording(who, audio_id)]


@stems.get("/type/{stem_type}")
def by_type(studio: StudioHere, who: Who, stem_type: StemType) -> list[GeneratedStem]:
    roles = [r.value for r in StemRole if STEM_TYPES.get(r.value, "Other") == stem_type]
    found = [s for role in roles for s in _all(studio, who, StemQuery(role=role))]
    return sorted(found, key=lambda s: s.created_at, reverse=True)


@stems.get("/key/{key}")
def by_key(studio: StudioHere, who: Who, key: Annotated[str, Path(max_length=20)]) -> list[GeneratedStem]:
    return _all(studio, who, StemQuery(keys=keys_of(key, compatible=False)))


@stems.get("/{stem_id}")
def get_stem(studio: StudioHere, who: Who, stem: KeptStem) -> GeneratedStem:
    return _stem(studio, who, stem)


@stems.get("/{stem_id}/download", responses=FILE_RESPONSES, response_class=Response)
def download(request: Request, studio: StudioHere, stem: KeptStem) -> Response:
    return deliver(request, studio, stem_file(stem), attachment=True)


@stems.delete("/{stem_id}", status_code=204)
def delete_stem(studio: StudioHere, who: Who, stem: KeptStem) -> None:
    studio.stems.delete(who, stem.id)
