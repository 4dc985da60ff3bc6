"""The server itself: is it alive, is it ready, what does it measure, what can it do."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse

from sideman.errors import ServiceUnavailable
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.delivery import FILE_RESPONSES, BlobFile, check_link, deliver
from sideman.faces.rest.generation_shapes import EnginesShape, GeneratorShape, StyleShape
from sideman.faces.rest.shapes import HealthShape, VerifiedShape

router = APIRouter(tags=["system"])
Plain = Annotated[str, Query(max_length=400, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


@router.get("/livez", response_class=PlainTextResponse)
async def livez() -> str:
    """The process answers, however many threads are busy."""
    return "ok"


@router.get("/readyz", response_class=PlainTextResponse)
def readyz(studio: StudioHere) -> str:
    """Database, queues and blob store answer too; 503 otherwise."""
    studio.check()
    return "ok"


@router.get("/health", responses={503: {"model": HealthShape, "description": "Something does not answer"}})
def health(studio: StudioHere, response: Response) -> HealthShape:
    """The same for people. Answers 200 or 503."""
    version, database = metadata.version("sideman"), studio.database_kind
    try:
        studio.check()
        return HealthShape(status="healthy", version=version, database=database, workers=studio.living_workers())
    except ServiceUnavailable:
        response.status_code = 503
        return HealthShape(status="unhealthy", version=version, database=database, workers=0)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(studio: StudioHere, who: Who) -> Response:
    """For Prometheus."""
    return Response(studio.measures.text(studio.watch.listeners), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/v1/engines")
def engines(studio: StudioHere, who: Who) -> EnginesShape:
    p = studio.jobs.playable
    generators = [GeneratorShape.of(g) for g in p.generators()]
    return EnginesShape(
        separator=p.separators.get("preview").name,
        generation_roles=[r.value for r in p.roles],
        parts={r.value: what for r, what in p.parts.items()},
        styles=[s.name for s in p.styles],
        style_cards=[StyleShape.model_validate(s) for s in p.styles],
        generators=generators,
    )


@router.post("/api/v1/library/verification")
def verify(studio: StudioHere, who: Who) -> VerifiedShape:
    """Hash every blob again; takes as long as reading them does. For admins."""
    studio.access.require(who, "admin")
    return VerifiedShape.model_validate(studio.housekeeping.verify())


@router.get("/files/{key}", responses=FILE_RESPONSES, response_class=Response)
def signed_file(
    request: Request, studio: StudioHere, key: Annotated[str, Path(pattern="^[0-9a-f]{64}$")], name: Plain, type: Plain, user: Plain,  # noqa: A002
    expires: Plain, signature: Plain,
) -> Response:  # fmt: skip
    """A blob by a signed link, which needs no key and expires."""
    file = BlobFile(key, name, type)
    check_link(studio, file, user, expires, signature)
    return deliver(request, studio, file)
