"""Deliberate faults injected into what was heard of a stem: a fault that the judge would still accept cannot be decided on this song."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sideman.core.fit.listening import ACCENT_RATE_HZ, CHROMA_RATE_HZ, Heard
from sideman.core.music import StemRole


class Fault(Enum):
    """What a stem may get wrong, in a musician's words."""

    QUARTER = "a quarter of a beat off"
    HALF_BEAT = "half a beat off"
    BEAT = "one beat off"
    BAR = "four beats off"
    DRIFT = "1 % too fast"
    STRETCHED = "at half or double speed"
    TRANSPOSED = "in the wrong key"
    ORDER = "chords in the wrong order"
    HALF_TIME = "written in half or double time"


NEVER_DECIDED = Fault.HALF_TIME
"""A part of half or double density with the chords in the right places is a legal part: measured near chance, so never claimed."""


def moved(stem: Heard, source_s: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Heard:
    """Every moment t takes what the stem had at source_s(t); silence from outside."""

    def at(x: NDArray[np.float32], rate: float) -> NDArray[np.float32]:
        n = x.shape[-1]
        position = source_s(np.arange(n) / rate) * rate
        rows = [np.interp(position, np.arange(n), row, left=0, right=0) for row in np.atleast_2d(x)]
        return np.array(rows, np.float32)

    return replace(
        stem, accents=at(stem.accents, ACCENT_RATE_HZ), arrivals=at(stem.arrivals, ACCENT_RATE_HZ), chroma=at(stem.chroma, CHROMA_RATE_HZ),
        bass_chroma=at(stem.bass_chroma, CHROMA_RATE_HZ), rms=at(stem.rms, CHROMA_RATE_HZ)[0],
    )  # fmt: skip


def late(stem: Heard, seconds: float) -> Heard:
    return moved(stem, lambda t: t - seconds)


def transposed(stem: Heard, semitones: int) -> Heard:
    def turned(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.roll(x, semitones, 0)

    return replace(stem, arrivals=turned(stem.arrivals), chroma=turned(stem.chroma), bass_chroma=turned(stem.bass_chroma))


def reordered(stem: Heard, block_s: float, seed: int = 0) -> Heard:
    """Blocks of harmony in random order, rhythm as it was."""
    order = np.random.default_rng(seed).permutation(int(stem.chroma.shape[1] / (block_s * CHROMA_RATE_HZ)))

    def turned(x: NDArray[np.float32], rate: float) -> NDArray[np.float32]:
        edges = np.round(np.arange(len(order) + 1) * block_s * rate).astype(int)
        blocks = [np.arange(edges[i], edges[i + 1]) for i in order]
        index = np.concatenate([*blocks, np.arange(edges[-1], x.shape[1])]).astype(int)
        return x[:, index[index < x.shape[1]]]

    return replace(
        stem, arrivals=turned(stem.arrivals, ACCENT_RATE_HZ), chroma=turned(stem.chroma, CHROMA_RATE_HZ),
        bass_chroma=turned(stem.bass_chroma, CHROMA_RATE_HZ),
    )  # fmt: skip


def injections(stem: Heard, role: StemRole, period_s: float) -> dict[Fault, tuple[Callable[[], Heard], ...]]:
    """Each fault in both directions, made when asked for."""

    def both(share: float) -> tuple[Callable[[], Heard], ...]:
        return (lambda: late(stem, share * period_s), lambda: late(stem, -share * period_s))

    out: dict[Fault, tuple[Callable[[], Heard], ...]] = {
        Fault.QUARTER: both(0.25),
        Fault.HALF_BEAT: both(0.5),
        Fault.BEAT: both(1),
        Fault.BAR: both(4),
        Fault.DRIFT: (lambda: moved(stem, lambda t: t * 1.01),),
        Fault.STRETCHED: (lambda: moved(stem, lambda t: t * 2), lambda: moved(stem, lambda t: t / 2)),
    }
    if role.pitched:
        out[Fault.TRANSPOSED] = tuple(partial(transposed, stem, k) for k in (1, 6, 7))
        out[Fault.ORDER] = (lambda: reordered(stem, 4 * period_s),)
    return out
