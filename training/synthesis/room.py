"""Mono to stereo: constant-power pan, short widening, and a room (exponential noise, or a shoebox of image sources with a tail)."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from .oscillators import SAMPLE_RATE_HZ, band_pass

SPEED_M_S = 343.0
EAR_M = 0.18


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
        if rng.random() < 0.5:
            tail = 0.6 * tail / np.sqrt((tail**2).sum(1, keepdims=True))
            early = reflections(rng, n)
            tail = tail + early / np.sqrt((early**2).sum(1, keepdims=True))
        tail /= np.sqrt((tail**2).sum(1, keepdims=True))
        y += wet * np.stack([fftconvolve(mono, c)[: len(mono)] for c in tail])
    return y


def reflections(rng, frames):
    """Early reflections of a shoebox at two ears, image sources of up to third order -> [2, frames], direct sound left out."""
    size = rng.uniform([2.5, 3.0, 2.3], [9.0, 12.0, 4.5])
    source, head = size * rng.uniform(0.15, 0.85, 3), size * rng.uniform(0.25, 0.75, 3)
    absorb = rng.uniform(0.3, 0.92)
    orders = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    orders = orders[(np.abs(orders).sum(1) > 0) & (np.abs(orders).sum(1) <= 3)]
    images = orders * size + np.where(orders % 2 == 0, source, size - source)
    gain = absorb ** np.abs(orders).sum(1)
    out = np.zeros((2, frames))
    for ear, shift in enumerate((-EAR_M / 2, EAR_M / 2)):
        distance = np.sqrt(((images - head - np.array([shift, 0, 0])) ** 2).sum(1))
        at = (distance / SPEED_M_S * SAMPLE_RATE_HZ).astype(int)
        inside = at < frames
        np.add.at(out[ear], at[inside], (gain / distance)[inside])
    return np.stack([band_pass(c, 60, 12000, 1) for c in out])
