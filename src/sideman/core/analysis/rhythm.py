"""How a recording plays its grid: every onset, a groove template over the bar, swing, and how dense each section is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.analysis.beats.onsets import FRAME_RATE_HZ, SAMPLE_RATE_HZ, hear
from sideman.core.analysis.beats.pulses import refine
from sideman.core.audio import AudioReader, read_padded
from sideman.core.audio.loudness import root_mean_square
from sideman.core.music.form import Section
from sideman.core.music.notes import PLACES_PER_BEAT, BarAccents, GrooveTemplate
from sideman.core.music.timeline import BeatGrid

WINDOW_S, MARGIN_S = 120.0, 1.0
LEAST_STRENGTH = 0.12
BIAS_S = 0.005
"""Onsets are heard so late (the analysis window)."""
FEWEST_ONSETS = 16
QUIETEST = 0.01
"""Windows so far below the recording's level hold hiss: each is normalised by itself, so its onsets would count like any."""
ON_BEAT = 0.15
OFF_BEAT = (0.4, 0.8)
"""Part of a beat in which its second half may begin, straight or swung."""


@dataclass(frozen=True, eq=False)
class Onsets:
    """times_s ascending, strengths 0..1."""

    times_s: NDArray[np.float64]
    strengths: NDArray[np.float64]


def listen(reader: AudioReader) -> Onsets:
    """Onsets of a mono reader at 44.1 kHz, in windows of constant size."""
    duration, loudness = reader.frames / reader.sample_rate_hz, root_mean_square(reader)
    times, strengths = [], []
    start = 0.0
    while start < duration:
        begin = max(0.0, start - MARGIN_S)
        length = int((min(start + WINDOW_S + MARGIN_S, duration) - begin) * SAMPLE_RATE_HZ)
        samples = read_padded(reader, int(begin * SAMPLE_RATE_HZ), length)[0]
        heard = hear(samples) if float(np.sqrt(np.mean(samples * samples))) > QUIETEST * loudness else None
        if heard is not None:
            peaks, _ = scipy.signal.find_peaks(heard.activation, height=LEAST_STRENGTH, distance=4)
            at = refine(peaks, heard.activation) / FRAME_RATE_HZ + begin - BIAS_S
            at = np.maximum(at, 0.0)
            own = (at >= start) & (at < min(start + WINDOW_S, duration))
            times.append(at[own])
            strengths.append(heard.activation[peaks][own].astype(float))
        start += WINDOW_S
    return Onsets(np.concatenate(times), np.concatenate(strengths)) if times else Onsets(np.zeros(0), np.zeros(0))


def groove(onsets: Onsets, grid: BeatGrid) -> tuple[GrooveTemplate, float] | None:
    """The template and how much of the onsets' strength its steps explain, 0..1; None with too few onsets."""
    place = grid.beat_at(onsets.times_s)
    inside = (place >= 0) & (place <= len(grid) - 1)
    place, strength, times = place[inside], onsets.strengths[inside], onsets.times_s[inside]
    if len(place) < FEWEST_ONSETS:
        return None
    swing = _swing(place, strength)
    steps = 3 if grid.meter.compound or swing > 1.5 else 4
    beats_per_bar = grid.meter.beats_per_bar
    nearest = np.round(place * steps)
    off_s = times - grid.seconds_at(nearest / steps)
    beat = np.minimum(np.floor(nearest / steps), len(grid) - 1).astype(int)
    in_bar = (np.array(grid.positions)[beat] - 1) % beats_per_bar
    slot = (in_bar * steps + nearest % steps).astype(int)
    count = beats_per_bar * steps
    weight = np.bincount(slot, strength, count)
    offsets = np.bincount(slot, strength * off_s, count) / np.maximum(weight, 1e-9)
    accents = weight / max(1e-9, float(weight.max()))
    spread_s = 60 / grid.tempo_bpm / steps / 2
    explained = 1 - float(np.average(np.abs(off_s), weights=strength)) / (spread_s / 2)
    template = GrooveTemplate(
        steps, tuple(round(1000 * float(o), 2) for o in offsets), tuple(round(float(a), 3) for a in accents), round(swing, 3)
    )
    return template, float(np.clip(explained, 0, 1))


def bar_accents(reader: AudioReader, grid: BeatGrid, starts_s: float = 0.0) -> BarAccents | None:
    """Of the middle two minutes of a mono reader at 44.1 kHz; None where they are silent or hold no whole bar.

    starts_s: where the reader lies in the song that the grid counts.
    """
    frames = min(reader.frames, int(WINDOW_S * SAMPLE_RATE_HZ))
    begin = (reader.frames - frames) // 2
    heard = hear(read_padded(reader, begin, frames)[0])
    if heard is None:
        return None
    place = grid.beat_at(starts_s + begin / SAMPLE_RATE_HZ + np.arange(len(heard)) / FRAME_RATE_HZ - BIAS_S)
    inside = (place >= 0) & (place <= len(grid) - 1)
    beat = np.floor(place[inside]).astype(int).clip(0, len(grid) - 1)
    in_bar = np.array(grid.positions)[beat] - 1 + place[inside] - beat
    count = grid.meter.beats_per_bar * PLACES_PER_BEAT
    slot = np.round(in_bar * PLACES_PER_BEAT).astype(int) % count
    visits = np.bincount(slot, minlength=count)
    if not visits.all():
        return None
    return BarAccents(np.array([np.bincount(slot, band, count) / visits for band in heard.bands[inside].T]))


def _swing(place: NDArray[np.float64], strength: NDArray[np.float64]) -> float:
    """First half of the beat against the second: weighted median of the onsets around the middle of the beat; 1 without any.

    Both halves are heard equally late: where the onsets on the beat lie is taken off.
    """
    near = (place + 0.5) % 1 - 0.5
    on = np.abs(near) < ON_BEAT
    part = (place - (float(np.median(near[on])) if on.any() else 0.0)) % 1
    off = (part > OFF_BEAT[0]) & (part < OFF_BEAT[1])
    if off.sum() < FEWEST_ONSETS // 2:
        return 1.0
    order = np.argsort(part[off])
    total = np.cumsum(strength[off][order])
    middle = float(part[off][order][int(np.searchsorted(total, total[-1] / 2))])
    return middle / (1 - middle)


def with_density(sections: Sequence[Section], onsets: Onsets, grid: BeatGrid) -> tuple[Section, ...]:
    """Sections with their onsets a beat."""
    out = []
    for s in sections:
        count = int(((onsets.times_s >= s.start_s) & (onsets.times_s < s.end_s)).sum())
        beats = float(grid.beat_at(s.end_s) - grid.beat_at(s.start_s))
        out.append(replace(s, density=round(count / beats, 3) if beats > 0 else 0.0))
    return tuple(out)
