"""Model weights on this machine: fetched with the user's consent, checked, kept in one folder per model, removed again.

A folder is complete when `installed.json` lies in it. What is still arriving lies in `.arriving` and is taken up again where it stopped.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatch
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from sideman.core.models.catalog import ModelCard, ModelFile
from sideman.errors import ConsentNeeded, DownloadFailed, ModelError, ModelNotInstalled, UnusableModel
from sideman.infra.downloads import check, fetch, sha256_of
from sideman.infra.hub import HUB, listing

RECORD, PINS = "installed.json", "pins.json"
PIPELINE_FILES = ["model_index.json", "*/*.json", "*/*.model", "*/*.txt", "*/*.jinja", "*/*.safetensors"]
"""What a folder in diffusers' layout is made of."""
Progress = Callable[[float], None]
Convert = Callable[[Path], Path]
"""What a family does to a file that arrived, so that it can be run: gives the path of the result (the same, or a converted one)."""
Assemble = Callable[[Path], Path]
"""What a family does when all files are there: gives the folder that is kept (the same, or one inside it)."""


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
    def folder(self) -> Path:
        """What holds all of them."""
        depth = len(Path(self.files[0].name).parts)
        return self.files[0].path.parents[depth - 1]

    @property
    def size_bytes(self) -> int:
        return sum(f.path.stat().st_size for f in self.files)


def no_progress(share: float) -> None:
    """The default: nobody watches."""


def same(path: Path) -> Path:
    """What needs no conversion."""
    return path


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

    def install(
        self, card: ModelCard, consent: Consent | None, convert: Convert, progress: Progress = no_progress, assemble: Assemble = same
    ) -> Installed:
        """Fetch what a card names, check and convert it. Raises ConsentNeeded, DownloadFailed or UnusableModel; nothing half-made counts
        as installed, and an interrupted download goes on from where it was. Anything that `progress` raises stops it."""
        accepted = _accepted(card, consent)
        with self._alone(card):
            arriving = self._arriving(card, ".arriving")
            done, arrived = 0, []
            files = (*card.files, *self._listed(card))
            total = sum(f.size_bytes for f in files)
            for file in files:
                of_hub = file in card.files and file.url.startswith(f"{HUB}/")
                there = replace(file, url=self._hub + file.url.removeprefix(HUB)) if of_hub else file
                target, base = arriving / file.name, done
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists() and file.sha256 and sha256_of(target) != file.sha256:
                    target.unlink()  # left by an earlier try
                share = partial(_report, progress, base, total)
                revision = "" if target.exists() else fetch(there, target, share, self._hub)
                done += file.size_bytes
                arrived.append((file, target, there.url, revision))
            return self._settle(card, accepted, (convert, assemble), arriving, arrived)

    def _listed(self, card: ModelCard) -> list[ModelFile]:
        """Files of its repositories, at the commits that were first installed here."""
        out: list[ModelFile] = []
        for repository in card.repositories:
            key = f"{card.name}/{repository.name}"
            found = listing(repository, self._hub, self._pins().get(key, repository.revision), card.repositories)
            self._keep_pin(key, found.commit)
            out += found.files
        return out

    def import_folder(self, card: ModelCard, path: Path, consent: Consent | None, assemble: Assemble) -> Installed:
        """A model of several files from a folder that was brought here by hand, laid out as its publisher does or as its library does."""
        accepted = _accepted(card, consent)
        if not path.is_dir():
            raise UnusableModel(f"{path} is not a folder: give the one that holds the files of {card.name}")
        with self._alone(card):
            arriving = self._arriving(card, ".importing")
            try:
                for source in _belonging(card, path):
                    target = arriving / source.relative_to(path)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    _copy(source, target)
                arrived = [
                    (ModelFile(p.relative_to(arriving).as_posix(), "", 0), p, str(path), "")
                    for p in sorted(arriving.rglob("*"))
                    if p.is_file()
                ]
                if not arrived:
                    names = " and ".join(f"{r.name} ({', '.join(r.patterns)})" for r in card.repositories)
                    raise UnusableModel(f"{path} holds nothing of {card.name}: bring the files of {names}")
                return self._settle(card, accepted, (lambda file: file, assemble), arriving, arrived)
            finally:
                shutil.rmtree(arriving, ignore_errors=True)

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
                        check(file, target)
                    arrived.append((file, target, str(path), ""))
                return self._settle(card, accepted, (convert, same), arriving, arrived)
            finally:
                shutil.rmtree(arriving, ignore_errors=True)

    def remove(self, card: ModelCard) -> bool:
        """Whether there was anything to remove."""
        with self._alone(card):
            there = [
                p
                for p in (
                    self.folder / card.name,
                    *(self.folder / k / n for k in (".arriving", ".importing") for n in (card.name, f"{card.name}.whole")),
                )
                if p.exists()
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
        held = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
        converted = sum(f.size_bytes for f in card.files if not f.name.endswith((".safetensors", ".onnx")))
        converted += card.memory_mb << 20 if card.converted else 0
        need, free = card.size_bytes + converted - held, shutil.disk_usage(path).free
        if need > free:
            raise DownloadFailed(
                f"{card.name} needs {need / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free in {self.folder}: make room there"
            )
        return path

    def _settle(
        self,
        card: ModelCard,
        consent: Consent,
        ready: tuple[Convert, Assemble],
        arriving: Path,
        arrived: list[tuple[ModelFile, Path, str, str]],
    ) -> Installed:
        """Convert what arrived and put it where it belongs. What turns out to be no model is deleted, or it would be taken up again."""
        rows: list[dict[str, Any]] = []
        seen: list[tuple[str, str]] = []
        convert, assemble = ready
        try:
            for file, path, source, revision in arrived:
                source_sha256 = sha256_of(path)
                seen += self._compared(card, file, path, source_sha256)
                made = convert(path)
                rows.append({
                    "name": made.relative_to(arriving).as_posix(), "sha256": source_sha256 if made == path else sha256_of(made), "source": source,
                    "source_sha256": source_sha256, "revision": revision, "roles": list(file.roles),
                })  # fmt: skip
            whole = assemble(arriving)
            for name, sha256 in seen:
                self._keep_pin(name, sha256)
        except (UnusableModel, DownloadFailed):
            shutil.rmtree(arriving, ignore_errors=True)
            raise
        if whole != arriving:
            rows = [_made_of(p, whole, arrived) for p in sorted(whole.rglob("*")) if p.is_file()]
            beside = self._whole(card, arriving)
            shutil.rmtree(beside, ignore_errors=True)  # of a process that was killed here
            whole = whole.replace(beside)
            shutil.rmtree(arriving)
            arriving = whole.replace(arriving)
        kept = {row["name"] for row in rows}
        for leftover in [p for p in arriving.rglob("*") if p.is_file()]:
            if leftover.relative_to(arriving).as_posix() not in kept:
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

    @staticmethod
    def _whole(card: ModelCard, arriving: Path) -> Path:
        return arriving.with_name(f"{card.name}.whole")

    def _compared(self, card: ModelCard, file: ModelFile, path: Path, sha256: str) -> list[tuple[str, str]]:
        """A file whose hash nobody publishes is the one that came first: what to pin once it has proved to be a model. The pins outlive it."""
        if file.sha256 or path.name != Path(file.name).name or not file.url:
            return []
        name = f"{card.name}/{file.name}"
        first = self._pins().get(name, sha256)
        if first != sha256:
            raise DownloadFailed(
                f"{file.name} is not the file that was first installed here (SHA-256 {first[:12]}...): delete its line in {self.folder / PINS} to accept the new one"
            )
        return [(name, sha256)]

    def _pins(self) -> dict[str, str]:
        path = self.folder / PINS
        try:
            return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
        except (OSError, ValueError, TypeError) as error:
            raise UnusableModel(f"{path} cannot be read ({error}): delete it to forget which files came first") from error

    def _keep_pin(self, name: str, value: str) -> str:
        """What is pinned under a name: the first value that came. Several models may be installed at once."""
        path = self.folder / PINS
        with FileLock(self.folder / ".locks" / PINS):
            pins = self._pins()
            if name not in pins:
                partial_file = path.with_suffix(".partial")
                partial_file.write_text(json.dumps(pins | {name: value}, indent=1), encoding="utf-8")
                os.replace(partial_file, path)
            return pins.get(name, value)


def _made_of(path: Path, folder: Path, arrived: list[tuple[ModelFile, Path, str, str]]) -> dict[str, Any]:
    """A file that was made of everything that arrived."""
    sources = "; ".join(sorted({source.rpartition("/resolve/")[0] or source for _, _, source, _ in arrived}))
    revisions = " ".join(sorted({revision for *_, revision in arrived if revision}))
    name = path.relative_to(folder).as_posix()
    return {"name": name, "sha256": sha256_of(path), "source": sources, "source_sha256": "", "revision": revisions, "roles": []}


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


def _belonging(card: ModelCard, folder: Path) -> list[Path]:
    """Files of a folder that a card's repositories name, or that a pipeline in its library's layout has; nothing else is copied."""
    wanted = [str(PurePosixPath(r.folder) / pattern) for r in card.repositories for pattern in r.patterns]
    wanted += PIPELINE_FILES if (folder / PIPELINE_FILES[0]).is_file() else []
    named = ((p, p.relative_to(folder).as_posix()) for p in sorted(folder.rglob("*")) if p.is_file())
    return [p for p, name in named if any(fnmatch(name, w) and name.count("/") == w.count("/") for w in wanted)]


def _copy(path: Path, target: Path) -> None:
    try:
        shutil.copyfile(path, target)
    except FileNotFoundError as error:
        raise UnusableModel(f"there is no file {path}") from error
    except OSError as error:
        raise DownloadFailed(f"{path.name} cannot be copied to {target.parent} ({error.strerror or error})") from error


def _check_legacy(path: Path) -> None:
    """Demucs' old names end in the first hexadecimal digits of their own hash."""
    stated = path.stem.rpartition("-")[2]
    if not sha256_of(path).startswith(stated):
        path.unlink()
        raise DownloadFailed(f"{path.name} is damaged: its SHA-256 does not begin with {stated}, as its name says it does")
