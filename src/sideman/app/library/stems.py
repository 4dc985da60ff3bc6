"""Stems of all recordings: separated, generated, imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sideman.app.library.access import Access, Caller
from sideman.app.library.services import Services
from sideman.errors import NotFound
from sideman.infra.database import MAX_PAGE, Page, RecordingRecord, StemQuery, StemRecord


@dataclass(frozen=True, slots=True)
class StemCounts:
    total: int
    size_bytes: int
    by_role: dict[str, int]
    by_origin: dict[str, int]


class StemLibrary:
    def __init__(self, services: Services, access: Access) -> None:
        self._s, self._access = services, access

    def get(self, who: Caller, stem_id: str) -> StemRecord:
        stem = self._s.results.stem(stem_id)
        try:
            self._access.readable(who, stem.recording_id)
        except NotFound:
            raise NotFound("there is no such stem: it may have been deleted") from None
        return stem

    def of_recording(self, who: Caller, recording_id: str) -> tuple[StemRecord, ...]:
        self._access.readable(who, recording_id)
        return self._s.results.stems_of(recording_id=recording_id)

    def page(self, who: Caller, query: StemQuery, limit: int, after: str | None = None) -> Page[StemRecord]:
        return self._s.results.stem_page(query, who.scope, limit, after)

    def delete(self, who: Caller, stem_id: str) -> None:
        stem = self.get(who, stem_id)
        self._access.writable(who, stem.recording_id)
        self._s.results.delete_stem(stem_id)

    def all(self, who: Caller, query: StemQuery) -> tuple[StemRecord, ...]:
        """Every page: for the replaced API, whose lists have none."""
        found: list[StemRecord] = []
        after: str | None = None
        while True:
            page = self.page(who, query, MAX_PAGE, after)
            found += page.items
            after = page.next_cursor
            if after is None:
                return tuple(found)

    def roles(self, recordings: Sequence[RecordingRecord]) -> dict[str, tuple[str, ...]]:
        """Roles of the stems of recordings that the caller was shown."""
        return self._s.results.roles_of([r.id for r in recordings])

    def counts(self, who: Caller) -> StemCounts:
        roles: Counter[str] = Counter()
        origins: Counter[str] = Counter()
        size = 0
        for c in self._s.results.stem_counts(who.scope):
            roles[c.role] += c.stems
            origins[c.origin] += c.stems
            size += c.size_bytes
        return StemCounts(roles.total(), size, dict(roles), dict(origins))
