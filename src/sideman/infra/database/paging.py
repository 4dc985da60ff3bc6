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
HUGE = 1e300


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """next_cursor is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None


def cursor(*values: Any) -> str:
    plain = [v.timestamp() if isinstance(v, datetime) else v for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def read_cursor(text: str, length: int, first: str | None = None) -> list[Any]:
    """The values of a cursor: texts, finite numbers and None, the last one a text. Raises UsageError for one that no server gave.

    first: what the first value must be, where it names the list.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError) as error:
        raise UsageError("the cursor is not one that this server gave: leave it out to begin at the first page") from error
    if not isinstance(values, list) or len(values) != length or not all(map(_plain, values)) or not isinstance(values[-1], str):
        raise _of_another_list()
    if first is not None and values[0] != first:
        raise _of_another_list()
    return values


def read_time_cursor(text: str) -> tuple[float, str]:
    """The cursor of a list by time: seconds since 1970 and an id."""
    moment, last_id = read_cursor(text, 2)
    if not isinstance(moment, (int, float)):
        raise _of_another_list()
    return float(moment), str(last_id)


def _plain(value: object) -> bool:
    if isinstance(value, str):
        return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)  # no database keeps these
    return value is None or (isinstance(value, (int, float)) and abs(value) < HUGE)


def _of_another_list() -> UsageError:
    return UsageError("the cursor belongs to another list: leave it out to begin at the first page")
