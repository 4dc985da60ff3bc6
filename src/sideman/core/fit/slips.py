"""How far a stem has slipped from the song it was made for, passage by passage: a shift and a change of speed that its accents ask for.

For engines that are told a tempo and keep it nearly: the place is known, only small errors are searched. A clip from elsewhere is placed by
`conform`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sideman.core.audio.stretching import Anchor
from sideman.core.fit.listening import ACCENT_RATE_HZ, Heard

MOST_SHIFT_S, MOST_RATE = 0.18, 0.03
SHIFT_STEP_S, RATES = 1 / ACCENT_RATE_HZ, 13
SHIFT_COST, RATE_COST = 0.25, 1.5
"""Agreement that a second of shift, and a doubled speed, must bring: without evidence a stem stays where it is."""
LEAST_GAIN, LEAST_AGREEMENT = 0.03, 0.15
"""Over where it lies, and at all: the best of several hundred places of a sound without accents reaches 0.12 by chance."""


@dataclass(frozen=True, slots=True)
class Slip:
    """A passage of the song, and the part of the stem that belongs there."""

    start_s: float
    end_s: float
    source_start_s: float
    source_end_s: float

    @property
    def still(self) -> bool:
        return (self.start_s, self.end_s) == (self.source_start_s, self.source_end_s)

    @property
    def anchors(self) -> tuple[Anchor, Anchor]:
        return Anchor(self.source_start_s, self.start_s), Anchor(self.source_end_s, self.end_s)


def find_slips(song: Heard, stem: Heard, passages_s: Sequence[tuple[float, float]]) -> tuple[Slip, ...]:
    """The best small correction of each passage; none where accents do not clearly speak for one."""
    return tuple(_slip(song, stem, *p) for p in passages_s)


def _slip(song: Heard, stem: Heard, start_s: float, end_s: float) -> Slip:
    t = np.arange(int(start_s * ACCENT_RATE_HZ), min(song.accents.shape[1], int(end_s * ACCENT_RATE_HZ))) / ACCENT_RATE_HZ
    if len(t) < ACCENT_RATE_HZ:
        return Slip(start_s, end_s, start_s, end_s)
    wanted = song.accents[:, (t * ACCENT_RATE_HZ).round().astype(int)]
    wanted = wanted / (wanted.std(1, keepdims=True) + 1e-6)
    least = _agreement(wanted, stem, t)
    best, chosen = max(least + LEAST_GAIN, LEAST_AGREEMENT), (0.0, 0.0)
    for rate in np.linspace(-MOST_RATE, MOST_RATE, RATES):
        for shift in np.arange(-MOST_SHIFT_S, MOST_SHIFT_S + SHIFT_STEP_S / 2, SHIFT_STEP_S):
            value = _agreement(wanted, stem, start_s + shift + (t - start_s) * (1 + rate)) - SHIFT_COST * abs(shift) - RATE_COST * abs(rate)
            if value > best:
                best, chosen = value, (float(shift), float(rate))
    shift, rate = chosen
    return Slip(start_s, end_s, start_s + shift, start_s + shift + (end_s - start_s) * (1 + rate))


def _agreement(wanted: NDArray[np.float32], stem: Heard, at_s: NDArray[np.float64]) -> float:
    """Correlation of the song's accents with the stem's at other moments."""
    position = at_s * ACCENT_RATE_HZ
    low = np.clip(np.floor(position).astype(int), 0, max(0, stem.accents.shape[1] - 2))
    share = np.clip(position - low, 0, 1).astype(np.float32)
    own = stem.accents[:, low] * (1 - share) + stem.accents[:, np.minimum(low + 1, stem.accents.shape[1] - 1)] * share
    power = float((own**2).sum() * (wanted**2 * own.any(1, keepdims=True)).sum())
    return float((own * wanted).sum() / np.sqrt(power)) if power > 0 else 0.0


def anchors_of(slips: Sequence[Slip]) -> list[Anchor]:
    """For warping the whole stem."""
    return [anchor for slip in slips for anchor in slip.anchors]
