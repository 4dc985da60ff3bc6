"""Legato singing: one continuous pitch curve with glides, scoops, vibrato, moving formants, consonants and breath."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfilt

from .instruments import FORMANTS_HZ
from .oscillators import CONTROL_HOP, SAMPLE_RATE_HZ, additive, band_pass, midi_hz

STEP_S = CONTROL_HOP / SAMPLE_RATE_HZ


def smooth(x, tau_s):
    cutoff = min(0.99, 1 / (np.pi * tau_s) * STEP_S * 2)
    return sosfilt(butter(2, cutoff, output="sos"), x - x[0], axis=0) + x[0]


def consonant(rng, out, start_s, velocity, strength):
    length, centre = int(rng.uniform(0.03, 0.14) * SAMPLE_RATE_HZ), rng.uniform(2000, 9000)
    shape = np.hanning(length) if rng.random() < 0.6 else np.exp(-np.arange(length) / SAMPLE_RATE_HZ / 0.015)
    at = int(max(0, start_s - length / SAMPLE_RATE_HZ * 0.7) * SAMPLE_RATE_HZ)
    burst = band_pass(rng.normal(0, 1, length), centre * 0.6, centre * 1.6) * shape * strength * velocity * 0.06
    burst = burst[: max(0, len(out) - at)]
    out[at : at + len(burst)] += burst


def sing(rng, notes, frames):
    """notes [(start_s, duration_s, pitch, velocity)] -> mono float32 [frames]."""
    u = rng.uniform
    controls = frames // CONTROL_HOP + 2
    t = np.arange(controls) * STEP_S
    pitch, level = np.full(controls, float(notes[0][2])), np.zeros(controls)
    formants = np.tile(FORMANTS_HZ[0], (controls, 1)).astype(float)
    y = np.zeros(frames, np.float32)
    vibrato, rate, dip, strength = u(0, 0.6), u(4.6, 6.6), u(0.05, 0.8), u(0.1, 1.0)
    for start, dur, midi, vel in notes:
        i, j = int(max(start, 0) / STEP_S), int(min(max(start + dur, 0), t[-1]) / STEP_S)
        if j - i < 4:
            continue
        q = np.arange(j - i) * STEP_S
        pitch[i:] = midi
        swell = np.clip((q - u(0.12, 0.4)) / 0.25, 0, 1)
        pitch[i:j] += vibrato * swell * np.sin(2 * np.pi * rate * q + u(0, 6))
        if rng.random() < 0.35:
            pitch[i:j] -= u(0, 2.5) * np.exp(-q / u(0.02, 0.08))
        level[i:j] = vel * (1 - 0.35 * u(0, 1) * np.linspace(0, 1, j - i))
        width = min(j - i, int(u(0.02, 0.08) / STEP_S))
        if rng.random() < 0.75:
            level[i : i + width] *= 1 - (1 - dip) * np.hanning(width + 2)[1:-1]
        formants[i:] = FORMANTS_HZ[int(rng.integers(0, 8))] * u(0.95, 1.05)
        if rng.random() < 0.2:
            formants[(i + j) // 2 :] = FORMANTS_HZ[int(rng.integers(0, 8))]
        if rng.random() < 0.55:
            consonant(rng, y, start, vel, strength)
    if rng.random() < 0.9:
        pitch = smooth(pitch, u(0.02, 0.09))
    level = np.maximum(0, smooth(level, 0.012))
    formants = smooth(formants, u(0.03, 0.08)) * u(0.85, 1.25)
    pitch = pitch + smooth(np.cumsum(rng.normal(0, 1, controls)) * 0.02, 0.3) * u(0, 0.3)
    f0 = midi_hz(np.clip(pitch + rng.normal(0, u(0.01, 0.06), controls), 30, 90))
    h = np.arange(1, int(min(110, 13000 / np.percentile(f0, 20))) + 1)
    a, ring, spread = np.zeros((controls, len(h))), u(0, 0.5), u(0.8, 1.6)
    for i, (width, gain) in enumerate(zip((70, 90, 130, 200, 300), (1, 0.7, 0.4, 0.3, 0.15), strict=True)):
        gain += ring if i in (2, 3) else 0
        a += gain / (1 + ((h[None] * f0[:, None] - formants[:, i : i + 1]) / (width * spread)) ** 2) ** 0.7
    a *= h ** -(u(0.9, 1.9) * 0.55) * level[:, None] ** (1 + 0.02 * h[None].clip(0, 30))
    tone = additive(f0, np.ascontiguousarray(a), 0.0, u(0, 6.28, len(h)), frames)
    y += 0.12 * tone / (np.percentile(np.abs(a).sum(1), 90) * 0.3 + 1e-6)
    breath = rng.normal(0, 1, frames) * np.interp(np.arange(frames) / SAMPLE_RATE_HZ, t, level)
    y += 10 ** u(-2.4, -0.9) * 0.12 * band_pass(breath, 1400, 9000, 1)
    return y
