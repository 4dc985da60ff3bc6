"""The server against its own description: whatever schemathesis makes up, no 5xx and no answer that /openapi.json does not describe.

`OPENAPI_EXAMPLES=300 pytest tests/faces/test_openapi.py` draws that many requests for each operation on both
databases, and new ones in every run.
"""

from __future__ import annotations

import base64
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from seeding import World, body, headers, hurried, names, sent_file, world
from servers import PostgresServer, Unavailable

from sideman import bootstrap
from sideman.app.library.studio import Studio
from sideman.core.audio import write_audio
from sideman.faces.rest import create_application
from sideman.infra.database import now
from sideman.testing import faded_tone

EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "0"))
BOUNDED = settings(
    max_examples=EXAMPLES or 6, derandomize=not EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance,
]  # fmt: skip
PIECE_TYPE = "application/offset+octet-stream"
DATABASES = ["sqlite", "postgresql"]
LEFT_OUT = r"/events$|/recordings/demo$"
"""Streams of events, which end only when their job does; the demo song, which takes ten seconds to record (the browser tests ask for it)."""
IN_BODIES = {"recordingIds": "recording_id", "recordingId": "recording_id", "audioFileId": "recording_id", "stemId": "stem_id", "userId": "user_id"}  # fmt: skip


def _cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


TEXTS = ("\0", "a\0b", "\U0001f3b5" * 300, "\u0130" * 100, "%", "../../etc/passwd", "http://[", "http://a:99999")
NUMBERS = ("9" * 30, "-1", "1e400", "nan", "inf")
TIMES = ("0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00+14:00", "2024-02-30", "12")
VALUES = (None, True, -1, 2**31, 2**63, 10**400, 1e308, 0.1, [], {}, [None], {"a": None}, ["\0"], ["a" * 300] * 60)
CURSORS = tuple(
    _cursor(text)
    for text in (
        '[null,"x"]', '["a","x"]', '[[],"x"]', '[1,"x"]', '[1e999,"x"]', '[NaN,"x"]', f'[1{"0" * 400},"x"]', r'[1,"\u0000"]', r'[1,"\ud800"]',
        r'["\u0000","x"]', "[" * 700, "{}",
    )
)  # fmt: skip
"""What databases, calendars and parsers stumble over, by the place where it is tried."""


@schemathesis.serializer(PIECE_TYPE)
def _piece(_context: schemathesis.SerializationContext, value: Any) -> dict[str, Any]:
    return {"data": value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")}


class Seeded:
    """A library whose things are there again for every operation, though operations delete them."""

    def __init__(self, studio: Studio, tone: bytes) -> None:
        self.studio, self.app, self.tone = studio, create_application(studio), tone
        self._world: World | None = None
        self._changed_by = ""

    def world(self, operation: str) -> World:
        if self._world is None or self._changed_by not in ("", operation):
            self._world, self._changed_by = world(self.studio), ""
        return self._world

    def asked(self, operation: str, status: int) -> None:
        if status < 300 and not operation.startswith("GET"):
            self._changed_by = operation
            self._world = None if operation.startswith("DELETE") else self._world


@pytest.fixture(scope="module", params=DATABASES)
def seeded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    environment, folder = {"SIDEMAN_RATE_PER_MINUTE": "0", "SIDEMAN_MAX_UPLOAD_MB": "1"}, tmp_path_factory.mktemp("library")
    write_audio(faded_tone(330, 0.5), folder / "tone.flac")
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
        yield Seeded(hurried(stack.enter_context(bootstrap.open_studio(folder))), (folder / "tone.flac").read_bytes())


def _document() -> BaseSchema:
    """What /openapi.json gives, before there is a library: operations are the parameters of the test."""
    stub = SimpleNamespace(settings=SimpleNamespace(limits=SimpleNamespace(upload_bytes=0)), services=SimpleNamespace(telemetry=None))
    return schemathesis.openapi.from_dict(create_application(stub).openapi())


def _with_ids(case: Case, w: World, _studio: Studio) -> None:
    """Real ids in place of those that were made up."""
    known = names(case.operation.label, w)
    for name in case.path_parameters:
        case.path_parameters[name] = known[name]
    case.headers.update(headers(case.operation.label))
    if isinstance(case.body, dict):
        _ids_in_body(case.body, w.ids)


def _ids_in_body(fields: dict[str, Any], ids: dict[str, str]) -> None:
    for name, value in fields.items():
        if name in IN_BODIES:
            fields[name] = [ids[IN_BODIES[name]]] if isinstance(value, list) else ids[IN_BODIES[name]]
        for part in value if isinstance(value, list) else ():
            if isinstance(part, dict):
                _ids_in_body(part, ids)


def _plausible(case: Case, w: World, studio: Studio) -> None:
    """A request that should succeed."""
    _with_ids(case, w, studio)
    if case.operation.label == "DELETE /api/v1/recordings/{recording_id}":
        studio.services.recordings.update(w.recording.id, trashed_at=now())
    case.query = dict(w.link.params) if case.path.startswith("/files/") else {}
    made = body(case.operation.label, w)
    if made is not None:
        case.body, case.media_type = made, "application/json"
    elif case.method == "PATCH":
        case.body, case.media_type = b"some bytes", PIECE_TYPE


def _spoiled(operation: APIOperation, w: World, studio: Studio) -> Iterator[Case]:
    """Plausible requests with one nasty value each: a parameter in the query, or a field of the body."""

    def one(query: dict[str, str], fields: dict[str, Any]) -> Case:
        case = _case(operation, w, studio)
        case.query = {**case.query, **query}
        if fields:
            case.body = {**case.body, **fields}
        return case

    for parameter in operation.query:
        more = {"cursor": CURSORS, "addedFrom": TIMES, "addedTo": TIMES}.get(parameter.name, ())
        yield from (one({parameter.name: value}, {}) for value in (*TEXTS, *NUMBERS, *more))
    for field in body(operation.label, w) or ():
        yield from (one({}, {field: value}) for value in (*TEXTS, *VALUES))


def _case(operation: APIOperation, w: World, studio: Studio) -> Case:
    case = operation.Case()
    case.path_parameters = dict.fromkeys((p.name for p in operation.path_parameters), "")
    _plausible(case, w, studio)
    return case


def _checked(seeded: Seeded, case: Case, person: str, with_file: bool) -> int:
    """Send it, hold the answer against the description, and return its status."""
    more: dict[str, Any] = {}
    if with_file and (file := sent_file(case.operation.label, seeded.tone)) is not None:
        case.body, more = NOT_SET, {"files": {"file": file}}
    token = seeded.world(case.operation.label).tokens[person]
    answer = case.call(headers={"Authorization": f"Bearer {token}"}, app=seeded.app, **more)
    seeded.asked(case.operation.label, answer.status_code)
    case.validate_response(answer, checks=CHECKS)
    return answer.status_code


schema = _document().exclude(path_regex=LEFT_OUT)


def test_every_operation_succeeds_as_described(seeded: Seeded) -> None:
    statuses = {}
    for operation in (found.ok() for found in schema.get_all_operations()):
        for person in ("owner", "admin"):
            case = _case(operation, seeded.world(operation.label), seeded.studio)
            statuses[operation.label] = _checked(seeded, case, person, with_file=True)
            if statuses[operation.label] != 403:  # some are for admins alone
                break
    assert len(statuses) > 100 and {label: s for label, s in statuses.items() if s >= 300} == {}


def test_nasty_values_are_answered_as_described(seeded: Seeded) -> None:
    asked: Counter[int] = Counter()
    for operation in (found.ok() for found in schema.get_all_operations()):
        for case in _spoiled(operation, seeded.world(operation.label), seeded.studio):
            asked[_checked(seeded, case, "admin", with_file=False)] += 1
    assert asked.total() > 1000 and asked[422] > 300


@pytest.mark.parametrize("seeded", DATABASES if EXAMPLES else DATABASES[:1], indirect=True)  # both: what is short enough is above
@schema.given(way=st.sampled_from((None, _with_ids, _plausible)), person=st.sampled_from(("owner", "admin")))
@schema.parametrize()
@BOUNDED
def test_answers_are_those_described(seeded: Seeded, case: Case, way: Callable[[Case, World, Studio], None] | None, person: str) -> None:
    if way is not None:
        way(case, seeded.world(case.operation.label), seeded.studio)
    _checked(seeded, case, person, with_file=way is _plausible)
