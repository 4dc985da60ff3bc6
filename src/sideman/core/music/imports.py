"""Annotations from other tools, as corrections to lay over an analysis: JAMS, .beats, .lab, Audacity labels, a MIDI file's tempo map.

Text files hold one annotation a line, blanks or tabs between the fields:
`time [place in the bar]` are beats (mir_eval, madmom, Sonic Visualiser), `start end label` are chords where every label is Harte
syntax, a key where every label is one, and sections otherwise. Audacity's points (start = end) labelled with numbers are beats.
"""

from __future__ import annotations

import json
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
            found = _from_text(path.read_text("utf-8-sig"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UsageError(f"{path.name} cannot be read as annotations ({error}): check the file") from error
    if not found:
        raise UsageError(f"{path.name} says nothing about beats, chords, keys or sections")
    return found


def _from_text(text: str) -> tuple[Correction, ...]:
    lines = [line.split("\t") if "\t" in line else line.replace(",", " ").split(None, 2) for line in text.splitlines()]
    lines = [[field.strip() for field in line] for line in lines if line and line[0].strip() and not line[0].startswith(("#", "\\"))]
    if len(lines) > MOST_ROWS:
        raise ValueError(f"{len(lines)} lines are more than {MOST_ROWS}")
    if not lines:
        return ()
    if all(len(line) < 3 for line in lines):
        return (_beats([float(line[0]) for line in lines], [line[1] if len(line) > 1 else "" for line in lines]),)
    rows = [(float(line[0]), float(line[1]), line[2].strip('"')) for line in lines]
    if all(a == b for a, b, _ in rows):
        return (_beats([a for a, _, _ in rows], [label for _, _, label in rows]),)
    return (_spans(rows),)


def _beats(times_s: Sequence[float], labels: Sequence[str]) -> Correction:
    """Labels are places in the bar (`1`, `3`, `2.4` of madmom and Sonic Visualiser: bar.beat), or nothing: bars of four from the first beat."""
    positions: list[int] = []
    for k, label in enumerate(labels):
        place = label.rsplit(".", 1)[-1] if label.replace(".", "", 1).isdigit() else label
        try:
            positions.append(int(float(place)))
        except ValueError:
            positions.append(k % 4 + 1)
    if any(not 1 <= p <= LONGEST_BAR for p in positions):
        positions = [k % 4 + 1 for k in range(len(positions))]
    return Correction("set-beats", {"times_s": [float(t) for t in times_s], "positions": positions})


def _parses(kind: Any, labels: Sequence[str]) -> bool:
    try:
        for label in labels:
            kind.parse(label)
    except ValueError:
        return False
    return True


def _spans(rows: Sequence[Row]) -> Correction:
    labels = [label for _, _, label in rows]
    named = [label for label in labels if label not in ("N", "X")]
    if len(rows) == 1 and _parses(Key, labels):
        return Correction("set-key", {"key": labels[0]})
    if named and all(" " in label or label.endswith((":major", ":minor")) for label in named) and _parses(Key, named):
        start, end, label = max(rows, key=lambda r: r[1] - r[0])
        return Correction("set-key", {"key": label, "start_s": start, "end_s": end})
    if _parses(Chord, labels) and not all(len(label) == 1 for label in named):
        return Correction("set-chords", {"chords": [list(r) for r in rows]})
    return Correction("set-sections", {"sections": [list(r) for r in rows]})


def _from_jams(jam: dict[str, Any], duration_s: float) -> tuple[Correction, ...]:
    """The first annotation of each kind; namespaces of the JAMS library."""
    found: dict[str, Correction] = {}
    for item in jam["annotations"]:
        data = sorted(_observations(item["data"]), key=lambda d: d["time"])
        space = item["namespace"]
        rows = [(float(d["time"]), min(float(d["time"]) + float(d["duration"]), duration_s), str(d["value"])) for d in data]
        if space in ("beat", "beat_position") and len(data) > 1:
            values = [d["value"]["position"] if isinstance(d["value"], dict) else d["value"] for d in data]
            found.setdefault("beats", _beats([r[0] for r in rows], [str(v) if v is not None else "" for v in values]))
        elif space in ("chord", "chord_harte") and rows:
            found.setdefault("chords", Correction("set-chords", {"chords": [list(r) for r in rows if r[1] > r[0]]}))
        elif space.startswith("segment") and rows:
            found.setdefault("sections", Correction("set-sections", {"sections": [list(r) for r in rows if r[1] > r[0]]}))
        elif space == "key_mode" and rows and "key" not in found:
            longest = max(rows, key=lambda r: r[1] - r[0])
            found["key"] = Correction("set-key", {"key": longest[2]})
    return tuple(found.values())


def _observations(data: Any) -> list[dict[str, Any]]:
    """Sparse data is a list of observations, dense data (JAMS before 0.3) a dictionary of columns."""
    if isinstance(data, dict):
        return [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]
    return list(data)


def _from_midi(path: Path, duration_s: float) -> tuple[Correction, ...]:
    """A beat at every quarter (dotted quarter in 6/8, 9/8, 12/8) of the file's tempo map and meters, up to the end of the recording."""
    song = open_midi(path)
    changes = tempo_changes(song)
    meters = sorted((t, m.numerator, m.denominator) for track in song.tracks for t, m in absolute(track) if m.type == "time_signature")
    meters = [m for m in meters if m[0] > 0 or m == max((x for x in meters if x[0] == 0), default=m)]
    if not meters or meters[0][0] > 0:
        meters.insert(0, (0, 4, 4))
    times: list[float] = []
    positions: list[int] = []
    for k, (start, numerator, denominator) in enumerate(meters):
        compound = denominator == 8 and numerator % 3 == 0 and numerator > 3
        step = song.ticks_per_beat * 4 / denominator * (3 if compound else 1)
        per_bar = numerator // 3 if compound else numerator
        end = meters[k + 1][0] if k + 1 < len(meters) else np.inf
        for n in range(MOST_ROWS):
            tick = start + n * step
            seconds = changes.seconds(tick)
            if tick >= end - 1e-6 or seconds > duration_s:
                break
            times.append(seconds)
            positions.append(n % per_bar + 1)
    compound = meters[0][2] == 8 and meters[0][1] % 3 == 0 and meters[0][1] > 3
    values: dict[str, Any] = {"times_s": times, "positions": positions}
    if compound:
        values["meter"] = f"{meters[0][1]}/8"
    return (Correction("set-beats", values),) if len(times) > 1 else ()
