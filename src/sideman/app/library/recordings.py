"""Recordings: found, shown, edited, trashed, restored, given out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sideman.app.library.access import Access, Caller
from sideman.app.library.decoder import Decoder
from sideman.app.library.ending import cancel_all_of
from sideman.app.library.services import Services
from sideman.core.audio import LosslessFacts, flac_chunk, lossless_facts, pcm_chunk
from sideman.core.generation import SuitedStyle
from sideman.core.music import MusicAnalysis
from sideman.errors import Conflict, NotFound, UsageError
from sideman.infra.database import Page, RecordingQuery, RecordingRecord, ShareRecord, StemRecord, now

LOSSLESS = ("flac", "wav")


@dataclass(frozen=True, slots=True)
class RecordingEdit:
    """None leaves a field as it is."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    size_bytes: int
    audio_s: float


class RecordingLibrary:
    def __init__(self, services: Services, access: Access, decoder: Decoder) -> None:
        self._s, self._access, self._decoder = services, access, decoder

    def page(self, who: Caller, query: RecordingQuery, limit: int, after: str | None = None) -> Page[RecordingRecord]:
        if query.collection_id:
            self._access.collection(who, query.collection_id)
        return self._s.recordings.page(query, who.scope, limit, after)

    def offset_page(self, who: Caller, skip: int, take: int) -> tuple[RecordingRecord, ...]:
        return self._s.recordings.offset_page(who.scope, skip, take)

    def ids(self, who: Caller, query: RecordingQuery, limit: int) -> tuple[str, ...]:
        if query.collection_id:
            self._access.collection(who, query.collection_id)
        return self._s.recordings.ids(query, who.scope, limit)

    def get(self, who: Caller, recording_id: str) -> RecordingRecord:
        return self._access.readable(who, recording_id)

    def usage(self, who: Caller) -> Usage:
        return Usage(*self._s.recordings.usage(who.user_id))

    def edit(self, who: Caller, recording_id: str, edit: RecordingEdit) -> RecordingRecord:
        self._access.writable(who, recording_id)
        values = {name: value.strip()[:300] for name in ("title", "artist", "album") if (value := getattr(edit, name)) is not None}
        if values.get("title") == "":
            raise UsageError("a recording needs a title: leave the field out to keep the old one")
        return self._s.recordings.update(recording_id, None if edit.tags is None else _tags(edit.tags), **values)

    def retag(self, who: Caller, recording_id: str, add: tuple[str, ...], remove: tuple[str, ...]) -> RecordingRecord:
        """Add and remove tags, and keep the others."""
        self._access.writable(who, recording_id)
        return self._s.recordings.retag(recording_id, _tags(add), _tags(remove))

    def trash(self, who: Caller, recording_id: str) -> RecordingRecord:
        """Out of sight, restorable until the time of the settings has passed."""
        self._access.owned(who, recording_id)
        return self._s.recordings.update(recording_id, trashed_at=now())

    def restore(self, who: Caller, recording_id: str) -> RecordingRecord:
        self._access.owned(who, recording_id)
        return self._s.recordings.update(recording_id, trashed_at=None)

    def delete(self, who: Caller, recording_id: str) -> None:
        """Really gone, with its stems and analyses; only from the trash. Its bytes go after the grace period if nothing else uses them."""
        if self._access.owned(who, recording_id).trashed_at is not None:
            cancel_all_of(self._s, recording_id)
        if not self._s.recordings.delete_trashed(recording_id, now() + timedelta(seconds=1)):
            raise Conflict("this recording is not in the trash: trash it first")

    # sharing

    def share(self, who: Caller, recording_id: str, user_name: str, access: str) -> ShareRecord:
        record = self._access.owned(who, recording_id)
        user = self._access.user_named(user_name)
        if access not in ("read", "write") or user.id == record.owner_id:
            raise UsageError("share with another user, to read or to write")
        return self._s.people.share(user.id, access, recording_id=recording_id)

    def shares(self, who: Caller, recording_id: str) -> tuple[ShareRecord, ...]:
        self._access.owned(who, recording_id)
        return self._s.people.shares_of(recording_id=recording_id)

    def unshare(self, who: Caller, recording_id: str, share_id: str) -> None:
        if share_id not in {s.id for s in self.shares(who, recording_id)}:
            raise NotFound("this recording has no such share")
        self._s.people.unshare(share_id)

    # audio

    def size_bytes(self, key: str) -> int:
        return self._s.blobs.info(key).size_bytes

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return self._s.blobs.read(key, start, length)

    @contextmanager
    def lossless(self, record: RecordingRecord | StemRecord) -> Iterator[Path]:
        """The FLAC or WAV file of a recording or stem; a recording that is neither has one once it was analysed."""
        if isinstance(record, StemRecord):
            key = record.blob_key
        elif record.decoded_key is not None:
            key = record.decoded_key
        elif record.container in LOSSLESS:
            key = record.content_key
        else:
            raise Conflict("this recording was not decoded yet: analyse it first")
        with self._s.blobs.file(key) as path:
            yield path

    def facts(self, record: RecordingRecord | StemRecord) -> LosslessFacts:
        with self.lossless(record) as path:
            return lossless_facts(path)

    def chunk(self, record: RecordingRecord | StemRecord, number: int, packed: bool = True) -> bytes:
        """As FLAC, or as bare samples of 16 bits."""
        with self.lossless(record) as path:
            return (flac_chunk if packed else pcm_chunk)(path, number)

    def suiting(self, record: RecordingRecord, analysis: MusicAnalysis) -> tuple[SuitedStyle, ...]:
        """The band's styles, that which suits the recording best first. Raises AnalysisError where it has neither beats nor chords."""
        with self.lossless(record) as path:
            return self._decoder.rank_styles(path, analysis)

    def peaks_key(self, record: RecordingRecord | StemRecord) -> str:
        """The blob that holds the peaks; made when first asked for."""
        if record.peaks_key is not None:
            return record.peaks_key
        with self.lossless(record) as path, tempfile.TemporaryDirectory(prefix="sideman-peaks-") as folder:
            self._decoder.draw_peaks(path, Path(folder) / "peaks.dat")
            key = self._s.blobs.put(Path(folder) / "peaks.dat")
        if isinstance(record, StemRecord):
            self._s.results.set_peaks(record.id, key)
        else:
            self._s.recordings.update(record.id, peaks_key=key)
        return key


def _tags(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t.strip().lower()[:60] for t in given if t.strip()))
