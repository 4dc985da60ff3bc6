"""Write a migration from the difference between the tables and an empty database at the last migration: `make migration NAME=...`."""

from __future__ import annotations

import sys
import tempfile

from alembic import command

from sideman.infra.database import Database, migrate
from sideman.infra.database.migrating import configuration


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(f"sqlite:///{folder}/library.db")
        migrate(database)
        with database.write() as connection:
            command.revision(configuration(connection), message=name, autogenerate=True)
        database.close()


if __name__ == "__main__":
    main(sys.argv[1])
