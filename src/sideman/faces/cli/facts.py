"""An analysis in words and as JSON, for several commands."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from sideman.core.music import MusicAnalysis, StemRole
from sideman.faces.cli.terminal import say


def _finite(x: float) -> float | None:
    return round(x, 2) if math.isfinite(x) else None


def analysis_json(a: MusicAnalysis) -> dict[str, Any]:
    grid = a.grid.value if a.grid else None
    return {
        "duration_s": round(a.duration_s, 3),
        "tempo_bpm": _finite(grid.tempo_bpm) if grid else None,
        "meter": str(grid.meter) if grid else None,
        "beat_confidence": _finite(a.grid.confidence) if a.grid else None,
        "beats_s": [round(t, 3) for t in grid.times_s] if grid else [],
        "downbeats_s": [round(float(t), 3) for t in grid.downbeats_s] if grid else [],
        "other_readings": [[_finite(t.tempo_bpm), t.relation, _finite(t.probability)] for t in a.other_readings],
        "groove": asdict(a.groove.value) if a.groove else None,
        "key": str(a.key.value) if a.key else None,
        "key_confidence": _finite(a.key.confidence) if a.key else None,
        "key_segments": [[round(k.start_s, 2), round(k.end_s, 2), str(k.key)] for k in a.key_spans.value] if a.key_spans else [],
        "tuning_hz": _finite(a.tuning_hz.value) if a.tuning_hz else None,
        "integrated_lufs": _finite(a.loudness.value.integrated_lufs) if a.loudness else None,
        "range_lu": _finite(a.loudness.value.range_lu) if a.loudness else None,
        "true_peak_dbtp": _finite(a.loudness.value.true_peak_dbtp) if a.loudness else None,
        "chords": [[round(c.start_s, 3), round(c.end_s, 3), str(c.chord), round(c.confidence, 2)] for c in a.chords.value]
        if a.chords
        else [],
        "sections": [[round(s.start_s, 3), round(s.end_s, 3), s.label, round(s.energy, 2), s.name] for s in a.sections.value]
        if a.sections
        else [],
        "notes": {
            n.value.role.value: [[round(x.start_s, 3), round(x.end_s, 3), x.pitch, x.velocity] for x in n.value.notes] for n in a.notes
        },
        "lyrics": [[round(x.start_s, 2), round(x.end_s, 2), x.text] for x in a.lyrics.value] if a.lyrics else [],
        "remarks": list(a.remarks),
    }


def clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def say_style(name: str) -> None:
    """The style that nobody asked for."""
    say(f"Style     {name}: it suits the song's accents, tempo and meter best (another one: --style)")


def say_analysis(a: MusicAnalysis) -> None:
    """The facts a musician asks for first."""
    if a.grid:
        grid = a.grid.value
        tempi = [p.tempo_bpm for p in grid.tempo_curve()]
        drift = f", between {min(tempi):.1f} and {max(tempi):.1f}" if max(tempi) - min(tempi) > 0.5 else ""
        say(f"Tempo     {grid.tempo_bpm:.1f} bpm{drift} in {grid.meter}, {len(grid.bars)} bars ({a.grid.confidence:.0%} sure)")
        others = [f"{t.tempo_bpm:.0f} ({t.relation}, {t.probability:.0%})" for t in a.other_readings]
        if others:
            say(f"          other readings: {', '.join(others)}")
    if a.key:
        changes = [f"{k.key} from {clock(k.start_s)}" for k in a.key_spans.value] if a.key_spans else []
        more = f": {', '.join(changes)}" if len(changes) > 1 else ""
        say(f"Key       {a.key.value} ({a.key.confidence:.0%} sure){more}")
    if a.tuning_hz:
        say(f"Tuning    A = {a.tuning_hz.value:.1f} Hz")
    if a.loudness and math.isfinite(a.loudness.value.integrated_lufs):
        loud = a.loudness.value
        say(f"Loudness  {loud.integrated_lufs:.1f} LUFS, range {loud.range_lu:.1f} LU, true peak {loud.true_peak_dbtp:.1f} dBTP")
    if a.sections:
        say("Sections  " + "  ".join(f"{s.label} {clock(s.start_s)}{f' ({s.name}?)' if s.name else ''}" for s in a.sections.value))
    if a.chords:
        symbols = [c.chord.symbol for c in a.chords.value if c.chord.root is not None]
        say("Chords    " + (" | ".join(symbols[:16]) or "none") + (f" ... ({len(symbols)} in all)" if len(symbols) > 16 else ""))
    for track in a.notes:
        of = "recording" if len(a.notes) == 1 and track.value.role is StemRole.OTHER else track.value.role.value
        say(f"Notes     {len(track.value.notes)} of the {of} by {track.provenance.engine}")
    if a.lyrics:
        say(f"Lyrics    {len(a.lyrics.value)} lines from the {a.lyrics.provenance.engine}")
    for remark in a.remarks:
        say(f"Note      {remark}")
