"""Tonal instruments: all parameters are drawn once per instrument, then it plays any note.

`instrument(rng, kind)` returns note(pitch, duration_s, velocity) -> mono float32 at 44.1 kHz, peak = velocity.
"""

from __future__ import annotations

import numpy as np
from scipy.special import jv

from .oscillators import CONTROL_HOP, SAMPLE_RATE_HZ, additive, band_pass, midi_hz

PLUCKED = ("piano", "guitar", "mallet", "bass")
BOWED = ("pad", "strings")
SUBTRACTIVE = ("saw", "square", "pad", "brass", "strings", "lead", "distorted")
VIBRATO = ("voice", "flute", "reed", "strings", "brass", "lead")
FORMANTS_HZ = np.array(
    [
        [730, 1090, 2440, 3400, 4700],
        [270, 2290, 3010, 3600, 4800],
        [300, 870, 2240, 3300, 4600],
        [530, 1840, 2480, 3500, 4800],
        [570, 840, 2410, 3300, 4600],
        [660, 1720, 2410, 3500, 4700],
        [490, 1350, 1690, 3300, 4500],
        [390, 1990, 2550, 3400, 4700],
    ]
)


def draw_parameters(rng):
    u = rng.uniform
    return dict(
        inharmonicity=10 ** u(-5, -3.4), decay_s=u(0.4, 3), damping=10 ** u(-3, -1), pluck=u(0.08, 0.45),
        slope=u(0.8, 2.2), attack_s=10 ** u(-3, -1.7), release_s=u(0.03, 0.3), cutoff_hz=10 ** u(2.6, 3.9),
        sweep=u(0, 4), sweep_s=u(0.05, 0.6), vibrato=u(0, 0.5), vibrato_hz=u(4.5, 6.8), vibrato_delay_s=u(0.1, 0.4),
        duty=u(0.1, 0.5), detune=u(0.02, 0.15), voices=int(rng.integers(2, 5)), index=u(0.5, 4),
        ratio=int(rng.choice([1, 1, 2, 3, 4, 7])), noise=u(0, 0.08), odd=u(0, 1),
        drawbars=rng.uniform(0, 1, 9) * (rng.random(9) < 0.6), scoop=u(0, 1.5), click_s=u(0.003, 0.03),
        click=10 ** u(-0.3, 1.5), click_hz=u(1500, 11000), size=u(0.85, 1.25), tilt=u(0.7, 1.5),
        breath=u(0.005, 0.08), bend=u(0, 0.3), consonant=u(0.3, 1.2), wobble=u(0.002, 0.012),
    )  # fmt: skip


def low_pass_shape(h, f, cutoff_hz):
    return 1 / np.sqrt(1 + (h[None] * f / np.maximum(cutoff_hz, 40)[:, None]) ** 4)


def gate(t, dur, attack_s, release_s):
    return np.minimum(1, t / attack_s) * np.where(t > dur, np.exp(-(t - dur) / release_s), 1)


def partials(kind, p, rng, t, h, f, dur, vel):
    """Amplitude of every partial over time, [control, partials]."""
    env = gate(t, dur, p["attack_s"], p["release_s"] / 4)
    flat = np.full(len(t), 1.0)
    if kind in PLUCKED:
        decay = p["decay_s"] * (f / 220) ** -0.5
        base = np.abs(np.sin(np.pi * h * p["pluck"])) * h ** (-p["slope"] * (1.3 - 0.4 * vel))
        if kind == "mallet":
            base = np.where(np.isin(h, [1, 4, 10]), 1 / h, 0)
        fade = np.exp(-t[:, None] / decay * (1 + p["damping"] * h**1.6))
        return base * fade * env[:, None] * low_pass_shape(h, f, flat * (p["cutoff_hz"] * 3 + f))
    if kind in SUBTRACTIVE:
        shape = 1 / h if kind in ("saw", "pad", "strings", "brass") else np.abs(np.sin(np.pi * h * p["duty"])) / h
        if kind in BOWED:
            env = gate(t, dur, 0.05 + p["attack_s"] * 8, p["release_s"])
        cutoff = np.maximum(p["cutoff_hz"], f * 1.2) * (1 + p["sweep"] * vel * np.exp(-t / p["sweep_s"]))
        fade = np.exp(-t / (p["decay_s"] * 2)) if kind == "saw" else flat
        return shape * low_pass_shape(h, f, cutoff) * (env * fade)[:, None]
    if kind == "fm":
        index = p["index"] * vel * np.exp(-t / (p["sweep_s"] * 3))
        a = np.zeros((len(t), len(h)))
        for k in range(-8, 9):
            q = abs(1 + k * p["ratio"])
            if 1 <= q <= len(h):
                a[:, q - 1] += np.abs(jv(k, index))
        return a * (env * np.exp(-t / p["decay_s"]))[:, None]
    if kind == "organ":
        a = np.zeros((len(t), len(h)))
        for bar, q in zip(p["drawbars"], (1, 2, 3, 4, 5, 6, 8, 10, 12), strict=True):
            if q <= len(h):
                a[:, q - 1] = bar + (0.5 if q == 1 else 0)
        return a * env[:, None]
    if kind in ("flute", "reed"):
        base = h**-2.5 if kind == "flute" else np.where(h % 2 == 1, 1, 1 - p["odd"]) * h ** -(0.4 + p["slope"] * 0.6)
        return base * low_pass_shape(h, f, flat * (p["cutoff_hz"] * 2 + f)) * gate(t, dur, 0.05, 0.03)[:, None]
    if kind == "sub":
        return np.where(h == 1, 1, 0.1 * p["odd"] / h) * (env * np.exp(-t / (p["decay_s"] * 1.5)))[:, None]
    if kind == "voice":
        first, last = (FORMANTS_HZ[i] * p["size"] for i in rng.integers(0, len(FORMANTS_HZ), 2))
        x = np.clip(t / max(dur, 0.1) * rng.uniform(0.5, 2), 0, 1)[:, None]
        formants = first * (1 - x) + last * x
        a = np.zeros((len(t), len(h)))
        for i, (width, gain) in enumerate(zip((80, 100, 140, 250, 350), (1, 0.6, 0.4, 0.25, 0.12), strict=True)):
            a += gain / (1 + ((h[None] * f - formants[:, i : i + 1]) / width) ** 2) ** 0.75
        return a * h ** -(p["tilt"] * 0.6) * gate(t, dur, 0.04, 0.04)[:, None]
    raise ValueError(f"no instrument kind named {kind}")


def pitch_curve(kind, p, rng, t, f):
    """Frequency of the fundamental over time and a matching amplitude factor."""
    if kind == "sub":
        return f * (1 + p["bend"] * np.exp(-t / 0.02)), np.ones(len(t))
    if kind not in VIBRATO:
        return np.full(len(t), f), np.ones(len(t))
    depth = p["vibrato"] * np.clip((t - p["vibrato_delay_s"]) / 0.3, 0, 1)
    v = depth * np.sin(2 * np.pi * p["vibrato_hz"] * t + rng.uniform(0, 6))
    if rng.random() < 0.5:
        v = v - p["scoop"] * np.exp(-t / 0.05)
    if kind == "voice":
        v = v + np.cumsum(rng.normal(0, p["wobble"] * 2, len(t))) * 0.5
    return f * 2 ** (v / 12), 1 + 0.2 * p["vibrato"] * np.sin(2 * np.pi * p["vibrato_hz"] * t)


def noise_part(kind, p, rng, frames, t, amplitudes):
    n = np.arange(frames) / SAMPLE_RATE_HZ
    noise = rng.normal(0, 1, frames) * np.interp(n, t, amplitudes.sum(1))
    if kind in ("piano", "guitar", "bass"):
        return p["noise"] * 0.3 * band_pass(noise * np.exp(-n / p["click_s"]) * p["click"], 100, p["click_hz"])
    colour = band_pass(noise, 1500 if kind == "voice" else 800, 9000, 1)
    return (p["breath"] if kind == "voice" else p["noise"] * 0.5) * 0.6 * colour


def instrument(rng, kind):
    p = draw_parameters(rng)

    def note(pitch, duration_s, velocity):
        f = midi_hz(pitch)
        ring = p["decay_s"] * 0.3 if kind in ("piano", "guitar", "mallet") else 0
        frames = int((duration_s + p["release_s"] + ring) * SAMPLE_RATE_HZ)
        t = np.arange(frames // CONTROL_HOP + 2) * CONTROL_HOP / SAMPLE_RATE_HZ
        h = np.arange(1, int(min(60, max(2, 14000 / f))) + 1)
        amplitudes = partials(kind, p, rng, t, h, f, duration_s, velocity)
        f0, tremolo = pitch_curve(kind, p, rng, t, f)
        amplitudes = np.ascontiguousarray(amplitudes * tremolo[:, None], np.float64)
        stiffness = p["inharmonicity"] * (1 if kind == "piano" else 0.2) if kind in PLUCKED else 0.0
        y = np.zeros(frames, np.float32)
        for voice in range(p["voices"] if kind in BOWED else 1):
            detune = 1 + 0.01 * p["detune"] * rng.normal() if voice else 1.0
            y += additive(f0 * detune, amplitudes, stiffness, rng.uniform(0, 6.28, len(h)), frames)
        if kind in ("flute", "reed", "voice", "piano", "guitar", "bass"):
            y += noise_part(kind, p, rng, frames, t, amplitudes)
        if kind == "voice" and rng.random() < 0.5:
            length = min(frames, int(rng.uniform(0.03, 0.13) * SAMPLE_RATE_HZ))
            centre = rng.uniform(2500, 8000)
            burst = band_pass(rng.normal(0, 1, length), centre * 0.6, centre * 1.5) * np.hanning(length)
            y[:length] += p["consonant"] * 0.5 * np.abs(y).max() * burst
        return (y * velocity / (np.abs(y).max() + 1e-6)).astype(np.float32)

    return note
