"""From contrasts to a score: one detector per kind of fault, all joined by a soft minimum, calibrated to 0..1.

A detector tells right stems from stems with its fault. Every weight is non-negative and every contrast is 'more is better', so nothing can be
learned upside down. The constants come from `python -m benchmarks.fit.calibrate` (learned from all annotated songs, reported on each by weights
of the others) and lie in calibration.json.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sideman.core.fit import agreement, movement, pooled, rhythm
from sideman.core.fit.listening import Heard
from sideman.core.music import StemRole

GROUPS = ("drums", "bass", "chords", "pad", "lead", "percussion")
UNPITCHED = ("drums", "percussion")
AXES = {"time": ("tempo", "fine"), "place": ("half", "beat", "bar"), "harmony": ("key", "order")}
"""Detectors by axis: another tempo; less than half a beat off; half a beat, one beat, a bar off; another key; chords in another order."""
LIMITS = {"transposed_t": 8.0, "order": 4.0, "change_half": 0.15, "change_beat": 0.3}
LIMIT_OF_SPREADS, SPREADS = 4.0, ("pool", "drift_")
"""Of contrasts in standard deviations: those that begin so, and those that end in _z."""
LEAST_MET, NOTHING_MET = 0.12, -3.0
"""Hits met as placed (cosine): every right stem of drums and percussion has .2 or more, noise up to .05, whose chance places standard deviations
would make large. And the logit that stands for it."""
_POOLS = {True: ("pool", "pool_arrival"), False: ("pool", "pool_swell")}
_ACCENTS = ("accent", "met", "agogic")
_BY_POOLS_ALONE = ("bass", "chords")
"""Single kinds told nothing more of their place, and each liked other places by chance."""
_FINE = {True: (*_ACCENTS, "arrival"), False: (*_ACCENTS, "kit")}
_PLACED = {True: (*_ACCENTS, "arrival", "change", "turn", "swell"), False: (*_ACCENTS, "kit", "swell", "kit_turn")}
_HARMONY = {"key": ("transposed", "transposed_t", "harmony"), "order": ("order_gain", "order", "order_top", "change_bar", "harmony")}


@dataclass(frozen=True, slots=True)
class Logistic:
    bias: float
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """detectors: `group.detector` -> logistic over its contrasts; joined: group -> logistic of the soft minimum."""

    detectors: dict[str, Logistic]
    joined: dict[str, Logistic]

    @classmethod
    @cache
    def default(cls) -> Calibration:
        return cls.from_json(json.loads((Path(__file__).parent / "calibration.json").read_text("utf-8")))

    @classmethod
    def from_json(cls, raw: dict[str, dict[str, dict[str, object]]]) -> Calibration:
        def read(part: str) -> dict[str, Logistic]:
            return {k: Logistic(float(v["bias"]), tuple(v["weights"])) for k, v in raw[part].items()}  # type: ignore[arg-type]

        return cls(read("detectors"), read("joined"))


@dataclass(frozen=True)
class AxisScore:
    """logit > 0: this axis speaks for the stem; weakest: its detector that does so least."""

    name: str
    logit: float
    weakest: str


@dataclass(frozen=True)
class Score:
    value: float
    axes: tuple[AxisScore, ...]


def group_of(role: StemRole) -> str:
    if role in (StemRole.DRUMS, StemRole.BASS, StemRole.PAD):
        return role.value
    if role is StemRole.PERCUSSION:
        return "percussion"  # shakers and congas have no kick and snare to tell the bar by
    if not role.pitched:
        return "drums"
    if role in (StemRole.LEAD, StemRole.VOCALS, StemRole.BACKING):
        return "lead"
    return "pad" if role is StemRole.STRINGS else "chords"


def detectors_of(group: str) -> tuple[str, ...]:
    return tuple(d for axis, detectors in AXES.items() for d in detectors if axis != "harmony" or group not in UNPITCHED)


def contrast_names(detector: str, group: str) -> tuple[str, ...]:
    """The contrasts that tell its fault. A pad hardly strikes, so its tempo is told by its notes."""
    pitched = group not in UNPITCHED
    if detector == "tempo":
        return (("drift_arrival",) if pitched else ()) + (("drift_struck",) if group != "pad" else ()) + ("drift_pool",)
    if detector in _HARMONY:
        return _HARMONY[detector]
    pools = _POOLS[pitched]
    if group in _BY_POOLS_ALONE:
        return (*pools, *(f"{k}_{detector}" for k in pools))
    kinds = _FINE[pitched] if detector == "fine" else _PLACED[pitched]
    spreads = tuple(f"{k}_z" for k in kinds) if detector == "fine" else ()
    return (*pools, *(f"{k}_{detector}" for k in (*pools, *kinds)), *spreads)


def hear_contrasts(song: Heard, stem: Heard, role: StemRole) -> dict[str, float]:
    """All contrasts of a stem on a song; {} when the stem makes no sound."""
    if stem.silent:
        return {}
    accents = rhythm.contrasts(stem.accents, song.accents, role.pitched)
    if not accents.contrasts:
        return {}
    compared = [accents, movement.contrasts(song, stem, role.pitched)]
    if role.pitched:
        compared.append(agreement.contrasts(song, stem, role is StemRole.BASS))
        compared.append(rhythm.arrival_contrasts(stem.arrivals, song.arrivals))
    out: dict[str, float] = {}
    for kind in compared:
        out |= kind.contrasts
    return out | pooled.contrasts(compared, role.pitched)


def vector(contrasts: dict[str, float], detector: str, group: str) -> np.ndarray:
    """What a detector weighs, each within -1..1."""
    names = contrast_names(detector, group)
    limits = np.array([LIMIT_OF_SPREADS if n.startswith(SPREADS) or n.endswith("_z") else LIMITS.get(n, 1.0) for n in names])
    return np.asarray(np.clip(np.array([contrasts.get(n, 0.0) for n in names]) / limits, -1, 1))


def soft_minimum(logits: list[float]) -> float:
    """One fault cannot be bought back by what else is right."""
    return -float(np.log(np.mean(np.exp(-2 * np.array(logits))))) / 2


def detected(contrasts: dict[str, float], group: str, detectors: dict[str, Logistic]) -> dict[str, float]:
    """Logits by detector; above 0: its fault is not there."""
    out = {}
    for name in detectors_of(group):
        model = detectors[f"{group}.{name}"]
        out[name] = model.bias + float(np.dot(model.weights, vector(contrasts, name, group)))
    if group in UNPITCHED and contrasts.get("met", 0.0) < LEAST_MET:
        out["fine"] = min(out["fine"], NOTHING_MET)
    return out


def score(contrasts: dict[str, float], role: StemRole, calibration: Calibration) -> Score:
    if not contrasts:
        return Score(0.0, ())
    group = group_of(role)
    logits = detected(contrasts, group, calibration.detectors)
    axes = []
    for axis, detectors in AXES.items():
        own = {d: logits[d] for d in detectors if d in logits}
        if own:
            axes.append(AxisScore(axis, soft_minimum(list(own.values())), min(own, key=lambda d: own[d])))
    joined = calibration.joined[group]
    z = joined.bias + joined.weights[0] * soft_minimum(list(logits.values()))
    return Score(float(1 / (1 + np.exp(-z))), tuple(axes))
