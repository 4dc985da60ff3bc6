"""After the network: what the drums repeat from stroke to stroke below 200 Hz stays theirs, what differs goes to the bass.

A kick and a bass note share the lowest bins and often begin together, but the kick sounds alike every time while the note has a pitch of its
own: the median over all strokes of a block is the drum (the idea of REPET, Rafii & Pardo, IEEE TASLP 2013, on strokes instead of bars).
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.separation.backends.preview.bands import BIN_HZ
from sideman.core.separation.backends.preview.bass_comb import BASS, DRUMS

TOP_HZ, FADE_HZ, FADE_WIDTH_HZ = 200.0, 150.0, 15.0
STROKE_WINDOWS = 20
"""0.46 s: a kick and its decay; the first one lies before the stroke."""
FEWEST_STROKES = 6
STROKE_RISE, STROKE_DISTANCE = 0.25, 4
ALIKE_PERCENT, ROUNDS = 40, 2
"""The median is taken anew, twice, from the strokes that are most like it."""
LOUD_CELLS = 0.15
GAIN_QUANTILE = 0.55
MOST, LEAST = 1.3, 0.9
"""Times the repeated stroke: what the drums may keep, and what they are given."""

Array = NDArray[np.float32]


def _strokes(magnitude: Array) -> NDArray[np.int64]:
    """Windows in which the drums rise, far enough from either end."""
    level = magnitude.sum(1)
    rise = np.maximum(0, np.diff(level, prepend=level[:1]))
    rise = rise + np.append(rise[1:], 0)
    if rise.max() <= 0:
        return np.zeros(0, np.int64)
    peaks, _ = scipy.signal.find_peaks(rise, height=STROKE_RISE * np.percentile(rise, 99.5), distance=STROKE_DISTANCE)
    return peaks[(peaks > 0) & (peaks <= len(level) - STROKE_WINDOWS)]


def _repeated(magnitude: Array, strokes: NDArray[np.int64]) -> Array:
    """The part of the drums' magnitude that every stroke has, each at its own loudness."""
    patches = np.stack([magnitude[i - 1 : i - 1 + STROKE_WINDOWS] for i in strokes])
    unit = patches / (np.linalg.norm(patches, axis=(1, 2), keepdims=True) + 1e-9)
    stroke = np.median(unit, 0)
    for _ in range(ROUNDS):
        alike = (unit * stroke).sum((1, 2))
        stroke = np.median(unit[alike >= np.percentile(alike, ALIKE_PERCENT)], 0)
    loud = stroke > LOUD_CELLS * stroke.max()
    if not loud.any():
        return magnitude
    gains = np.quantile((patches / (stroke + 1e-9))[:, loud], GAIN_QUANTILE, axis=1)
    out = np.zeros_like(magnitude)
    for i, gain in zip(strokes, gains, strict=True):
        there = out[i - 1 : i - 1 + STROKE_WINDOWS]
        np.maximum(there, gain * stroke, out=there)
    return out


def by_repetition(power: Array, masks: Array) -> Array:
    """power [frames, bins], masks [4, frames, bins] summing to one -> masks that still sum to one; as they were with too few strokes."""
    bins = int(TOP_HZ / BIN_HZ)
    drums, bass, low = masks[DRUMS, :, :bins], masks[BASS, :, :bins], power[:, :bins]
    magnitude = np.sqrt(low * drums)
    strokes = _strokes(magnitude)
    if len(strokes) < FEWEST_STROKES:
        return masks
    repeated = _repeated(magnitude, strokes)
    kept = np.minimum(1, MOST * repeated / np.maximum(magnitude, 1e-9)) ** 2
    kept[: strokes[0] - 1] = 1
    given = np.minimum(bass, np.clip(np.minimum(1, (LEAST * repeated) ** 2 / np.maximum(low, 1e-12)) - drums, 0, None))
    fade = 1 / (1 + np.exp((np.arange(bins) * BIN_HZ - FADE_HZ) / FADE_WIDTH_HZ))
    moved = (drums * (1 - kept) - given) * fade
    out = masks.copy()
    out[DRUMS, :, :bins] -= moved
    out[BASS, :, :bins] += moved
    return out
