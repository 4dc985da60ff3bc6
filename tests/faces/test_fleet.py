"""One library, many machines: an API and two workers over PostgreSQL and Azure Blob (Azurite), all as processes of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from servers import AzuriteServer, PostgresServer, Unavailable, free_port


@contextmanager
def process(*words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen([sys.executable, "-m", "sideman", *words], stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        assert child.stdout
        child.stdout.close()


def until(true: Callable[[], bool], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_a_song_through_a_fleet_whose_gpu_worker_is_killed(song_file: Path, tmp_path: Path) -> None:
    health = str(free_port())
    with ExitStack() as servers:
        try:
            postgres = servers.enter_context(PostgresServer.start())
            azurite = servers.enter_context(AzuriteServer.start())
        except Unavailable as reason:
            pytest.skip(str(reason))
        common = {
            "SIDEMAN_DATABASE_URL": postgres.create_database(), "SIDEMAN_JOBS_URL": postgres.create_database(), "SIDEMAN_BLOBS_URL": "azure://audio",
            "AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string, "SIDEMAN_HEARTBEAT_S": "0.5", "SIDEMAN_DEAD_AFTER_S": "3",
        }  # fmt: skip
        places = [common | {"SIDEMAN_DATA": str(tmp_path / name)} for name in ("api", "analysis", "gpu", "spare")]
        with (
            process("serve", "--port", "0", "--no-worker", **places[0]) as api,
            process("worker", "--queues", "orch,cpu", "--health-port", health, **places[1]),
            process("worker", "--queues", "gpu", **places[2]) as gpu,
        ):
            assert api.stdout
            client = httpx.Client(base_url=api.stdout.readline().split()[3], timeout=60)
            until(lambda: client.get("/health").json()["workers"] == 2)
            with song_file.open("rb") as file:
                recording = client.post("/api/v1/recordings", files={"file": ("Song.flac", file)}).json()["id"]
            job = client.post(f"/api/v1/recordings/{recording}/analyses", json={}).json()["id"]

            def tasks() -> dict[str, dict[str, object]]:
                return {t["name"]: t for t in client.get(f"/api/v1/jobs/{job}").json()["tasks"]}

            until(lambda: bool(tasks().get("separate", {}).get("startedAt")))
            gpu.kill()
            with process("worker", "--queues", "gpu", **places[3]):
                until(lambda: client.get(f"/api/v1/jobs/{job}").json()["finishedAt"] is not None)
                done = client.get(f"/api/v1/jobs/{job}").json()
                assert done["state"] == "completed", done["error"]
                assert {name: t["runs"] for name, t in tasks().items()} == {
                    "decode": 1, "separate": 2, "beats": 1, "loudness": 1, "harmony": 1, "store": 1,
                }  # fmt: skip
            stems = client.get("/api/v1/stems", params={"recording": recording}).json()["items"]
            assert sorted(s["role"] for s in stems) == ["bass", "drums", "other", "residual", "vocals"]
            first = client.get(stems[0]["audioUrl"], headers={"Range": "bytes=0-3"})
            assert first.status_code == 206 and first.content == b"fLaC"
            assert client.post("/api/v1/library/verification").json() | {"blobs": 0, "sizeBytes": 0} == {
                "blobs": 0, "sizeBytes": 0, "damaged": [], "missing": [], "unused": 0, "unusedBytes": 0,
            }  # fmt: skip
            answers = {path: httpx.get(f"http://127.0.0.1:{health}{path}") for path in ("/livez", "/readyz", "/metrics", "/nothing")}
            assert [a.status_code for a in answers.values()] == [200, 200, 200, 404]
            assert 'sideman_task_seconds_count{engine="sideman",kind="find_beats"} 1.0' in answers["/metrics"].text
            client.close()
