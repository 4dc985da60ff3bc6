"""Parameters that several routes share, so that one name means one thing everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Header, Path, Query
from pydantic import AfterValidator

from sideman.app.library.queries import RecordingQuery, Sort
from sideman.app.library.wishes import How
from sideman.core.music import Key
from sideman.errors import UsageError
from sideman.faces.rest.shapes import Ident, Search


def _in_utc(moment: datetime) -> datetime:
    """A time without a zone is one of UTC, wherever the server stands."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Id = Annotated[str, Path(pattern=r"^[0-9a-fA-F-]{36}$")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many items a page holds.")]
Cursor = Annotated[str | None, Query(max_length=1000, pattern=r"^[A-Za-z0-9_=-]*$", description="nextCursor of the page before.")]
Word = Annotated[str, Query(max_length=300, pattern=r"^[^\x00]*$")]
KeyWord = Annotated[str, Query(max_length=20, description="`A minor`, `Am` or `8A`")]
Skip = Annotated[int, Query(ge=0, le=10_000_000)]
Take = Annotated[int, Query(ge=1, le=100)]
Idempotency = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=200, pattern=r"^[\x21-\x7e]*$", description="The same key twice is one job."),
    AfterValidator(lambda key: key or None),
]
Moment = Annotated[datetime, AfterValidator(_in_utc)]
Bpm = Annotated[float | None, Query(ge=0, le=1000)]


def keys_of(text: str, compatible: bool) -> tuple[Key, ...]:
    """`A minor`, `Am`, `8A`; with `compatible` also the keys that mix with it."""
    if not text:
        return ()
    try:
        key = Key.parse(text)
    except ValueError as error:
        raise UsageError(f"{text[:40]!r} is no key: write `A minor`, `Am` or Camelot's `8A`") from error
    return key.compatible if compatible else (key,)


def recording_query(
    q: Word = "", title: Word = "", artist: Word = "", album: Word = "", tag: Word = "", status: Word = "",
    key: KeyWord = "",
    compatible: Annotated[bool, Query(description="Also keys that mix with `key`.")] = False,
    meter: Word = "",
    tempo_from: Annotated[float | None, Query(alias="tempoFrom", ge=0, le=1000)] = None,
    tempo_to: Annotated[float | None, Query(alias="tempoTo", ge=0, le=1000)] = None,
    duration_from: Annotated[float | None, Query(alias="durationFrom", ge=0, le=1e7)] = None,
    duration_to: Annotated[float | None, Query(alias="durationTo", ge=0, le=1e7)] = None,
    added_from: Annotated[Moment | None, Query(alias="addedFrom", description="UTC where it names no other zone.")] = None,
    added_to: Annotated[Moment | None, Query(alias="addedTo")] = None,
    collection: Annotated[Ident | None, Query()] = None, trashed: bool = False, sort: Sort = Sort.ADDED, descending: bool = True,
) -> RecordingQuery:  # fmt: skip
    """Filters and order of a list of recordings."""
    return RecordingQuery(
        q, title, artist, album, tag.lower(), status, meter, tempo_from, tempo_to, duration_from, duration_to, added_from, added_to,
        keys_of(key, compatible), collection or "", trashed, sort, descending,
    )  # fmt: skip


def of_search(s: Search) -> RecordingQuery:
    return RecordingQuery(
        s.q, tag=s.tag.lower(), status=s.status, meter=s.meter, tempo_from_bpm=s.tempo_from, tempo_to_bpm=s.tempo_to,
        keys=keys_of(s.key, s.compatible), collection_id=s.collection or "",
    )  # fmt: skip


def how(idempotency_key: Idempotency = None) -> How:
    return How(idempotency_key=idempotency_key)


Query_ = Annotated[RecordingQuery, Depends(recording_query)]
HowAsked = Annotated[How, Depends(how)]
