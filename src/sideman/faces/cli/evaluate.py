"""sideman eval: measure the engines on annotated recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from sideman import bootstrap
from sideman.faces.cli.arguments import Json
from sideman.faces.cli.terminal import print_json, table

Folder = Annotated[
    Path, typer.Argument(help="A folder with `ref` (JSON annotations) beside folders of audio, and optionally `stems`.", show_default=False)
]


class Part(StrEnum):
    ALL = "all"
    ANALYSIS = "analysis"
    SEPARATION = "separation"
    TIMING = "timing"


Only = Annotated[Part, typer.Option(help="Measure one part only.")]


def _cell(value: object, digits: int = 1) -> str:
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def _mean(rows: Sequence[Any], pick: Callable[[Any], float | None]) -> str:
    known = [v for v in map(pick, rows) if v is not None]
    return _cell(float(np.mean(known))) if known else "-"


ANALYSIS_FIELDS = ("beat_f", "downbeat_f", "tempo_bpm", "tempo_error_percent", "key", "key_mirex", "majmin", "sevenths", "chord_segmentation", "section_f", "tuning_error_cents", "beat_confidence")  # fmt: skip
ANALYSIS_HEADS = ("beat F", "down F", "bpm", "off %", "key", "MIREX", "majmin", "7ths", "seg", "sect F3", "cents", "sure")
MEANS = ("beat_f", "downbeat_f", "key_mirex", "majmin", "sevenths", "chord_segmentation", "section_f")


def say_analysis(rows: Sequence[Any]) -> None:
    body = [
        [r.name] + [_cell(getattr(r, f), 2 if f in ("beat_confidence", "tempo_error_percent") else 1) for f in ANALYSIS_FIELDS]
        for r in rows
    ]
    groups = {"mean, all": rows, "mean, songs with annotated beats, chords and sections": [r for r in rows if r.section_f is not None]}
    for name, group in groups.items():
        body.append([name] + [_mean(group, lambda r, f=f: getattr(r, f)) if f in MEANS else "" for f in ANALYSIS_FIELDS])  # type: ignore[misc]
    table("Analysis (mir_eval, untrimmed)", ["recording", *ANALYSIS_HEADS], body)


def say_separation(rows: Sequence[Any]) -> None:
    roles = [s.role.value for s in rows[0].stems]
    body = []
    for r in rows:
        body.append([r.name] + [f"{s.si_sdr_db:.1f} ({s.mixture_db:.1f}, {s.hpss_db:.1f})" for s in r.stems] + [f"{r.residual_db:.0f}"])
    means = [
        tuple(float(np.mean([getattr(r.stems[k], f) for r in rows])) for f in ("si_sdr_db", "mixture_db", "hpss_db"))
        for k in range(len(roles))
    ]
    body.append(["mean"] + [f"{a:.2f} ({b:.1f}, {c:.1f})" for a, b, c in means] + [""])
    body.append(["mean of all stems", f"{np.mean([m[0] for m in means]):.2f}"] + [""] * len(roles))
    table("Separation: SI-SDR in dB (mixture as estimate, plain HPSS split)", ["mixture", *roles, "residual dB"], body)


def say_timing(rows: Sequence[Any]) -> None:
    body = [[r.name, r.role.value, _cell(r.median_ms), _cell(r.chance_ms)] for r in rows]
    body.append(["median", "", _cell(float(np.median([r.median_ms for r in rows]))), _cell(float(np.median([r.chance_ms for r in rows])))])
    table("Timing of band stems on the annotated grid, ms", ["recording", "stem", "median", "random onsets"], body)


def command(folder: Folder, only: Only = Part.ALL, json_output: Json = False) -> None:
    """Measure analysis, separation and timing of generated stems against annotations.

    Example: sideman eval recordings --only analysis
    """
    parts: dict[str, tuple[Callable[[Path], Any], Callable[[Sequence[Any]], None]]] = {
        "analysis": (bootstrap.evaluate_analysis, say_analysis),
        "separation": (bootstrap.evaluate_separation, say_separation),
        "timing": (bootstrap.evaluate_timing, say_timing),
    }
    facts: dict[str, Any] = {}
    for name, (measure, say) in parts.items():
        if only not in (Part.ALL, name):
            continue
        rows = list(measure(folder))
        facts[name] = [_plain(asdict(r)) for r in rows]
        if rows and not json_output:
            say(rows)
    if json_output:
        print_json(facts)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.value if isinstance(value, Enum) else value
