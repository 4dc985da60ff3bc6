"""Words of a song: LRC files (timed lines, `[mm:ss.xx] words`) and plain text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from sideman.core.music.form import LyricLine
from sideman.core.music.timeline import BeatGrid

_STAMP = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:,](\d{1,3}))?\]")
_WORD_STAMP = re.compile(r"<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>")
_OFFSET = re.compile(r"\[offset:\s*([+-]?\d{1,9})\s*\]", re.IGNORECASE)
MOST_LINES = 5000
SNAP_BEATS = 1.0


def read_lyrics(text: str, duration_s: float) -> tuple[LyricLine, ...]:
    """Lines of an LRC text with their times, each up to the next one; of a text without stamps, lines that span the recording.

    An offset is in milliseconds, positive shows the words earlier (the LRC format's convention). Stamps beyond the end are left out.
    """
    shift = _OFFSET.search(text)
    offset_s = int(shift[1]) / 1000 if shift else 0.0
    timed: list[tuple[float, str]] = []
    plain: list[str] = []
    for line in text.splitlines()[:MOST_LINES]:
        stamps = list(_STAMP.finditer(line))
        words = _WORD_STAMP.sub("", _STAMP.sub("", line)).strip()
        for m in stamps:
            fraction = float(f"0.{m[3]}") if m[3] else 0.0
            timed.append((max(0.0, int(m[1]) * 60 + int(m[2]) + fraction - offset_s), words))
        if not stamps and words and not re.fullmatch(r"\[[a-zA-Z#]+:.*\]", words):
            plain.append(words)
    if not timed:
        return tuple(LyricLine(0.0, duration_s, words) for words in plain)
    timed = sorted(timed, key=lambda x: x[0])[:MOST_LINES]
    starts = [t for t, _ in timed]
    ends = [starts[k] if (k := bisect_right(starts, t)) < len(starts) else duration_s for t in starts]
    return tuple(LyricLine(t, min(end, duration_s), words) for (t, words), end in zip(timed, ends, strict=True) if words and t < duration_s)


def on_bars(lines: Sequence[LyricLine], grid: BeatGrid) -> tuple[LyricLine, ...]:
    """Timed lines whose start is moved to the downbeat where one lies within a beat of it: words are stamped by hand, a little late or early.

    Lines that span the whole recording have no time of their own and stay.
    """
    if len(grid.downbeats_s) == 0:
        return tuple(lines)
    out = []
    for line in lines:
        near = float(grid.downbeats_s[int(np.abs(grid.downbeats_s - line.start_s).argmin())])
        beats = abs(float(grid.beat_at(near) - grid.beat_at(line.start_s)))
        start = near if line.start_s > 0 and beats <= SNAP_BEATS and near < line.end_s else line.start_s
        out.append(LyricLine(start, line.end_s, line.text))
    return tuple(out)
