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
from sideman.core.fit.rhythm import LAG_S, RANGES_S, Compared, kick_minus_snare, margins

SMOOTH_S = 0.19
"""Of the level's movement."""
TURN_FRAMES = 4
NEAR_S, SWELL_NEAR_S = 0.12, 0.2
QUIET = 1e-3

Array = NDArray[np.floating]


def _lag_curve(own: Array, song: Array) -> Array:
    """Normalised correlation on LAG_S; a positive lag: the song's match lies later."""
    n = min(len(own), len(song))
    a, b = own[:n] - own[:n].mean(), song[:n] - song[:n].mean()
    size = scipy.fft.next_fast_len(2 * n + 2 * LAGS, True)
    cross = scipy.fft.irfft(np.conj(scipy.fft.rfft(a, size)) * scipy.fft.rfft(b, size), size)
    curve = np.concatenate([cross[-LAGS:], cross[: LAGS + 1]])
    return np.interp(LAG_S, LAG_LINE_S, curve / (np.sqrt(float(a @ a) * float(b @ b)) + 1e-9))


def _swell(heard: Heard) -> Array:
    """Movement of the level: slope of the smoothed logarithm."""
    level = np.log(heard.rms.astype(np.float64) + QUIET * float(heard.rms.max()) + 1e-9)
    return np.diff(scipy.ndimage.gaussian_filter1d(level, SMOOTH_S * CHROMA_RATE_HZ))


def turns(heard: Heard) -> Array:
    """Where the harmony changes: distance of the chroma before and after, by how much sounds there."""
    smooth = scipy.ndimage.uniform_filter1d(centred(heard.chroma), TURN_FRAMES, axis=1)
    before, after = np.roll(smooth, TURN_FRAMES, 1), np.roll(smooth, -TURN_FRAMES, 1)
    lengths = np.linalg.norm(before, axis=0) * np.linalg.norm(after, axis=0)
    change = 1 - (before * after).sum(0) / (lengths + 1e-9)
    change[:TURN_FRAMES] = change[-TURN_FRAMES:] = 0
    level = np.sqrt(heard.rms)
    return np.asarray(scipy.ndimage.gaussian_filter1d(change * level / (level.max() + 1e-9), 1))


def _at_chroma_rate(curve: Array) -> Array:
    k = CHROMA_HOP // ACCENT_HOP
    return np.asarray(curve[: len(curve) // k * k].reshape(-1, k).mean(-1))


def contrasts(song: Heard, stem: Heard, pitched: bool) -> Compared:
    """Named contrasts of slow movement. Drums are held against the song's changes of harmony, pitched parts with their own."""
    turning = turns(stem) if pitched else _at_chroma_rate(kick_minus_snare(stem.accents)[0])
    curves = {"swell": _lag_curve(_swell(stem), _swell(song)), "turn" if pitched else "kit_turn": _lag_curve(turning, turns(song))}
    out: dict[str, float] = {}
    for name, curve in curves.items():
        out |= margins(curve, name, SWELL_NEAR_S if name == "swell" else NEAR_S, RANGES_S[1:])
    return Compared(out, curves, {})
