"""Streaming building blocks of the channel strip: biquads (RBJ cookbook), block levels, ballistics, long FIR by overlap-add."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import Samples

BLOCK = 64
"""Control rate: 64 samples, 1.45 ms at 44.1 kHz."""
Curve = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Band:
    """One equaliser band. kind: high_pass, low_pass, peak, low_shelf, high_shelf."""

    kind: str
    frequency_hz: float
    gain_db: float = 0.0
    q: float = 0.707


def biquad(band: Band, rate: int) -> NDArray[np.float64]:
    """Second-order section [6] by the audio EQ cookbook."""
    a, w = 10 ** (band.gain_db / 40), 2 * np.pi * min(band.frequency_hz, 0.45 * rate) / rate
    alpha, c = np.sin(w) / 2 / band.q, np.cos(w)
    s = 2 * np.sqrt(a) * alpha
    if band.kind == "high_pass":
        num, den = [(1 + c) / 2, -1 - c, (1 + c) / 2], [1 + alpha, -2 * c, 1 - alpha]
    elif band.kind == "low_pass":
        num, den = [(1 - c) / 2, 1 - c, (1 - c) / 2], [1 + alpha, -2 * c, 1 - alpha]
    elif band.kind == "peak":
        num, den = [1 + alpha * a, -2 * c, 1 - alpha * a], [1 + alpha / a, -2 * c, 1 - alpha / a]
    elif band.kind == "low_shelf":
        num = [a * (a + 1 - (a - 1) * c + s), 2 * a * (a - 1 - (a + 1) * c), a * (a + 1 - (a - 1) * c - s)]
        den = [a + 1 + (a - 1) * c + s, -2 * (a - 1 + (a + 1) * c), a + 1 + (a - 1) * c - s]
    elif band.kind == "high_shelf":
        num = [a * (a + 1 + (a - 1) * c + s), -2 * a * (a - 1 + (a + 1) * c), a * (a + 1 + (a - 1) * c - s)]
        den = [a + 1 - (a - 1) * c + s, 2 * (a - 1 - (a + 1) * c), a + 1 - (a - 1) * c - s]
    else:
        raise ValueError(f"no filter kind named {band.kind}")
    return np.concatenate([np.array(num) / den[0], np.array(den) / den[0]])


class Equaliser:
    """Biquads in series with state; call it with [channels, frames] blocks in order."""

    def __init__(self, bands: tuple[Band, ...], channels: int, rate: int) -> None:
        self._sos = np.array([biquad(b, rate) for b in bands])
        self._state = np.zeros((len(bands), channels, 2))

    def __call__(self, x: Samples) -> Samples:
        y, self._state = scipy.signal.sosfilt(self._sos, x, axis=1, zi=self._state)
        return np.asarray(y, np.float32)


def block_levels(x: Samples) -> tuple[Curve, Curve]:
    """RMS and peak of every 64-sample block, channels linked. x has a whole number of blocks."""
    y = x.reshape(x.shape[0], -1, BLOCK).transpose(1, 0, 2).reshape(-1, x.shape[0] * BLOCK)
    rms = np.sqrt(np.einsum("ij,ij->i", y, y, dtype=np.float64) / y.shape[1])
    return rms, np.abs(y).max(1).astype(np.float64)


def decibels(x: Curve) -> Curve:
    return 20 * np.log10(np.maximum(x, 1e-9))


def ballistics(target_db: Curve, attack_s: float, release_s: float, rate: int) -> Curve:
    """One-pole follower of a gain curve at block rate: falling is attack, rising is release."""
    a, r = (float(np.exp(-BLOCK / rate / max(t, 1e-4))) for t in (attack_s, release_s))
    out = np.empty(len(target_db))
    state = float(target_db[0]) if len(target_db) else 0.0
    for i, t in enumerate(target_db.tolist()):
        c = a if t < state else r
        state = t + c * (state - t)
        out[i] = state
    return out


def apply_gain(x: Samples, gain_db: Curve, next_db: float) -> Samples:
    """Block-rate gain, linear inside a block; next_db is the gain of the block that follows."""
    g = 10 ** (gain_db / 20)
    after = np.append(g[1:], 10 ** (next_db / 20))
    ramp = np.arange(BLOCK) / BLOCK
    curve = (g[:, None] + (after - g)[:, None] * ramp).reshape(-1)[: x.shape[1]]
    return x * curve.astype(np.float32)


class Convolver:
    """FIR [channels, taps] over blocks of any length, by FFT overlap-add; output is as long as the input, the tail is kept."""

    def __init__(self, taps: NDArray[np.float32]) -> None:
        self._taps, self._tail = taps, np.zeros((taps.shape[0], taps.shape[1] - 1), np.float32)

    def __call__(self, x: Samples) -> Samples:
        """x [1 or channels, frames] -> [channels, frames]."""
        n, taps = x.shape[1], self._taps.shape[1]
        size = scipy.fft.next_fast_len(n + taps - 1, True)
        y = scipy.fft.irfft(scipy.fft.rfft(x, size, axis=1) * scipy.fft.rfft(self._taps, size, axis=1), size, axis=1)[
            :, : n + taps - 1
        ].astype(np.float32)
        keep = min(self._tail.shape[1], y.shape[1])
        y[:, :keep] += self._tail[:, :keep]
        rest = np.zeros_like(self._tail)
        rest[:, : y.shape[1] - n] = y[:, n:]
        if self._tail.shape[1] > n:  # a block shorter than the tail: what was not played yet stays
            rest[:, : self._tail.shape[1] - n] = y[:, n : n + self._tail.shape[1] - n]
        self._tail = rest
        return y[:, :n]
