"""Spectrum, band features and band-to-bin masks of the preview network.

One STFT grid: Hann 4096, hop 1024 at 44.1 kHz. 224 bands: one bin a band up to 1 kHz, then 128 geometric bands to 20 kHz.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 44100
WINDOW = 4096
HOP = 1024
BINS = WINDOW // 2 + 1
BIN_HZ = SAMPLE_RATE_HZ / WINDOW
HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)


def _band_edges() -> NDArray[np.int64]:
    linear = np.arange(97)
    top = 20000 / BIN_HZ
    geometric = np.round(96 * (top / 96) ** (np.arange(1, 129) / 128)).astype(np.int64)
    return np.concatenate([linear, geometric])


EDGES = _band_edges()
BANDS = len(EDGES) - 1
_CENTRES = (EDGES[:-1] + EDGES[1:] - 1) / 2


def frames_spectrum(samples: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Spectrum of every full frame of `samples` [channels, frames] -> [channels, windows, bins]; no padding."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW, axis=1)[:, ::HOP]
    return scipy.fft.rfft(windows * HANN, axis=-1, workers=1)


def overlap_add(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Windowed frames of one channel [windows, bins] summed into [(windows - 1) * HOP + WINDOW] samples, not normalised."""
    overlap = WINDOW // HOP
    frames = scipy.fft.irfft(spectrum, WINDOW, axis=-1, workers=1).astype(np.float32) * HANN
    out = np.zeros((len(frames) - 1) * HOP + WINDOW, np.float32)
    for phase in range(overlap):
        part = frames[phase::overlap]
        out[phase * HOP : phase * HOP + part.size] += part.ravel()
    return out


def band_power(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power per bin [..., bins] summed into [..., BANDS]."""
    return np.add.reduceat(power[..., : EDGES[-1]], EDGES[:-1], axis=-1)


def features(spectrum: NDArray[np.complex64], level: float) -> NDArray[np.float32]:
    """Network input of a stereo spectrum [2, windows, bins] -> [3, BANDS, windows].

    Log power relative to `level` (mean band power of the recording), root of the side share, |left - right| power share.
    """
    left, right = band_power(np.abs(spectrum[0]) ** 2), band_power(np.abs(spectrum[1]) ** 2)
    cross = band_power((spectrum[0] * spectrum[1].conj()).real)
    power = left + right + np.float32(1e-9 * level + 1e-12)
    log_power = np.log10(power / np.float32(level + 1e-12) + 1e-7) * 0.5 + 1
    side = np.sqrt(np.clip((power - 2 * cross) / (2 * power), 0, 1))
    pan = np.abs(left - right) / power
    return np.stack([log_power.T, side.T, pan.T]).astype(np.float32)


def long_term_spectrum(power: NDArray[np.float32], root: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """What the network knows of the whole recording, from means over time of band power and of its root [BANDS] -> [2, BANDS].

    Log power on the scale of `features`, and the share that a steady sound of the same mean root would have: 1 steady, near 0 a rare blow.
    Ten seconds alone cannot tell a low voice from a bass; that no drum and no deep note is heard anywhere can.
    """
    log_power = np.log10(power / np.float32(level + 1e-12) + 1e-7) * 0.5 + 1
    return np.stack([log_power, root**2 / (power + np.float32(1e-9 * level + 1e-12))]).astype(np.float32)


def expand(masks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Band masks [sources, BANDS, windows] -> bin masks [sources, windows, bins], linear between band centres."""
    bins = np.arange(BINS)
    below = np.clip(np.searchsorted(_CENTRES, bins) - 1, 0, BANDS - 2)
    t = np.clip((bins - _CENTRES[below]) / (_CENTRES[below + 1] - _CENTRES[below]), 0, 1).astype(np.float32)
    by_frame = masks.transpose(0, 2, 1)
    return by_frame[..., below] * (1 - t) + by_frame[..., below + 1] * t
