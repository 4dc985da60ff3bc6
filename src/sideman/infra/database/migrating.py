"""Bring a database to the tables that this version needs. Safe from many processes at once."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from sideman.errors import UsageError
from sideman.infra.database.engine import Database

LOCK_NUMBER = 724_202_611


def configuration(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(database: Database) -> None:
    """Create or upgrade the tables. Raises UsageError for a library of a newer Sideman."""
    with database.write() as connection:  # SQLite: this is the lock
        if not database.is_sqlite:
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({LOCK_NUMBER})"))
        config = configuration(connection)
        script = ScriptDirectory.from_config(config)
        current = MigrationContext.configure(connection).get_current_revision()
        if current == script.get_current_head():
            return
        if current is not None and current not in {r.revision for r in script.walk_revisions()}:
            raise UsageError("this library was made by a newer version of Sideman: install that version, or choose another folder")
        command.upgrade(config, "head")
