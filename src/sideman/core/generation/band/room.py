"""One synthetic room for all stems: image sources from the role's own spot to a spaced cardioid pair, and a shared late tail."""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy
from numpy.typing import NDArray

DECAY_S = (0.75, 0.6, 0.45, 0.28)
BAND_GAIN = (0.7, 1.0, 0.85, 0.5)
BAND_EDGES_HZ = ((0, 250), (250, 1500), (1500, 5000), (5000, 0))
SIZE_M = np.array([9.0, 7.0, 3.6])
ABSORPTION = 0.32
SPEED_M_S = 343.0


@cache
def late_tail(rate: int, seed: int = 7) -> NDArray[np.float32]:
    """Noise in four bands, each with its own decay, unit energy, [2, taps]."""
    rng = np.random.default_rng(seed)
    n = int(max(DECAY_S) * 1.1 * rate)
    t, tail = np.arange(n) / rate, np.zeros((2, n))
    for (low, high), decay, gain in zip(BAND_EDGES_HZ, DECAY_S, BAND_GAIN, strict=True):
        if not low:
            sos = scipy.signal.butter(2, high, "low", fs=rate, output="sos")
        elif not high:
            sos = scipy.signal.butter(2, low, "high", fs=rate, output="sos")
        else:
            sos = scipy.signal.butter(2, (low, high), "band", fs=rate, output="sos")
        tail += gain * scipy.signal.sosfilt(sos, rng.normal(size=(2, n)), axis=1) * 10 ** (-3 * t / decay)
    tail *= np.clip((t - 0.012) / 0.02, 0, 1) ** 2
    mixed = np.stack([tail[0] + 0.25 * tail[1], tail[1] + 0.25 * tail[0]])
    return (mixed / np.sqrt((mixed**2).sum() / 2)).astype(np.float32)


@cache
def early_part(rate: int, pan: float, depth_m: float) -> NDArray[np.float32]:
    """Reflections up to third order (Allen & Berkley 1979), unit energy, [2, taps]."""
    microphones = [np.array([SIZE_M[0] / 2 + side, 1.2, 1.6]) for side in (-0.35, 0.35)]
    source = np.array([SIZE_M[0] / 2 + pan * 3.2, 1.2 + depth_m, 1.3])
    direct = float(np.linalg.norm(source - microphones[0]))
    h = np.zeros((2, int(0.07 * rate)))
    for i in range(-2, 3):
        for j in range(-2, 3):
            for k in range(-1, 2):
                order = abs(i) + abs(j) + abs(k)
                if not 0 < order <= 3:
                    continue
                image = np.array([n * SIZE_M[d] + (source[d] if n % 2 == 0 else SIZE_M[d] - source[d]) for d, n in enumerate((i, j, k))])
                for c, (microphone, aim) in enumerate(zip(microphones, (-0.6, 0.6), strict=True)):
                    v = image - microphone
                    distance = float(np.linalg.norm(v))
                    at = int((distance - direct) / SPEED_M_S * rate)
                    cardioid = 0.5 + 0.5 * (v[0] / distance * aim + v[1] / distance * 0.8)
                    if 0 < at < h.shape[1]:
                        h[c, at] += (1 - ABSORPTION) ** order * cardioid / distance * (-1 if order % 2 else 1)
    h = scipy.signal.lfilter([0.45], [1, -0.55], h, axis=1)
    return (h / np.sqrt((h**2).sum() / 2)).astype(np.float32)


def impulse_response(rate: int, pan: float, depth_m: float, early_db: float) -> NDArray[np.float32]:
    """[2, taps] of one spot in the room, without the direct sound."""
    h = late_tail(rate).copy()
    early = early_part(rate, round(pan, 2), round(depth_m, 2))
    h[:, : early.shape[1]] += early * np.float32(10 ** (early_db / 20))
    return h


def velvet(rate: int, seed: int = 1, length_s: float = 0.02, density_hz: float = 1500, decay_s: float = 0.012) -> NDArray[np.float32]:
    """Velvet noise [1, taps], unit energy: decorrelates without colour (Karjalainen & Järveläinen 2007)."""
    rng = np.random.default_rng(seed)
    n, step = int(length_s * rate), rate / density_hz
    count = int(n / step)
    k = (np.arange(count) * step + rng.random(count) * (step - 1)).astype(int)
    h = np.zeros((1, n), np.float32)
    h[0, k] = rng.choice([-1, 1], count) * np.exp(-k / rate / decay_s)
    return h / np.sqrt((h**2).sum())
