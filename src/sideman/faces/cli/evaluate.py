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
from sideman.faces.cli.analyze import Engines
from sideman.faces.cli.arguments import Json
from sideman.faces.cli.terminal import print_json, say, table

Folder = Annotated[
    Path, typer.Argument(help="A folder of audio, with annotations in its folder `ref`, and optionally `stems`.", show_default=False)
]
References = Annotated[
    Path | None,
    typer.Option(
        "--reference", help="Where the annotations lie: .json, .jams, .beats, .lab, .mid under the recordings' names.", show_default=False
    ),
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
    """Mean, and its 95 % interval where there are enough recordings for one."""
    from sideman.app.evaluation import interval

    known = [v for v in map(pick, rows) if v is not None]
    if not known:
        return "-"
    if len(known) < FEWEST_FOR_INTERVAL:
        return _cell(float(np.mean(known)))
    low, high = interval(known)
    return f"{np.mean(known):.1f}\n{low:.0f} to {high:.0f}"


ANALYSIS_TABLES = (
    ("Beats and tempo", {"beat_f": "beat F", "downbeat_f": "down F", "tempo_bpm": "bpm", "tempo_error_percent": "off %", "beat_confidence": "sure"}),
    ("Key and chords", {"key": "key", "key_mirex": "MIREX", "majmin": "majmin", "sevenths": "7ths", "chord_segmentation": "seg"}),
    ("Sections (within 3 and 0.5 s), notes, tuning, loudness", {
        "section_f": "sect F3", "section_f_sharp": "sect F.5", "note_f": "notes F", "tuning_error_cents": "cents", "loudness_error_lu": "LU",
    }),
)  # fmt: skip
"""Three narrow tables: one of fifteen columns cannot be read in a terminal of eighty."""
FOUND = ("tempo_bpm", "beat_confidence", "key")
"""What is found, not scored: alone it makes no row."""
MEANS = ("beat_f", "downbeat_f", "key_mirex", "majmin", "sevenths", "chord_segmentation", "section_f", "section_f_sharp", "note_f")
TWO_DIGITS = ("beat_confidence", "tempo_error_percent", "loudness_error_lu")
FEWEST_FOR_INTERVAL = 5
OCTAVES = (1 / 3, 0.5, 1, 2, 3)
TEMPO_TOLERANCE_PERCENT = 4.0


def say_analysis(rows: Sequence[Any]) -> None:
    groups = {"mean, all": rows, "mean, songs": [r for r in rows if r.section_f is not None]}
    say("Analysis by mir_eval, untrimmed; means with 95 % bootstrap intervals over recordings; songs: those with annotated sections.")
    for title, columns in ANALYSIS_TABLES:
        body = [
            [r.name] + [_cell(getattr(r, f), 2 if f in TWO_DIGITS else 1) for f in columns]
            for r in rows
            if any(getattr(r, f) is not None for f in columns if f not in FOUND)
        ]
        for name, group in groups.items():
            if body and group:
                body.append([name] + [_mean(group, lambda r, f=f: getattr(r, f)) if f in MEANS else "" for f in columns])  # type: ignore[misc]
        if body:
            table(title, ["recording", *columns.values()], body)
    tempi = [r.tempo_error_percent for r in rows if r.tempo_error_percent is not None]
    if tempi:
        exact = 100 * float(np.mean([t <= TEMPO_TOLERANCE_PERCENT for t in tempi]))
        say(
            f"Tempo within {TEMPO_TOLERANCE_PERCENT:.0f} %: {exact:.0f} of 100 (acc1), allowing octaves and thirds: {_with_octaves(rows):.0f} (acc2)"
        )
    say_reliability(rows)


def _with_octaves(rows: Sequence[Any]) -> float:
    """Tempo accuracy 2 (Gouyon et al. 2006): right, or off by 2 or 3 times."""
    right = []
    for r in rows:
        if r.tempo_error_percent is None:
            continue
        ratios = [] if not r.tempo_bpm else [r.tempo_bpm / r.tempo_reference_bpm / octave for octave in OCTAVES]
        right.append(any(100 * abs(x - 1) <= TEMPO_TOLERANCE_PERCENT for x in ratios))
    return 100 * float(np.mean(right))


def say_reliability(rows: Sequence[Any]) -> None:
    from sideman.app.evaluation import reliability

    body = [[x.what, f"{x.low:.1f} to {x.high:.1f}", str(x.count), f"{x.mean_confidence:.2f}", f"{x.right:.2f}"] for x in reliability(rows)]
    if body:
        table("Confidence against what is right (beats: F over 80; key: exact)", ["", "confidence", "recordings", "mean", "right"], body)


def say_separation(rows: Sequence[Any]) -> None:
    found = [{s.role.value: s for s in r.stems} for r in rows]
    roles = list(dict.fromkeys(role for stems in found for role in stems))
    body = []
    for r, stems in zip(rows, found, strict=True):
        cells = [f"{s.si_sdr_db:.1f}\n{s.mixture_db:.1f} / {s.hpss_db:.1f}" if (s := stems.get(role)) else "-" for role in roles]
        body.append([r.name, *cells, f"{r.residual_db:.0f}"])
    means = [
        tuple(_mean_db([getattr(stems[role], f) for stems in found if role in stems]) for f in ("si_sdr_db", "mixture_db", "hpss_db"))
        for role in roles
    ]
    body.append(["mean"] + [f"{a:.2f}\n{b:.1f} / {c:.1f}" for a, b, c in means] + [""])
    body.append(["mean of all stems", f"{_mean_db([m[0] for m in means]):.2f}"] + [""] * len(roles))
    table("Separation: SI-SDR in dB; below it the mixture as estimate / plain HPSS split", ["mixture", *roles, "null dB"], body)


def _mean_db(values: Sequence[float]) -> float:
    """Of a true stem that is silent there is no ratio."""
    real = [v for v in values if np.isfinite(v)]
    return float(np.mean(real)) if real else float("nan")


def say_timing(rows: Sequence[Any]) -> None:
    body = [[r.name, r.role.value, _cell(r.median_ms), _cell(r.chance_ms)] for r in rows]
    known = [r for r in rows if r.median_ms is not None]
    if known:
        body.append(
            ["median", "", _cell(float(np.median([r.median_ms for r in known]))), _cell(float(np.median([r.chance_ms for r in known])))]
        )
    table("Timing of band stems on the annotated grid, ms", ["recording", "stem", "median", "random onsets"], body)
    missed = sorted({r.name for r in rows if r.median_ms is None})
    if missed:
        say(f"Not measured, for they could not be read, have no beats or too few annotated bars: {', '.join(missed)}")


def command(
    folder: Folder, reference: References = None, only: Only = Part.ALL, engines: Engines = None, json_output: Json = False
) -> None:
    """Measure analysis, separation and timing of generated stems against annotations.

    Example: sideman eval recordings --reference annotations --only analysis
    """
    parts: dict[str, tuple[Callable[[Path], Any], Callable[[Sequence[Any]], None]]] = {
        "analysis": (lambda f: bootstrap.evaluate_analysis(f, reference, engines), say_analysis),
        "separation": (bootstrap.evaluate_separation, say_separation),
        "timing": (lambda f: bootstrap.evaluate_timing(f, reference), say_timing),
    }
    facts: dict[str, Any] = {}
    for name, (measure, told) in parts.items():
        if only not in (Part.ALL, name) or (only is Part.ALL and reference is not None and name != "analysis"):
            continue
        rows = list(measure(folder))
        facts[name] = [_plain(asdict(r)) for r in rows]
        if rows and not json_output:
            told(rows)
    if json_output:
        print_json(facts)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.value if isinstance(value, Enum) else value
