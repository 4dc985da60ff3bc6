"""sideman jobs, sideman batch: ask for work, watch it, stop it, try it again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from sideman import bootstrap
from sideman.errors import JobFailed, ServiceUnavailable, UsageError
from sideman.faces.cli.arguments import DEFAULT_STEMS, Stems, Style
from sideman.faces.cli.library import full_id
from sideman.faces.cli.library_options import Data, Json, Key, Library, Server, library, refuse_empty
from sideman.faces.cli.sets import set_named
from sideman.faces.cli.terminal import print_json, progress_bars, say, table

app = typer.Typer(name="jobs", help="Jobs: list, watch, cancel, try again.", no_args_is_help=True)
batch = typer.Typer(name="batch", help="Analyse or generate for many recordings at once.", no_args_is_help=True)
JobId = Annotated[str, typer.Argument(help="Id of a job, or its beginning.", show_default=False)]
LOOK_S = 0.3
WORKER_LOOK_S, MOST_WORKERS = 3.0, 3
Recordings = Annotated[list[str] | None, typer.Argument(help="Ids of recordings; or use --search, --set or --all.", show_default=False)]
Search = Annotated[str | None, typer.Option(help="Every recording that these words find.", show_default=False)]
InSet = Annotated[str | None, typer.Option("--set", help="Every recording of this set list.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every recording.")]
Wait = Annotated[bool, typer.Option(help="Watch until all are done; on a local library without a worker, do the work here.")]


@app.command("list")
def list_(state: Annotated[str | None, typer.Option(help="queued, running, completed, failed or cancelled.", show_default=False)] = None, most: Annotated[int, typer.Option("--limit", min=1)] = 50, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """List jobs, newest first.

    Example: sideman jobs list --state failed
    """
    with library(data, server, key) as lib:
        rows = lib.pages("/api/v1/jobs", {"state": state} if state else {}, most)
    if json_output:
        print_json({"jobs": rows})
    elif rows:
        cells = [[j["kind"], j["state"], f"{j['share']:.0%}", j["error"] or j["step"], j["id"][:8]] for j in rows]
        table(f"{len(rows)} jobs", ["job", "state", "done", "step", "id"], cells)
    else:
        say("no jobs")


@app.command("watch")
def watch(jobs: Annotated[list[str] | None, typer.Argument(show_default=False)] = None, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Show progress until the jobs are done; without ids, of all that are not. Exit code 6 when one fails.

    Example: sideman jobs watch
    """
    with library(data, server, key) as lib:
        ids = [_job_id(lib, j) for j in jobs or ()] or [j["id"] for j in lib.pages("/api/v1/jobs", {"state": ["queued", "running"]}, 1000)]
        finish(lib, ids, json_output)


@app.command("cancel")
def cancel(job: JobId, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """Stop a job.

    Example: sideman jobs cancel 91c0
    """
    _change(job, "cancel", (data, server, key), json_output)


@app.command("retry")
def retry(job: JobId, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """Try a failed or cancelled job again; what was finished is not repeated.

    Example: sideman jobs retry 91c0
    """
    _change(job, "retry", (data, server, key), json_output)


def _change(job: str, verb: str, library_of: tuple[Any, Any, Any], json_output: bool) -> None:
    with library(*library_of) as lib:
        made = lib.ask("POST", f"/api/v1/jobs/{_job_id(lib, job)}/{verb}")
    if json_output:
        print_json(made)
    else:
        say(f"{made['kind']} {made['state']}  {made['id']}")


@batch.command("analyze")
def analyze(recordings: Recordings = None, search: Search = None, in_set: InSet = None, everything: All = False, again: Annotated[bool, typer.Option(help="Also what was analysed before.")] = False, wait: Wait = True, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Analyse and separate many recordings.

    Example: sideman batch analyze --all
    """
    with library(data, server, key) as lib:
        made = lib.ask("POST", "/api/v1/batch/analyse", json=_target(lib, recordings, search, in_set, everything) | {"again": again})
        _report(lib, made, wait, json_output)


@batch.command("generate")
def generate(recordings: Recordings = None, search: Search = None, in_set: InSet = None, everything: All = False, stems: Stems = DEFAULT_STEMS, style: Style = None, seed: Annotated[int | None, typer.Option(show_default=False)] = None, wait: Wait = True, data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Generate stems for many recordings.

    Example: sideman batch generate 3f2a 77b1 --stems drums,bass --style jazz
    """
    with library(data, server, key) as lib:
        wish = {"roles": [s.strip() for s in stems.split(",") if s.strip()], "style": style, "seed": seed}
        made = lib.ask("POST", "/api/v1/batch/generate", json=_target(lib, recordings, search, in_set, everything) | wish)
        _report(lib, made, wait, json_output)


def _target(lib: Library, recordings: list[str] | None, search: str | None, in_set: str | None, everything: bool) -> dict[str, Any]:
    if (bool(recordings) + (search is not None) + (in_set is not None) + everything) != 1:
        raise UsageError("say which recordings: ids, --search WORDS, --set NAME, or --all")
    if recordings:
        return {"recordingIds": [full_id(lib, r) for r in recordings]}
    if in_set is not None:
        return {"search": {"q": "", "collection": set_named(lib, in_set)["id"]}}
    return {"search": {"q": search or ""}}


def _report(lib: Library, made: dict[str, Any], wait: bool, json_output: bool) -> None:
    for item in made["items"]:
        if item["error"] and not json_output:
            say(f"{item['recordingId']}: {item['error']}")
    ids = [i["jobId"] for i in made["items"] if i["jobId"]]
    refused = [i for i in made["items"] if i["error"]]
    if wait and ids:
        finish(lib, ids, json_output, refused)
    elif json_output:
        print_json(made)
    else:
        say(f"{made['succeeded']} asked for, {made['failed']} refused")
    if refused:
        raise JobFailed(f"{len(refused)} of {len(made['items'])} recordings were refused")


def finish(lib: Library, ids: list[str], json_output: bool, refused: Sequence[dict[str, Any]] = ()) -> None:
    jobs: dict[str, dict[str, Any]] = {}
    with _OwnWorker(lib) as worker, progress_bars(json_output) as progress:
        while True:
            worker.needed()
            for job_id in ids:
                if jobs.get(job_id, {}).get("finishedAt") is None:
                    jobs[job_id] = lib.ask("GET", f"/api/v1/jobs/{job_id}")
            done = sum(j["finishedAt"] is not None for j in jobs.values())
            if ids:
                label = "all jobs" if len(ids) > 1 else str(jobs[ids[0]]["kind"])
                progress(label, sum(1 if j["finishedAt"] else j["share"] for j in jobs.values()) / len(ids))
            if done == len(ids):
                break
            time.sleep(LOOK_S)
    if json_output:
        print_json({"jobs": list(jobs.values())} | ({"refused": list(refused)} if refused else {}))
    failed = [j for j in jobs.values() if j["state"] != "completed"]
    if not json_output:
        if len(jobs) > 1 or failed:
            say(f"{len(jobs) - len(failed)} completed, {len(failed)} not")
        for job in failed:
            say(f"{job['kind']} {job['state']}: {job['error'] or ''}  {job['id']}")
    if failed:
        raise JobFailed(f"{len(failed)} of {len(jobs)} jobs did not complete: `sideman jobs retry ID` tries one again")


class _OwnWorker:
    """A local library that no worker serves is served here, for as long as somebody waits; another command's worker may end at any time."""

    def __init__(self, lib: Library) -> None:
        self._lib, self._looked, self._started = lib, -WORKER_LOOK_S, 0
        self._process: subprocess.Popen[bytes] | None = None

    def needed(self) -> None:
        """Starts one where there is none. Raises ServiceUnavailable where none stays."""
        if not self._lib.is_local or time.monotonic() - self._looked < WORKER_LOOK_S:
            return
        self._looked = time.monotonic()
        if self._process is not None:
            if self._process.poll() is None:
                return
        elif self._lib.ask("GET", "/health")["workers"]:
            return
        if self._started == MOST_WORKERS:
            raise ServiceUnavailable(f"the worker of this library ended {self._started} times: run `sideman worker` to see why")
        data = bootstrap.platform_settings(self._lib.data).data
        command = [sys.executable, "-m", "sideman", "worker", "--data", str(data), "--parent", str(os.getpid())]
        self._process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        self._started += 1

    def __enter__(self) -> _OwnWorker:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


def _job_id(lib: Library, beginning: str) -> str:
    if len(beginning) == 36:
        return beginning
    refuse_empty(beginning, "job")
    found = [j["id"] for j in lib.pages("/api/v1/jobs", {}, 1000) if j["id"].startswith(beginning)]
    if len(found) != 1:
        raise UsageError(f"{len(found)} jobs have ids that begin with {beginning!r}: `sideman jobs list` shows them")
    return str(found[0])
