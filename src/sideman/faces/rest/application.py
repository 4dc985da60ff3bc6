"""The FastAPI application: routes, error shape, middleware. It gets a Studio and builds nothing else."""

from __future__ import annotations

from importlib import metadata
from time import perf_counter
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sideman.app.library.studio import Studio
from sideman.faces.rest import problems
from sideman.faces.rest.callers import Policy
from sideman.faces.rest.delivery import BodyLimit, JsonDelivery
from sideman.faces.rest.replaced import audio, generation
from sideman.faces.rest.replaced import jobs as replaced_jobs
from sideman.faces.rest.routes import events, generations, jobs, models, people, recordings, stems, system, timeline, uploads, webhooks

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"), (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)  # fmt: skip
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """With the shape of errors, and keys as the way in."""
        if self.openapi_schema is None:
            schema = get_openapi(
                title=self.title, version=self.version, description=self.description, routes=self.routes, openapi_version="3.1.0"
            )
            schema["components"]["schemas"]["Problem"] = problems.Problem.model_json_schema()
            schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key: sm_..."}}
            schema["security"] = [{"key": []}, {}]
            self.openapi_schema = schema
        return self.openapi_schema


def create_application(studio: Studio, policy: Policy | None = None) -> FastAPI:
    app = _Application(
        title="Sideman", version=metadata.version("sideman"), docs_url=None, redoc_url=None, responses=problems.EVERYWHERE,
        description="It takes a recording apart, understands it, and plays along.", generate_unique_id_function=_operation_id,
    )  # fmt: skip
    app.state.studio, app.state.policy = studio, policy or Policy()
    problems.install(app)
    app.include_router(system.router)
    for module in (events, recordings, timeline, stems, generations, jobs, models, uploads, people, webhooks):
        app.include_router(module.router, prefix="/api/v1")
    for router in (audio.router, replaced_jobs.router, generation.generation, generation.stems):
        app.include_router(router)
    app.add_middleware(JsonDelivery)
    app.add_middleware(BodyLimit, upload_bytes=studio.settings.limits.upload_bytes)
    app.add_middleware(uploads.MethodOverride)
    app.add_middleware(Measured, studio=studio)
    return app


def _operation_id(route: APIRoute) -> str:
    return f"{route.endpoint.__module__.rpartition('rest.')[2]}_{route.name}".replace(".", "_")


class Measured:
    """Counts and times requests by route, and adds the headers that every answer carries."""

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        self._app, self._telemetry = app, studio.services.telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in METHODS else "other"  # strangers may send any word
                self._telemetry.request_s.labels(method, route).observe(perf_counter() - start)
                self._telemetry.requests.labels(method, route, message["status"]).inc()
                there = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in SECURITY_HEADERS if h[0] not in there)]
            await send(message)

        await self._app(scope, receive, watched)
