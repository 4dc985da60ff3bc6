"""The server under load: large uploads, many listeners, how soon jobs start, two workers against one.

    python -m benchmarks.platform

Everything goes through HTTP on loopback to `sideman serve`, as a user would run it, on SQLite and a folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks.results_file import markdown_table, write_result
from sideman.core.audio import write_audio
from sideman.testing import faded_tone

GB = 1_000_000_000
LISTENERS = 200
STARTS = 30
JOBS = 12


@dataclass(frozen=True)
class Server:
    url: str
    process: subprocess.Popen[str]

    def processes(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]


@contextmanager
def serving(folder: Path, worker: bool = True, **environment: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "sideman", "serve", "--port", "0", "--data", str(folder), *([] if worker else ["--no-worker"])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | environment)
    assert process.stdout is not None
    url = process.stdout.readline().split()[3]
    try:
        while worker and not httpx.get(f"{url}/health").json()["workers"]:
            time.sleep(0.2)
        yield Server(url, process)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class PeakMemory:
    """The largest resident memory of the server's own process, and of any other, while inside."""

    def __init__(self, server: Server) -> None:
        self._server, self._stop = server, threading.Event()
        self.server_mb = self.child_mb = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            for process in self._server.processes():
                try:
                    mb = process.memory_info().rss / 1e6
                except psutil.NoSuchProcess:
                    continue
                if process.pid == self._server.process.pid:
                    self.server_mb = max(self.server_mb, mb)
                else:
                    self.child_mb = max(self.child_mb, mb)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def large_wav(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(44100)
        block = rng.integers(-8000, 8000, 2 * 1_000_000, np.int16)
        for k in range(GB // block.nbytes):
            out.writeframes((block + k).tobytes())


def uploads(server: Server, folder: Path) -> list[list[str]]:
    rows = []
    for name in ("multipart", "tus"):
        path = folder / f"{name}.wav"
        large_wav(path, len(name))
        start = time.monotonic()
        with PeakMemory(server) as peak:
            if name == "multipart":
                with path.open("rb") as file:
                    httpx.post(f"{server.url}/api/v1/recordings", files={"file": (path.name, file)}, timeout=600).raise_for_status()
            else:
                tus(server, path)
        rows.append(
            [
                f"1 GB by {name}",
                f"{time.monotonic() - start:.0f} s; peak {peak.server_mb:.0f} MB in the server, {peak.child_mb:.0f} MB in the decoder",
            ]
        )
        path.unlink()
    return rows


def tus(server: Server, path: Path) -> None:
    size, version = path.stat().st_size, {"Tus-Resumable": "1.0.0"}
    made = httpx.post(
        f"{server.url}/api/v1/uploads", headers=version | {"Upload-Length": str(size), "Upload-Metadata": "filename dHVzLndhdg=="}
    )
    place, offset = f"{server.url}{made.headers['location']}", 0
    with path.open("rb") as file:
        while piece := file.read(64 << 20):
            headers = version | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            httpx.patch(place, content=piece, headers=headers, timeout=600).raise_for_status()
            offset += len(piece)


async def listen(url: str, ready: asyncio.Barrier, late_s: list[float]) -> None:
    async with httpx.AsyncClient(timeout=None) as client, client.stream("GET", f"{url}/api/v1/events") as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        await ready.wait()
        async for line in lines:
            if line.startswith("data: "):
                arrived, job = time.time(), json.loads(line.removeprefix("data: "))
                if job["kind"] != "analysis":
                    continue  # a job before it that ended a moment ago
                late_s.append(arrived - datetime.fromisoformat(job["updatedAt"]).timestamp())
                if job["state"] not in ("queued", "running"):
                    return


async def listeners(server: Server, recording_id: str) -> list[list[str]]:
    late_s: list[float] = []
    ready = asyncio.Barrier(LISTENERS + 1)
    tasks = [asyncio.create_task(listen(server.url, ready, late_s)) for _ in range(LISTENERS)]
    await ready.wait()
    async with httpx.AsyncClient(timeout=60) as client:
        (await client.post(f"{server.url}/api/v1/recordings/{recording_id}/analyses", json={})).raise_for_status()
    await asyncio.gather(*tasks)
    p50, p95 = statistics.median(late_s), statistics.quantiles(late_s, n=20)[-1]
    return [
        [
            f"{LISTENERS} event streams, from written to received",
            f"p50 {1000 * p50:.0f} ms, p95 {1000 * p95:.0f} ms over {len(late_s)} events",
        ]
    ]


def finished(server: Server, job_id: str) -> dict[str, object]:
    while (job := httpx.get(f"{server.url}/api/v1/jobs/{job_id}").json())["finishedAt"] is None:
        time.sleep(0.05)
    assert job["state"] == "completed", job
    return dict(job)


def mixes(server: Server, recording_id: str, count: int, first: float) -> list[str]:
    bodies = [{"lanes": [{"gainDb": -first - k / 10}], "fileFormat": "flac"} for k in range(count)]
    return [httpx.post(f"{server.url}/api/v1/recordings/{recording_id}/mixes", json=b, timeout=60).json()["jobId"] for b in bodies]


def start_times(server: Server, recording_id: str) -> list[list[str]]:
    waits, first_task = [], []
    for k in range(STARTS):
        job = finished(server, mixes(server, recording_id, 1, 1 + k / 100)[0])
        asked = datetime.fromisoformat(str(job["createdAt"]))
        waits.append((datetime.fromisoformat(str(job["startedAt"])) - asked).total_seconds())
        tasks = job["tasks"]
        assert isinstance(tasks, list)
        first_task.append(min((datetime.fromisoformat(t["startedAt"]) - asked).total_seconds() for t in tasks))
    return [
        ["from asking to the job's start", f"p50 {statistics.median(waits):.2f} s"],
        ["from asking to the start of its first heavy step", f"p50 {statistics.median(first_task):.2f} s"],
    ]


def throughput(server: Server, recording_id: str, first: float) -> float:
    finished(server, mixes(server, recording_id, 1, first + 5)[0])  # children are warm after this
    start = time.monotonic()
    for job_id in mixes(server, recording_id, JOBS, first):
        finished(server, job_id)
    return JOBS / (time.monotonic() - start)


def add(server: Server, path: Path) -> str:
    with path.open("rb") as file:
        return str(httpx.post(f"{server.url}/api/v1/recordings", files={"file": (path.name, file)}, timeout=60).json()["id"])


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory(prefix="platform-", dir=os.environ.get("BENCH_FOLDER")) as name:
        folder = Path(name)
        write_audio(faded_tone(220, 20), folder / "short.flac")
        write_audio(faded_tone(330, 240), folder / "long.flac")
        with serving(folder / "a", worker=False) as server:
            rows += uploads(server, folder)
        with serving(folder / "b") as server:
            rows += start_times(server, add(server, folder / "short.flac"))
            rows += asyncio.run(listeners(server, add(server, folder / "long.flac")))
        with serving(folder / "c", SIDEMAN_CPU_SLOTS="1") as server:
            recording_id = add(server, folder / "long.flac")
            one = throughput(server, recording_id, 1.0)
            second = subprocess.Popen([sys.executable, "-m", "sideman", "worker", "--data", str(folder / "c")], stderr=subprocess.DEVNULL, env=os.environ | {"SIDEMAN_CPU_SLOTS": "1"})  # fmt: skip
            while httpx.get(f"{server.url}/health").json()["workers"] < 2:
                time.sleep(0.2)
            two = throughput(server, recording_id, 20.0)
            second.terminate()
            second.wait()
    rows.append(
        ["mixes of four minutes, one worker and two", f"{one:.2f} and {two:.2f} jobs/s: ratio {two / one:.2f} on {os.cpu_count()} cores"]
    )
    write_result("platform", "The server under load", markdown_table(["what", "figure"], rows))


if __name__ == "__main__":
    main()
