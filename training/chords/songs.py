"""Labelled songs of 36 s: bass, one to four chord layers, melody with foreign notes, drums; room, equaliser, saturation, noise, and up
to +- 45 cents of detuning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from sideman.core.analysis.chords.emission import CLASSES
from training.chords.harmony import Event, Progression, progression
from training.chords.sounds import BASSES, COMPING, DISTORTED, DRUMS, GUITARS, LEADS, PADS, SAMPLE_RATE_HZ, Sounds

LABEL_NONE, LABEL_UNKNOWN = -1, -2


@dataclass(frozen=True, eq=False)
class LabelledSong:
    """samples at 11,025 Hz; labels [n, 5]: start_s, end_s, root, class, bass (-1 no chord, -2 do not use); key 0..23 or -1."""

    samples: np.ndarray
    labels: np.ndarray
    beats_s: np.ndarray
    key: int


@dataclass(frozen=True)
class Layer:
    program: int
    style: str
    centre: int
    gain: float


class _Writer:
    def __init__(self, sounds: Sounds, seed: int) -> None:
        self.sounds, self.rng = sounds, np.random.default_rng(seed)
        rng = self.rng
        self.bpm, self.meter = rng.uniform(62, 180), int(rng.choice([4, 4, 4, 3, 6]))
        self.bars = max(4, round(36 * self.bpm / 60 / self.meter))
        self.song: Progression = progression(rng, self.bars, self.meter)
        self.count = self.bars * self.meter
        jitter = 60 / self.bpm * (1 + rng.normal(0, 0.006, self.count))
        self.beats_s = rng.uniform(0.2, 1.2) + np.concatenate([[0], np.cumsum(jitter)])
        self.frames = int((self.beats_s[-1] + 1.5) * SAMPLE_RATE_HZ)
        self.tracks: dict[str, np.ndarray] = {}
        self.has_drums, self.has_bass = rng.random() < 0.72, rng.random() < 0.85
        self.alone = rng.random() < 0.2  # one player, who embellishes: a picked or strummed guitar, a piano
        if self.alone:
            self.has_drums = self.has_bass = False
        self.embellishment = float(rng.choice([0, 0.1, 0.25])) if not self.alone else float(rng.uniform(0.1, 0.45))
        self.silence = None
        if rng.random() < 0.2 and self.has_drums:
            start = int(rng.integers(self.bars)) * self.meter
            self.silence = (start, start + self.meter * int(rng.choice([1, 2])))

    def seconds(self, beat: float) -> float:
        return float(np.interp(beat, np.arange(self.count + 1), self.beats_s))

    def silent(self, beat: float) -> bool:
        return self.silence is not None and self.silence[0] <= beat < self.silence[1]

    def put(self, track: str, program: int, pitch: int, beat: float, beats: float, gain: float) -> None:
        out = self.tracks.setdefault(track, np.zeros(self.frames, np.float32))
        y = self.sounds.note(program, int(np.clip(pitch, 20, 108)))
        a = int((self.seconds(beat) + self.rng.normal(0, 0.006)) * SAMPLE_RATE_HZ)
        end = self.seconds(min(beat + beats, self.count)) - self.seconds(beat)
        n = min(len(y), int(end * SAMPLE_RATE_HZ) + 1500, self.frames - a)
        if a < 0 or n < 400:
            return
        z = y[:n] * np.float32(gain)
        fade = min(n, 1500)
        z[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        out[a : a + n] += z

    def bass(self) -> None:
        rng = self.rng
        program, kind = int(rng.choice(BASSES)), str(rng.choice(["root", "octave", "fifth", "walk", "syncopated", "long"]))
        sustain = rng.random() < 0.3
        for e in self.song.events:
            low = 28 + (e.bass - 28) % 12
            step = {"octave": 0.5, "syncopated": 0.5, "long": e.beats}.get(kind, 1.0)
            for i, x in enumerate(np.arange(0, e.beats, step)):
                if self.silent(e.beat + x):
                    continue
                pitch = self._bass_note(e, kind, i, low)
                self.put("bass", program, pitch, e.beat + x, step * (1.0 if sustain else 0.9), rng.uniform(0.8, 1.1))

    def _bass_note(self, e: Event, kind: str, i: int, low: int) -> int:
        rng = self.rng
        if kind == "fifth" and i % 2 and e.bass == e.root:
            return low + int(rng.choice([7, -5]))
        if kind == "walk" and i:
            m = low + int(rng.choice([0, 2, 4, 5, 7, -1, -3, 12, -5]))
            if rng.random() >= 0.3:
                m = min(range(28, 53), key=lambda z: abs(z - m) + 9 * (z % 12 not in e.pitch_classes))
            return m
        if kind == "syncopated" and i and rng.random() < 0.35:
            return low + int(rng.choice([12, 7, -5, 10]))
        return low + (12 if kind == "octave" and i % 2 else 0)

    def layers(self) -> list[Layer]:
        rng, out = self.rng, []
        for _ in range(1 if self.alone else int(rng.choice([1, 1, 2, 2, 3]))):
            program = int(rng.choice(GUITARS if self.alone and rng.random() < 0.7 else DISTORTED if rng.random() < 0.1 else COMPING))
            style = str(rng.choice(["block", "arpeggio", "comp", "strum", "beats"]))
            out.append(Layer(program, style, int(rng.choice([45, 50, 55, 60, 64])), rng.uniform(0.3, 1)))
        if not self.alone and rng.random() < 0.5:
            out.append(Layer(int(rng.choice(PADS)), "block", int(rng.choice([50, 55, 60, 65])), rng.uniform(0.2, 0.9)))
        return out

    def _voicing(self, e: Event, layer: Layer, lowest: bool) -> list[int]:
        rng, pcs = self.rng, e.pitch_classes
        distorted = layer.program in DISTORTED
        use = [pcs[0], pcs[2]] if distorted and len(pcs) < 4 else list(pcs)
        if len(use) == 4 and rng.random() < 0.2:
            use.pop(2 if e.quality in ("7", "maj7", "min7") else 1)
        if len(use) == 4 and self.has_bass and rng.random() < 0.15 and e.bass == e.root:
            use = use[1:]
        turn = int(rng.integers(len(use)))
        use = use[turn:] + use[:turn]
        centre = layer.centre - 12 * distorted
        at, notes = centre + (use[0] - centre) % 12, []
        for pc in use:
            at += (pc - at) % 12
            notes.append(at)
            at += 1
        if rng.random() < 0.4:
            notes.append(notes[0] + 12)
        return [36 + (e.bass - 36) % 12, *notes] if lowest and not self.has_bass else notes

    def chords(self) -> None:
        rng = self.rng
        layers, sustain = self.layers(), rng.random() < 0.3
        for e in self.song.events:
            for j, layer in enumerate(layers):
                notes = self._voicing(e, layer, j == 0)
                times = {
                    "block": [0.0],
                    "arpeggio": np.arange(0, e.beats, 0.5),
                    "comp": [x for x in np.arange(0, e.beats, 0.5) if x == 0 or rng.random() < 0.4],
                    "strum": np.arange(0, e.beats, 0.5 if self.bpm < 120 else 1),
                    "beats": np.arange(0, e.beats, 1.0),
                }[layer.style]
                for i, x in enumerate(times):
                    if self.silent(e.beat + x):
                        continue
                    if layer.style == "arpeggio":
                        some = [notes[0], notes[-1]] if i == 0 else [notes[i % len(notes)]]
                        for pitch in some:
                            self.put(f"layer{j}", layer.program, pitch, e.beat + x, e.beats - x if sustain else 0.6, layer.gain)
                        continue
                    length = e.beats if layer.style == "block" else rng.uniform(0.3, 1.0) if layer.style == "comp" else 1.0
                    for pitch in [*notes, *self._embellished(e, notes, length)]:
                        self.put(f"layer{j}", layer.program, pitch, e.beat + x, length, layer.gain * rng.uniform(0.8, 1.1))

    def _embellished(self, e: Event, notes: list[int], length: float) -> list[int]:
        """A tone that is not in the chord's name, in a short hit: lead sheets say G where the player touches a sixth or a seventh."""
        if length > 1 or self.rng.random() >= self.embellishment or e.quality not in ("maj", "min", "7", "min7"):
            return []
        tone = int(self.rng.choice([2, 9, 10, 11, 5]))
        above = notes[-1] + (e.root + tone - notes[-1]) % 12
        return [above] if self.song.key < 0 or above % 12 in set(self.song.scale) else []

    def melody(self) -> None:
        rng = self.rng
        if rng.random() >= (0.25 if self.alone else 0.75):
            return
        program, gain, current = int(rng.choice(LEADS)), rng.uniform(0.5, 1.5), int(rng.integers(62, 80))
        rest, beat = rng.uniform(0.05, 0.5), 0.0
        while beat < self.count:
            length = float(rng.choice([0.5, 0.5, 1, 1, 1.5, 2, 0.25]))
            pcs = set(self.song.at(beat).pitch_classes)
            allowed = pcs if rng.random() < 0.55 or self.song.key < 0 else pcs | set(self.song.scale)
            aim = current + int(rng.integers(-5, 6))
            current = min(range(58, 90), key=lambda z: abs(z - aim) + 12 * (z % 12 not in allowed))
            if rng.random() > rest and not self.silent(beat):
                self.put("lead", program, current, beat, length, gain)
            beat += length

    def drums(self) -> None:
        if not self.has_drums:
            return
        rng, meter = self.rng, self.meter
        gain, hat_step = rng.uniform(0.4, 1.8), 0.5 * int(rng.choice([1, 2]))
        for beat in np.arange(0, self.count, 0.5):
            i = beat % meter
            if i == 0 or (i == meter // 2 and rng.random() < 0.7) or rng.random() < 0.08:
                self.put("drums", DRUMS, 36, beat, 1, gain * 1.3)
            if (meter == 4 and i in (1, 3)) or (meter != 4 and i == meter // 2):
                self.put("drums", DRUMS, int(rng.choice([38, 40])), beat, 1, gain)
            if beat % hat_step == 0:
                self.put("drums", DRUMS, int(rng.choice([42, 42, 46, 51])), beat, 0.5, gain * 0.4)
            if i == 0 and rng.random() < 0.08:
                self.put("drums", DRUMS, 49, beat, 4, gain * 0.8)
            if rng.random() < 0.04:
                self.put("drums", DRUMS, int(rng.choice([45, 47, 50, 41])), beat, 1, gain)

    def mixed(self) -> np.ndarray:
        rng, x = self.rng, np.zeros(self.frames, np.float32)
        for name, y in self.tracks.items():
            level = 10 ** (rng.uniform(-5, 5) / 20) * (1.1 if name in ("bass", "drums") else 1)
            x += y / (np.sqrt((y**2).mean()) + 1e-6) * np.float32(0.06 * level)
        if rng.random() < 0.5:
            n = int(rng.uniform(0.2, 1.5) * SAMPLE_RATE_HZ)
            tail = rng.normal(0, 1, n) * np.exp(-6.9 * np.arange(n) / n)
            wet = fftconvolve(x, tail / np.sqrt((tail**2).sum()))[: self.frames]
            x = x + np.float32(rng.uniform(0.05, 0.4)) * wet.astype(np.float32)
        if rng.random() < 0.5:
            kind = "low" if rng.random() < 0.5 else "high"
            sos = butter(1, 10 ** rng.uniform(2.0, 3.3), kind, fs=SAMPLE_RATE_HZ, output="sos")
            x = x + np.float32(rng.uniform(-0.7, 2)) * sosfilt(sos, x).astype(np.float32)
        if rng.random() < 0.4:
            x = np.tanh(x * rng.uniform(1, 4))
        return x + rng.normal(0, 10 ** rng.uniform(-5, -2.6), self.frames).astype(np.float32)

    def labels(self) -> list[tuple[float, float, int, int, int]]:
        rows = [(0.0, self.beats_s[0], LABEL_NONE, LABEL_NONE, LABEL_NONE)]
        for e in self.song.events:
            span = (self.seconds(e.beat), self.seconds(e.beat + e.beats))
            edges = self.silence or (-1, -1)
            crossed = any(e.beat < x < e.beat + e.beats for x in edges)
            if self.silent(e.beat) and not crossed:
                rows.append((*span, LABEL_NONE, LABEL_NONE, LABEL_NONE))
            elif crossed:
                rows.append((*span, LABEL_UNKNOWN, LABEL_UNKNOWN, LABEL_UNKNOWN))
            else:
                rows.append((*span, e.root, CLASSES.index(e.quality), e.bass))
        rows.append((self.beats_s[-1] + 1.0, self.frames / SAMPLE_RATE_HZ, LABEL_UNKNOWN, LABEL_UNKNOWN, LABEL_UNKNOWN))
        return rows


def song(sounds: Sounds, seed: int) -> LabelledSong:
    w = _Writer(sounds, seed)
    if w.has_bass:
        w.bass()
    w.chords()
    w.melody()
    w.drums()
    x, labels = w.mixed(), np.array(w.labels())
    detune = 2 ** (w.rng.uniform(-0.45, 0.45) / 12)
    y = np.interp(np.arange(0, w.frames - 1, detune), np.arange(w.frames), x).astype(np.float32)
    labels[:, :2] /= detune
    return LabelledSong(resample_poly(y, 1, 2).astype(np.float32), labels, w.beats_s / detune, w.song.key)
