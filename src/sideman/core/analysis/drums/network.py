"""What the network hears, and the hits in what it says. Recipe of its weights: training/drums."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.analysis.beats.onsets import FRAME_RATE_HZ, LOG_BANDS, log_spectrum

__all__ = ["BANDS", "CHANNELS", "CLASSES", "FRAME_RATE_HZ", "KERNEL", "features", "picked"]

CLASSES = ("kick", "snare", "toms", "hats", "cymbals")
CHANNELS, KERNEL = (16, 24, 32, 48), (3, 5)
BANDS = LOG_BANDS
LEVEL_RMS = 0.1
THRESHOLD = 0.5
CLOSEST_FRAMES = 3

Matrix = NDArray[np.float32]


def features(mono: Matrix, rms: float | None = None) -> Matrix:
    """[2, frames, BANDS] at 100 Hz of samples at 44.1 kHz: log spectrum and its rise over two frames.

    `rms`: level of the whole recording, where `mono` is a part of it.
    """
    level = float(np.sqrt(np.mean(mono * mono))) if rms is None else rms
    log = log_spectrum(mono * np.float32(LEVEL_RMS / max(level, 1e-6)))
    rise = np.zeros_like(log)
    rise[2:] = np.maximum(0, log[2:] - scipy.ndimage.maximum_filter1d(log, 3, axis=1)[:-2])
    return np.stack([log - 0.5, rise]).astype(np.float32)


def picked(probability: Matrix) -> list[NDArray[np.float64]]:
    """Seconds of the peaks of every class in probabilities [5, frames]."""
    return [
        scipy.signal.find_peaks(np.pad(p, 1), height=THRESHOLD, distance=CLOSEST_FRAMES)[0].astype(float) / FRAME_RATE_HZ
        - 1 / FRAME_RATE_HZ
        for p in probability
    ]
