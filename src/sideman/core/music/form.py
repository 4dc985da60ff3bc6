"""Sections: letters for what repeats (A, B, ...), a guess at what they are called, energy and density. And the words that are sung."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """Equal labels mean the same music. energy: 0 (quietest part of the song) .. 1 (loudest). density: onsets a beat, 0 where unknown.

    `name` is a guess (intro, verse, chorus, ...) with its own confidence, empty where there is no ground for one.
    """

    start_s: float
    end_s: float
    label: str
    energy: float = 0.5
    confidence: float = 1.0
    name: str = ""
    name_confidence: float = 0.0
    density: float = 0.0


@dataclass(frozen=True, slots=True)
class LyricLine:
    """A line of the words, from when to when it is sung; both times are the whole recording's where the source gives none."""

    start_s: float
    end_s: float
    text: str
