"""Joint decoding of 24 keys and 133 chords: Viterbi over segments, chord changes conditioned on the key and on the place in the
bar, key changes only together with a chord change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sideman.core.analysis.chords.emission import CHORDS, CLASSES, NONE, PER_ROOT

KEYS = 24
DOWNBEAT, BEAT, BETWEEN, UNKNOWN = 0, 1, 2, 3

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class DecoderOptions:
    """Weights of the parts; all flat around these values (docs/decisions/0005)."""

    emission: float = 0.8
    key_head: float = 0.12
    change: float = 0.16
    on_downbeat: float = 2.2
    between_beats: float = 0.45
    prior: float = 0.6
    motion: float = 0.5
    key_change_cost: float = 9.0
    none_bias: float = -0.5
    rare_bias: tuple[float, ...] = (0, 0, 0, 0, 0, -0.3, -0.45, -0.4, -0.4, -0.3, -0.5)


_MAJOR_DEGREES: dict[int, dict[str, float]] = {
    0: {"maj": 5, "maj7": 1.2, "7": 0.4, "sus4": 0.25, "sus2": 0.2},
    2: {"min": 1.3, "min7": 1.3, "7": 0.5, "maj": 0.35},
    3: {"maj": 0.2},
    4: {"min": 1, "min7": 0.7, "7": 0.45, "maj": 0.35},
    5: {"maj": 3, "maj7": 0.9, "7": 0.3, "min": 0.35, "sus2": 0.12},
    7: {"maj": 3, "7": 2, "sus4": 0.5, "min": 0.15, "min7": 0.15},
    8: {"maj": 0.25, "maj7": 0.1},
    9: {"min": 2.4, "min7": 1.3, "7": 0.45, "maj": 0.3},
    10: {"maj": 0.5, "maj7": 0.12, "7": 0.12},
    11: {"dim": 0.12, "hdim7": 0.25, "7": 0.15, "maj": 0.1},
}
_MINOR_DEGREES: dict[int, dict[str, float]] = {
    0: {"min": 5, "min7": 1.8, "sus4": 0.15, "sus2": 0.15, "7": 0.12},
    1: {"maj": 0.15, "maj7": 0.08},
    2: {"dim": 0.2, "hdim7": 0.45, "min": 0.12, "min7": 0.12},
    3: {"maj": 2, "maj7": 0.7},
    5: {"min": 2, "min7": 1.2, "maj": 0.4, "7": 0.45},
    7: {"min": 0.7, "min7": 0.6, "maj": 1.4, "7": 1.5, "sus4": 0.3},
    8: {"maj": 2.2, "maj7": 0.9, "7": 0.2},
    10: {"maj": 2.2, "7": 0.7, "sus4": 0.12},
    11: {"dim7": 0.15, "dim": 0.1},
}
_ANY_DEGREE = 0.02 * np.array([1, 1, 0.8, 0.4, 0.6, 0.4, 0.3, 0.4, 0.3, 0.3, 0.4])
_MOTION = {5: 0.5, 7: 0.3, 2: 0.15, 10: 0.15, 9: 0.15, 6: -0.3}  # root motion up: a fourth, a fifth, steps, a sixth, a tritone


@cache
def key_prior() -> NDArray[np.float64]:
    """log p(chord | key) by degree and quality, [24, 133]."""
    out = np.zeros((KEYS, CHORDS))
    for mode, degrees in enumerate((_MAJOR_DEGREES, _MINOR_DEGREES)):
        p = np.repeat(_ANY_DEGREE[None], 12, 0)
        for degree, qualities in degrees.items():
            for quality, weight in qualities.items():
                p[degree, CLASSES.index(quality)] = weight
        log = np.log(p / p.sum())
        for tonic in range(12):
            out[mode * 12 + tonic, :NONE] = np.roll(log, tonic, 0).ravel()
        out[mode * 12 : mode * 12 + 12, NONE] = np.log(0.02)
    return out


@cache
def _root_motion() -> NDArray[np.float64]:
    bonus = np.zeros(12)
    for interval, weight in _MOTION.items():
        bonus[interval] = weight
    out = np.zeros((CHORDS, CHORDS))
    roots = np.arange(NONE) // PER_ROOT
    inner = bonus[(roots[None] - roots[:, None]) % 12]
    inner[roots[None] == roots[:, None]] = -0.7
    out[:NONE, :NONE] = inner
    np.fill_diagonal(out, -1e9)
    return out


@cache
def _key_distance() -> NDArray[np.float64]:
    """1 for a neighbouring key, up to 1.6 for one six fifths away; 0 for the same."""
    tonic = (np.arange(KEYS) % 12 + 3 * (np.arange(KEYS) >= 12)) % 12
    d = (tonic[:, None] - tonic[None]) % 12
    fifths = np.minimum(d * 7 % 12, -d * 7 % 12)
    return np.where(np.eye(KEYS, dtype=bool), 0, 1 + 0.1 * fifths)


@cache
def _transitions(options: DecoderOptions) -> Matrix:
    """log p(next chord | chord, key, a change happens), [24, 133, 133]."""
    t = options.prior * key_prior()[:, None, :] + options.motion * _root_motion()[None]
    return (t - np.log(np.exp(t).sum(2, keepdims=True))).astype(np.float32)


@dataclass(frozen=True, eq=False)
class HarmonyPath:
    """Chord 0..132 and key 0..23 of every segment."""

    chords: NDArray[np.int64]
    keys: NDArray[np.int64]


class HarmonyDecoder:
    """Decodes one recording; `place` says for every segment whether it starts on a downbeat, a beat, or between."""

    def __init__(self, log_chords: Matrix, place: NDArray[np.int64], options: DecoderOptions) -> None:
        self.options = options
        factor = np.array([options.on_downbeat, 1.0, options.between_beats, 1.0])[place]
        p = np.clip(options.change * factor, 0.005, 0.9)
        self._log_change, self._log_stay = np.log(p), np.log(1 - p)
        bias = np.concatenate([np.tile(options.rare_bias, 12), [options.none_bias]])
        self._score = options.emission * log_chords + bias
        shifted = options.emission * (log_chords - log_chords.max(1, keepdims=True)) + bias
        self._likelihood = np.exp(shifted)

    def path(self, key_scores: Matrix) -> HarmonyPath:
        """The best chords and keys; key_scores [n, 24] from the key head."""
        o, n = self.options, len(self._score)
        transitions = np.ascontiguousarray(_transitions(o).transpose(0, 2, 1))
        key_cost = (-o.key_change_cost * _key_distance()).astype(np.float32)
        heads = o.key_head * key_scores
        value = (self._score[0][None] + key_prior() * o.prior + heads[0][:, None]).astype(np.float32)
        chord_back, key_back = np.zeros((n, KEYS, CHORDS), np.int16), np.zeros((n, KEYS, CHORDS), np.int8)
        for t in range(1, n):
            moved = value[:, None, :] + key_cost[:, :, None]
            key_back[t] = moved.argmax(0)
            arrived = moved.max(0)[:, None, :] + transitions
            source = arrived.argmax(2)
            change = np.take_along_axis(arrived, source[:, :, None], 2)[:, :, 0] + self._log_change[t]
            stay = value + self._log_stay[t]
            chord_back[t] = np.where(change > stay, source, -1)
            value = (np.maximum(change, stay) + self._score[t][None] + heads[t][:, None]).astype(np.float32)
        key, chord = (int(x) for x in np.unravel_index(value.argmax(), value.shape))
        chords, keys = np.zeros(n, int), np.zeros(n, int)
        for t in range(n - 1, -1, -1):
            chords[t], keys[t] = chord, key
            if t and chord_back[t, key, chord] >= 0:
                chord = int(chord_back[t, key, chord])
                key = int(key_back[t, key, chord])
        return HarmonyPath(chords, keys)

    def posterior(self, keys: NDArray[np.int64]) -> NDArray[np.float64]:
        """p(chord | recording) per segment with the decoded keys fixed: forward-backward, [n, 133]."""
        n, transitions = len(self._likelihood), np.exp(_transitions(self.options))
        forward, backward = np.zeros((n, CHORDS)), np.ones((n, CHORDS))
        f = np.exp(key_prior()[keys[0]] * self.options.prior) * self._likelihood[0]
        forward[0] = f / f.sum()
        change, stay = np.exp(self._log_change), np.exp(self._log_stay)
        for t in range(1, n):
            f = (forward[t - 1] * stay[t] + change[t] * (forward[t - 1] @ transitions[keys[t]])) * self._likelihood[t]
            forward[t] = f / f.sum()
        for t in range(n - 2, -1, -1):
            b = backward[t + 1] * self._likelihood[t + 1]
            b = stay[t + 1] * b + change[t + 1] * (transitions[keys[t + 1]] @ b)
            backward[t] = b / b.sum()
        p = forward * backward
        return p / p.sum(1, keepdims=True)

    def key_likelihood(self) -> NDArray[np.float64]:
        """Log likelihood of the chord chain under each key held for the whole recording, [24]."""
        transitions = np.exp(_transitions(self.options))
        f = np.exp(key_prior() * self.options.prior) * self._likelihood[0]
        z = f.sum(1, keepdims=True)
        f, total = f / z, np.log(z[:, 0])
        change, stay = np.exp(self._log_change), np.exp(self._log_stay)
        for t in range(1, len(self._likelihood)):
            f = (f * stay[t] + change[t] * np.matmul(f[:, None, :], transitions)[:, 0]) * self._likelihood[t][None]
            z = f.sum(1, keepdims=True)
            f, total = f / z, total + np.log(z[:, 0])
        return total
