"""Musical time: beats in seconds, their place in the bar, meter and tempo. A constant tempo is the special case.

A *beat position* counts beats of the grid from 0 and may be fractional, negative, or beyond the last beat: outside the grid the
tempo of its nearest beats goes on.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

TICKS_PER_BEAT = 960
UNITS = (1, 2, 4, 8, 16)
EDGE_BEATS = 8
BREAK_BEATS = 4
"""Between two beats that are so many apart the music pauses, or nobody knows its beats."""


@dataclass(frozen=True, slots=True)
class Meter:
    """beats_per_bar of the felt beat; compound beats divide in three (6/8 has two, 12/8 four), other beats are noted as one `unit`: 8 in 7/8."""

    beats_per_bar: int
    compound: bool = False
    unit: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.beats_per_bar <= 32:
            raise ValueError(f"a bar of {self.beats_per_bar} beats is out of range 1..32")
        if self.unit not in UNITS:
            raise ValueError(f"a beat is no 1/{self.unit} note")

    @property
    def numerator(self) -> int:
        return self.beats_per_bar * 3 if self.compound else self.beats_per_bar

    @property
    def denominator(self) -> int:
        return 8 if self.compound else self.unit

    @property
    def quarters_per_beat(self) -> float:
        return 1.5 if self.compound else 4 / self.unit

    @property
    def pattern(self) -> str:
        """What styles call it: `7/4` of 7/8 too, since a style counts beats however they are noted."""
        return str(self) if self.compound else f"{self.beats_per_bar}/4"

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    @classmethod
    def parse(cls, text: str) -> Meter:
        """`4/4`, `7/8`, `6/8`; eighths in threes are compound. Raises ValueError."""
        numerator, _, denominator = text.partition("/")
        if not numerator.strip().isdecimal() or denominator.strip() not in map(str, UNITS):
            raise ValueError(f"{text!r} is no meter: write 3/4 or 6/8")
        n, d = int(numerator), int(denominator)
        return cls(n // 3, True) if d == 8 and n % 3 == 0 and n > 3 else cls(n, False, d)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: index of its first beat (negative if the recording starts inside it) and its length."""

    number: int
    first_beat: int
    beats: int


@dataclass(frozen=True)
class BeatGrid:
    """times_s: every beat, ascending. positions: place in the bar, 1 = downbeat. meter: the one that most bars have."""

    times_s: tuple[float, ...]
    positions: tuple[int, ...]
    meter: Meter

    def __post_init__(self) -> None:
        if len(self.times_s) < 2 or len(self.times_s) != len(self.positions):
            raise ValueError("a beat grid needs two beats or more, and a position for each")
        if any(b <= a for a, b in zip(self.times_s, self.times_s[1:], strict=False)):
            raise ValueError("beat times must ascend")

    @classmethod
    def from_times(cls, times_s: ArrayLike, positions: ArrayLike, meter: Meter) -> BeatGrid:
        t, p = np.asarray(times_s, float), np.asarray(positions, int)
        return cls(tuple(float(x) for x in t), tuple(int(x) for x in p), meter)

    @classmethod
    def constant(cls, tempo_bpm: float, beats: int, meter: Meter, start_s: float = 0.0) -> BeatGrid:
        """A grid at one tempo whose first beat is a downbeat."""
        t = start_s + np.arange(beats) * 60 / tempo_bpm
        return cls.from_times(t, np.arange(beats) % meter.beats_per_bar + 1, meter)

    def __len__(self) -> int:
        return len(self.times_s)

    @cached_property
    def times(self) -> NDArray[np.float64]:
        return np.array(self.times_s)

    @cached_property
    def downbeats_s(self) -> NDArray[np.float64]:
        return self.times[np.array(self.positions) == 1]

    @cached_property
    def tempo_bpm(self) -> float:
        """Median tempo of the felt beat."""
        return float(60 / np.median(np.diff(self.times)))

    @cached_property
    def bars(self) -> tuple[Bar, ...]:
        """Bars in order; an incomplete first bar gets its full length and a negative first beat. The last one is as long as the two before it where they are
        equal, else as the meter says, and never shorter than what is there of it."""
        starts = [i for i, p in enumerate(self.positions) if p == 1]
        if not starts:
            starts = [1 - self.positions[0]]
        elif starts[0] > 0:
            starts.insert(0, 1 - self.positions[0])
        lengths = [b - a for a, b in itertools.pairwise(starts)]
        usual = lengths[-1] if len(lengths) > 1 and lengths[-1] == lengths[-2] else self.meter.beats_per_bar
        lengths.append(max(usual, len(self) - starts[-1]))
        return tuple(Bar(n, s, length) for n, (s, length) in enumerate(zip(starts, lengths, strict=True)))

    def meter_of(self, bar: Bar) -> Meter:
        """The meter of one bar: bars may differ in length, they divide as the grid does."""
        return replace(self.meter, beats_per_bar=bar.beats) if bar.beats != self.meter.beats_per_bar else self.meter

    @cached_property
    def intervals(self) -> NDArray[np.int_]:
        """Beats from each beat to the next [n - 1]: one, or in a break as many as would go by at the tempo of the song."""
        beats = np.diff(self.times) * self.tempo_bpm / 60
        return np.where(beats < BREAK_BEATS, 1, np.round(beats)).astype(int)

    @cached_property
    def counted(self) -> BeatGrid:
        """The same grid with its breaks counted out, for players who go on or come in again."""
        if (self.intervals == 1).all():
            return self
        times, positions = [self.times_s[0]], [self.positions[0]]
        for k, count in enumerate(self.intervals.tolist()):
            times += np.linspace(self.times_s[k], self.times_s[k + 1], count + 1)[1:].tolist()
            positions += [(self.positions[k] + i - 1) % self.meter.beats_per_bar + 1 for i in range(1, count)] + [self.positions[k + 1]]
        return BeatGrid.from_times(times, positions, self.meter)

    @cached_property
    def _edges(self) -> tuple[float, float]:
        d = np.diff(self.times)
        return float(np.median(d[:EDGE_BEATS])), float(np.median(d[-EDGE_BEATS:]))

    def seconds_at(self, beat: ArrayLike) -> NDArray[np.float64]:
        """Seconds of beat positions, linear between beats."""
        b = np.asarray(beat, float)
        n, (first, last) = len(self) - 1, self._edges
        inside = np.interp(b, np.arange(n + 1), self.times)
        return np.where(b < 0, self.times[0] + b * first, np.where(b > n, self.times[-1] + (b - n) * last, inside))

    def beat_at(self, seconds: ArrayLike) -> NDArray[np.float64]:
        """Beat positions of seconds: the inverse of seconds_at."""
        t = np.asarray(seconds, float)
        n, (first, last) = len(self) - 1, self._edges
        inside = np.interp(t, self.times, np.arange(n + 1))
        before, after = (t - self.times[0]) / first, n + (t - self.times[-1]) / last
        return np.where(t < self.times[0], before, np.where(t > self.times[-1], after, inside))

    def bar_at(self, beat: float) -> Bar:
        """The bar that a beat position lies in; positions outside the grid belong to the first or last bar."""
        starts = [b.first_beat for b in self.bars]
        return self.bars[max(0, int(np.searchsorted(starts, beat + 1e-6, side="right")) - 1)]

    def bar_beat_tick(self, seconds: float) -> tuple[int, int, int]:
        """Musicians' count of a moment: bar from 1, beat from 1, tick of 960 a beat."""
        position = float(self.beat_at(seconds))
        whole = int(np.floor(position + 0.5 / TICKS_PER_BEAT))
        bar = self.bar_at(whole)
        return bar.number + 1, whole - bar.first_beat + 1, max(0, round((position - whole) * TICKS_PER_BEAT))

    def tempo_curve(self, beats: int = 9) -> tuple[TempoPoint, ...]:
        """Tempo at every beat: running median over `beats` intervals."""
        d = np.diff(self.times)
        half = beats // 2
        smooth = [float(np.median(d[max(0, k - half) : k + half + 1])) for k in range(len(d))]
        return tuple(TempoPoint(float(t), 60 / s) for t, s in zip(self.times[:-1], smooth, strict=True))


@dataclass(frozen=True, slots=True)
class TempoPoint:
    time_s: float
    tempo_bpm: float


@dataclass(frozen=True, slots=True)
class TempoAlternative:
    """Another reading of the pulse that the tracker considered: half, double, third, triple, 3/2, 2/3, shifted."""

    relation: str
    tempo_bpm: float
    meter: Meter
    probability: float
    grid: BeatGrid | None = None
    """Its own beats, so that one click takes them; None where it has none for the whole recording."""
