"""Stems of all recordings: separated, generated, imported."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sideman.app.library.access import Access, Caller
from sideman.app.library.services import Services
from sideman.errors import NotFound
from sideman.infra.database import Page, StemQuery, StemRecord

COUNTED = 200
MOST_PAGES = 500


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

    def counts(self, who: Caller) -> StemCounts:
        roles: Counter[str] = Counter()
        origins: Counter[str] = Counter()
        total = size = 0
        after: str | None = None
        for _ in range(MOST_PAGES):
            page = self.page(who, StemQuery(), COUNTED, after)
            for stem in page.items:
                roles[stem.role] += 1
                origins[stem.origin] += 1
                total, size = total + 1, size + stem.size_bytes
            after = page.next_cursor
            if after is None:
                break
        return StemCounts(total, size, dict(roles), dict(origins))
