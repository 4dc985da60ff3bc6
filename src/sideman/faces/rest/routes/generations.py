"""New stems, mixes and exports: asked for as jobs, found here when they are done."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from sideman.app.fitting import FitWish
from sideman.app.library.access import Caller
from sideman.app.library.queries import MixRecord
from sideman.app.library.studio import Studio
from sideman.app.library.wishes import ExportWish, GenerationWish, LoopWish, MixLane, MixWish
from sideman.core.music import StemRole
from sideman.errors import NotFound, UsageError
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.delivery import FILE_RESPONSES, deliver, link
from sideman.faces.rest.forms import in_intake
from sideman.faces.rest.generation_shapes import FitRequest, GenerateRequest, GenerationShape, SuitedStyleShape
from sideman.faces.rest.parameters import HowAsked, Id, Skip, Take
from sideman.faces.rest.shapes import ExportRequest, JobShape, MixRequest, MixShape, StemShape
from sideman.faces.rest.shaping import mix_file, stem_shape

router = APIRouter(tags=["generations and mixes"])


@router.post("/recordings/{recording_id}/generations", status_code=202)
def generate(studio: StudioHere, who: Who, recording_id: Id, wanted: GenerateRequest, how: HowAsked) -> GenerationShape:
    """Play new stems for a recording. One that was not analysed yet is analysed first."""
    roles = tuple(dict.fromkeys(StemRole.parse(r) for r in wanted.roles))
    if (wanted.start_s is None) != (wanted.end_s is None):
        raise UsageError("a part of the song has a start and an end: send startS and endS, or neither")
    within_s = None if wanted.start_s is None or wanted.end_s is None else (wanted.start_s, wanted.end_s)
    chords = tuple((c.start_s, c.end_s, c.label) for c in wanted.chords)
    wish = GenerationWish(
        roles, wanted.style, wanted.seed, wanted.candidates, within_s, chords, tuple(wanted.progression), wanted.tempo_bpm, wanted.duration_s,
        wanted.prompt, wanted.temperature, wanted.energy, wanted.variation, wanted.like, wanted.base, wanted.engine,
    )  # fmt: skip
    return GenerationShape.model_validate(studio.jobs.generate(who, recording_id, wish, replace(how, again=wanted.again)))


@router.get("/recordings/{recording_id}/styles")
async def rank_styles(request: Request, studio: StudioHere, who: Who, recording_id: Id) -> list[SuitedStyleShape]:
    """The session band's styles, that which suits the recording best first: it is played where a request names none. 404 before the analysis."""
    return await in_intake(request, _ranked, studio, who, recording_id)


def _ranked(studio: Studio, who: Caller, recording_id: str) -> list[SuitedStyleShape]:
    analysis = studio.timelines.analysis(who, recording_id)
    return [SuitedStyleShape.model_validate(s) for s in studio.recordings.suiting(studio.recordings.get(who, recording_id), analysis)]


@router.post("/recordings/{recording_id}/fits", status_code=202)
def fit(studio: StudioHere, who: Who, recording_id: Id, wanted: FitRequest, how: HowAsked) -> JobShape:
    """Bring a loop that lies in the library onto this recording, as a stem of it: its beats, its key, its level, its length."""
    role = StemRole.parse(wanted.role)
    place = FitWish(role, wanted.at, wanted.range, wanted.loop, wanted.transpose, wanted.follow_chords)
    wish = LoopWish(wanted.clip, place)
    return JobShape.of(studio.jobs.view(studio.fits.fit(who, recording_id, wish, replace(how, again=wanted.again))))


@router.get("/recordings/{recording_id}/generations")
def list_generations(studio: StudioHere, who: Who, recording_id: Id, skip: Skip = 0, take: Take = 50) -> list[GenerationShape]:
    return [GenerationShape.model_validate(g) for g in studio.jobs.generations(who, recording_id, skip, take)]


@router.get("/generations/{generation_id}")
def get_generation(studio: StudioHere, who: Who, generation_id: Id) -> GenerationShape:
    return GenerationShape.model_validate(studio.jobs.generation(who, generation_id))


@router.get("/generations/{generation_id}/stems")
def list_generated_stems(studio: StudioHere, who: Who, generation_id: Id) -> list[StemShape]:
    found = studio.jobs.generation(who, generation_id)
    return [stem_shape(studio, who, s) for s in studio.stems.of_recording(who, found.recording_id) if s.generation_id == generation_id]


@router.delete("/generations/{generation_id}", status_code=204)
def delete_generation(studio: StudioHere, who: Who, generation_id: Id) -> None:
    studio.jobs.delete_generation(who, generation_id)


@router.post("/recordings/{recording_id}/mixes", status_code=202)
def mix(studio: StudioHere, who: Who, recording_id: Id, wanted: MixRequest, how: HowAsked) -> MixShape:
    lanes = tuple(MixLane(lane.stem_id, lane.gain_db, lane.pan) for lane in wanted.lanes)
    made = studio.files.mix(who, recording_id, MixWish(lanes, wanted.file_format, wanted.target_lufs), replace(how, again=wanted.again))
    return _shape(studio, who, made.id)


@router.post("/recordings/{recording_id}/exports", status_code=202)
def export(studio: StudioHere, who: Who, recording_id: Id, how: HowAsked, wanted: ExportRequest | None = None) -> MixShape:
    """Every stem, its MIDI and the analysis in one ZIP; with `evenTempo` warped onto one tempo, with the recording itself and the map.

    With `project` a DAWproject of the recording and its stems, for Bitwig Studio, Studio One, Cubase and others.
    """
    asked = wanted or ExportRequest()
    wish = ExportWish(asked.even_tempo or asked.tempo_bpm is not None, asked.tempo_bpm, asked.project)
    return _shape(studio, who, studio.files.export(who, recording_id, wish, replace(how, again=asked.again)).id)


@router.get("/recordings/{recording_id}/mixes")
def list_mixes(studio: StudioHere, who: Who, recording_id: Id) -> list[MixShape]:
    """Mixes and exports, newest first."""
    return [_shape_of(studio, who, m) for m in studio.files.mixes(who, recording_id)]


@router.get("/mixes/{mix_id}")
def get_mix(studio: StudioHere, who: Who, mix_id: Id) -> MixShape:
    return _shape(studio, who, mix_id)


@router.delete("/mixes/{mix_id}", status_code=204)
def delete_mix(studio: StudioHere, who: Who, mix_id: Id) -> None:
    studio.files.delete_mix(who, mix_id)


@router.get("/mixes/{mix_id}/file", responses=FILE_RESPONSES, response_class=Response)
def download_mix(request: Request, studio: StudioHere, who: Who, mix_id: Id) -> Response:
    found = studio.jobs.mix_of(who, mix_id)
    if found.blob_key is None:
        raise NotFound("this file is not made yet: wait for its job")
    return deliver(request, studio, mix_file(MixShape.model_validate(found), found.blob_key), attachment=True)


def _shape(studio: Studio, who: Caller, mix_id: str) -> MixShape:
    return _shape_of(studio, who, studio.jobs.mix_of(who, mix_id))


def _shape_of(studio: Studio, who: Caller, found: MixRecord) -> MixShape:
    shape = MixShape.model_validate(found)
    shape.download_url = link(studio, mix_file(shape, found.blob_key), who.user_id) if found.blob_key else None
    return shape
