"""Where a foreign clip belongs on a song: its beats onto the song's own, its key into the song's, found by listening to both.

Every candidate (beats of the clip, place on the song, transposition) is compared on what the judge hears, warped in features rather than
in sound; the best few are scored as the judge scores them. The sound is warped once, when the place is known.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sideman.core.audio.stretching import Anchor
from sideman.core.fit.agreement import BASS_SHARE, centred
from sideman.core.fit.listening import ACCENT_RATE_HZ, CHROMA_RATE_HZ, Heard
from sideman.core.fit.scoring import Calibration, hear_contrasts, score
from sideman.core.music import BeatGrid, StemRole
from sideman.errors import UsageError

SLOWEST, FASTEST = 0.6, 1.67
"""Ratios of tempo that still sound like the same player."""
LOOP_SLACK = 0.03
FINALISTS = 8
TRANSPOSITIONS = tuple(range(-5, 7))
HARMONY_WEIGHT, SHIFT_COST, STRETCH_COST, CHANGE_COST = 3.0, 0.006, 0.25, 0.12
FOLLOW_GAIN = 0.05
MOST_PLACES = 96
OUTSIDE = -1.0
TUNING_SLACK = 0.06
Array = NDArray[np.float64]
Source = Callable[[Array], Array]


@dataclass(frozen=True)
class ConformWish:
    """at_beat: song beat of the clip's beginning, None to search. repeat: through the song, None where the clip is short.

    semitones: a transposition, None to search. follow_chords: transpose chord by chord, None where the key alone does not fit.
    within_beats: the part of the song, end exclusive.
    """

    at_beat: int | None = None
    repeat: bool | None = None
    semitones: int | None = None
    follow_chords: bool | None = None
    within_beats: tuple[int, int] | None = None


@dataclass(frozen=True)
class Placement:
    """anchors: clip seconds onto song seconds. tempo_ratio: song against clip, above 1 it is played faster."""

    anchors: tuple[Anchor, ...]
    tempo_ratio: float
    semitones: float
    start_beat: int
    clip_beats: int
    repeats: bool
    follows_chords: bool
    score: float


@dataclass(frozen=True, eq=False)
class _Place:
    """beats_s: beats of one pass through the clip, one more than it has. span: song beats it fills."""

    beats_s: Array
    start: int
    span: tuple[int, int]
    repeats: bool
    semitones: int = 0

    @property
    def count(self) -> int:
        return len(self.beats_s) - 1

    def source(self, grid: BeatGrid) -> Source:
        """Clip seconds for song seconds, negative outside."""

        def at(t: Array) -> Array:
            beat = grid.beat_at(t)
            position = beat - self.start
            inside = (beat >= self.span[0]) & (beat < self.span[1])
            position = np.mod(position, self.count) if self.repeats else position
            inside &= (position >= 0) & (position < self.count)
            return np.where(inside, np.interp(position, np.arange(self.count + 1), self.beats_s), OUTSIDE)

        return at


def placed(clip: Heard, frames: int, chroma_frames: int, source: Source) -> Heard:
    """What the clip would sound like in its place on the song."""

    def at(x: NDArray[np.float32], rate: float, n: int) -> NDArray[np.float32]:
        position = source(np.arange(n) / rate) * rate
        index = np.arange(x.shape[-1])
        rows = [np.interp(position, index, row, left=0, right=0) * (position >= 0) for row in np.atleast_2d(x)]
        return np.array(rows, np.float32)

    return replace(
        clip, accents=at(clip.accents, ACCENT_RATE_HZ, frames), arrivals=at(clip.arrivals, ACCENT_RATE_HZ, frames), chroma=at(clip.chroma, CHROMA_RATE_HZ, chroma_frames),
        bass_chroma=at(clip.bass_chroma, CHROMA_RATE_HZ, chroma_frames), rms=at(clip.rms, CHROMA_RATE_HZ, chroma_frames)[0],
    )  # fmt: skip


def beat_readings(tracked: Sequence[Array], duration_s: float, grid: BeatGrid) -> list[Array]:
    """Possible beats of a clip, each with one beat more than it has: as tracked, at half and double speed, and as an exact loop."""
    period, meter = 60 / grid.tempo_bpm, grid.meter.beats_per_bar
    out: list[Array] = []
    for beats in tracked:
        for reading in _octaves(np.asarray(beats, float)):
            whole = _covering(reading, duration_s)
            if len(whole) > 2 and SLOWEST <= float(np.median(np.diff(whole))) / period <= FASTEST:
                out.append(whole)
    for bars in range(1, 65):
        count = bars * meter
        if SLOWEST / (1 + LOOP_SLACK) <= duration_s / count / period <= FASTEST:
            out.append(np.linspace(0, duration_s, count + 1))
    return out + [np.linspace(0, duration_s, count + 1) for count in _odd_counts(duration_s / period, meter)]


def _odd_counts(beats_of_song: float, meter: int) -> list[int]:
    """Beats of a loop that is no whole bars: less than one, or more at nearly the song's own tempo."""
    short = [n for n in range(1, meter) if beats_of_song < meter * 0.9 and SLOWEST <= beats_of_song / n <= FASTEST]
    near = round(beats_of_song)
    odd = near % meter and near > meter and abs(beats_of_song / near - 1) <= LOOP_SLACK
    return [*short, near] if odd else short


def _octaves(beats: Array) -> list[Array]:
    if len(beats) < 2:
        return []
    between = np.interp(np.arange(0, len(beats) - 0.5, 0.5), np.arange(len(beats)), beats)
    return [beats, between, beats[::2], beats[1::2], (beats[:-1] + beats[1:]) / 2]


def _covering(beats: Array, duration_s: float) -> Array:
    """From the beginning to the end of the clip at the tempo of its first and last beats."""
    if len(beats) < 2:
        return beats
    first, last = float(np.median(np.diff(beats[:5]))), float(np.median(np.diff(beats[-5:])))
    before = beats[0] - first * np.arange(int((beats[0] + 0.25 * first) / first), 0, -1)
    after = beats[-1] + last * np.arange(1, int((duration_s - beats[-1] + 0.25 * last) / last) + 1)
    return np.maximum(np.concatenate([before, beats, after]), 0.0)


@dataclass(frozen=True, eq=False)
class Meeting:
    """A clip, the song it is to join, and the role it plays there. changes_s: where the song's chords change."""

    song: Heard
    grid: BeatGrid
    clip: Heard
    role: StemRole
    changes_s: tuple[float, ...] = ()

    def stem(self, p: _Place) -> Heard:
        return placed(self.clip, self.song.accents.shape[1], self.song.chroma.shape[1], p.source(self.grid))


def place(meeting: Meeting, readings: Sequence[Array], wish: ConformWish) -> Placement:
    """The best place of a clip on a song. Raises UsageError where none is possible."""
    grid, role = meeting.grid, meeting.role
    options = _places(grid, readings, wish)
    if not options:
        low, high = grid.tempo_bpm * SLOWEST, grid.tempo_bpm * FASTEST
        raise UsageError(
            f"no tempo of this clip is near the song's {grid.tempo_bpm:.0f} bpm: bring it to {low:.0f} to {high:.0f} bpm first"
        )
    ranked = sorted((r for p in options for r in _rated(meeting, p, wish)), key=lambda r: -r[0])
    if not ranked:
        raise UsageError("the clip is silent where it would lie on the song: choose another place")
    value, chosen = max(((_judged(meeting, p), p) for _, p in ranked[:FINALISTS]), key=lambda found: found[0])
    edges, follows = _one_shift(chosen, grid), False
    if role.pitched and len(meeting.changes_s) > 1 and wish.follow_chords is not False and wish.semitones is None:
        followed = _chord_by_chord(meeting, chosen)
        better = _judged(meeting, chosen, followed)
        if wish.follow_chords or better > value + FOLLOW_GAIN:
            edges, value, follows = followed, better, True
    tuning = _tuning_difference(meeting) if role.pitched else 0.0
    ratio = float(np.median(np.diff(chosen.beats_s))) * grid.tempo_bpm / 60
    anchors = _anchors(chosen, grid, edges, tuning)
    return Placement(anchors, ratio, chosen.semitones + tuning, chosen.start, chosen.count, chosen.repeats, follows, value)


def _tuning_difference(meeting: Meeting) -> float:
    difference = (meeting.song.tuning_semitones - meeting.clip.tuning_semitones + 0.5) % 1 - 0.5
    return float(difference) if abs(difference) > TUNING_SLACK else 0.0


def _places(grid: BeatGrid, readings: Sequence[Array], wish: ConformWish) -> list[_Place]:
    """Every reading at every beat where it may begin: one bar's worth of rotations for a clip that repeats, else every bar and beat."""
    meter, out = grid.meter.beats_per_bar, list[_Place]()
    low, high = wish.within_beats or (0, len(grid))
    downbeat = next((i for i, p in enumerate(grid.positions) if p == 1 and i >= low), low)
    for beats in readings:
        count = len(beats) - 1
        repeats = wish.repeat if wish.repeat is not None else count * 2 <= high - low
        if repeats and count >= meter:
            count = max(meter, round(count / meter) * meter) if abs(count - round(count / meter) * meter) <= 1 else count // meter * meter
            beats = _lengthened(beats, count)
        if wish.at_beat is not None:
            starts = [wish.at_beat]
        elif repeats:
            starts = list(range(downbeat, downbeat + min(count, MOST_PLACES)))
        else:
            room = max(0, high - low - count)
            every = max(1, -(-room // (MOST_PLACES * meter))) * meter  # whole bars, every bar of a song of ordinary length
            starts = sorted({*range(downbeat - meter + 1, downbeat + meter + 1), *range(downbeat, low + room + 1, every)})
        for start in starts:
            first = max(low, start) if wish.at_beat is not None or not repeats else low
            out.append(_Place(beats, start, (first, high if repeats else min(high, start + count)), repeats))
    return out


def _lengthened(beats: Array, count: int) -> Array:
    """Exactly `count` beats: cut, or one more at the end."""
    if len(beats) - 1 >= count:
        return beats[: count + 1]
    step = float(np.median(np.diff(beats)))
    return np.concatenate([beats, beats[-1] + step * np.arange(1, count + 2 - len(beats))])


def _harmony(song: Heard, stem: Heard, role: StemRole) -> tuple[Array, Array]:
    """Agreement per frame with each transposition [12, n], and the weight of the frames."""
    bass = role is StemRole.BASS
    own = centred(stem.bass_chroma if bass else stem.chroma)
    full, low = centred(song.chroma), centred(song.bass_chroma)
    target = (1 - BASS_SHARE) * full + BASS_SHARE * low if bass else full
    turned = np.array([(np.roll(own, k, 0) * target).sum(0) for k in range(12)])
    return turned, np.sqrt(stem.rms) * (own.any(0))


def _rated(meeting: Meeting, p: _Place, wish: ConformWish) -> list[tuple[float, _Place]]:
    """A cheap comparison of one place: accents met, harmony in its best two transpositions, less for stretching far."""
    stem, song = meeting.stem(p), meeting.song
    if stem.silent:
        return []
    a, b = stem.accents, song.accents / (song.accents.std(1, keepdims=True) + 1e-6)
    met = float((a * b).sum() / (np.sqrt((a**2).sum() * (b**2 * (a.any(0))).sum()) + 1e-9))
    value = met - STRETCH_COST * abs(float(np.log(np.median(np.diff(p.beats_s)) * meeting.grid.tempo_bpm / 60)))
    if not meeting.role.pitched:
        return [(value, p)]
    turned, weight = _harmony(song, stem, meeting.role)
    mean = (turned * weight).sum(1) / (weight.sum() + 1e-9)
    shifts = TRANSPOSITIONS if wish.semitones is None else (wish.semitones,)
    rated = [(value + HARMONY_WEIGHT * float(mean[k % 12]) - SHIFT_COST * abs(k), replace(p, semitones=k)) for k in shifts]
    return sorted(rated, key=lambda r: -r[0])[:2]


def _one_shift(p: _Place, grid: BeatGrid) -> list[tuple[float, int]]:
    return [(float(grid.seconds_at(p.span[0])), p.semitones)]


def _judged(meeting: Meeting, p: _Place, edges: list[tuple[float, int]] | None = None) -> float:
    """The judge's score of a place; edges: transpositions from moments of the song on."""
    stem, role = meeting.stem(p), meeting.role
    if stem.silent:
        return 0.0
    if role.pitched:
        where = edges or _one_shift(p, meeting.grid)
        stem = replace(
            stem, arrivals=_turned(stem.arrivals, where, ACCENT_RATE_HZ), chroma=_turned(stem.chroma, where, CHROMA_RATE_HZ),
            bass_chroma=_turned(stem.bass_chroma, where, CHROMA_RATE_HZ),
        )  # fmt: skip
    return score(hear_contrasts(meeting.song, stem, role), role, Calibration.default()).value


def _turned(x: NDArray[np.float32], edges: list[tuple[float, int]], rate_hz: float) -> NDArray[np.float32]:
    """Rows of pitch classes [12, frames], transposed from each edge on."""
    index = np.searchsorted([e[0] for e in edges], np.arange(x.shape[1]) / rate_hz, side="right") - 1
    shifts = np.array([e[1] for e in edges])[np.maximum(index, 0)]
    return np.take_along_axis(x, (np.arange(12)[:, None] - shifts[None]) % 12, 0)


def _chord_by_chord(meeting: Meeting, p: _Place) -> list[tuple[float, int]]:
    """A transposition for each chord of the song, by dynamic programming: agreement against the cost of changing it."""
    turned, weight = _harmony(meeting.song, meeting.stem(p), meeting.role)
    start, end = float(meeting.grid.seconds_at(p.span[0])), float(meeting.grid.seconds_at(p.span[1]))
    edges = [start, *(t for t in meeting.changes_s if start + 0.2 < t < end - 0.2)]
    frames = [int(t * CHROMA_RATE_HZ) for t in (*edges, end)]
    gains = []
    for a, b in itertools.pairwise(frames):
        w = weight[a:b]
        gains.append([float((turned[k % 12, a:b] * w).sum() / (w.sum() + 1e-9)) - SHIFT_COST * abs(k) for k in TRANSPOSITIONS])
    total, back = np.array(gains[0]), []
    for row in gains[1:]:
        stay, best = total, int(np.argmax(total))
        moved = float(total[best]) - CHANGE_COST
        back.append(np.where(stay >= moved, np.arange(len(TRANSPOSITIONS)), best))
        total = np.maximum(stay, moved) + np.array(row)
    k = int(np.argmax(total))
    path = [k]
    for pointers in back[::-1]:
        path.append(int(pointers[path[-1]]))
    return [(t, TRANSPOSITIONS[k]) for t, k in zip(edges, path[::-1], strict=True)]


def _anchors(p: _Place, grid: BeatGrid, edges: list[tuple[float, int]], tuning: float) -> tuple[Anchor, ...]:
    """One for every beat that is filled; where the clip begins again, two: its end, and its beginning at the same moment."""
    starts, out = [e[0] for e in edges], list[Anchor]()
    for beat in range(p.span[0], p.span[1] + 1):
        position = beat - p.start
        target = float(grid.seconds_at(beat))
        if target < 0:
            continue
        shift = edges[max(0, int(np.searchsorted(starts, target + 0.05, side="right")) - 1)][1] + tuning
        if p.repeats:
            turn = position % p.count
            if turn == 0 and out:
                out.append(Anchor(float(p.beats_s[p.count]), target, shift))
            if beat < p.span[1] or turn:
                out.append(Anchor(float(p.beats_s[turn]), target, shift))
        elif 0 <= position <= p.count:
            turn = position
            out.append(Anchor(float(p.beats_s[position]), target, shift))
        else:
            continue
        if (
            0 <= beat < min(len(grid) - 1, p.span[1]) and grid.intervals[beat] > 1 and turn < p.count
        ):  # one beat, then silence: nobody stretches it over a break
            out.append(Anchor(float(p.beats_s[turn + 1]), target + 60 / grid.tempo_bpm, shift))
    return tuple(out)
