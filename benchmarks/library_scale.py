"""A library of 100,000 recordings: first page, search and filtered pages, on SQLite and on PostgreSQL.

    python -m benchmarks.library_scale [RECORDINGS]

Measures the library's own questions, from call to records, warm. p95 of each kind must stay below 50 ms.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.results_file import markdown_table, write_result
from sideman.core.music import Key
from sideman.infra.database import Database, People, RecordingQuery, RecordingRecord, Recordings, Scope, Sort, migrate, new_id, now
from sideman.infra.database.recordings import folded, words
from sideman.infra.database.tables import recording_tags, recording_words, recordings

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from servers import PostgresServer  # noqa: E402

SYLLABLES = "ba be bi bo bu da de di do du fa fe fi ka ke ki ko la le li lo ma me mi mo na ne ni no ra re ri ro sa se si so ta te ti to va ve vi".split()  # noqa: SIM905
TAGS = "jazz rock pop funk soul folk house ambient live demo".split()  # noqa: SIM905
CHUNK = 2000
ASKED = 60


def seed(database: Database, count: int) -> str:
    """Recordings of one user with made-up words: some thousands of different ones, as in real titles, a few of them everywhere."""
    dice = random.Random(1)
    vocabulary = ["".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))) for _ in range(8000)] + ["love", "the", "blue", "night"] * 200
    owner, begin = People(database).add_user("ann", "editor").id, now()
    for start in range(0, count, CHUNK):
        rows: list[dict[str, Any]] = []
        word_rows: list[dict[str, str]] = []
        tag_rows: list[dict[str, str]] = []
        for k in range(start, min(start + CHUNK, count)):
            title, artist, album = (" ".join(dice.choices(vocabulary, k=n)).title() for n in (3, 2, 2))
            analysed, moment = dice.random() < 0.9, begin - timedelta(seconds=60 * k)
            record = RecordingRecord(
                new_id(), owner, f"{k:064x}", 9_000_000, f"{k:06d}.flac", "flac", "flac", 44100, 2, dice.uniform(60, 600), title, artist, album,
                dice.gauss(118, 22) if analysed else None, dice.randrange(24) if analysed else None, dice.choice(["4/4"] * 9 + ["3/4"]) if analysed else None,
                "analyzed" if analysed else "uploaded", None, None, None, None, moment, moment, None, tuple(set(dice.choices(TAGS, k=2))),
            )  # fmt: skip
            row = {c.name: getattr(record, c.name) for c in recordings.c if not c.name.endswith("_sort")}
            rows.append(row | {f"{n}_sort": folded(getattr(record, n))[:100] for n in ("title", "artist", "album")})
            word_rows += [{"word": w, "recording_id": record.id} for w in words(title, artist, album, record.file_name, *record.tags)]
            tag_rows += [{"tag": t, "recording_id": record.id} for t in record.tags]
        with database.write() as c:
            c.execute(sa.insert(recordings), rows)
            c.execute(sa.insert(recording_words), word_rows)
            c.execute(sa.insert(recording_tags), tag_rows)
    database.gather_statistics()
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
            c.exec_driver_sql("ANALYZE")
    return owner


def questions(owner: str) -> Iterator[tuple[str, Callable[[random.Random], RecordingQuery], Scope]]:
    own, everything = Scope(owner), Scope(owner, everything=True)
    yield "first page, newest first", lambda d: RecordingQuery(), own
    yield "first page, an admin", lambda d: RecordingQuery(), everything
    yield "first page by title", lambda d: RecordingQuery(sort=Sort.TITLE, descending=False), own
    yield "first page by tempo", lambda d: RecordingQuery(sort=Sort.TEMPO, descending=False), own
    yield "search, a rare word", lambda d: RecordingQuery(text="".join(d.choices(SYLLABLES, k=3))), own
    yield "search, a beginning of two letters", lambda d: RecordingQuery(text=d.choice(SYLLABLES)), own
    yield "search, a word that is everywhere", lambda d: RecordingQuery(text=d.choice(["love", "the", "blue"])), own
    yield "search, two words", lambda d: RecordingQuery(text=f"love {d.choice(SYLLABLES)}{d.choice(SYLLABLES)}"), own
    yield "search by title beginning, sorted by artist", lambda d: RecordingQuery(title=d.choice(SYLLABLES), sort=Sort.ARTIST), own
    yield "tempo range", lambda d: RecordingQuery(tempo_from_bpm=(b := d.uniform(90, 140)), tempo_to_bpm=b + 4), own
    yield "tempo range and compatible keys", lambda d: RecordingQuery(tempo_from_bpm=(b := d.uniform(90, 140)), tempo_to_bpm=b + 6, keys=Key.from_index(d.randrange(24)).compatible), own  # fmt: skip
    yield "tag, meter and status", lambda d: RecordingQuery(tag=d.choice(TAGS), meter="3/4", status="analyzed"), own
    yield "nothing fits", lambda d: RecordingQuery(tempo_from_bpm=400.0, meter="7/8"), own


def measure(database: Database, owner: str) -> list[tuple[str, list[float]]]:
    library, dice, out = Recordings(database), random.Random(2), []
    for name, ask, scope in questions(owner):
        for _ in range(3):
            library.page(ask(dice), scope, 50)
        times = []
        for _ in range(ASKED):
            query, start = ask(dice), time.perf_counter()
            library.page(query, scope, 50)
            times.append(1000 * (time.perf_counter() - start))
        out.append((name, times))
    cursor, times = None, []
    for _ in range(ASKED):
        start = time.perf_counter()
        cursor = library.page(RecordingQuery(sort=Sort.TITLE), Scope(owner), 200, cursor).next_cursor
        times.append(1000 * (time.perf_counter() - start))
    out.append(("pages 1 to 60 of 200, by title", times))
    return out


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def main(count: int = 100_000) -> None:
    found: dict[str, dict[str, list[float]]] = {}
    seeded = {}

    def run(kind: str, url: str) -> None:
        database = Database.open(url)
        migrate(database)
        start = time.monotonic()
        owner = seed(database, count)
        seeded[kind] = time.monotonic() - start
        for name, times in measure(database, owner):
            found.setdefault(name, {})[kind] = times
        database.close()

    with tempfile.TemporaryDirectory() as folder:
        run("SQLite", f"sqlite:///{folder}/library.db")
    with PostgresServer.start() as server:
        run("PostgreSQL", server.create_database())
    rows = [[name, *(f"{x:.1f}" for kind in seeded for x in (statistics.median(by[kind]), p95(by[kind])))] for name, by in found.items()]
    columns = ["question", *(f"{kind} {what}" for kind in seeded for what in ("median ms", "p95 ms"))]
    worst = {kind: max(p95(by[kind]) for by in found.values()) for kind in seeded}
    text = f"{count:,} recordings; pages of 50. Slowest p95: " + ", ".join(f"{k} {v:.1f} ms" for k, v in worst.items()) + "."
    text += " Seeding took " + ", ".join(f"{v:.0f} s on {k}" for k, v in seeded.items()) + "."
    write_result("library_scale", "A large library", f"{text}\n\n{markdown_table(columns, rows)}")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:2]))
