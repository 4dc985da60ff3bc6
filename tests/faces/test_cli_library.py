"""The library on the command line and the stream of its jobs, as users meet them: on a folder of this machine and on a server."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import forked
import httpx
import pytest

from sideman.core.audio import AudioClip, write_audio
from sideman.testing import ShortSong, faded_tone

SONG_S = 8


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)


Sideman = Callable[..., Done]


@pytest.fixture(scope="module")
def sideman() -> Sideman:
    """Runs the command line in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SIDEMAN_")} | {"COLUMNS": "200"}

    def run(*words: object) -> Done:
        done = forked.sideman(*words, environment=environment)
        assert "Traceback" not in done.stderr + done.stdout, done
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@dataclass(frozen=True)
class Way:
    """The library in a folder, or a server's."""

    sideman: Sideman
    options: tuple[str, ...]
    is_local: bool

    def __call__(self, *words: object) -> Done:
        return self.sideman(*words, *self.options)

    def json(self, *words: object) -> Any:
        return self.sideman(*words, *self.options, "--json").json

    def refused(self, code: int, *words: object) -> str:
        return one_sentence(self(*words), code)


def one_sentence(done: Done, code: int) -> str:
    """What a refusal says: on standard error, one line, nothing on standard output."""
    assert (done.code, done.out) == (code, ""), done
    lines = [line for line in done.err.strip().splitlines() if "━" not in line]  # but for the bar of progress
    assert len(lines) == 1 and lines[0].startswith("sideman: "), done
    return lines[0]


@pytest.fixture(params=["folder", "server"])
def way(request: pytest.FixtureRequest, sideman: Sideman, tmp_path: Path) -> Way:
    if request.param == "folder":
        return Way(sideman, ("--data", str(tmp_path / "library")), True)
    return Way(sideman, ("--server", request.getfixturevalue("server").url), False)


@pytest.fixture
def local(sideman: Sideman, tmp_path: Path) -> Way:
    return Way(sideman, ("--data", str(tmp_path / "library")), True)


def tone(path: Path, duration_s: float = 0.3) -> Path:
    """A file like no other: the bytes of two are never the same."""
    write_audio(faded_tone(200 + uuid4().int % 4000 + uuid4().int % 997 / 997, duration_s), path)
    return path


def song_part(song: ShortSong, path: Path, begin: int = 0) -> Path:
    rate = song.mixture.sample_rate_hz
    write_audio(AudioClip(song.mixture.samples[:, begin : begin + SONG_S * rate], rate), path)
    return path


# recordings


def test_a_recording_from_adding_to_restoring(way: Way, tmp_path: Path) -> None:
    mark = f"z{uuid4().hex[:8]}"
    folder = tmp_path / "album"
    folder.mkdir()
    paths = [tone(folder / f"{mark} {name}.flac") for name in ("one", "two")]
    (folder / "cover.txt").write_text("no music")
    (folder / ".hidden").write_text("nobody's business")
    added = way("library", "add", folder, "--json")
    assert added.code == 3 and "cover.txt" in added.err and "hidden" not in added.err
    one, two = json.loads(added.out)["added"]
    assert [one["title"], two["title"]] == [f"{mark} one", f"{mark} two"]
    again = way.json("library", "add", paths[0])["added"]
    assert [r["id"] for r in again] == [one["id"]]

    def found(*words: object) -> list[str]:
        return sorted(r["id"] for r in way.json("library", *words)["recordings"])

    both = sorted((one["id"], two["id"]))
    assert set(both) <= set(found("list")) and len(found("list", "--limit", "1")) == 1
    assert found("search", mark) == both and found("search", f"{mark} TW") == [two["id"]]
    assert found("search", mark, "--bpm", "60-200") == [] and found("search", mark, "--song-key", "8A", "--compatible") == []
    shown = way.json("library", "show", one["id"][:13])
    assert shown["recording"]["id"] == one["id"] and shown["stems"] == shown["jobs"] == []

    edited = way.json("library", "edit", one["id"][:13], "--title", "Bleu", "--artist", "Éva", "--tags", f"Jazz, {mark}-tag ,")
    assert [(r["title"], r["artist"], sorted(r["tags"])) for r in edited["recordings"]] == [
        ("Bleu", "Éva", sorted(["jazz", f"{mark}-tag"]))
    ]
    assert found("search", "--tag", f"{mark}-tag", "--artist", "eva") == [one["id"]]
    assert found("search", f"{mark}", "--sort", "title") == both  # of one title the tag, of the other the name

    assert way.json("library", "trash", *both)["recordings"][0]["trashedAt"]
    assert found("search", mark) == [] and set(both) <= set(found("list", "--trashed", "--limit", "1000"))
    way.json("library", "restore", two["id"][:13])
    assert found("search", mark) == [two["id"]]
    for verb in ("delete", "restore"):
        assert "no recording in the trash" in one_sentence(way("library", verb, two["id"][:13]), 6)
    half = way("library", "delete", one["id"], two["id"], one["id"], "--json")
    assert half.code == 6 and json.loads(half.out) == {"deleted": [one["id"]]} and "trash it first" in half.err
    assert one["id"] not in found("list", "--trashed", "--limit", "1000")
    assert "trash it first" in one_sentence(way("library", "delete", two["id"]), 6)
    for words in (("list",), ("search", mark), ("show", two["id"]), ("add", paths[1])):
        done = way("library", *words)
        assert done.code == 0 and f"{mark} two" in done.out, done
    assert "nothing found" in way("library", "search", f"{mark}nothing").out


def test_paging_goes_beyond_one_page_of_the_server(local: Way, tmp_path: Path) -> None:
    """205 recordings, made behind its back; a page of the API has at most 200."""
    from dataclasses import replace

    from sideman import bootstrap
    from sideman.infra.database import new_id

    first = local.json("library", "add", tone(tmp_path / "a.flac"))["added"][0]["id"]
    with bootstrap.open_studio(tmp_path / "library") as studio:
        record = studio.services.recordings.get(first)
        for k in range(204):
            studio.services.recordings.add(replace(record, id=new_id(), content_key=f"{k:064x}"))
    ids = {r["id"] for r in local.json("library", "list", "--limit", "1000")["recordings"]}
    assert len(ids) == 205
    assert len(local.json("library", "list", "--limit", "201")["recordings"]) == 201
    letter = next(x for x in "0123456789abcdef" if sum(i.startswith(x) for i in ids) > 1)
    said = local.refused(2, "library", "show", letter)
    assert f" {sum(i.startswith(letter) for i in ids)} recordings have ids that begin with" in said


def test_multitracks_are_one_recording_each(way: Way, tmp_path: Path) -> None:
    """Two folders of one name are two songs."""
    folders = [tmp_path / name / "stems" for name in ("first", "second")]
    for folder in folders:
        folder.mkdir(parents=True)
        for part in ("Bass", "Kick drums"):
            tone(folder / f"{part}.wav")
    added = way.json("library", "add", "--multitrack", *folders)["added"]
    assert len({r["id"] for r in added}) == 2
    for record in added:
        stems = way.json("library", "show", record["id"])["stems"]
        assert sorted((s["role"], s["origin"]) for s in stems) == [("bass", "imported"), ("kick", "imported")]
    archive = tmp_path / f"{uuid4().hex}.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for part in ("bass.flac", "piano.flac"):
            file.write(tone(tmp_path / part), part)
    assert [r["title"] for r in way.json("library", "add", archive)["added"]] == [archive.stem]


def test_verification_finds_a_flipped_byte(way: Way, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tone(tmp_path / "a.flac")
    added = way.json("library", "add", path)["added"][0]
    data = tmp_path / "library" if way.is_local else request.getfixturevalue("server").data
    (blob,) = [b for b in (data / "blobs").rglob("*") if b.is_file() and b.read_bytes() == path.read_bytes()]
    before = way("library", "verify", "--json")
    assert blob.name not in json.loads(before.out)["damaged"]
    if way.is_local:  # the server is shared: other tests may have left something
        assert before.code == 0 and way("library", "verify").code == 0
    whole = blob.read_bytes()
    blob.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    try:
        found = way("library", "verify", "--json")
        assert found.code == 6 and blob.name in json.loads(found.out)["damaged"]
        plain = way("library", "verify")
        assert plain.code == 6 and f"damaged: {blob.name}" in plain.out
    finally:
        blob.write_bytes(whole)
    assert way("library", "verify", "--json").code == before.code
    if way.is_local:
        blob.unlink()
        gone = way("library", "verify", "--json")
        assert gone.code == 6 and json.loads(gone.out)["missing"] == [blob.name] and added["id"]


# set lists


def test_a_set_list_from_making_to_deleting(way: Way, tmp_path: Path) -> None:
    one, two, three = (
        r["id"] for r in way.json("library", "add", *(tone(tmp_path / f"{n}.flac") for n in ("one", "two", "three")))["added"]
    )
    name = f"set {uuid4().hex[:8]}"

    def order(done: dict[str, Any]) -> list[str]:
        assert [r["id"] for r in done["recordings"]] == done["set"]["recordingIds"]
        return list(done["set"]["recordingIds"])

    made = way.json("sets", "create", name, one[:13], two)
    assert order(made) == [one, two] and made["set"]["access"] == "own"
    assert order(way.json("sets", "add", name.upper(), three[:13])) == [one, two, three]
    assert order(way.json("sets", "add", made["set"]["id"][:13], three, one, "--at", "2")) == [two, three, one]
    assert order(way.json("sets", "add", name, two, "--at", "99")) == [three, one, two]
    way.json("library", "trash", one)
    shown = way("sets", "show", name)
    assert "2 songs" in shown.out and shown.out.index("three") < shown.out.index("two"), "what lies in the trash is not shown"
    assert order(way.json("sets", "remove", name, one[:13])) == [three, two]
    assert way.json("sets", "rename", name, f"{name} b")["set"]["name"] == f"{name} b"
    assert f"{name} b" in way("sets", "list").out
    assert f"did you mean {name} b?" in way.refused(6, "sets", "show", name)
    assert "sets list" in way.refused(6, "sets", "show", "of nobody")
    assert "sets show" in way.refused(6, "sets", "remove", f"{name} b", one)
    way.json("sets", "create", f"{name} b")
    assert made["set"]["id"][:8] in way.refused(2, "sets", "show", f"{name} b"), "of two with one name the id decides"
    asked = way.json("batch", "analyze", "--set", made["set"]["id"], "--no-wait")
    assert sorted(i["recordingId"] for i in asked["items"]) == sorted((two, three))
    assert "--set" in way.refused(2, "batch", "analyze", "--set", name, "--all")
    assert "stay" in way("sets", "delete", made["set"]["id"]).out
    assert way.json("library", "show", two)["recording"]["id"] == two
    way("sets", "delete", f"{name} b")
    if way.is_local:
        assert "sets create" in way("sets", "list").out


# keys and users


def test_keys_and_users_from_making_to_revoking(way: Way) -> None:
    ann = f"ann {uuid4().hex[:8]}"
    made = way.json("users", "add", ann, "--role", "editor")
    assert (made["name"], made["role"]) == (ann, "editor")
    assert "already" in way.refused(6, "users", "add", ann)
    key = way.json("keys", "add", "--user", ann, "--role", "viewer", "--name", "phone")
    other = way.json("keys", "add", "--user", f"{ann} 2", "--role", "editor")
    assert key["token"].startswith("sm_") and key["role"] == "viewer" and key["ownerId"] == made["id"] != other["ownerId"]
    assert {ann, f"{ann} 2"} <= {u["name"] for u in way.json("users", "list")["users"]}
    rows = {k["id"]: k for k in way.json("keys", "list")["keys"]}
    assert rows[key["id"]]["name"] == "phone" and key["token"] not in json.dumps(rows)
    for noun in ("keys", "users"):
        assert way(noun, "list").code == 0
    shown = way("keys", "add", "--user", ann, "--role", "viewer")
    assert shown.code == 0 and shown.out.startswith("sm_") and "shown only now" in shown.out
    if not way.is_local:
        assert way.json("library", "list", "--key", key["token"])["recordings"] == []
        assert "editor" in way.refused(6, "library", "add", __file__, "--key", key["token"])
        assert "admin" in way.refused(6, "users", "list", "--key", other["token"])
        assert "unknown or was revoked" in way.refused(6, "library", "list", "--key", "sm_wrong")
    assert way.json("keys", "revoke", key["id"][:13]) == {"revoked": key["id"]}
    assert next(k for k in way.json("keys", "list")["keys"] if k["id"] == key["id"])["revokedAt"]
    if not way.is_local:
        assert "revoked" in way.refused(6, "library", "list", "--key", key["token"])


# jobs


def states(way: Way, *ids: str) -> list[str]:
    listed = {j["id"]: j["state"] for j in way.json("jobs", "list", "--limit", "500")["jobs"]}
    return [listed[i] for i in ids]


def test_jobs_wait_on_a_folder_that_no_worker_serves(local: Way, tmp_path: Path) -> None:
    ids = [local.json("library", "add", tone(tmp_path / f"{k}.flac"))["added"][0]["id"] for k in "ab"]
    made = local.json("batch", "analyze", "--all", "--no-wait")
    assert (made["succeeded"], made["failed"]) == (2, 0) and sorted(i["recordingId"] for i in made["items"]) == sorted(ids)
    first, second = (i["jobId"] for i in made["items"])
    assert states(local, first, second) == ["queued", "queued"] and local.json("jobs", "list", "--state", "running") == {"jobs": []}
    again = local.json("batch", "analyze", *(i[:13] for i in ids), "--no-wait")
    assert sorted(i["jobId"] for i in again["items"]) == sorted((first, second)), "equal work is asked for once"
    assert local.json("jobs", "cancel", first[:13])["state"] == "cancelled"
    assert "cancelled already" in local.refused(6, "jobs", "cancel", first)
    assert "only failed and cancelled" in local.refused(6, "jobs", "retry", second)
    retried = local.json("jobs", "retry", first)
    assert (retried["state"], retried["attempt"], retried["retryOf"]) == ("queued", 2, first)
    assert states(local, first, second, retried["id"]) == ["cancelled", "queued", "queued"]
    assert "queued" in local("jobs", "list").out and "cancelled" in local("jobs", "list", "--state", "cancelled").out
    local("jobs", "cancel", second)
    local("jobs", "cancel", retried["id"])
    watched = local("jobs", "watch", "--json")
    assert watched.json == {"jobs": []}, "nothing is left to watch"
    ended = local("jobs", "watch", second)
    assert ended.code == 6 and "cancelled" in ended.out
    assert (local.json("batch", "generate", "--search", "nothing like it", "--no-wait")["items"]) == []
    unknown = local("batch", "analyze", str(uuid4()), "--no-wait", "--json")
    refused = json.loads(unknown.out)
    assert unknown.code == 6 and refused["failed"] == 1 and "no such recording" in refused["items"][0]["error"]


@pytest.mark.slow
def test_a_batch_on_a_folder_does_the_work_itself(local: Way, song: ShortSong, tmp_path: Path) -> None:
    good = local.json("library", "add", song_part(song, tmp_path / "song.flac"))["added"][0]["id"]
    short = local.json("library", "add", tone(tmp_path / "short.flac"))["added"][0]["id"]
    done = local("batch", "analyze", "--all", "--json")
    jobs = {j["recordingId"]: j for j in json.loads(done.out)["jobs"]}
    assert done.code == 6 and "1 of 2 jobs did not complete" in done.err
    assert jobs[good]["state"] == "completed" and jobs[good]["share"] == 1
    assert jobs[short]["state"] == "failed" and "needs 4 s" in jobs[short]["error"]
    shown = local.json("library", "show", good)
    assert shown["recording"]["status"] == "analyzed" and shown["recording"]["tempoBpm"] and len(shown["stems"]) >= 4
    played = local.json("batch", "generate", good, "--stems", "bass", "--seed", "3")
    assert [j["state"] for j in played["jobs"]] == ["completed"]
    stems = [s for s in local.json("library", "show", good)["stems"] if s["origin"] == "generated"]
    assert [s["role"] for s in stems] == ["bass"] and stems[0]["score"] is not None
    human = local("library", "show", good)
    assert human.code == 0 and "generated" in human.out and "completed" in human.out
    assert local.json("library", "verify")["damaged"] == []
    known = local.json("batch", "analyze", good)["jobs"]
    assert [j["id"] for j in known] == [jobs[good]["id"]], "what was analysed is not analysed again"
    health = local.sideman("doctor", *local.options, "--json").json
    assert health["library"]["detail"].endswith("0 workers alive"), "its worker ended with it"


# events


class Stream(threading.Thread):
    """Server-sent events as they come, until the stream ends or is left."""

    def __init__(self, url: str, **headers: str) -> None:
        super().__init__(daemon=True)
        self._url, self._headers = url, headers
        self.events: list[dict[str, Any]] = []
        self.ids: list[int] = []
        self.connected, self.news = threading.Event(), threading.Condition()
        self._left = False
        self._socket: socket.socket | None = None
        self.start()
        assert self.connected.wait(60)

    def run(self) -> None:
        try:
            with httpx.stream("GET", self._url, headers=self._headers, timeout=httpx.Timeout(10, read=300)) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream"), answer.status_code
                self._socket = answer.extensions["network_stream"].get_extra_info("socket")
                for line in answer.iter_lines():
                    self.connected.set()
                    if line.startswith("id: "):
                        self.ids.append(int(line[4:]))
                    if line.startswith("data: "):
                        with self.news:
                            self.events.append(json.loads(line[6:]))
                            self.news.notify_all()
        except httpx.TransportError:
            if not self._left:
                raise

    def leave(self) -> None:
        """The reading thread sees the end of its connection, and closes it."""
        self._left = True
        assert self._socket
        self._socket.shutdown(socket.SHUT_RDWR)
        self.join(60)
        assert not self.is_alive()

    def saw_completed(self, *job_ids: str) -> bool:
        """True once it has; False when that takes a minute."""
        wanted = set(job_ids)
        with self.news:
            return self.news.wait_for(lambda: wanted <= {e["id"] for e in self.events if e["state"] == "completed"}, 60)

    def of(self, job_id: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["id"] == job_id]


@pytest.mark.slow
def test_jobs_of_a_server_are_watched_cancelled_and_tried_again(server, sideman: Sideman, song: ShortSong, tmp_path: Path) -> None:
    way, rate = Way(sideman, ("--server", server.url), False), song.mixture.sample_rate_hz
    ids = [
        way.json("library", "add", song_part(song, tmp_path / f"{k}.flac", k * rate + uuid4().int % rate))["added"][0]["id"]
        for k in range(2)
    ]
    key = way.json("keys", "add", "--user", f"eve {uuid4().hex[:8]}", "--role", "editor")["token"]
    mine, hers = Stream(f"{server.url}/api/v1/events"), Stream(f"{server.url}/api/v1/events", Authorization=f"Bearer {key}")
    made = way.json("batch", "analyze", *ids, "--no-wait")
    first, second = (i["jobId"] for i in made["items"])
    one = Stream(f"{server.url}/api/v1/jobs/{first}/events")
    cancelled = way("jobs", "cancel", second)  # it waits behind the first one, or has just begun
    assert cancelled.code == 0, cancelled
    retried = way.json("jobs", "retry", second)["id"]
    watched = way("jobs", "watch", first, retried, "--json")
    assert [j["state"] for j in watched.json["jobs"]] == ["completed", "completed"]
    assert all(s["origin"] == "separated" for s in way.json("library", "show", ids[0])["stems"])

    one.join(60)
    assert not one.is_alive(), "the stream of one job ends by itself"
    assert {e["id"] for e in one.events} == {first} and one.events[-1]["state"] == "completed"
    assert mine.saw_completed(first, retried)
    order = ["queued", "running", "completed"]
    for events in (one.events, mine.of(first), mine.of(retried)):
        seen = [e["state"] for e in events]
        assert seen == sorted(seen, key=order.index) and seen.count("completed") == 1 and "running" in seen
        shares = [e["share"] for e in events]
        assert shares == sorted(shares) and shares[-1] == 1 and any(0 < s < 1 for s in shares)
    assert mine.of(second)[-1]["state"] == "cancelled" and mine.ids == sorted(set(mine.ids))
    assert hers.events == [], "somebody else's jobs are not hers to see"
    refused = httpx.get(f"{server.url}/api/v1/jobs/{first}/events", headers={"Authorization": f"Bearer {key}"})
    assert refused.status_code == 404
    late = Stream(f"{server.url}/api/v1/jobs/{first}/events")
    late.join(60)
    assert not late.is_alive() and [e["state"] for e in late.events] == ["completed"]
    for stream in (mine, hers):
        stream.leave()


# doctor, wrong use, servers that are none


def test_the_doctor_says_what_is_there(sideman: Sideman, tmp_path: Path) -> None:
    found = sideman("doctor", "--data", tmp_path / "library", "--json").json
    assert found["library"] == {"state": "answers", "detail": "sqlite, 0 workers alive"} and found["SoundFont"]["state"] == "found"
    assert "journal mode" in found["SQLite"]["detail"] and found["extra server"]["state"] == "installed"
    plain = sideman("doctor", "--data", tmp_path / "library")
    assert plain.code == 0 and "answers" in plain.out


def test_a_damaged_database_is_said_in_one_sentence(sideman: Sideman, tmp_path: Path) -> None:
    (tmp_path / "library.db").write_bytes(b"no database at all " * 100)
    assert "not a database" in one_sentence(sideman("library", "list", "--data", tmp_path), 6)
    found = sideman("doctor", "--data", tmp_path, "--json").json
    assert found["library"]["state"] == "fails" and "not a database" in found["library"]["detail"]


WRONG = [
    (2, "library show"), (6, "library show 12ab"), (6, f"library show {uuid4()}"), (2, "library add"), (2, "library add no-such-file.wav"),
    (2, "library add no-such-file.wav neither-this.wav"), (2, "library search --song-key H"), (2, "library search --sort loudness"),
    (2, "library search --bpm fast"), (2, "library search --bpm 120-fast"), (2, "library search --bpm -120"), (2, "library search --bpm nan"),
    (2, "library list --limit 0"), (2, "library nonsense"), (6, f"library edit {uuid4()} --title x"), (6, f"library trash {uuid4()}"),
    (6, "library restore 12ab"), (6, f"library delete {uuid4()}"), (2, "keys add --role king"), (6, "keys revoke 12ab"), (2, "users add ann --role king"), (2, "users add"),
    (2, "jobs list --state done"), (2, "jobs watch 12ab"), (6, f"jobs watch {uuid4()}"), (6, f"jobs cancel {uuid4()}"), (2, "jobs retry 12ab"),
    (2, "batch analyze"), (2, "batch analyze --all --search x"), (2, "batch generate --all --stems kazoo"),
    (2, "batch generate --all --style polka"), (2, "batch generate --all --stems ,"), (2, "serve --host 192.0.2.1 --port 0"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_wrong_use_is_an_exit_code_and_one_sentence(kind: str, sideman: Sideman, server, tmp_path: Path) -> None:
    data, failures = tmp_path / "library", []
    sideman("library", "list", "--data", data)
    for code, text in WRONG:
        words = text.split()
        if words[0] == "serve":
            if kind == "server":
                continue
            options: tuple[object, ...] = ("--data", data)
        else:
            options = ("--data", data) if kind == "folder" else ("--server", server.url)
        done = sideman(*words, *options)
        said = [line for line in done.err.strip().splitlines() if "━" not in line]
        usage = done.code == 2 and "Usage:" in done.err  # what Typer says of options
        if done.code != code or done.out or not (usage or (said and all(s.startswith("sideman: ") for s in said) and len(said) <= 2)):
            failures.append((text, code, done))
    assert not failures, "\n".join(f"{text}: wanted {code}, got {done}" for text, code, done in failures)


@pytest.mark.parametrize("content", [b"", b"no music" * 100, b"RIFF\x00\x00\x00\x00WAVE"])
def test_what_is_no_audio_is_exit_code_three(way: Way, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert "a.wav" in way.refused(3, "library", "add", path)


def test_a_data_folder_that_is_a_file_is_refused(sideman: Sideman, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for words in (("library", "list"), ("doctor",), ("serve", "--port", "0"), ("worker",)):
        assert "is a file" in one_sentence(sideman(*words, "--data", tmp_path / "file"), 2)


def test_a_server_that_is_down_or_none_is_said_in_one_sentence(sideman: Sideman, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    for words in (
        ("library", "list"),
        ("library", "add", tone(tmp_path / "a.flac")),
        ("jobs", "watch"),
        ("keys", "list"),
        ("batch", "analyze", "--all"),
    ):
        assert "does not answer" in one_sentence(sideman(*words, "--server", address), 6)
    for wrong in ("ftp://127.0.0.1", "127.0.0.1:5000", ""):
        assert "http://" in one_sentence(sideman("library", "list", "--server", wrong), 2)
    for wrong in ("http://", "http://[x", "http://host:99999", "http://no host/"):
        one_sentence(sideman("library", "list", "--server", wrong), 6)


class _Page(http.server.BaseHTTPRequestHandler):
    """Some other web server: 200 and a page, whatever is asked."""

    def do_GET(self) -> None:
        body = {"/api/v1/recordings": b"<html>welcome</html>", "/api/v1/jobs": b'{"hello": "world"}'}.get(
            self.path.partition("?")[0], b"[]"
        )
        self.send_response(500 if "keys" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_web_server_that_is_no_sideman_is_said_in_one_sentence(sideman: Sideman) -> None:
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=other.serve_forever)
    thread.start()
    try:
        for words in (("library", "list"), ("jobs", "list"), ("keys", "list")):
            done = sideman(*words, "--server", f"http://127.0.0.1:{other.server_address[1]}")
            assert "check the address" in one_sentence(done, 6)
    finally:
        other.shutdown()
        thread.join()
        other.server_close()


def test_the_program_itself_gives_the_same_as_its_fork(sideman: Sideman, tmp_path: Path) -> None:
    """Once as it is really started."""
    data = ("--data", str(tmp_path / "library"))
    for words in (("library", "list", "--json", *data), ("library", "show", "12ab", *data)):
        real = subprocess.run([sys.executable, "-m", "sideman", *words], capture_output=True, text=True)
        forked = sideman(*words)
        assert (real.returncode, real.stdout, real.stderr.strip()) == (forked.code, forked.out, forked.err.strip())
