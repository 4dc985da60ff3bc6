"""How a file becomes a recording: looked through in a child process, kept once, or refused without a trace."""

from __future__ import annotations

import lzma
import re
import tempfile
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from sideman.app.library.access import Access, Caller
from sideman.app.library.decoder import Decoder
from sideman.app.library.services import Services
from sideman.core.music import StemRole
from sideman.errors import NoAudio, QuotaExceeded, TooLarge, UnreadableAudio, UsageError
from sideman.infra.blobs import blob_key
from sideman.infra.database import RecordingRecord, StemRecord, new_id, now

MOST_STEMS = 64
MB = 1 << 20
LONGEST_DIRECTORY = MB
"""Bytes of an archive's list of files; those of one song take some thousand."""
LONGEST_ZIP_END = 20 + 22 + 65_535
BAD_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError, EOFError, OSError, ValueError)
"""What the unpacking of a damaged or locked archive raises."""


@dataclass(frozen=True, slots=True)
class Added:
    """created is False for bytes that the library already had."""

    recording: RecordingRecord
    created: bool


@dataclass(frozen=True, slots=True)
class StemFile:
    """A file of a multitrack; its role is read from its name."""

    path: Path
    name: str


def safe_name(name: str) -> str:
    """The last part of a name for people to read: no folders, no control characters. It is never used as a path."""
    last = PureWindowsPath(PurePosixPath(name.replace("\0", "")).name).name
    plain = "".join(c for c in last if c.isprintable()).strip()[:200]
    return plain if plain.strip(".") else "recording"


class Intake:
    def __init__(self, services: Services, access: Access, decoder: Decoder) -> None:
        self._s, self._access, self._decoder = services, access, decoder
        self._limits = services.settings.limits

    def refuse_over_quota(self, who: Caller, size_bytes: int, audio_s: float = 0.0, pending_bytes: int = 0) -> None:
        """Raises TooLarge for one file, QuotaExceeded for the sum of what the user keeps."""
        if size_bytes > self._limits.upload_bytes:
            raise TooLarge(f"the file has {size_bytes / MB:.0f} MB, {self._limits.upload_bytes / MB:.0f} MB are the most that may be added")
        if who.is_admin:
            return
        kept_bytes, kept_s = self._s.recordings.usage(who.user_id)
        kept_bytes += pending_bytes
        if self._limits.quota_bytes and kept_bytes + size_bytes > self._limits.quota_bytes:
            raise QuotaExceeded(f"you keep {kept_bytes / MB:.0f} of {self._limits.quota_bytes / MB:.0f} MB: delete something first")
        if self._limits.quota_audio_s and kept_s + audio_s > self._limits.quota_audio_s:
            raise QuotaExceeded(f"you keep {kept_s / 60:.0f} of {self._limits.quota_audio_s / 60:.0f} minutes: delete something first")

    def add(self, who: Caller, path: Path, name: str) -> Added:
        """Keep a file. Raises TooLarge, QuotaExceeded, UnreadableAudio, NoAudio; then nothing of it stays."""
        self._access.require(who, "editor")
        name = safe_name(name)
        size = path.stat().st_size
        if size == 0:
            raise NoAudio(f"{name} is empty, it holds no audio: choose another file")
        self.refuse_over_quota(who, size)
        key = blob_key(path)
        known = self._s.recordings.by_content(who.user_id, key)
        if known is not None and known.trashed_at is None:
            return Added(known, False)
        facts = self._decoder.inspect(path, name)
        self.refuse_over_quota(who, size, float(facts["duration_s"]))
        new = self._record(who, path, name, facts)
        record = self._s.recordings.add(new)
        return Added(record, record.id == new.id)  # the same bytes may have come by another request meanwhile

    def _record(self, who: Caller, path: Path, name: str, facts: dict[str, Any]) -> RecordingRecord:
        content_key = self._s.blobs.put(path)
        artwork_key = self._keep(b64decode(facts["artwork"])) if facts["artwork"] else None
        moment, tags = now(), facts["tags"]
        return RecordingRecord(
            new_id(), who.user_id, content_key, path.stat().st_size, name, facts["container"], facts["codec"], facts["sample_rate_hz"],
            facts["channels"], facts["duration_s"], (tags.get("title") or title_of(name))[:300], tags.get("artist", "")[:300],
            tags.get("album", "")[:300], None, None, None, "uploaded", None, None, artwork_key, facts["artwork_type"], moment, moment, None,
            tuple(g.strip().lower()[:60] for g in re.split(r"[;,/]", tags.get("genre", "")) if g.strip())[:8],
        )  # fmt: skip

    def _keep(self, data: bytes) -> str:
        with tempfile.NamedTemporaryFile(prefix="sideman-artwork-") as file:
            file.write(data)
            file.flush()
            return self._s.blobs.put(Path(file.name))

    # multitracks

    def add_zip(self, who: Caller, path: Path, name: str) -> Added:
        """A ZIP of stems as one recording. Sizes are checked while unpacking: what the archive's directory states may be a lie."""
        self._access.require(who, "editor")
        name = safe_name(name)
        self.refuse_over_quota(who, path.stat().st_size)
        with tempfile.TemporaryDirectory(prefix="sideman-zip-") as folder:
            try:
                _refuse_long_directory(path, name)
                with zipfile.ZipFile(path) as archive:
                    files = self._unpacked(archive, Path(folder), name)
            except BAD_ZIP as error:
                raise UnreadableAudio(f"{name} cannot be unpacked ({error}): make the ZIP again") from error
            return self.add_multitrack(who, files, PurePosixPath(name).stem)

    def _unpacked(self, archive: zipfile.ZipFile, folder: Path, name: str) -> list[StemFile]:
        left, files = self._limits.upload_bytes, []
        wanted = [m for m in archive.infolist() if not m.is_dir() and not PurePosixPath(m.filename).name.startswith((".", "__"))]
        wanted = [m for m in wanted if "__MACOSX" not in m.filename]
        for k, member in enumerate(wanted[: MOST_STEMS + 1]):
            target = folder / str(k)
            with archive.open(member) as source, target.open("wb") as out:
                while piece := source.read(MB):
                    left -= len(piece)
                    if left < 0:
                        raise TooLarge(f"{name} unpacks to more than {self._limits.upload_bytes / MB:.0f} MB, the most that may be added")
                    out.write(piece)
            files.append(StemFile(target, safe_name(member.filename)))
        return files

    def add_multitrack(self, who: Caller, files: Sequence[StemFile], title: str) -> Added:
        """Stems of one song as one recording: their sum is the recording, each of them an imported stem.

        They must have one sample rate; shorter ones are taken to be silent at their end.
        """
        self._access.require(who, "editor")
        if not 1 < len(files) <= MOST_STEMS:
            raise UsageError(f"a multitrack has 2 to {MOST_STEMS} audio files, {title} has {len(files)}")
        with tempfile.TemporaryDirectory(prefix="sideman-multitrack-") as folder:
            joined = self._decoder.join([{"path": str(f.path), "name": f.name} for f in files], Path(folder), title)
            mixture = Path(joined["mixture"])
            added = self.add(who, mixture, f"{title}{mixture.suffix}")
            if added.created:
                added = Added(self._s.recordings.update(added.recording.id, title=title[:300]), True)
                rows = [
                    self._stem(added.recording, f.name, Path(s["path"]), s["duration_s"])
                    for f, s in zip(files, joined["stems"], strict=True)
                ]
                self._s.results.put_stems(rows)
            return added

    def _stem(self, record: RecordingRecord, name: str, path: Path, duration_s: float) -> StemRecord:
        return StemRecord(
            new_id(), record.id, None, "imported", role_in(name).value, title_of(name)[:100], self._s.blobs.put(path), path.suffix[1:],
            path.stat().st_size, duration_s, None, None, None, None, None, None, None, {"file": name}, None, now(),
        )  # fmt: skip


def _refuse_long_directory(path: Path, name: str) -> None:
    """Raises TooLarge. To open an archive is to hold its whole directory in memory; what the end record states of its size is what is read.

    (.ZIP File Format Specification 6.3.10, 4.3.14 to 4.3.16.)
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LONGEST_ZIP_END))
        end = file.read()
        at = end.rfind(b"PK\5\6")
        if at < 0 or at + 22 > len(end):
            return  # no archive, as opening it will say
        length = int.from_bytes(end[at + 12 : at + 16], "little")
        locator = end[max(0, at - 20) : at]
        if length == 0xFFFFFFFF and locator.startswith(b"PK\6\7"):
            file.seek(int.from_bytes(locator[8:16], "little") + 40)
            length = int.from_bytes(file.read(8), "little")
    if length > LONGEST_DIRECTORY:
        raise TooLarge(f"{name} names too many files: put the stems of one song into a ZIP, at most {MOST_STEMS}")


def title_of(name: str) -> str:
    """`01_My-Song.wav` as a title."""
    return re.sub(r"[_\s]+", " ", PurePosixPath(name).stem).strip() or name


def role_in(name: str) -> StemRole:
    """The role that a file's name states first: `Kick drums.wav` is the kick; `other` where it states none."""
    for word in re.findall(r"[a-z]+", PurePosixPath(name).stem.lower()):
        for candidate in (word, word.rstrip("s")):
            try:
                return StemRole.parse(candidate)
            except UsageError:
                continue
    return StemRole.OTHER
