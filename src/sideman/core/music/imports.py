"""Annotations from other tools, as corrections to lay over an analysis: JAMS, .beats, .lab, Audacity labels, a MIDI file's tempo map.

Text files hold one annotation a line, blanks or tabs between the fields:
`time [place in the bar]` are beats (mir_eval, madmom, Sonic Visualiser), `start end label` are chords where most labels are Harte
syntax, keys where every label is one, and sections otherwise. Audacity's points (start = end) labelled with numbers are beats.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sideman.core.music.corrections import Correction
from sideman.core.music.harmony import Chord, Key
from sideman.core.music.midi import absolute, open_midi, tempo_changes
from sideman.errors import UsageError

SUFFIXES = (".jams", ".beats", ".lab", ".txt", ".csv", ".mid", ".midi")
LONGEST_BAR = 32
MOST_ROWS = 200_000
KINDS_OF_JAMS = {"beat": "beats", "beat_position": "beats", "chord": "chords", "chord_harte": "chords", "key_mode": "key"}

Row = tuple[float, float, str]


def read_annotations(path: Path, duration_s: float) -> tuple[Correction, ...]:
    """What the file says about a recording of that length. Raises UsageError for what cannot be read or says nothing."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path.name} holds no annotations that Sideman reads: give {', '.join(SUFFIXES)}")
    try:
        if path.suffix.lower() == ".jams":
            found = _from_jams(json.loads(path.read_text("utf-8")), duration_s)
        elif path.suffix.lower() in (".mid", ".midi"):
            found = _from_midi(path, duration_s)
        else:
            found = _from_text(path.read_text("utf-8-sig"), duration_s)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError) as error:
        raise UsageError(f"{path.name} cannot be read as annotations ({error}): check the file") from error
    if not found:
        raise UsageError(f"{path.name} says nothing about beats, chords, keys or sections")
    return found


def _from_text(text: str, duration_s: float) -> tuple[Correction, ...]:
    lines = [line.split("\t") if "\t" in line else line.replace(",", " ").split(None, 2) for line in text.splitlines()]
    lines = [[field.strip() for field in line] for line in lines if line and line[0].strip() and not line[0].startswith(("#", "\\"))]
    if len(lines) > MOST_ROWS:
        raise ValueError(f"{len(lines)} lines are more than {MOST_ROWS}")
    if not lines:
        return ()
    if all(len(line) < 3 for line in lines):
        return _beats([float(line[0]) for line in lines], [line[1] if len(line) > 1 else "" for line in lines], duration_s)
    rows = [(float(line[0]), float(line[1]), line[2].strip('"')) for line in lines]
    if all(a == b for a, b, _ in rows):
        return _beats([a for a, _, _ in rows], [label for _, _, label in rows], duration_s)
    return _spans(_clipped(rows, duration_s))


def _clipped(rows: Sequence[Row], duration_s: float) -> list[Row]:
    """Rows inside of the recording; those without length are left out. Raises ValueError for a time that is no number."""
    if not all(math.isfinite(a) and math.isfinite(b) for a, b, _ in rows):
        raise ValueError("a time is no number")
    inside = [(max(0.0, a), min(b, duration_s), label) for a, b, label in rows]
    return [(a, b, label) for a, b, label in inside if b > a]


def _beats(times_s: Sequence[float], labels: Sequence[str], duration_s: float) -> tuple[Correction, ...]:
    """Labels are places in the bar (`1`, `3`, `1.000`, or `2.4` of Sonic Visualiser: bar.beat), or nothing: bars of four from the first."""
    places = _places(labels)
    kept = [(float(t), p) for t, p in zip(times_s, places, strict=True) if 0 <= t <= duration_s]
    return (Correction("set-beats", {"times_s": [t for t, _ in kept], "positions": [p for _, p in kept]}),) if len(kept) > 1 else ()


def _places(labels: Sequence[str]) -> list[int]:
    fours = [k % 4 + 1 for k in range(len(labels))]
    try:
        numbers = [float(label) for label in labels]
        whole = all(n.is_integer() for n in numbers)
        found = [int(n) if whole else int(label.partition(".")[2]) for n, label in zip(numbers, labels, strict=True)]
    except (ValueError, OverflowError):
        return fours
    return found if all(1 <= p <= LONGEST_BAR for p in found) else fours


def _parses(kind: Any, labels: Sequence[str]) -> bool:
    try:
        for label in labels:
            kind.parse(label)
    except ValueError:
        return False
    return True


def _spans(rows: Sequence[Row]) -> tuple[Correction, ...]:
    """Keys where every label is one and says its mode, chords where most labels are, sections otherwise. Raises ValueError for a chord
    file with a label that cannot be read: the rest would be taken for sections."""
    labels = [label for _, _, label in rows if label not in ("N", "X")]
    if not rows:
        return ()
    if labels and all(" " in label or label.lower().endswith((":major", ":minor")) for label in labels) and _parses(Key, labels):
        return _keys([r for r in rows if r[2] not in ("N", "X")])
    letters = all(len(label) == 1 for label in labels)
    readable = sum(_parses(Chord, [label]) for label in labels)
    if labels and not letters and readable > len(labels) / 2:
        for label in labels:
            Chord.parse(label)
        return (Correction("set-chords", {"chords": [list(r) for r in rows]}),)
    return (Correction("set-sections", {"sections": [list(r) for r in rows]}),)


def _keys(rows: Sequence[Row]) -> tuple[Correction, ...]:
    """The whole recording's key where there is one, each span's where the music modulates."""
    if len({str(Key.parse(label)) for _, _, label in rows}) == 1:
        return (Correction("set-key", {"key": rows[0][2]}),)
    return tuple(Correction("set-key", {"key": label, "start_s": a, "end_s": b}) for a, b, label in rows)


def _from_jams(jam: dict[str, Any], duration_s: float) -> tuple[Correction, ...]:
    """The first annotation of each kind; namespaces of the JAMS library."""
    found: dict[str, tuple[Correction, ...]] = {}
    for item in jam["annotations"]:
        space = item["namespace"]
        kind = KINDS_OF_JAMS.get(space) or ("sections" if space.startswith("segment") else None)
        if kind is None or kind in found:
            continue
        data = sorted(_observations(item["data"]), key=lambda d: d["time"])
        if kind == "beats":
            values = [d["value"]["position"] if isinstance(d["value"], dict) else d["value"] for d in data]
            made = _beats([float(d["time"]) for d in data], [str(v) if v is not None else "" for v in values], duration_s)
        else:
            rows = _clipped([(float(d["time"]), float(d["time"]) + float(d["duration"]), str(d["value"])) for d in data], duration_s)
            made = _of_kind(kind, rows) if rows else ()
        if made:
            found[kind] = made
    return tuple(c for made in found.values() for c in made)


def _of_kind(kind: str, rows: list[Row]) -> tuple[Correction, ...]:
    if kind == "key":
        keys = [r for r in rows if r[2] not in ("N", "X")]
        return _keys(keys) if keys else ()
    return (Correction(f"set-{kind}", {kind: [list(r) for r in rows]}),)


def _observations(data: Any) -> list[dict[str, Any]]:
    """Sparse data is a list of observations, dense data (JAMS before 0.3) a dictionary of columns."""
    if isinstance(data, dict):
        return [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]
    return list(data)


def _from_midi(path: Path, duration_s: float) -> tuple[Correction, ...]:
    """A beat at every quarter (dotted quarter in 6/8, 9/8, 12/8) of the file's tempo map and meters, up to the end of the recording."""
    song = open_midi(path)
    if song.ticks_per_beat <= 0:
        raise ValueError("its ticks are not counted in beats")
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
        in_threes = _is_compound(count, unit) or (compound and (count, unit) == (3, 8))  # one beat before the bars of 6/8
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
    if compound:
        values["meter"] = f"{numerator}/8"
    return (Correction("set-beats", values),) if len(times) > 1 else ()


def _is_compound(numerator: int, denominator: int) -> bool:
    return denominator == 8 and numerator % 3 == 0 and numerator > 3


def _meters(song: Any) -> list[tuple[int, int, int]]:
    """(tick, numerator, denominator) in order, from tick 0 on, one at a tick. Raises ValueError for meters that nobody counts."""
    known: dict[int, tuple[int, int]] = {0: (4, 4)}
    for track in song.tracks:
        for tick, m in absolute(track):
            if m.type == "time_signature":
                if not 1 <= m.numerator <= LONGEST_BAR or m.denominator not in (1, 2, 4, 8, 16, 32, 64):
                    raise ValueError(f"a meter of {m.numerator}/{m.denominator}")
                known[tick] = (m.numerator, m.denominator)
    return [(tick, *known[tick]) for tick in sorted(known)]
