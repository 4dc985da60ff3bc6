"""Files fetched over the network: taken up where an earlier attempt stopped, and checked before they get their name."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sideman.core.models.catalog import ModelFile
from sideman.errors import DownloadFailed
from sideman.infra.hub import HUB, TIMEOUT_S, Redirects, headers_for, host, note
from sideman.infra.package_index import SCHEME, fetch_source

BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check(file: ModelFile, path: Path, stated: str = "") -> None:
    """The hash of the card, else the one that the source stated. A wrong file is deleted: it must not be taken up again."""
    wanted = file.sha256 or stated
    if wanted and not sha256_of(path).startswith(wanted):
        path.unlink()
        raise DownloadFailed(
            f"{file.name} is not the file that was published (its SHA-256 should begin with {wanted[:12]}): nothing was installed"
        )


def fetch(file: ModelFile, target: Path, progress: Callable[[int], None], hub: str = HUB) -> str:
    """Download a file, from where an earlier attempt stopped; it gets its name when it is whole and is what the hash says.

    Returns the revision that the source names, or "". Raises DownloadFailed.
    """
    if file.url.startswith(SCHEME):
        fetch_source(file, target)
        progress(file.size_bytes)
        return ""
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(file.url, headers=headers_for(file.url, hub) | ({"Range": f"bytes={have}-"} if have else {}))
    told: dict[str, str] = {}
    try:
        opener = urllib.request.build_opener(Redirects(told))
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            note(told, answer.headers)
            if have and answer.status != 206:
                have = 0
            total = have + int(answer.headers.get("Content-Length") or 0)
            have = _received(answer, part, have, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # what is there is not a beginning of what the source has
            part.unlink()
            return fetch(file, target, progress, hub)
        raise DownloadFailed(f"{file.url} answers {error.code} {error.reason}: {_advice(error.code)}") from error
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadFailed(
            f"{file.name} could not be fetched from {host(file.url)} ({reason}): try again, or bring the file and use `sideman models import`"
        ) from error
    if total and have < total:
        raise DownloadFailed(f"{file.name} stopped after {have:,} of {total:,} bytes: the same command goes on from there")
    stated = told.get("x-linked-etag", "").strip('"')
    check(file, part, stated if len(stated) == 64 else "")
    part.replace(target)
    return told.get("x-repo-commit", "")


def _received(answer: Any, part: Path, have: int, progress: Callable[[int], None]) -> int:
    """Bytes that lie in `part` afterwards. Raises DownloadFailed when the disk is full."""
    with part.open("ab" if have else "wb") as out:
        while block := answer.read(BLOCK):
            try:
                out.write(block)
            except OSError as error:
                raise DownloadFailed(
                    f"{part.parent} cannot take more ({error.strerror}): make room and use the same command again"
                ) from error
            have += len(block)
            progress(have)
    return have


def _advice(code: int) -> str:
    if code in (401, 403):
        return "its publisher wants you to sign in there and accept its terms: do, and set HF_TOKEN; or fetch it yourself and use `sideman models import`"
    return "it may have moved; fetch it yourself and use `sideman models import`"
