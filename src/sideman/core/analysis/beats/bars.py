"""Bars over beats: a downbeat probability per beat, and a semi-Markov model of bars of 2 to 7 beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sideman.core.analysis.beats.description import harmonic_change
from sideman.core.analysis.beats.onsets import FRAME_RATE_HZ, OnsetWindow

METERS = np.array([2, 3, 4, 5, 6, 7])
CONTEXT = 2
PRIOR = np.log(np.array([0.05, 0.14, 0.72, 0.03, 0.03, 0.03]))
PRIOR_COMPOUND = np.log(np.array([0.30, 0.08, 0.56, 0.02, 0.02, 0.02]))
METER_CHANGE_COST = 9.0
REPETITION_WEIGHT = 1.0
PER_BAR = np.array([0.0, 0.0, 0.5, -0.5, -0.5, -0.5])
"""Nats that every bar of a simple meter gains or pays: a prior that is paid once is forgotten after a few bars."""
BASS_SEMITONES = 24


@dataclass(frozen=True, slots=True)
class DecodedBar:
    first_beat: int
    beats: int


@dataclass(frozen=True, eq=False, slots=True)
class BarEvidence:
    """Per beat: log probability of being a downbeat and of not being one; repetition [6]: self-similarity at the meters' lags."""

    log_downbeat: NDArray[np.float64]
    log_other: NDArray[np.float64]
    repetition: NDArray[np.float64]

    def at(self, kept: NDArray[np.bool_]) -> BarEvidence:
        return BarEvidence(self.log_downbeat[kept], self.log_other[kept], self.repetition[kept])


@dataclass(frozen=True, eq=False, slots=True)
class BarDecoding:
    score: float
    bars: tuple[DecodedBar, ...]
    meter_scores: NDArray[np.float64]

    @property
    def beats_per_bar(self) -> int:
        counts = np.bincount([b.beats for b in self.bars]) if self.bars else np.array([0, 0, 0, 0, 1])
        return int(counts.argmax())


def observations(window: OnsetWindow, pool: NDArray[np.float32], beats: NDArray[np.float64]) -> NDArray[np.float64]:
    """[beats, 9]: accents on the beat, harmonic change over one and two beats and in the bass, low band half a beat later."""
    interval = np.diff(beats, append=2 * beats[-1] - beats[-2])
    times, spans = beats / FRAME_RATE_HZ, interval / FRAME_RATE_HZ
    on = np.clip(np.round(beats).astype(int), 0, len(pool) - 1)
    half = np.clip(np.round(beats + interval / 2).astype(int), 0, len(pool) - 1)
    changes = [
        harmonic_change(window.harmony, times, spans),
        harmonic_change(window.harmony, times, 2 * spans),
        harmonic_change(window.harmony[:, :BASS_SEMITONES], times, spans),
    ]
    return np.column_stack([pool[on], *changes, pool[half, 0]])


def in_context(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standardised observations of five neighbouring beats and a constant: the input of the downbeat scorer."""
    z = np.clip((x - x.mean(0)) / (x.std(0) + 1e-6), -3, 4)
    empty = np.zeros((CONTEXT, z.shape[1]))
    padded = np.vstack([empty, z, empty])
    return np.hstack([padded[j : j + len(z)] for j in range(2 * CONTEXT + 1)] + [np.ones((len(z), 1))])


def _repetition(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of the observations at lags m and 2m for every meter m, relative to the mean over lags 1 to 8."""
    z = (x - x.mean(0)) / (x.std(0) + 1e-6)
    r = np.array([(z[:-lag] * z[lag:]).mean() if len(z) - lag > 4 else 0.0 for lag in range(1, 15)])
    return np.array([0.6 * r[m - 1] + 0.4 * r[2 * m - 1] for m in METERS]) - r[:8].mean()


def evidence(window: OnsetWindow, pool: NDArray[np.float32], beats: NDArray[np.float64], weights: NDArray[np.float64]) -> BarEvidence:
    x = observations(window, pool, beats)
    z = in_context(x) @ weights
    return BarEvidence(-np.logaddexp(0, -z), -np.logaddexp(0, z), _repetition(x))


def meter_prior(compound_share: float) -> NDArray[np.float64]:
    plain, compound = np.log(1 - compound_share + 1e-9), np.log(compound_share + 1e-9)
    return np.logaddexp(PRIOR + plain, PRIOR_COMPOUND + compound)


def decode(
    log_downbeat: NDArray[np.float64], log_other: NDArray[np.float64], repetition: NDArray[np.float64], compound_share: float
) -> BarDecoding:
    """Best bars over all beats. repetition: [6], or [beats, 6] where it varies. best[k, m]: a bar of m beats ends before beat k."""
    prior = meter_prior(compound_share)
    count, meters, longest = len(log_downbeat), len(METERS), int(METERS.max())
    other = np.concatenate([[0.0], np.cumsum(log_other)])
    rows = np.repeat(repetition[None], count, 0) if repetition.ndim == 1 else repetition
    bonus = REPETITION_WEIGHT * rows * METERS + PER_BAR * (1 - compound_share)
    best = np.full((count + longest + 1, meters), -1e9)
    back = np.full((count + longest + 1, meters), -1, int)
    top, top_meter = np.full(count + longest + 1, -1e9), np.zeros(count + longest + 1, int)
    for pickup in range(min(longest, count + 1)):
        best[pickup] = np.where(pickup < METERS, other[pickup] + prior - np.log(METERS), -1e9)
        top[pickup], top_meter[pickup] = best[pickup].max(), best[pickup].argmax()
    other = np.concatenate([other, np.full(longest, other[-1])])
    down, no = (np.concatenate([v, np.zeros(longest)]) for v in (log_downbeat, log_other))
    index = np.arange(meters)
    for k in range(2, count + longest + 1):
        start = k - METERS
        s = np.clip(start, 0, count - 1)
        stay, switch = best[s, index], top[s] - METER_CHANGE_COST + prior
        share = (np.minimum(k, count) - s) / METERS
        value = np.maximum(stay, switch) + down[s] + other[k] - other[s] - no[s] + bonus[min(k, count) - 1] * share
        value = np.where((start >= 0) & (start < count), value, -1e9)
        better = value > best[k]
        back[k] = np.where(better, np.where(stay >= switch, index, top_meter[s]), -1)
        best[k] = np.maximum(best[k], value)
        top[k], top_meter[k] = best[k].max(), best[k].argmax()
    return _trace(best, back, count)


def _trace(best: NDArray[np.float64], back: NDArray[np.int64], count: int) -> BarDecoding:
    longest = int(METERS.max())
    ends = [(best[k, j], k, j) for k in range(count, count + longest) for j in range(len(METERS)) if k - METERS[j] < count]
    score, k, j = max(ends)
    per_meter = np.array([max((v for v, _, jj in ends if jj == m), default=-1e9) for m in range(len(METERS))])
    bars = []
    while back[k, j] >= 0:
        start = k - int(METERS[j])
        bars.append(DecodedBar(start, int(METERS[j])))
        k, j = start, int(back[k, j])
    return BarDecoding(float(score), tuple(bars[::-1]), per_meter)


def summary(decoding: BarDecoding, found: BarEvidence, tempo_bpm: float, compound_share: float) -> NDArray[np.float64]:
    """What the bar layer says about one pulse: the second input of the joint choice."""
    count = len(found.log_downbeat)
    starts = [b.first_beat for b in decoding.bars if 0 <= b.first_beat < count]
    logit = found.log_downbeat - found.log_other
    on = np.zeros(count, bool)
    on[starts] = True
    m, octave = decoding.beats_per_bar, float(np.log2(tempo_bpm / 110))
    ranked = np.sort(decoding.meter_scores)[::-1]
    apart = [float(logit[on].mean()) if on.any() else 0.0, float(logit[~on].mean()) if (~on).any() else 0.0]
    return np.array(
        [
            decoding.score / count, decoding.score / count * 2**octave, *apart, found.repetition.max(),
            found.repetition[m - 2] * m, min(9.0, ranked[0] - ranked[1]) / 5, m == 2, m == 3, m == 4, compound_share,
            compound_share * octave, compound_share * (m == 2), (m == 3) * octave, np.log(4 * 60 / tempo_bpm * m / 8) ** 2,
        ],
        float,
    )  # fmt: skip
