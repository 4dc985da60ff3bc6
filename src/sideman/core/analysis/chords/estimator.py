"""From pitch activations and beats to chord spans, key and key segments with confidences."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.analysis.chords import profiles
from sideman.core.analysis.chords.decoding import BEAT, BETWEEN, DOWNBEAT, UNKNOWN, DecoderOptions, HarmonyDecoder, HarmonyPath
from sideman.core.analysis.chords.emission import (
    CLASSES,
    INTERVALS,
    NONE,
    PER_ROOT,
    EmissionNetwork,
    Emissions,
    Segments,
    segment_grid,
    segments,
)  # fmt: skip
from sideman.core.analysis.chords.pitch import PitchActivations
from sideman.core.music.harmony import Chord, ChordSpan, Key, KeySpan
from sideman.core.music.timeline import BeatGrid

LOCAL_KEY_S, WHOLE_SONG_S = 8.0, 1e5
LEAST_KEY_PROBABILITY = 0.2
INVERSION_MARGIN = 1.8
CALIBRATION = (-0.264, 0.506)
"""Logistic of the mean posterior, fitted on rendered songs that were not trained on (docs/decisions/0005)."""
MINOR_CLASSES = (1, 4, 7, 9)
LONE_SHARE, FADING_SHARE, FADING_SEGMENTS, LONE_MARGIN = 0.55, 0.4, 2, 8.0
SHORTEST_KEY_SPAN_S = 12.0
PIECE = 8000
ON_BEAT_S = 0.06
AGREES_NOWHERE, AGREES_EVERYWHERE = 0.35, 0.95


@dataclass(frozen=True)
class HarmonyEstimate:
    """key is None where no key stands out (noise, silence, unpitched music)."""

    key: Key | None
    key_confidence: float
    key_spans: tuple[KeySpan, ...]
    chords: tuple[ChordSpan, ...]


def _key(index: int) -> Key:
    return Key(index % 12, "minor" if index >= 12 else "major")


def _places(limits_s: NDArray[np.float64], grid: BeatGrid | None) -> NDArray[np.int64]:
    starts = limits_s[:-1]
    if grid is None or len(grid.downbeats_s) < 2:
        return np.full(len(starts), UNKNOWN)

    def near(times: NDArray[np.float64]) -> NDArray[np.bool_]:
        after = np.clip(np.searchsorted(times, starts), 1, len(times) - 1)
        return np.minimum(np.abs(times[after] - starts), np.abs(times[after - 1] - starts)) < ON_BEAT_S

    return np.where(near(grid.downbeats_s), DOWNBEAT, np.where(near(grid.times), BEAT, BETWEEN))


def _lone_tone(seen: Segments) -> NDArray[np.bool_]:
    """Segments in whose neighbourhood one pitch class holds most of the chroma: a lone tone is no chord.

    A sine reaches .63, a sawtooth note .72, a bare fifth .43, a triad .31.
    """
    share = np.pad(seen.chroma[:, :4].sum(1), ((1, 1), (0, 0)), mode="edge")
    wide = share[:-2] + share[1:-1] + share[2:]

    def largest(x: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.asarray(x.max(1) / (x.sum(1) + 1e-9))

    lone = largest(wide) > LONE_SHARE
    beside = scipy.ndimage.maximum_filter1d(lone.astype(np.int8), 2 * FADING_SEGMENTS + 1) > 0
    fading = (largest(share[1:-1]) > FADING_SHARE) & beside  # attack and release smear the spectrum
    return np.asarray(lone | fading)


def _runs(x: NDArray[np.int64]) -> list[tuple[int, int]]:
    cut = np.flatnonzero(np.concatenate([[True], x[1:] != x[:-1], [True]]))
    return [(int(a), int(b)) for a, b in itertools.pairwise(cut)]


def _calibrated(p: float) -> float:
    logit = np.log((p + 1e-4) / (1 - p + 1e-4))
    return float(1 / (1 + np.exp(-(CALIBRATION[0] + CALIBRATION[1] * logit))))


def _bass(root: int, quality: int, log_bass: NDArray[np.floating], weight: NDArray[np.float64]) -> int:
    """Bass of a run, its first segment counting twice: an inversion needs a chord tone that clearly beats the root."""
    w = weight.copy()
    w[0] *= 2
    score = (log_bass * w[:, None]).sum(0) / w.sum() * min(3.0, len(w)) ** 0.5
    tones = [(root + i) % 12 for i in INTERVALS[quality]]
    best = max(tones, key=lambda pc: float(score[pc]))
    return best if score[best] - score[root] > INVERSION_MARGIN else root


@dataclass(frozen=True, eq=False)
class _Decoded:
    """path of all segments; probability [n] of its chord in each; log likelihood [24] of the chord chain under each key."""

    path: HarmonyPath
    probability: NDArray[np.float64]
    key_likelihood: NDArray[np.float64]


def _decoded(log_chords: NDArray[np.float32], places: NDArray[np.int64], local: NDArray[np.float32], options: DecoderOptions) -> _Decoded:
    """In pieces of PIECE segments, more than half an hour each: back pointers take 9.6 kB a segment."""
    chords, keys, probability, likelihood = [], [], [], np.zeros(24)
    for a in range(0, len(log_chords), PIECE):
        part = slice(a, a + PIECE)
        decoder = HarmonyDecoder(log_chords[part], places[part], options)
        path = decoder.path(local[part])
        posterior = decoder.posterior(path.keys)
        probability.append(posterior[np.arange(len(path.chords)), path.chords])
        chords.append(path.chords)
        keys.append(path.keys)
        likelihood += decoder.key_likelihood()
    return _Decoded(HarmonyPath(np.concatenate(chords), np.concatenate(keys)), np.concatenate(probability), likelihood)


def _spans(path: HarmonyPath, seen: Segments, heard: Emissions, probability: NDArray[np.float64]) -> tuple[ChordSpan, ...]:
    out, lengths = [], seen.lengths_s
    for a, b in _runs(path.chords):
        c, key = int(path.chords[a]), _key(int(path.keys[a]))
        chord = Chord(None)
        if c != NONE:
            root, quality = divmod(c, PER_ROOT)
            chord = Chord(root, CLASSES[quality], _bass(root, quality, heard.bass[a:b], lengths[a:b]), key.flat)
        p = float((probability[a:b] * lengths[a:b]).sum() / lengths[a:b].sum())
        out.append(ChordSpan(float(seen.limits_s[a]), float(seen.limits_s[b]), chord, _calibrated(p)))
    return tuple(out)


def _global_key(likelihood: NDArray[np.float64], head: NDArray[np.floating], chords: NDArray[np.int64]) -> NDArray[np.float64]:
    """p(key) [24]: mean likelihood of the chord chain, key head on the whole song, first and last chord as tonic."""
    score = 30 * likelihood / len(chords) + 0.3 * head
    sounding = chords[chords != NONE]
    for chord, weight in ((sounding[:1], 0.3), (sounding[-1:], 0.6)):
        if len(chord):
            root, quality = divmod(int(chord[0]), PER_ROOT)
            score[root + 12 * (quality in MINOR_CLASSES)] += weight
    p = np.exp(score - score.max())
    return p / p.sum()


def _key_spans(path: HarmonyPath, limits_s: NDArray[np.float64], confidence: float) -> tuple[KeySpan, ...]:
    """Runs of one key; a run too short to be a modulation joins the one before it."""
    spans: list[KeySpan] = []
    for a, b in _runs(path.keys):
        start, end, key = float(limits_s[a]), float(limits_s[b]), _key(int(path.keys[a]))
        if spans and (spans[-1].key == key or end - start < SHORTEST_KEY_SPAN_S):
            last = spans.pop()
            spans.append(KeySpan(last.start_s, end, last.key, confidence))
        else:
            spans.append(KeySpan(start, end, key, confidence))
    return tuple(spans)


def with_agreement(spans: Sequence[ChordSpan], others: Sequence[ChordSpan]) -> tuple[ChordSpan, ...]:
    """`spans` with a new confidence: from AGREES_NOWHERE to AGREES_EVERYWHERE by the share of their length in which `others` hear the same triad."""

    def triad(c: Chord) -> tuple[int | None, bool]:
        return c.root, c.root is not None and 3 in c.intervals

    out = []
    for s in spans:
        same = sum(max(0.0, min(s.end_s, o.end_s) - max(s.start_s, o.start_s)) for o in others if triad(o.chord) == triad(s.chord))
        share = min(1.0, same / max(1e-6, s.end_s - s.start_s))
        out.append(replace(s, confidence=AGREES_NOWHERE + (AGREES_EVERYWHERE - AGREES_NOWHERE) * share))
    return tuple(out)


def estimate(
    heard: PitchActivations, grid: BeatGrid | None, network: EmissionNetwork | None = None, options: DecoderOptions | None = None
) -> HarmonyEstimate:
    """Chords and keys of a recording; segments follow the beats of `grid` where there is one."""
    network, options = network or EmissionNetwork.default(), options or DecoderOptions()
    limits = segment_grid(grid.times if grid else (), heard.duration_s)
    seen = segments(heard, limits)
    emissions = network(seen)
    lone = _lone_tone(seen)
    emissions.chords[lone, NONE] = emissions.chords[lone].max(1) + LONE_MARGIN
    local = network.key_scores(seen, LOCAL_KEY_S) * (seen.lengths_s[:, None] / 0.5)
    decoded = _decoded(emissions.chords, _places(limits, grid), local.astype(np.float32), options)
    path = decoded.path
    p = _global_key(decoded.key_likelihood, network.key_scores(seen, WHOLE_SONG_S)[0], path.chords)
    first = int(np.argmax(p))
    spans = _spans(path, seen, emissions, decoded.probability)
    if p[first] < LEAST_KEY_PROBABILITY or lone.mean() > 0.8 or all(s.chord.root is None for s in spans):
        return HarmonyEstimate(None, float(p[first]), (), spans)
    sure = profiles.confidence(_key(first), float(p[first]), heard)
    return HarmonyEstimate(_key(first), sure, _key_spans(path, limits, sure), spans)
