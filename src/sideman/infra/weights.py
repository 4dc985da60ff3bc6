"""Model weights on this machine: fetched with the user's consent, checked, kept in one folder per model, removed again.

A folder is complete when `installed.json` lies in it. What is still arriving lies in `.arriving` and is taken up again where it stopped.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sideman.core.models.catalog import ModelCard, ModelFile
from sideman.errors import ConsentNeeded, DownloadFailed, ModelError, ModelNotInstalled, UnusableModel
from sideman.infra.package_index import SCHEME, fetch_source

RECORD, PINS = "installed.json", "pins.json"
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
        """What is installed under a card's name; None where it is not, or only half. Raises UnusableModel for a record that is damaged."""
        record = self.folder / name / RECORD
        try:
            data = json.loads(record.read_text(encoding="utf-8"))
            files = tuple(_file_from(record.parent, f) for f in data["files"])
            consent = Consent(**data["consent"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnusableModel(f"{record} cannot be read ({error}): `sideman models remove {name}` and install it again") from error
        return Installed(name, files, consent) if files and all(f.path.is_file() for f in files) else None

    def require(self, card: ModelCard) -> Installed:
        """Raises ModelNotInstalled with the card's offer."""
        found = self.installed(card.name)
        if found is None:
            raise ModelNotInstalled(card.offer)
        return found

    def install(self, card: ModelCard, consent: Consent | None, convert: Convert, progress: Progress = no_progress) -> Installed:
        """Fetch what a card names, check and convert it. Raises ConsentNeeded, DownloadFailed or UnusableModel; nothing half-made counts
        as installed, and an interrupted download goes on from where it was. Anything that `progress` raises stops it."""
        accepted = _accepted(card, consent)
        with self._alone(card):
            arriving = self._arriving(card, ".arriving")
            done, arrived = 0, []
            for file in card.files:
                there = replace(file, url=file.url.replace(HUB, self._hub, 1))
                target, base = arriving / file.name, done
                share = partial(_report, progress, base, card.size_bytes)
                revision = "" if target.exists() else fetch(there, target, share)
                done += file.size_bytes
                arrived.append((file, target, there.url, revision))
            return self._settle(card, accepted, convert, arrived)

    def import_files(self, card: ModelCard, paths: Sequence[Path], consent: Consent | None, convert: Convert) -> Installed:
        """The same from files that were brought here by hand: one for each file of the card, told apart by name, or the only one."""
        accepted = _accepted(card, consent)
        with self._alone(card):
            arriving = self._arriving(card, ".importing")
            try:
                arrived = []
                for file in card.files:
                    path = _brought(file, card, paths)
                    target = arriving / path.name
                    _copy(path, target)
                    if path.name in file.published_as:
                        _check_legacy(target)
                    elif path.suffix == Path(file.name).suffix:
                        _check(file, target)
                    arrived.append((file, target, str(path), ""))
                return self._settle(card, accepted, convert, arrived)
            finally:
                shutil.rmtree(arriving, ignore_errors=True)

    def remove(self, card: ModelCard) -> bool:
        """Whether there was anything to remove."""
        with self._alone(card):
            there = [
                p for p in (self.folder / card.name, *(self.folder / k / card.name for k in (".arriving", ".importing"))) if p.exists()
            ]
            for path in there:
                try:
                    shutil.rmtree(path)
                except OSError as error:
                    raise ModelError(f"{path} cannot be deleted ({error.strerror}): end what is using it and try again") from error
            return bool(there)

    def verify(self, card: ModelCard) -> tuple[str, ...]:
        """Names of files that are no longer what was installed."""
        return tuple(f.name for f in self.require(card).files if sha256_of(f.path) != f.sha256)

    @contextmanager
    def _alone(self, card: ModelCard) -> Iterator[None]:
        """One process at a time changes a model; the lock of a process that died is free again."""
        try:
            (self.folder / ".locks").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DownloadFailed(f"{self.folder} cannot be written ({error.strerror}): set SIDEMAN_MODELS to a folder that can") from error
        lock = FileLock(self.folder / ".locks" / card.name, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise ModelError(f"{card.name} is being installed or removed by another process: wait for it") from error
        try:
            yield
        finally:
            lock.release()

    def _arriving(self, card: ModelCard, kind: str) -> Path:
        path = self.folder / kind / card.name
        path.mkdir(parents=True, exist_ok=True)
        held = sum(p.stat().st_size for p in path.iterdir())
        converted = sum(f.size_bytes for f in card.files if not f.name.endswith((".safetensors", ".onnx")))
        need, free = card.size_bytes + converted - held, shutil.disk_usage(path).free
        if need > free:
            raise DownloadFailed(
                f"{card.name} needs {need / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free in {self.folder}: make room there"
            )
        return path

    def _settle(self, card: ModelCard, consent: Consent, convert: Convert, arrived: list[tuple[ModelFile, Path, str, str]]) -> Installed:
        """Convert what arrived and put it where it belongs. What turns out to be no model is deleted, or it would be taken up again."""
        rows: list[dict[str, Any]] = []
        arriving = arrived[0][1].parent
        try:
            for file, path, source, revision in arrived:
                source_sha256 = sha256_of(path)
                self._pin(card, file, path, source_sha256)
                ready = convert(path)
                rows.append({
                    "name": ready.name, "sha256": source_sha256 if ready == path else sha256_of(ready), "source": source,
                    "source_sha256": source_sha256, "revision": revision, "roles": list(file.roles),
                })  # fmt: skip
        except (UnusableModel, DownloadFailed):
            shutil.rmtree(arriving, ignore_errors=True)
            raise
        kept = {row["name"] for row in rows}
        for leftover in arriving.iterdir():
            if leftover.name not in kept:
                leftover.unlink()
        data = {"files": rows, "consent": {"who": consent.who, "when": consent.when, "text": consent.text}}
        (arriving / RECORD).write_text(json.dumps(data, indent=1), encoding="utf-8")
        final, former = self.folder / card.name, self.folder / ".former" / card.name
        if final.exists():
            former.parent.mkdir(exist_ok=True)
            shutil.rmtree(former, ignore_errors=True)
            os.replace(final, former)
        os.replace(arriving, final)
        shutil.rmtree(former, ignore_errors=True)
        return self.require(card)

    def _pin(self, card: ModelCard, file: ModelFile, path: Path, sha256: str) -> None:
        """A file whose hash nobody publishes is the one that came first. The pins outlive the model."""
        if file.sha256 or path.name != file.name:
            return
        pins_file, name = self.folder / PINS, f"{card.name}/{file.name}"
        try:
            pins = dict(json.loads(pins_file.read_text(encoding="utf-8"))) if pins_file.exists() else {}
        except (OSError, ValueError, TypeError) as error:
            raise UnusableModel(f"{pins_file} cannot be read ({error}): delete it to forget which files came first") from error
        if pins.setdefault(name, sha256) != sha256:
            raise DownloadFailed(
                f"{file.name} is not the file that was first installed here (SHA-256 {pins[name][:12]}...): delete its line in {pins_file} to accept the new one"
            )
        pins_file.write_text(json.dumps(pins, indent=1), encoding="utf-8")


def _report(progress: Progress, base: int, total: int, have: int) -> None:
    progress(min(0.99, (base + have) / max(1, total)))


def _accepted(card: ModelCard, consent: Consent | None) -> Consent:
    if consent is None or consent.text != card.licence_text:
        raise ConsentNeeded(f"{card.name} comes with terms that someone has to accept first:\n{card.licence_text}")
    return consent


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
        raise DownloadFailed(f"{path.name} cannot be copied to {target.parent} ({error.strerror or error})") from error


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
    """Download a file, from where an earlier attempt stopped; it gets its name when it is whole and is what the hash says.

    Returns the revision that the source names, or "". Raises DownloadFailed.
    """
    if file.url.startswith(SCHEME):
        fetch_source(file, target)
        progress(file.size_bytes)
        return ""
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(file.url, headers={"User-Agent": "sideman"} | ({"Range": f"bytes={have}-"} if have else {}))
    told: dict[str, str] = {}
    try:
        opener = urllib.request.build_opener(_Redirects(told))
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            _note(told, answer.headers)
            if have and answer.status != 206:
                have = 0
            total = have + int(answer.headers.get("Content-Length") or 0)
            have = _received(answer, part, have, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # what is there is not a beginning of what the source has
            part.unlink()
            return fetch(file, target, progress)
        raise DownloadFailed(f"{file.url} answers {error.code} {error.reason}: {_advice(error.code)}") from error
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadFailed(
            f"{file.name} could not be fetched from {_host(file.url)} ({reason}): try again, or bring the file and use `sideman models import`"
        ) from error
    if total and have < total:
        raise DownloadFailed(f"{file.name} stopped after {have:,} of {total:,} bytes: the same command goes on from there")
    stated = told.get("x-linked-etag", "").strip('"')
    _check(file, part, stated if len(stated) == 64 else "")
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
