"""Tables of the judge's proof, and whether each floor is met: every song is scored by weights that were learned from the others.

python -m benchmarks.fit.report HELD_OUT.pkl SET.pkl [SET.pkl ...] [suited=SET.pkl ...]

suited: stems in the style that the band chooses for each song.

Writes results/judge.md.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.fit.calibrate import song_of, without_each
from benchmarks.fit.make_set import ContrastSet, Row
from benchmarks.fit.stems import FAULTS
from benchmarks.results_file import write_result
from sideman.core.fit import Verdict, judge
from sideman.core.fit.faults import NEVER_DECIDED, Fault
from sideman.core.fit.scoring import Calibration, score
from sideman.core.music import StemRole

ROLES = ("drums", "bass", "piano", "pad", "guitar", "lead", "percussion")
FLOOR_PITCHED = 0.93
FLOORS_DRUMS = {"bar": 0.90, "halfbeat": 0.90}
NEVER = ("half", "double")
UNPITCHED = ("drums", "percussion")
DROP = 0.3
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
        own = [r for r in rows if r.role == role or (role == "pitched" and r.role not in UNPITCHED)]
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

    def line(name: str, asked: float, measured: float, least: bool = True) -> None:
        met = measured >= asked if least else measured <= asked
        lines.append(f"| {name} | {asked:.2f} | {measured:.3f} | {'met' if met else '**missed**'} |")

    wrong = [value(r) for r in rows if r.fault not in ("right", *NEVER)]
    line("AUC of all, without half and double", 0.97, auc(right, wrong))
    line("right stems, share at .75 or more", 0.85, float(np.mean(np.array(right) >= 0.75)))
    line("faulty stems without half and double, share at .75 or more", 0.03, float(np.mean(np.array(wrong) >= 0.75)), least=False)
    for role in ROLES:
        own = [r for r in rows if r.role == role]
        good = [value(r) for r in own if r.fault == "right"]
        for fault in FAULTS:
            bad = [value(r) for r in own if r.fault == fault]
            floor = FLOORS_DRUMS.get(fault) if role in UNPITCHED else FLOOR_PITCHED
            if bad and floor is not None and fault not in NEVER:
                line(f"AUC {role} {fault}", floor, auc(good, bad))
    return lines


def held_out(rows: list[Row], value: Callable[[Row], float]) -> list[str]:
    """Stems against the rest of their own band, and how far each error drops the score."""
    out = ["| stem | right | " + " | ".join(f for f in FAULTS if f not in NEVER) + " |"]
    out.append("|---|--:|" + "--:|" * (len(FAULTS) - len(NEVER)))
    drops: dict[str, list[float]] = {}
    for song in dict.fromkeys(r.song for r in rows):
        found = {r.fault: value(r) for r in rows if r.song == song}
        cells = [f"{found[f]:.2f}" if f in found else "-" for f in FAULTS if f not in NEVER]
        out.append(f"| {song} | **{found['right']:.2f}** | " + " | ".join(cells) + " |")
        for fault, v in found.items():
            drops.setdefault(fault, []).append(found["right"] - v if fault != "right" else v)
    out += ["", f"Right on average {np.mean(drops['right']):.2f} (asked .7). Mean drop of each error (asked {DROP}): "]
    out[-1] += ", ".join(f"{f} {np.mean(d):.2f}{'' if np.mean(d) >= DROP else ' (missed)'}" for f, d in drops.items() if f != "right") + "."
    return out


def probes(sets: list[ContrastSet], left_out: dict[str, Calibration], value: Callable[[Row], float]) -> list[str]:
    """What the judge itself calls undecidable on right stems, and whether faults that pass were announced. The first set tells."""
    stored = sets[0]
    found: dict[tuple[str, str, str], tuple[Fault, ...]] = {}
    shares: dict[str, dict[Fault, list[bool]]] = {}
    always = True
    for r in stored.rows:
        if r.fault != "right":
            continue
        report = judge(stored.songs[r.song], r.heard, StemRole(r.role), left_out[song_of(r)])
        found[r.song, r.style, r.role] = report.undecidable
        if report.verdict in (Verdict.ACCEPTED, Verdict.WARNED):
            always &= NEVER_DECIDED in report.undecidable
            for fault in Fault:
                shares.setdefault(r.role, {}).setdefault(fault, []).append(fault in report.undecidable)
    out = ["| role | " + " | ".join(f.value for f in Fault) + " |", "|---|" + "--:|" * len(Fault)]
    for role, by_fault in shares.items():
        out.append(f"| {role} | " + " | ".join(f"{np.mean(by_fault[f]):.2f}" for f in Fault) + " |")
    out += ["", f"Half and double tempo are listed as undecidable for every right stem: {'yes' if always else 'NO'}.", ""]
    for fault in FAULTS:
        rows = [r for r in stored.rows if r.fault == fault]
        passed = [r for r in rows if value(r) >= 0.5]
        told = sum(NAMED[fault] in found.get((r.song, r.style, r.role), ()) for r in passed)
        out.append(f"- {fault}: {len(passed)} of {len(rows)} faulty stems pass .5; {told} of them were announced as undecidable")
    return out


def report(held: ContrastSet, sets: list[ContrastSet], suited: list[ContrastSet]) -> str:
    rows = [r for s in sets for r in s.rows]
    chosen = [r for s in suited for r in s.rows]
    left_out = without_each([*rows, *chosen, *held.rows])

    def value(r: Row) -> float:
        return score(r.contrasts, StemRole(r.role), left_out[song_of(r)]).value

    def clip(r: Row) -> float:
        return score(r.excerpt, StemRole(r.role), left_out[song_of(r)]).value

    lowest = sorted((value(r), r.song[:3], r.style, r.role) for r in rows if r.fault == "right")[:8]
    right = [value(r) for r in rows if r.fault == "right"]
    lines = [
        f"{len({song_of(r) for r in rows})} songs, {len(right)} right and {len(rows) - len(right)} faulty stems by two SoundFonts. Each song is scored by "
        "weights learned from the other songs. AUC / mean score of the faulty stems.",
        "",
    ]
    lines += ["## Floors", "", *floors(rows, value), "", "## Whole stems (64 s)", "", *table(rows, value), ""]
    lines += [
        f"Right stems on average {np.mean(right):.2f}, at .5 or more: {np.mean(np.array(right) >= 0.5):.2f}. Lowest: "
        + ", ".join(f"{a} {b} {c} {d:.2f}" for d, a, b, c in lowest)
        + "."
    ]
    if chosen:
        styles = ", ".join(f"{song[:3]} {style}" for song, style in dict.fromkeys((r.song, r.style) for r in chosen))
        lines += ["", "## In the style that the band chooses", ""]
        lines += [
            f"{sum(r.fault == 'right' for r in chosen)} right stems by other seeds, one style a song ({styles}); the rest as above.",
            "",
        ]
        lines += [*floors(chosen, value), "", *table(chosen, value)]
    lines += ["", "## Stems held out of their own mix", "", *held_out(held.rows, value)]
    lines += ["", "## Excerpts of 24 s", "", *table(rows, clip), "", "## What the judge cannot decide", ""]
    return "\n".join(lines + probes(sets, left_out, value)) + "\n"


if __name__ == "__main__":
    given: dict[str, list[ContrastSet]] = {"": [], "suited": []}
    for argument in sys.argv[1:]:
        use, _, path = argument.rpartition("=")
        given[use].append(pickle.loads(Path(path).read_bytes()))
    held, *sets = given[""]
    write_result("judge", "The judge on songs it did not learn from", report(held, sets, given["suited"]))
