"""Sections: letters for what repeats (A, B, ...), energy for how loud they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """Equal labels mean the same music. energy: 0 (quietest part of the song) .. 1 (loudest)."""

    start_s: float
    end_s: float
    label: str
    energy: float = 0.5
    confidence: float = 1.0
