"""Tables of the judge's proof on the reporting songs, and whether each floor is met.

python -m benchmarks.fit.report REPORT_SET.pkl [OUT.md]
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.fit.make_set import ContrastSet, Row
from benchmarks.fit.stems import FAULTS
from sideman.core.fit import Verdict, judge
from sideman.core.fit.faults import NEVER_DECIDED, Fault
from sideman.core.fit.scoring import Calibration, score
from sideman.core.music import StemRole

ROLES = ("drums", "bass", "piano", "pad", "guitar")
FLOORS_PITCHED = {"+1": 0.97, "-1": 0.97, "6": 0.97, "shuffle": 0.95, "bar": 0.95, "+7": 0.90, "quarter": 0.90, "beat": 0.90, "halfbeat": 0.85, "tempo1": 0.85}  # fmt: skip
FLOORS_DRUMS = {"quarter": 0.97, "tempo1": 0.97, "bar": 0.85, "halfbeat": 0.85, "beat": 0.80}
NAMED = {
    "quarter": Fault.QUARTER, "halfbeat": Fault.HALF_BEAT, "beat": Fault.BEAT, "bar": Fault.BAR, "tempo1": Fault.DRIFT,
    "half": NEVER_DECIDED, "double": NEVER_DECIDED, "+1": Fault.TRANSPOSED, "-1": Fault.TRANSPOSED, "6": Fault.TRANSPOSED,
    "+7": Fault.TRANSPOSED, "shuffle": Fault.ORDER,
}  # fmt: skip


def auc(right: list[float], wrong: list[float]) -> float:
    a, b = np.array(right)[:, None], np.array(wrong)[None]
    return float(((a > b) + 0.5 * (a == b)).mean()) if a.size and b.size else float("nan")


def table(rows: list[Row], value: Callable[[Row], float]) -> list[str]:
    out = ["| role | n | right | " + " | ".join(FAULTS) + " |", "|---|--:|--:|" + "--:|" * len(FAULTS)]
    for role in (*ROLES, "pitched"):
        own = [r for r in rows if r.role == role or (role == "pitched" and r.role != "drums")]
        right = [value(r) for r in own if r.fault == "right"]
        cells = []
        for fault in FAULTS:
            wrong = [value(r) for r in own if r.fault == fault]
            cells.append(f"{auc(right, wrong):.2f} / {np.mean(wrong):.2f}" if wrong else "-")
        out.append(f"| {role} | {len(right)} | **{np.mean(right):.2f}** | " + " | ".join(cells) + " |")
    return out


def floors(rows: list[Row], value: Callable[[Row], float]) -> list[str]:
    right = [value(r) for r in rows if r.fault == "right"]
    lines = ["| floor | asked | measured | |", "|---|--:|--:|---|"]

    def line(name: str, asked: float, measured: float) -> None:
        lines.append(f"| {name} | {asked:.2f} | {measured:.3f} | {'met' if measured >= asked else '**missed**'} |")

    line("right stems, mean score", 0.80, float(np.mean(right)))
    line("right stems, share at .75 or more", 0.75, float(np.mean(np.array(right) >= 0.75)))
    for group, asked in (("pitched", FLOORS_PITCHED), ("drums", FLOORS_DRUMS)):
        own = [r for r in rows if (r.role == "drums") == (group == "drums")]
        good = [value(r) for r in own if r.fault == "right"]
        for fault, floor in asked.items():
            line(f"AUC {group} {fault}", floor, auc(good, [value(r) for r in own if r.fault == fault]))
    return lines


def probes(stored: ContrastSet) -> list[str]:
    """What the judge itself calls undecidable on right stems, and whether faults that pass were announced."""
    found: dict[tuple[str, str, str], tuple[Fault, ...]] = {}
    shares: dict[str, dict[Fault, list[bool]]] = {}
    always = True
    for r in stored.rows:
        if r.fault != "right":
            continue
        report = judge(stored.songs[r.song], r.heard, StemRole(r.role))
        found[r.song, r.style, r.role] = report.undecidable
        if report.verdict in (Verdict.ACCEPTED, Verdict.WARNED):
            always &= NEVER_DECIDED in report.undecidable
            for fault in Fault:
                shares.setdefault(r.role, {}).setdefault(fault, []).append(fault in report.undecidable)
    out = ["| role | " + " | ".join(f.value for f in Fault) + " |", "|---|" + "--:|" * len(Fault)]
    for role, by_fault in shares.items():
        out.append(f"| {role} | " + " | ".join(f"{np.mean(by_fault[f]):.2f}" for f in Fault) + " |")
    out += ["", f"Half and double tempo are listed as undecidable for every right stem: {'yes' if always else 'NO'}.", ""]
    calibration = Calibration.default()
    for fault in FAULTS:
        rows = [r for r in stored.rows if r.fault == fault]
        passed = [r for r in rows if score(r.contrasts, StemRole(r.role), calibration).value >= 0.5]
        told = sum(NAMED[fault] in found.get((r.song, r.style, r.role), ()) for r in passed)
        out.append(f"- {fault}: {len(passed)} of {len(rows)} faulty stems pass .5; {told} of them were announced as undecidable")
    return out


def report(stored: ContrastSet) -> str:
    calibration = Calibration.default()
    known = {id(r): score(r.contrasts, StemRole(r.role), calibration).value for r in stored.rows}
    clips = {id(r): score(r.excerpt, StemRole(r.role), calibration).value for r in stored.rows}
    right = [known[id(r)] for r in stored.rows if r.fault == "right"]
    lowest = sorted((known[id(r)], r.song[:3], r.style, r.role) for r in stored.rows if r.fault == "right")[:6]
    lines = [f"Songs: {', '.join(sorted({r.song[:3] for r in stored.rows}))}. AUC / mean score of the faulty stems.", ""]
    lines += ["## Floors", "", *floors(stored.rows, lambda r: known[id(r)]), "", "## Whole stems (64 s)", ""]
    lines += [*table(stored.rows, lambda r: known[id(r)]), ""]
    lines += [
        f"Right stems at .5 or more: {np.mean(np.array(right) >= 0.5):.2f}. Lowest: "
        + ", ".join(f"{a} {b} {c} {d:.2f}" for d, a, b, c in lowest)
        + "."
    ]
    lines += ["", "## Excerpts of 24 s", "", *table(stored.rows, lambda r: clips[id(r)]), "", "## What the judge cannot decide", ""]
    return "\n".join(lines + probes(stored)) + "\n"


if __name__ == "__main__":
    text = report(pickle.loads(Path(sys.argv[1]).read_bytes()))
    print(text)
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(text, "utf-8")
