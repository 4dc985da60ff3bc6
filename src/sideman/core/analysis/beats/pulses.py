"""Candidate pulses of one window: one exact best path in each tempo range, and its metrical relatives.

Times here are frames at 100 Hz. A beat of n frames only shifts, so D[t, i] = r[t] + G[t - n_i, i] with
G[t, i] = max_j D[t, j] - lambda |ln n_j - ln n_i|. D at t needs G no later than t - n_min: n_min frames are one numpy call, and the
maximum over tempi under an L1 penalty is two running maxima.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sideman.core.analysis.beats.onsets import FRAME_RATE_HZ, OnsetWindow

TEMPO_RANGES_BPM = ((36, 76), (54, 112), (80, 165), (118, 240))
LOWEST_BPM, HIGHEST_BPM = 50.0, 232.0
TEMPO_CHANGE_COST = 60.0
SAME_PULSE_FRAMES = 6.0
SAME_PULSE_SHARE = 0.85
ONSET, FEWEST_ONSETS = 0.3, 8


@dataclass(frozen=True, slots=True)
class Level:
    """Another metrical level of a pulse: position (k * step + phase) / divide for k = 0, 1, ..."""

    divide: int
    step: int
    phase: int


SAME_LEVEL = Level(1, 1, 0)
LEVELS = tuple(
    Level(*x)
    for x in (
        (1, 1, 0), (2, 1, 0), (2, 2, 1), (1, 2, 0), (1, 2, 1), (1, 3, 0), (1, 3, 1), (1, 3, 2), (3, 1, 0), (3, 2, 0),
        (3, 2, 1), (4, 4, 1), (4, 4, 3), (3, 3, 1), (3, 3, 2),
    )
)  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Pulse:
    """beats: frames, fractional, ascending."""

    beats: NDArray[np.float64]
    tempo_bpm: float


def _intervals(low_bpm: float, high_bpm: float, step: float = 0.02) -> NDArray[np.int64]:
    low, high = np.log(60 * FRAME_RATE_HZ / high_bpm), np.log(60 * FRAME_RATE_HZ / low_bpm)
    return np.unique(np.round(np.exp(np.arange(low, high + step / 2, step))).astype(int))


def best_path(activation: NDArray[np.float32], low_bpm: float, high_bpm: float) -> NDArray[np.int64]:
    """Frames of the best beat sequence with intervals in the tempo range: exact Viterbi without back pointers."""
    n = _intervals(low_bpm, high_bpm)
    cost = (TEMPO_CHANGE_COST * np.log(n)).astype(np.float32)
    states, total, shortest, longest = len(n), len(activation), int(n[0]), int(n[-1])
    reward = (2.0 * np.log((activation + 0.05) / 0.2)).astype(np.float32)
    onward = np.zeros((total + longest, states), np.float32)  # rows before 0: any phase may start for free
    best = np.empty((total, states), np.float32)
    flat = onward.ravel()
    offsets = ((np.arange(shortest) + longest)[:, None] - n[None, :]) * states + np.arange(states)[None, :]
    for t in range(0, total, shortest):
        k = min(shortest, total - t)
        d = flat.take(offsets[:k] + t * states)
        d += reward[t : t + k, None]
        best[t : t + k] = d
        faster = np.maximum.accumulate(d + cost, axis=1) - cost
        slower = np.maximum.accumulate((d - cost)[:, ::-1], axis=1)[:, ::-1] + cost
        onward[t + longest : t + longest + k] = np.maximum(faster, slower)
    tail = best[max(0, total - longest) :]
    t, i = (int(x) for x in np.unravel_index(tail.argmax(), tail.shape))
    t += max(0, total - longest)
    path = []
    while t >= 0:
        path.append(t)
        before = t - int(n[i])
        if before < 0:
            break
        i = int((best[before] - np.abs(cost - cost[i])).argmax())
        t = before
    return np.array(path[::-1])


def refine(beats: NDArray[np.int64], activation: NDArray[np.float32]) -> NDArray[np.float64]:
    """Peak of the activation within three frames, parabola on top; beats without a peak stay where the lattice put them."""
    reach = np.arange(-3, 4)
    i = np.clip(beats[:, None] + reach, 0, len(activation) - 1)
    near = (activation[i] * (1 - 0.04 * np.abs(reach))).argmax(1)
    peak = i[np.arange(len(beats)), near]
    usable = (peak > 0) & (peak < len(activation) - 1) & (activation[peak] > 0.08)
    q = np.clip(peak, 1, len(activation) - 2)
    left, centre, right = activation[q - 1], activation[q], activation[q + 1]
    curvature = left - 2 * centre + right
    bent = curvature < -1e-6
    shift = np.where(bent, 0.5 * (left - right) / np.where(bent, curvature, -1), 0)
    return np.where(usable, q + np.clip(shift, -0.5, 0.5), beats)


def settled(beats: NDArray[np.float64], activation: NDArray[np.float32]) -> NDArray[np.float64]:
    """A pulse taken from between the onsets of another, moved as a whole onto onsets of its own: swung sixteenths do not lie midway."""
    near = refine(np.clip(np.round(beats), 0, len(activation) - 1).astype(int), activation)
    heard = activation[np.round(near).astype(int)] > ONSET
    if heard.sum() < FEWEST_ONSETS:
        return beats
    return np.clip(beats + float(np.median((near - beats)[heard])), 0, len(activation) - 1)


def at_level(beats: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """The pulse at another level; two beats are extrapolated at either end."""
    count = len(beats)
    before = beats[:1] - (beats[1] - beats[0]) * np.arange(2, 0, -1)
    after = beats[-1] + (beats[-1] - beats[-2]) * np.arange(1, 3)
    steps = np.arange(-2 * level.divide, (count + 1) * level.divide + 1)
    positions = steps[(steps - level.phase) % level.step == 0] / level.divide
    return np.interp(positions, np.arange(-2, count + 2), np.concatenate([before, beats, after]))


def agreement(a: NDArray[np.float64], b: NDArray[np.float64], tolerance: float = SAME_PULSE_FRAMES) -> float:
    """Share of the beats of `a` that have a beat of `b` within the tolerance (frames)."""
    i = np.clip(np.searchsorted(b, a), 1, len(b) - 1)
    return float((np.minimum(np.abs(b[i] - a), np.abs(b[i - 1] - a)) <= tolerance).mean())


def candidates(window: OnsetWindow) -> list[Pulse]:
    """Distinct pulses: one path per tempo range, its double, half, third, 3/2 and shifted relatives."""
    found: list[Pulse] = []
    total = len(window)
    for low, high in TEMPO_RANGES_BPM:
        if total < 3 * 60 * FRAME_RATE_HZ / low:
            continue
        path = best_path(window.activation, low, high)
        if len(path) < 4:
            continue
        base = refine(path, window.activation)
        for level in LEVELS:
            beats = base if level == SAME_LEVEL else at_level(base, level)
            beats = beats[(beats >= 0) & (beats < total)]
            if len(beats) < 4:
                continue
            tempo = float(60 * FRAME_RATE_HZ / np.median(np.diff(beats)))
            if LOWEST_BPM <= tempo <= HIGHEST_BPM and not any(_same(beats, p.beats) for p in found):
                found.append(Pulse(beats, tempo))
    return found


def _same(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return SAME_PULSE_SHARE < len(b) / len(a) < 1 / SAME_PULSE_SHARE and agreement(a, b) > SAME_PULSE_SHARE
