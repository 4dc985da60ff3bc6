"""Who gets in, and what they may do there: keys, sessions, the door without a key, roles and shares on every route, quotas."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from calling import ELSEWHERE, Caller
from seeding import World, body, headers, hurried, names, sent_file, world
from servers import free_port

from sideman import bootstrap
from sideman.app.library.studio import Studio
from sideman.core.audio import write_audio
from sideman.faces.cli.serve import serve
from sideman.faces.rest import create_application
from sideman.faces.rest.callers import COOKIE, Policy
from sideman.infra.database import new_id
from sideman.testing import faded_tone


@dataclass(frozen=True)
class House:
    """A library, its application and who calls it; not from this machine unless a test says so."""

    studio: Studio
    caller: Caller

    def ask(self, method: str, path: str, key: str | None = None, **more: Any) -> httpx.Response:
        return self.caller.ask(method, path, key=key, **more)


def opened(folder: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Iterator[House]:
    for name, value in ({"SIDEMAN_RATE_PER_MINUTE": "0"} | environment).items():
        monkeypatch.setenv(name, value)
    with bootstrap.open_studio(folder) as studio, Caller(create_application(hurried(studio)), ELSEWHERE) as caller:
        yield House(studio, caller)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Its demo song is a tone: who may ask for it is what counts here."""
    library = tmp_path_factory.mktemp("library")
    write_audio(faded_tone(440, 5.0), library / "tone.flac")
    (library / "tone.flac").rename(library / f"demo-{metadata.version('sideman')}.mp3")
    with pytest.MonkeyPatch.context() as patch:
        yield from opened(library, patch)


@pytest.fixture(scope="module")
def town(house: House) -> World:
    """A world that nobody changes."""
    return world(house.studio)


@pytest.fixture
def tone(tmp_path: Path) -> bytes:
    write_audio(faded_tone(330, 1.0), tmp_path / "tone.flac")
    return (tmp_path / "tone.flac").read_bytes()


def sent(house: House, key: str, name: str, data: bytes) -> httpx.Response:
    return house.ask("POST", "/api/v1/recordings", key, files={"file": (name, data)})


# the door without a key

LOCAL = {"peer": "127.0.0.1", "host": "localhost:5000"}


def test_the_person_at_this_machine_needs_no_key(house: House) -> None:
    for host in ("localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"):
        assert house.ask("GET", "/api/v1/me", peer="127.0.0.1", host=host).json()["role"] == "admin", host
    assert house.ask("GET", "/api/v1/me", peer="::1", host="localhost").status_code == 200
    own = [("origin", "http://localhost:5000")]
    assert house.ask("POST", "/api/v1/collections", json={"name": "mine"}, headers=own, **LOCAL).status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"peer": ELSEWHERE},
        {"peer": "::ffff:192.0.2.7"},
        {"peer": "testclient"},
        *({"host": name} for name in ("localhost.evil.com", "evil.com", "127.0.0.1.nip.io", "localhost.", "0.0.0.0", "127.0.0.2")),
        {"headers": [("host", "localhost:5000")]},
        {"headers": [("host", "evil.com")]},
        *({"headers": [h]} for h in (("forwarded", "for=192.0.2.7"), ("via", "1.1 proxy"), ("x-real-ip", "192.0.2.7"))),
        *({"headers": [(f"x-forwarded-{what}", "localhost")]} for what in ("for", "host", "proto")),
        *({"headers": [("origin", o)]} for o in ("https://evil.com", "null", "http://localhost:5001", "http://localhost", "http://[", "")),
        {"headers": [("origin", "http://localhost:5000"), ("origin", "https://evil.com")]},
    ],
    ids=repr,
)
def test_each_doubt_alone_shuts_the_door_without_a_key(house: House, town: World, wrong: dict[str, Any]) -> None:
    answer = house.ask("GET", "/api/v1/me", **(LOCAL | wrong))
    assert answer.status_code == 401 and "API key" in answer.json()["detail"]
    assert answer.headers["www-authenticate"] == "Bearer"
    assert house.ask("GET", "/api/v1/me", town.tokens["viewer"], **(LOCAL | wrong)).status_code == 200


def test_insecure_serves_all_but_pages_of_others(house: House) -> None:
    with Caller(create_application(house.studio, Policy(open_to_all=True)), ELSEWHERE) as caller:
        assert caller.ask("GET", "/api/v1/me", host="studio.lan").json()["role"] == "admin"
        assert caller.ask("GET", "/api/v1/me", host="studio.lan", headers=[("origin", "http://evil.com")]).status_code == 401


# sideman serve


def _serve(data: Path, port: int, *words: str) -> subprocess.Popen[str]:
    call = [sys.executable, "-m", "sideman", "serve", "--no-worker", "--data", str(data), "--host", "0.0.0.0", "--port", str(port), *words]
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def _stopped(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    return said


def _answer(port: int, key: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for _ in range(900):
        try:
            return httpx.get(f"http://127.0.0.1:{port}/api/v1/me", headers=headers | {"Host": "studio.lan"}).status_code
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def test_an_address_that_was_said_can_be_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called = []

    def run(_server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        address = sockets[0].getsockname()
        assert f":{address[1]} " in capsys.readouterr().out
        with socket.create_connection(address, timeout=5):
            called.append(address)

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    serve(port=0, data=tmp_path, worker=False)
    assert called


@pytest.mark.slow
def test_serve_opens_to_others_only_with_an_admin_key_or_insecure(tmp_path: Path) -> None:
    port = free_port()
    refused = _serve(tmp_path, port)
    _, said = refused.communicate(timeout=60)
    assert refused.returncode == 2 and "admin key" in said and len(said.strip().splitlines()) == 1
    process = _serve(tmp_path, port, "--insecure")
    try:
        assert _answer(port) == 200
    finally:
        assert "Traceback" not in _stopped(process)
    with bootstrap.open_studio(tmp_path) as studio:
        me = studio.access.local()
        editor = studio.access.add_key(me, me.user_id, "key", "editor")
        assert not studio.access.admin_key_exists()
        token = studio.access.add_key(me, me.user_id, "key", "admin").token
    process = _serve(tmp_path, port)
    try:
        assert (_answer(port), _answer(port, token), _answer(port, editor.token)) == (401, 200, 200)
    finally:
        assert "Traceback" not in _stopped(process)


# keys


def _refused(answer: httpx.Response, status: int, word: str = "") -> None:
    assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status and word in answer.json()["detail"]


def test_keys_that_are_none(house: House) -> None:
    w = world(house.studio)
    for key in ("sm_wrong", "wrong", "", w.tokens["owner"][:-1], "\u00e4" * 9):
        _refused(house.ask("GET", "/api/v1/me", key), 401)
    _refused(house.ask("GET", "/api/v1/me", headers=[("authorization", "Basic b3duZXI6")]), 401)
    _refused(house.ask("GET", "/api/v1/me", "sm_wrong", **LOCAL), 401)
    assert house.ask("GET", "/api/v1/me", headers=[("x-api-key", w.tokens["owner"])]).status_code == 200


def test_a_revoked_key_and_a_disabled_user_are_out_at_once(house: House) -> None:
    w = world(house.studio)
    mine = house.ask("GET", "/api/v1/keys", w.tokens["writer"]).json()
    assert house.ask("DELETE", f"/api/v1/keys/{mine[0]['id']}", w.tokens["writer"]).status_code == 204
    _refused(house.ask("GET", "/api/v1/me", w.tokens["writer"]), 401, "revoked")
    change = house.ask("PATCH", f"/api/v1/users/{w.users['reader']}", w.tokens["admin"], json={"disabled": True})
    assert change.status_code == 200
    _refused(house.ask("GET", "/api/v1/me", w.tokens["reader"]), 401, "disabled")
    house.ask("PATCH", f"/api/v1/users/{w.users['reader']}", w.tokens["admin"], json={"disabled": False})
    assert house.ask("GET", "/api/v1/me", w.tokens["reader"]).status_code == 200


def test_the_lower_role_of_user_and_key_counts(house: House) -> None:
    w = world(house.studio)
    weak = house.ask("POST", "/api/v1/keys", w.tokens["admin"], json={"role": "viewer"}).json()["token"]
    assert house.ask("GET", "/api/v1/me", weak).json()["role"] == "viewer"
    _refused(house.ask("GET", "/api/v1/users", weak), 403, "admin")
    _refused(house.ask("POST", "/api/v1/collections", weak, json={"name": "x"}), 403, "editor")
    _refused(house.ask("GET", f"/api/v1/recordings/{w.recording.id}", weak), 404)
    house.ask("PATCH", f"/api/v1/users/{w.users['owner']}", w.tokens["admin"], json={"role": "viewer"})
    _refused(house.ask("POST", "/api/v1/collections", w.tokens["owner"], json={"name": "x"}), 403)


def test_a_key_revokes_none_that_is_stronger_than_itself(house: House) -> None:
    w = world(house.studio)
    weak = w.tokens["owner's viewer key"]
    by_role = {k["role"]: k["id"] for k in house.ask("GET", "/api/v1/keys", weak).json() if k["name"] == "key"}
    _refused(house.ask("DELETE", f"/api/v1/keys/{by_role['editor']}", weak), 403, "editor")
    assert house.ask("GET", "/api/v1/me", w.tokens["owner"]).status_code == 200
    assert house.ask("DELETE", f"/api/v1/keys/{by_role['viewer']}", weak).status_code == 204, "itself it may"
    _refused(house.ask("GET", "/api/v1/me", weak), 401)


def test_nobody_makes_a_key_above_their_own_role(house: House) -> None:
    w = world(house.studio)
    for person, role in (("viewer", "editor"), ("owner", "admin"), ("owner's viewer key", "editor")):
        _refused(house.ask("POST", "/api/v1/keys", w.tokens[person], json={"role": role}), 403)
    _refused(house.ask("POST", "/api/v1/keys", w.tokens["owner"], json={"role": "viewer", "userId": w.users["reader"]}), 403)
    _refused(house.ask("POST", "/api/v1/keys", w.tokens["admin"], json={"role": "admin", "userId": w.users["reader"]}), 403)
    made = house.ask("POST", "/api/v1/keys", w.tokens["admin"], json={"role": "editor", "userId": w.users["reader"]}).json()
    assert house.ask("GET", "/api/v1/me", made["token"]).json()["userId"] == w.users["reader"]


def test_the_database_holds_no_key_and_no_session(house: House) -> None:
    w = world(house.studio)
    cookie = _signed_in(house, w.tokens["owner"]).cookie
    house.studio.services.database.engine.dispose()
    kept = b"".join(path.read_bytes() for path in house.studio.settings.data.glob("*.db*"))
    assert w.tokens["owner"][:9].encode() in kept, "the hint should be found this way"
    assert w.tokens["owner"].encode() not in kept and cookie.encode() not in kept
    assert w.tokens["owner"] not in house.ask("GET", "/api/v1/keys", w.tokens["owner"]).text


# sessions


@dataclass(frozen=True)
class Session:
    cookie: str
    csrf: str

    def headers(self, csrf: str | None = "", origin: str | None = None) -> list[tuple[str, str]]:
        token = self.csrf if csrf == "" else csrf
        return [
            ("cookie", f"{COOKIE}={self.cookie}"), *([("x-csrf-token", token)] if token is not None else []),
            *([("origin", origin)] if origin else []),
        ]  # fmt: skip


def _signed_in(house: House, key: str) -> Session:
    answer = house.ask("POST", "/api/v1/session", json={"key": key})
    assert answer.status_code == 200
    cookie, *words = answer.headers["set-cookie"].split("; ")
    assert {"httponly", "samesite=strict", "path=/"} <= {w.lower() for w in words}
    assert cookie.startswith(f"{COOKIE}=")
    return Session(cookie.removeprefix(f"{COOKIE}="), answer.json()["csrf"])


def test_a_session_changes_things_only_with_its_token(house: House) -> None:
    w = world(house.studio)
    session, other = _signed_in(house, w.tokens["owner"]), _signed_in(house, w.tokens["owner"])
    assert house.ask("GET", "/api/v1/me", headers=session.headers(None)).json()["csrf"] == session.csrf
    for fields in (session.headers(None), session.headers("x"), session.headers(other.csrf), session.headers(origin="http://evil.com")):
        _refused(house.ask("POST", "/api/v1/collections", json={"name": "x"}, headers=fields), 403, "X-CSRF-Token")
    for fields in (session.headers(), session.headers(origin="http://localhost")):
        assert house.ask("POST", "/api/v1/collections", json={"name": "x"}, headers=fields).status_code == 201
    _refused(house.ask("DELETE", "/api/v1/session", headers=session.headers(None)), 403)
    assert house.ask("DELETE", "/api/v1/session", headers=session.headers()).status_code == 204
    _refused(house.ask("GET", "/api/v1/me", headers=session.headers()), 401, "ended")
    assert house.ask("GET", "/api/v1/me", headers=other.headers()).status_code == 200


def test_an_old_cookie_shuts_nobody_out_who_needs_none(house: House) -> None:
    """Cookies know no ports: another library on this machine may have left it."""
    old = [("cookie", f"{COOKIE}=of-another-library")]
    assert house.ask("GET", "/api/v1/me", headers=old, **LOCAL).json()["role"] == "admin"
    assert house.ask("POST", "/api/v1/collections", json={"name": "mine"}, headers=old, **LOCAL).status_code == 201
    _refused(house.ask("POST", "/api/v1/collections", json={"name": "x"}, headers=[*old, ("origin", "http://evil.com")], **LOCAL), 401)
    _refused(house.ask("GET", "/api/v1/me", headers=old), 401, "ended")


def test_a_session_ends_with_its_key(house: House) -> None:
    w = world(house.studio)
    session = _signed_in(house, w.tokens["writer"])
    key = house.ask("GET", "/api/v1/keys", w.tokens["writer"]).json()[0]["id"]
    house.ask("DELETE", f"/api/v1/keys/{key}", w.tokens["writer"])
    _refused(house.ask("GET", "/api/v1/me", headers=session.headers()), 401)
    _refused(house.ask("POST", "/api/v1/session", json={"key": w.tokens["writer"]}), 401)


def test_signing_in_from_a_page_of_others_is_refused(house: House, town: World) -> None:
    _refused(house.ask("POST", "/api/v1/session", json={"key": town.tokens["owner"]}, headers=[("origin", "http://evil.com")]), 401)


def test_everybody_is_told_what_they_may_do_with_a_collection(house: House, town: World) -> None:
    at = f"/api/v1/collections/{town.ids['collection_id']}"
    for name, access in (("owner", "own"), ("writer", "write"), ("reader", "read"), ("viewer", "read"), ("admin", "own")):
        listed = house.ask("GET", "/api/v1/collections", town.tokens[name]).json()
        (seen,) = (c for c in listed if c["id"] == town.ids["collection_id"])
        assert seen == house.ask("GET", at, town.tokens[name]).json(), name
        assert seen["access"] == access and seen["recordingIds"] == [town.ids["recording_id"]], name
    shares = house.ask("GET", f"{at}/shares", town.tokens["owner"]).json()
    assert [s["userName"].startswith(name) for s, name in zip(shares, ("reader", "viewer", "writer"), strict=True)] == [True] * 3


# every route, everybody

CALLERS = ("nobody", "stranger", "reader", "writer", "owner", "admin", "viewer", "owner's viewer key")
"""viewer: a user of that role with whom everything is shared to write."""
EXPECTED = {
    # what a class of routes answers to each of them; 200: any success
    "open": (200, 200, 200, 200, 200, 200, 200, 200),
    "signed in": (401, 200, 200, 200, 200, 200, 200, 200),
    "editor": (401, 200, 200, 200, 200, 200, 403, 403),
    "admin": (401, 403, 403, 403, 403, 200, 403, 403),
    "read": (401, 404, 200, 200, 200, 200, 200, 200),
    "make": (401, 404, 200, 200, 200, 200, 403, 403),
    "write": (401, 404, 403, 200, 200, 200, 403, 403),
    "own": (401, 404, 403, 403, 200, 200, 403, 403),
    "its owner and admins": (401, 404, 404, 404, 200, 200, 404, 200),
    "its owner": (401, 404, 404, 404, 200, 404, 404, 200),
    "its owner, as editor": (401, 404, 404, 404, 200, 404, 404, 403),
}
ROUTES = {
    "open": """
        GET /openapi.json · GET /livez · GET /readyz · GET /health · GET /files/{key} · POST /api/v1/session · OPTIONS /api/v1/uploads
    """,
    "signed in": """
        GET /api/v1/models · GET /api/v1/models/{name} · GET /api/v1/presets
        GET /metrics · GET /api/v1/engines · GET /api/v1/events · GET /api/v1/recordings · GET /api/v1/stems · GET /api/v1/stems/counts
        GET /api/v1/jobs · GET /api/v1/me · DELETE /api/v1/session · GET /api/v1/keys · POST /api/v1/keys · GET /api/v1/collections
        GET /api/v1/webhooks · GET /api/audio · GET /api/jobs · GET /api/jobs/stats · GET /api/jobs/entity/{entity_id} · GET /api/generation
        GET /api/stems/statistics · GET /api/stems/bpm · GET /api/stems/type/{stem_type} · GET /api/stems/key/{key}
    """,
    "editor": """
        POST /api/v1/recordings · POST /api/v1/recordings/demo · POST /api/audio/upload · POST /api/v1/uploads · POST /api/v1/collections · POST /api/v1/webhooks
        POST /api/v1/batch/analyse · POST /api/v1/batch/generate · POST /api/v1/batch/trash · POST /api/v1/batch/tag · POST /api/v1/batch/export
    """,
    "admin": "POST /api/v1/library/verification · GET /api/v1/users · POST /api/v1/users · PATCH /api/v1/users/{user_id} · POST /api/v1/models/{name}/install · DELETE /api/v1/models/{name}",
    "read": """
        GET /api/v1/recordings/{recording_id} · GET /api/v1/recordings/{recording_id}/file · GET /api/v1/recordings/{recording_id}/artwork
        GET /api/v1/recordings/{recording_id}/audio · GET /api/v1/recordings/{recording_id}/chunks/{number}.flac
        GET /api/v1/recordings/{recording_id}/chunks/{number}.pcm · GET /api/v1/stems/{stem_id}/chunks/{number}.pcm
        GET /api/v1/recordings/{recording_id}/peaks.dat · GET /api/v1/recordings/{recording_id}/analyses
        GET /api/v1/recordings/{recording_id}/timeline · GET /api/v1/recordings/{recording_id}/jams
        GET /api/v1/recordings/{recording_id}/corrections · GET /api/v1/recordings/{recording_id}/generations
        GET /api/v1/recordings/{recording_id}/styles
        GET /api/v1/recordings/{recording_id}/mixes · GET /api/v1/mixes/{mix_id} · GET /api/v1/mixes/{mix_id}/file
        GET /api/v1/stems/{stem_id} · GET /api/v1/stems/{stem_id}/file · GET /api/v1/stems/{stem_id}/midi · GET /api/v1/stems/{stem_id}/audio
        GET /api/v1/stems/{stem_id}/chunks/{number}.flac · GET /api/v1/stems/{stem_id}/peaks.dat
        GET /api/v1/generations/{generation_id} · GET /api/v1/generations/{generation_id}/stems · GET /api/v1/collections/{collection_id}
        GET /api/audio/{audio_id} · GET /api/audio/{audio_id}/analysis · GET /api/audio/{audio_id}/jams · GET /api/audio/{audio_id}/stems
        GET /api/audio/{audio_id}/download · GET /api/audio/{audio_id}/artwork · GET /api/audio/{audio_id}/insights
        GET /api/generation/{generation_id} · GET /api/generation/audio/{audio_id} · GET /api/generation/{generation_id}/stems
        GET /api/generation/stems/{stem_id}/download · GET /api/stems/audio/{audio_id} · GET /api/stems/{stem_id}
        GET /api/stems/{stem_id}/download · GET /api/v1/jobs/{job_id} · GET /api/v1/jobs/{job_id}/events · GET /api/jobs/{job_id}
    """,
    "make": "POST /api/v1/recordings/{recording_id}/mixes · POST /api/v1/recordings/{recording_id}/exports",
    "write": """
        PATCH /api/v1/recordings/{recording_id} · POST /api/v1/recordings/{recording_id}/analyses
        POST /api/v1/recordings/{recording_id}/separations · POST /api/v1/recordings/{recording_id}/fits · POST /api/v1/recordings/{recording_id}/annotations
        POST /api/v1/recordings/{recording_id}/corrections · DELETE /api/v1/recordings/{recording_id}/corrections/{correction_id}
        POST /api/v1/recordings/{recording_id}/generations · DELETE /api/v1/generations/{generation_id} · DELETE /api/v1/mixes/{mix_id}
        DELETE /api/v1/stems/{stem_id} · PATCH /api/v1/collections/{collection_id} · POST /api/audio/{audio_id}/analyze
        POST /api/v1/jobs/{job_id}/cancel · POST /api/v1/jobs/{job_id}/retry · DELETE /api/v1/jobs/{job_id} · POST /api/jobs/{job_id}/cancel
        POST /api/jobs/{job_id}/retry · DELETE /api/jobs/{job_id} · POST /api/generation/{generation_id}/cancel
        PUT /api/audio/{audio_id}/metadata · POST /api/generation · DELETE /api/generation/{generation_id} · DELETE /api/stems/{stem_id}
    """,
    "own": """
        POST /api/v1/recordings/{recording_id}/trash · POST /api/v1/recordings/{recording_id}/restore
        DELETE /api/v1/recordings/{recording_id} · GET /api/v1/recordings/{recording_id}/shares
        POST /api/v1/recordings/{recording_id}/shares · DELETE /api/v1/recordings/{recording_id}/shares/{share_id}
        DELETE /api/v1/collections/{collection_id} · GET /api/v1/collections/{collection_id}/shares
        POST /api/v1/collections/{collection_id}/shares · DELETE /api/v1/collections/{collection_id}/shares/{share_id}
        DELETE /api/audio/{audio_id}
    """,
    "its owner and admins": "DELETE /api/v1/keys/{key_id}",
    "its owner": "GET /api/v1/webhooks/{webhook_id}/deliveries · HEAD /api/v1/uploads/{upload_id}",
    "its owner, as editor": """
        DELETE /api/v1/webhooks/{webhook_id} · PATCH /api/v1/uploads/{upload_id} · DELETE /api/v1/uploads/{upload_id}
    """,
}
CLASS_OF = {
    route.strip(): kind for kind, routes in ROUTES.items() for line in routes.splitlines() for route in line.split("·") if route.strip()
}


def _routes(routes: list[Any]) -> Iterator[str]:
    for route in routes:
        inside = getattr(route, "effective_candidates", None)  # routers that FastAPI resolves late
        if inside is not None:
            yield from _routes(inside())
        else:
            yield from (f"{method} {route.path}" for method in route.methods - ({"HEAD"} if "GET" in route.methods else set()))


def test_every_route_has_its_row(house: House) -> None:
    app = create_application(house.studio)
    there = list(_routes(app.routes))
    assert len(there) == len(set(there)) > 100
    assert set(there) == set(CLASS_OF)
    described = {f"{method.upper()} {path}" for path, operations in app.openapi()["paths"].items() for method in operations}
    assert set(there) - described == {"GET /openapi.json"}


def _sent_to(route: str, w: World, tone: bytes) -> dict[str, Any]:
    """The body of a request that this route takes."""
    if (file := sent_file(route, tone)) is not None:
        return {"files": {"file": file}}
    if route == "PATCH /api/v1/uploads/{upload_id}":
        return {"content": b"some bytes"}
    return {"json": made} if (made := body(route, w)) is not None else {}


@pytest.mark.parametrize("route", sorted(CLASS_OF))
def test_everybody_on_every_route(house: House, town: World, tone: bytes, route: str) -> None:
    answers = {}
    for caller, expected in zip(CALLERS, EXPECTED[CLASS_OF[route]], strict=True):
        w = town if expected != 200 or route.startswith(("GET", "HEAD", "OPTIONS")) else world(house.studio)
        if route == "DELETE /api/v1/recordings/{recording_id}":
            house.studio.services.recordings.update(w.recording.id, trashed_at=w.recording.added_at)
        key = w.tokens.get(caller)
        assert key is not None or caller == "nobody"
        method, path = route.split()
        path = str(w.link) if path.startswith("/files/") else path.format(**names(route, w))
        answer = house.ask(method, path, key, headers=headers(route).items(), **_sent_to(route, w, tone))
        answers[caller] = (200 if answer.is_success else answer.status_code, answer.text[:200] if expected != answer.status_code else "")
        if route.startswith("DELETE /api/v1/recordings/{recording_id}") and w is town:
            house.studio.services.recordings.update(w.recording.id, trashed_at=None)
    wrong = {c: a for (c, a), e in zip(answers.items(), EXPECTED[CLASS_OF[route]], strict=True) if a[0] != e}
    assert not wrong, f"expected {dict(zip(CALLERS, EXPECTED[CLASS_OF[route]], strict=True))}"


def test_lists_show_only_what_the_caller_may_see(house: House) -> None:
    w = world(house.studio)
    lists = {
        "/api/v1/recordings?limit=200": "recording_id", "/api/audio?take=100": "audio_id", "/api/v1/stems?limit=200": "stem_id",
        "/api/stems/bpm": "stem_id", "/api/stems/type/Bass": "stem_id", "/api/v1/collections": "collection_id",
        f"/api/v1/recordings?collection={w.ids['collection_id']}": "recording_id",
    }  # fmt: skip
    for path, name in lists.items():
        seen = {c: w.ids[name] in house.ask("GET", path, w.tokens[c]).text.replace(f"collection={w.ids[name]}", "") for c in CALLERS[1:]}
        assert seen == {c: c != "stranger" for c in CALLERS[1:]}, path
    for path in ("/api/v1/jobs?limit=200", "/api/jobs?take=100", f"/api/jobs/entity/{w.recording.id}"):
        seen = {c: w.ids["job_id"] in house.ask("GET", path, w.tokens[c]).text for c in CALLERS[1:]}
        assert seen == {c: c in ("owner", "admin", "owner's viewer key") for c in CALLERS[1:]}, path
    for path, name in (("/api/v1/keys", "key_id"), ("/api/v1/webhooks", "webhook_id"), ("/api/generation", "generation_id")):
        seen = {c: w.ids[name] in house.ask("GET", path, w.tokens[c]).text for c in ("stranger", "reader", "viewer", "owner")}
        assert seen == {"stranger": False, "reader": False, "viewer": False, "owner": True}, path


def test_who_asks_for_the_same_on_a_shared_recording_gets_the_job_that_is_there_and_sees_it(house: House) -> None:
    w = world(house.studio)
    ask = f"/api/v1/recordings/{w.recording.id}/analyses"
    first, second = (house.ask("POST", ask, w.tokens[who], json={"separate": False}).json()["id"] for who in ("owner", "writer"))
    assert first == second
    seen = {who: house.ask("GET", f"/api/v1/jobs/{first}", w.tokens[who]).status_code for who in ("writer", "reader", "stranger")}
    assert seen == {"writer": 200, "reader": 200, "stranger": 404}
    _refused(house.ask("POST", f"/api/v1/jobs/{first}/cancel", w.tokens["reader"]), 403)
    assert house.ask("POST", f"/api/v1/jobs/{first}/cancel", w.tokens["writer"]).json()["state"] == "cancelled"


def test_an_empty_idempotency_key_is_none(house: House) -> None:
    w = world(house.studio)
    empty = [("idempotency-key", "")]
    mix = house.ask("POST", f"/api/v1/recordings/{w.ids['recording_id']}/mixes", w.tokens["owner"], json={"lanes": [{}]}, headers=empty)
    analysis = house.ask(
        "POST", f"/api/v1/recordings/{w.ids['recording_id']}/analyses", w.tokens["owner"], json={"separate": False}, headers=empty
    )
    assert mix.status_code == analysis.status_code == 202
    assert analysis.json()["kind"] == "analysis" and analysis.json()["id"] != mix.json()["jobId"]


def test_a_generation_without_a_seed_is_one_under_one_idempotency_key(house: House) -> None:
    w = world(house.studio)
    ask = f"/api/v1/recordings/{w.recording.id}/generations"

    def made(key: str, **more: Any) -> httpx.Response:
        return house.ask("POST", ask, w.tokens["owner"], json={"roles": ["bass"], **more}, headers=[("idempotency-key", key)])

    first, again, other = made("k"), made("k"), made("l")
    assert first.json()["id"] == again.json()["id"] != other.json()["id"] and first.json()["parameters"] == again.json()["parameters"]
    _refused(made("k", style="jazz"), 409, "used for another request")


def test_to_the_replaced_api_what_lies_in_the_trash_is_gone(house: House) -> None:
    w = world(house.studio)
    i = w.ids
    paths = [
        f"/api/stems/{i['stem_id']}", f"/api/stems/{i['stem_id']}/download", f"/api/generation/stems/{i['stem_id']}/download",
        f"/api/stems/audio/{i['audio_id']}", f"/api/audio/{i['audio_id']}/stems", f"/api/generation/audio/{i['audio_id']}",
    ]  # fmt: skip
    assert {p: house.ask("GET", p, w.tokens["owner"]).status_code for p in paths} == dict.fromkeys(paths, 200)
    house.ask("DELETE", f"/api/audio/{i['audio_id']}", w.tokens["owner"])
    assert {p: house.ask("GET", p, w.tokens["owner"]).status_code for p in paths} == dict.fromkeys(paths, 404)
    _refused(house.ask("DELETE", f"/api/stems/{i['stem_id']}", w.tokens["owner"]), 404)


def test_lists_of_the_replaced_api_name_every_stem(house: House) -> None:
    w = world(house.studio)
    first = house.studio.services.results.stem(w.ids["stem_id"])
    more = [replace(first, id=new_id()) for _ in range(250)]
    house.studio.services.results.put_stems(more)
    for path in ("/api/stems/type/Bass", "/api/stems/bpm?minBpm=119&maxBpm=121", f"/api/stems/audio/{w.recording.id}"):
        listed = [s["id"] for s in house.ask("GET", path, w.tokens["owner"]).json()]
        assert len(listed) == len(set(listed)) and {s.id for s in (first, *more)} <= set(listed), path


@pytest.mark.parametrize("what", ["analyse", "generate", "trash", "tag", "export"])
def test_a_batch_does_nothing_to_what_is_not_shared(house: House, what: str) -> None:
    w = world(house.studio)
    body = {"recordingIds": [w.recording.id], "roles": ["bass"], "add": ["mine now"]}
    allowed = ("stranger",) if what == "export" else ("stranger", "reader")
    for person in allowed:
        answer = house.ask("POST", f"/api/v1/batch/{what}", w.tokens[person], json=body).json()
        assert (answer["succeeded"], answer["failed"]) == (0, 1) and answer["items"][0]["error"]
    after = house.ask("GET", f"/api/v1/recordings/{w.recording.id}", w.tokens["owner"]).json()
    assert after["trashedAt"] is None and after["tags"] == ["test"] and after["status"] == w.recording.status


def test_a_share_can_be_taken_back(house: House) -> None:
    w = world(house.studio)
    path = f"/api/v1/recordings/{w.recording.id}"
    shares = house.ask("GET", f"{path}/shares", w.tokens["owner"]).json()
    mine = next(s["id"] for s in shares if s["userId"] == w.users["reader"])
    house.ask("DELETE", f"{path}/shares/{mine}", w.tokens["owner"])
    assert house.ask("GET", path, w.tokens["reader"]).status_code == 200, "it is still in a collection shared with them"
    house.ask("DELETE", f"/api/v1/collections/{w.ids['collection_id']}", w.tokens["owner"])
    _refused(house.ask("GET", path, w.tokens["reader"]), 404)


def test_a_shared_collection_takes_in_only_what_its_writer_owns(house: House) -> None:
    w, other = world(house.studio), world(house.studio)
    path = f"/api/v1/collections/{w.ids['collection_id']}"
    both = {"recordingIds": [w.recording.id, other.recording.id]}
    _refused(house.ask("PATCH", path, w.tokens["writer"], json=both), 404)
    house.studio.services.people.share(w.users["writer"], "write", recording_id=other.recording.id)
    _refused(house.ask("PATCH", path, w.tokens["writer"], json=both), 403)
    assert house.ask("GET", path, w.tokens["owner"]).json()["recordingIds"] == [w.recording.id]


# limits


@pytest.fixture
def limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[House]:
    yield from opened(tmp_path / "library", monkeypatch, **request.param)


@pytest.mark.parametrize("limited", [{"SIDEMAN_RATE_PER_MINUTE": "30"}], indirect=True, ids=["30 a minute"])
def test_too_many_requests_are_told_when_to_come_back(limited: House) -> None:
    w = world(limited.studio)
    answers = [limited.ask("GET", "/api/v1/me", w.tokens["reader"]) for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    _refused(answers[-1], 429, "30 requests")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 2
    assert limited.ask("GET", "/api/v1/me", w.tokens["stranger"]).status_code == 200, "each key has its own"


@pytest.mark.parametrize(
    ("limited", "word"), [({"SIDEMAN_QUOTA_MB": "1"}, "MB"), ({"SIDEMAN_QUOTA_MINUTES": "1"}, "minutes")], indirect=["limited"], ids=["MB", "minutes"]
)  # fmt: skip
def test_a_quota_holds_for_editors_and_not_for_admins(limited: House, tone: bytes, tmp_path: Path, word: str) -> None:
    w = world(limited.studio)
    write_audio(faded_tone(220, 61.0), tmp_path / "long.wav")
    long = (tmp_path / "long.wav").read_bytes()
    assert sent(limited, w.tokens["stranger"], "tone.flac", tone).status_code == 201
    answer = sent(limited, w.tokens["stranger"], "long.wav", long)
    _refused(answer, 429, word)
    assert "retry-after" not in answer.headers, "waiting does not help, only deleting"
    assert len(limited.ask("GET", "/api/v1/recordings", w.tokens["stranger"]).json()["items"]) == 1
    assert sent(limited, w.tokens["admin"], "long.wav", long).status_code == 201


@pytest.mark.parametrize("limited", [{"SIDEMAN_QUOTA_JOBS": "4"}], indirect=True, ids=["4 jobs"])
def test_the_jobs_of_a_day_are_counted(limited: House) -> None:
    w = world(limited.studio)  # its owner has three jobs
    path = f"/api/v1/recordings/{w.recording.id}/generations"
    assert limited.ask("POST", path, w.tokens["owner"], json={"roles": ["bass"]}).status_code == 202
    for route, wanted in (
        (path, {"roles": ["drums"]}),
        (f"/api/v1/recordings/{w.recording.id}/mixes", {"lanes": [{}]}),
        ("/api/v1/batch/analyse", {"recordingIds": [w.recording.id], "again": True}),
        (f"/api/v1/jobs/{w.ids['failed_job_id']}/retry", None),
    ):
        answer = limited.ask("POST", route, w.tokens["owner"], json=wanted)
        _refused(answer, 429, "4 jobs")
        assert int(answer.headers["retry-after"]) > 0
    assert len(limited.ask("GET", path, w.tokens["owner"]).json()) == 2, "what was refused left nothing behind"
    assert limited.ask("POST", path, w.tokens["admin"], json={"roles": ["drums"]}).status_code == 202


@pytest.mark.parametrize("limited", [{"SIDEMAN_MAX_UPLOAD_MB": "1"}], indirect=True, ids=["1 MB"])
def test_an_upload_that_is_too_large_is_refused_however_it_comes(limited: House) -> None:
    w = world(limited.studio)
    key, form = w.tokens["owner"], [("content-type", "multipart/form-data; boundary=b")]
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    _refused(sent(limited, key, "a.wav", bytes(3 << 20)), 413, "MB")
    _refused(sent(limited, key, "a.wav", bytes((1 << 20) + 1)), 413, "MB")
    for path in ("/api/v1/recordings", "/api/audio/upload"):
        stated = limited.ask("POST", path, key, headers=[*form, ("content-length", str(3 << 20))], chunks=[head])
        _refused(stated, 413, "MB")
        _refused(limited.ask("POST", path, key, headers=form, chunks=[head, *[bytes(1 << 18)] * 12]), 413, "MB")
    _refused(limited.ask("POST", "/api/v1/uploads", key, headers=[("tus-resumable", "1.0.0"), ("upload-length", "1048577")]), 413, "MB")
    piece = [("tus-resumable", "1.0.0"), ("upload-offset", "0"), ("content-type", "application/offset+octet-stream")]
    _refused(limited.ask("PATCH", f"/api/v1/uploads/{w.ids['upload_id']}", key, headers=piece, chunks=[bytes(600)] * 2), 413, "1000")
    _refused(
        limited.ask("POST", "/api/v1/collections", key, headers=[("content-type", "application/json")], chunks=[b'"' + bytes(1 << 20)] * 9), 413, "8 MB"
    )  # fmt: skip
    assert not [p for p in limited.studio.settings.uploads.iterdir() if p.name.startswith("form-")]


# signed links


def test_a_signed_link_needs_no_key_and_bears_no_change(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    w = world(house.studio)
    link = httpx.URL(house.ask("GET", f"/api/v1/recordings/{w.recording.id}", w.tokens["owner"]).json()["audioUrl"])
    assert link == w.link
    good = house.ask("GET", str(link))
    assert good.status_code == 200 and len(good.content) == w.recording.size_bytes
    assert good.headers["content-type"] == "audio/flac" and "sandbox" in good.headers["content-security-policy"]
    assert house.ask("GET", str(link), headers=[("range", "bytes=0-3")]).content == b"fLaC"
    query = dict(link.params)
    changes = {
        "signature": "0" * 64,
        "expires": str(int(query["expires"]) + 1),
        "name": "other.flac",
        "type": "text/html",
        "user": w.users["admin"],
    }
    for name, value in changes.items():
        _refused(house.ask("GET", str(link.copy_with(params=query | {name: value}))), 404, "link")
    _refused(house.ask("GET", str(link).replace(w.recording.content_key, "0" * 64)), 404, "link")
    later = time.time() + 7201
    monkeypatch.setattr(time, "time", lambda: later)
    _refused(house.ask("GET", str(link)), 404, "expired")


@pytest.mark.parametrize("header", ["bytes=5-4", "bytes=99999999-", "bytes=-0", "bytes=0-1,3-4", "bytes=" + "9" * 5000 + "-"])
def test_a_range_outside_the_file_is_416(house: House, town: World, header: str) -> None:
    answer = house.ask("GET", f"/api/v1/recordings/{town.recording.id}/file", town.tokens["owner"], headers=[("range", header)])
    _refused(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{town.recording.size_bytes}"


def test_what_a_request_says_in_odd_words_is_understood(house: House, town: World) -> None:
    at = f"/api/v1/recordings/{town.recording.id}"
    whole = house.ask("GET", f"{at}/file", town.tokens["owner"], headers=[("range", "pages=1-2")])
    assert whole.status_code == 200 and len(whole.content) == town.recording.size_bytes, "an unknown unit is ignored (RFC 9110, 14.2)"
    schema = [
        house.ask("GET", "/openapi.json", headers=[("accept-encoding", e)]).headers.get("content-encoding") for e in ("gzip", "gzip;q=0")
    ]
    assert schema == ["gzip", None]
    for k in range(3):
        house.ask(f"X{k}", "/api/v1/me", town.tokens["owner"])
    told = house.ask("GET", "/metrics", town.tokens["admin"]).text
    assert 'method="other"' in told and 'method="X0"' not in told


# names


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.flac", "passwd.flac"),
        ("C:\\x\\y.flac", "y.flac"),
        ("/abs/z.flac", "z.flac"),
        ("nul\0byte.flac", "nulbyte.flac"),
        ("line\r\nfeed.flac", "linefeed.flac"),
        ("x" * 300 + ".flac", "x" * 200),
        ("Größe 音楽 🎵.flac", "Größe 音楽 🎵.flac"),
        ("right\u202eto left.flac", "rightto left.flac"),
        ("..", "recording"),
        ("", "recording"),
    ],
)
def test_a_name_is_a_name_and_never_a_path(house: House, tone: bytes, name: str, kept: str) -> None:
    w = world(house.studio)
    key = w.tokens["stranger"]
    where = b'form-data; name="file"; filename="%s"' % name.replace("\\", "\\\\").encode()
    body = b"--b\r\nContent-Disposition: " + where + b"\r\n\r\n" + tone + b"\r\n--b--\r\n"
    if "\r" not in name and name:
        form = house.ask("POST", "/api/v1/recordings", key, headers=[("content-type", "multipart/form-data; boundary=b")], content=body)
        assert form.status_code == 201 and form.json()["fileName"] == kept
        link = house.ask("GET", form.json()["audioUrl"])
        assert link.status_code == 200 and link.content == tone
    files = [p for p in house.studio.settings.data.rglob("*") if p.suffix == ".flac" or "passwd" in p.name]
    assert not files, "a name became a file's"
