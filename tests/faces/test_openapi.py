"""The server against its own description: whatever schemathesis makes up, no 5xx and no answer that /openapi.json does not describe.

`OPENAPI_EXAMPLES=300 pytest tests/faces/test_openapi.py` draws that many requests for each operation, and new ones in every run.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from seeding import World, hurried, world
from servers import PostgresServer, Unavailable

from sideman import bootstrap
from sideman.app.library.studio import Studio
from sideman.faces.rest import create_application

EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "0"))
BOUNDED = settings(
    max_examples=EXAMPLES or 6, derandomize=not EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance,
]  # fmt: skip
PIECE_TYPE = "application/offset+octet-stream"
STREAMS = r"/events$"
"""Streams of events, which end only when their job does."""
IN_BODIES = {"recordingIds": "recording_id", "recordingId": "recording_id", "audioFileId": "recording_id", "stemId": "stem_id", "userId": "user_id"}  # fmt: skip


def _cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


NASTY = (
    "\0", "a\0b", "\U0001f3b5" * 300, "\u0130" * 100, "%", "9" * 30, "-1", "1e400", "nan", "inf", "0001-01-01T00:00:00", "9999-12-31T23:59:59",
    "http://[", "http://a:99999", "../../etc/passwd", *(
        _cursor(text)
        for text in (
            '[null,"x"]', '["a","x"]', '[[],"x"]', '[1e999,"x"]', '[NaN,"x"]', f'[1{"0" * 400},"x"]', r'[1,"\u0000"]', r'[1,"\ud800"]',
            r'["\u0000","x"]', "[" * 700, "{}",
        )
    ),
)  # fmt: skip
"""What databases, calendars, parsers and earlier versions of this server stumbled over."""


@schemathesis.serializer(PIECE_TYPE)
def _piece(_context: schemathesis.SerializationContext, value: Any) -> dict[str, Any]:
    return {"data": value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")}


class Seeded:
    """A library whose things are there again for every operation, though operations delete them."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.app = studio, create_application(studio)
        local = studio.access.local()
        self.token = studio.access.add_key(local, local.user_id, "key", "admin").token
        self._world: World | None = None
        self._for = ""

    def ids(self, operation: str) -> dict[str, str]:
        if self._world is None or self._for != operation:
            self._world, self._for = world(self.studio), operation
        return self._world.ids


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def seeded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    environment = {"SIDEMAN_RATE_PER_MINUTE": "0", "SIDEMAN_MAX_UPLOAD_MB": "1"}
    with ExitStack() as stack:
        if request.param == "postgresql":
            try:
                server = stack.enter_context(PostgresServer.start())
            except Unavailable as reason:
                pytest.skip(str(reason))
            environment |= {"SIDEMAN_DATABASE_URL": server.create_database(), "SIDEMAN_JOBS_URL": server.create_database()}
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in environment.items():
            patch.setenv(name, value)
        yield Seeded(hurried(stack.enter_context(bootstrap.open_studio(tmp_path_factory.mktemp("library")))))


def _document() -> BaseSchema:
    """What /openapi.json gives, before there is a library: operations are the parameters of the test."""
    stub = SimpleNamespace(settings=SimpleNamespace(limits=SimpleNamespace(upload_bytes=0)), services=SimpleNamespace(telemetry=None))
    return schemathesis.openapi.from_dict(create_application(stub).openapi())


def _known(case: Case, ids: dict[str, str]) -> None:
    """Real ids in place of those that were made up."""
    for name in case.path_parameters or {}:
        kind = {"share_id": "collection_share_id" if "collections" in case.path else "recording_share_id"}.get(name, name)
        if name == "job_id" and not case.path.endswith("cancel"):
            kind = "failed_job_id"
        if kind in ids:
            case.path_parameters[name] = ids[kind]
    if case.path.startswith("/api/v1/uploads"):
        case.headers.update({"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Upload-Length": "1000"})
    if isinstance(case.body, dict):
        _known_in_body(case.body, ids)


def _known_in_body(body: dict[str, Any], ids: dict[str, str]) -> None:
    for name, value in body.items():
        if name in IN_BODIES:
            body[name] = [ids[IN_BODIES[name]]] if isinstance(value, list) else ids[IN_BODIES[name]]
        for part in value if isinstance(value, list) else ():
            if isinstance(part, dict):
                _known_in_body(part, ids)


def _spoil(case: Case, nasty: str, place: int) -> None:
    """One value of the request becomes a nasty one: a parameter in the query, or a field of the body."""
    names = [p.name for p in case.operation.query]
    fields = [name for name, value in case.body.items() if isinstance(value, str)] if isinstance(case.body, dict) else []
    if names:
        case.query = {**(case.query or {}), names[place % len(names)]: nasty}
    elif fields:
        case.body[fields[place % len(fields)]] = nasty


schema = _document().exclude(path_regex=STREAMS)


@schema.given(known=st.integers(0, 2), nasty=st.one_of(st.none(), st.sampled_from(NASTY)), place=st.integers(0, 30))
@schema.parametrize()
@BOUNDED
def test_answers_are_those_described(seeded: Seeded, case: Case, known: int, nasty: str | None, place: int) -> None:
    if known:
        _known(case, seeded.ids(case.operation.label))
    if nasty is not None:
        _spoil(case, nasty, place)
    case.call_and_validate(headers={"Authorization": f"Bearer {seeded.token}"}, app=seeded.app, checks=CHECKS)
