"""A warm child process, seen from outside: started when first needed, kept between calls, killed by whoever may not wait."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import sideman.errors as errors
from sideman.errors import JobFailed, ServiceUnavailable, SidemanError

START_S = 120.0
SCRATCH = "SIDEMAN_SCRATCH"
"""Where a process puts what it works on; every child has a folder of its own inside, which goes with it."""
OWN, HELD, FRESH_S = "sideman-child-", ".held", 60.0
Progress = Callable[[str, float], None]
Message = dict[str, Any]


class ChildDied(SidemanError):
    """The child ended in the middle of a call: a crash, a kill, no memory left."""


class OutOfTime(JobFailed):
    pass


class WarmProcess:
    """One call at a time. context: dotted name of a function that makes what tasks get as their first argument; it runs in the child."""

    def __init__(self, context: str, environment: Mapping[str, str] | None = None, memory_bytes: int = 0) -> None:
        self._context, self._environment, self._memory = context, dict(environment or {}), memory_bytes
        self._process: subprocess.Popen[str] | None = None
        self._scratch = ""
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.starts = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def call(self, target: str, arguments: Message, inputs: Message, progress: Progress, timeout_s: float) -> Message:
        """Run a task and return its result.

        Raises ChildDied, OutOfTime, ServiceUnavailable, or the error of the task; whatever `progress` raises ends the child too.
        """
        with self._lock:
            clean = False
            try:
                self._ensure()
                assert self._process is not None and self._process.stdin is not None
                deadline = time.monotonic() + timeout_s
                try:
                    self._process.stdin.write(json.dumps({"target": target, "arguments": arguments, "inputs": inputs}) + "\n")
                    self._process.stdin.flush()
                except OSError as error:
                    raise self._died() from error
                while "result" not in (message := self._next(deadline, timeout_s)):
                    if "error" in message:
                        clean = True
                        raise _task_error(message)
                    progress(str(message["step"]), float(message["progress"]))
                clean = True
                result: Message = message["result"]
                return result
            finally:
                if not clean:
                    self.kill()  # a busy child never gets the next call

    def warm_up(self) -> None:
        """Start the child if it does not run."""
        with self._lock:
            self._ensure()

    def _ensure(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self.kill()
        self._messages = queue.SimpleQueue()
        command = [sys.executable, "-m", "sideman.infra.jobs.child", self._context, str(self._memory)]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        within = self._environment.get(SCRATCH)
        if within is not None:
            Path(within).mkdir(parents=True, exist_ok=True)
            _remove_ownerless(Path(within))
        self._scratch = tempfile.mkdtemp(prefix=OWN, dir=within)
        self._held = FileLock(Path(self._scratch) / HELD, thread_local=False)  # any thread may kill the child
        self._held.acquire()
        own = dict.fromkeys(("TMPDIR", SCRATCH), self._scratch)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
            env=threads | os.environ | self._environment | own, start_new_session=True,
        )  # fmt: skip
        self.starts += 1
        threading.Thread(target=self._listen, args=(self._process, self._messages), daemon=True, name="child").start()
        if "ready" not in self._next(time.monotonic() + START_S, START_S):
            raise ChildDied("the process for heavy steps did not start: look at the worker's log")

    @staticmethod
    def _listen(process: subprocess.Popen[str], messages: queue.SimpleQueue[Message | None]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                messages.put(json.loads(line))
        process.wait()
        messages.put(None)

    def _next(self, deadline: float, timeout_s: float) -> Message:
        try:
            message = self._messages.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise OutOfTime(f"this step took longer than its limit of {timeout_s:.0f} s and was stopped") from None
        if message is None:
            raise self._died()
        return message

    def _died(self) -> ChildDied:
        code = self._process.wait() if self._process else None
        return ChildDied(f"the process that ran this step ended with code {code}: it crashed, was killed or ran out of memory")

    def kill(self) -> None:
        """End the child at once; a call under way raises ChildDied. Safe from any thread."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdin and not process.stdin.closed:
            try:
                process.stdin.close()
            except OSError:  # what was not yet sent went with the child
                process.stdin = None
        shutil.rmtree(self._scratch, ignore_errors=True)  # what it was in the middle of
        self._held.release()


def _remove_ownerless(within: Path) -> None:
    """What a child was in the middle of when it was killed together with who had started it."""
    for folder in within.glob(f"{OWN}*"):
        try:
            if time.time() - folder.stat().st_mtime > FRESH_S:  # else its owner may be about to lock it
                with FileLock(folder / HELD, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue  # it is in use, or went meanwhile


def _task_error(message: Message) -> SidemanError:
    text = str(message["error"])
    if message["kind"] == "transient":
        return ServiceUnavailable(text)
    if message["kind"] == "unexpected":
        return JobFailed(f"this step failed unexpectedly ({text}): please report it with the worker's log")
    kind = getattr(errors, str(message.get("type", "")), JobFailed)
    return kind(text) if isinstance(kind, type) and issubclass(kind, SidemanError) else JobFailed(text)
