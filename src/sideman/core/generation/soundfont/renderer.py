"""Notes in, stereo audio out. With `Humanise` a repeated note is never the same sound twice.

The pitched and filtered body of a voice is cached by zone, key, variant and cutoff; envelope, gain and pan are per note.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import scipy
import soxr
from numpy.typing import NDArray

from sideman.core.audio import Samples
from sideman.core.generation.soundfont.font import Gen, SoundFont, Zone, source_value
from sideman.core.music.notes import NoteEvent

DRUM_BANK = 128
LFO_BASE_HZ = 8.176
ENVELOPE_DB = 96.0
RESAMPLER_END = 1024
"""Frames before the end of what is resampled in which the end is heard."""
BLOCK_S = 10
MAX_RELEASE_S = 8.0
ONE_SHOT_S = 6.0
VARIANT_CENTS = (0, -9, 6, -4, 11, -14, 3, 15)
VARIANT_CUTOFF_CENTS = (0, 300, 150, 450, 600, 150, 750, 300)
Mono = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Preset:
    """A sound: bank 128 holds drum kits. vibrato: (rate Hz, depth cents, delay s) of long notes. A hand damps after most_release_s."""

    bank: int
    program: int
    vibrato: tuple[float, float, float] | None = None
    most_release_s: float = MAX_RELEASE_S

    @property
    def drums(self) -> bool:
        return self.bank == DRUM_BANK


@dataclass(frozen=True, slots=True)
class Humanise:
    """amount 0 plays the font plainly. kit_gains_db and kit pans come by drum key; seed decides variants."""

    amount: float = 1.0
    seed: int = 0
    kit_gains_db: Mapping[int, float] = field(default_factory=dict)


PLAIN = Humanise(0.0)


def seconds(timecents: float) -> float:
    return float(2.0 ** (timecents / 1200))


def low_pass(y: Mono, cutoff_cents: float, resonance_cb: float, rate: int) -> Mono:
    """Two-pole low pass with FluidSynth's gain: resonance lowers the pass band by half its height."""
    f0 = 8.176 * 2 ** (cutoff_cents / 1200)
    if f0 >= 0.44 * rate:
        return y
    w = 2 * np.pi * max(f0, 30) / rate
    q = 10 ** ((resonance_cb / 10 - 3.01) / 20)
    alpha, c = np.sin(w) / 2 / q, np.cos(w)
    gain = 1 / np.sqrt(q) / 1.189
    b = np.array([(1 - c) / 2, 1 - c, (1 - c) / 2]) * gain
    return np.asarray(scipy.signal.lfilter(b, [1 + alpha, -2 * c, 1 - alpha], y), np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class _Voice:
    """A zone with the note-on modulators added to its generators."""

    generators: dict[int, float]
    attenuation_cb: float
    zone: Zone

    def __getitem__(self, g: int) -> float:
        return self.generators.get(g, 0.0)


class Synth(Protocol):
    """What plays notes with a SoundFont."""

    @property
    def name(self) -> str: ...
    @property
    def font_name(self) -> str: ...
    def render_blocks(
        self, notes: Sequence[NoteEvent], preset: Preset, frames: int, human: Humanise = PLAIN, tuning_cents: float = 0.0
    ) -> Iterator[Samples]:
        """Stereo blocks at 44.1 kHz in order, together exactly `frames` long."""
        ...


class Renderer:
    """Renders at 44.1 kHz. One per process and font: it keeps decoded samples and voices."""

    name = "own"

    def __init__(self, font: SoundFont, sample_rate_hz: int = 44100, gain: float = 0.35, cache_bytes: int = 96 << 20) -> None:
        self.font, self.rate, self._gain, self._room = font, sample_rate_hz, gain, cache_bytes
        self._bodies: OrderedDict[tuple[float, ...], tuple[Mono, bool]] = OrderedDict()
        self._bytes = 0
        self._voices: dict[tuple[int, int, int], _Voice] = {}

    @property
    def font_name(self) -> str:
        return self.font.path.name

    @classmethod
    def open(cls, path: Path, sample_rate_hz: int = 44100) -> Renderer:
        return cls(SoundFont(path), sample_rate_hz)

    def _voice(self, zone: Zone, key: int, velocity: int) -> _Voice:
        name = (id(zone), key, velocity)
        if name not in self._voices:
            generators, attenuation = dict(zone.generators), 0.0
            for m in zone.modulators:
                value = source_value(m.source, key, velocity) * m.amount
                value *= source_value(m.amount_source, key, velocity) if m.amount_source else 1.0
                if m.destination == Gen.ATTENUATION:
                    attenuation += value
                elif value:
                    generators[m.destination] = generators.get(m.destination, 0) + value
            self._voices[name] = _Voice(generators, attenuation, zone)
        return self._voices[name]

    def _body(self, v: _Voice, key: int, cutoff: float, cents: float, frames: int) -> Mono:
        """Pitched and filtered sample without envelope; at least `frames` unless the sample ends. A longer one begins with the same frames."""
        name = (id(v.zone), key, cutoff, cents, v[Gen.FILTER_ENVELOPE], v[Gen.RESONANCE])
        known = self._bodies.get(name)
        if known is not None and (len(known[0]) >= frames or known[1]):
            self._bodies.move_to_end(name)
            return known[0]
        y, ended = self._pitched(v, key, cents, frames)
        return self._keep(name, self._filtered(v, y, cutoff), ended)

    def _keep(self, name: tuple[float, ...], y: Mono, ended: bool) -> Mono:
        y.setflags(write=False)
        if name in self._bodies:
            self._bytes -= self._bodies.pop(name)[0].nbytes
        self._bodies[name] = (y, ended)
        self._bytes += y.nbytes
        while self._bytes > self._room:
            self._bytes -= self._bodies.popitem(last=False)[1][0].nbytes
        return y

    def _pitched(self, v: _Voice, key: int, cents: float, frames: int) -> tuple[Mono, bool]:
        """The sample at its pitch, not filtered yet: many cutoffs are made of one."""
        name = (id(v.zone), key, cents)
        known = self._bodies.get(name)
        if known is not None and (len(known[0]) >= frames or known[1]):
            self._bodies.move_to_end(name)
            return known
        index = int(v[Gen.SAMPLE])
        h = self.font.header(index)
        root = int(v[Gen.ROOT_KEY]) if v[Gen.ROOT_KEY] >= 0 else h.pitch
        semitones = (key - root) * v[Gen.SCALE_TUNING] / 100 + v[Gen.COARSE_TUNE] + (v[Gen.FINE_TUNE] + h.correction_cents + cents) / 100
        step = h.sample_rate_hz / self.rate * 2 ** (semitones / 12)
        start = max(0, int(v[Gen.START_OFFSET] + 32768 * v[Gen.START_COARSE]))
        need = int((frames + self.rate // 4) * step) + 32
        y, ended = self._unrolled(v, index, start, need)
        if abs(step - 1) > 1e-5 and len(y) > 16:
            y = soxr.resample(y, step, 1.0, quality="MQ").astype(np.float32)
            y = y if ended else y[:-RESAMPLER_END]  # or a note would sound as what was asked for before made it
        return self._keep(name, y, ended), ended

    def _unrolled(self, v: _Voice, index: int, start: int, need: int) -> tuple[Mono, bool]:
        s = self.font.sample(index, start + need)
        samples = s.samples
        loop_start = s.loop_start + int(v[Gen.LOOP_START_OFFSET] + 32768 * v[Gen.LOOP_START_COARSE])
        loop_end = s.loop_end + int(v[Gen.LOOP_END_OFFSET] + 32768 * v[Gen.LOOP_END_COARSE])
        if self._looped(v) and need > loop_end - start and 0 <= loop_start < loop_end <= len(samples):
            turns = max(1, -(-(need - (loop_end - start)) // (loop_end - loop_start)))
            return np.concatenate([samples[start:loop_end], np.tile(samples[loop_start:loop_end], turns)])[:need], False
        y = samples[start : start + need]
        if self._looped(v) or len(y) >= need:
            return y.copy(), False
        envelope = np.abs(y)
        loud = np.flatnonzero(envelope > envelope.max() * 1.8e-4) if len(y) else np.zeros(0, int)  # a one-shot is over at -75 dB
        return y[: int(loud[-1]) + 1 if len(loud) else 1].copy(), True

    def _looped(self, v: _Voice) -> bool:
        h = self.font.header(int(v[Gen.SAMPLE]))
        return bool(int(v[Gen.SAMPLE_MODE]) & 3) and h.loop_end > h.loop_start + 8

    def _filtered(self, v: _Voice, y: Mono, cutoff: float) -> Mono:
        """Constant cutoff, or a piecewise cross-fade of up to five cutoffs along the filter envelope and LFO."""
        depth, lfo = v[Gen.FILTER_ENVELOPE], v[Gen.FILTER_LFO]
        if not depth and not lfo:
            return low_pass(y, cutoff, v[Gen.RESONANCE], self.rate)
        t = np.arange(len(y), dtype=np.float32) / self.rate
        attack, hold, decay = (seconds(v[g]) for g in (Gen.MOD_ATTACK, Gen.MOD_HOLD, Gen.MOD_DECAY))
        delay, sustain = seconds(v[Gen.MOD_DELAY]), 1 - min(1000, max(0, v[Gen.MOD_SUSTAIN])) / 1000
        level = np.clip((t - delay) / max(attack, 0.001), 0, 1)
        fall = delay + attack + hold
        level = np.where(t > fall, np.maximum(sustain, 1 - (t - fall) / max(decay, 0.001)), level)
        curve = cutoff + depth * level
        if lfo:
            rate = LFO_BASE_HZ * seconds(v[Gen.LFO_RATE])
            curve = curve + lfo * np.sin(2 * np.pi * rate * np.maximum(0, t - seconds(v[Gen.LFO_DELAY])))
        low, high = cutoff + min(0.0, depth) - abs(lfo), cutoff + max(0.0, depth) + abs(lfo)  # however long it sounds
        count = int(np.clip((high - low) / 1500, 1, 4)) + 1
        grid = np.linspace(low, high, count)
        position = np.clip((curve - low) / max(1.0, high - low) * (count - 1), 0, count - 1)
        out = np.zeros(len(y), np.float32)
        for k in range(count):
            share = np.maximum(0, 1 - np.abs(position - k)).astype(np.float32)
            out += share * low_pass(y, float(grid[k]), v[Gen.RESONANCE], self.rate)
        return out

    def render(self, notes: Sequence[NoteEvent], preset: Preset, frames: int, human: Humanise = PLAIN) -> Samples:
        """Stereo [2, frames] of one part, in memory: for short sounds."""
        parts = list(self.render_blocks(notes, preset, frames, human))
        return np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), np.float32)

    def render_blocks(
        self, notes: Sequence[NoteEvent], preset: Preset, frames: int, human: Humanise = PLAIN, tuning_cents: float = 0.0
    ) -> Iterator[Samples]:
        """Stereo blocks in order, together exactly `frames` long; sounding tails are carried from block to block."""
        part = _Part(self, preset, human, notes, tuning_cents)
        block = self.rate * BLOCK_S
        for first in range(0, frames, block):
            yield part.block(first, min(block, frames - first), frames)


class _Part:
    """One render call: which variant each note takes, and when an exclusive class cuts it off."""

    def __init__(self, renderer: Renderer, preset: Preset, human: Humanise, notes: Sequence[NoteEvent], tuning_cents: float) -> None:
        self.r, self.preset, self.human, self.tuning_cents = renderer, preset, human, round(tuning_cents)
        self._next = 0
        self._carried = np.zeros((2, 0), np.float32)
        self.notes = sorted(notes, key=lambda n: (n.start_s, n.pitch))
        self.rng = np.random.default_rng([human.seed, preset.bank, preset.program])
        self._zones = renderer.font.zones(preset.bank, preset.program)
        self._matching: dict[tuple[int, int], list[Zone]] = {}
        self._last_variant: dict[int, int] = {}
        self._class_onsets: dict[int, list[float]] = {}
        for n in self.notes:
            for c in {int(z[Gen.EXCLUSIVE_CLASS]) for z in self._match(n)} - {0}:
                self._class_onsets.setdefault(c, []).append(n.start_s)

    def _match(self, n: NoteEvent) -> list[Zone]:
        name = (n.pitch, n.velocity)
        if name not in self._matching:
            self._matching[name] = [z for z in self._zones if z.covers(*name)]
        return self._matching[name]

    def block(self, first: int, frames: int, total: int) -> Samples:
        """Frames first .. first + frames; must be called in order. `total` is the length of the whole part."""
        out = np.zeros((2, max(frames, self._carried.shape[1])), np.float32)
        out[:, : self._carried.shape[1]] = self._carried
        while self._next < len(self.notes) and int(max(0.0, self.notes[self._next].start_s) * self.r.rate) < first + frames:
            out = self._note(out, self.notes[self._next], first, total)
            self._next += 1
        self._carried = out[:, frames:]
        return out[:, :frames]

    def _note(self, out: Samples, n: NoteEvent, first: int, total: int) -> Samples:
        zones = self._match(n)
        if not zones:
            return out
        variant = self._variant(n)
        extra_db = self.human.amount * float(self.rng.normal(0, 0.5 if self.preset.drums else 0.35))
        extra_db += self.human.kit_gains_db.get(n.pitch, 0.0) if self.preset.drums else 0.0
        at = int(max(0.0, n.start_s) * self.r.rate)
        for zone in zones:
            y = self._sound(n, self.r._voice(zone, n.pitch, n.velocity), variant, extra_db, total - at)
            end = at - first + y.shape[1]
            if end > out.shape[1]:
                out = np.pad(out, ((0, 0), (0, end - out.shape[1])))
            out[:, at - first : end] += y
        return out

    def _variant(self, n: NoteEvent) -> int:
        if not self.human.amount:
            return 0
        count = 8 if self.preset.drums else 2 if n.end_s - n.start_s > 1.2 else 4
        k = int(self.rng.integers(count))
        if self._last_variant.get(n.pitch) == k:
            k = (k + 1) % count
        self._last_variant[n.pitch] = k
        return k

    def _cutoff(self, v: _Voice, n: NoteEvent, variant: int) -> float:
        """Fonts in which velocity changes loudness alone get a darker sound at low velocity."""
        h = self.human.amount
        if not h:
            return v[Gen.CUTOFF]
        cutoff = v[Gen.CUTOFF]
        if v.zone.plain_velocity:
            bright = 1500 if self.preset.drums else 2000
            spread = VARIANT_CUTOFF_CENTS[variant] * (1.0 if self.preset.drums else 0.4)
            cutoff = min(cutoff, 13500) - h * bright * (1 - n.velocity / 127) - h * spread
        return round(cutoff / 150) * 150

    def _sound(self, n: NoteEvent, v: _Voice, variant: int, extra_db: float, room: int) -> Samples:
        """One zone of one note, stereo, at most `room` frames."""
        rate = self.r.rate
        cents = self.human.amount * VARIANT_CENTS[variant] * (1.3 if self.preset.drums else 0.35)
        cents += 0 if self.preset.drums else self.tuning_cents
        release = min(max(seconds(v[Gen.RELEASE]), 0.01), self.preset.most_release_s)
        length = n.end_s - n.start_s
        if self.preset.drums and not self.r._looped(v):
            length = max(length, ONE_SHOT_S)
        onsets = self._class_onsets.get(int(v[Gen.EXCLUSIVE_CLASS]), [])
        following = bisect_right(onsets, n.start_s + 1e-4)
        if following < len(onsets) and onsets[following] - n.start_s < length:
            length, release = onsets[following] - n.start_s, min(release, 0.3)
        tail = release * 0.75 if release > 0.05 else release  # at three quarters the release has fallen by 72 dB
        wanted = min(int((length + tail) * rate), room)
        if wanted <= 16:
            return np.zeros((2, 0), np.float32)
        y = self.r._body(v, n.pitch, self._cutoff(v, n, variant), cents, wanted)[:wanted]
        y = self._vibrato(y, length)
        y = y * self._envelope(v, n.pitch, len(y), length, release)
        if v[Gen.TREMOLO]:
            rate_hz = LFO_BASE_HZ * seconds(v[Gen.LFO_RATE])
            swing_db = v[Gen.TREMOLO] / 10 * np.sin(2 * np.pi * rate_hz * np.arange(len(y)) / rate)
            y = y * (10 ** (swing_db / 20)).astype(np.float32)
        gain = 10 ** (-(v[Gen.ATTENUATION] * 0.4 + v.attenuation_cb) / 200 + extra_db / 20) * self.r._gain
        pan = v[Gen.PAN] / 1000 + 0.5 * n.pan
        angle = np.clip(pan + 0.5, 0, 1) * np.pi / 2
        return np.stack([y * (gain * np.cos(angle)), y * (gain * np.sin(angle))]).astype(np.float32)

    def _vibrato(self, y: Mono, length: float) -> Mono:
        v = self.preset.vibrato
        if v is None or length <= v[2] + 0.12:
            return y
        t = np.arange(len(y)) / self.r.rate
        w = 2 * np.pi * v[0] * (1 + 0.04 * self.rng.normal())
        depth = np.clip((t - v[2]) / 0.3, 0, 1) * (2 ** (v[1] / 1200) - 1) / w * self.r.rate
        return np.interp(np.arange(len(y)) + depth * (np.cos(w * t) - 1), np.arange(len(y)), y).astype(np.float32)

    def _envelope(self, v: _Voice, key: int, count: int, length: float, release: float) -> Mono:
        """Linear attack, decay and release linear in dB over 96 dB."""
        rate = self.r.rate
        delay, attack, hold, decay = (seconds(v[g]) for g in (Gen.DELAY, Gen.ATTACK, Gen.HOLD, Gen.DECAY))
        delay, hold = (0.0 if x < 0.002 else x for x in (delay, hold))
        hold *= 2 ** (v[Gen.KEY_TO_HOLD] * (60 - key) / 1200)
        decay *= 2 ** (v[Gen.KEY_TO_DECAY] * (60 - key) / 1200)
        sustain_db = min(960, max(0, v[Gen.SUSTAIN])) / 10
        e = np.ones(count, np.float32)
        a, b = int(delay * rate), int((delay + max(attack, 0.001)) * rate)
        e[:a] = 0
        e[a:b] = (np.arange(max(1, b - a), dtype=np.float32) / max(1, b - a))[: max(0, count - a)]
        c = b + int(hold * rate)
        if sustain_db > 0 and c < count:
            fall = np.arange(count - c, dtype=np.float32) * (ENVELOPE_DB / max(decay, 0.001) / rate)
            e[c:] = 10 ** (-np.minimum(fall, sustain_db) / 20)
        off = int(length * rate)
        if off < count:
            e[off:] *= 10 ** (-np.arange(count - off, dtype=np.float32) * (ENVELOPE_DB / release / rate / 20))
        return e
