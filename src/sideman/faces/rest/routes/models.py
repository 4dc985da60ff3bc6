"""Network weights: cards, installing, removing; and taking a recording apart with a preset."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path

from sideman.app.library.wishes import SeparationWish
from sideman.core.music import StemRole
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.model_shapes import InstallRequest, ModelShape, PresetShape, SeparateRequest
from sideman.faces.rest.parameters import HowAsked, Id
from sideman.faces.rest.shapes import JobShape

router = APIRouter(tags=["models"])
ModelName = Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,40}$")]


@router.get("/models")
def list_models(studio: StudioHere, who: Who) -> list[ModelShape]:
    """Every model that Sideman knows, installed or not."""
    return [ModelShape.of(s) for s in studio.models.all()]


@router.get("/models/{name}")
def get_model(studio: StudioHere, who: Who, name: ModelName) -> ModelShape:
    return ModelShape.of(studio.models.get(name))


@router.post("/models/{name}/install", status_code=202)
def install(studio: StudioHere, who: Who, name: ModelName, wanted: InstallRequest) -> JobShape:
    """Fetch the weights, as a job. Without `accept` the answer is 409, with the terms. For admins."""
    return JobShape.of(studio.jobs.view(studio.models.install(who, name, wanted.accept)))


@router.delete("/models/{name}", status_code=204)
def remove(studio: StudioHere, who: Who, name: ModelName) -> None:
    """Delete the weights; results that were made with them stay. For admins."""
    studio.models.remove(who, name)


@router.get("/presets")
def list_presets(studio: StudioHere, who: Who) -> list[PresetShape]:
    """Ways to take a recording apart, and which of them can be used here."""
    return [PresetShape.of(s) for s in studio.separations.presets()]


@router.post("/recordings/{recording_id}/separations", status_code=202)
def separate(studio: StudioHere, who: Who, recording_id: Id, wanted: SeparateRequest, how: HowAsked) -> JobShape:
    """Take a recording apart with a preset; the stems replace the former ones when they are there."""
    roles = tuple(StemRole.parse(s) for s in wanted.stems) if wanted.stems else None
    wish = SeparationWish(wanted.preset, roles, wanted.preview_s)
    return JobShape.of(studio.jobs.view(studio.separations.separate(who, recording_id, wish, replace(how, again=wanted.again))))
