"""Mono to stereo: constant-power pan, short widening, decorrelated exponential reverb."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from .oscillators import SAMPLE_RATE_HZ, band_pass


def room(rng, mono, wet=0.0, decay_s=0.5, pan=0.0, width=0.0):
    """mono [n] -> stereo [2, n]; pan -1..1, width 0..1, wet = reverb level against the dry sound."""
    angle = (pan + 1) * np.pi / 4
    y = np.stack([mono * np.cos(angle), mono * np.sin(angle)])
    if width > 0:
        delay = int(rng.uniform(0.008, 0.025) * SAMPLE_RATE_HZ)
        y[int(rng.integers(0, 2))] += width * 0.5 * np.pad(mono, (delay, 0))[: len(mono)]
        if rng.random() < 0.4:
            side = np.pad(band_pass(mono, 300, 9000, 1) * width * 0.4, (delay // 2, 0))[: len(mono)]
            y[0] += side
            y[1] -= side
    if wet > 0:
        n = int(decay_s * SAMPLE_RATE_HZ)
        tail = rng.normal(0, 1, (2, n)) * np.exp(-6.9 * np.arange(n) / n) * np.minimum(1, np.arange(n) / 300)
        tail = np.stack([band_pass(c, 150, rng.uniform(3000, 9000), 1) for c in tail])
        tail /= np.sqrt((tail**2).sum(1, keepdims=True))
        y += wet * np.stack([fftconvolve(mono, c)[: len(mono)] for c in tail])
    return y
