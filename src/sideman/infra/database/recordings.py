"""Recordings in the database: kept, found, filtered, trashed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from sideman.core.music import Key
from sideman.errors import NotFound, UsageError
from sideman.infra.database.engine import Database, now
from sideman.infra.database.paging import Page, cursor, read_cursor
from sideman.infra.database.records import RecordingRecord, as_record
from sideman.infra.database.tables import (
    UNFINISHED,
    collection_items,
    collections,
    jobs,
    recording_tags,
    recording_words,
    recordings,
    shares,
)

RARE_ROWS = 1000
COUNTED_WORDS = 20_000
LAST_LETTER = "\U0010ffff"
SORTED_TEXT_CHARS = 100


class Sort(StrEnum):
    ADDED = "added"
    TITLE = "title"
    ARTIST = "artist"
    ALBUM = "album"
    TEMPO = "tempo"
    KEY = "key"
    DURATION = "duration"
    POSITION = "position"
    """In the order of a collection."""


_COLUMNS = {
    Sort.ADDED: recordings.c.added_at, Sort.TITLE: recordings.c.title_sort, Sort.ARTIST: recordings.c.artist_sort,
    Sort.ALBUM: recordings.c.album_sort, Sort.TEMPO: recordings.c.tempo_bpm, Sort.KEY: recordings.c.key_index,
    Sort.DURATION: recordings.c.duration_s, Sort.POSITION: collection_items.c.position,
}  # fmt: skip
_NULLABLE = {Sort.TEMPO, Sort.KEY}


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose recordings may be seen: those of the user and those shared with them, or all."""

    user_id: str
    everything: bool = False


@dataclass(frozen=True, slots=True)
class RecordingQuery:
    """text: words, each the beginning of a word in title, artist, album, tags or file name. Unset fields do not filter."""

    text: str = ""
    title: str = ""
    artist: str = ""
    album: str = ""
    tag: str = ""
    status: str = ""
    meter: str = ""
    tempo_from_bpm: float | None = None
    tempo_to_bpm: float | None = None
    duration_from_s: float | None = None
    duration_to_s: float | None = None
    added_from: datetime | None = None
    added_to: datetime | None = None
    keys: tuple[Key, ...] = ()
    collection_id: str = ""
    trashed: bool = False
    sort: Sort = Sort.ADDED
    descending: bool = True


def folded(text: str) -> str:
    """Lower case without accents: what is searched and sorted by."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())  # 𝐁 and ™ become capitals first
    return "".join(c for c in plain if not unicodedata.combining(c) and c != "\0")


def words(*texts: str) -> set[str]:
    return {w[:60] for text in texts for w in re.findall(r"\w+", folded(text))}


class Recordings:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, record: RecordingRecord) -> RecordingRecord:
        """Insert; where the owner has the same bytes already, that recording is taken out of the trash and returned instead."""
        values = {c.name: getattr(record, c.name) for c in recordings.c if not c.name.endswith("_sort")}
        same = sa.and_(recordings.c.owner_id == record.owner_id, recordings.c.content_key == record.content_key)
        with self._db.write() as c:
            self._db.alone(c, record.owner_id)
            if c.execute(sa.update(recordings).where(same).values(trashed_at=None)).rowcount:
                return self._one(c, same)
            c.execute(sa.insert(recordings).values(**values, **_sorts(values)))
            self._index(c, record)
            return self._one(c, recordings.c.id == record.id)

    def _index(self, c: sa.Connection, record: RecordingRecord) -> None:
        for table in (recording_words, recording_tags):
            c.execute(sa.delete(table).where(table.c.recording_id == record.id))
        found = words(record.title, record.artist, record.album, record.file_name, *record.tags)
        if found:
            c.execute(sa.insert(recording_words), [{"word": w, "recording_id": record.id} for w in sorted(found)])
        if record.tags:
            c.execute(sa.insert(recording_tags), [{"tag": t, "recording_id": record.id} for t in dict.fromkeys(record.tags)])

    def _one(self, c: sa.Connection, where: sa.ColumnElement[bool]) -> RecordingRecord:
        row = c.execute(sa.select(recordings).where(where)).first()
        if row is None:
            raise NotFound("there is no such recording: it may have been deleted")
        return self._with_tags(c, [row])[0]

    def _with_tags(self, c: sa.Connection, rows: Sequence[sa.Row[Any]]) -> tuple[RecordingRecord, ...]:
        found: dict[str, list[str]] = {}
        if rows:
            ids = [row.id for row in rows]
            query = sa.select(recording_tags).where(recording_tags.c.recording_id.in_(ids)).order_by(recording_tags.c.tag)
            for row in c.execute(query):
                found.setdefault(row.recording_id, []).append(row.tag)
        return tuple(as_record(RecordingRecord, row, tags=tuple(found.get(row.id, ()))) for row in rows)

    def get(self, recording_id: str) -> RecordingRecord:
        """Raises NotFound."""
        with self._db.read() as c:
            return self._one(c, recordings.c.id == recording_id)

    def many(self, ids: Iterable[str]) -> tuple[RecordingRecord, ...]:
        with self._db.read() as c:
            return self._with_tags(c, c.execute(sa.select(recordings).where(recordings.c.id.in_(list(ids)))).all())

    def by_content(self, owner_id: str, content_key: str) -> RecordingRecord | None:
        with self._db.read() as c:
            row = c.execute(sa.select(recordings).where(recordings.c.owner_id == owner_id, recordings.c.content_key == content_key)).first()
            return self._with_tags(c, [row])[0] if row else None

    def update(self, recording_id: str, tags: tuple[str, ...] | None = None, **values: Any) -> RecordingRecord:
        """Change columns by name, and the tags when given."""
        with self._db.write() as c:
            where = recordings.c.id == recording_id
            c.execute(sa.update(recordings).where(where).values(**values, **_sorts(values), updated_at=now()))
            record = self._one(c, where)
            if tags is not None or {"title", "artist", "album"} & values.keys():
                if tags is not None:
                    record = replace(record, tags=tags)
                self._index(c, record)
            return self._one(c, where)

    def update_those_there(self, recording_ids: Sequence[str], **values: Any) -> None:
        """Change columns of recordings, some of which may have been deleted meanwhile."""
        with self._db.write() as c:
            c.execute(sa.update(recordings).where(recordings.c.id.in_(list(recording_ids))).values(**values, updated_at=now()))

    def set_status(self, recording_ids: Sequence[str], status: str, analysing: bool) -> None:
        """Only of those of which an analysis is, or is not, under way: who says so may be late."""
        query = sa.select(jobs.c.id).where(jobs.c.recording_id == recordings.c.id, jobs.c.kind == "analysis", jobs.c.state.in_(UNFINISHED))
        under_way = query.exists() if analysing else ~query.exists()
        with self._db.write() as c:
            c.execute(
                sa.update(recordings).where(recordings.c.id.in_(list(recording_ids)), under_way).values(status=status, updated_at=now())
            )

    def retag(self, recording_id: str, add: Sequence[str], remove: Sequence[str]) -> RecordingRecord:
        """Add and remove tags, and keep those that others add meanwhile. Raises NotFound."""
        where = recordings.c.id == recording_id
        with self._db.write() as c:
            if not c.execute(sa.update(recordings).where(where).values(updated_at=now())).rowcount:  # others wait for this row
                raise NotFound("there is no such recording: it may have been deleted")
            record = self._one(c, where)
            kept = [t for t in record.tags if t not in remove]
            self._index(c, replace(record, tags=tuple(dict.fromkeys([*kept, *add]))))
            return self._one(c, where)

    def delete_trashed(self, recording_id: str, before: datetime) -> bool:
        """False, and nothing is deleted, where it does not lie in the trash since before that moment: it may just have been restored."""
        with self._db.write() as c:
            return bool(c.execute(sa.delete(recordings).where(recordings.c.id == recording_id, recordings.c.trashed_at < before)).rowcount)

    def trashed_before(self, moment: datetime) -> tuple[str, ...]:
        with self._db.read() as c:
            return tuple(c.scalars(sa.select(recordings.c.id).where(recordings.c.trashed_at < moment)))

    def usage(self, owner_id: str) -> tuple[int, float]:
        """Bytes and seconds that a user keeps, trash included."""
        with self._db.read() as c:
            query = sa.select(
                sa.func.coalesce(sa.func.sum(recordings.c.size_bytes), 0), sa.func.coalesce(sa.func.sum(recordings.c.duration_s), 0.0)
            )
            size, seconds = c.execute(query.where(recordings.c.owner_id == owner_id)).one()
            return int(size), float(seconds)

    def page(self, query: RecordingQuery, scope: Scope, limit: int, after: str | None = None) -> Page[RecordingRecord]:
        """One page in the order asked for; recordings without the value that is sorted by come last."""
        column = _COLUMNS[query.sort]
        with self._db.read() as c:
            where = self._filters(c, query, scope)
            of_list = f"{query.sort} {'down' if query.descending else 'up'}"  # in another list a cursor would silently leave rows out
            value, last_id = read_cursor(after, 3, of_list)[1:] if after else (None, "")
            rows: list[sa.Row[Any]] = []
            if not after or value is not None:
                known: list[sa.ColumnElement[bool]] = [column.is_not(None)] if query.sort in _NULLABLE else []
                if after:
                    known.append(_beyond(column, recordings.c.id, value, last_id, query.descending))
                rows += c.execute(_ordered(where + known, column, query.descending, limit + 1)).all()
            if query.sort in _NULLABLE and len(rows) <= limit:
                rest: list[sa.ColumnElement[bool]] = [column.is_(None)] + ([recordings.c.id > last_id] if after and value is None else [])
                rows += c.execute(sa.select(recordings).where(*where, *rest).order_by(recordings.c.id).limit(limit + 1 - len(rows))).all()
            items = self._with_tags(c, rows[:limit])
        more = cursor(of_list, rows[limit - 1]._mapping[column.name], rows[limit - 1].id) if len(rows) > limit else None
        return Page(items, more)

    def offset_page(self, scope: Scope, skip: int, take: int) -> tuple[RecordingRecord, ...]:
        """Newest first, by offset: the paging of the replaced API."""
        with self._db.read() as c:
            where = self._filters(c, RecordingQuery(), scope)
            query = sa.select(recordings).where(*where).order_by(recordings.c.added_at.desc(), recordings.c.id.desc())
            return self._with_tags(c, c.execute(query.offset(skip).limit(take)).all())

    def ids(self, query: RecordingQuery, scope: Scope, limit: int) -> tuple[str, ...]:
        """Every recording that a saved search finds, up to `limit`."""
        with self._db.read() as c:
            where = self._filters(c, query, scope)
            column = _COLUMNS[query.sort]
            order = column.desc() if query.descending else column.asc()
            known_first = (order.nulls_last(),) if query.sort in _NULLABLE else (order,)
            return tuple(c.scalars(sa.select(recordings.c.id).where(*where).order_by(*known_first, recordings.c.id).limit(limit)))

    def _filters(self, c: sa.Connection, query: RecordingQuery, scope: Scope) -> list[sa.ColumnElement[bool]]:
        t = recordings.c
        trash = t.trashed_at.is_not(None) if query.trashed else t.trashed_at.is_(None)
        where: list[sa.ColumnElement[bool]] = [trash, *_visible(c, scope)]
        for column, wanted in ((t.title_sort, query.title), (t.artist_sort, query.artist), (t.album_sort, query.album)):
            if wanted:
                text = folded(wanted)[:SORTED_TEXT_CHARS]
                where.append(sa.and_(column >= text, column < text + LAST_LETTER))
        for column, least, most in (
            (t.tempo_bpm, query.tempo_from_bpm, query.tempo_to_bpm), (t.duration_s, query.duration_from_s, query.duration_to_s),
            (t.added_at, query.added_from, query.added_to),
        ):  # fmt: skip
            if least is not None or most is not None:
                range_ = [] if least is None else [column >= least]
                where.append(_narrowed(c, trash, sa.and_(*range_, *([] if most is None else [column <= most]))))
        for column, value in ((t.status, query.status), (t.meter, query.meter)):
            where += [_narrowed(c, trash, column == value)] if value else []
        where += [_narrowed(c, trash, t.key_index.in_([k.index for k in query.keys]))] if query.keys else []
        if query.tag:
            where.append(_related(c, recording_tags, recording_tags.c.tag == query.tag))
        if query.sort is Sort.POSITION:
            where += _in_order(query.collection_id)
        elif query.collection_id:
            where.append(_related(c, collection_items, collection_items.c.collection_id == query.collection_id))
        wanted_words = sorted(words(query.text))
        if query.text.strip() and not wanted_words:
            return [*where, sa.false()]  # signs alone are in no title
        return where + _has_words(c, wanted_words)


def _sorts(values: dict[str, Any]) -> dict[str, str]:
    return {f"{name}_sort": folded(values[name])[:SORTED_TEXT_CHARS] for name in ("title", "artist", "album") if name in values}


def _visible(c: sa.Connection, scope: Scope) -> list[sa.ColumnElement[bool]]:
    """A user without shares is asked for by one indexed column; `or` would make the database read every row."""
    if scope.everything:
        return []
    own = recordings.c.owner_id == scope.user_id
    some = (sa.select(shares.c.id).where(shares.c.user_id == scope.user_id), _brought(scope.user_id))
    if all(c.execute(query.limit(1)).first() is None for query in some):
        return [own]
    return [sa.or_(own, recordings.c.id.in_(shared_ids(scope.user_id)))]


def shared_ids(user_id: str) -> sa.CompoundSelect[Any]:
    """Recordings shared with a user, alone or in a collection, and those that others brought into the user's own collections."""
    mine = shares.c.user_id == user_id
    alone = sa.select(shares.c.recording_id).where(mine, shares.c.recording_id.is_not(None))
    inside = sa.select(collection_items.c.recording_id).join(shares, shares.c.collection_id == collection_items.c.collection_id).where(mine)
    return sa.union(alone, inside, _brought(user_id))


def _brought(user_id: str) -> sa.Select[Any]:
    """Recordings of others in collections of the user."""
    items = collection_items.join(collections, collections.c.id == collection_items.c.collection_id)
    theirs = items.join(recordings, recordings.c.id == collection_items.c.recording_id)
    query = sa.select(collection_items.c.recording_id).select_from(theirs)
    return query.where(collections.c.owner_id == user_id, recordings.c.owner_id != user_id)


def _has_words(c: sa.Connection, beginnings: list[str]) -> list[sa.ColumnElement[bool]]:
    """Recordings that have a word with each beginning. The rarest one leads, the others are asked of what it finds."""
    w = recording_words.c

    def begins(beginning: str, table: sa.FromClause = recording_words) -> sa.ColumnElement[bool]:
        return sa.and_(table.c.word >= beginning, table.c.word < beginning + LAST_LETTER)

    def frequency(beginning: str) -> int:
        some = sa.select(sa.literal(1)).select_from(recording_words).where(begins(beginning)).limit(COUNTED_WORDS).subquery()
        return c.scalar(sa.select(sa.func.count()).select_from(some)) or 0

    if not beginnings:
        return []
    leading, *others = sorted(beginnings, key=frequency) if len(beginnings) > 1 else beginnings
    also = [sa.exists().where(o.c.recording_id == w.recording_id, begins(b, o)) for b in others for o in (recording_words.alias(),)]
    few = _few(c, sa.select(w.recording_id).where(begins(leading), *also).distinct())
    if few is not None:
        return [_one_of(few)]
    return [sa.exists().where(w.recording_id == recordings.c.id, begins(b)) for b in beginnings]


def _few(c: sa.Connection, ids: sa.Select[Any]) -> list[str] | None:
    """The ids when an index finds few; None when there are many. Counting stops where the answer is known."""
    counted = sa.select(sa.func.count()).select_from(ids.limit(RARE_ROWS + 1).subquery())
    return list(c.scalars(ids)) if (c.scalar(counted) or 0) <= RARE_ROWS else None


def _related(c: sa.Connection, table: sa.Table, where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Recordings that have such a row. Few are named by their ids; of many each candidate is asked in the order of the page, or thousands
    would be gathered for fifty."""
    few = _few(c, sa.select(table.c.recording_id).where(where))
    return _one_of(few) if few is not None else sa.exists().where(table.c.recording_id == recordings.c.id, where)


def _in_order(collection_id: str) -> list[sa.ColumnElement[bool]]:
    """Joins a collection's items, so that recordings can be sorted by their place in it."""
    if not collection_id:
        raise UsageError("only the recordings of a collection have a position: name the collection, or sort by something else")
    return [collection_items.c.collection_id == collection_id, collection_items.c.recording_id == recordings.c.id]


def _narrowed(c: sa.Connection, trash: sa.ColumnElement[bool], where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A filter that few recordings pass becomes their ids: the planner does not know that they are few."""
    few = _few(c, sa.select(recordings.c.id).where(trash, where))
    return _one_of(few) if few is not None else where


def _one_of(ids: list[str]) -> sa.ColumnElement[bool]:
    """An empty list is said to be empty: SQLite would walk the whole table to find it out."""
    return recordings.c.id.in_(ids) if ids else sa.false()


def _ordered(where: Sequence[sa.ColumnElement[bool]], column: sa.Column[Any], descending: bool, limit: int) -> sa.Select[Any]:
    order = (column.desc(), recordings.c.id.desc()) if descending else (column.asc(), recordings.c.id.asc())
    wanted = (recordings,) if column.table is recordings else (recordings, column)
    return sa.select(*wanted).where(*where).order_by(*order).limit(limit)


def _beyond(column: sa.Column[Any], tie: sa.Column[Any], value: Any, last_id: str, descending: bool) -> sa.ColumnElement[bool]:
    text = isinstance(column.type, sa.String)
    if not isinstance(value, str if text else (int, float)) or isinstance(value, bool):
        raise UsageError("the cursor belongs to another list: leave it out to begin at the first page")
    at = sa.literal(value, sa.String() if text else sa.Double())
    place = sa.type_coerce(column, at.type)
    # the first part alone lets the database begin at the right place of its index
    if descending:
        return sa.and_(place <= at, sa.or_(place < at, tie < last_id))
    return sa.and_(place >= at, sa.or_(place > at, tie > last_id))
