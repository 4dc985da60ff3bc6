"""Contrasts of what moves slowly: how the level swells and falls, and where the harmony turns. As placed, and at other places.

Players of one band get louder and softer together and change chords together, whatever rhythm each of them plays: this tells a drum part
that is a bar late, and an off-beat part that is half a beat late, where the accents cannot.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.fit.agreement import LAG_LINE_S, LAGS, centred
from sideman.core.fit.listening import ACCENT_HOP, CHROMA_HOP, CHROMA_RATE_HZ, Heard
from sideman.core.fit.rhythm import kick_minus_snare

RANGES_S = (("half", 0.2, 0.48), ("beat", 0.48, 1.3), ("bar", 1.3, 4.2))
QUICK_S, SLOW_S = 0.19, 0.56
"""Smoothing of the level's movement."""
TURN_FRAMES = 4
NEAR_S, SWELL_NEAR_S, WANDER_S = 0.12, 0.2, 0.7
QUIET = 1e-3

Array = NDArray[np.floating]


def _lag_curve(own: Array, song: Array) -> Array:
    """Normalised correlation at lags of +-4.2 s; a positive lag: the song's match lies later."""
    n = min(len(own), len(song))
    a, b = own[:n] - own[:n].mean(), song[:n] - song[:n].mean()
    size = scipy.fft.next_fast_len(2 * n + 2 * LAGS, True)
    cross = scipy.fft.irfft(np.conj(scipy.fft.rfft(a, size)) * scipy.fft.rfft(b, size), size)
    curve = np.concatenate([cross[-LAGS:], cross[: LAGS + 1]])
    return np.asarray(curve / (np.sqrt(float(a @ a) * float(b @ b)) + 1e-9))


def _margins(curve: Array, name: str, near_s: float = NEAR_S) -> dict[str, float]:
    zero = float(curve[np.abs(LAG_LINE_S) <= near_s].max())
    out = {name: zero, f"{name}_z": (zero - float(curve.mean())) / (float(curve.std()) + 0.02)}
    for part, low, high in RANGES_S:
        away = (np.abs(LAG_LINE_S) >= low) & (np.abs(LAG_LINE_S) < high)
        out[f"{name}_{part}"] = zero - float(curve[away].max())
    return out


def _swell(heard: Heard, smooth_s: float) -> Array:
    """Movement of the level: slope of the smoothed logarithm."""
    level = np.log(heard.rms.astype(np.float64) + QUIET * float(heard.rms.max()) + 1e-9)
    return np.diff(scipy.ndimage.gaussian_filter1d(level, smooth_s * CHROMA_RATE_HZ))


def turns(heard: Heard) -> Array:
    """Where the harmony changes: distance of the chroma before and after, by how much sounds there."""
    smooth = scipy.ndimage.uniform_filter1d(centred(heard.chroma), TURN_FRAMES, axis=1)
    before, after = np.roll(smooth, TURN_FRAMES, 1), np.roll(smooth, -TURN_FRAMES, 1)
    lengths = np.linalg.norm(before, axis=0) * np.linalg.norm(after, axis=0)
    change = 1 - (before * after).sum(0) / (lengths + 1e-9)
    change[:TURN_FRAMES] = change[-TURN_FRAMES:] = 0
    level = np.sqrt(heard.rms)
    return np.asarray(scipy.ndimage.gaussian_filter1d(change * level / (level.max() + 1e-9), 1))


def _at_chroma_rate(curve: Array, reduce: str) -> Array:
    k = CHROMA_HOP // ACCENT_HOP
    frames = curve[..., : curve.shape[-1] // k * k].reshape(*curve.shape[:-1], -1, k)
    return np.asarray(frames.max(-1) if reduce == "max" else frames.mean(-1))


def _wander(own: Array, song: Array) -> float:
    """How far the best lag of the harmony moves from the first half to the second: a stem at another tempo runs away."""
    half = min(len(own), len(song)) // 2
    near = np.abs(LAG_LINE_S) <= WANDER_S
    best = []
    for part in (slice(0, half), slice(half, 2 * half)):
        curve = _lag_curve(own[part], song[part])
        best.append(float(LAG_LINE_S[np.argmax(np.where(near, curve, -9))]))
    return -max(0.0, abs(best[1] - best[0]) - 0.1)


def contrasts(song: Heard, stem: Heard, pitched: bool) -> dict[str, float]:
    """Named contrasts of slow movement. Drums are held against the song's changes of harmony, pitched parts with their own."""
    out = _margins(_lag_curve(_swell(stem, QUICK_S), _swell(song, QUICK_S)), "swell", SWELL_NEAR_S)
    out |= _margins(_lag_curve(_swell(stem, SLOW_S), _swell(song, SLOW_S)), "swell_slow", SWELL_NEAR_S)
    changes = turns(song)
    balance = _at_chroma_rate(kick_minus_snare(stem.accents)[0], "mean")
    out |= _margins(_lag_curve(balance, changes), "kit_turn")
    if pitched:
        own = turns(stem)
        low = _at_chroma_rate(np.maximum(song.accents[0], 0), "max")
        out |= _margins(_lag_curve(own, changes), "turn")
        out |= _margins(_lag_curve(own, low), "turn_kick")
        out["turn_move"] = _wander(own, changes)
    return out
