"""A part of a stem played anew: the new sound faded into the old one at both ends, and their notes joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sideman.core.audio import AudioReader, ScratchAudio, ScratchWriter, read_padded
from sideman.core.generation.generator import EARLY_S
from sideman.core.music import NoteEvent

FADE_S = 0.04
LEAST_RINGING_S = 0.1
BLOCK_S = 10


@dataclass(frozen=True, eq=False)
class BaseStem:
    """The stem that is kept outside the part that is played anew."""

    audio: AudioReader
    notes: tuple[NoteEvent, ...] = ()


def spliced(old: AudioReader, new: AudioReader, within_s: tuple[float, float], path: Path, early_s: float = EARLY_S) -> ScratchAudio:
    """`new` inside the span, `old` outside, as long as `new`, with equal-power fades centred on both ends; same rate.

    early_s: the new sound begins so much before the span, where its notes may.
    """
    rate, half = new.sample_rate_hz, FADE_S / 2
    begin, end = (t - early_s for t in within_s)
    with ScratchWriter(path, rate, new.channels) as writer:
        for start in range(0, new.frames, BLOCK_S * rate):
            count = min(BLOCK_S * rate, new.frames - start)
            t = (start + np.arange(count)) / rate
            share = np.clip((t - begin + half) / FADE_S, 0, 1) * np.clip((end + half - t) / FADE_S, 0, 1)
            before = read_padded(old, start, count)
            before = np.repeat(before, new.channels, 0) if before.shape[0] == 1 else before[: new.channels]
            gains = np.sin(share * np.pi / 2), np.cos(share * np.pi / 2)
            writer.write((read_padded(new, start, count) * gains[0] + before * gains[1]).astype(np.float32))
        return writer.finish()


def spliced_notes(old: Sequence[NoteEvent], new: Sequence[NoteEvent], within_s: tuple[float, float]) -> tuple[NoteEvent, ...]:
    """Old notes that ring into the span end there, and those that ring out of it go on behind it, as the old sound does."""
    start, end = (t - EARLY_S for t in within_s)
    before = [replace(n, end_s=min(n.end_s, start)) for n in old if n.start_s < start]
    behind = [
        replace(n, start_s=max(n.start_s, end)) for n in old if n.end_s > end and (n.start_s >= end or n.end_s > end + LEAST_RINGING_S)
    ]
    return tuple(sorted((*before, *new, *behind), key=lambda n: (n.start_s, n.pitch)))
