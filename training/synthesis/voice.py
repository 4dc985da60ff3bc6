"""Singing by source and filter: glottal pulses and breath through moving formants, with syllables of vowels and consonants.

A second family beside `singing` (additive): its spectrum comes from a glottal pulse (Rosenberg 1971) and resonators in parallel.
"""

from __future__ import annotations

import numba
import numpy as np

from .instruments import FORMANTS_HZ
from .oscillators import CONTROL_HOP, SAMPLE_RATE_HZ, band_pass, midi_hz
from .singing import STEP_S, smooth

HOP = CONTROL_HOP


@numba.njit(fastmath=True, cache=True)
def glottis(f0_hz, level, opening, noise, frames):
    """Derivative of Rosenberg's pulse, `opening` = open quotient 0.3..0.9, plus noise that breathes with the pulse."""
    out = np.zeros(frames, np.float32)
    phase, before = 0.0, 0.0
    for i in range(frames):
        c, t = i // HOP, (i % HOP) / HOP
        f = f0_hz[c] * (1 - t) + f0_hz[c + 1] * t
        a = level[c] * (1 - t) + level[c + 1] * t
        phase += f / 44100
        if phase >= 1:
            phase -= 1
        rise = opening * 0.66
        if phase < rise:
            flow = 0.5 * (1 - np.cos(np.pi * phase / rise))
        elif phase < opening:
            flow = np.cos(np.pi * 0.5 * (phase - rise) / (opening - rise))
        else:
            flow = 0.0
        out[i] = a * ((flow - before) * 44100 / (f * 2 * np.pi) + noise[i] * (0.3 + flow))
        before = flow
    return out


@numba.njit(fastmath=True, cache=True)
def resonate(x, centre_hz, width_hz, gain):
    """Sum of second-order resonators whose centres move; centre_hz and gain [control, formants]."""
    out = np.zeros(len(x), np.float32)
    for k in range(centre_hz.shape[1]):
        y1 = y2 = 0.0
        b1 = b2 = scale = 0.0
        for i in range(len(x)):
            if i % HOP == 0:
                c = i // HOP
                r = np.exp(-np.pi * width_hz[k] / 44100)
                b1, b2 = 2 * r * np.cos(2 * np.pi * centre_hz[c, k] / 44100), -r * r
                scale = (1 - r) * gain[c, k] * 2
            y = scale * x[i] + b1 * y1 + b2 * y2
            y2, y1 = y1, y
            out[i] += y if k % 2 == 0 else -y
    return out


def consonant_noise(rng, y, at_s, strength, lengths):
    """A fricative, a plosive or an affricate before a vowel."""
    kind = rng.choice(["fricative", "plosive", "both"])
    length = int(rng.uniform(*lengths) * SAMPLE_RATE_HZ)
    centre = 2 ** rng.uniform(np.log2(1500), np.log2(9000))
    shape = np.hanning(length) if kind == "fricative" else np.exp(-np.arange(length) / SAMPLE_RATE_HZ / 0.012)
    if kind == "both":
        shape = shape + 0.4 * np.hanning(length)
    burst = band_pass(rng.normal(0, 1, length), centre * 0.55, min(centre * 1.8, 16000), 1) * shape * strength
    i = int(max(0, at_s * SAMPLE_RATE_HZ - length * 0.8))
    burst = burst[: max(0, len(y) - i)]
    y[i : i + len(burst)] += burst


def curves(rng, notes, controls):
    """Pitch in MIDI, level 0..1 and formants over control time, with glides, scoops, vibrato, syllables and nasals."""
    u = rng.uniform
    t = np.arange(controls) * STEP_S
    pitch, level = np.full(controls, float(notes[0][2])), np.zeros(controls)
    formants = np.tile(FORMANTS_HZ[0], (controls, 1)).astype(float)
    vibrato, rate, gap, drawl = u(0, 0.7) * (u(0, 1) < 0.7), u(4.4, 6.6), u(0, 0.06), u(0.01, 0.09)
    for start, dur, midi, vel in notes:
        i, j = int(max(start, 0) / STEP_S), int(min(max(start + dur - gap, 0), t[-1]) / STEP_S)
        if j - i < 4:
            continue
        q = np.arange(j - i) * STEP_S
        pitch[i:] = midi
        pitch[i:j] += vibrato * np.clip((q - u(0.1, 0.5)) / 0.3, 0, 1) * np.sin(2 * np.pi * rate * q + u(0, 6))
        pitch[i:j] += u(-2.5, 0.6) * np.exp(-q / u(0.02, 0.1)) * (u(0, 1) < 0.5)
        pitch[i:j] -= u(0, 2) * np.clip(1 - (q[-1] - q) / 0.12, 0, 1) * (u(0, 1) < 0.2)
        level[i:j] = vel * np.interp(q, [0, 0.03, dur * 0.4, dur], [0.3, 1, u(0.7, 1), u(0.2, 0.9)])
        formants[i:] = FORMANTS_HZ[int(rng.integers(0, len(FORMANTS_HZ)))] * u(0.94, 1.06)
        if u(0, 1) < 0.3:
            formants[(i + j) // 2 :] = FORMANTS_HZ[int(rng.integers(0, len(FORMANTS_HZ)))]
        if u(0, 1) < 0.3:
            nasal = min(j - i, int(u(0.04, 0.12) / STEP_S))
            level[i : i + nasal] *= u(0.2, 0.6)
            formants[i : i + nasal] = np.array([260, 1200, 2200, 3000, 4200])
    drift = smooth(np.cumsum(rng.normal(0, 1, controls)) * 0.02, 0.3) * u(0, 0.3)
    pitch = smooth(pitch, drawl) + drift + rng.normal(0, u(0.01, 0.05), controls)
    return pitch, np.maximum(0, smooth(level, 0.012)), smooth(formants, u(0.02, 0.07))


def sing_by_source(rng, notes, frames):
    """notes [(start_s, duration_s, pitch, velocity)] -> mono float32 [frames]."""
    u = rng.uniform
    controls = frames // HOP + 2
    pitch, level, formants = curves(rng, notes, controls)
    takes = 1 if u(0, 1) < 0.75 else int(rng.integers(2, 4))
    size, opening, strength = u(0.84, 1.26), u(0.35, 0.85), 10 ** u(-2, -0.5)
    widths = np.array([70, 90, 120, 180, 250]) * u(0.8, 1.8)
    tilt = u(0.3, 1.1)
    total = np.zeros(frames, np.float32)
    for _ in range(takes):
        detune = rng.normal(0, 0.08) if takes > 1 else 0.0
        f0 = midi_hz(np.clip(pitch + detune, 28, 90))
        breath = rng.normal(0, 1, frames) * 10 ** u(-2.2, -0.6)
        source = glottis(f0, level, opening, breath, frames)
        gain = np.tile(np.array([1.0, 0.8, 0.6, 0.5, 0.3]) ** tilt, (controls, 1))
        total += resonate(source, np.minimum(formants * size, 12000), widths, gain) + 0.02 * source
    loud = np.percentile(np.abs(total[np.abs(total) > 0]), 95) if np.any(total) else 1.0
    total = total / (loud + 1e-9) * 0.3
    for start, _, _, vel in notes:
        if start > 0.1 and u(0, 1) < 0.6:
            consonant_noise(rng, total, start, strength * vel * 0.4, (0.02, 0.14))
    return total
