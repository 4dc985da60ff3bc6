"""Plucked strings by digital waveguide: a delay line with a loss filter, struck by noise, heard through a body (Karplus and Strong 1983).

`plucked(rng, low)` and `slapped(rng)` return note(pitch, duration_s, velocity) -> mono float32 at 44.1 kHz, like `instruments.instrument`.
"""

from __future__ import annotations

import numba
import numpy as np
from scipy.signal import lfilter

from .oscillators import SAMPLE_RATE_HZ, band_pass, midi_hz


@numba.njit(fastmath=True, cache=True)
def waveguide(burst, period, loss, damping, frames):
    """burst [n] goes round a loop of `period` samples; each round is scaled by `loss` and smoothed by `damping` 0..0.5."""
    out = np.zeros(frames, np.float32)
    whole = int(period - 0.5)
    fraction = period - 0.5 - whole
    glide = (1 - fraction) / (1 + fraction)
    line = np.zeros(whole + 1, np.float64)
    before, all_pass_in, all_pass_out, at = 0.0, 0.0, 0.0, 0
    for i in range(frames):
        x = line[at]
        smooth = (1 - damping) * x + damping * before
        before = x
        y = glide * (smooth - all_pass_out) + all_pass_in
        all_pass_in, all_pass_out = smooth, y
        value = loss * y + (burst[i] if i < len(burst) else 0.0)
        line[at] = value
        at += 1
        if at >= whole:
            at = 0
        out[i] = value
    return out


def body(rng, low):
    """Resonances of a soundbox or a pickup as peak filters (centre, width, gain)."""
    count = int(rng.integers(2, 6))
    bottom = 60 if low else 90
    return [(bottom * 2 ** rng.uniform(0, 4.5), rng.uniform(0.05, 0.4), rng.uniform(-0.5, 1.8)) for _ in range(count)]


def through(y, peaks):
    for centre, width, gain in peaks:
        y = y + gain * band_pass(y, centre * (1 - width), centre * (1 + width), 1)
    return y


def plucked(rng, low=False):
    u = rng.uniform
    peaks, place, bright = body(rng, low), u(0.06, 0.4), 10 ** u(2.9, 4.0)
    sustain_s, damping, muted = 10 ** u(-0.3, 0.8), u(0.02, 0.5), u(0, 1) < 0.12
    squeak, release_s = u(0, 0.03), u(0.02, 0.2)

    def note(pitch, duration_s, velocity):
        period = SAMPLE_RATE_HZ / midi_hz(pitch)
        tail = 0.05 if muted else min(1.5, sustain_s * 0.4)
        frames = int((duration_s + tail) * SAMPLE_RATE_HZ)
        burst = rng.normal(0, 1, int(period) + 1)
        strength = min(0.98, 1 - np.exp(-2 * np.pi * bright * (0.4 + 0.6 * velocity) / SAMPLE_RATE_HZ))
        burst = lfilter([strength], [1, strength - 1], burst)
        comb = int(max(1, period * place))
        burst = np.concatenate([burst, np.zeros(comb)]) - np.concatenate([np.zeros(comb), burst])
        fade_s = 0.12 if muted else sustain_s * (pitch / 50) ** -0.5
        loss = 10 ** (-3 * period / SAMPLE_RATE_HZ / fade_s / 2)
        y = waveguide(burst, max(period, 4.0), loss, damping * (0.6 if low else 1), frames)
        n = np.arange(frames) / SAMPLE_RATE_HZ
        y = through(y, peaks) * np.where(n > duration_s, np.exp(-(n - duration_s) / release_s), 1)
        if squeak > 0.015:
            y[: min(frames, 2000)] += squeak * np.abs(y).max() * band_pass(rng.normal(0, 1, min(frames, 2000)), 2000, 9000, 1)
        return (y * velocity / (np.abs(y).max() + 1e-6)).astype(np.float32)

    return note


def struck(rng, length, bright_hz, strength):
    """Noise of a string that hits the frets: short, bright, and as loud as `strength` against the tone's own burst."""
    n = np.arange(length)
    noise = band_pass(rng.normal(0, 1, length), bright_hz * 0.3, bright_hz, 1)
    return strength * noise / (np.abs(noise).max() + 1e-9) * np.exp(-n / (length * rng.uniform(0.05, 0.3)))


def slapped(rng):
    """Slap bass: a thumb on low strings, a finger that pops high ones (above `pop_from`), dead notes; a thump of the hand below all."""
    u = rng.uniform
    peaks, bright_hz, tone_hz, click = body(rng, True), 10 ** u(3.2, 4.0), 10 ** u(2.0, 3.2), 10 ** u(-1.4, -0.2)
    sustain_s, damping, thump, dead = 10 ** u(-0.5, 0.3), u(0.02, 0.4), u(0, 0.9), u(0, 0.35)
    pop_from, release_s, thump_hz = int(rng.integers(38, 50)), u(0.01, 0.06), u(35, 90)

    def note(pitch, duration_s, velocity):
        popped, silenced = pitch >= pop_from, rng.random() < dead
        period = SAMPLE_RATE_HZ / midi_hz(pitch)
        duration_s = min(duration_s, u(0.03, 0.07)) if silenced else duration_s * u(0.4, 1)
        frames = int((duration_s + 0.15) * SAMPLE_RATE_HZ)
        strength = 1 - np.exp(-2 * np.pi * tone_hz * (2 if popped else 1) / SAMPLE_RATE_HZ)
        burst = lfilter([strength], [1, strength - 1], rng.normal(0, 1, int(period) + 1))
        loss = 10 ** (-3 * period / SAMPLE_RATE_HZ / (0.06 if silenced else sustain_s) / 2)
        y = through(waveguide(burst, max(period, 4.0), loss, damping * (0.5 if popped else 1), frames), peaks)
        y = y / (np.abs(y).max() + 1e-6)
        hit = struck(rng, min(frames, 4000), bright_hz * (1.6 if popped else 1), click * (1.5 if popped or silenced else 1))
        y[: len(hit)] += hit
        n = np.arange(frames) / SAMPLE_RATE_HZ
        if not popped:
            y += thump * np.sin(2 * np.pi * thump_hz * n) * np.exp(-n / u(0.02, 0.07))
        y = y * np.where(n > duration_s, np.exp(-(n - duration_s) / release_s), 1)
        return (y * velocity / (np.abs(y).max() + 1e-6)).astype(np.float32)

    return note
