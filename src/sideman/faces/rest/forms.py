"""One small file sent as multipart form data."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from sideman.errors import UsageError

T = TypeVar("T")
INTAKE_THREADS = 4
FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
            }
        },
    }
}


async def in_intake(request: Request, use: Callable[..., T], *arguments: Any) -> T:
    """A function of the intake in one of a few threads of its own: files are decoded one by one, and who waits for that keeps no thread from others."""
    state = request.app.state
    if not hasattr(state, "intake_threads"):
        state.intake_threads = CapacityLimiter(INTAKE_THREADS)
    return await to_thread.run_sync(use, *arguments, limiter=state.intake_threads)


async def received_file(request: Request, use: Callable[[Path], T]) -> T:
    """`use` called with the form's field `file`, under its own name. Raises UsageError without one."""
    async with request.form(max_files=1, max_fields=20) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise UsageError("the request holds no file: send one as multipart form data in the field `file`")
        return await run_in_threadpool(_used, file, use)


def _used(file: UploadFile, use: Callable[[Path], T]) -> T:
    with tempfile.TemporaryDirectory(prefix="sideman-form-") as folder:
        path = Path(folder) / (re.sub(r"[^\w.-]+", "_", Path(file.filename or "").name)[-80:].strip(".") or "file")
        with path.open("wb") as copy:
            shutil.copyfileobj(file.file, copy)
        return use(path)
