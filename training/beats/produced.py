"""A groove's sounds from the shared synthesis: drawn instruments and kit, a singer, rooms, and what a mix does to all of it."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from training.synthesis.instruments import instrument
from training.synthesis.kit import kit
from training.synthesis.oscillators import SAMPLE_RATE_HZ
from training.synthesis.room import reflections
from training.synthesis.singing import sing
from training.synthesis.strings import plucked

KINDS = {
    "B": ("bass", "bass", "bass", "saw", "square", "fm", "sub"),
    "C": ("piano", "guitar", "fm", "organ", "pad", "strings", "saw", "brass", "square", "reed"),
    "G": ("distorted",),
    "A": ("piano", "guitar", "fm", "mallet", "flute", "reed", "strings", "saw", "square", "brass"),
}
PLUCKED = ("guitar", "bass")
LONGEST_S = 2.5


class Produced:
    """Sounds of one groove; every pitch of an instrument is rendered once and cut to length."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        pieces = kit(rng)
        snare = "clap" if rng.random() < 0.2 else "snare"
        hat = "ride" if rng.random() < 0.25 else "percussion" if rng.random() < 0.1 else "hat"
        self._drums = {"K": pieces["kick"], "S": pieces[snare], "H": pieces[hat], "crash": pieces["crash"]}
        self._hits = {k: [_levelled(hit()) for _ in range(3)] for k, hit in self._drums.items()}
        self._instruments = {part: self._draw(kinds) for part, kinds in KINDS.items()}
        self._notes: dict[tuple[str, int], np.ndarray] = {}

    def _draw(self, kinds):
        kind = str(self.rng.choice(kinds))
        if kind in PLUCKED and self.rng.random() < 0.5:
            return plucked(self.rng, kind == "bass")
        return instrument(self.rng, kind)

    def drum(self, part: str) -> np.ndarray:
        return self._hits[part][int(self.rng.integers(3))]

    def note(self, part: str, pitch: int, duration_s: float) -> np.ndarray:
        if (part, pitch) not in self._notes:
            self._notes[part, pitch] = _levelled(self._instruments[part](pitch, LONGEST_S, 0.8))
        y = self._notes[part, pitch][: int((duration_s + 0.05) * SAMPLE_RATE_HZ)].copy()
        fade = min(len(y), int(0.05 * SAMPLE_RATE_HZ))
        y[len(y) - fade :] *= np.linspace(1, 0, fade)
        return y

    def voice(self, notes: list[tuple[float, float, float, float]], frames: int) -> np.ndarray:
        return sing(self.rng, notes, frames)

    def mixed(self, tracks: dict[str, np.ndarray]) -> np.ndarray:
        """Levels, rooms, and the bus: equaliser, dull or thin sound, saturation, compression, noise."""
        rng, out = self.rng, np.zeros(len(next(iter(tracks.values()))))
        shared = _reverb(rng)
        for part, x in tracks.items():
            wet = rng.uniform(0, 0.25) if part in "KB" else rng.uniform(0, 0.7)
            out += x + wet * fftconvolve(x, shared)[: len(x)]
        if rng.random() < 0.7:
            low, high = 10 ** rng.uniform(1.4, 2.3), 10 ** rng.uniform(3.5, 4.3)
            out = sosfilt(butter(1, [low / 22050, min(high, 21000) / 22050], "band", output="sos"), out)
        out /= np.percentile(np.abs(out), 99.5) + 1e-9
        if rng.random() < 0.6:
            out = np.tanh(out * rng.uniform(0.8, 4))
        if rng.random() < 0.5:
            level = np.sqrt(sosfilt(butter(1, 6 / 22050, output="sos"), out**2).clip(1e-6))
            out = out / (level + 0.05) ** rng.uniform(0.2, 0.6)
        return out + 10 ** rng.uniform(-5, -2.2) * np.abs(out).max() * rng.standard_normal(len(out))


def _levelled(y: np.ndarray) -> np.ndarray:
    y = np.asarray(y, float)
    return y * 0.3 / (np.abs(y).max() + 1e-9)


def _reverb(rng: np.random.Generator) -> np.ndarray:
    n = int(10 ** rng.uniform(-0.7, 0.3) * SAMPLE_RATE_HZ)
    tail = rng.normal(0, 1, n) * np.exp(-6.9 * np.arange(n) / n)
    if rng.random() < 0.5:
        early = reflections(rng, n).mean(0)
        tail = tail / np.sqrt((tail**2).sum()) + early / np.sqrt((early**2).sum() + 1e-12)
    return tail / np.sqrt((tail**2).sum())
