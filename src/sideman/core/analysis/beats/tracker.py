"""Windows, choice of the level, stitching: from a mono reader to one beat grid with alternatives and a confidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.core.analysis.beats import bars
from sideman.core.analysis.beats.description import at_phases, describe, pooled, triple_share
from sideman.core.analysis.beats.onsets import FRAME_RATE_HZ, SAMPLE_RATE_HZ, OnsetWindow, hear
from sideman.core.analysis.beats.pulses import agreement, candidates, settled
from sideman.core.analysis.beats.readings import alternatives
from sideman.core.audio import AudioReader, blocks
from sideman.core.music.timeline import BeatGrid, Meter, TempoAlternative

WINDOW_S, STEP_S = 120.0, 95.0
BAR_CANDIDATES = 7
SEAM_COST = 12.0
LEAST_CONTRAST = 2.2
"""Activation on the beats of the sharpest pulse against its mean. Noise, steady tones and chirps reach 1.4 to 2.1; music 3.4 and more."""
COMPOUND_LIMIT_BPM = 100.0
"""Faster beats that divide in three are swing, not compound time."""
TIMING_BIAS_S = 0.005
"""The 46 ms window reports hits 3 to 11 ms late."""
SILENT_SHARE, SILENCE_S = 1e-3, 0.1
AT_ONCE_S, HEAD_S, STARTS_SHARE = 0.03, 1.0, 0.2
"""A first beat lies so near to the beginning, where it sounds at once: a share of the loudest of the first second."""


class Scorer:
    """The trained numbers: level choice (linear + tanh layer), downbeat logistic, joint choice. Recipe: training/beats."""

    def __init__(self, weights: dict[str, NDArray[np.float64]]) -> None:
        self._w = weights
        self.downbeat = weights["downbeat"]

    @classmethod
    @cache
    def default(cls) -> Scorer:
        with np.load(Path(__file__).parent / "weights.npz") as stored:
            return cls({k: stored[k].astype(np.float64) for k in stored.files})

    def level(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        w = self._w
        z = np.clip((x - w["level_mean"]) / w["level_scale"], -4, 4)
        return np.tanh(z @ w["level_hidden"] + w["level_bias"]) @ w["level_out"] + z @ w["level_linear"]

    def joint(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        w = self._w
        return np.clip((x - w["joint_mean"]) / w["joint_scale"], -4, 4) @ w["joint_linear"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A pulse of one window with its bars; score in nats, probability among the window's candidates."""

    beats: NDArray[np.float64]
    tempo_bpm: float
    beats_per_bar: int
    first_downbeat: int
    compound_share: float
    found: bars.BarEvidence
    contrast: float
    score: float = 0.0
    probability: float = 0.0


@dataclass(frozen=True)
class BeatTracking:
    """grid is None where no pulse was found."""

    grid: BeatGrid | None
    confidence: float
    alternatives: tuple[TempoAlternative, ...]


def window_candidates(window: OnsetWindow, scorer: Scorer) -> list[Candidate]:
    pool, found = pooled(window), candidates(window)
    if not found:
        return []
    level = scorer.level(np.array([describe(window, pool, p.beats) for p in found]))
    order = np.argsort(-level)[:BAR_CANDIDATES]
    rows, out = [], []
    for k in order:
        pulse = found[k]
        compound = triple_share(at_phases(pool, pulse.beats)[:, :, 4].mean(0))
        seen = bars.evidence(window, pool, pulse.beats, scorer.downbeat)
        decoding = bars.decode(seen.log_downbeat, seen.log_other, seen.repetition, compound)
        rows.append(np.concatenate([[level[k] - level[order[0]]], bars.summary(decoding, seen, pulse.tempo_bpm, compound)]))
        out.append(
            Candidate(
                settled(pulse.beats, window.activation),
                pulse.tempo_bpm,
                decoding.beats_per_bar,
                _first_downbeat(decoding),
                compound,
                seen,
                _contrast(window, pulse.beats),
            )
        )
    z = scorer.joint(np.array(rows))
    p = np.exp(z - z.max())
    p /= p.sum()
    return [replace(c, score=float(a), probability=float(b)) for c, a, b in zip(out, z, p, strict=True)]


def _first_downbeat(decoding: bars.BarDecoding) -> int:
    return next((b.first_beat for b in decoding.bars if b.first_beat >= 0), 0)


def _contrast(window: OnsetWindow, beats: NDArray[np.float64]) -> float:
    on = window.activation[np.clip(np.round(beats).astype(int), 0, len(window) - 1)]
    return float(on.mean() / (window.activation.mean() + 1e-9))


@dataclass(frozen=True)
class _Window:
    start_s: float
    candidates: list[Candidate]


def _windows(reader: AudioReader, scorer: Scorer, sounding_s: tuple[float, float]) -> Iterable[_Window]:
    """Of what sounds alone: in a window that is mostly silence the tempo would be a guess."""
    start, end = max(0.0, sounding_s[0] - SILENCE_S), sounding_s[1] + SILENCE_S
    while True:
        block = reader.read(round(start * SAMPLE_RATE_HZ), round(min(WINDOW_S, end - start) * SAMPLE_RATE_HZ)).samples[0]
        heard = hear(block)
        yield _Window(start, window_candidates(heard, scorer) if heard else [])
        if start + WINDOW_S >= end:
            return
        start += STEP_S


def _seam(left: _Window, right: _Window) -> NDArray[np.float64]:
    """Cost of every pair of candidates: disagreement of their beats in the overlap."""
    shape = (max(1, len(left.candidates)), max(1, len(right.candidates)))
    cost = np.zeros(shape)
    if not left.candidates or not right.candidates:
        return cost
    low, high = (right.start_s - left.start_s) * FRAME_RATE_HZ, WINDOW_S * FRAME_RATE_HZ
    for i, a in enumerate(left.candidates):
        x = a.beats[(a.beats > low + 100) & (a.beats < high - 100)] - low
        for j, b in enumerate(right.candidates):
            y = b.beats[(b.beats > 100) & (b.beats < high - low - 100)]
            both = min(agreement(x, y, 7), agreement(y, x, 7)) if len(x) > 2 and len(y) > 2 else 0.0
            cost[i, j] = -SEAM_COST * (1 - both)
    return cost


def _pooled_by_tempo(found: Sequence[Candidate]) -> NDArray[np.float64]:
    """Log probability of each candidate's tempo, shared by all phases of it, plus half of that of its phase within the tempo.

    Two phases of the right tempo must not lose to one phase of half the tempo because they split its probability.
    """
    tempo, p = np.log([c.tempo_bpm for c in found]), np.array([c.probability for c in found])
    same = (np.abs(tempo[:, None] - tempo[None]) < 0.04) @ p
    return np.asarray(np.log(same + 1e-9) + 0.5 * np.log((p + 1e-9) / (same + 1e-9)))


def _stitch(windows: Sequence[_Window]) -> list[int]:
    """Viterbi over windows: which candidate of each."""
    value: NDArray[np.float64] | None = None
    back: list[NDArray[np.int64]] = []
    for n, w in enumerate(windows):
        score = _pooled_by_tempo(w.candidates) if w.candidates else np.zeros(1)
        if value is None:
            value = score - score.max()
            continue
        joined = value[:, None] + _seam(windows[n - 1], w)
        back.append(joined.argmax(0))
        value = joined.max(0) + score
        value -= value.max()
    assert value is not None
    path = [int(value.argmax())]
    for pointers in back[::-1]:
        path.append(int(pointers[path[-1]]))
    return path[::-1]


def _join(windows: Sequence[_Window], path: Sequence[int], duration_s: float) -> tuple[NDArray[np.float64], bars.BarEvidence]:
    """One beat list; each seam is cut in the middle of the overlap."""
    times, down, other, repetition = [], [], [], []
    cut = last = -9.0
    for n, (w, k) in enumerate(zip(windows, path, strict=True)):
        if not w.candidates:
            continue
        c = w.candidates[k]
        t = c.beats / FRAME_RATE_HZ + w.start_s
        end = windows[n + 1].start_s + (WINDOW_S - STEP_S) / 2 if n + 1 < len(windows) else duration_s + 1
        keep = (t > max(cut, last + 30 / c.tempo_bpm)) & (t <= end)
        silent = _filler(last, t[keep], 60 / c.tempo_bpm)
        for k_times, k_down, k_other in (
            (silent, np.full(len(silent), np.log(0.25)), np.full(len(silent), np.log(0.75))),
            (t[keep], c.found.log_downbeat[keep], c.found.log_other[keep]),
        ):
            times.append(k_times)
            down.append(k_down)
            other.append(k_other)
            repetition.append(np.repeat(c.found.repetition[None], len(k_times), 0))
        cut, last = end, float(t[keep][-1]) if keep.any() else last
    return np.concatenate(times), bars.BarEvidence(np.concatenate(down), np.concatenate(other), np.concatenate(repetition))


def _filler(last_s: float, times_s: NDArray[np.float64], interval_s: float) -> NDArray[np.float64]:
    """Beats through a silence between two windows: the count goes on, as a musician's does."""
    if last_s < 0 or not len(times_s) or times_s[0] - last_s < 1.8 * interval_s:
        return np.zeros(0)
    count = round((times_s[0] - last_s) / interval_s)
    return np.asarray(last_s + (times_s[0] - last_s) * np.arange(1, count) / count)


def _positions(decoding: bars.BarDecoding, count: int) -> NDArray[np.int64]:
    """Place in the bar of every beat; beats before the first bar count up to it."""
    position = np.zeros(count, int)
    for bar in decoding.bars:
        for i in range(max(bar.first_beat, 0), min(bar.first_beat + bar.beats, count)):
            position[i] = i - bar.first_beat + 1
    first = decoding.bars[0].first_beat if decoding.bars else 0
    size = decoding.beats_per_bar
    for i in range(max(0, min(first, count))):
        position[i] = (i - first) % size + 1
    return position


def track(reader: AudioReader, scorer: Scorer | None = None) -> BeatTracking:
    """Beats of a mono reader at 44.1 kHz. Memory does not grow with its length."""
    scorer = scorer or Scorer.default()
    duration = reader.frames / reader.sample_rate_hz
    begin, end = _sounding(reader)
    windows = list(_windows(reader, scorer, (begin, end)))
    if not any(w.candidates for w in windows):
        return BeatTracking(None, 0.0, ())
    path = _stitch(windows)
    used = [(w, w.candidates[k]) for w, k in zip(windows, path, strict=True) if w.candidates]
    seen = [(w.start_s, w.candidates, c) for w, c in used]
    confidence = float(np.mean([c.probability for _, c in used]))
    times, found = _join(windows, path, duration)
    times = np.maximum(0.0, times - TIMING_BIAS_S)
    kept = np.concatenate([[True], np.diff(times) > 0]) & (times >= begin - SILENCE_S) & (times <= end + SILENCE_S)
    times, found = times[kept], found.at(kept)
    if np.median([max(c.contrast for c in w.candidates) for w, _ in used]) < LEAST_CONTRAST or len(times) < 4:
        return BeatTracking(None, confidence, alternatives(seen, None))
    compound = float(np.mean([c.compound_share for _, c in used]))
    decoding = bars.decode(found.log_downbeat, found.log_other, found.repetition, compound)
    grid = _from_the_start(_grid(times, decoding, compound), reader)
    return BeatTracking(grid, confidence, alternatives(seen, grid))


def _sounding(reader: AudioReader) -> tuple[float, float]:
    """Where the recording begins and ends to sound, to the tenth of a second; its beats are not counted on through the silence around it."""
    step, peaks = reader.sample_rate_hz // 10, []
    for block in blocks(reader, step * 100):
        x = np.abs(block[0])
        peaks.append(np.pad(x, (0, -len(x) % step)).reshape(-1, step).max(1))
    peak = np.concatenate(peaks) if peaks else np.zeros(1)
    loud = np.flatnonzero(peak > SILENT_SHARE * peak.max())
    return (float(loud[0]) / 10, float(loud[-1] + 1) / 10) if len(loud) else (0.0, 0.0)


def _from_the_start(grid: BeatGrid, reader: AudioReader) -> BeatGrid:
    """A recording that is cut on a beat begins with it: nothing is heard before its first stroke that it could rise from."""
    before = float(grid.times[0] - np.median(np.diff(grid.times[:5])))
    head = np.abs(reader.read(0, int(HEAD_S * reader.sample_rate_hz)).samples[0])
    at_once = int(AT_ONCE_S * reader.sample_rate_hz)
    if abs(before) > AT_ONCE_S or head[:at_once].max() <= STARTS_SHARE * head.max():
        return grid
    position = (grid.positions[0] - 2) % grid.meter.beats_per_bar + 1
    return BeatGrid.from_times([max(0.0, before), *grid.times_s], [position, *grid.positions], grid.meter)


def barred(reader: AudioReader, times_s: Sequence[float], scorer: Scorer | None = None) -> BeatGrid | None:
    """Beats from elsewhere with bars of ours over them; None where the recording is silent. Mono reader at 44.1 kHz."""
    scorer, times = scorer or Scorer.default(), np.asarray(times_s, float)
    count = len(times)
    down, other, repetition, shares = np.full(count, np.log(0.5)), np.full(count, np.log(0.5)), np.zeros((count, len(bars.METERS))), []
    for start in np.arange(0.0, reader.frames / reader.sample_rate_hz, WINDOW_S):
        inside = (times >= start) & (times < start + WINDOW_S)
        block = reader.read(int(start * SAMPLE_RATE_HZ), int(WINDOW_S * SAMPLE_RATE_HZ)).samples[0]
        window = hear(block) if inside.sum() > 2 else None
        if window is None:
            continue  # bars run on through a silent window: nothing there tells a downbeat from another beat
        pool, frames = pooled(window), (times[inside] - start) * FRAME_RATE_HZ
        seen = bars.evidence(window, pool, frames, scorer.downbeat)
        down[inside], other[inside], repetition[inside] = seen.log_downbeat, seen.log_other, seen.repetition
        shares.append(triple_share(at_phases(pool, frames)[:, :, 4].mean(0)))
    if not shares:
        return None
    compound = float(np.mean(shares))
    return _grid(times, bars.decode(down, other, repetition, compound), compound)


def _grid(times: NDArray[np.float64], decoding: bars.BarDecoding, compound: float) -> BeatGrid:
    slow = 60 / float(np.median(np.diff(times))) < COMPOUND_LIMIT_BPM
    meter = Meter(decoding.beats_per_bar, compound > 0.5 and slow and decoding.beats_per_bar in (2, 3, 4))
    return BeatGrid.from_times(times, _positions(decoding, len(times)), meter)
