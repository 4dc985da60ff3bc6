"""Repositories of a model hub: what a revision holds, and how its files are asked for. Files themselves are fetched as all others are.

A hub answers `/api/models/REPO/revision/REVISION?blobs=true` with the commit and, for every file, its size and (for large ones) its SHA-256.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from sideman.core.models.catalog import ModelFile, Repository
from sideman.errors import DownloadFailed, ModelRefused

HUB = "https://huggingface.co"
TIMEOUT_S = 60
TOKEN = "HF_TOKEN"


@dataclass(frozen=True, slots=True)
class Listing:
    """Files of a repository that a model needs, at one commit."""

    commit: str
    files: tuple[ModelFile, ...]


def token(environment: Mapping[str, str] | None = None) -> str | None:
    """What the hub's own command line keeps: HF_TOKEN, or the file that `hf auth login` writes. Raises ModelRefused for what is none."""
    env = os.environ if environment is None else environment
    found, where = (env.get(TOKEN) or "").strip(), TOKEN
    if not found:
        home = Path(env.get("HF_HOME") or Path.home() / ".cache/huggingface")
        path = Path(env.get("HF_TOKEN_PATH") or home / "token")
        try:
            found, where = path.read_text(encoding="ascii", errors="replace").strip(), str(path)
        except OSError:
            return None
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise ModelRefused(f"{where} does not hold a token of the model hub: set it to the one that your account there shows")
    return found or None


def headers_for(url: str, hub: str) -> dict[str, str]:
    """Who we are, and to the hub itself also who asks."""
    found = {"User-Agent": "sideman"}
    if url.startswith(hub + "/") and (known := token()) is not None:
        found["Authorization"] = f"Bearer {known}"
    return found


class Redirects(urllib.request.HTTPRedirectHandler):
    """Hubs state hash and revision in the answer that sends us on to the file itself; a token is for the hub alone."""

    def __init__(self, told: dict[str, str]) -> None:
        self._told = told

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        note(self._told, headers)
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise urllib.error.URLError(f"it was sent on to an address that is not https: {host(newurl)}")
        sent = super().redirect_request(req, fp, code, msg, headers, newurl)
        if sent is not None and host(newurl) != host(req.full_url):
            sent.remove_header("Authorization")
        return sent


def note(told: dict[str, str], headers: Any) -> None:
    """Keep what an answer states of the file."""
    for name in ("x-linked-etag", "x-repo-commit"):
        if headers.get(name) and name not in told:
            told[name] = headers[name]


def host(url: str) -> str:
    return url.split("/")[2] if "//" in url else url


def listing(repository: Repository, hub: str, revision: str, all_of_it: Sequence[Repository] = ()) -> Listing:
    """Raises DownloadFailed, and ModelRefused where the publisher wants a sign-in. all_of_it: every repository of the model, for the advice."""
    url = f"{hub}/api/models/{repository.name}/revision/{revision}?blobs=true"
    try:
        request = urllib.request.Request(url, headers=headers_for(url, hub))
        with urllib.request.build_opener(Redirects({})).open(request, timeout=TIMEOUT_S) as answer:
            data: dict[str, Any] = json.load(answer)
        commit, siblings = str(data["sha"]), list(data["siblings"])
        wanted = [s for s in siblings if any(fnmatch(s["rfilename"], p) for p in repository.patterns)]
        files = tuple(_file(repository, hub, commit, s) for s in wanted)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise ModelRefused(gate(repository, hub, [r for r in all_of_it if r.gate and r != repository])) from error
        raise DownloadFailed(
            f"{url} answers {error.code} {error.reason}: it may have moved; bring its files and use `sideman models import`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", None) or error
        bring = " and ".join(r.name for r in all_of_it) or repository.name
        raise DownloadFailed(
            f"{repository.name} cannot be listed at {hub} ({reason}): try again, or bring a folder with the files of {bring} and use `sideman models import`"
        ) from error
    if not files:
        raise DownloadFailed(
            f"{repository.name} holds none of the files that are needed ({', '.join(repository.patterns)}): it may have changed"
        )
    return Listing(commit, files)


def gate(repository: Repository, hub: str, others: Sequence[Repository] = ()) -> str:
    """What somebody does who is not let in, also at the model's other gates."""
    terms = f" ({repository.gate})" if repository.gate else ""
    also = "".join(f", and those of {hub}/{r.name} ({r.gate})" for r in others)
    return (
        f"{repository.name} is open only to people who accepted its publisher's terms{terms}: sign in at {hub}/{repository.name}, accept "
        f"them{also}, and set {TOKEN} to a token of your account; or bring its files and use `sideman models import`"
    )


def _file(repository: Repository, hub: str, commit: str, sibling: Mapping[str, Any]) -> ModelFile:
    path = PurePosixPath(repository.folder) / sibling["rfilename"]
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"a file that lies outside: {path}")
    sha256 = (sibling.get("lfs") or {}).get("sha256")
    return ModelFile(str(path), f"{hub}/{repository.name}/resolve/{commit}/{sibling['rfilename']}", int(sibling["size"]), sha256)
