"""Notes in seconds and in beats, and how a recording places them against its grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sideman.core.music.roles import StemRole
from sideman.core.music.timeline import Meter

PLACES_PER_BEAT = 12


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


@dataclass(frozen=True, slots=True)
class NoteTrack:
    """What one stem plays: as heard, and the same notes on the grid (empty without beats)."""

    role: StemRole
    notes: tuple[NoteEvent, ...]
    quantised: tuple[ScoreNote, ...] = ()


@dataclass(frozen=True, slots=True)
class GrooveTemplate:
    """How the recording plays its bar: for every step its mean deviation from the grid and its accent 0..1.

    swing: length of the first half of a beat against the second, 1 straight, 2 triplets. Steps: beats_per_bar * steps_per_beat.
    """

    steps_per_beat: int
    offsets_ms: tuple[float, ...]
    accents: tuple[float, ...]
    swing: float

    @property
    def in_triplets(self) -> bool:
        return self.steps_per_beat == 3


@dataclass(frozen=True, slots=True, eq=False)
class BarAccents:
    """How strongly the bar is struck at each of its places, on average over the recording.

    strengths [4, beats_per_bar * PLACES_PER_BEAT]: below 150 Hz (kick, bass), to 700 Hz, to 4 kHz (snare, comping), above (hats).
    """

    strengths: NDArray[np.float64]


def steps_of_beat(meter: Meter, groove: GrooveTemplate | None) -> int:
    """Into how many steps a beat divides: four sixteenths, or six in compound time and where a recording swings in triplets."""
    return 6 if meter.compound or (groove is not None and groove.in_triplets) else 4
