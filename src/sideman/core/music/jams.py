"""JAMS files (Humphrey et al., ISMIR 2014): a MusicAnalysis written and read back without loss.

Standard namespaces carry what other tools read (beat, tempo, chord, key_mode, segment_open); what has none (meter, tuning,
loudness, energy, provenance of each) lies in the sandboxes under `sideman`.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from sideman.core.audio.loudness import Loudness
from sideman.core.music.analysis import Annotation, EnergyPoint, MusicAnalysis, Provenance
from sideman.core.music.form import LyricLine, Section
from sideman.core.music.harmony import Chord, ChordSpan, Key, KeySpan
from sideman.core.music.notes import GrooveTemplate, NoteEvent, NoteTrack, ScoreNote
from sideman.core.music.roles import StemRole
from sideman.core.music.timeline import BeatGrid, Meter, TempoAlternative
from sideman.errors import UsageError

JAMS_VERSION = "0.3.4"


def _metadata(p: Provenance) -> dict[str, Any]:
    return {
        "curator": {"name": "", "email": ""}, "annotator": {}, "version": p.version, "corpus": "",
        "annotation_tools": p.engine, "annotation_rules": "", "validation": "",
        "data_source": "manual" if p.engine == "user" else "program",
    }  # fmt: skip


def _item(namespace: str, duration: float, data: list[dict[str, Any]], made: Annotation[Any], **sandbox: Any) -> dict[str, Any]:
    p = made.provenance
    own = {"confidence": made.confidence, "parameters": [list(x) for x in p.parameters], "stem": p.stem, **sandbox}
    return {
        "namespace": namespace, "data": data, "annotation_metadata": _metadata(p), "sandbox": {"sideman": own},
        "time": 0, "duration": duration,
    }  # fmt: skip


def _entry(time: float, duration: float, value: Any, confidence: float | None) -> dict[str, Any]:
    return {"time": time, "duration": duration, "value": value, "confidence": confidence}


def _number(x: float) -> float | str:
    return x if math.isfinite(x) else str(x)  # JSON has no infinity


def to_jams(analysis: MusicAnalysis) -> dict[str, Any]:
    """The analysis as a JAMS object, ready for json.dump."""
    end, items = analysis.duration_s, []
    if analysis.grid is not None:
        grid = analysis.grid.value
        beats = [_entry(t, 0.0, p, None) for t, p in zip(grid.times_s, grid.positions, strict=True)]
        items.append(_item("beat", end, beats, analysis.grid, meter=str(grid.meter)))
        tempo = [_entry(0.0, end, grid.tempo_bpm, analysis.grid.confidence)]
        others = [[a.relation, a.tempo_bpm, str(a.meter), a.probability, _grid(a.grid)] for a in analysis.alternatives]
        items.append(_item("tempo", end, tempo, analysis.grid, alternatives=others))
    if analysis.key is not None:
        key = _entry(0.0, end, _key_mode(analysis.key.value), analysis.key.confidence)
        items.append(_item("key_mode", end, [key], analysis.key, scope="global"))
    if analysis.key_spans is not None:
        spans = [_entry(s.start_s, s.end_s - s.start_s, _key_mode(s.key), s.confidence) for s in analysis.key_spans.value]
        items.append(_item("key_mode", end, spans, analysis.key_spans, scope="segments", ends=[s.end_s for s in analysis.key_spans.value]))
    if analysis.chords is not None:
        c = analysis.chords.value
        data = [_entry(s.start_s, s.end_s - s.start_s, str(s.chord), s.confidence) for s in c]
        spelled = [[s.end_s, s.chord.flat, s.chord.bass is not None] for s in c]
        items.append(_item("chord", end, data, analysis.chords, exact=spelled))
    if analysis.sections is not None:
        s = analysis.sections.value
        data = [_entry(x.start_s, x.end_s - x.start_s, x.label, x.confidence) for x in s]
        items.append(
            _item(
                "segment_open", end, data, analysis.sections, exact=[[x.end_s, x.energy, x.name, x.name_confidence, x.density] for x in s]
            )
        )
    items += [_notes(end, track) for track in analysis.notes]
    if analysis.lyrics is not None:
        lines = [_entry(x.start_s, x.end_s - x.start_s, x.text, None) for x in analysis.lyrics.value]
        items.append(_item("lyrics", end, lines, analysis.lyrics, ends=[x.end_s for x in analysis.lyrics.value]))
    own: dict[str, Any] = {"remarks": list(analysis.remarks), "energy": [[e.time_s, _number(e.level_db)] for e in analysis.energy]}
    for name, made in (("tuning", analysis.tuning_hz), ("loudness", analysis.loudness), ("groove", analysis.groove)):
        if made is not None:
            own[name] = {"value": _plain(made.value), "confidence": made.confidence, "provenance": _provenance(made.provenance)}
    file_metadata = {
        "title": analysis.title, "artist": analysis.artist, "release": "", "duration": end,
        "identifiers": {}, "jams_version": JAMS_VERSION,
    }  # fmt: skip
    return {"annotations": items, "file_metadata": file_metadata, "sandbox": {"sideman": own}}


def _key_mode(key: Key) -> str:
    return f"{key.spell(key.tonic)}:{key.mode}"


def _grid(grid: BeatGrid | None) -> list[Any] | None:
    return None if grid is None else [list(grid.times_s), list(grid.positions), str(grid.meter)]


def _read_grid(raw: list[Any] | None) -> BeatGrid | None:
    return None if raw is None else BeatGrid(tuple(raw[0]), tuple(raw[1]), Meter.parse(raw[2]))


def _alternative(raw: list[Any]) -> TempoAlternative:
    relation, tempo_bpm, meter, probability, *more = raw
    return TempoAlternative(relation, tempo_bpm, Meter.parse(meter), probability, _read_grid(more[0]) if more else None)


def _notes(duration: float, made: Annotation[NoteTrack]) -> dict[str, Any]:
    track = made.value
    data = [_entry(n.start_s, n.end_s - n.start_s, n.pitch, None) for n in track.notes]
    exact = [[n.end_s, n.velocity, n.pan] for n in track.notes]
    written = [[n.beat, n.length_beats, n.pitch, n.loudness, n.push_ms] for n in track.quantised]
    return _item("note_midi", duration, data, made, role=track.role.value, exact=exact, quantised=written)


def _read_notes(item: dict[str, Any], extra: dict[str, Any]) -> Annotation[NoteTrack]:
    rows = zip(item["data"], extra["exact"], strict=True)
    notes = tuple(NoteEvent(d["time"], end, d["value"], velocity, pan) for d, (end, velocity, pan) in rows)
    track = NoteTrack(StemRole.parse(extra["role"]), notes, tuple(ScoreNote(*raw) for raw in extra["quantised"]))
    made: Annotation[NoteTrack] = _made(item, track)
    return made


def _plain(value: float | Loudness | GrooveTemplate) -> Any:
    if isinstance(value, GrooveTemplate):
        return [value.steps_per_beat, list(value.offsets_ms), list(value.accents), value.swing]
    if isinstance(value, Loudness):
        return [_number(value.integrated_lufs), value.range_lu, _number(value.true_peak_dbtp)]
    return value


def _provenance(p: Provenance) -> list[Any]:
    return [p.engine, p.version, [list(x) for x in p.parameters], p.stem]


def _read_provenance(raw: list[Any]) -> Provenance:
    return Provenance(raw[0], raw[1], tuple((a, b) for a, b in raw[2]), raw[3])


def _made(item: dict[str, Any], value: Any) -> Annotation[Any]:
    own, meta = item["sandbox"]["sideman"], item["annotation_metadata"]
    parameters = tuple((a, b) for a, b in own["parameters"])
    return Annotation(value, own["confidence"], Provenance(meta["annotation_tools"], meta["version"], parameters, own["stem"]))


def from_jams(jam: dict[str, Any]) -> MusicAnalysis:
    """The analysis in a JAMS object that Sideman wrote. Raises UsageError for other JAMS files."""
    own = jam.get("sandbox", {}).get("sideman")
    if own is None:
        raise UsageError("this JAMS file was not written by Sideman: its annotations carry no provenance")
    fields: dict[str, Any] = {}
    for item in jam["annotations"]:
        data, extra = item["data"], item.get("sandbox", {}).get("sideman")
        if extra is None:
            continue  # another tool added it
        if item["namespace"] == "beat":
            times, positions = tuple(d["time"] for d in data), tuple(d["value"] for d in data)
            fields["grid"] = _made(item, BeatGrid(times, positions, Meter.parse(extra["meter"])))
        elif item["namespace"] == "tempo":
            fields["alternatives"] = tuple(_alternative(raw) for raw in extra["alternatives"])
        elif item["namespace"] == "key_mode" and extra["scope"] == "global":
            fields["key"] = _made(item, Key.parse(data[0]["value"]))
        elif item["namespace"] == "key_mode":
            spans = zip(data, extra["ends"], strict=True)
            fields["key_spans"] = _made(item, tuple(KeySpan(d["time"], e, Key.parse(d["value"]), d["confidence"]) for d, e in spans))
        elif item["namespace"] == "chord":
            fields["chords"] = _made(item, tuple(_chord_span(d, *x) for d, x in zip(data, extra["exact"], strict=True)))
        elif item["namespace"] == "segment_open":
            rows = zip(data, extra["exact"], strict=True)
            fields["sections"] = _made(
                item, tuple(Section(d["time"], e, d["value"], g, d["confidence"], *more) for d, (e, g, *more) in rows)
            )
        elif item["namespace"] == "note_midi":
            fields["notes"] = (*fields.get("notes", ()), _read_notes(item, extra))
        elif item["namespace"] == "lyrics":
            lines = zip(data, extra["ends"], strict=True)
            fields["lyrics"] = _made(item, tuple(LyricLine(d["time"], e, d["value"]) for d, e in lines))
    for name, target in (("tuning", "tuning_hz"), ("loudness", "loudness"), ("groove", "groove")):
        if name in own:
            value = _measured(name, own[name]["value"])
            fields[target] = Annotation(value, own[name]["confidence"], _read_provenance(own[name]["provenance"]))
    meta = jam["file_metadata"]
    return MusicAnalysis(
        duration_s=meta["duration"], title=meta["title"], artist=meta["artist"], remarks=tuple(own["remarks"]),
        energy=tuple(EnergyPoint(t, float(v)) for t, v in own["energy"]), **fields,
    )  # fmt: skip


def _measured(name: str, raw: Any) -> float | Loudness | GrooveTemplate:
    if name == "loudness":
        return Loudness(float(raw[0]), raw[1], float(raw[2]))
    if name == "groove":
        return GrooveTemplate(raw[0], tuple(raw[1]), tuple(raw[2]), raw[3])
    return float(raw)


def _chord_span(entry: dict[str, Any], end_s: float, flat: bool, has_bass: bool) -> ChordSpan:
    parsed = Chord.parse(entry["value"])
    chord = Chord(parsed.root, parsed.quality if parsed.root is not None else "maj", parsed.bass if has_bass else None, flat)
    return ChordSpan(entry["time"], end_s, chord, entry["confidence"])


def write_jams(analysis: MusicAnalysis, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(json.dumps(to_jams(analysis), indent=1, allow_nan=False), "utf-8")
    os.replace(partial, path)


def read_jams(path: Path) -> MusicAnalysis:
    return from_jams(json.loads(path.read_text("utf-8")))
