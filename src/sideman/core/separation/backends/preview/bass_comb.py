"""After the network: follow the bass line and give its partials below 500 Hz to the bass."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.separation.backends.preview.bands import BIN_HZ

DRUMS, BASS, VOCALS, OTHER = range(4)
LOWEST_HZ, HIGHEST_HZ, TOP_HZ = 30.0, 260.0, 500.0
STEPS_PER_OCTAVE, HARMONICS, HARMONIC_DECAY = 60, 5, 0.86
REACH = 12
JUMP_COST, FAR_JUMP_COST = 0.6, 3.5
FROM_OTHER, FROM_VOCALS = 0.6, 0.3
OWN_SHARE = 0.4
"""Only frames whose fundamental already lies mostly in the bass are touched."""

Array = NDArray[np.float32]


def follow_pitch(magnitude: Array) -> NDArray[np.float64]:
    """f0 in Hz per frame from magnitudes [frames, bins]: weighted harmonic sum with a sub-octave penalty, then Viterbi."""
    f0 = LOWEST_HZ * 2 ** np.arange(0, np.log2(HIGHEST_HZ / LOWEST_HZ), 1 / STEPS_PER_OCTAVE)
    a = np.sqrt(magnitude)
    a = a / (a.mean(1, keepdims=True) + 0.2 * a.mean() + 1e-9)

    def at(multiple: float) -> Array:
        b = f0 * multiple / BIN_HZ
        i = np.minimum(b.astype(int), magnitude.shape[1] - 2)
        t = (b - i).astype(np.float32)
        return np.asarray(a[:, i] * (1 - t) + a[:, i + 1] * t)

    salience = sum((HARMONIC_DECAY ** (h - 1) * at(h) for h in range(1, HARMONICS + 1)), np.zeros((len(a), len(f0)), np.float32))
    salience -= 0.35 * at(1.5) + 0.3 * at(2.5)
    salience = scipy.ndimage.gaussian_filter1d(salience, 1.0, axis=0)
    return f0[_viterbi(salience)]


def _viterbi(salience: Array) -> NDArray[np.int64]:
    """Small steps cost by distance; from the best place of a frame any place can be reached at a fixed cost."""
    frames, states = salience.shape
    step_cost = JUMP_COST * np.abs(np.arange(-REACH, REACH + 1)) / 5
    value, index = salience[0].astype(float), np.arange(states)
    back = np.zeros((frames, states), np.int16)
    for t in range(1, frames):
        padded = np.pad(value, REACH, constant_values=-1e9)
        near = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH + 1) - step_cost
        j = near.argmax(1)
        best = near[index, j]
        top = int(value.argmax())
        far = value[top] - FAR_JUMP_COST
        back[t] = np.where(far > best, top, index + j - REACH)
        value = np.maximum(far, best) + salience[t]
    path = np.zeros(frames, int)
    path[-1] = int(value.argmax())
    for t in range(frames - 1, 0, -1):
        path[t - 1] = back[t][path[t]]
    return path


def _comb(f0: NDArray[np.float64], bins: int, partials: int = 12, width_hz: float = 9.0) -> Array:
    """1 on the partials of f0, Gaussian flanks, [frames, bins]."""
    f = np.arange(bins) * BIN_HZ
    h = np.maximum(1, np.round(f[None] / f0[:, None]))
    distance = f[None] - h * f0[:, None]
    comb = np.exp(-0.5 * (distance / (width_hz * (1 + 0.03 * h))) ** 2) * (h <= partials)
    return comb.astype(np.float32)


def refine(power: Array, masks: Array) -> Array:
    """power [frames, bins], masks [4, frames, bins] summing to one -> masks that still sum to one."""
    magnitude = np.sqrt(power)
    bins = int(1400 / BIN_HZ)
    f = np.arange(bins) * BIN_HZ
    tonal = magnitude[:, :bins] * (masks[BASS, :, :bins] + 0.3 * masks[OTHER, :, :bins]) / (1 + (f / 250) ** 2)
    f0 = follow_pitch(tonal.astype(np.float32))
    rows, i = np.arange(len(power)), np.clip(np.round(f0 / BIN_HZ).astype(int), 1, power.shape[1] - 2)

    def around(x: Array) -> Array:
        return np.asarray(x[rows, i - 1] + x[rows, i] + x[rows, i + 1])

    own = around(power * masks[BASS]) / (around(power) + 1e-12)
    trust = np.clip((own - OWN_SHARE) / 0.2, 0, 1)
    low = int(1000 / BIN_HZ)
    share = _comb(f0, low) / (1 + np.exp((np.arange(low) * BIN_HZ - TOP_HZ) / 60)) * trust[:, None]
    out = masks.copy()
    from_other = masks[OTHER, :, :low] * share * FROM_OTHER
    from_vocals = masks[VOCALS, :, :low] * share * FROM_VOCALS
    out[OTHER, :, :low] -= from_other
    out[VOCALS, :, :low] -= from_vocals
    out[BASS, :, :low] += from_other + from_vocals
    return np.asarray(out, np.float32)
