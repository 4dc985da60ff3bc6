"""Annotations from other tools, as corrections to lay over an analysis: JAMS, .beats, .lab, Audacity labels, a MIDI file's tempo map.

Text is read by `label_files`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sideman.core.music.corrections import Correction
from sideman.core.music.label_files import LONGEST_BAR, MOST_ROWS, Row, beats, chords, inside, keys, read_text
from sideman.core.music.midi import absolute, open_midi, tempo_changes
from sideman.core.music.timeline import UNITS
from sideman.errors import UsageError

SUFFIXES = (".jams", ".beats", ".lab", ".txt", ".csv", ".mid", ".midi")
KINDS_OF_JAMS = {"beat": "beats", "beat_position": "beats", "chord": "chords", "chord_harte": "chords", "key_mode": "key"}


def read_annotations(path: Path, duration_s: float) -> tuple[Correction, ...]:
    """What the file says about a recording of that length. Raises UsageError for what cannot be read or says nothing."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path.name} holds no annotations that Sideman reads: give {', '.join(SUFFIXES)}")
    try:
        if path.suffix.lower() == ".jams":
            found = _from_jams(json.loads(path.read_text("utf-8-sig")), duration_s)
        elif path.suffix.lower() in (".mid", ".midi"):
            found = _from_midi(path, duration_s)
        else:
            found = read_text(path.read_text("utf-8-sig"), duration_s, path.suffix.lower() == ".csv")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError) as error:
        raise UsageError(f"{path.name} cannot be read as annotations ({error}): check the file") from error
    if not found:
        raise UsageError(f"{path.name} says nothing about beats, chords, keys or sections")
    return tuple(replace(c, values=_as_text(c.values)) for c in found)


def _as_text(value: Any) -> Any:
    """The same without what UTF-8 and databases cannot hold: halves of characters, NUL."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, Mapping):
        return {name: _as_text(v) for name, v in value.items()}
    return [_as_text(v) for v in value] if isinstance(value, (list, tuple)) else value


def _from_jams(jam: dict[str, Any], duration_s: float) -> tuple[Correction, ...]:
    """The first annotation of each kind, of keys the one that says most; namespaces of the JAMS library."""
    found: dict[str, tuple[Correction, ...]] = {}
    for item in jam["annotations"]:
        space = item["namespace"]
        kind = KINDS_OF_JAMS.get(space) or ("sections" if space.startswith("segment") else None)
        if kind is None or (kind in found and not (kind == "key" and len(item["data"]) > 1 and found[kind][0].kind == "set-key")):
            continue
        data = sorted(_observations(item["data"]), key=lambda d: d["time"])
        made = _beats_of(item, data, duration_s) if kind == "beats" else _spans_of(kind, data, duration_s)
        if made:
            found[kind] = made
    return tuple(c for made in found.values() for c in made)


def _beats_of(item: dict[str, Any], data: list[dict[str, Any]], duration_s: float) -> tuple[Correction, ...]:
    values = [d["value"]["position"] if isinstance(d["value"], dict) else d["value"] for d in data]
    made = beats([float(d["time"]) for d in data], [str(v) if v is not None else "" for v in values], duration_s)
    meter = item.get("sandbox", {}).get("sideman", {}).get("meter")  # our own files say what other readers need not know
    return tuple(replace(c, values=dict(c.values) | {"meter": str(meter)}) for c in made) if meter else made


def _spans_of(kind: str, data: list[dict[str, Any]], duration_s: float) -> tuple[Correction, ...]:
    rows = inside([Row(float(d["time"]), float(d["time"]) + float(d["duration"]), str(d["value"])) for d in data], duration_s)
    if kind == "key":
        return keys(rows)
    if kind == "chords":
        return chords(rows) if rows else ()
    return (Correction("set-sections", {"sections": [[r.start_s, r.end_s, r.label] for r in rows]}),) if rows else ()


def _observations(data: Any) -> list[dict[str, Any]]:
    """Sparse data is a list of observations, dense data (JAMS before 0.3) a dictionary of columns."""
    if isinstance(data, dict):
        return [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]
    return list(data)


def _from_midi(path: Path, duration_s: float) -> tuple[Correction, ...]:
    """A beat at every quarter (dotted quarter in 6/8, 9/8, 12/8) of the file's tempo map and meters, up to the end of the recording."""
    song = open_midi(path)
    changes, meters = tempo_changes(song), _meters(song)
    ends = [*(m[0] for m in meters[1:]), np.inf]
    lasting = {(count, unit): 0.0 for _, count, unit in meters}
    for (start, count, unit), end in zip(meters, ends, strict=True):
        lasting[count, unit] += max(0.0, min(duration_s, changes.seconds(end) if np.isfinite(end) else duration_s) - changes.seconds(start))
    numerator, denominator = max(lasting, key=lambda m: lasting[m])
    compound = _is_compound(numerator, denominator)
    times: list[float] = []
    positions: list[int] = []
    for (start, count, unit), end in zip(meters, ends, strict=True):
        in_eighths = not compound and unit == denominator  # of a song in 7/8 the bars of 6/8 too
        before_threes = compound and (count, unit) == (3, 8)  # one beat before the bars of 6/8
        in_threes = before_threes or (_is_compound(count, unit) and not in_eighths)
        step = song.ticks_per_beat * 4 / unit * (3 if in_threes else 1)
        per_bar, n = count // 3 if in_threes else count, 0
        if start == 0 and end < song.ticks_per_beat * (1.5 if compound else 1):
            continue  # a lead-in shorter than a beat holds none
        while (tick := start + n * step) < end - 1e-6 and (seconds := changes.seconds(tick)) <= duration_s:
            if len(times) >= MOST_ROWS:
                raise ValueError(f"it has more than {MOST_ROWS} beats")
            times.append(seconds)
            positions.append(n % per_bar + 1)
            n += 1
    values: dict[str, Any] = {"times_s": times, "positions": positions}
    if denominator != 4 and denominator in UNITS:
        values["meter"] = f"{numerator}/{denominator}"
    return (Correction("set-beats", values),) if len(times) > 1 else ()


def _is_compound(numerator: int, denominator: int) -> bool:
    return denominator == 8 and numerator % 3 == 0 and numerator > 3


def _meters(song: Any) -> list[tuple[int, int, int]]:
    """(tick, numerator, denominator) in order, from tick 0 on, one at a tick. Raises ValueError for meters that nobody counts."""
    known: dict[int, tuple[int, int]] = {0: (4, 4)}
    for track in song.tracks:
        for tick, m in absolute(track):
            if m.type == "time_signature":
                counted = m.numerator / (3 if _is_compound(m.numerator, m.denominator) else 1)
                if not 1 <= counted <= LONGEST_BAR or m.denominator not in (1, 2, 4, 8, 16, 32, 64):
                    raise ValueError(f"a meter of {m.numerator}/{m.denominator}")
                known[tick] = (m.numerator, m.denominator)
    return [(tick, *known[tick]) for tick in sorted(known)]
