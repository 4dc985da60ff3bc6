"""Contrasts of harmony: chroma of the stem against chroma of the song, as placed, transposed, moved and in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.fit.listening import CHROMA_RATE_HZ, Heard
from sideman.core.fit.rhythm import LAG_S, MAX_LAG_S, NEAR_S, STEP_S, WINDOW_S, at_places, lag_range, weighted_t

LAGS = int(MAX_LAG_S * CHROMA_RATE_HZ)
LAG_LINE_S = np.arange(-LAGS, LAGS + 1) / CHROMA_RATE_HZ
RANGES_S = (("half", 0.2, 0.48), ("beat", 0.48, 1.3), ("bar", 1.3, 4.2))
BASS_SHARE = 0.55
JOINT_HARMONY_WEIGHT = 3.0

Array = NDArray[np.floating]


def centred(chroma: Array) -> Array:
    """Smoothed over 5 frames, centred over the pitch classes, unit length per frame."""
    smooth = scipy.ndimage.uniform_filter1d(chroma, 5, axis=1)
    x = smooth - smooth.mean(0, keepdims=True)
    return np.asarray(x / (np.sqrt((x**2).sum(0, keepdims=True)) + 1e-9))


@dataclass(frozen=True, eq=False)
class _Pair:
    """The stem's centred chroma and, per register, the song's, with the share of each; level [n] weights the frames."""

    stem: Array
    song: tuple[tuple[float, Array], ...]
    level: Array

    def __len__(self) -> int:
        return self.stem.shape[1]

    def agree(self, semitones: int = 0, lag: int = 0) -> Array:
        """Agreement per frame; NaN where the moved stem would lie outside the song."""
        n, x = len(self), np.roll(self.stem, semitones, axis=0)
        e = sum((share * (x * np.roll(m, -lag, axis=1)).sum(0) for share, m in self.song), np.zeros(n))
        if lag:
            inside = np.zeros(n, bool)
            inside[max(0, -lag) : min(n, n - lag)] = True
            e = np.where(inside, e, np.nan)
        return np.asarray(e)

    def windowed(self, curves: Array, starts: NDArray[np.integer], width: int) -> Array:
        """Level-weighted means of [curves, n] in windows -> [curves, windows]."""
        known = np.isfinite(curves)
        weight = self.level * known
        total = np.cumsum(np.pad(np.where(known, curves, 0) * weight, ((0, 0), (1, 0))), 1)
        amount = np.cumsum(np.pad(weight, ((0, 0), (1, 0))), 1)
        ends = np.minimum(starts + width, len(self))
        return np.asarray((total[:, ends] - total[:, starts]) / (amount[:, ends] - amount[:, starts] + 1e-9))


def _pair(song: Heard, stem: Heard, bass: bool) -> _Pair:
    own = stem.bass_chroma if bass else stem.chroma
    n = min(own.shape[1], song.chroma.shape[1])
    level = np.sqrt(stem.rms[:n])
    level = np.where(level > 0.15 * level.max(), level, 0) * (own[:, :n].sum(0) > 0)
    full, low = centred(song.chroma)[:, :n], centred(song.bass_chroma)[:, :n]
    registers = ((1 - BASS_SHARE, full), (BASS_SHARE, low)) if bass else ((1.0, full),)
    return _Pair(centred(own)[:, :n], registers, level)


def _order(pair: _Pair) -> dict[str, float]:
    """Against all circular lags beyond a second: the same notes and the same song in the wrong order."""
    n, total = len(pair), float(pair.level.sum()) + 1e-9
    weighted = scipy.fft.rfft(pair.stem * pair.level, axis=1)

    def circular(m: Array) -> Array:
        return np.asarray(scipy.fft.irfft((np.conj(weighted) * scipy.fft.rfft(m, axis=1)).sum(0), n) / total)

    far = np.minimum(np.arange(n), n - np.arange(n)) > CHROMA_RATE_HZ
    if not far.any():
        return {"harmony": 0.0, "order": 0.0, "order_top": 0.0, "order_gain": 0.0}
    null = sum((share * circular(m) for share, m in pair.song), np.zeros(n))[far]
    own = circular(pair.stem)[far]
    zero = float((pair.agree() * pair.level).sum() / total)
    mean = float(null.mean())
    return {
        "harmony": zero,
        "order": (zero - mean) / (float(null.std()) + 0.02),
        "order_top": zero - float(np.percentile(null, 95)),
        "order_gain": (zero - mean) / (1 - float(own.mean()) + 0.02),
    }


def _peak(x: Array, y: Array, limit: float) -> float:
    """Place of the maximum of y within +-limit, by a parabola."""
    i = np.flatnonzero(np.abs(x) <= limit)
    j = int(i[np.argmax(y[i])])
    if j in (i[0], i[-1]):
        return float(x[j])
    a, b, c = y[j - 1 : j + 2]
    return float(x[j] + (x[1] - x[0]) * 0.5 * (a - c) / (a - 2 * b + c - 1e-9))


def _wander(lag_curves: Array, weight: Array) -> dict[str, float]:
    """Where the harmonies change against the song's, whether that moves between the halves, and whether it drifts."""
    count = len(weight)

    def mean(part: slice) -> Array:
        return np.asarray((lag_curves[part] * weight[part, None]).sum(0) / (weight[part].sum() + 1e-9))

    whole = mean(slice(None))
    off = _peak(LAG_LINE_S, whole, 0.7)
    move = 0.0
    if count > 3:
        first, second = (_peak(LAG_LINE_S, mean(s), 0.7) for s in (slice(0, count // 2), slice(count // 2, None)))
        move = -max(0.0, abs(first - second) - 0.05)
    time, values = np.arange(count) * STEP_S, []
    for slope in (0, -0.015, -0.01, -0.0075, -0.005, 0.005, 0.0075, 0.01, 0.015):
        path = np.arange(-0.8, 0.81, 0.0929)[:, None] + slope * (time - time.mean())
        index = np.round((path + MAX_LAG_S) * CHROMA_RATE_HZ).astype(int).clip(0, lag_curves.shape[1] - 1)
        values.append(float((lag_curves[np.arange(count)[None], index] * weight).sum(1).max() / weight.sum()))
    return {"change_offset": -max(0.0, abs(off - 0.02) - 0.03), "change_move": move, "change_drift": values[0] - max(values[1:])}


def contrasts(song: Heard, stem: Heard, bass: bool, accent_curve: Array, period_s: float) -> dict[str, float]:
    """Named contrasts of the harmony; accent_curve is the mean lag curve of the accents, for the joint place; period_s: the song's."""
    pair = _pair(song, stem, bass)
    width, hop = int(WINDOW_S * CHROMA_RATE_HZ), int(STEP_S * CHROMA_RATE_HZ)
    starts = np.arange(0, max(1, len(pair) - width // 2), hop)
    weight = np.array([pair.level[a : a + width].sum() for a in starts]) + 1e-9
    turned = pair.windowed(np.array([pair.agree(k) for k in range(12)]), starts, width)
    moved = pair.windowed(np.array([pair.agree(0, int(lag)) for lag in range(-LAGS, LAGS + 1)]), starts, width).T
    mean = (turned * weight).sum(1) / weight.sum()
    other = 1 + int(np.argmax(mean[1:]))
    out = {"transposed": float(mean[0] - mean[other]), "transposed_t": weighted_t(turned[0] - turned[other], weight)}
    out["best_transposition"] = float(other)
    out |= _order(pair)
    curve = (moved * weight[:, None]).sum(0) / weight.sum()
    zero, centre = float(curve[np.abs(LAG_LINE_S) <= 0.1].max()), int(np.argmin(np.abs(LAG_LINE_S)))
    for name, low, high in RANGES_S:
        inside = (np.abs(LAG_LINE_S) >= low) & (np.abs(LAG_LINE_S) < high)
        j = int(np.argmax(np.where(inside, curve, -9)))
        out[f"change_{name}"] = zero - float(curve[j])
        out[f"change_{name}_t"] = weighted_t(moved[:, centre] - moved[:, j], weight)
    out |= _wander(moved, weight)
    fine = np.interp(LAG_S, LAG_LINE_S, curve)
    out |= at_places(fine, "change", float(fine[np.abs(LAG_S) <= NEAR_S].max()), period_s)
    joint = accent_curve + JOINT_HARMONY_WEIGHT * fine
    joint_zero = float(joint[np.abs(LAG_S) <= NEAR_S].max())
    for name, low, high in (("half", 0.24, 0.48), ("beat", 0.48, 1.3), ("bar", 1.3, 4.2)):
        out[f"joint_{name}"] = joint_zero - float(joint[lag_range(low, high)].max())
    return out
