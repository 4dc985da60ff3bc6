"""The library's database, the same on SQLite and PostgreSQL: what is asked comes back, compared with plain Python over a random library."""

from __future__ import annotations

import base64
import json
import random
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from servers import PostgresServer
from sqlalchemy import event

from sideman.core.music import Key
from sideman.errors import Conflict, NotFound, UsageError
from sideman.infra.database import (
    BATCH,
    AnalysisRecord,
    Database,
    JobFilter,
    Jobs,
    NewJob,
    People,
    RecordingQuery,
    RecordingRecord,
    Recordings,
    Results,
    Scope,
    Sort,
    StemRecord,
    TaskRecord,
    Transfers,
    migrate,
    new_id,
    now,
)
from sideman.infra.database import recordings as recordings_module
from sideman.infra.database.paging import cursor
from sideman.infra.database.tables import BlobKey, metadata

START = datetime(2025, 3, 1, 12, tzinfo=UTC)
BACKENDS = ("sqlite", "postgresql")


def opened(url: str) -> Database:
    database = Database.open(url)
    if database.is_sqlite:
        event.listen(database.engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=off"))
    return database


def url_of(backend: str, folder: Path, request: pytest.FixtureRequest) -> str:
    if backend == "sqlite":
        return f"sqlite:///{folder}/library.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture(params=BACKENDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = opened(url_of(request.param, tmp_path, request))
    yield database
    database.close()


@pytest.fixture(scope="module", params=BACKENDS)
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = opened(url_of(request.param, tmp_path_factory.mktemp("library"), request))
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def database(migrated: Database) -> Database:
    """With all tables, and nothing in them."""
    with migrated.write() as c:
        for table in reversed(metadata.sorted_tables):
            c.execute(sa.delete(table))
    return migrated


def user(database: Database, name: str) -> str:
    return People(database).add_user(name, "editor").id


_numbers = count(1)


def blob() -> str:
    return f"{next(_numbers):064x}"


def recording(owner_id: str, **values: Any) -> RecordingRecord:
    facts: dict[str, Any] = {
        "id": new_id(), "owner_id": owner_id, "content_key": blob(), "size_bytes": 1000, "file_name": "a.flac", "container": "flac",
        "codec": "flac", "sample_rate_hz": 44100, "channels": 2, "duration_s": 180.0, "title": "A", "artist": "", "album": "",
        "tempo_bpm": None, "key_index": None, "meter": None, "status": "uploaded", "decoded_key": None, "peaks_key": None,
        "artwork_key": None, "artwork_type": None, "added_at": START, "updated_at": START, "trashed_at": None,
    }  # fmt: skip
    return RecordingRecord(**(facts | values))


def at_once(work: Callable[[int], Any], how_many: int = 8) -> list[Any]:
    """Results of `work(k)`, begun by all threads at the same moment."""
    barrier = Barrier(how_many)

    def one(k: int) -> Any:
        barrier.wait()
        return work(k)

    with ThreadPoolExecutor(how_many) as threads:
        return list(threads.map(one, range(how_many)))


# migrations


def layout(database: Database) -> set[tuple[Any, ...]]:
    """Columns, constraints and indexes with everything that the two databases tell of them, but for alembic's own table."""
    with database.read() as c:
        if not database.is_sqlite:
            columns = c.exec_driver_sql(
                "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, collation_name, column_default "
                "FROM information_schema.columns WHERE table_schema = 'public'"
            )
            indexes = c.exec_driver_sql("SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
            keys = c.exec_driver_sql("SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('f','u','p')")  # fmt: skip
            found = {tuple(row) for rows in (columns, indexes, keys) for row in rows}
        else:
            tables = set(c.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
            indexes = c.exec_driver_sql("SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").all()
            found = {(t, n, " ".join(s.split())) for t, n, s in indexes}
            for table in tables:
                found |= {(table, *row[1:]) for row in c.exec_driver_sql(f"PRAGMA table_info({table})")}
                found |= {(table, "to", *row[2:]) for row in c.exec_driver_sql(f"PRAGMA foreign_key_list({table})")}
                for row in c.exec_driver_sql(f"PRAGMA index_list({table})").all():
                    names = tuple(r[2] for r in c.exec_driver_sql(f"PRAGMA index_info('{row[1]}')"))
                    found.add((table, "index", names, *row[2:]))
    return {row for row in found if row[0] != "alembic_version"}


def test_migrations_give_exactly_the_tables_of_the_code(empty: Database, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    migrate(empty)
    with empty.read() as c:
        assert compare_metadata(MigrationContext.configure(c, opts={"compare_type": True}), metadata) == []
    other = opened(url_of("sqlite" if empty.is_sqlite else "postgresql", tmp_path / "other", request))
    with other.write() as c:
        metadata.create_all(c)
    try:
        assert layout(empty) == layout(other)  # also what alembic does not compare: collations, parts of indexes
    finally:
        other.close()


def test_migrating_twice_changes_nothing_and_keeps_what_is_there(empty: Database) -> None:
    database = empty
    migrate(database)
    before, name = layout(database), user(database, "ann")
    migrate(database)
    assert layout(database) == before
    assert People(database).user(name).name == "ann"


EIGHT = """
import os, sys
from sideman.infra.database import Database, migrate
waiting, go = os.pipe()
children = []
for _ in range(8):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(waiting, 1)  # until the parent lets all go
        migrate(Database.open(sys.argv[1]))
        sys.exit()
    children.append(child)
os.close(go)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


def test_eight_processes_migrate_a_fresh_database_at_once(empty: Database) -> None:
    url = empty.engine.url.render_as_string(False).replace("+psycopg", "")
    done = subprocess.run([sys.executable, "-c", EIGHT, url], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with empty.read() as c:
        assert compare_metadata(MigrationContext.configure(c), metadata) == []


def test_a_library_of_a_newer_version_is_refused_in_one_sentence(empty: Database) -> None:
    database = empty
    migrate(database)
    with database.write() as c:
        c.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    before = layout(database)
    with pytest.raises(UsageError, match=r"^this library was made by a newer version of Sideman: .*$") as refused:
        migrate(database)
    assert "\n" not in str(refused.value) and layout(database) == before


# recordings: a random library and the same questions asked of plain Python

WORDS = [
    "Blue", "blues", "BLUEBIRD", "Água", "agua", "ÉTUDE", "Étoile", "Straße", "strasse", "naïve", "Ψυχή", "月の光", "𝐁𝐥𝐮𝐞", "Song™",
    "O'Clock", "rock-n-roll", "50%", "a_b", "Żółć", "İstanbul", "x",
]  # fmt: skip
TAGS = ["jazz", "rock", "late night", "80s"]


def plain(text: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")
    return "".join(c for c in unicodedata.normalize("NFKD", bare.casefold()) if unicodedata.category(c) != "Mn")


def words_of(r: RecordingRecord) -> list[str]:
    return re.findall(r"\w+", plain(" ".join((r.title, r.artist, r.album, r.file_name, *r.tags))))


def random_recordings(dice: random.Random, owners: list[str], how_many: int) -> list[RecordingRecord]:
    def phrase(most: int) -> str:
        return " ".join(dice.choice(WORDS) for _ in range(dice.randint(0, most)))

    made = []
    for k in range(how_many):
        added = START + timedelta(days=dice.randint(0, 40), microseconds=dice.choice([0, 1, 250_001]))
        made.append(recording(
            dice.choices(owners, [4, 2, 1])[0], title=phrase(3) or f"untitled {k % 9}", artist=phrase(1), album=phrase(2),
            file_name=f"{dice.choice(WORDS)}.flac", tempo_bpm=dice.choice([None, 90.0, 120.0, 120.0, 120.5, round(dice.uniform(60, 180), 3)]),
            key_index=dice.choice([None, *range(24)]), meter=dice.choice([None, "4/4", "4/4", "3/4", "6/8"]),
            status=dice.choice(["uploaded", "analyzed", "analyzed", "failed"]), duration_s=dice.choice([30.0, 200.0, 200.0, dice.uniform(1, 600)]),
            added_at=added, trashed_at=START if dice.random() < 0.15 else None, tags=tuple(sorted(dice.sample(TAGS, dice.randint(0, 2)))),
        ))  # fmt: skip
    return made


class Shelf:
    """300 recordings of three people, as the database has them and as a list."""

    def __init__(self, database: Database) -> None:
        self.recordings, self.jobs, self.people = Recordings(database), Jobs(database), People(database)
        self.ann, self.bob, self.cat = (user(database, name) for name in ("ann", "bob", "cat"))
        dice = random.Random(20)
        self.all = [self.recordings.add(r) for r in random_recordings(dice, [self.ann, self.bob, self.cat], 300)]
        anns = [r.id for r in self.all if r.owner_id == self.ann]
        self.collection = self.people.add_collection(self.ann, "set")
        self.members = dice.sample(anns, 30)
        self.people.set_collection(self.collection.id, None, tuple(self.members))
        self.people.share(self.bob, "read", collection_id=self.collection.id)
        self.shared_alone = set(dice.sample(anns, 8))
        for recording_id in self.shared_alone:
            self.people.share(self.bob, "write", recording_id=recording_id)

    def scopes(self) -> dict[str, Scope]:
        return {"ann": Scope(self.ann), "bob": Scope(self.bob), "cat": Scope(self.cat), "everything": Scope(self.cat, True)}

    def expected(self, query: RecordingQuery, scope: Scope) -> list[RecordingRecord]:
        found = [r for r in self.all if self._visible(r, scope) and self._passes(r, query)]
        value = {
            Sort.ADDED: lambda r: r.added_at, Sort.TITLE: lambda r: plain(r.title), Sort.ARTIST: lambda r: plain(r.artist),
            Sort.ALBUM: lambda r: plain(r.album), Sort.TEMPO: lambda r: r.tempo_bpm, Sort.KEY: lambda r: r.key_index,
            Sort.DURATION: lambda r: r.duration_s, Sort.POSITION: lambda r: self.members.index(r.id),
        }[query.sort]  # fmt: skip
        known = sorted((r for r in found if value(r) is not None), key=lambda r: (value(r), r.id), reverse=query.descending)
        return known + sorted((r for r in found if value(r) is None), key=lambda r: r.id)

    def _visible(self, r: RecordingRecord, scope: Scope) -> bool:
        shared = scope.user_id == self.bob and (r.id in self.members or r.id in self.shared_alone)
        return scope.everything or r.owner_id == scope.user_id or shared

    def _passes(self, r: RecordingRecord, q: RecordingQuery) -> bool:
        def within(value: Any, least: Any, most: Any) -> bool:
            if least is None and most is None:
                return True
            return value is not None and (least is None or value >= least) and (most is None or value <= most)

        there = words_of(r)
        return (
            (r.trashed_at is not None) == q.trashed
            and all(any(w.startswith(b) for w in there) for b in re.findall(r"\w+", plain(q.text)))
            and all(plain(v).startswith(plain(b)) for v, b in ((r.title, q.title), (r.artist, q.artist), (r.album, q.album)))
            and (not q.tag or q.tag in r.tags)
            and (not q.status or r.status == q.status)
            and (not q.meter or r.meter == q.meter)
            and within(r.tempo_bpm, q.tempo_from_bpm, q.tempo_to_bpm)
            and within(r.duration_s, q.duration_from_s, q.duration_to_s)
            and within(r.added_at, q.added_from, q.added_to)
            and (not q.keys or r.key_index in {k.index for k in q.keys})
            and (not q.collection_id or r.id in self.members)
        )

    def found(self, query: RecordingQuery, scope: Scope, limit: int) -> list[RecordingRecord]:
        """All pages, one after another."""
        items, after = [], None
        while True:
            page = self.recordings.page(query, scope, limit, after)
            assert len(page.items) == limit or page.next_cursor is None
            items += page.items
            after = page.next_cursor
            if after is None:
                return items


@pytest.fixture(scope="module", params=BACKENDS)
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    database = opened(url_of(request.param, tmp_path_factory.mktemp("shelf"), request))
    migrate(database)
    yield Shelf(database)
    database.close()


@pytest.fixture(params=["rare", "common"])
def rarity(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What more than RARE_ROWS rows have is looked for in another way, and found all the same."""
    if request.param == "common":
        monkeypatch.setattr(recordings_module, "RARE_ROWS", 3)


FILTERS: dict[str, dict[str, Any]] = {
    "word": {"text": "blue"}, "another case and accents": {"text": "agua"}, "accents in the question": {"text": "éToIl"},
    "sharp s": {"text": "STRASSE"}, "greek": {"text": "ψυχη"}, "japanese": {"text": "月"}, "fancy letters": {"text": "𝓑𝓵𝓾"},
    "compatibility signs": {"text": "songtm"}, "dotted I": {"text": "istan"}, "two words": {"text": "blue strass"},
    "three words": {"text": "b a x"}, "a tag as a word": {"text": "night"}, "title": {"title": "BLUE"},
    "title with accents": {"title": "étU"}, "artist": {"artist": "agua"}, "album": {"album": "straß"}, "percent": {"title": "50%"},
    "underscore": {"artist": "a_"}, "tag": {"tag": "late night"}, "status": {"status": "failed"}, "meter": {"meter": "6/8"},
    "tempo from": {"tempo_from_bpm": 120.0}, "tempo to": {"tempo_to_bpm": 120.0}, "tempo": {"tempo_from_bpm": 119.0, "tempo_to_bpm": 121.0},
    "duration from": {"duration_from_s": 200.0}, "duration to": {"duration_to_s": 199.9},
    "duration": {"duration_from_s": 30.0, "duration_to_s": 200.0}, "added from": {"added_from": START + timedelta(days=20)},
    "added to": {"added_to": START + timedelta(days=20)},
    "added": {"added_from": START + timedelta(days=3), "added_to": START + timedelta(days=4, microseconds=1)},
    "key": {"keys": (Key.parse("A minor"),)}, "compatible keys": {"keys": Key.parse("8A").compatible}, "trashed": {"trashed": True},
}  # fmt: skip


@pytest.mark.parametrize("text", ["%% ?", "!", "…", "  -  "])
def test_signs_alone_are_in_no_title(shelf: Shelf, rarity: None, text: str) -> None:
    assert shelf.found(RecordingQuery(text=text), Scope("", True), 200) == []
    assert shelf.found(RecordingQuery(text="  "), Scope("", True), 200) == shelf.expected(RecordingQuery(), Scope("", True))


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_alone_finds_what_it_says(shelf: Shelf, rarity: None, name: str) -> None:
    query, scope = RecordingQuery(**FILTERS[name]), Scope("", True)
    expected = [r.id for r in shelf.expected(query, scope)]
    there = [r for r in shelf.all if r.trashed_at is None]
    assert [r.id for r in shelf.found(query, scope, 200)] == expected
    assert expected and len(expected) < len(there)


def test_the_collection_filter_finds_its_members(shelf: Shelf, rarity: None) -> None:
    query = RecordingQuery(collection_id=shelf.collection.id)
    for scope in shelf.scopes().values():
        assert shelf.found(query, scope, 200) == shelf.expected(query, scope)
    assert shelf.found(query, Scope(shelf.bob), 200) and not shelf.found(query, Scope(shelf.cat), 200)
    assert shelf.found(RecordingQuery(collection_id=new_id()), Scope("", True), 200) == []


def test_fancy_letters_and_signs_count_as_the_letters_that_they_show(shelf: Shelf) -> None:
    """Titles from the web are full of them; said here without the oracle, which folds the same way."""
    for text, title in (("blue", "𝐁𝐥𝐮𝐞"), ("songtm", "Song™"), ("zolc", "Żółć".replace("ł", "l"))):
        added = shelf.recordings.add(recording(shelf.ann, title=title))
        try:
            assert added.id in {r.id for r in shelf.found(RecordingQuery(text=text), Scope("", True), 200)}
            assert added.id in {r.id for r in shelf.found(RecordingQuery(title=text[:3]), Scope("", True), 200)}
        finally:
            shelf.recordings.update(added.id, trashed_at=now())
            assert shelf.recordings.delete_trashed(added.id, now() + timedelta(seconds=1))


def random_query(dice: random.Random, shelf: Shelf) -> RecordingQuery:
    chosen = dice.sample(sorted(FILTERS), dice.choice([0, 1, 1, 2, 2, 3]))
    values = {k: v for name in chosen for k, v in FILTERS[name].items()}
    if dice.random() < 0.15:
        values["collection_id"] = shelf.collection.id
    return asked(shelf, dice.choice(list(Sort)), dice.random() < 0.5, **values)


def asked(shelf: Shelf, sort: Sort, descending: bool = True, **values: Any) -> RecordingQuery:
    """Only what is in a collection has a position."""
    inside = {"collection_id": shelf.collection.id} if sort is Sort.POSITION else {}
    return RecordingQuery(**values | inside, sort=sort, descending=descending)


@pytest.mark.parametrize("seed", range(3))
def test_random_questions_have_the_answers_of_plain_python(shelf: Shelf, rarity: None, seed: int) -> None:
    dice, several = random.Random(seed), 0
    for _ in range(20):
        query, (name, scope) = random_query(dice, shelf), dice.choice(sorted(shelf.scopes().items()))
        limit = dice.choice([1, 2, 3, 7, 20, 50])
        limit = max(limit, len(shelf.expected(query, scope)) // 6)
        found = [r.id for r in shelf.found(query, scope, limit)]
        assert found == [r.id for r in shelf.expected(query, scope)], (query, name, limit)
        assert set(shelf.recordings.ids(query, scope, 1000)) == set(found), (query, name)
        several += len(found) > 1
    assert several > 5


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", list(Sort))
def test_paging_walks_every_row_once_in_order(shelf: Shelf, sort: Sort, descending: bool) -> None:
    query = asked(shelf, sort, descending)
    for scope in shelf.scopes().values():
        expected = shelf.expected(query, scope)
        for limit in (4,) if len(expected) < 60 else (29, len(expected) - 1, len(expected)):
            assert [r.id for r in shelf.found(query, scope, limit)] == [r.id for r in expected]
    first = shelf.recordings.ids(query, Scope("", True), 20)
    column = {Sort.TEMPO: "tempo_bpm", Sort.KEY: "key_index"}.get(sort)
    assert column is None or all(getattr(r, column) is not None for r in shelf.recordings.many(first)), "unknown values come last"


def test_what_comes_back_is_what_went_in(shelf: Shelf) -> None:
    sent = random_recordings(random.Random(20), [shelf.ann, shelf.bob, shelf.cat], 300)
    for was, there in zip(sent, shelf.all, strict=True):
        assert replace(was, id=there.id, content_key=there.content_key) == there
    ids = [r.id for r in shelf.all[:50]]
    assert sorted(shelf.recordings.many(ids), key=lambda r: r.id) == sorted(shelf.all[:50], key=lambda r: r.id)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


GARBAGE = [
    "x", "!!!!", "AAAA", "🎵", encoded({"a": 1}), encoded([]), encoded([1]), encoded([None, None]), encoded([1, 2]), encoded([[1], "a"]),
    encoded([float("nan"), "a"]), encoded([float("inf"), "a"]), encoded([True, "a"]), encoded(["\0", "a"]), encoded(["\ud800", "a"]),
    encoded([10**400, "a"]), encoded(["a", "b", "c", "d"]), "[" * 900, base64.urlsafe_b64encode(b"[" * 30_000).decode(),
]  # fmt: skip


@pytest.mark.parametrize("sort", list(Sort))
def test_garbage_is_no_cursor(shelf: Shelf, sort: Sort) -> None:
    own = f"{sort} down"
    for text in (*GARBAGE, encoded([own, [1], "a"]), encoded([own, True, "a"]), encoded([own, {}, "a"]), encoded([own, 1, 2])):
        with pytest.raises(UsageError, match="cursor"):
            shelf.recordings.page(asked(shelf, sort), Scope("", True), 5, text)


def test_a_position_needs_a_collection(shelf: Shelf) -> None:
    with pytest.raises(UsageError, match="name the collection"):
        shelf.recordings.page(RecordingQuery(sort=Sort.POSITION), Scope("", True), 5)


def test_collections_are_listed_with_their_order(shelf: Shelf) -> None:
    people = shelf.people
    for who in (shelf.ann, shelf.bob, None):
        assert [(c.name, list(c.recording_ids)) for c in people.collections(who) if c.id == shelf.collection.id] == [("set", shelf.members)]
    assert people.collections(shelf.cat) == ()
    assert [(s.user_name, s.access) for s in people.shares_of(collection_id=shelf.collection.id)] == [("bob", "read")]


def test_a_cursor_of_another_list_is_refused(shelf: Shelf) -> None:
    """In the wrong list it would silently leave rows out."""
    everything = Scope("", True)
    lists = [asked(shelf, sort, down) for sort in Sort for down in (True, False)]
    for own in lists:
        for limit in (2, len(shelf.expected(own, everything)) - 2):  # the second one ends among the unknown values, where there are some
            after = shelf.recordings.page(own, everything, limit).next_cursor
            assert after and shelf.recordings.page(own, everything, 1, after).items
            for other in lists:
                if other != own:
                    with pytest.raises(UsageError, match="cursor"):
                        shelf.recordings.page(other, everything, 5, after)
            with pytest.raises(UsageError, match="cursor"):
                shelf.jobs.page(JobFilter(), 5, after)
    for query in lists:
        with pytest.raises(UsageError, match="cursor"):
            shelf.recordings.page(query, everything, 5, cursor(now(), new_id()))


# scope and adding


def test_a_scope_shows_own_and_shared_and_nothing_else(database: Database) -> None:
    ann, bob, cat = (user(database, n) for n in ("ann", "bob", "cat"))
    shelf, people = Recordings(database), People(database)
    alone, inside, private = (shelf.add(recording(ann)) for _ in range(3))
    bobs = shelf.add(recording(bob))

    def seen(who: str, everything: bool = False) -> set[str]:
        return {r.id for r in shelf.page(RecordingQuery(), Scope(who, everything), 50).items}

    assert seen(bob) == {bobs.id} and seen(cat) == set()
    share = people.share(bob, "read", recording_id=alone.id)
    assert seen(bob) == {bobs.id, alone.id}
    collection = people.add_collection(ann, "set")
    people.set_collection(collection.id, None, (inside.id, alone.id))
    people.share(bob, "write", collection_id=collection.id)
    assert seen(bob) == {bobs.id, alone.id, inside.id} and seen(cat) == set()
    assert seen(ann) == {alone.id, inside.id, private.id}
    assert seen(cat, everything=True) == {alone.id, inside.id, private.id, bobs.id}
    assert people.access_to(bob, inside.id) == "write" and people.access_to(bob, private.id) is None
    people.unshare(share.id)
    people.set_collection(collection.id, None, (alone.id,))
    assert seen(bob) == {bobs.id, alone.id}
    people.delete_collection(collection.id)
    assert seen(bob) == {bobs.id}


def test_what_a_writer_brings_into_a_collection_is_seen_by_its_owner_until_the_share_ends(database: Database) -> None:
    people, recordings = People(database), Recordings(database)
    ann, bob, cat = (user(database, name) for name in ("ann", "bob", "cat"))
    own, brought = recordings.add(recording(ann)), recordings.add(recording(bob))
    collection = people.add_collection(ann, "set")
    people.share(cat, "write", collection_id=collection.id)
    for end in ("unshared", "to read only"):
        share = people.share(bob, "write", collection_id=collection.id)
        people.set_collection(collection.id, None, (own.id, brought.id))
        for who, access in ((ann, "read"), (cat, "write")):
            page = recordings.page(RecordingQuery(collection_id=collection.id, sort=Sort.POSITION, descending=False), Scope(who), 9)
            assert [r.id for r in page.items] == [own.id, brought.id] and people.access_to(who, brought.id) == access
        if end == "unshared":
            people.unshare(share.id)
        else:
            people.share(bob, "read", collection_id=collection.id)
        assert people.collection(collection.id).recording_ids == (own.id,)
        assert people.access_to(ann, brought.id) is None and people.access_to(cat, brought.id) is None


@pytest.mark.parametrize("whole", ["recording", "collection"])
def test_equal_shares_at_once_are_one(database: Database, whole: str) -> None:
    ann, bob, people = user(database, "ann"), user(database, "bob"), People(database)
    what = {f"{whole}_id": (Recordings(database).add(recording(ann)) if whole == "recording" else people.add_collection(ann, "set")).id}
    at_once(lambda k: People(database).share(bob, ("read", "write")[k % 2], **what))
    assert len(people.shares_of(**what)) == 1


def test_the_same_bytes_twice_are_one_recording_and_out_of_the_trash(database: Database) -> None:
    ann, bob = user(database, "ann"), user(database, "bob")
    shelf = Recordings(database)
    first = shelf.add(recording(ann, title="First", tags=("jazz",)))
    again = shelf.add(recording(ann, title="Again", content_key=first.content_key))
    assert again == first
    shelf.update(first.id, trashed_at=now())
    assert shelf.add(recording(ann, content_key=first.content_key)).trashed_at is None
    assert shelf.get(first.id).trashed_at is None
    other = shelf.add(recording(bob, content_key=first.content_key))
    assert other.id != first.id and other.owner_id == bob
    assert len(shelf.page(RecordingQuery(), Scope("", True), 10).items) == 2
    assert shelf.usage(ann) == (1000, 180.0)


def test_the_same_bytes_from_many_at_once_are_one_recording(database: Database) -> None:
    ann, key = user(database, "ann"), blob()
    ids = at_once(lambda _: Recordings(database).add(recording(ann, content_key=key)).id)
    assert len(set(ids)) == 1


def test_an_edited_recording_is_found_by_its_new_words_only(database: Database) -> None:
    ann = user(database, "ann")
    shelf = Recordings(database)
    made = shelf.add(recording(ann, title="Old Name", file_name="file.wav", tags=("jazz",)))

    def found(**query: Any) -> bool:
        return [r.id for r in shelf.page(RecordingQuery(**query), Scope(ann), 5).items] == [made.id]

    assert found(text="old jazz file") and found(tag="jazz") and found(title="old n")
    shelf.update(made.id, ("ballad",), title="Néw")
    assert found(text="new ballad file") and found(tag="ballad") and found(title="NEW")
    assert not found(text="old") and not found(text="jazz") and not found(tag="jazz") and not found(title="old")
    shelf.update(made.id, tempo_bpm=100.0)
    assert found(text="new ballad", tempo_from_bpm=99.0)
    shelf.update(made.id, trashed_at=now())
    assert shelf.delete_trashed(made.id, now() + timedelta(seconds=1))
    with pytest.raises(NotFound):
        shelf.get(made.id)


# jobs


def new_job(owner_id: str, request: str, **more: Any) -> NewJob:
    return NewJob(owner_id, "analysis", {"what": request}, f"{request:0>64}", **({"asked": {"what": request}} | more))


def task(job_id: str, name: str, weight: float = 1.0) -> TaskRecord:
    return TaskRecord(job_id, name, f"do {name}", {"target": name}, weight, 0.0, 0, None, None, None, None)


def test_equal_requests_are_one_job_while_it_is_unfinished(database: Database) -> None:
    ann, jobs = user(database, "ann"), Jobs(database)
    first, second, other = jobs.submit_many([new_job(ann, "a"), new_job(ann, "a"), new_job(ann, "b")])
    assert (first.created, second.created, other.created) == (True, False, True)
    assert first.job == second.job and first.job.id != other.job.id
    jobs.begin(first.job.id, [])
    assert jobs.submit(new_job(ann, "a")).job.id == first.job.id
    jobs.finish(first.job.id, "completed")
    again = jobs.submit(new_job(ann, "a"))
    assert again.created and again.job.id != first.job.id
    done = jobs.completed(first.job.request_hash)
    assert done and done.id == first.job.id and jobs.completed(other.job.request_hash) is None


def test_equal_requests_of_many_at_once_are_one_job(database: Database) -> None:
    ann = user(database, "ann")
    made = at_once(lambda k: Jobs(database).submit_many([new_job(ann, f"only {k}"), new_job(ann, "same")]))
    assert len({m[1].job.id for m in made}) == 1 and sum(m[1].created for m in made) == 1
    turns = [j.turn for j in Jobs(database).page(JobFilter(), 50).items]
    assert len(turns) == 9 == len(set(turns)), "one user's jobs come one after another"


def test_an_idempotency_key_is_one_request_of_one_user(database: Database) -> None:
    ann, bob, jobs = user(database, "ann"), user(database, "bob"), Jobs(database)
    first = jobs.submit(new_job(ann, "a", idempotency_key="k"))
    jobs.finish(first.job.id, "completed")
    again = jobs.submit(new_job(ann, "a", idempotency_key="k"))
    assert not again.created and again.job.id == first.job.id and again.job.state == "completed"
    with pytest.raises(Conflict, match="'k' was used for another request"):
        jobs.submit(new_job(ann, "b", idempotency_key="k"))
    assert jobs.submit(new_job(bob, "b", idempotency_key="k")).created
    assert jobs.submit(new_job(ann, "c", idempotency_key="l")).created


def test_an_idempotency_key_stands_for_what_was_asked_whatever_was_drawn_for_it(database: Database) -> None:
    """A generation without a seed gets one when it is asked for: asked again with the same key it is the first."""
    ann, jobs, asked = user(database, "ann"), Jobs(database), {"style": "rock", "seed": None}
    first = jobs.submit(new_job(ann, "seed 1", idempotency_key="k", asked=asked))
    again = jobs.submit(new_job(ann, "seed 2", idempotency_key="k", asked=asked))
    assert not again.created and again.job.id == first.job.id and again.job.request == {"what": "seed 1"}
    with pytest.raises(Conflict):
        jobs.submit(new_job(ann, "seed 3", idempotency_key="k", asked=asked | {"seed": 3}))
    with pytest.raises(Conflict):
        jobs.submit(new_job(ann, "seed 1", idempotency_key="k", asked=asked, recording_id=Recordings(database).add(recording(ann)).id))


def test_a_used_idempotency_key_is_refused_also_while_an_equal_job_waits(database: Database) -> None:
    ann, jobs = user(database, "ann"), Jobs(database)
    jobs.submit(new_job(ann, "a"))
    jobs.submit(new_job(ann, "b", idempotency_key="k"))
    with pytest.raises(Conflict):
        jobs.submit(new_job(ann, "a", idempotency_key="k"))


def in_order(jobs: Jobs, ids: list[str]) -> list[str]:
    return [j.id for j in sorted(jobs.many(ids), key=lambda j: (j.turn, j.created_at))]


def test_two_users_alternate_however_many_jobs_one_has(database: Database) -> None:
    ann, bob, jobs = user(database, "ann"), user(database, "bob"), Jobs(database)
    anns = [jobs.submit(new_job(ann, f"a{k}")).job for k in range(6)]
    bobs = [jobs.submit(new_job(bob, f"b{k}")).job for k in range(3)]
    wanted = [anns[0], bobs[0], anns[1], bobs[1], anns[2], bobs[2], anns[3], anns[4], anns[5]]
    assert in_order(jobs, [j.id for j in anns + bobs])[0] == anns[0].id
    owners = [next(j.owner_id for j in anns + bobs if j.id == i) for i in in_order(jobs, [j.id for j in anns + bobs])]
    gaps = [owners[:k].count(ann) - owners[:k].count(bob) for k in range(1, 7)]
    assert all(-1 <= g <= 2 for g in gaps) and owners.count(bob) == 3 and ann in owners[-3:]
    for job in wanted:
        assert jobs.position(job) == in_order(jobs, [j.id for j in wanted]).index(job.id)
    for job in anns[:4]:
        jobs.finish(job.id, "completed")
    late = jobs.submit(new_job(bob, "late")).job
    assert late.turn > bobs[-1].turn, "never before one's own earlier job"


def test_batch_jobs_wait_behind_all_interactive_ones(database: Database) -> None:
    ann, bob, jobs = user(database, "ann"), user(database, "bob"), Jobs(database)
    batch = [jobs.submit(new_job(ann, f"batch {k}", urgency=BATCH)).job for k in range(3)]
    now_one = jobs.submit(new_job(bob, "now")).job
    assert jobs.position(now_one) == 0
    assert [jobs.position(b) for b in batch] == [1, 2, 3]
    jobs.begin(now_one.id, [])
    assert jobs.position(jobs.get(now_one.id)) is None and jobs.position(batch[0]) == 0


def test_a_job_from_its_begin_to_its_end(database: Database) -> None:
    ann, jobs = user(database, "ann"), Jobs(database)
    job_id = jobs.submit(new_job(ann, "a")).job.id
    assert jobs.get(job_id).state == "queued" and jobs.states([job_id, new_id()]) == {job_id: "queued"}
    begun = jobs.begin(job_id, [task(job_id, "one", 1), task(job_id, "two", 3)])
    assert begun and begun.state == "running" and begun.started_at and {t.name for t in begun.tasks} == {"one", "two"}
    again = jobs.begin(job_id, [task(job_id, "one", 9), task(job_id, "two", 9)])
    assert again and again.started_at == begun.started_at and sorted(t.weight for t in again.tasks) == [1, 3]
    assert jobs.begin_task(job_id, "one", "worker") == 1 and jobs.get(job_id).step == "do one"
    assert jobs.report(job_id, "one", 0.5, "half of it")
    half = jobs.get(job_id)
    assert half.share == pytest.approx(0.125) and half.step == "half of it"
    jobs.finish_task(job_id, "one", {"made": 1})
    assert jobs.get(job_id).share == pytest.approx(0.25)
    assert jobs.begin_task(job_id, "two", "worker") == 1
    jobs.finish_task(job_id, "two", {"made": 2})
    assert jobs.get(job_id).share == pytest.approx(0.999) and jobs.get(job_id).state == "running"
    ended = jobs.finish(job_id, "completed")
    assert ended and (ended.state, ended.share, ended.step) == ("completed", 1.0, "done") and ended.finished_at
    assert {t.name: t.result for t in ended.tasks} == {"one": {"made": 1}, "two": {"made": 2}}
    assert jobs.finish(job_id, "failed", "too late") is None and jobs.get(job_id).error is None
    assert jobs.begin(job_id, []) is None and jobs.begin_task(job_id, "one", "worker") is None
    assert jobs.report(job_id, "two", 0.1) is False and jobs.get(job_id).share == 1.0


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_of_many_ends_at_once_one_counts(database: Database, state: str) -> None:
    ann, jobs = user(database, "ann"), Jobs(database)
    job_id = jobs.submit(new_job(ann, "a")).job.id
    ends = at_once(lambda k: jobs.finish(job_id, state, f"reason {k}" * 200))
    (only,) = [e for e in ends if e is not None]
    assert only == jobs.get(job_id) and only.state == state and only.error and len(only.error) == 1000


def test_a_forgiven_run_does_not_count(database: Database) -> None:
    ann, jobs = user(database, "ann"), Jobs(database)
    job_id = jobs.submit(new_job(ann, "a")).job.id
    jobs.begin(job_id, [task(job_id, "one")])
    assert [jobs.begin_task(job_id, "one", "w") for _ in range(3)] == [1, 2, 3]
    jobs.forgive_run(job_id, "one")
    assert jobs.begin_task(job_id, "one", "w") == 3
    for _ in range(5):
        jobs.forgive_run(job_id, "one")
    assert jobs.begin_task(job_id, "one", "w") == 1, "never below none"
    jobs.finish_task(job_id, "one", {})
    jobs.forgive_run(job_id, "one")
    assert jobs.get(job_id).tasks[0].runs == 1, "a finished run stays"
    assert jobs.begin_task(job_id, "no such task", "w") is None


def test_jobs_on_their_way_into_the_queue(database: Database) -> None:
    ann, jobs = user(database, "ann"), Jobs(database)
    lost, put = (jobs.submit(new_job(ann, x)).job for x in "ab")
    jobs.dispatched([put.id])
    later = now() + timedelta(seconds=1)
    assert [j.id for j in jobs.undispatched(later)] == [lost.id]
    assert jobs.undispatched(lost.created_at) == ()
    assert [j.id for j in jobs.unfinished(later)] == [put.id]
    jobs.finish(put.id, "failed", "no")
    assert jobs.unfinished(later) == () and jobs.finished_before(later) == (put.id,)
    jobs.delete([lost.id, put.id])
    assert jobs.states([lost.id, put.id]) == {lost.id: "queued"}, "an unfinished job is not deleted"


def test_pages_and_filters_of_jobs(database: Database) -> None:
    ann, bob, jobs = user(database, "ann"), user(database, "bob"), Jobs(database)
    made = [jobs.submit(new_job((ann, bob)[k % 2], f"{k}", recording_id=f"r{k % 3}")).job for k in range(13)]
    for job in made[::4]:
        jobs.finish(job.id, "failed", "no")
    newest_first = sorted(made, key=lambda j: (j.created_at, j.id), reverse=True)
    for wanted, passes in (
        (JobFilter(), lambda j: True), (JobFilter(ann), lambda j: j.owner_id == ann), (JobFilter(states=("failed",)), lambda j: j in made[::4]),
        (JobFilter(bob, ("queued", "running"), ("analysis",), "r1"), lambda j: j.owner_id == bob and j.recording_id == "r1" and j not in made[::4]),
        (JobFilter(kinds=("mix",)), lambda j: False),
    ):  # fmt: skip
        expected, found, after = [j.id for j in newest_first if passes(j)], [], None
        while True:
            page = jobs.page(wanted, 3, after)
            found += [j.id for j in page.items]
            after = page.next_cursor
            if after is None:
                break
        assert found == expected == [j.id for j in jobs.offset_page(wanted, 0, 100)]
    assert {(c.kind, c.state): c.jobs for c in jobs.counts(JobFilter())} == {("analysis", "failed"): 4, ("analysis", "queued"): 9}


# results


def analysis(recording_id: str, job_id: str | None) -> AnalysisRecord:
    return AnalysisRecord(new_id(), recording_id, 0, "sideman", {}, blob(), job_id, now())


def stem(recording_id: str, origin: str = "separated", **values: Any) -> StemRecord:
    made = StemRecord(
        new_id(),
        recording_id,
        None,
        origin,
        "bass",
        "bass",
        blob(),
        "flac",
        10,
        1.0,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        {},
        None,
        now(),
    )
    return replace(made, **values)


def test_analyses_count_up_and_there_is_one_a_job(database: Database) -> None:
    results, shelf, ann = Results(database), Recordings(database), user(database, "ann")
    one, other = (shelf.add(recording(ann)).id for _ in range(2))
    assert results.analysis(one) is None
    first = results.add_analysis(analysis(one, "job 1"))
    assert first.version == 1 and results.add_analysis(analysis(one, "job 1")) == first
    second = results.add_analysis(analysis(one, "job 2"))
    assert (second.version, results.add_analysis(analysis(one, None)).version) == (2, 3)
    assert results.add_analysis(analysis(other, None)).version == 1
    assert [a.version for a in results.analyses(one)] == [3, 2, 1]
    latest = results.analysis(one)
    assert latest and latest.version == 3 and results.analysis(one, 2) == second and results.analysis(one, 9) is None


def test_analyses_and_corrections_of_many_at_once_are_numbered_without_gaps(database: Database) -> None:
    results, ann = Results(database), user(database, "ann")
    one = Recordings(database).add(recording(ann)).id
    made = at_once(lambda k: results.add_analysis(analysis(one, f"job {k}")).version)
    assert sorted(made) == list(range(1, 9))
    same = at_once(lambda _: results.add_analysis(analysis(one, "job")).id)
    assert len(set(same)) == 1 and len(results.analyses(one)) == 9
    corrections = at_once(lambda _: results.add_correction(one, "set-key", {"key": "C"}, ann).sequence)
    assert sorted(corrections) == list(range(1, 9))
    results.revert_correction(one, results.corrections(one)[0].id)
    assert [c.sequence for c in results.corrections(one)] == list(range(2, 9)) and len(results.corrections(one, reverted=True)) == 8


def test_stems_put_twice_are_there_once_and_new_ones_replace_an_origin(database: Database) -> None:
    results, ann = Results(database), user(database, "ann")
    one, other = (Recordings(database).add(recording(ann)).id for _ in range(2))
    elsewhere, imported = stem(other), stem(one, "imported")
    results.put_stems([elsewhere])
    results.put_stems([imported])
    first = [stem(one, name=n) for n in ("bass", "drums")]
    at_once(lambda _: results.put_stems(first, replace_origin="separated"), 4)
    assert {s.id for s in results.stems_of(one)} == {imported.id, *(s.id for s in first)}
    second = [stem(one, name="drums")]
    results.put_stems([*second, first[0]], replace_origin="separated")
    assert {s.id for s in results.stems_of(one)} == {imported.id, second[0].id, first[0].id}
    assert results.stem(first[0].id) == first[0] and [s.id for s in results.stems_of(other)] == [elsewhere.id]
    with pytest.raises(NotFound):
        results.stem(first[1].id)


# deliveries


def test_a_delivery_is_made_once_a_job_and_event_and_taken_by_one(database: Database) -> None:
    ann, bob, transfers = user(database, "ann"), user(database, "bob"), Transfers(database)
    hooks = [transfers.add_webhook(ann, f"https://example.org/{k}", "secret").id for k in range(2)]
    transfers.add_webhook(bob, "https://example.org/bob", "secret")
    at_once(lambda _: transfers.add_deliveries(ann, "job", "job.completed"))
    assert [len(transfers.deliveries(h)) for h in hooks] == [1, 1]
    transfers.add_deliveries(ann, "job", "job.failed")
    transfers.add_deliveries(ann, "other", "job.completed")
    lease = now() + timedelta(hours=1)
    taken = [d.id for part in at_once(lambda _: transfers.due_deliveries(2, lease)) for d in part]
    assert len(taken) == len(set(taken)) == 6, "each by one, and none is left out"
    assert transfers.due_deliveries(20, lease) == ()
    assert all(d.attempts == 1 and d.next_at == lease for h in hooks for d in transfers.deliveries(h))
    transfers.settle_delivery(taken[0], None, now())
    transfers.settle_delivery(taken[1], "no answer", now() - timedelta(seconds=1))
    (again,) = transfers.due_deliveries(20, lease)
    assert again.id == taken[1] and again.error == "no answer"


# blobs


def some_row(table: sa.Table, parents: dict[sa.Column[Any], Any]) -> dict[str, Any]:
    """A value for every column: those of other rows where it points to them, a blob key where it holds one."""
    values: dict[str, Any] = {}
    for column in table.c:
        if column.foreign_keys:
            values[column.name] = parents[next(iter(column.foreign_keys)).column]
        elif column.type is BlobKey:
            values[column.name] = blob()
        elif isinstance(column.type, sa.JSON):
            values[column.name] = {}
        elif isinstance(column.type, sa.String):
            values[column.name] = f"x{next(_numbers)}"[: column.type.length]
        else:
            values[column.name] = now() if column.type.python_type is datetime or "_at" in column.name else 1
    return values


def test_every_column_that_names_a_blob_keeps_it_from_being_removed(database: Database) -> None:
    parents: dict[sa.Column[Any], Any] = {}
    wanted: dict[str, str] = {}
    with database.write() as c:
        for table in metadata.sorted_tables:
            row = some_row(table, parents)
            c.execute(sa.insert(table).values(**row))
            parents |= {table.c[name]: value for name, value in row.items()}
            wanted |= {f"{table.name}.{k.name}": row[k.name] for k in table.c if k.type is BlobKey}
    used = Transfers(database).used_blobs()
    assert {name for name, key in wanted.items() if key not in used} == set(), "a sweep would remove these"
    assert used == set(wanted.values()) and len(wanted) >= 9


def test_columns_that_end_in_key_are_blobs_or_known_not_to_be() -> None:
    others = {"jobs.idempotency_key"}
    names = {f"{t.name}.{c.name}": c.type is BlobKey for t in metadata.sorted_tables for c in t.c if c.name.endswith("_key")}
    assert {name for name, is_blob in names.items() if not is_blob} == others


def test_what_unfinished_jobs_have_made_and_work_on_is_in_use_until_they_complete(database: Database) -> None:
    ann, jobs, transfers = user(database, "ann"), Jobs(database), Transfers(database)
    key, deep = blob(), blob()
    ids = {state: jobs.submit(new_job(ann, state)).job.id for state in ("running", "failed", "cancelled", "completed")}
    keys, works_on = {}, {}
    for state, job_id in ids.items():
        keys[state] = {blob(), blob()}
        key, deep = sorted(keys[state])
        works_on[state] = blob()
        jobs.begin(job_id, [replace(task(job_id, "one"), work={"arguments": {"content_key": works_on[state]}})])
        jobs.finish_task(job_id, "one", {"key": key, "stems": [{"blob_key": deep, "name": "bass"}], "size": 5, "none": None})
        if state != "running":
            jobs.finish(job_id, state)
    kept = ("running", "failed", "cancelled")
    assert transfers.used_blobs() == set().union(*(keys[s] | {works_on[s]} for s in kept))
    assert asdict(jobs.get(ids["failed"]).tasks[0])["result"]["size"] == 5
