"""Drum clips with every hit known: synthesised kits and the carried SoundFont's, grooves and fills, rooms, bleed of other instruments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from sideman.core.generation.soundfont import Preset, Renderer
from sideman.core.music.notes import NoteEvent
from training.beats.styles import STYLES
from training.synthesis.instruments import instrument
from training.synthesis.kit import kit
from training.synthesis.oscillators import SAMPLE_RATE_HZ
from training.synthesis.room import reflections

CLASSES = ("kick", "snare", "toms", "hats", "cymbals")
PIECES = {"kick": ("kick",), "snare": ("snare", "snare", "snare", "clap"), "toms": ("tom",), "hats": ("hat", "hat", "open_hat"), "cymbals": ("crash", "ride")}  # fmt: skip
GM_KEYS = {"kick": (35, 36), "snare": (38, 40), "toms": (41, 43, 45, 47, 48, 50), "hats": (42, 42, 44, 46), "cymbals": (49, 51, 57, 59)}
GM_KITS = (0, 8, 16, 24, 25, 32, 40)
DURATION_S = 10.0


@dataclass(frozen=True, eq=False)
class Clip:
    """samples: float32 mono at 44.1 kHz; hits: seconds of every class."""

    samples: np.ndarray
    hits: tuple[np.ndarray, ...]


class FontKits:
    """Hits of the SoundFont's kits, rendered once per key and loudness."""

    def __init__(self, path: Path) -> None:
        self._renderer, self._known = Renderer.open(path), {}

    def hit(self, program: int, key: int, velocity: int) -> np.ndarray:
        name = (program, key, velocity)
        if name not in self._known:
            stereo = self._renderer.render([NoteEvent(0, 1.5, key, velocity)], Preset(128, program), SAMPLE_RATE_HZ * 2)
            self._known[name] = stereo.mean(0).astype(np.float32)
        return self._known[name]


class _Kit:
    def __init__(self, rng: np.random.Generator, fonts: FontKits | None) -> None:
        self._rng, self._fonts = rng, fonts
        self._pieces = kit(rng)
        self._program = int(rng.choice(GM_KITS))
        self._chosen = {c: PIECES[c][int(rng.integers(len(PIECES[c])))] for c in CLASSES}
        self._keys = {c: int(rng.choice(GM_KEYS[c])) for c in CLASSES}
        self._drawn: dict[str, list[np.ndarray]] = {}

    def hit(self, name: str, loudness: float) -> np.ndarray:
        if self._fonts is not None:
            key = self._keys[name] if name in ("kick", "snare") else int(self._rng.choice(GM_KEYS[name]))
            y = self._fonts.hit(self._program, key, int(np.clip(30 + 95 * loudness, 1, 127)))
            return y / (np.abs(self._fonts.hit(self._program, self._keys["kick"], 125)).max() + 1e-6)
        piece = str(self._rng.choice(PIECES[name])) if name in ("hats", "cymbals") else self._chosen[name]
        if len(self._drawn.setdefault(piece, [])) < 3:
            y = np.asarray(self._pieces[piece](), float)
            self._drawn[piece].append(y / (np.abs(y).max() + 1e-9))
        return loudness * self._drawn[piece][int(self._rng.integers(len(self._drawn[piece])))]


def _pattern(rng: np.random.Generator) -> list[tuple[float, str, float]]:
    """(seconds, class, loudness 0..1) of one clip: a groove with its fills, or hits anywhere."""
    if rng.random() < 0.15:
        count = int(rng.integers(10, 70))
        return sorted((float(t), str(rng.choice(CLASSES)), float(rng.uniform(0.15, 1))) for t in rng.uniform(0.1, DURATION_S - 0.3, count))
    style = STYLES[str(rng.choice([k for k, s in STYLES.items() if {"K", "S", "H"} & set(s.parts)]))]
    step_s = 60 / np.exp(rng.uniform(np.log(style.low_bpm), np.log(style.high_bpm))) / style.steps
    bar, metal, out = style.beats * style.steps, "cymbals" if rng.random() < 0.25 else "hats", []
    loud = {c: rng.uniform(0.35, 1) for c in CLASSES}
    ghosts = rng.uniform(0, 0.15)
    for n in range(int(DURATION_S / step_s)):
        place, t = n % bar, 0.1 + n * step_s + rng.normal(0, 0.004)
        fill = (n // bar) % 4 == 3 and place >= bar * 3 // 4 and rng.random() < 0.7
        for part, name in (("K", "kick"), ("S", "snare"), ("H", metal)):
            if place in style.parts.get(part, ()) and not (fill and part == "H"):
                out.append((t, name, loud[name] * rng.uniform(0.6, 1)))
        if fill and rng.random() < 0.7:
            out.append((t, str(rng.choice(["toms", "toms", "snare"])), rng.uniform(0.4, 1)))
        if place == 0 and rng.random() < 0.2:
            out.append((t, "cymbals", rng.uniform(0.6, 1)))
        if rng.random() < ghosts:
            out.append((t, str(rng.choice(["snare", "hats", "kick"])), rng.uniform(0.1, 0.4)))
    return [x for x in out if 0 < x[0] < DURATION_S - 0.2]


def _bleed(rng: np.random.Generator, frames: int) -> np.ndarray:
    """What a separation leaves of the other instruments."""
    out = np.zeros(frames)
    for kind, low, high in (("bass", 28, 48), ("guitar", 45, 72), ("saw", 50, 76)):
        if rng.random() < 0.5:
            play = instrument(rng, kind)
            sounds = [play(int(rng.integers(low, high)), 0.6, 0.8) for _ in range(3)]
            for t in np.arange(0, DURATION_S - 1, rng.uniform(0.25, 0.8)):
                y, i = sounds[int(rng.integers(3))], int(t * SAMPLE_RATE_HZ)
                out[i : i + len(y)] += y[: frames - i]
    return out


def clip(seed: int, fonts: FontKits | None) -> Clip:
    rng = np.random.default_rng([seed, 5])
    drums, pattern = _Kit(rng, fonts if rng.random() < 0.5 else None), _pattern(rng)
    frames = int(DURATION_S * SAMPLE_RATE_HZ)
    x, gains = np.zeros(frames), {"kick": 1.0, "snare": 0.8, "toms": 0.7, "hats": 0.35, "cymbals": 0.5}
    gains = {k: v * 10 ** (rng.uniform(-6, 6) / 20) for k, v in gains.items()}
    for t, name, loudness in pattern:
        y, i = drums.hit(name, loudness), int(t * SAMPLE_RATE_HZ)
        x[i : i + len(y)] += gains[name] * y[: frames - i]
    if rng.random() < 0.7:
        n = int(10 ** rng.uniform(-0.8, 0.1) * SAMPLE_RATE_HZ)
        tail = rng.normal(0, 1, n) * np.exp(-6.9 * np.arange(n) / n) + 3 * reflections(rng, n).mean(0)
        x = x + rng.uniform(0.02, 0.35) * fftconvolve(x, tail / np.sqrt((tail**2).sum()))[:frames]
    if rng.random() < 0.5:
        bleed = _bleed(rng, frames)
        x = x + bleed * 10 ** (rng.uniform(-30, -8) / 20) * np.std(x) / (np.std(bleed) + 1e-9)
    if rng.random() < 0.5:
        sos = butter(1, 10 ** rng.uniform(2.0, 3.8), "low" if rng.random() < 0.5 else "high", fs=SAMPLE_RATE_HZ, output="sos")
        x = x + rng.uniform(-0.6, 1.5) * sosfilt(sos, x)
    if rng.random() < 0.4:
        x = np.tanh(x / np.abs(x).max() * rng.uniform(1, 4))
    x = x + 10 ** rng.uniform(-5, -2.8) * np.abs(x).max() * rng.standard_normal(frames)
    hits = tuple(np.array(sorted(t for t, name, _ in pattern if name == c)) for c in CLASSES)
    return Clip((x * 0.5 / np.abs(x).max()).astype(np.float32), hits)
