"""Contrasts of accents: evidence as placed minus evidence for other places. Units: cosine, unless said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.fit.listening import ACCENT_RATE_HZ

MAX_LAG_S, WINDOW_S, STEP_S = 4.2, 6.0, 3.0
LAGS = int(MAX_LAG_S * ACCENT_RATE_HZ)
LAG_S = np.arange(-LAGS, LAGS + 1) / ACCENT_RATE_HZ
NEAR_S = 0.035
RANGES_S = (("fine", 0.05, 0.2), ("half", 0.2, 0.48), ("beat", 0.48, 1.3), ("bar", 1.3, 4.2))
"""Lags of other places on which a stem may sit by mistake."""
EDGE_ENERGY = 0.8
FFT_SIZE = 2048
HIT_LEVEL = 0.35
FLAM_FRAMES, LONGEST_S, HIT_WIDTH = 5, 1.2, 1.2
KICK, SNARE_BODY, SNARE_NOISE = 0, 1, 3

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Compared:
    """What some kinds of evidence say of a stem on a song.

    contrasts: more is better; curves: evidence by lag, on LAG_S; windows: the same by window, where a kind is heard in windows.
    """

    contrasts: dict[str, float]
    curves: dict[str, Array]
    windows: dict[str, LagCurves]


def lag_range(low_s: float, high_s: float) -> NDArray[np.bool_]:
    return (np.abs(LAG_S) >= low_s) & (np.abs(LAG_S) < high_s)


@dataclass(frozen=True, eq=False)
class LagCurves:
    """value [windows, lags]: windowed cosine; weight [windows]: how much the stem plays; at_s: centres of the windows."""

    value: Array
    weight: Array
    at_s: Array

    @property
    def weighted(self) -> Array:
        """Each window's share of the mean [windows, lags]."""
        return np.asarray(self.value * (self.weight / (self.weight.sum() + 1e-9))[:, None])

    def mean(self) -> Array:
        return np.asarray(self.weighted.sum(0))


def lagged(stem: Array, song: Array) -> LagCurves:
    """All lags of +-4.2 s in windows of 6 s; a positive lag: the song's match lies later.

    The denominator is floored at 0.8 of the mean window energy, or half-empty windows at the edges of the song would win.
    """
    n = min(stem.shape[1], song.shape[1])
    stem, song = stem[:, :n], song[:, :n]
    w, hop = int(WINDOW_S * ACCENT_RATE_HZ), int(STEP_S * ACCENT_RATE_HZ)
    padded = np.pad(song, ((0, 0), (LAGS, LAGS + w)))
    floor = EDGE_ENERGY * float((song**2).sum()) * min(1.0, w / n)
    rows, weights, at = [], [], []
    for a in range(0, max(1, n - w // 2), hop):
        x = stem[:, a : a + w]
        x = np.pad(x, ((0, 0), (0, w - x.shape[1])))
        part = padded[:, a : a + w + 2 * LAGS]
        cross = scipy.fft.irfft(scipy.fft.rfft(part, FFT_SIZE, axis=1) * np.conj(scipy.fft.rfft(x, FFT_SIZE, axis=1)), FFT_SIZE, axis=1)
        energy = np.concatenate([[0], np.cumsum((part**2).sum(0))])
        energy = energy[w : w + 2 * LAGS + 1] - energy[: 2 * LAGS + 1]
        own = float((x**2).sum())
        rows.append(cross[:, : 2 * LAGS + 1].sum(0) / (np.sqrt(own * np.maximum(energy, floor)) + 1e-6))
        weights.append(own)
        at.append((a + w / 2) / ACCENT_RATE_HZ)
    return LagCurves(np.array(rows), np.sqrt(np.array(weights)), np.array(at))


def saturated(e: Array) -> Array:
    """Each onset counts once, whatever its level."""
    return np.clip(e / (np.percentile(e, 97, axis=1, keepdims=True) + 1e-6), 0, 1)


def hits(accents: Array, percentile: float) -> NDArray[np.intp]:
    """Frames of the hits: peaks of all bands together over a share of the loudest, which this percentile stands for."""
    e = np.maximum(accents, 0).sum(0)
    return np.flatnonzero((e[1:-1] > e[:-2]) & (e[1:-1] >= e[2:]) & (e[1:-1] > HIT_LEVEL * np.percentile(e, percentile))) + 1


def agogic(accents: Array) -> Array:
    """Hits by the square of the time until the next one, up to 1.2 s, as narrow bells [1, n].

    What rings longest is felt as the accent (agogic or durational accent: Lerdahl and Jackendoff 1983, Parncutt 1994), so long notes begin where a
    song strikes hardest: a line that is half a beat late meets as many of its hits, but with the short ones.
    """
    at = hits(accents, 99.5)
    out = np.zeros((1, accents.shape[1]))
    if len(at) > 1:
        at = at[np.concatenate([[True], np.diff(at) > FLAM_FRAMES])]
        longest = LONGEST_S * ACCENT_RATE_HZ
        out[0, at] = (np.minimum(np.diff(at, append=at[-1] + longest), longest) / ACCENT_RATE_HZ) ** 2
        out = scipy.ndimage.gaussian_filter1d(out, HIT_WIDTH, axis=1)
        out -= out.mean()
    return out


def autocorrelation(e: Array, lags: int) -> Array:
    w = int(8 * ACCENT_RATE_HZ)
    power: Array = np.zeros((e.shape[0], FFT_SIZE // 2 + 1))
    for a in range(0, max(1, e.shape[1] - w // 2), w // 2):
        x = e[:, a : a + w]
        power = power + np.abs(scipy.fft.rfft(np.pad(x, ((0, 0), (0, w - x.shape[1]))), FFT_SIZE, axis=1)) ** 2
    return np.asarray(scipy.fft.irfft(power, FFT_SIZE, axis=1)[:, :lags])


def period_s(accents: Array) -> float:
    """A period between .42 and .84 s at which a song's accents repeat: its beat, or half or twice as much. No tempo of any analysis enters."""
    e = accents / (accents.std(1, keepdims=True) + 1e-6)
    a = autocorrelation(e, int(3.4 * ACCENT_RATE_HZ)).sum(0)
    i = np.arange(int(0.42 * ACCENT_RATE_HZ), int(0.84 * ACCENT_RATE_HZ))
    return float(i[int(np.argmax(a[i] + a[2 * i] + a[4 * i]))] / ACCENT_RATE_HZ)


def margins(curve: Array, name: str, near_s: float = NEAR_S, ranges: tuple[tuple[str, float, float], ...] = RANGES_S) -> dict[str, float]:
    """Evidence as placed minus the best of other places."""
    zero = float(curve[np.abs(LAG_S) <= near_s].max())
    return {f"{name}_{part}": zero - float(curve[lag_range(low, high)].max()) for part, low, high in ranges}


def _evidence(curve: Array, name: str) -> dict[str, float]:
    """A mean lag curve as placed, against its spread, and against other places."""
    zero = float(curve[np.abs(LAG_S) <= NEAR_S].max())
    return {name: zero, f"{name}_z": (zero - float(curve.mean())) / (float(curve.std()) + 0.01)} | margins(curve, name)


def best_drift(weighted: Array, away_s: Array) -> float:
    """The largest sum of [windows, lags] along lags that move steadily, as at a tempo error of 0.25 to 3 %; away_s: from the middle of the stem."""
    slopes = [s * k for k in (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03) for s in (-1, 1)]
    slope, start = (g.ravel() for g in np.meshgrid(slopes, np.arange(-0.6, 0.61, 0.0233)))
    path = start[:, None] + slope[:, None] * away_s
    inside = np.abs(path).max(1) <= MAX_LAG_S
    index = np.round((path + MAX_LAG_S) * ACCENT_RATE_HZ).astype(int).clip(0, 2 * LAGS)
    return float(np.where(inside, weighted[np.arange(len(away_s))[None], index].sum(1), -np.inf).max())


def arrival_contrasts(stem: Array, song: Array) -> Compared:
    """The same for arrivals of pitch classes [12, n]: players of one harmony begin its notes together, to the sixteenth."""
    return _compared({"arrival": lagged(stem, song)})


def contrasts(stem: Array, song: Array, pitched: bool) -> Compared:
    """Named contrasts of the accents, without pitch also of kick against snare; none when the stem has no accents."""
    song = song / (song.std(1, keepdims=True) + 1e-6)
    accents = lagged(stem, song)
    if accents.weight.sum() == 0:
        return Compared({}, {}, {})
    own, struck = saturated(stem.sum(0, keepdims=True)), saturated(song).max(0, keepdims=True)
    struck = struck - struck.mean()
    windows = {"accent": accents, "met": lagged(own, struck), "agogic": lagged(agogic(stem), struck)}
    return _compared(windows if pitched else windows | {"kit": lagged(kick_minus_snare(stem), kick_minus_snare(song))})


def _compared(windows: dict[str, LagCurves]) -> Compared:
    curves = {name: found.mean() for name, found in windows.items()}
    out: dict[str, float] = {}
    for name, curve in curves.items():
        out |= _evidence(curve, name) if windows[name].weight.sum() else {}
    return Compared(out, curves, windows)


def kick_minus_snare(e: Array) -> Array:
    """Hats cancel; the curve turns its sign when the bar is displaced by a beat."""
    return saturated(e[KICK : KICK + 1]) - saturated(e[[SNARE_BODY, SNARE_NOISE]]).mean(0, keepdims=True)
