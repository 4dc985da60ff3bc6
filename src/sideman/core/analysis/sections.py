"""Sections by bar-wise similarity: convolutive block matching (Marmoret et al., TISMIR 2023) and agglomerative letters.

Every bar is a vector of spectrum and pitch at eight places; the best partition into blocks is found by dynamic programming, blocks
of eight and four bars are preferred, and blocks that sound alike get one letter.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.analysis.chords.pitch import FRAME_RATE_HZ, PitchActivations
from sideman.core.music import BeatGrid, Section

PLACES_PER_BAR = 8
KERNEL_BARS, LONGEST_BARS = 7, 36
SAME_LETTER = 0.65
FRAGMENT = 0.6
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class LevelCurve:
    """Short-term level of the recording, one value per hop_s: rms [n] of the signal and bright_rms [n] of its first difference."""

    rms: NDArray[np.float32]
    bright_rms: NDArray[np.float32]
    hop_s: float

    def decibels_between(self, start_s: float, end_s: float) -> float:
        """Mean of both levels in dB: a lone guitar can be as loud as the band, but not as bright."""
        a, b = int(start_s / self.hop_s), max(int(start_s / self.hop_s) + 1, int(np.ceil(end_s / self.hop_s)))
        levels = [float((x[a:b] ** 2).mean()) if len(x[a:b]) else 0.0 for x in (self.rms, self.bright_rms)]
        return float(np.mean([10 * np.log10(v + 1e-10) for v in levels]))


def bar_limits(grid: BeatGrid, duration_s: float) -> NDArray[np.float64]:
    """Bar lines from start to end. Whole bars before the first and after the last beat count; a fragment joins its neighbour, or the
    count of bars, on which the preferred lengths hang, would be off by one."""
    lines = np.array([float(grid.seconds_at(b.first_beat)) for b in grid.bars])
    bar_s = float(np.median(np.diff(lines))) if len(lines) > 1 else duration_s
    before = np.arange(lines[0] - bar_s, -bar_s / 2, -bar_s)[::-1]
    after = np.arange(lines[-1] + bar_s, duration_s, bar_s)
    limits = np.concatenate([before, lines, after])
    limits = limits[(limits > FRAGMENT * bar_s) & (limits < duration_s - FRAGMENT * bar_s)]
    return np.concatenate([[0.0], limits, [duration_s]])


def _bar_vectors(x: Array, limits: NDArray[np.float64]) -> Array:
    rows = []
    for a, b in itertools.pairwise(limits):
        t = a + (np.arange(PLACES_PER_BAR) + 0.5) / PLACES_PER_BAR * (b - a)
        rows.append(x[np.clip((t * FRAME_RATE_HZ).astype(int), 0, len(x) - 1)].ravel())
    return np.array(rows)


def _normalised(x: Array) -> Array:
    x = x - x.mean(0)
    return np.asarray(x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-9))


def _similarity(x: Array) -> Array:
    z = _normalised(x)
    distance = np.maximum(0, 2 - 2 * z @ z.T)
    upper = distance[np.triu_indices(len(z), 1)]
    return np.asarray(np.exp(-distance / (2 * (float(np.std(upper)) if len(upper) else 1.0) + 1e-9)))


def _length_cost(bars: int) -> float:
    return 0.0 if bars == 8 else 0.25 if bars % 4 == 0 else 0.5 if bars % 2 == 0 else 1.0


def block_limits(similarity: Array) -> list[int]:
    """Bar indices at which blocks start, and the number of bars at the end."""
    n = len(similarity)
    band = np.abs(np.arange(n)[:, None] - np.arange(n)[None])
    near = np.where((band >= 1) & (band <= KERNEL_BARS), similarity, 0.0)
    total = np.zeros((n + 1, n + 1))
    total[1:, 1:] = near.cumsum(0).cumsum(1)

    def inside(a: int, b: int) -> float:
        return float(total[b, b] - total[a, b] - total[b, a] + total[a, a]) / (b - a)

    unit = max((inside(i, i + 8) for i in range(n - 7)), default=1.0)
    best, back = np.full(n + 1, -np.inf), np.zeros(n + 1, int)
    best[0] = 0.0
    for end in range(1, n + 1):
        for start in range(max(0, end - LONGEST_BARS), end):
            value = best[start] + inside(start, end) - _length_cost(end - start) * unit
            if value > best[end]:
                best[end], back[end] = value, start
    limits = [n]
    while limits[-1] > 0:
        limits.append(int(back[limits[-1]]))
    return limits[::-1]


def _alike(a: Array, b: Array) -> float:
    """Best mean cosine of two runs of bars over all alignments."""
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    return max(float((short * long[k : k + len(short)]).sum(1).mean()) for k in range(len(long) - len(short) + 1))


def _letters(limits: list[int], timbre: Array, pitch: Array) -> list[str]:
    blocks = list(itertools.pairwise(limits))
    if len(blocks) < 2:
        return ["A"] * len(blocks)
    t, p = _normalised(timbre), _normalised(pitch)
    n = len(blocks)
    distance = np.zeros((n, n))
    for i, (a, b) in enumerate(blocks):
        for j, (c, d) in enumerate(blocks[:i]):
            ratio = min(b - a, d - c) / max(b - a, d - c)
            value = 0.5 * _alike(t[a:b], t[c:d]) + 0.5 * _alike(p[a:b], p[c:d]) - 0.2 * (ratio < 0.45)
            distance[i, j] = distance[j, i] = np.clip(1 - value, 0, 2)
    groups = scipy.cluster.hierarchy.fcluster(
        scipy.cluster.hierarchy.linkage(scipy.spatial.distance.squareform(distance, checks=False), "average"), SAME_LETTER, "distance"
    )
    order = {g: LETTERS[min(k, 25)] for k, g in enumerate(dict.fromkeys(groups))}
    return [order[g] for g in groups]


def _energies(blocks: list[tuple[float, float]], level: LevelCurve) -> list[float]:
    """0 at 15 dB under the loudest section, 1 at the loudest."""
    db = np.array([level.decibels_between(a, b) for a, b in blocks])
    return [float(x) for x in np.clip(1 + (db - db.max()) / 15, 0, 1)]


def estimate(heard: PitchActivations, grid: BeatGrid, level: LevelCurve, duration_s: float) -> tuple[Section, ...]:
    """Sections that start on bar lines and together cover the recording."""
    limits = bar_limits(grid, duration_s)
    timbre = _bar_vectors(np.log1p(heard.spectrum), limits)
    pitch = _bar_vectors(np.sqrt(heard.activations.reshape(len(heard.activations), -1, 12).sum(1)), limits)
    similarity = 0.5 * _similarity(timbre) + 0.5 * _similarity(pitch)
    cut = block_limits(similarity)
    letters = _letters(cut, timbre, pitch)
    spans = [(float(limits[a]), float(limits[b])) for a, b in itertools.pairwise(cut)]
    energies = _energies(spans, level)
    sure = [float(np.clip(similarity[a:b, a:b].mean(), 0, 1)) for a, b in itertools.pairwise(cut)]
    rows = zip(spans, letters, energies, sure, strict=True)
    return tuple(Section(a, b, letter, energy, confidence) for (a, b), letter, energy, confidence in rows)
