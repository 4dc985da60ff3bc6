"""Contrasts of harmony: chroma of the stem against chroma of the song, as placed, transposed, moved and in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.fit.listening import CHROMA_RATE_HZ, Heard
from sideman.core.fit.rhythm import LAG_S, MAX_LAG_S, RANGES_S, STEP_S, WINDOW_S, Compared, LagCurves, margins

LAGS = int(MAX_LAG_S * CHROMA_RATE_HZ)
LAG_LINE_S = np.arange(-LAGS, LAGS + 1) / CHROMA_RATE_HZ
BASS_SHARE, NEAR_S = 0.55, 0.1

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


def _weighted_t(d: Array, weight: Array) -> float:
    """t value of a weighted mean over windows."""
    w = weight / weight.sum()
    mean = float((d * w).sum())
    return mean / (float(np.sqrt((w * (d - mean) ** 2).sum() * (w**2).sum())) + 0.02)


def contrasts(song: Heard, stem: Heard, bass: bool) -> Compared:
    """Named contrasts of the harmony."""
    pair = _pair(song, stem, bass)
    width, hop = int(WINDOW_S * CHROMA_RATE_HZ), int(STEP_S * CHROMA_RATE_HZ)
    starts = np.arange(0, max(1, len(pair) - width // 2), hop)
    weight = np.array([pair.level[a : a + width].sum() for a in starts]) + 1e-9
    turned = pair.windowed(np.array([pair.agree(k) for k in range(12)]), starts, width)
    moved = pair.windowed(np.array([pair.agree(0, int(lag)) for lag in range(-LAGS, LAGS + 1)]), starts, width).T
    mean = (turned * weight).sum(1) / weight.sum()
    other = 1 + int(np.argmax(mean[1:]))
    out = {"transposed": float(mean[0] - mean[other]), "transposed_t": _weighted_t(turned[0] - turned[other], weight)}
    windows = LagCurves(np.array([np.interp(LAG_S, LAG_LINE_S, c) for c in moved]), weight, (starts + width / 2) / CHROMA_RATE_HZ)
    curve = windows.mean()
    return Compared(out | _order(pair) | margins(curve, "change", NEAR_S, RANGES_S[1:]), {"change": curve}, {"change": windows})
