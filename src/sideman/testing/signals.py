"""Signals whose tempo, pitch and chords are known because they are computed from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sideman.core.audio import AudioClip
from sideman.core.music import BeatGrid, Chord


def faded_tone(frequency_hz: float, duration_s: float, sample_rate_hz: int = 44100, peak: float = 0.5, channels: int = 2) -> AudioClip:
    """A sine with 10 ms fades."""
    t = np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
    fade = np.clip(np.minimum(t, duration_s - t) / 0.01, 0, 1)
    mono = (peak * np.sin(2 * np.pi * frequency_hz * t) * fade).astype(np.float32)
    return AudioClip(np.repeat(mono[None], channels, 0), sample_rate_hz)


def noise(duration_s: float, sample_rate_hz: int = 44100, rms: float = 0.1, seed: int = 0, channels: int = 2) -> AudioClip:
    """White noise, channels independent."""
    rng = np.random.default_rng(seed)
    return AudioClip(rng.normal(0, rms, (channels, round(duration_s * sample_rate_hz))).astype(np.float32), sample_rate_hz)


class LongRecording:
    """An AudioReader of two sines that is as long as asked and made as it is read, so that it takes no memory."""

    sample_rate_hz, channels = 44100, 2

    def __init__(self, duration_s: int) -> None:
        self.frames = duration_s * self.sample_rate_hz

    def read(self, start: int, frames: int) -> AudioClip:
        t = np.arange(start, min(start + frames, self.frames), dtype=np.float32)
        return AudioClip(np.stack([np.sin(t / 50), np.sin(t / 70)]), self.sample_rate_hz)


def _strike(out: np.ndarray, at_s: float, sound: np.ndarray, sample_rate_hz: int) -> None:
    i = round(at_s * sample_rate_hz)
    m = min(len(sound), len(out) - i)
    if i >= 0 and m > 0:
        out[i : i + m] += sound[:m]


def click_track(grid: BeatGrid, duration_s: float, sample_rate_hz: int = 44100) -> AudioClip:
    """A high click on every downbeat, a low one on every other beat."""
    t = np.arange(round(0.05 * sample_rate_hz)) / sample_rate_hz
    out = np.zeros(round(duration_s * sample_rate_hz))
    for time_s, position in zip(grid.times_s, grid.positions, strict=True):
        f = 1600 if position == 1 else 900
        _strike(out, time_s, 0.6 * np.sin(2 * np.pi * f * t) * np.exp(-t * 90), sample_rate_hz)
    return AudioClip(out[None].astype(np.float32), sample_rate_hz)


def triad_song(
    grid: BeatGrid, chords: Sequence[Chord], duration_s: float, sample_rate_hz: int = 44100, detune_cents: float = 0.0
) -> AudioClip:
    """One chord per bar (plucked, with bass), a kick on downbeats and a noise snare on the beats between."""
    rng, out = np.random.default_rng(0), np.zeros(round(duration_s * sample_rate_hz))
    t = np.arange(round(0.25 * sample_rate_hz)) / sample_rate_hz
    kick = np.sin(2 * np.pi * 55 * t) * np.exp(-t * 18)
    snare = 0.25 * rng.normal(0, 1, len(t)) * np.exp(-t * 30)
    for time_s, position in zip(grid.times_s, grid.positions, strict=True):
        _strike(out, time_s, kick if position % 2 else snare, sample_rate_hz)
    for bar, chord in zip(grid.bars, [c for _, c in zip(grid.bars, list(chords) * len(grid.bars), strict=False)], strict=True):
        if chord.root is None:
            continue
        start = float(grid.seconds_at(bar.first_beat))
        length = float(grid.seconds_at(bar.first_beat + bar.beats)) - start
        s = np.arange(round(length * sample_rate_hz)) / sample_rate_hz
        for pitch in [36 + chord.root, *(48 + chord.root + i for i in chord.intervals)]:
            f = 440 * 2 ** ((pitch - 69) / 12 + detune_cents / 1200)
            tone = sum(np.sin(2 * np.pi * f * h * s) / h**1.5 for h in range(1, 7)) * np.exp(-s * 1.2)
            _strike(out, start, 0.12 * tone, sample_rate_hz)
    return AudioClip((out * 0.7 / np.abs(out).max())[None].astype(np.float32), sample_rate_hz)
