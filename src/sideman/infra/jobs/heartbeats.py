"""The table of heartbeats, beside the queue's own tables: the clock is the database's, so that machines need not agree on the time."""

from __future__ import annotations

import sqlalchemy as sa

_metadata = sa.MetaData()
workers = sa.Table(
    "sideman_workers", _metadata,
    sa.Column("executor_id", sa.String(200), primary_key=True),
    sa.Column("host", sa.String(200)), sa.Column("pid", sa.Integer), sa.Column("queues", sa.String(100)), sa.Column("beat_at", sa.Double),
)  # fmt: skip


def connected(url: str) -> sa.Engine:
    if url.startswith("postgresql://"):
        psycopg = "postgresql+psycopg://" + url.removeprefix("postgresql://")
        return sa.create_engine(psycopg, pool_size=1, max_overflow=1, pool_pre_ping=True, connect_args={"connect_timeout": 5})
    return sa.create_engine(url, pool_size=1, max_overflow=1, connect_args={"timeout": 30})


def now_s(connection: sa.Connection) -> float:
    """Seconds since 1970 by the database's clock."""
    postgres = connection.dialect.name == "postgresql"
    clock = "SELECT extract(epoch FROM clock_timestamp())" if postgres else "SELECT (julianday('now') - 2440587.5) * 86400.0"
    return float(connection.scalar(sa.text(clock)) or 0)


def create_tables(engine: sa.Engine) -> None:
    try:
        _metadata.create_all(engine)
    except (sa.exc.OperationalError, sa.exc.ProgrammingError, sa.exc.IntegrityError):
        if not sa.inspect(engine).has_table(workers.name):  # else another worker made it at the same moment
            raise


def living_workers(engine: sa.Engine, within_s: float) -> int:
    """How many workers gave a heartbeat within that time."""
    if not sa.inspect(engine).has_table(workers.name):
        return 0
    with engine.connect() as c:
        query = sa.select(sa.func.count()).select_from(workers).where(workers.c.beat_at >= now_s(c) - within_s)
        return c.scalar(query) or 0
