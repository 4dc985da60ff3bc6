"""Names of files in what is exported, that every system can unpack."""

from __future__ import annotations

import itertools
import unicodedata

LONGEST_BYTES = 200
RESERVED = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{port}{k}" for port in ("COM", "LPT") for k in range(1, 10))})
"""Names that no file of Windows has."""


def file_name(text: str) -> str:
    """Letters with their marks, digits and a little more, short enough to take a suffix."""
    composed = unicodedata.normalize("NFC", text)
    plain = "".join(c if c.isalnum() or unicodedata.category(c) in ("Mn", "Mc") or c in " -_()," else "_" for c in composed)
    short = plain.encode()[:LONGEST_BYTES].decode(errors="ignore").strip() or "stem"
    return f"{short}_" if short.upper() in RESERVED else short


def free_name(name: str, taken: set[str]) -> str:
    """The name, or one with a number, that is not `taken` even where capitals do not count; it is added there."""
    free = next(n for n in itertools.chain((name,), (f"{name} {k}" for k in itertools.count(2))) if n.casefold() not in taken)
    taken.add(free.casefold())
    return free
