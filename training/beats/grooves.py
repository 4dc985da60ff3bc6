"""Grooves with exact beats and downbeats, from numpy oscillators: the training set of the beat tracker.

Half of them are played by plain tones, half by the instruments, kits, singers and rooms that other recipes share (`produced`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.beats.produced import Produced
from training.beats.styles import STYLES

SAMPLE_RATE_HZ = 44100
DURATION_S = 42.0
PRODUCED_SHARE = 0.6


@dataclass(frozen=True, eq=False)
class Groove:
    samples: np.ndarray
    beats_s: np.ndarray
    downbeats_s: np.ndarray
    meter: int


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
        loose = 0.012 if rng.random() < 0.15 else 0.004
        drift = np.exp(np.cumsum(rng.normal(0, loose, count)) * 0.7 - np.linspace(0, 1, count) * rng.uniform(-0.05, 0.05))
        self.beats_s = rng.uniform(0.1, 1.2) + np.concatenate([[0], np.cumsum(60 / self.bpm * drift)])
        self.bars = count // s.beats
        self.bar_steps = s.beats * s.steps
        steps = np.arange(count * s.steps)
        late = rng.uniform(0.05, 0.33) if s.steps == 4 and rng.random() < 0.25 else 0.0
        self.steps_s = np.interp((steps + late * (steps % 2)) / s.steps, np.arange(count + 1), self.beats_s)
        self.frames = int((self.beats_s[-1] + 2) * SAMPLE_RATE_HZ)
        self.produced = Produced(rng) if rng.random() < PRODUCED_SHARE else None
        self.hits = drum_hits(rng)
        base = {"K": 0.9, "S": 0.6, "H": 0.35, "B": 0.55, "C": 0.16, "G": 0.14, "A": 0.28}
        spread = (0.35, 1.8) if self.produced else (0.6, 1.3)
        self.gain = {k: v * rng.uniform(*spread) for k, v in base.items()}
        self.parts = self._parts()
        self.tracks = {part: np.zeros(self.frames) for part in self.parts}
        self.root = int(rng.integers(40, 52))
        self.scale = [0, 2, 3, 5, 7, 8, 10] if rng.random() < 0.5 else [0, 2, 4, 5, 7, 9, 11]
        self.loop = rng.integers(0, 7, int(rng.choice([2, 4, 4, 8])))
        self.loop[0] = 0
        self.chord_bars = float(rng.choice([0.5, 1, 1, 1, 2])) if s.beats % 2 == 0 else float(rng.choice([1, 1, 2]))
        self.pushed_steps = int(rng.integers(1, max(2, s.steps))) if rng.random() < 0.3 else 0
        self.jitter_s = rng.uniform(0.002, 0.015)

    def _parts(self) -> dict[str, list[int]]:
        rng, parts = self.rng, dict(self.style.parts)
        if rng.random() < 0.5 and "A" not in parts and not self.name.startswith("trap"):
            count = max(2, int(self.bar_steps * 0.4))
            parts["A"] = sorted(rng.choice(self.bar_steps, count, replace=False).tolist())
        if rng.random() < 0.15 and len(parts) > 3:
            for drum in "KSH"[: 2 + int(rng.random() < 0.5)]:
                parts.pop(drum, None)
        if rng.random() < 0.1 and "B" in parts and len(parts) > 2:
            parts.pop("B")
        return parts

    def put(self, part: str, sound: np.ndarray, at_s: float, gain: float) -> None:
        i, out = max(0, int(at_s * SAMPLE_RATE_HZ)), self.tracks[part]
        m = min(len(sound), len(out) - i)
        if m > 0:
            out[i : i + m] += gain * sound[:m]

    def chord(self, step: int, bar: int) -> list[int]:
        """Three pitches. Pushed chords come before the place where they belong."""
        position = bar + (step + self.pushed_steps) / self.bar_steps
        degree = int(self.loop[int(position / self.chord_bars) % len(self.loop)])
        return [self.root + self.scale[(degree + d) % 7] + 12 * ((degree + d) // 7) for d in (0, 2, 4)]

    def play(self) -> np.ndarray:
        """Mono mixture."""
        rng = self.rng
        quiet_start, breaks = rng.random() < 0.3, rng.random() < 0.3
        for bar in range(self.bars):
            for part, steps in self.parts.items():
                silent = (quiet_start and bar < self.bars // 5) or (breaks and bar % 16 in (14, 15))
                if not (part in "KS" and silent):
                    self._bar(part, steps, bar)
        if self.produced is None:
            return sum(self.tracks.values()) + 1e-4 * rng.standard_normal(self.frames)
        if rng.random() < 0.6:
            self.tracks["V"] = self._sung() * rng.uniform(0.8, 4)
        return self.produced.mixed(self.tracks)

    def _sung(self) -> np.ndarray:
        """A melody in phrases of a bar or two, on and off the beats, with rests."""
        rng, notes, step, end = self.rng, [], 0, len(self.steps_s) - 1
        register = int(rng.integers(50, 68))
        while step < end:
            length = int(rng.choice([1, 2, 2, 3, 4, 6]))
            if rng.random() < 0.75:
                degree = int(rng.integers(0, 9))
                pitch = register + self.scale[degree % 7] + 12 * (degree // 7)
                start = self.steps_s[step] + rng.normal(0, 0.02)
                notes.append((start, max(0.08, self.steps_s[min(step + length, end)] - start), pitch, rng.uniform(0.5, 1)))
            step += length + (self.style.steps * int(rng.integers(1, 4)) if rng.random() < 0.12 else 0)
        return self.produced.voice(notes, self.frames) if notes else np.zeros(self.frames)

    def _bar(self, part: str, steps: list[int], bar: int) -> None:
        rng = self.rng
        if part in "KSH" and bar % 8 == 7 and rng.random() < 0.5:
            steps = sorted(set(steps) | set(rng.choice(self.bar_steps, 2).tolist()))
        for j, step in enumerate(steps):
            late = abs(rng.normal(0, 0.008)) if part == "A" else 0.0
            at = self.steps_s[bar * self.bar_steps + step] + rng.normal(0, self.jitter_s) + late
            accent = (1.15 if step == 0 else 1.0) * (1.0 if step % self.style.steps == 0 else 0.85)
            following = steps[j + 1] if j + 1 < len(steps) else self.bar_steps
            length_s = (following - step) / self.style.steps * 60 / self.bpm
            self._hit(part, step, bar, at, self.gain[part] * rng.uniform(0.75, 1.1) * accent, length_s)

    def _hit(self, part: str, step: int, bar: int, at: float, gain: float, length_s: float) -> None:
        rng, made = self.rng, self.produced
        chord = self.chord(step, bar)
        if part in "KSH":
            if rng.random() > 0.03:
                self.put(part, made.drum(part) * 2 if made else self.hits[part], at, gain)
            if part == "H" and step == 0 and bar % 8 == 0 and rng.random() < 0.6:
                self.put(part, made.drum("crash") * 3 if made else np.repeat(self.hits["H"], 3), at, gain * 1.5)
        elif part == "B":
            pitch = chord[0] - 12 + (0 if step == 0 or rng.random() < 0.6 else int(rng.choice([7, 12, 0])))
            self.put(part, self._tone("B", pitch, max(0.08, length_s * 0.95), 4, 2.0), at, gain)
        elif part == "C":
            length_s = min(length_s, 2.5) * (0.5 if self.name.startswith(("reggae", "ska")) else 0.95)
            for pitch in chord:
                self.put(part, self._tone("C", pitch + 12, length_s, 5, 1.5), at + rng.uniform(0, 0.008), gain)
        elif part == "G":
            y = sum(self._tone("G", chord[0] + i, min(length_s, 1.5) * 0.9, 8, 1.0)[: int(1.3 * SAMPLE_RATE_HZ)] for i in (0, 7, 12))
            self.put(part, np.tanh(y * 3), at, gain * 1.5)
        else:
            inside = rng.random() < 0.7
            octave = 12 * int(rng.integers(1, 3))
            pitch = chord[int(rng.integers(3))] + octave if inside else self.root + 24 + self.scale[int(rng.integers(7))]
            self.put(part, self._tone("A", pitch, min(0.6, 60 / self.bpm), 6, 3.0), at, gain)

    def _tone(self, part: str, pitch: int, duration_s: float, partials: int, decay: float) -> np.ndarray:
        if self.produced:
            return self.produced.note(part, pitch, duration_s) * 3
        return tone(self.rng, pitch, duration_s, partials, decay)


def render(name: str, seed: int) -> Groove:
    """One groove of a style: float32 mono at 44.1 kHz and its truth; half of them cut out of a longer one, anywhere in a bar."""
    player = _Player(name, seed)
    x, rng = player.play(), player.rng
    beats = player.beats_s[:-1]
    downbeats = beats[:: player.style.beats]
    if rng.random() < 0.5:
        start, length = rng.uniform(0, 12), rng.uniform(15, 30)
        x = x[int(start * SAMPLE_RATE_HZ) : int((start + length) * SAMPLE_RATE_HZ)]
        beats, downbeats = ((t - start)[(t >= start) & (t < start + length)] for t in (beats, downbeats))
    return Groove((x * 0.8 / np.abs(x).max()).astype(np.float32), beats, downbeats, player.style.beats)
