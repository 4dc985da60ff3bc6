"""Connections to the library's database: SQLite in a file or PostgreSQL, the same statements on both."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from sideman.errors import LibraryError, ServiceUnavailable
from sideman.infra.telemetry import Telemetry

BUSY_MS = 30_000
SAMPLED_ROWS = 1000
CACHE_KB = 8192
"""Per connection; the system caches the file as well."""


def wal_is_safe(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """False for SQLite versions with the WAL-reset bug (3.7.0 to 3.51.2, but for the mended 3.50.7 and 3.44.6 series).

    The bug can damage a database that two processes write: https://sqlite.org/wal.html#walresetbug
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


def journal_mode() -> str:
    return "wal" if wal_is_safe() else "delete"


def new_id() -> str:
    return str(uuid.uuid4())


def now() -> datetime:
    return datetime.now(UTC)


class Database:
    """`read()` and `write()` give a connection inside a transaction; both raise ServiceUnavailable when the database does not answer."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.telemetry: Telemetry | None = None

    @classmethod
    def open(cls, url: str, pool_size: int = 8) -> Database:
        """Connects when first asked. Creates the folder of a SQLite file."""
        if url.startswith("postgresql://"):
            engine = sa.create_engine(
                "postgresql+psycopg://" + url.removeprefix("postgresql://"), pool_size=pool_size, max_overflow=8, pool_pre_ping=True,
                connect_args={"connect_timeout": 5},
            )  # fmt: skip
            return cls(engine)
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(url, pool_size=pool_size, max_overflow=24, connect_args={"timeout": BUSY_MS / 1000})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return cls(engine)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        with translated(), self._timed("read"), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """SQLite takes its write lock at once: a transaction that begins by reading could otherwise not be upgraded under load."""
        with translated(), self._timed("write"), self.engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin():
                yield connection

    def alone(self, connection: sa.Connection, what: str) -> None:
        """Until this transaction ends, others that say the same wait: between looking for a row and inserting it nobody inserts it.

        SQLite has one writer anyway.
        """
        if not self.is_sqlite:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": what})

    def refuse_unreadable(self) -> None:
        """A transaction alone reads nothing of a SQLite file."""
        with self.read() as connection:
            connection.execute(sa.text("SELECT 1 FROM users LIMIT 1"))

    def gather_statistics(self) -> None:
        """Tell SQLite's planner what the tables hold, from a sample; PostgreSQL does this by itself."""
        if self.is_sqlite:
            with self.write() as connection:
                connection.exec_driver_sql(f"PRAGMA analysis_limit={SAMPLED_ROWS}")
                connection.exec_driver_sql("ANALYZE")

    def _timed(self, call: str) -> AbstractContextManager[None]:
        return self.telemetry.timed("database", call) if self.telemetry else nullcontext()

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def translated(what: str = "the library's database") -> Iterator[None]:
    """A database that does not answer becomes ServiceUnavailable; `what` says which one."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise ServiceUnavailable(f"{what} does not answer ({reason}): try again when it is back") from error
    except sa.exc.DatabaseError as error:
        if type(error) is not sa.exc.DatabaseError:
            raise  # a mistake in a statement
        raise LibraryError(f"{what} cannot be read ({error.orig}): bring it back from a backup") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event below says BEGIN, the driver must not
    cursor = connection.cursor()
    if journal_mode() == "wal":
        cursor.execute("PRAGMA journal_mode=wal")
    cursor.execute("PRAGMA foreign_keys=on")
    cursor.execute(f"PRAGMA cache_size=-{CACHE_KB}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
