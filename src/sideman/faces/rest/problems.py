"""One shape for every error: application/problem+json (RFC 9457). The one table that turns errors into status codes."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from sideman.app.library.uploads import ChecksumMismatch, Locked
from sideman.errors import (
    AnalysisError,
    AudioError,
    AudioWriteError,
    Conflict,
    ConsentNeeded,
    DownloadFailed,
    Forbidden,
    JobFailed,
    MissingAsset,
    ModelNotInstalled,
    ModelRefused,
    NotEnoughMemory,
    NotFound,
    QuotaExceeded,
    ServiceUnavailable,
    SidemanError,
    TooLarge,
    Unauthenticated,
    UnusableModel,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"
STATUS: tuple[tuple[type[SidemanError], int], ...] = (
    (ChecksumMismatch, 460), (Locked, 423), (NotFound, 404), (Conflict, 409), (TooLarge, 413), (QuotaExceeded, 429), (Forbidden, 403),
    (Unauthenticated, 401), (ServiceUnavailable, 503), (JobFailed, 409), (AudioWriteError, 507), (AudioError, 422), (AnalysisError, 422),
    (UsageError, 422), (MissingAsset, 501), (ModelNotInstalled, 409), (ConsentNeeded, 409), (ModelRefused, 403), (UnusableModel, 422),
    (DownloadFailed, 502), (NotEnoughMemory, 507),
)  # fmt: skip
"""The first class that fits counts."""
TITLES = {460: "Checksum mismatch", 423: "Locked", 422: "Unprocessable content"}
RETRY_S = 5
log = logging.getLogger("sideman.rest")


class Problem(BaseModel):
    """detail: one sentence for people: what, why, what to do. errors: what was wrong with which field of the request."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None


def status_of(error: SidemanError) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def problem(status: int, detail: str, errors: list[dict[str, str]] | None = None, headers: dict[str, str] | None = None) -> JSONResponse:
    title = TITLES.get(status) or HTTPStatus(status).phrase
    body = Problem(title=title, status=status, detail=detail, errors=errors).model_dump(exclude_none=True)
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)


def of_error(error: SidemanError) -> JSONResponse:
    status, headers = status_of(error), {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, ServiceUnavailable):
        headers["Retry-After"] = str(RETRY_S)
    if isinstance(error, QuotaExceeded) and error.retry_after_s:
        headers["Retry-After"] = str(error.retry_after_s)
    if status == 500:
        log.error("unexpected error", exc_info=error)
    return problem(status, str(error), headers=headers)


def _of_validation(error: RequestValidationError) -> JSONResponse:
    rows = [{"field": ".".join(str(p) for p in e["loc"][1:]) or str(e["loc"][0]), "message": str(e["msg"])} for e in error.errors()]
    first = rows[0] if rows else {"field": "body", "message": "is not valid"}
    return problem(422, f"{first['field']}: {first['message']}", rows)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route documents beside its success."""
    schema = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {s: {"description": TITLES.get(s) or HTTPStatus(s).phrase, "content": schema} for s in statuses}


EVERYWHERE = responses(400, 401, 403, 404, 409, 413, 422, 429, 503)


def install(app: FastAPI) -> None:
    async def sideman_error(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, SidemanError)
        return of_error(error)

    async def validation_error(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return _of_validation(error)

    async def http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, SidemanError):  # FastAPI makes 400 of whatever happens while it reads a body
            return of_error(error.__cause__)
        detail = (
            f"there is nothing at {request.url.path}" if error.status_code == 404 and error.detail == "Not Found" else str(error.detail)
        )
        return problem(error.status_code, detail, headers=dict(error.headers or {}))

    async def unexpected(_request: Request, error: Exception) -> JSONResponse:
        log.error("unexpected error", exc_info=error)
        return problem(500, "the server failed unexpectedly: its log says more, please report it")

    app.add_exception_handler(SidemanError, sideman_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, unexpected)
