"""Fit the judge's weights: non-negative ridge logistics per role group and axis, then one per group to join them.

python -m benchmarks.fit.calibrate SET.pkl [SET.pkl ...] src/sideman/core/fit/calibration.json

What is shipped learns from all annotated songs; what is reported (benchmarks.fit.report) scores each song by weights that never met it.
Bands of real players (NEVER_LEARNED) are kept for judging alone.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from benchmarks.fit.make_set import ContrastSet, Row
from sideman.core.fit.scoring import GROUPS, Calibration, detected, detectors_of, group_of, soft_minimum, vector
from sideman.core.music import StemRole

RIDGES = {"tempo": 0.02, "fine": 0.1, "half": 0.1, "beat": 0.1, "bar": 0.1, "key": 0.02, "order": 0.02}
"""Of tempo and harmony a few strong contrasts tell, of place many weak ones."""
JOIN_RIDGE = 0.002
EXCERPT_WEIGHT = 0.5
FAULTY_SHARES = {"drums": 0.45, "bass": 0.47, "chords": 0.45, "pad": 0.55, "lead": 0.55, "percussion": 0.62}
"""Of the weight when detectors are joined: what a faulty stem that is accepted costs beside a right one that is refused. More for lines and percussion,
of which one note or stroke at a time tells little, and for pads, which hardly strike."""
FAULTS_OF = {
    "tempo": ("tempo1",), "fine": ("quarter",), "half": ("halfbeat",), "beat": ("beat",), "bar": ("bar",), "key": ("+1", "-1", "6", "+7"),
    "order": ("shuffle",),
}  # fmt: skip
NEVER = ("half", "double")
NEVER_LEARNED = ("ballad_feelings", "metal_chaos_god", "rock_chaosland")


def group(row: Row) -> str:
    return group_of(StemRole(row.role))


def examples(rows: list[Row]) -> Iterator[tuple[Row, dict[str, float], float]]:
    for row in rows:
        for contrasts, weight in ((row.contrasts, 1.0), (row.excerpt, EXCERPT_WEIGHT)):
            if contrasts:
                yield row, contrasts, weight


def fit(x: np.ndarray, y: np.ndarray, w: np.ndarray, ridge: float) -> dict[str, object]:
    scale = x.std(0) + 0.05
    z = x / scale

    def objective(p):
        t = z @ p[1:] + p[0]
        loss = np.logaddexp(0, -t) * y + np.logaddexp(0, t) * (1 - y)
        e = 1 / (1 + np.exp(-t)) - y
        return (w * loss).sum() + ridge * (p[1:] ** 2).sum() / 2, np.concatenate([[(w * e).sum()], z.T @ (w * e) + ridge * p[1:]])

    bounds = [(None, None)] + [(0, None)] * x.shape[1]
    p = minimize(objective, np.zeros(x.shape[1] + 1), jac=True, bounds=bounds).x
    return {"bias": round(float(p[0]), 4), "weights": [round(float(v), 4) for v in p[1:] / scale]}


def _related(row: Row, wanted: str) -> bool:
    """Pads, chordal parts and lines are few: pads and chords learn from both, lines from chords too; percussion learns from drums.

    Of stems held out of their own mix there are so few that chords learn from the lines among them.
    """
    own = group(row)
    if (own, wanted, row.style) == ("lead", "chords", "held out"):
        return True
    return own == wanted or {own, wanted} == {"pad", "chords"} or (own, wanted) in (("chords", "lead"), ("drums", "percussion"))


def calibrate(rows: list[Row]) -> dict[str, dict[str, dict[str, object]]]:
    detectors: dict[str, dict[str, object]] = {}
    for g in GROUPS:
        for name in detectors_of(g):
            faults = ("right", *FAULTS_OF[name])
            data = [(vector(c, name, g), r.fault, w) for r, c, w in examples(rows) if _related(r, g) and r.fault in faults]
            total: dict[str, float] = {}
            for _, fault, w in data:
                total[fault] = total.get(fault, 0) + w
            share = 0.5 / max(1, len(total) - 1)
            weights = np.array([w * (0.5 if f == "right" else share) / total[f] for _, f, w in data])
            truth = np.array([float(f == "right") for _, f, _ in data])
            detectors[f"{g}.{name}"] = fit(np.array([v for v, _, _ in data]), truth, weights, RIDGES[name])
    joined = {}
    partial = Calibration.from_json({"detectors": detectors, "joined": {}})
    for g in GROUPS:
        zs, ys, ws = [], [], []
        for r, c, w in examples(rows):
            if group(r) == g and r.fault not in NEVER and not (g == "percussion" and r.fault == "beat"):
                zs.append([soft_minimum(list(detected(c, g, partial.detectors).values()))])
                ys.append(float(r.fault == "right"))
                ws.append(w)
        x, y, w, faulty = np.array(zs), np.array(ys), np.array(ws), FAULTY_SHARES[g]
        w = w * np.where(y == 1, (1 - faulty) / w[y == 1].sum(), faulty / w[y == 0].sum())
        joined[g] = fit(x, y, w, JOIN_RIDGE)
    return {"detectors": detectors, "joined": joined}


def song_of(row: Row) -> str:
    """Also of a stem that is held out of its own mix."""
    return row.song.split("-")[0]


def learned(rows: list[Row]) -> list[Row]:
    return [r for r in rows if song_of(r) not in NEVER_LEARNED]


def without_each(rows: list[Row]) -> dict[str, Calibration]:
    """For each annotated song, weights that were learned from all others."""
    known = learned(rows)
    return {song: Calibration.from_json(calibrate([r for r in known if song_of(r) != song])) for song in sorted({song_of(r) for r in rows})}


def main(sources: list[Path], out: Path) -> None:
    rows: list[Row] = []
    for source in sources:
        stored: ContrastSet = pickle.loads(source.read_bytes())
        rows += stored.rows
    out.write_text(json.dumps(calibrate(learned(rows)), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main([Path(p) for p in sys.argv[1:-1]], Path(sys.argv[-1]))
