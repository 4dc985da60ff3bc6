"""report.html: one self-contained page; report.json: the same facts for programs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sideman.core.audio import AudioReader, SourceInfo
from sideman.core.export.previews import peaks, preview, spectrogram
from sideman.core.music import MusicAnalysis

TEMPLATE = Path(__file__).parent / "report.html"
COLUMNS_PER_S, MOST_COLUMNS = 12, 12000
PREVIEW_S, WHOLE_PREVIEW_S = 40.0, 420.0


@dataclass(frozen=True, eq=False)
class ReportLane:
    """One row of the page. kind: song, stem, new, mix. note: quality or verdict in a word."""

    name: str
    kind: str
    audio: AudioReader
    note: str = ""
    whole: bool = False


@dataclass(frozen=True)
class FitRow:
    """A new stem in the fit table, already in words and plain numbers. engine: who played it; note: what a listener must know."""

    name: str
    engine: str
    note: str
    style: str
    seed: int
    score: float
    verdict: str
    reason: str
    axes: tuple[tuple[str, float], ...]
    undecidable: tuple[str, ...]
    onset_to_grid_ms: float | None
    chance_to_grid_ms: float | None
    chord_tone_share: float | None


@dataclass(frozen=True)
class ReportFacts:
    """Everything of a play-along that is said beside the sound."""

    source: SourceInfo
    analysis: MusicAnalysis
    fits: tuple[FitRow, ...]
    residual_db: float | None
    mix_lufs: float | None
    mix_true_peak_dbtp: float | None
    separator: str
    warning: str
    files: tuple[str, ...]
    seconds: tuple[tuple[str, float], ...]
    version: str


def _finite(x: float | None, digits: int = 2) -> float | None:
    return round(float(x), digits) if x is not None and math.isfinite(x) else None


def facts_json(facts: ReportFacts) -> dict[str, Any]:
    """The content of report.json."""
    a = facts.analysis
    grid = a.grid.value if a.grid else None
    loudness = a.loudness.value if a.loudness else None
    return {
        "sideman": facts.version,
        "source": {
            "name": facts.source.name, "title": a.title, "artist": a.artist, "codec": facts.source.codec,
            "sample_rate_hz": facts.source.sample_rate_hz, "channels": facts.source.channels, "duration_s": _finite(a.duration_s, 3),
        },
        "analysis": {
            "tempo_bpm": _finite(grid.tempo_bpm) if grid else None, "meter": str(grid.meter) if grid else None,
            "beats": len(grid) if grid else 0, "bars": len(grid.bars) if grid else 0,
            "beat_confidence": _finite(a.grid.confidence) if a.grid else None,
            "tempo_alternatives": [
                {"relation": t.relation, "tempo_bpm": _finite(t.tempo_bpm, 1), "meter": str(t.meter), "probability": _finite(t.probability)}
                for t in a.other_readings
            ],
            "key": str(a.key.value) if a.key else None, "key_confidence": _finite(a.key.confidence) if a.key else None,
            "key_segments": [{"start_s": _finite(s.start_s), "end_s": _finite(s.end_s), "key": str(s.key)} for s in a.key_spans.value] if a.key_spans else [],
            "tuning_hz": _finite(a.tuning_hz.value, 1) if a.tuning_hz else None,
            "integrated_lufs": _finite(loudness.integrated_lufs, 1) if loudness else None,
            "range_lu": _finite(loudness.range_lu, 1) if loudness else None,
            "true_peak_dbtp": _finite(loudness.true_peak_dbtp, 1) if loudness else None,
            "chords": [
                {"start_s": _finite(c.start_s, 3), "end_s": _finite(c.end_s, 3), "label": str(c.chord), "symbol": c.chord.symbol, "confidence": _finite(c.confidence)}
                for c in (a.chords.value if a.chords else ())
            ],
            "sections": [
                {"start_s": _finite(s.start_s, 3), "end_s": _finite(s.end_s, 3), "label": s.label, "energy": _finite(s.energy), "confidence": _finite(s.confidence)}
                for s in (a.sections.value if a.sections else ())
            ],
            "remarks": list(a.remarks),
        },
        "separation": {"engine": facts.separator, "residual_db": _finite(facts.residual_db, 1)},
        "new_stems": [
            {
                "role": f.name, "engine": f.engine, "note": f.note, "style": f.style, "seed": f.seed, "fit_score": _finite(f.score, 3), "verdict": f.verdict, "reason": f.reason,
                "axes": {k: _finite(v) for k, v in f.axes}, "undecidable": list(f.undecidable),
                "onset_to_grid_ms": _finite(f.onset_to_grid_ms, 1), "chance_to_grid_ms": _finite(f.chance_to_grid_ms, 1),
                "chord_tone_share": _finite(f.chord_tone_share),
            }
            for f in facts.fits
        ],
        "warning": facts.warning,
        "mix": {"integrated_lufs": _finite(facts.mix_lufs, 1), "true_peak_dbtp": _finite(facts.mix_true_peak_dbtp, 1)},
        "files": list(facts.files),
        "seconds": {k: _finite(v, 1) for k, v in facts.seconds},
    }  # fmt: skip


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(text, "utf-8")
    os.replace(partial, path)


def write_report_json(facts: ReportFacts, path: Path) -> None:
    _write(path, json.dumps(facts_json(facts), indent=1, allow_nan=False, ensure_ascii=False))


def _excerpt_start(analysis: MusicAnalysis) -> float:
    """Previews start a little before the loudest section."""
    if not analysis.sections or analysis.duration_s <= PREVIEW_S:
        return 0.0
    loudest = max(analysis.sections.value, key=lambda s: s.energy)
    return float(np.clip(loudest.start_s - 4, 0, max(0.0, analysis.duration_s - PREVIEW_S)))


def write_report_html(facts: ReportFacts, lanes: Sequence[ReportLane], mono: AudioReader, path: Path, folder: Path) -> None:
    """The page. mono: the song for the spectrogram; folder: for scratch files."""
    a = facts.analysis
    columns = min(MOST_COLUMNS, max(200, int(a.duration_s * COLUMNS_PER_S)))
    start = _excerpt_start(a)
    rows = []
    for lane in lanes:
        heard = preview(lane.audio, 0.0 if lane.whole else start, WHOLE_PREVIEW_S if lane.whole else PREVIEW_S, folder)
        row = {"name": lane.name, "kind": lane.kind, "note": lane.note, "peaks": peaks(lane.audio, columns)}
        rows.append(row | {"mp3": heard.mp3_base64, "from": round(heard.start_s, 1), "length": round(heard.duration_s, 1)})
    grid = a.grid.value if a.grid else None
    page = facts_json(facts) | {
        "columns": columns,
        "lanes": rows,
        "spectrogram": spectrogram(mono, columns),
        "beats": [[round(t, 3), p] for t, p in zip(grid.times_s, grid.positions, strict=True)] if grid else [],
        "tempo_curve": [[round(p.time_s, 2), round(p.tempo_bpm, 2)] for p in grid.tempo_curve()[::2]] if grid else [],
    }
    text = json.dumps(page, allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")  # no tag of the song's can end the script
    _write(path, TEMPLATE.read_text("utf-8").replace("__DATA__", text))
