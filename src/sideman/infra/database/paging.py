"""Keyset paging: a page begins after the last row of the one before, so that deep pages cost what the first one costs."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sideman.errors import UsageError

T = TypeVar("T")
MAX_PAGE = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """next_cursor is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None


def cursor(*values: Any) -> str:
    plain = [v.timestamp() if isinstance(v, datetime) else v for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def read_cursor(text: str, length: int) -> list[Any]:
    """The values of a cursor. Raises UsageError for one that this server did not give."""
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError as error:
        raise UsageError("the cursor is not one that this server gave: leave it out to begin at the first page") from error
    if not isinstance(values, list) or len(values) != length or not isinstance(values[-1], str):
        raise UsageError("the cursor belongs to another list: leave it out to begin at the first page")
    return values
