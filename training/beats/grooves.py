"""Grooves with exact beats and downbeats, from numpy oscillators: the training set of the beat tracker.

A style is: beats in a bar, grid steps in a beat, tempo range, and the steps at which each instrument plays.
K kick, S snare, H hat, B bass, C chords, G distorted power chords, A arpeggio or melody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE_HZ = 44100
DURATION_S = 42.0


@dataclass(frozen=True)
class Style:
    beats: int
    steps: int
    low_bpm: float
    high_bpm: float
    parts: dict[str, list[int]]


@dataclass(frozen=True, eq=False)
class Groove:
    samples: np.ndarray
    beats_s: np.ndarray
    downbeats_s: np.ndarray
    meter: int


def every(total: int, step: int, first: int = 0) -> list[int]:
    return list(range(first, total, step))


def _style(beats: int, steps: int, low: float, high: float, **parts: list[int]) -> Style:
    return Style(beats, steps, low, high, parts)


E2, E4, OFF = every(16, 2), every(16, 4), every(16, 4, 2)
GALLOP = [0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15]
STYLES = {
    "rock": _style(4, 4, 95, 165, K=[0, 6, 8], S=[4, 12], H=E2, B=E2, C=[0, 8]),
    "rock_riff": _style(4, 4, 105, 160, K=[0, 6, 8, 10], S=[4, 12], H=E2, B=E2, G=E2),
    "rock_open": _style(4, 4, 110, 150, K=[0, 8, 10], S=[4, 12], H=E4, B=E2, G=[0, 6, 8]),
    "punk": _style(4, 4, 150, 205, K=[0, 8], S=[4, 12], H=E2, B=E2, G=E2),
    "metal": _style(4, 4, 135, 190, K=GALLOP, S=[4, 12], H=E4, B=GALLOP, G=GALLOP),
    "metal_half": _style(4, 4, 130, 180, K=[0, 2, 6, 7, 10], S=[8], H=E4, B=E2, G=[0, 2, 6, 7, 10, 12]),
    "disco": _style(4, 4, 110, 130, K=E4, S=[4, 12], H=OFF, B=E2, C=[0, 6]),
    "disco_light": _style(4, 4, 108, 128, S=[4, 12], H=every(16, 1), B=[0, 2, 4, 6, 8, 10, 12, 14], C=OFF),
    "house": _style(4, 4, 118, 130, K=E4, S=[4, 12], H=OFF, B=OFF, C=[0, 3, 6, 11]),
    "techno": _style(4, 4, 124, 140, K=E4, H=OFF, B=[2, 3, 6, 7, 10, 11, 14, 15], C=[0]),
    "hiphop": _style(4, 4, 74, 98, K=[0, 7, 10], S=[4, 12], H=E2, B=[0, 7, 10], C=[0]),
    "hiphop_late": _style(4, 4, 78, 96, K=[0, 3, 8, 11], S=[4, 12], H=every(16, 1), B=[0, 3, 8], C=[0, 8]),
    "trap": _style(4, 4, 62, 78, K=[0, 3, 10], S=[8], H=every(16, 1), B=[0, 10], C=[0]),
    "trap_double": _style(4, 4, 126, 156, K=[0, 6], S=[8], H=E2, B=[0, 6], C=[0]),
    "dnb": _style(4, 4, 165, 178, K=[0, 10], S=[4, 12], H=E2, B=[0, 10], C=[0]),
    "reggae": _style(4, 4, 66, 90, K=[8], S=[8], H=E2, B=[0, 3, 6, 8, 11], C=[2, 6, 10, 14]),
    "ska": _style(4, 4, 120, 160, K=[0, 8], S=[4, 12], H=OFF, B=E4, C=OFF),
    "bossa": _style(4, 4, 100, 150, K=[0, 6, 8, 14], S=[0, 6, 12], H=E2, B=[0, 6, 8, 14], C=[0, 6, 10, 12]),
    "bossa_guitar": _style(4, 4, 110, 145, B=[0, 8], C=[0, 4, 6, 10, 14], A=[3, 6, 11, 14]),
    "latin": _style(4, 4, 150, 200, K=[6, 14], S=[4, 12], H=[0, 4, 6, 8, 12, 14], B=[6, 12], C=[0, 4, 6, 10, 14]),
    "funk": _style(4, 4, 92, 116, K=[0, 3, 10, 13], S=[4, 7, 9, 12], H=every(16, 1), B=[0, 3, 6, 10, 11], C=[2, 6, 14]),
    "funk_one": _style(4, 4, 95, 120, K=[0, 2, 7, 10], S=[4, 12, 15], H=E2, B=[0, 2, 7, 10, 14], C=[3, 6, 11, 14]),
    "ballad": _style(4, 4, 58, 82, K=[0, 8], S=[4, 12], H=E2, B=[0, 8], C=E2),
    "ballad_rock": _style(4, 4, 80, 110, K=[0, 8, 10], S=[4, 12], H=E2, B=[0, 6, 8], C=[0, 8], A=E2),
    "piano": _style(4, 4, 58, 84, B=[0, 8], A=E2, C=[0]),
    "folk": _style(4, 4, 90, 130, C=[0, 4, 6, 10, 12, 14], B=[0, 8]),
    "country": _style(4, 4, 90, 130, K=[0, 8], S=[4, 12], B=[0, 8], C=[4, 12, 14], H=OFF),
    "shuffle": _style(4, 3, 90, 140, K=[0, 6], S=[3, 9], H=[0, 2, 3, 5, 6, 8, 9, 11], B=[0, 3, 6, 9], C=[0]),
    "swing": _style(4, 3, 120, 220, H=[0, 3, 5, 6, 9, 11], K=[0], B=[0, 3, 6, 9], C=[2, 6], A=[0, 2, 3, 5, 8, 11]),
    "swing_ride": _style(4, 3, 130, 230, H=[0, 3, 5, 6, 9, 11], S=[3, 9], B=[0, 3, 6, 9], C=[5, 9]),
    "swing_trio": _style(4, 3, 100, 190, H=[0, 3, 5, 6, 9, 11], B=[0, 3, 6, 9], C=[0, 5], A=[2, 3, 6, 8, 11]),
    "waltz": _style(3, 2, 90, 170, B=[0], C=[2, 4], K=[0], S=[2, 4]),
    "waltz_pick": _style(3, 2, 80, 140, B=[0], A=every(6, 1), C=[0]),
    "waltz_jazz": _style(3, 3, 120, 180, H=[0, 3, 5, 6, 8], K=[0], B=[0, 3, 6], C=[2, 6], S=[6]),
    "waltz_fast": _style(3, 2, 150, 200, B=[0], C=[2, 4], H=[2, 4]),
    "six8": _style(2, 3, 50, 76, K=[0], S=[3], H=every(6, 1), B=[0, 3], C=every(6, 1)),
    "six8_pick": _style(2, 3, 48, 72, B=[0, 3], A=every(6, 1)),
    "six8_folk": _style(2, 3, 46, 78, B=[0, 3], C=[0, 2, 3, 5]),
    "six8_rock": _style(2, 3, 45, 70, K=[0, 2], S=[3], H=every(6, 1), B=[0, 2, 3], G=[0, 3]),
    "six8_ballad": _style(2, 3, 44, 66, K=[0], S=[3], H=every(6, 1), B=[0], C=[0], A=every(6, 1)),
    "twelve8_slow": _style(4, 3, 48, 76, K=[0, 6], S=[3, 9], H=every(12, 1), B=[0, 6], C=every(12, 1)),
    "twelve8": _style(4, 3, 54, 80, K=[0, 5, 6], S=[3, 9], H=every(12, 1), B=[0, 2, 3, 6, 8, 9], C=[0]),
    "five4": _style(5, 2, 110, 175, K=[0, 3, 6], S=[4, 8], H=every(10, 2), B=[0, 3, 6, 8], C=[0, 3, 6]),
    "five4_even": _style(5, 2, 100, 160, K=[0, 6], S=[2, 8], H=every(10, 1), B=[0, 6], C=[0, 6]),
    "seven4": _style(7, 2, 110, 170, K=[0, 4, 8], S=[2, 6, 12], H=every(14, 1), B=[0, 4, 8, 11], C=[0]),
    "march": _style(2, 4, 100, 126, K=[0], S=[4, 6, 7], B=[0, 4], C=[2, 6], H=[4]),
    "half_time": _style(4, 4, 120, 150, K=[0, 6], S=[8], H=E2, B=E2, C=[0]),
    "half_time_riff": _style(4, 4, 120, 150, K=[0, 6, 10], S=[8], H=E2, B=E2, G=E2),
}  # fmt: skip


def drum_hits(rng: np.random.Generator) -> dict[str, np.ndarray]:
    k = np.arange(int(0.25 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    f0 = rng.uniform(45, 65)
    kick = np.sin(2 * np.pi * (f0 * k + 1.6 * (1 - np.exp(-k * 40)))) * np.exp(-k * rng.uniform(10, 20))
    kick[:60] += 0.3 * rng.standard_normal(60)
    s = np.arange(int(0.22 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    body = 0.5 * np.sin(2 * np.pi * rng.uniform(170, 230) * s)
    snare = (rng.uniform(0.5, 0.9) * rng.standard_normal(len(s)) + body) * np.exp(-s * rng.uniform(16, 30))
    h = np.arange(int(0.12 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    hat = np.diff(np.diff(rng.standard_normal(len(h)), prepend=0), prepend=0) * 0.3 * np.exp(-h * rng.uniform(40, 90))
    return {"K": kick, "S": snare, "H": hat}


def tone(rng: np.random.Generator, pitch: float, duration_s: float, partials: int = 4, decay: float = 3.0) -> np.ndarray:
    t = np.arange(int(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    f = 440 * 2 ** ((pitch - 69) / 12)
    y = sum(
        np.sin(2 * np.pi * f * h * t + rng.uniform(0, 6.28)) * np.exp(-t * decay * (1 + 0.3 * h)) / h**1.2 for h in range(1, partials + 1)
    )
    attack, release = min(int(0.006 * SAMPLE_RATE_HZ), len(t)), min(int(0.03 * SAMPLE_RATE_HZ), len(t))
    y[:attack] *= np.linspace(0, 1, attack)
    y[len(y) - release :] *= np.linspace(1, 0, release)
    return y


class _Player:
    def __init__(self, name: str, seed: int) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.style, self.name = STYLES[name], name
        s = self.style
        self.bpm = float(np.exp(rng.uniform(np.log(s.low_bpm), np.log(s.high_bpm))))
        count = int(DURATION_S * self.bpm / 60 / s.beats) * s.beats
        drift = np.exp(np.cumsum(rng.normal(0, 0.004, count)) - np.linspace(0, 1, count) * rng.uniform(-0.05, 0.05))
        self.beats_s = rng.uniform(0.1, 1.2) + np.concatenate([[0], np.cumsum(60 / self.bpm * drift)])
        self.bars = count // s.beats
        self.bar_steps = s.beats * s.steps
        self.steps_s = np.interp(np.arange(count * s.steps) / s.steps, np.arange(count + 1), self.beats_s)
        self.out = np.zeros(int((self.beats_s[-1] + 2) * SAMPLE_RATE_HZ))
        self.hits = drum_hits(rng)
        base = {"K": 0.9, "S": 0.6, "H": 0.35, "B": 0.55, "C": 0.16, "G": 0.14, "A": 0.28}
        self.gain = {k: v * rng.uniform(0.6, 1.3) for k, v in base.items()}
        self.parts = self._parts()
        self.root = int(rng.integers(40, 52))
        self.scale = [0, 2, 3, 5, 7, 8, 10] if rng.random() < 0.5 else [0, 2, 4, 5, 7, 9, 11]
        self.loop = rng.integers(0, 7, 4)
        self.loop[0] = 0
        self.chord_bars = int(rng.choice([1, 1, 1, 2]))
        self.jitter_s = rng.uniform(0.002, 0.012)

    def _parts(self) -> dict[str, list[int]]:
        rng, parts = self.rng, dict(self.style.parts)
        if rng.random() < 0.5 and "A" not in parts and not self.name.startswith("trap"):
            count = max(2, int(self.bar_steps * 0.4))
            parts["A"] = sorted(rng.choice(self.bar_steps, count, replace=False).tolist())
        if rng.random() < 0.15 and len(parts) > 3:
            for drum in "KSH"[: 2 + int(rng.random() < 0.5)]:
                parts.pop(drum, None)
        return parts

    def put(self, sound: np.ndarray, at_s: float, gain: float) -> None:
        i = max(0, int(at_s * SAMPLE_RATE_HZ))
        m = min(len(sound), len(self.out) - i)
        if m > 0:
            self.out[i : i + m] += gain * sound[:m]

    def play(self) -> None:
        quiet_start = self.rng.random() < 0.3
        for bar in range(self.bars):
            degree = int(self.loop[(bar // self.chord_bars) % 4])
            chord = [self.root + self.scale[(degree + d) % 7] + 12 * ((degree + d) // 7) for d in (0, 2, 4)]
            for part, steps in self.parts.items():
                if not (part in "KS" and quiet_start and bar < self.bars // 5):
                    self._bar(part, steps, bar, chord)

    def _bar(self, part: str, steps: list[int], bar: int, chord: list[int]) -> None:
        rng = self.rng
        if part in "KSH" and bar % 8 == 7 and rng.random() < 0.5:
            steps = sorted(set(steps) | set(rng.choice(self.bar_steps, 2).tolist()))
        for j, step in enumerate(steps):
            late = abs(rng.normal(0, 0.008)) if part == "A" else 0.0
            at = self.steps_s[bar * self.bar_steps + step] + rng.normal(0, self.jitter_s) + late
            accent = (1.15 if step == 0 else 1.0) * (1.0 if step % self.style.steps == 0 else 0.85)
            following = steps[j + 1] if j + 1 < len(steps) else self.bar_steps
            length_s = (following - step) / self.style.steps * 60 / self.bpm
            self._hit(part, step, bar, at, self.gain[part] * rng.uniform(0.75, 1.1) * accent, length_s, chord)

    def _hit(self, part: str, step: int, bar: int, at: float, gain: float, length_s: float, chord: list[int]) -> None:
        rng = self.rng
        if part in "KSH":
            if rng.random() > 0.03:
                self.put(self.hits[part], at, gain)
            if part == "H" and step == 0 and bar % 8 == 0 and rng.random() < 0.6:
                self.put(np.repeat(self.hits["H"], 3), at, gain * 1.5)
        elif part == "B":
            pitch = chord[0] - 12 + (0 if step == 0 or rng.random() < 0.6 else int(rng.choice([7, 12, 0])))
            self.put(tone(rng, pitch, max(0.08, length_s * 0.95), 4, 2.0), at, gain)
        elif part == "C":
            length_s = min(length_s, 2.5) * (0.5 if self.name in ("reggae", "ska") else 0.95)
            for pitch in chord:
                self.put(tone(rng, pitch + 12, length_s, 5, 1.5), at + rng.uniform(0, 0.008), gain)
        elif part == "G":
            y = sum(tone(rng, chord[0] + i, min(length_s, 1.5) * 0.9, 8, 1.0) for i in (0, 7, 12))
            self.put(np.tanh(y * 3), at, gain * 1.5)
        else:
            inside = rng.random() < 0.7
            octave = 12 * int(rng.integers(1, 3))
            pitch = chord[int(rng.integers(3))] + octave if inside else self.root + 24 + self.scale[int(rng.integers(7))]
            self.put(tone(rng, pitch, min(0.6, 60 / self.bpm), 6, 3.0), at, gain)


def render(name: str, seed: int) -> Groove:
    """One groove of a style: float32 mono at 44.1 kHz and its truth."""
    player = _Player(name, seed)
    player.play()
    x = player.out + 1e-4 * player.rng.standard_normal(len(player.out))
    beats = player.beats_s[:-1]
    return Groove((x * 0.8 / np.abs(x).max()).astype(np.float32), beats, beats[:: player.style.beats], player.style.beats)
