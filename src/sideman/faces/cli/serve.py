"""sideman serve and sideman worker: the server, and what does its work."""

from __future__ import annotations

import http.server
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from sideman import bootstrap
from sideman.errors import ServiceUnavailable, UsageError
from sideman.faces.cli.library_options import Data
from sideman.faces.cli.terminal import say

if TYPE_CHECKING:
    from sideman.app.library.studio import Studio

QUEUES = ("orch", "cpu", "gpu")
RESTART_S = 2.0
SHUTDOWN_S = 3
BACKLOG = 2048

Host = Annotated[str, typer.Option(help="Address to listen on. Anything but this machine's own needs an admin key first.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 5000,
    data: Data = None,
    worker: Annotated[bool, typer.Option(help="Also start a worker, which does the jobs.")] = True,
    insecure: Annotated[bool, typer.Option(help="Let everybody who reaches the server be its admin, without a key.")] = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the server: REST API and, unless --no-worker is given, a worker. Ctrl-C stops both; jobs go on at the next start.

    Example: sideman serve --data library
    """
    with bootstrap.open_studio(data) as studio:
        _refuse_open_door(studio, host, insecure)
        if parent is not None:
            threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        _listen(studio, host, port, worker, insecure)


def _listen(studio: Studio, host: str, port: int, worker: bool, insecure: bool) -> None:
    import tempfile

    import uvicorn

    from sideman.faces.rest import create_application
    from sideman.faces.rest.callers import Policy
    from sideman.faces.web import install

    studio.settings.uploads.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(studio.settings.uploads)  # forms are buffered there: the system's folder may lie in memory
    listening = _bound(host, port)
    application = create_application(studio, Policy(open_to_all=insecure))
    install(application)
    config = uvicorn.Config(
        application, log_level="warning", access_log=False, proxy_headers=False,
        server_header=False, timeout_graceful_shutdown=SHUTDOWN_S, h11_max_incomplete_event_size=64 << 10,
    )  # fmt: skip
    stop = threading.Event()
    minder = threading.Thread(target=_mind_worker, args=(studio.settings.data, stop), daemon=True) if worker else None
    upkeep = bootstrap.upkeep_of_uploads(studio)
    upkeep.start()
    if minder:
        minder.start()
    shown = f"[{host}]" if ":" in host else host
    say(f"Sideman listens on http://{shown}:{listening.getsockname()[1]}  (library {studio.settings.data}; Ctrl-C stops it)")
    sys.stdout.flush()
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()
        stop.set()
        upkeep.stop()
        if minder:
            minder.join(20)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # asyncio switches Nagle's algorithm off only where the protocol is named; with it every answer takes 40 ms longer
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)  # before the address is said: who calls at once waits, and is not refused
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port} ({error.strerror or error}): choose another with --host or --port"
        ) from error
    return listening


def _refuse_open_door(studio: Studio, host: str, insecure: bool) -> None:
    try:
        loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback and not insecure and not studio.access.admin_key_exists():
        raise UsageError(
            f"{host} can be reached from other machines and no admin key exists: make one with `sideman keys add --role admin`, "
            "or give --insecure"
        )


def _end_with(parent_pid: int) -> None:
    """As Ctrl-C, once the process that started this one is gone."""
    while os.getppid() == parent_pid:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)


def _mind_worker(data: Path, stop: threading.Event) -> None:
    """Keep one worker running, whatever happens to it, until the server stops."""
    command = [sys.executable, "-m", "sideman", "worker", "--data", str(data), "--parent", str(os.getpid())]
    while not stop.is_set():
        process = subprocess.Popen(command, start_new_session=True)
        while process.poll() is None and not stop.wait(0.2):
            pass
        if process.poll() is None:
            process.terminate()
            process.wait()
            return
        stop.wait(RESTART_S)


def worker(
    data: Data = None,
    queues: Annotated[str, typer.Option(help="Queues to serve, with commas: orch (plans), cpu, gpu (separation, generation).")] = ",".join(
        QUEUES
    ),
    device: Annotated[str | None, typer.Option(help="cuda:N gives the gpu queue that card.", show_default=False)] = None,
    health_port: Annotated[int, typer.Option(min=0, max=65535, help="Answer /livez, /readyz and /metrics on this port; 0 does not.")] = 0,
    health_host: Annotated[str, typer.Option(help="Address for --health-port.")] = "127.0.0.1",
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Do jobs until stopped. Any number of workers on any number of machines may share one library on PostgreSQL.

    Example: sideman worker --data library --queues gpu --device cuda:0
    """
    names = tuple(q.strip() for q in queues.split(",") if q.strip())
    if not names or any(q not in QUEUES for q in names):
        raise UsageError(f"--queues is {queues!r}: it takes {', '.join(QUEUES)}")
    settings, stopped = bootstrap.platform_settings(data), threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)

    def ready(check: Callable[[], bytes]) -> None:
        if health_port:
            _answer_health(health_host, health_port, check)

    while True:
        try:
            bootstrap.run_worker(settings, bootstrap.WorkerWish(names, device, parent), stopped, ready)
            break
        except ServiceUnavailable as error:
            say(f"waiting: {error}")
            if stopped.wait(RESTART_S):
                break
            time.sleep(RESTART_S)
    sys.stdout.flush()
    os._exit(0)  # threads of the queue may still wait for steps that go on elsewhere


def _answer_health(host: str, port: int, check: Callable[[], bytes]) -> None:
    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                body = {"/livez": lambda: b"ok", "/readyz": lambda: check() and b"ok", "/metrics": check}[self.path]()
                status = 200
            except KeyError:
                status, body = 404, b"there are /livez, /readyz and /metrics"
            except ServiceUnavailable as error:
                status, body = 503, str(error).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes are no news."""

    try:
        server = http.server.ThreadingHTTPServer((host, port), Answers)
    except OSError as error:
        raise UsageError(f"cannot answer probes on {host} port {port} ({error.strerror}): choose another --health-port") from error
    threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
