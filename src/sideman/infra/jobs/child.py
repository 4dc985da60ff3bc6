"""The inside of a warm child process: `python -m sideman.infra.jobs.child`. Messages are JSON lines on standard input and output.

It is a process of its own so that a cancel, a time limit, a crash of a native library or a lack of memory ends this process and
nothing else, and so that models stay loaded between tasks.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from sideman.errors import ServiceUnavailable, SidemanError


def dotted(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


class _Channel:
    """The pipe to the parent. Libraries that print to standard output reach standard error instead."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self.calls: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True, name="parent").start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self.calls.put(json.loads(line))
        os._exit(0)  # the parent is gone, however it went: never outlive it, even in the middle of a task

    def send(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()


def _limit_memory(limit_bytes: int) -> None:
    if limit_bytes and sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def _failure(error: BaseException) -> dict[str, Any]:
    if isinstance(error, MemoryError):
        return {"error": "there was not enough memory for this: use a shorter recording or a machine with more", "kind": "mine"}
    if isinstance(error, ServiceUnavailable):
        return {"error": str(error), "kind": "transient"}
    if isinstance(error, SidemanError):
        return {"error": str(error), "kind": "mine", "type": type(error).__name__}
    traceback.print_exception(error)
    return {"error": f"{type(error).__name__}: {error}", "kind": "unexpected"}


def main(context_name: str, memory_bytes: int) -> None:
    channel = _Channel()
    context = dotted(context_name)() if context_name else None
    _limit_memory(memory_bytes)
    channel.send({"ready": os.getpid()})
    while True:
        call = channel.calls.get()

        def progress(step: str, share: float) -> None:
            channel.send({"progress": share, "step": step})

        try:
            result = dotted(call["target"])(context, call["arguments"], call["inputs"], progress)
            channel.send({"result": result})
        except BaseException as error:  # noqa: BLE001 - the edge of the process: everything becomes a message
            channel.send(_failure(error))
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
