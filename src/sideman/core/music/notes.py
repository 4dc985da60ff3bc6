"""Notes in seconds and in beats."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoteEvent:
    """A sounding note. pitch: MIDI number (for drums the General MIDI key), velocity 1..127, pan -1..1."""

    start_s: float
    end_s: float
    pitch: int
    velocity: int
    pan: float = 0.0


@dataclass(frozen=True, slots=True)
class ScoreNote:
    """A written note. beat: position on the grid, length_beats, loudness 0..1, push_ms: deliberate shift against the grid."""

    beat: float
    length_beats: float
    pitch: int
    loudness: float
    push_ms: float = 0.0
