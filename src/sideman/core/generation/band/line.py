"""The cheapest line of notes: what melodies and walking basses are found by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from sideman.core.music import Chord, Key

Array = NDArray[np.float64]


def cheapest(own: Sequence[Array], moving: Sequence[Array], turning: Array) -> list[int]:
    """Index of each note's pitch, by Viterbi over pairs of notes.

    own: for each note the cost of every pitch [pitches]; moving: for each but the first that of every interval [from, to]; turning: what an
    interval costs after the one before it [from, to, two before].
    """
    count = len(own[0])
    costs = np.broadcast_to(own[0][:, None], (count, count))  # [now, one before]; before the first note any
    came: list[NDArray[np.uint8]] = []
    for k, step in enumerate(moving, 1):
        total = costs[:, None] + turning if k > 1 else np.broadcast_to(costs[:, None], turning.shape)
        best = total.argmin(2)
        came.append(best.astype(np.uint8))
        costs = (np.take_along_axis(total, best[..., None], 2)[..., 0] + step + own[k]).T
    at, before = (int(i) for i in np.unravel_index(int(costs.argmin()), costs.shape))
    line = [at]
    for back in reversed(came):
        line.append(before)
        before, at = int(back[before, at]), before
    return line[::-1]


def by_interval(pitches: NDArray[np.int64], costs: Sequence[float], farther: float) -> Array:
    """[from, to]: costs by semitones, in both directions; farther: beyond them."""
    far = np.minimum(np.abs(pitches[None] - pitches[:, None]), len(costs))
    return np.array([*costs, farther])[far]


def turns(pitches: NDArray[np.int64], back: float, leap: int, on: float) -> Array:
    """[from, to, two before]: the cost of going back to where the line was two notes ago, and of going on in the direction of a leap."""
    way = pitches[None] - pitches[:, None]
    first, second = way.T[:, None], way[:, :, None]
    further = (np.abs(first) >= leap) & (np.sign(first) == np.sign(second)) & (second != 0)
    return np.ascontiguousarray(back * ((first + second == 0) & (first != 0)) + on * further)


def among(pitches: NDArray[np.int64], classes: Iterable[int]) -> NDArray[np.bool_]:
    """Which pitches are of these classes."""
    known = np.zeros(12, bool)
    known[list(classes)] = True
    return known[pitches % 12]


def by_degree(pitches: NDArray[np.int64], chord: Chord, costs: Iterable[float], otherwise: float) -> Array:
    """Costs of root, third, fifth and so on of a chord in every octave, and of what is none of these."""
    by_class = np.full(12, otherwise)
    for cost, pitch_class in reversed(list(zip(costs, chord.pitch_classes, strict=False))):
        by_class[pitch_class] = cost
    return np.asarray(by_class[pitches % 12])


def unaltered(chord: Chord, key: Key) -> set[int]:
    """What of the scale stays while a chord sounds: nothing beside a tone that the chord has and the scale has not."""
    scale = set(key.scale)
    altered = set(chord.pitch_classes) - scale
    return {p for p in scale if not {(p - 1) % 12, (p + 1) % 12} & altered}
