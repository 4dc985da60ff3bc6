"""Additive synthesis kernel and the small signal helpers that every instrument shares."""

from __future__ import annotations

import numba
import numpy as np
from scipy.signal import butter, sosfilt

SAMPLE_RATE_HZ = 44100
CONTROL_HOP = 128


@numba.njit(fastmath=True, cache=True)
def additive(f0_hz, amplitudes, inharmonicity, phases, frames):
    """Sum of partials. f0_hz [control], amplitudes [control, partials] -> float32 [frames].

    Partial h sounds at h * f0 * sqrt(1 + B h^2) (stiff string). A rotating phasor per partial replaces a sine per sample.
    """
    out = np.zeros(frames, np.float32)
    controls, partials = amplitudes.shape
    for h in range(partials):
        ratio = (h + 1) * np.sqrt(1 + inharmonicity * (h + 1) ** 2)
        re, im = np.cos(phases[h]), np.sin(phases[h])
        for c in range(controls - 1):
            f = f0_hz[c] * ratio
            if f > 19000:
                break
            a = amplitudes[c, h]
            da = (amplitudes[c + 1, h] - a) / 128
            if a < 1e-6 and da <= 0:
                continue
            w = 2 * np.pi * f / 44100
            cr, ci = np.cos(w), np.sin(w)
            g = 1 / np.sqrt(re * re + im * im + 1e-12)
            re *= g
            im *= g
            for i in range(c * 128, min((c + 1) * 128, frames)):
                out[i] += a * im
                a += da
                re, im = re * cr - im * ci, re * ci + im * cr
    return out


def band_pass(x, low_hz, high_hz, order=2):
    nyquist = SAMPLE_RATE_HZ / 2
    sos = butter(order, [max(low_hz, 15) / nyquist, min(high_hz, 20500) / nyquist], "band", output="sos")
    return sosfilt(sos, x)


def midi_hz(pitch):
    return 440 * 2 ** ((pitch - 69) / 12)


def place(buffer, sound, start_s, gain=1.0):
    """Add `sound` into `buffer` at start_s; what lies outside is cut."""
    i = int(start_s * SAMPLE_RATE_HZ)
    if 0 <= i < len(buffer):
        sound = sound[: len(buffer) - i]
        buffer[i : i + len(sound)] += gain * sound
