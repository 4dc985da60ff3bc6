"""True-peak limiting in two passes: a gain curve at one value per 64 samples is made first, then applied block by block."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, Samples, read_padded

CONTROL = 64
CHUNK = CONTROL * 8192
OVERSAMPLING, CONTEXT = 4, 64
NEAR = 0.7
LOOK_AHEAD = 4
"""Control steps (about 6 ms) by which the gain is down before the peak."""
RELEASE_S = 0.15

Curve = NDArray[np.float64]


def true_peaks(reader: AudioReader, threshold: float) -> Curve:
    """Largest absolute value in every control step, channels linked; four times oversampled where it may reach `threshold`.

    Between samples a signal rises by 3 dB at most in practice, so quieter stretches need no oversampling, which is the cost.
    """
    out = []
    for start in range(0, reader.frames, CHUNK):
        count = min(CHUNK, reader.frames - start)
        count += -count % CONTROL
        x = read_padded(reader, start - CONTEXT, count + 2 * CONTEXT)
        peaks = np.abs(x).max(0)[CONTEXT:-CONTEXT].reshape(-1, CONTROL).max(1).astype(float)
        near = np.flatnonzero(peaks > threshold * NEAR)
        for first, last in _runs(near):
            a, b = first * CONTROL, (last + 1) * CONTROL
            up = np.abs(scipy.signal.resample_poly(x[:, a : b + 2 * CONTEXT], OVERSAMPLING, 1, axis=1)).max(0)
            inner = up[CONTEXT * OVERSAMPLING : CONTEXT * OVERSAMPLING + (b - a) * OVERSAMPLING]
            peaks[first : last + 1] = np.maximum(peaks[first : last + 1], inner.reshape(-1, CONTROL * OVERSAMPLING).max(1))
        out.append(peaks)
    return np.concatenate(out) if out else np.zeros(0)


def _runs(steps: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and last of every run of neighbouring steps; gaps up to 16 steps are joined, one call is cheaper than many."""
    if not len(steps):
        return []
    cut = np.flatnonzero(np.diff(steps) > 16)
    return list(zip(steps[np.append(0, cut + 1)].tolist(), steps[np.append(cut, len(steps) - 1)].tolist(), strict=True))


def limiting_curve(peaks: Curve, gain: float, ceiling: float, sample_rate_hz: int) -> Curve:
    """Gain per control step, `gain` included, that keeps the true peak under `ceiling`: down ahead of a peak, back up slowly."""
    needed = np.minimum(1.0, ceiling / np.maximum(peaks * gain, 1e-12))
    held = scipy.ndimage.minimum_filter1d(needed, 2 * LOOK_AHEAD + 1, mode="nearest")
    recover = float(np.exp(-CONTROL / (RELEASE_S * sample_rate_hz)))
    out, state = np.empty(len(held)), 1.0
    for i, target in enumerate(held.tolist()):
        state = min(target, 1 - (1 - state) * recover)
        out[i] = state
    return gain * scipy.ndimage.uniform_filter1d(out, LOOK_AHEAD + 1, mode="nearest")


def with_gain(samples: Samples, start: int, curve: Curve) -> Samples:
    """A block that begins at frame `start`, with the curve linear between the middles of its steps."""
    position = (start + np.arange(samples.shape[1]) + 0.5) / CONTROL - 0.5
    return samples * np.interp(position, np.arange(len(curve)), curve).astype(np.float32)
