"""From contrasts to a score: three axes per role group, joined by a soft minimum, calibrated to 0..1.

Every weight is non-negative and every contrast is 'more is better', so nothing can be learned upside down. The constants come from
`python -m benchmarks.fit` (learned from all annotated songs, reported on each by weights of the others) and lie in calibration.json.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sideman.core.fit import agreement, movement, rhythm
from sideman.core.fit.listening import Heard
from sideman.core.music import StemRole

GROUPS = ("drums", "bass", "chords", "pad", "lead", "percussion")
LIMITS = {
    "transposed_t": 8.0, "accent_z": 4.0, "order": 4.0, "met_z": 4.0, "kit_z": 4.0, "change_half_t": 6.0, "change_beat_t": 6.0,
    "change_bar_t": 6.0, "change_drift": 0.008, "change_half": 0.15, "change_beat": 0.3, "change_move": 0.4, "change_offset": 0.7,
    "swell_z": 4.0, "kit_turn_z": 4.0, "turn_z": 4.0, "turn_kick_z": 4.0, "turn_move": 0.7, "arrival_z": 4.0, "agogic_z": 4.0,
}  # fmt: skip
_AGOGIC_TIME = ("agogic", "agogic_z", "agogic_fine", "agogic_half")
_AGOGIC_PLACE = ("agogic_z", "agogic_half", "agogic_beat", "agogic_bar", *(f"agogic_at_{place}" for place, _ in rhythm.PLACES))
_PITCHED_PLACE = (
    "change_offset", "change_half", "change_half_t", "change_beat_t", "change_bar_t", "joint_half", "joint_beat", "joint_bar", "met_z",
    "turn", "turn_half", "turn_beat", "turn_bar", "turn_z", "turn_kick_half", "turn_kick_z", "swell_beat", "swell_half", "swell_bar", "accent_half",
    *_AGOGIC_PLACE,
)  # fmt: skip
_PLACES = tuple(f"{what}_at_{place}" for what in ("accent", "met", "kit", "arrival", "change") for place, _ in rhythm.PLACES)
_ARRIVALS = ("arrival_z", "arrival_fine", "arrival_half", "arrival_drift", "arrival_lag_spread")
_PITCHED_TIME = (
    "met_z", "met", "met_fine", "accent_z", "drift", "lag_spread", "change_drift", "change_move", "change_offset", "change_half_t",
    "turn_half", "turn_z", "turn_move", "swell_half", *_AGOGIC_TIME,
)  # fmt: skip
AXES: dict[str, dict[str, tuple[str, ...]]] = {
    "time": {
        "drums": ("accent", "accent_z", "met", "met_z", "accent_half", "drift", "lag_spread", "swell_half", "swell_z", "kit_turn_z"),
        "percussion": ("accent", "accent_z", "met", "met_z", "met_fine", "accent_half", "drift", "lag_spread", *_AGOGIC_TIME),
        "bass": _PITCHED_TIME,
        "pad": (
            "met_z", "drift", "change_drift", "change_move", "turn", "turn_half", "turn_z", "turn_move", "swell_half", *_ARRIVALS,
            *_AGOGIC_TIME,
        ),
        "": (*_PITCHED_TIME, *_ARRIVALS),
    },
    "place": {
        "percussion": (
            "accent_z", "accent_half", "accent_beat", "accent_bar", "met_half", "met_z", "swell", "swell_beat", "swell_half", "swell_bar",
            "swell_z", *_PLACES, *_AGOGIC_PLACE,
        ),
        "pad": (*_PITCHED_PLACE, *_PLACES),
        "chords": (*_PITCHED_PLACE, *_PLACES),
        "drums": (
            "kit", "kit_z", "kit_half", "kit_beat", "accent_beat", "accent_bar", "period_octave", "period", "swell", "swell_beat",
            "swell_half", "swell_z", "swell_bar", "swell_slow_half", "swell_slow_bar", "kit_turn_half", "kit_turn_bar", "kit_turn_z",
            "accent_half", "met_half",
        ),
        "": _PITCHED_PLACE,
    },
    "harmony": {"": ("transposed", "transposed_t", "harmony", "order_gain", "order", "order_top", "change_bar")},
}  # fmt: skip
"""Contrasts that speak for each axis, by group; "" for all others. Arrivals place chords to a sixteenth; a bass they did not help."""


@dataclass(frozen=True, slots=True)
class Logistic:
    bias: float
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """axes: `group.axis` -> logistic over its contrasts; joined: group -> logistic of the soft minimum."""

    axes: dict[str, Logistic]
    joined: dict[str, Logistic]

    @classmethod
    @cache
    def default(cls) -> Calibration:
        return cls.from_json(json.loads((Path(__file__).parent / "calibration.json").read_text("utf-8")))

    @classmethod
    def from_json(cls, raw: dict[str, dict[str, dict[str, object]]]) -> Calibration:
        def read(part: str) -> dict[str, Logistic]:
            return {k: Logistic(float(v["bias"]), tuple(v["weights"])) for k, v in raw[part].items()}  # type: ignore[arg-type]

        return cls(read("axes"), read("joined"))


@dataclass(frozen=True)
class AxisScore:
    """logit > 0: this axis speaks for the stem."""

    name: str
    logit: float


@dataclass(frozen=True)
class Score:
    value: float
    axes: tuple[AxisScore, ...]

    @property
    def weakest(self) -> str:
        return min(self.axes, key=lambda a: a.logit).name


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


def axes_of(group: str) -> tuple[str, ...]:
    return ("time", "place") if group in ("drums", "percussion") else ("time", "place", "harmony")


def contrast_names(axis: str, group: str) -> tuple[str, ...]:
    return AXES[axis].get(group) or AXES[axis][""]


def hear_contrasts(song: Heard, stem: Heard, role: StemRole) -> dict[str, float]:
    """All contrasts of a stem on a song; {} when the stem makes no sound."""
    if stem.silent:
        return {}
    period_s = rhythm.period_s(song.accents)
    out, curve = rhythm.contrasts(stem.accents, song.accents, period_s)
    if not out:
        return {}
    if role.pitched:
        out |= agreement.contrasts(song, stem, role is StemRole.BASS, curve, period_s)
        out |= rhythm.arrival_contrasts(stem.arrivals, song.arrivals, period_s)
    return out | movement.contrasts(song, stem, role.pitched)


def axis_vector(contrasts: dict[str, float], axis: str, group: str) -> np.ndarray:
    names = contrast_names(axis, group)
    return np.array([np.clip(contrasts.get(n, 0.0), -LIMITS.get(n, 1.0), LIMITS.get(n, 1.0)) / LIMITS.get(n, 1.0) for n in names])


def soft_minimum(logits: list[float]) -> float:
    """One failed axis cannot be bought back by the others."""
    return -float(np.log(np.mean(np.exp(-2 * np.array(logits))))) / 2


def score(contrasts: dict[str, float], role: StemRole, calibration: Calibration) -> Score:
    if not contrasts:
        return Score(0.0, ())
    group = group_of(role)
    axes = []
    for axis in axes_of(group):
        model = calibration.axes[f"{group}.{axis}"]
        axes.append(AxisScore(axis, model.bias + float(np.dot(model.weights, axis_vector(contrasts, axis, group)))))
    joined = calibration.joined[group]
    z = joined.bias + joined.weights[0] * soft_minimum([a.logit for a in axes])
    return Score(float(1 / (1 + np.exp(-z))), tuple(axes))
