"""Chord emissions per segment (about a beat): one hidden layer, applied 12 times with the chroma rotated so that the root comes
first. Twelve times less to learn than an absolute network, and no bias towards any key. Recipe: training/chords."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sideman.core.analysis.chords.pitch import FRAME_RATE_HZ, LOWEST_PITCH, PITCHES, PitchActivations
from sideman.core.music.harmony import QUALITIES

CLASSES = ("maj", "min", "7", "maj7", "min7", "sus4", "sus2", "dim", "aug", "hdim7", "dim7")
INTERVALS = tuple(QUALITIES[q] for q in CLASSES)
PER_ROOT = len(CLASSES)
CHORDS = 12 * PER_ROOT + 1
NONE = CHORDS - 1
KEYS, BLOCK = 24, 4096
_BAND_EDGES = ((24, 26, 45, 52), (43, 48, 57, 62), (57, 62, 71, 76), (71, 76, 92, 100))  # bass, tenor, middle, high
_ROTATIONS = np.array([[(r + j) % 12 for j in range(12)] for r in range(12)])

Matrix = NDArray[np.float32]


def _trapezes() -> Matrix:
    pitch = np.arange(PITCHES) + LOWEST_PITCH
    rows = [np.clip(np.minimum((pitch - a) / (b - a), (d - pitch) / (d - c)), 0, 1) for a, b, c, d in _BAND_EDGES]
    return np.array(rows, np.float32)


_BANDS = _trapezes()
_BASS_AND_REST = np.stack([_BANDS[0], _BANDS[1:].max(0)])


def _fold(x: Matrix, bands: Matrix) -> Matrix:
    """[segments, 84] -> [segments, bands, 12], pitch class 0 = C."""
    return (x[:, None, :] * bands[None]).reshape(len(x), len(bands), PITCHES // 12, 12).sum(2)


def segment_grid(beats_s: ArrayLike, duration_s: float, shortest_s: float = 0.28, longest_s: float = 0.83) -> NDArray[np.float64]:
    """Segment limits from beats: slow beats are halved, fast ones paired, gaps and both ends filled; 0.4 s without beats."""
    beats = np.asarray(beats_s, float)
    beats = beats[(beats > 0) & (beats < duration_s)]
    if len(beats) < 4:
        return np.unique(np.arange(0, duration_s + 0.4, 0.4).clip(0, duration_s))
    if np.median(np.diff(beats)) < shortest_s:
        beats = beats[::2]
    median = float(np.median(np.diff(beats)))
    per_beat = 2 if median > longest_s else 1
    inner: list[float] = []
    for a, b in itertools.pairwise(beats):
        n = max(per_beat, round((b - a) / median * per_beat)) if b - a > 1.6 * median else per_beat
        inner += list(a + (b - a) * np.arange(n) / n)
    step = median / per_beat
    before = np.arange(beats[0] - step, 0, -step)[::-1]
    grid = np.concatenate([[0], before, inner, [beats[-1]], np.arange(beats[-1] + step, duration_s, step), [duration_s]])
    kept = grid[np.concatenate([[True], np.diff(grid) > 0.06])]
    return kept if kept[-1] == duration_s else np.append(kept[:-1] if len(kept) > 2 else kept, duration_s)


@dataclass(frozen=True, eq=False)
class Segments:
    """chroma [n, 10, 12] and scalars [n, 4]: what the network reads; key_chroma [n, 2, 12]: bass and rest, for the key."""

    limits_s: NDArray[np.float64]
    chroma: Matrix
    scalars: Matrix
    key_chroma: Matrix

    def __len__(self) -> int:
        return len(self.chroma)

    @property
    def lengths_s(self) -> NDArray[np.float64]:
        return np.diff(self.limits_s)


def _pool(x: Matrix, limits_s: NDArray[np.float64]) -> Matrix:
    total = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, 0, dtype=np.float64)])
    a = np.clip(np.ceil(limits_s[:-1] * FRAME_RATE_HZ).astype(int), 0, len(x) - 1)
    b = np.clip(np.ceil(limits_s[1:] * FRAME_RATE_HZ).astype(int), a + 1, len(x))
    return ((total[b] - total[a]) / (b - a)[:, None]).astype(np.float32)


def segments(heard: PitchActivations, limits_s: NDArray[np.float64]) -> Segments:
    a, r = _pool(np.sqrt(heard.activations), limits_s), _pool(np.sqrt(heard.spectrum), limits_s)
    level = _pool(heard.level_db[:, None], limits_s)[:, 0]
    strength = np.sqrt((a**2).sum(1))
    typical = float(np.median(strength))
    a = a / (strength[:, None] + 0.05 * typical + 1e-6)
    raw = np.sqrt((r**2).sum(1, keepdims=True))
    r = r / (raw + 0.05 * np.median(raw) + 1e-6)
    bands, context = _fold(a, _BANDS), _fold(a, _BASS_AND_REST)
    before, after = np.concatenate([context[:1], context[:-1]]), np.concatenate([context[1:], context[-1:]])
    chroma = np.concatenate([bands, _fold(r, _BASS_AND_REST), before, after], 1) * 2
    share = bands.sum(1)
    share = share / (share.sum(1, keepdims=True) + 1e-6)
    entropy = -(share * np.log(share + 1e-6)).sum(1)
    scalars = np.stack(
        [
            np.clip((level - np.percentile(level, 95)) / 20, -4, 1),
            np.clip(np.log(strength / (typical + 1e-6) + 1e-3), -4, 2),
            (entropy - 2.2) * 3,
            np.clip(np.diff(limits_s), 0, 1.5),
        ],
        1,
    ).astype(np.float32)
    return Segments(limits_s, chroma.astype(np.float32), scalars, context)


def rotate(chroma: Matrix) -> Matrix:
    """[n, bands, 12] -> [n, 12 roots, bands * 12], the root first."""
    return chroma[:, :, _ROTATIONS].transpose(0, 2, 1, 3).reshape(len(chroma), 12, -1)


def log_softmax(z: NDArray[np.floating], axis: int = -1) -> NDArray[np.floating]:
    z = z - z.max(axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis, keepdims=True))


@dataclass(frozen=True, eq=False)
class Emissions:
    """log probabilities: chords [n, 133] (root-major, N last) and bass pitch class [n, 12]."""

    chords: Matrix
    bass: Matrix


class EmissionNetwork:
    """Several networks of one shape, trained on different songs: the mean of what they say is steadier than each."""

    def __init__(self, members: Sequence[dict[str, Matrix]]) -> None:
        self._members = tuple(members)

    @classmethod
    @cache
    def default(cls) -> EmissionNetwork:
        folder = Path(__file__).parent
        return cls.load(folder / "weights.npz", folder / "weights_2.npz")

    @classmethod
    def load(cls, *paths: Path) -> EmissionNetwork:
        members = []
        for path in paths:
            with np.load(path) as stored:
                members.append({k: stored[k].astype(np.float32) for k in stored.files})
        return cls(members)

    def __call__(self, seen: Segments) -> Emissions:
        """In blocks: twelve rotations of every segment would take 12 kB each."""
        chords, bass = np.zeros((len(seen), CHORDS), np.float32), np.zeros((len(seen), 12), np.float32)
        for a in range(0, len(seen), BLOCK):
            part = slice(a, a + BLOCK)
            for w in self._members:
                heard = _emissions(w, seen.chroma[part], seen.scalars[part])
                chords[part] += heard.chords / len(self._members)
                bass[part] += heard.bass / len(self._members)
        return Emissions(chords, bass)

    def key_scores(self, seen: Segments, span_s: float) -> Matrix:
        """log p(key) [n, 24] (12 major, 12 minor) from the chroma of +- span_s around each segment."""
        chroma, out = np.sqrt(long_chroma(seen, span_s)), np.zeros((len(seen), KEYS), np.float32)
        for a in range(0, len(seen), BLOCK):
            x = rotate(chroma[a : a + BLOCK])
            for w in self._members:
                scores = (x @ w["key"] + w["key_bias"]).transpose(0, 2, 1).reshape(-1, KEYS)
                out[a : a + BLOCK] += log_softmax(scores) / len(self._members)
        return out


def _emissions(w: dict[str, Matrix], chroma: Matrix, scalars: Matrix) -> Emissions:
    n = len(chroma)
    own = np.repeat(scalars @ w["scalar"] + w["hidden_bias"], 12, 0)
    h = np.maximum(0, rotate(chroma).reshape(n * 12, -1) @ w["hidden"] + own)
    out = (h @ w["out"] + w["out_bias"]).reshape(n, 12, PER_ROOT + 1)
    none = h.reshape(n, 12, -1).mean(1) @ w["none"] + scalars @ w["none_scalar"] + w["none_bias"]
    chords = np.concatenate([out[:, :, :PER_ROOT].reshape(n, -1), none], 1)
    return Emissions(log_softmax(chords), log_softmax(out[:, :, PER_ROOT]))


def long_chroma(seen: Segments, span_s: float) -> Matrix:
    """[n, 2, 12]: chroma summed over +- span_s, unit sum per band, times 12."""
    limits = seen.limits_s
    total = np.concatenate([np.zeros((1, 2, 12)), np.cumsum(seen.key_chroma * seen.lengths_s[:, None, None], 0)])
    middle = (limits[1:] + limits[:-1]) / 2
    a = np.searchsorted(limits, middle - span_s).clip(0, len(seen) - 1)
    b = np.maximum(np.searchsorted(limits, middle + span_s).clip(1, len(seen)), a + 1)
    window = total[b] - total[a]
    return (window / (window.sum(2, keepdims=True) + 1e-6) * 12).astype(np.float32)
