"""Alembic's entry: runs on the connection that `migrate` gives."""

from typing import Any, Literal

from alembic import context

from sideman.infra.database.tables import Moment, metadata


def render(kind: str, value: Any, _context: Any) -> str | Literal[False]:
    """A migration must not change when our own types do."""
    return "sa.Double()" if kind == "type" and isinstance(value, Moment) else False


context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True, render_item=render,
    transactional_ddl=False,
)  # fmt: skip
context.run_migrations()
