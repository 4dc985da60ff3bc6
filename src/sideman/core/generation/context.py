"""What a part is written on: the song's own grid, chords, sections and energy, counted in pulses.

A pulse is a beat; in compound time (6/8, 9/8, 12/8) it is a third of the beat, so that every part counts eighths there.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sideman.core.audio import AudioReader
from sideman.core.generation.surroundings import Surroundings
from sideman.core.music import NO_CHORD, BarAccents, BeatGrid, Chord, GrooveTemplate, Key, Meter, MusicAnalysis, Section

ENERGY_LIMITS = (0.2, 0.6, 0.93)
"""Of a section's energy: hardly there, sparse, playing, full. Most of a record lies within 2 dB of its loudest section."""
SHORT_CHORD_PULSES = 0.75
FREE_TEMPO_BPM = 60.0
MOVES = (-7, -5, 5, 7, 12)
"""Semitones by which a register may give way to what is there."""
LOWEST_MOVED, HIGHEST_MOVED = 43, 91
CROWDED, GAIN = 0.35, 0.7
STOP_MARGIN_PULSES = 0.1


@dataclass(frozen=True, slots=True)
class ContextBar:
    """start and pulses in pulses; energy 0 (hardly there) .. 3 (full); place in its section; density: the song's onsets a beat there."""

    number: int
    start: float
    pulses: int
    energy: int
    section: int
    index_in_section: int
    last_in_section: bool
    density: float = 0.0

    @property
    def first_in_section(self) -> bool:
        return self.index_in_section == 0

    @property
    def end(self) -> float:
        return self.start + self.pulses


@dataclass(frozen=True, slots=True)
class ChordEvent:
    start: float
    pulses: float
    chord: Chord

    @property
    def end(self) -> float:
        return self.start + self.pulses


@dataclass(frozen=True, eq=False)
class SongContext:
    """Everything a player needs; positions in pulses, seconds only through `seconds_at`."""

    grid: BeatGrid
    bars: tuple[ContextBar, ...]
    chords: tuple[ChordEvent, ...]
    key: Key
    duration_s: float
    tuning_hz: float = 440.0
    loudness_lufs: float = -14.0
    keys: tuple[tuple[float, Key], ...] = ()
    groove: GrooveTemplate | None = None
    surroundings: Surroundings | None = None
    accents: BarAccents | None = None
    """Where the recording strikes in its bar; None where nobody asked."""
    free: bool = False
    """No pulse was found: the grid only counts seconds."""
    section_names: tuple[str, ...] = ()
    """What each section seems to be (verse, chorus), empty where nothing was guessed."""
    key_known: bool = True
    """False where none was found, and `key` only says something for players who need one."""
    audio: AudioReader | None = None
    """The recording itself, for engines that listen to it."""

    @property
    def pulses_per_beat(self) -> int:
        return 3 if self.grid.meter.compound else 1

    @property
    def compound(self) -> bool:
        return self.grid.meter.compound

    @cached_property
    def tempo(self) -> float:
        """Pulses per minute."""
        return self.grid.tempo_bpm * self.pulses_per_beat

    def seconds_at(self, pulse: ArrayLike) -> NDArray[np.float64]:
        return self.grid.seconds_at(np.asarray(pulse, float) / self.pulses_per_beat)

    @cached_property
    def _bar_starts(self) -> list[float]:
        return [b.start for b in self.bars]

    def bar_at(self, pulse: float) -> ContextBar:
        return self.bars[max(0, bisect_right(self._bar_starts, pulse + 1e-6) - 1)]

    @cached_property
    def _chord_starts(self) -> list[float]:
        return [c.start for c in self.chords]

    def chord_at(self, pulse: float) -> Chord:
        i = bisect_right(self._chord_starts, pulse + 1e-6) - 1
        return self.chords[i].chord if i >= 0 and pulse < self.chords[i].end + 1e-6 else NO_CHORD

    def key_at(self, pulse: float) -> Key:
        """The key of this part of the song: it may change on the way."""
        return next((key for start, key in reversed(self.keys) if start <= pulse + 1e-6), self.key)

    @cached_property
    def _sounding(self) -> tuple[ChordEvent, ...]:
        return tuple(c for c in self.chords if c.chord.root is not None)

    @cached_property
    def _sounding_starts(self) -> list[float]:
        return [c.start for c in self._sounding]

    def sounding_chords(self) -> tuple[ChordEvent, ...]:
        return self._sounding

    def sounding_between(self, start: float, end: float) -> range:
        """Indices of the sounding chords that touch a span of pulses."""
        first = max(0, bisect_right(self._sounding_starts, start + 1e-6) - 1)
        last = bisect_left(self._sounding_starts, end - 1e-6)
        if first < last and self._sounding[first].end <= start + 1e-6:
            first += 1
        return range(first, last)

    @cached_property
    def _stops(self) -> NDArray[np.float64]:
        """Spans [n, 2] in pulses in which the recording is silent."""
        if self.surroundings is None or not len(self.surroundings.stops_s):
            return np.zeros((0, 2))
        return np.asarray(self.grid.beat_at(self.surroundings.stops_s) * self.pulses_per_beat)

    def stopped(self, pulse: float) -> bool:
        """Whether the song is silent from this pulse on for a while: a part then stops too."""
        if not len(self._stops):
            return False
        return bool(((self._stops[:, 0] <= pulse + STOP_MARGIN_PULSES) & (pulse < self._stops[:, 1] - STOP_MARGIN_PULSES)).any())

    def louder(self, levels: int) -> SongContext:
        """The same song played some levels of energy louder (or softer)."""
        if not levels:
            return self
        return replace(self, bars=tuple(replace(b, energy=min(3, max(0, b.energy + levels))) for b in self.bars))

    def like(self, other: MusicAnalysis) -> SongContext:
        """Played as another recording is: its groove, and as dense or sparse as it is against this one."""
        groove = other.trusted_groove or self.groove
        own = [b.density for b in self.bars if b.density]
        theirs = [s.density for s in (other.sections.value if other.sections else ()) if s.density]
        levels = round(float(np.log2(np.mean(theirs) / np.mean(own)))) if own and theirs else 0
        return replace(self.louder(min(1, max(-1, levels))), groove=groove)

    def until_stop(self, start: float, end: float) -> float:
        """The end of a note, or the stop of the song that comes before it."""
        if not len(self._stops):
            return end
        between = self._stops[(self._stops[:, 0] > start + STOP_MARGIN_PULSES) & (self._stops[:, 0] < end), 0]
        return float(between.min()) if len(between) else end

    def room_shift(self, register: tuple[int, int]) -> int:
        """Semitones by which a register moves to where the recording has less sound; 0 where it is free or moving gains little."""
        if self.surroundings is None:
            return 0
        low, high = register
        occupied = self.surroundings.occupied

        def filled(shift: int) -> float:
            return float(occupied[low + shift : high + shift + 1].mean())

        allowed = [s for s in MOVES if low + s >= LOWEST_MOVED and high + s <= HIGHEST_MOVED]
        if filled(0) < CROWDED or not allowed:
            return 0
        best = min(allowed, key=lambda s: filled(s) * (1 + 0.02 * abs(s)))
        return best if filled(best) < GAIN * filled(0) else 0

    @classmethod
    def from_analysis(cls, analysis: MusicAnalysis, surroundings: Surroundings | None = None) -> SongContext:
        """surroundings: what was heard of the recording itself. Raises AnalysisError where it has neither beats nor chords.

        Without beats, chords stay where they were heard and the context is `free`: sustained parts can follow it.
        """
        if analysis.grid is None and not (analysis.chords and any(c.chord.root is not None for c in analysis.chords.value)):
            analysis.require_grid()
        grid = analysis.grid.value.counted if analysis.grid else free_grid(analysis.duration_s)
        per_beat = 3 if grid.meter.compound else 1
        return cls(
            grid=grid,
            bars=_bars(analysis, grid, per_beat),
            chords=_chords(analysis, grid, per_beat),
            key=analysis.key.value if analysis.key else Key(0, "major"),
            duration_s=analysis.duration_s,
            tuning_hz=analysis.tuning_hz.value if analysis.tuning_hz else 440.0,
            loudness_lufs=analysis.loudness.value.integrated_lufs if analysis.loudness else -14.0,
            keys=tuple(
                (float(grid.beat_at(s.start_s)) * per_beat, s.key) for s in (analysis.key_spans.value if analysis.key_spans else ())
            ),
            groove=analysis.trusted_groove,
            surroundings=surroundings,
            free=analysis.grid is None,
            section_names=tuple(s.name for s in (analysis.sections.value if analysis.sections else ())),
            key_known=analysis.key is not None,
        )


def free_grid(duration_s: float) -> BeatGrid:
    """For a recording without a pulse: seconds, counted in fours."""
    return BeatGrid.constant(FREE_TEMPO_BPM, max(2, int(duration_s) + 2), Meter(4))


def _energy_level(energy: float) -> int:
    return sum(energy >= limit for limit in ENERGY_LIMITS)


def _bars(analysis: MusicAnalysis, grid: BeatGrid, per_beat: int) -> tuple[ContextBar, ...]:
    rows = []
    for bar in grid.bars:
        section = _section_of(analysis, *grid.seconds_at([bar.first_beat, bar.first_beat + bar.beats]).tolist())
        number = analysis.sections.value.index(section) if analysis.sections and section else -1
        rows.append((bar, number, _energy_level(section.energy) if section else 2, section.density if section else 0.0))
    out: list[ContextBar] = []
    for i, (bar, section_number, energy, density) in enumerate(rows):
        index = out[-1].index_in_section + 1 if out and out[-1].section == section_number else 0
        last = i + 1 == len(rows) or rows[i + 1][1] != section_number
        out.append(ContextBar(i, bar.first_beat * per_beat, bar.beats * per_beat, energy, section_number, index, last, density))
    return tuple(out)


def _section_of(analysis: MusicAnalysis, start_s: float, end_s: float) -> Section | None:
    """Where the middle of what sounds of a bar lies, or the nearest one: a pick-up and the last bar reach out of the recording."""
    middle = (max(0.0, start_s) + min(analysis.duration_s, end_s)) / 2
    sections = analysis.sections.value if analysis.sections else ()
    return min(sections, key=lambda s: max(s.start_s - middle, middle - s.end_s, 0.0), default=None)


def _chords(analysis: MusicAnalysis, grid: BeatGrid, per_beat: int) -> tuple[ChordEvent, ...]:
    """Chord limits on the nearest beat, or half beat where they clearly lie between; slivers join the chord before."""
    marks: list[tuple[float, Chord]] = []
    for span in analysis.chords.value if analysis.chords else ():
        position = float(grid.beat_at(span.start_s))
        on_beat = round(position)
        snapped = (
            position if analysis.grid is None else on_beat if abs(position - on_beat) <= 0.3 or per_beat == 3 else round(position * 2) / 2
        )
        if marks and snapped * per_beat - marks[-1][0] < SHORT_CHORD_PULSES:
            marks.pop()
        if not marks or marks[-1][1] != span.chord:
            marks.append((snapped * per_beat, span.chord))
    if not marks:
        return ()
    end = float(np.ceil(grid.beat_at(analysis.duration_s))) * per_beat
    ends = [m[0] for m in marks[1:]] + [max(end, marks[-1][0])]
    return tuple(ChordEvent(a, b - a, c) for (a, c), b in zip(marks, ends, strict=True) if b > a)


def stream(seed: int, *names: object) -> np.random.Generator:
    """A random stream of its own for every name, stable across processes and independent of call order."""
    return np.random.default_rng([seed] + [zlib.crc32(str(n).encode()) for n in names])
