"""Annotations in text, one a line: `.beats`, `.lab`, Audacity labels, CSV of Sonic Visualiser and Chordino.

`time [place in the bar]` are beats (mir_eval, madmom, Sonic Visualiser). `start end label`, and `time label`, which lasts until the next, are
chords where most labels are chord symbols, keys where every label is one, and sections otherwise. What is neither is refused: a wrong guess
would replace a good analysis.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sideman.core.music.corrections import Correction
from sideman.core.music.harmony import Chord, Key

LONGEST_BAR = 32
MOST_ROWS = 200_000
NOTHING = ("N", "X", "N.C.", "Silence", "silence")
MODES = {
    "ionian": "major",
    "lydian": "major",
    "mixolydian": "major",
    "dorian": "minor",
    "phrygian": "minor",
    "aeolian": "minor",
    "locrian": "minor",
}
"""By their third."""
COUNTED = 0.9
"""Share of a column's steps that count bars and beats."""
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_KEY_COLUMN = re.compile(r"Key[\s,]+(?=[A-G])")
"""Isophonics: start, end, the word, the key."""
_TEMPO = re.compile(r"[\d.]+ ?bpm", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """end_s: where the line says it."""

    start_s: float
    end_s: float | None
    label: str


def read_text(text: str, duration_s: float, comma_separated: bool) -> tuple[Correction, ...]:
    """What the lines say about a recording of that length. Raises ValueError for what cannot be read, or can be read in two ways."""
    rows = _rows(text, comma_separated)
    if not rows:
        return ()
    if all(r.end_s is None or r.end_s == r.start_s for r in rows):
        labels = ["" if _TEMPO.fullmatch(r.label) else r.label for r in rows]
        words = [label for label in labels if label and _number(label) is None]
        if 2 * len(words) <= len(labels):
            return beats([r.start_s for r in rows], [""] * len(labels) if words else labels, duration_s)
        ends = [*(r.start_s for r in rows[1:]), duration_s]
        rows = [replace(r, end_s=end) for r, end in zip(rows, ends, strict=True)]
    elif not any(r.label for r in rows):
        raise ValueError("its lines have two times and no label: beats have one time, chords and sections a label")
    return spans(inside([r if r.end_s is not None else replace(r, end_s=r.start_s) for r in rows], duration_s))


def _rows(text: str, comma_separated: bool) -> list[Row]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", "\\"))]
    if len(lines) > MOST_ROWS:
        raise ValueError(f"{len(lines)} lines are more than {MOST_ROWS}")
    fields = [_fields(line, comma_separated) for line in lines]
    if comma_separated and fields and _number(fields[0][0]) is None:
        fields = fields[1:]  # names of columns
    return [_row(f, line) for f, line in zip(fields, lines[len(lines) - len(fields) :], strict=True)]


def _fields(line: str, comma_separated: bool) -> list[str]:
    first = line.split()[0]
    if "\t" in line:
        fields = line.split("\t")
    elif ";" in first:
        fields = next(csv.reader([line], delimiter=";"))
    elif comma_separated or ("," in first and not _DECIMAL_COMMA.fullmatch(first)):
        fields = next(csv.reader([line], skipinitialspace=True))
    else:
        fields = line.split(None, 2)
        if len(fields) == 3 and _number(fields[1]) is None:
            fields = line.split(None, 1)
    return [field.strip().strip('"') for field in fields]


def _row(fields: Sequence[str], line: str) -> Row:
    start = _number(fields[0])
    if start is None:
        raise ValueError(f"the line {line.strip()[:60]!r} does not begin with a time")
    end = _number(fields[1]) if len(fields) > 2 else None
    if end is None:
        return Row(start, None, ", ".join(f for f in fields[1:] if f))
    label = ", ".join(f for f in fields[2:] if f)
    column = _KEY_COLUMN.match(label)
    return Row(start, end, str(_key(label[column.end() :])) if column else label)


def _number(text: str) -> float | None:
    """Also with a decimal comma. Raises ValueError for a time that is no number."""
    try:
        value = float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        return None
    if not math.isfinite(value):
        raise ValueError("a time is no number")
    return value


def inside(rows: Sequence[Row], duration_s: float) -> list[Row]:
    """Rows inside of the recording; those without length are left out. Raises ValueError for a time that is no number."""
    if not all(math.isfinite(r.start_s) and math.isfinite(r.end_s or 0.0) for r in rows):
        raise ValueError("a time is no number")
    clipped = [Row(max(0.0, r.start_s), min(r.end_s or 0.0, duration_s), r.label) for r in rows]
    return [r for r in clipped if r.end_s is not None and r.end_s > r.start_s]


def beats(times_s: Sequence[float], labels: Sequence[str], duration_s: float) -> tuple[Correction, ...]:
    """Labels are places in the bar (`1`, `3`, `1.000`, or `2.4` of Sonic Visualiser: bar.beat), or nothing: bars of four from the first."""
    for before, after in itertools.pairwise(times_s):
        if after <= before:
            raise ValueError(f"the beat at {after:g} s comes after one at {before:g} s")
    places = _places(labels)
    kept = [(float(t), p) for t, p in zip(times_s, places, strict=True) if 0 <= t <= duration_s]
    return (Correction("set-beats", {"times_s": [t for t, _ in kept], "positions": [p for _, p in kept]}),) if len(kept) > 1 else ()


def _places(labels: Sequence[str]) -> list[int]:
    """Raises ValueError for numbers that count neither beats nor bars."""
    fours = [k % 4 + 1 for k in range(len(labels))]
    if len(labels) < 2 or not all(labels):
        return fours
    numbers = np.array([float(label) for label in labels])
    whole, steps = bool((numbers % 1 == 0).all()), np.diff(np.floor(numbers))
    if whole and numbers.max() > LONGEST_BAR and (steps == 1).all():
        return fours  # beats counted through
    found = [int(n) for n in numbers] if whole else [int(label.partition(".")[2] or 0) for label in labels]
    same_bar = steps == 0 if not whole else np.ones(len(steps), bool)
    counted = [y == 1 or (same and y == x + 1) for same, x, y in zip(same_bar, found, found[1:], strict=False)]
    if np.mean(counted) < COUNTED or min(found) < 1 or max(found) > LONGEST_BAR:
        raise ValueError("the second number of its lines is no place in the bar, and its lines have no label")
    return found


def _readable(read: Callable[[str], Any], labels: Sequence[str]) -> list[bool]:
    out = []
    for label in labels:
        try:
            read(label)
            out.append(True)
        except ValueError:
            out.append(False)
    return out


def _key(label: str) -> Key:
    name, _, mode = label.replace(":", " ").strip().partition(" ")
    return Key.parse(f"{name} {MODES.get(mode.strip().lower(), mode)}")


def _says_its_mode(label: str) -> bool:
    """`A minor`, `A:dorian`; `A:min` is a chord."""
    _, colon, mode = label.partition(":")
    return mode.lower() in ("major", "minor", *MODES) if colon else " " in label.strip()


def spans(rows: Sequence[Row]) -> tuple[Correction, ...]:
    """Keys where every label is one and says its mode, chords where most labels are, sections otherwise. Raises ValueError for a chord
    file with a label that cannot be read: the rest would be taken for sections."""
    labels = [r.label for r in rows if r.label not in NOTHING]
    if not rows:
        return ()
    named_keys = [_says_its_mode(label) and k for label, k in zip(labels, _readable(_key, labels), strict=True)]
    if labels and all(k or b for k, b in zip(named_keys, _readable(_bare_note, labels), strict=True)) and any(named_keys):
        return keys(rows)
    telling = [label for label in labels if len(label) > 1]  # A, B, C are names of sections as well
    if telling and sum(_readable(Chord.read, telling)) > len(telling) / 2:
        return chords(rows)
    return (Correction("set-sections", {"sections": [[r.start_s, r.end_s, r.label] for r in rows]}),)


def _bare_note(label: str) -> Key:
    """`C`, as Isophonics writes C major."""
    if " " in label or ":" in label or label.endswith("m"):
        raise ValueError(f"{label!r} is more than a note")
    return Key.parse(label)


def chords(rows: Sequence[Row]) -> tuple[Correction, ...]:
    """Raises ValueError for a label that is no chord."""
    read = [[r.start_s, r.end_s, str(Chord.read("N" if r.label in NOTHING else r.label))] for r in rows]
    return (Correction("set-chords", {"chords": read}),)


def keys(rows: Sequence[Row]) -> tuple[Correction, ...]:
    """The whole recording's key where there is one, each span's where the music modulates."""
    known = [(r, str(_key(r.label))) for r in rows if r.label not in NOTHING]
    if len({key for _, key in known}) == 1:
        return (Correction("set-key", {"key": known[0][1]}),)
    return (Correction("set-keys", {"keys": [[r.start_s, r.end_s, key] for r, key in known]}),) if known else ()
