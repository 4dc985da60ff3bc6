"""Contrasts of several kinds of evidence together, lag by lag, before the best other place is looked for.

Each kind alone likes some other place by chance, and each another one; what all of them like at once is where the stem belongs. (Their
standardised sum, as for evidence that is independent: in 64 s of a lead, half a beat late, single kinds have an AUC of .75 to .89, the sum .95.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sideman.core.fit.rhythm import LAG_S, NEAR_S, Compared, LagCurves, best_drift, margins

PITCHED = {"pool": ("agogic", "change", "turn"), "pool_arrival": ("agogic", "change", "turn", "arrival")}
UNPITCHED = {"pool": ("met", "agogic", "kit"), "pool_swell": ("met", "agogic", "kit", "swell")}
DRIFTS = {"drift_struck": ("met", "agogic"), "drift_pool": ("accent", "met", "kit")}
DRIFTS_PITCHED = {"drift_struck": ("met", "agogic"), "drift_arrival": ("arrival",), "drift_pool": ("accent", "change", "arrival")}

LONGEST_PIECE_S = 2400.0
"""In a longer recording hardly a steady drift stays within the lags: its pieces are told each by itself."""

Array = NDArray[np.floating]


def contrasts(compared: Sequence[Compared], pitched: bool) -> dict[str, float]:
    """Named contrasts, in standard deviations over the lags."""
    curves: dict[str, Array] = {}
    windows: dict[str, LagCurves] = {}
    for kind in compared:
        curves |= kind.curves
        windows |= kind.windows
    drifts = DRIFTS_PITCHED if pitched else DRIFTS
    return _places(curves, pitched) | {name: drift([windows[k] for k in kinds]) for name, kinds in drifts.items()}


def _places(curves: Mapping[str, Array], pitched: bool) -> dict[str, float]:
    out: dict[str, float] = {}
    for name, kinds in (PITCHED if pitched else UNPITCHED).items():
        together = np.sum([_standard(curves[kind]) for kind in kinds], axis=0) / np.sqrt(len(kinds))
        out |= {name: float(together[np.abs(LAG_S) <= NEAR_S].max())} | margins(together, name)
    return out


def drift(kinds: Sequence[LagCurves]) -> float:
    """No lag against the best lag that moves steadily: negative where a stem runs away from the song."""
    count = min(len(k.at_s) for k in kinds)
    total = np.zeros((count, len(LAG_S)))
    for kind in kinds:
        weighted = kind.weighted[:count]
        mean = weighted.sum(0)
        total += (weighted - mean.mean() / count) / (mean.std() + 1e-3)
    at_s, weight = kinds[0].at_s[:count], kinds[0].weight[:count] + 1e-9
    pieces = np.array_split(np.arange(count), 1 + int((at_s[-1] - at_s[0]) // LONGEST_PIECE_S))
    return sum(_steady(total[p], at_s[p], weight[p]) for p in pieces) / float(np.sqrt(len(kinds)))


def _steady(total: Array, at_s: Array, weight: Array) -> float:
    zero = total.sum(0)[np.abs(LAG_S) <= NEAR_S].max()
    return float(zero - best_drift(total, at_s - (at_s * weight).sum() / weight.sum()))


def _standard(curve: Array) -> Array:
    return (curve - curve.mean()) / (curve.std() + 1e-3)
