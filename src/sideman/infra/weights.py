"""Model weights on this machine: fetched with the user's consent, checked, kept in one folder per model, removed again.

A folder is complete when `installed.json` lies in it. What is still arriving lies in `.arriving` and is taken up again where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sideman.core.models.catalog import ModelCard, ModelFile
from sideman.errors import ConsentNeeded, DownloadFailed, ModelNotInstalled, UnusableModel

RECORD = "installed.json"
BLOCK = 1 << 20
HUB = "https://huggingface.co"
TIMEOUT_S = 60
Progress = Callable[[float], None]
Convert = Callable[[Path], Path]
"""What a family does to a file that arrived, so that it can be run: gives the path of the result (the same, or a converted one)."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Who accepted which words, and when (UTC, ISO 8601)."""

    who: str
    when: str
    text: str

    @classmethod
    def given(cls, who: str, text: str) -> Consent:
        return cls(who, datetime.now(UTC).isoformat(timespec="seconds"), text)


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """sha256 is of the file as it lies here; source_sha256 and revision are of what was fetched."""

    name: str
    path: Path
    sha256: str
    source: str
    source_sha256: str
    revision: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Installed:
    name: str
    files: tuple[InstalledFile, ...]
    consent: Consent

    @property
    def size_bytes(self) -> int:
        return sum(f.path.stat().st_size for f in self.files)


def no_progress(share: float) -> None:
    """The default: nobody watches."""


class WeightStore:
    def __init__(self, folder: Path, hub: str = HUB) -> None:
        self.folder, self._hub = folder, hub

    def installed(self, name: str) -> Installed | None:
        """What is installed under a card's name; None where it is not, or only half."""
        record = self.folder / name / RECORD
        try:
            data = json.loads(record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UnusableModel(f"{record} cannot be read ({error}): `sideman models remove {name}` and install it again") from error
        files = tuple(_file_from(record.parent, f) for f in data["files"])
        return Installed(name, files, Consent(**data["consent"])) if all(f.path.is_file() for f in files) else None

    def require(self, card: ModelCard) -> Installed:
        """Raises ModelNotInstalled with the card's offer."""
        found = self.installed(card.name)
        if found is None:
            raise ModelNotInstalled(card.offer)
        return found

    def install(self, card: ModelCard, consent: Consent | None, convert: Convert, progress: Progress = no_progress) -> Installed:
        """Fetch what a card names, check and convert it. Raises ConsentNeeded, DownloadFailed or UnusableModel; nothing half-made counts
        as installed, and an interrupted download goes on from where it was. Anything that `progress` raises stops it."""
        if consent is None or consent.text != card.licence_text:
            raise ConsentNeeded(f"{card.name} comes with terms that someone has to accept first:\n{card.licence_text}")
        arriving = self._arriving(card)
        done, arrived = 0, []
        for file in card.files:
            target = arriving / file.name
            there = replace(file, url=file.url.replace(HUB, self._hub, 1))
            revision = fetch(there, target, lambda n, base=done: progress(min(0.99, (base + n) / max(1, card.size_bytes))))  # type: ignore[misc]
            done += file.size_bytes
            arrived.append((file, target, there.url, revision))
        return self._settle(card, consent, convert, arrived)

    def import_files(self, card: ModelCard, paths: Sequence[Path], consent: Consent | None, convert: Convert) -> Installed:
        """The same from files that were brought here by hand: one for each file of the card, told apart by name, or the only one."""
        if consent is None or consent.text != card.licence_text:
            raise ConsentNeeded(f"{card.name} comes with terms that someone has to accept first:\n{card.licence_text}")
        arriving, arrived = self._arriving(card), []
        for file in card.files:
            path = _brought(file, card, paths)
            target = arriving / path.name
            _copy(path, target)
            if path.name == file.name:
                _check(file, target)
            elif path.name in file.published_as:
                _check_legacy(target)
            arrived.append((file, target, str(path), ""))
        return self._settle(card, consent, convert, arrived)

    def remove(self, card: ModelCard) -> bool:
        """Whether there was anything to remove."""
        there = [p for p in (self.folder / card.name, self._arriving_path(card)) if p.exists()]
        for path in there:
            shutil.rmtree(path)
        return bool(there)

    def verify(self, card: ModelCard) -> tuple[str, ...]:
        """Names of files that are no longer what was installed."""
        return tuple(f.name for f in self.require(card).files if sha256_of(f.path) != f.sha256)

    def _arriving_path(self, card: ModelCard) -> Path:
        return self.folder / ".arriving" / card.name

    def _arriving(self, card: ModelCard) -> Path:
        path = self._arriving_path(card)
        try:
            path.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(path).free
        except OSError as error:
            raise DownloadFailed(f"{self.folder} cannot be written ({error.strerror}): set SIDEMAN_MODELS to a folder that can") from error
        held = sum(p.stat().st_size for p in path.iterdir())
        need = card.size_bytes - held
        if need > free:
            raise DownloadFailed(
                f"{card.name} needs {need / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free in {self.folder}: make room there"
            )
        return path

    def _settle(self, card: ModelCard, consent: Consent, convert: Convert, arrived: list[tuple[ModelFile, Path, str, str]]) -> Installed:
        rows: list[dict[str, Any]] = []
        arriving = self._arriving_path(card)
        for file, path, source, revision in arrived:
            source_sha256 = sha256_of(path)
            ready = convert(path)
            rows.append({
                "name": ready.name, "sha256": source_sha256 if ready == path else sha256_of(ready), "source": source,
                "source_sha256": source_sha256, "revision": revision, "roles": list(file.roles),
            })  # fmt: skip
            if ready != path:
                path.unlink()
        kept = {row["name"] for row in rows}
        for leftover in arriving.iterdir():
            if leftover.name not in kept:
                leftover.unlink()
        data = {"files": rows, "consent": {"who": consent.who, "when": consent.when, "text": consent.text}}
        (arriving / RECORD).write_text(json.dumps(data, indent=1), encoding="utf-8")
        final = self.folder / card.name
        if final.exists():
            shutil.rmtree(final)
        os.replace(arriving, final)
        found = self.installed(card.name)
        assert found is not None
        return found


def _file_from(folder: Path, f: dict[str, Any]) -> InstalledFile:
    return InstalledFile(f["name"], folder / f["name"], f["sha256"], f["source"], f["source_sha256"], f["revision"], tuple(f["roles"]))


def _brought(file: ModelFile, card: ModelCard, paths: Sequence[Path]) -> Path:
    names = (file.name, *file.published_as)
    found = [p for p in paths if p.name in names]
    if len(found) == 1:
        return found[0]
    if len(card.files) == 1 and len(paths) == 1:
        return paths[0]
    raise UnusableModel(f"{card.name} needs {' or '.join(names)}: give that file, as its authors publish it")


def _copy(path: Path, target: Path) -> None:
    try:
        shutil.copyfile(path, target)
    except FileNotFoundError as error:
        raise UnusableModel(f"there is no file {path}") from error
    except OSError as error:
        target.unlink(missing_ok=True)
        raise DownloadFailed(f"{path.name} cannot be copied to {target.parent} ({error.strerror})") from error


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check(file: ModelFile, path: Path, stated: str = "") -> None:
    """The hash of the card, else the one that the source stated. A wrong file is deleted: it must not be taken up again."""
    wanted = file.sha256 or stated
    if wanted and not sha256_of(path).startswith(wanted):
        path.unlink()
        raise DownloadFailed(
            f"{file.name} is not the file that was published (its SHA-256 should begin with {wanted[:12]}): nothing was installed"
        )


def _check_legacy(path: Path) -> None:
    """Demucs' old names end in the first hexadecimal digits of their own hash."""
    stated = path.stem.rpartition("-")[2]
    if not sha256_of(path).startswith(stated):
        path.unlink()
        raise DownloadFailed(f"{path.name} is damaged: its SHA-256 does not begin with {stated}, as its name says it does")


def fetch(file: ModelFile, target: Path, progress: Callable[[int], None]) -> str:
    """Download a file, from where an earlier attempt stopped. Returns the revision that the source names, or "". Raises DownloadFailed."""
    have = target.stat().st_size if target.exists() else 0
    request = urllib.request.Request(file.url, headers={"User-Agent": "sideman"} | ({"Range": f"bytes={have}-"} if have else {}))
    try:
        told: dict[str, str] = {}
        opener = urllib.request.build_opener(_Redirects(told))
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            _note(told, answer.headers)
            if have and answer.status != 206:
                have = 0
            total = have + int(answer.headers.get("Content-Length") or 0)
            with target.open("ab" if have else "wb") as out:
                while block := answer.read(BLOCK):
                    out.write(block)
                    have += len(block)
                    progress(have)
            stated, revision = told.get("x-linked-etag", "").strip('"'), told.get("x-repo-commit", "")
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            _check(file, target)
            return ""
        raise DownloadFailed(f"{file.url} answers {error.code} {error.reason}: {_advice(error.code)}") from error
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadFailed(
            f"{file.name} could not be fetched from {_host(file.url)} ({reason}): try again, or bring the file and use `sideman models import`"
        ) from error
    if total and have < total:
        raise DownloadFailed(f"{file.name} stopped after {have:,} of {total:,} bytes: the same command goes on from there")
    _check(file, target, stated if len(stated) == 64 else "")
    return revision


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Hubs state hash and revision in the answer that sends us on to the file itself."""

    def __init__(self, told: dict[str, str]) -> None:
        self._told = told

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _note(self._told, headers)
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise urllib.error.URLError(f"it was sent on to an address that is not https: {_host(newurl)}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _note(told: dict[str, str], headers: Any) -> None:
    for name in ("x-linked-etag", "x-repo-commit"):
        if headers.get(name) and name not in told:
            told[name] = headers[name]


def _advice(code: int) -> str:
    if code in (401, 403):
        return "its publisher wants you to sign in there first; fetch it yourself and use `sideman models import`"
    return "it may have moved; fetch it yourself and use `sideman models import`"


def _host(url: str) -> str:
    return url.split("/")[2] if "//" in url else url
