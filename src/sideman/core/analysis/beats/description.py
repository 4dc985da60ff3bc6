"""Numbers that describe a candidate pulse: what happens on its beats, halves, thirds and quarters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sideman.core.analysis.beats.onsets import FRAME_RATE_HZ, HARMONY_RATE_HZ, OnsetWindow

PHASES = np.array([0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4])
ON, QUARTER, THIRD, HALF, TWO_THIRDS, THREE_QUARTERS = range(6)
LOW, LOW_MID, MID, HIGH, ALL = range(5)


def pooled(window: OnsetWindow) -> NDArray[np.float32]:
    """Bands and activation [frames, 5], each the maximum over two frames either side: a hit may be 20 ms off the beat."""
    bands = window.bands / (window.bands.mean(0) * 4 + 1e-6)
    x = np.hstack([bands, window.activation[:, None]]).astype(np.float32)
    out = x.copy()
    for shift in (1, 2):
        out[shift:] = np.maximum(out[shift:], x[:-shift])
        out[:-shift] = np.maximum(out[:-shift], x[shift:])
    return out


def harmonic_change(harmony: NDArray[np.float64], times_s: NDArray[np.float64], span_s: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """1 - cosine of the mean semitone spectra in the spans before and after each time; O(1) each by the running sum."""
    last = len(harmony) - 1

    def row(t: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.clip(np.round(t * HARMONY_RATE_HZ).astype(int), 0, last)

    middle = harmony[row(times_s)]
    before, after = middle - harmony[row(times_s - span_s)], harmony[row(times_s + span_s)] - middle
    a, b = np.einsum("ij,ij->i", before, before), np.einsum("ij,ij->i", after, after)
    cosine = np.einsum("ij,ij->i", before, after) / np.sqrt(np.maximum(a * b, 1e-18))
    return np.where((a > 0) & (b > 0), 1 - cosine, 0.0)


def at_phases(pool: NDArray[np.float32], beats: NDArray[np.float64]) -> NDArray[np.float32]:
    """Pooled bands at the six phases of every beat, [beats - 1, 6, 5]."""
    positions = beats[:-1, None] + np.diff(beats)[:, None] * PHASES[None]
    return pool[np.clip(np.round(positions).astype(int), 0, len(pool) - 1)]


def triple_share(phase_means: NDArray[np.float32]) -> float:
    """0..1: evidence of thirds against halves and quarters, from the mean activation at the six phases."""
    thirds = phase_means[THIRD] + phase_means[TWO_THIRDS]
    halves = phase_means[HALF] + 0.5 * (phase_means[QUARTER] + phase_means[THREE_QUARTERS])
    return float(1 / (1 + np.exp(-6 * (thirds - halves) / (thirds + halves + 1e-3))))


def describe(window: OnsetWindow, pool: NDArray[np.float32], beats: NDArray[np.float64]) -> NDArray[np.float64]:
    """The numbers of one pulse that the level scorer reads."""
    interval, start = np.diff(beats), beats[:-1]
    value = at_phases(pool, beats)
    mean = value.mean(0)
    span_s = min(float(np.median(interval)) / FRAME_RATE_HZ, 0.6)
    change = [harmonic_change(window.harmony, (start + interval * p) / FRAME_RATE_HZ, span_s) for p in PHASES]
    on, half = change[ON], change[HALF]
    both = on.mean() + half.mean() + 1e-3
    rms = [float(np.sqrt((c * c).mean())) for c in change]
    rms_mean = sum(rms) / 6 + 1e-3
    octave = float(np.log2(60 * FRAME_RATE_HZ / np.median(interval) / 110.0))
    out: list[float] = [1.0, octave, octave**2, max(0, octave - 0.7), max(0, -octave - 0.7)]
    out += [*mean[ON], *(mean[ON] - mean[HALF]), *(mean[ON] - np.maximum(mean[THIRD], mean[TWO_THIRDS])), *mean[HALF]]
    out += [*(mean[QUARTER] + mean[THREE_QUARTERS]), *(mean[THIRD] + mean[TWO_THIRDS])]
    quarters, thirds = max(rms[QUARTER], rms[THREE_QUARTERS]), max(rms[THIRD], rms[TWO_THIRDS])
    out += [(on.mean() - half.mean()) / both, float(on.mean()), (rms[ON] - quarters) / rms_mean]
    out += [(rms[ON] - thirds) / rms_mean, (rms[ON] - rms[HALF]) / rms_mean, (rms[HALF] - quarters) / rms_mean]
    kick, snare, hats = value[:, ON, LOW], value[:, ON, MID], value[:, ON, HIGH]
    out += [abs(float(x[::2].mean() - x[1::2].mean())) for x in (kick, snare, hats, on / both)]
    out += [-float((kick[::2].mean() - kick[1::2].mean()) * (snare[::2].mean() - snare[1::2].mean()))]
    out += [min(mean[ON, MID], mean[HALF, MID]), min(mean[ON, LOW], mean[HALF, LOW]), float((value[:, ON, ALL] < 0.12).mean())]
    out += [float(np.std(np.diff(np.log(interval)))) * 10]
    accents = np.hstack([value[:, ON, :4] - mean[ON, :4], value[:, HALF, :4] - mean[HALF, :4]])
    out += [_repetition(accents, lag) for lag in (2, 3, 4)]
    return np.array(out, float)


def _repetition(x: NDArray[np.float32], lag: int) -> float:
    if len(x) <= lag + 2:
        return 0.0
    a, b = x[:-lag], x[lag:]
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-6))
