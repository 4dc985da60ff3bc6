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
INTRODUCTION_COST = 0.35
SAME_LETTER = 0.65
EXACT_BARS, MOST_BLOCKS = 1500, 150
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


def _spread(z: Array) -> float:
    """Standard deviation of the squared distances between bars: of all pairs, of some where there are very many."""
    if len(z) > EXACT_BARS:
        z = z[np.random.default_rng(0).choice(len(z), EXACT_BARS, replace=False)]
    upper = np.maximum(0, 2 - 2 * z @ z.T)[np.triu_indices(len(z), 1)]
    return float(np.std(upper)) if len(upper) else 1.0


def _similarity(x: Array) -> Array:
    """[bars, LONGEST_BARS]: how alike bar i and bar i + d are, 0..1; no block is longer, so no more of the matrix is needed."""
    z = _normalised(x)
    scale, out = 2 * _spread(z) + 1e-9, np.zeros((len(z), LONGEST_BARS))
    for d in range(min(LONGEST_BARS, len(z))):
        out[: len(z) - d, d] = np.exp(-np.maximum(0, 2 - 2 * np.einsum("ij,ij->i", z[: len(z) - d], z[d:])) / scale)
    return out


def _length_cost(bars: int) -> float:
    return 0.0 if bars == 8 else 0.25 if bars % 4 == 0 else 0.5 if bars % 2 == 0 else 1.0


def _cost_at(bars: int, first: bool, last: bool) -> float:
    """An introduction of two bars is less of a surprise than a verse of ten.

    The bar in which the last chord rings out makes no block longer: else every section before it would begin a bar late.
    """
    cost = _length_cost(bars)
    if first and bars % 2 == 0:
        cost = min(cost, INTRODUCTION_COST)
    return min(cost, _length_cost(bars - 1)) if last and bars > 4 else cost


def _insides(similarity: Array) -> Array:
    """[bars + 1, LONGEST_BARS + 1]: mean similarity within KERNEL_BARS of the block of so many bars that ends there."""
    n = len(similarity)
    total = np.zeros((n + 1, LONGEST_BARS + 1))
    for end in range(1, n + 1):
        near = [similarity[end - 1 - k, k] for k in range(1, min(KERNEL_BARS, end - 1) + 1)]
        added = 2 * np.concatenate([[0.0], np.cumsum(near)])
        lengths = np.arange(1, min(LONGEST_BARS, end) + 1)
        total[end, lengths] = total[end - 1, lengths - 1] + added[np.minimum(lengths - 1, len(near))]
    return np.asarray(total / np.maximum(1, np.arange(LONGEST_BARS + 1)))


def block_limits(similarity: Array) -> list[int]:
    """Bar indices at which blocks start, and the number of bars at the end."""
    n, inside = len(similarity), _insides(similarity)
    unit = float(inside[8:, 8].max()) if n >= 8 else 1.0
    best, back = np.full(n + 1, -np.inf), np.zeros(n + 1, int)
    best[0] = 0.0
    for end in range(1, n + 1):
        for length in range(min(LONGEST_BARS, end), 0, -1):
            value = best[end - length] + inside[end, length] - _cost_at(length, end == length, end == n) * unit
            if value > best[end]:
                best[end], back[end] = value, end - length
    limits = [n]
    while limits[-1] > 0:
        limits.append(int(back[limits[-1]]))
    return limits[::-1]


def _evenness(similarity: Array, a: int, b: int) -> float:
    """Mean similarity of all pairs of bars in a block."""
    total = float(similarity[a:b, 0].sum()) + 2 * sum(float(similarity[a : b - d, d].sum()) for d in range(1, b - a))
    return float(np.clip(total / (b - a) ** 2, 0, 1))


def _alike(a: Array, b: Array) -> float:
    """Best mean cosine of two runs of bars over all alignments."""
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    return max(float((short * long[k : k + len(short)]).sum(1).mean()) for k in range(len(long) - len(short) + 1))


def _letters(limits: list[int], timbre: Array, pitch: Array) -> list[str]:
    """One letter for blocks that sound alike. A recording of hours is no song: every MOST_BLOCKS blocks begin anew, with a number before it."""
    if len(limits) - 1 <= MOST_BLOCKS:
        return _song_letters(limits, timbre, pitch)
    out = []
    for part, first in enumerate(range(0, len(limits) - 1, MOST_BLOCKS)):
        out += [f"{part + 1}{letter}" for letter in _song_letters(limits[first : first + MOST_BLOCKS + 1], timbre, pitch)]
    return out


def _song_letters(limits: list[int], timbre: Array, pitch: Array) -> list[str]:
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
    sure = [_evenness(similarity, a, b) for a, b in itertools.pairwise(cut)]
    rows = zip(spans, letters, energies, sure, strict=True)
    return tuple(Section(a, b, letter, energy, confidence) for (a, b), letter, energy, confidence in rows)
