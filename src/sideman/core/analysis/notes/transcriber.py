"""Note activations in windows of two seconds, and notes from them: onsets followed forward, then what is left loud without an onset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, read_padded
from sideman.core.models.runtime import Engine, Request, open_onnx
from sideman.core.music.notes import NoteEvent
from sideman.core.music.roles import StemRole

SAMPLE_RATE_HZ = 22050
HOP = 256
FRAME_RATE_HZ = SAMPLE_RATE_HZ / HOP
WINDOW = 2 * SAMPLE_RATE_HZ - HOP
OVERLAP_FRAMES = 30
STEP = WINDOW - OVERLAP_FRAMES * HOP
LOWEST_PITCH, PITCHES = 21, 88
BATCH = 8
SHORTEST_OVERHANG_S = 0.06
PIECE_WINDOWS, MARGIN_WINDOWS = 180, 4
SILENT_FRAMES = 2
BORDER_S = 0.1
"""About five minutes: notes are decoded in pieces of so many windows, so that memory does not grow with the recording, with a few more
on either side, so that a note across the border is whole and belongs to the piece in which it begins."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NoteOptions:
    """Thresholds 0..1 of the activations; shortest note; how long a note may fall below its threshold; range in MIDI numbers.

    `sustained` also takes what is loud without an onset (basic-pitch calls it the melodia trick).
    """

    onset: float = 0.55
    frame: float = 0.3
    shortest_s: float = 0.1
    gap_frames: int = 11
    lowest: int = LOWEST_PITCH
    highest: int = LOWEST_PITCH + PITCHES - 1
    sustained: bool = False

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        return tuple((f.name, str(getattr(self, f.name))) for f in fields(self))


RANGES = {
    StemRole.BASS: NoteOptions(onset=0.65, lowest=23, highest=60),
    StemRole.VOCALS: NoteOptions(onset=0.7, lowest=36, highest=88, sustained=True),
    StemRole.LEAD: NoteOptions(lowest=36),
}


MONOPHONIC = (StemRole.BASS, StemRole.VOCALS)
"""What plays one note at a time; the rest of what is heard in their stems is overtones and other instruments."""


def options_for(role: StemRole) -> NoteOptions:
    """What suits the instrument: its range, and for voices, which slide into their notes, also what sounds without an onset."""
    return RANGES.get(role, NoteOptions())


def melody(notes: Sequence[NoteEvent]) -> tuple[NoteEvent, ...]:
    """One note at a time: the louder one; a softer one that rings on begins where it ends."""
    kept: list[NoteEvent] = []
    for n in sorted(notes, key=lambda n: (n.start_s, -n.velocity)):
        if kept and n.start_s < kept[-1].end_s:
            before = kept[-1]
            if n.velocity < before.velocity:
                if n.end_s - before.end_s < SHORTEST_OVERHANG_S:
                    continue
                n = replace(n, start_s=before.end_s)
            elif n.start_s - before.start_s < SHORTEST_OVERHANG_S:
                kept.pop()
            else:
                kept[-1] = replace(before, end_s=n.start_s)
        kept.append(n)
    return tuple(kept)


@dataclass(frozen=True, eq=False)
class _Activations:
    """onset and note [frames, 88]; seconds [frames]; own_s: from when to when notes that begin there are this piece's."""

    onset: Matrix
    note: Matrix
    seconds: NDArray[np.float64]
    own_s: tuple[float, float]


class Transcriber:
    name = "basic-pitch"
    version = "0.4.0"
    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, network: Path, threads: int = 1) -> None:
        self._session = open_onnx(network, Request(engine=Engine.ONNXRUNTIME, threads=threads))

    def _pieces(self, reader: AudioReader) -> Iterator[_Activations]:
        """Frames of every window but half of the overlap at either end; seconds are exact, windows are no whole number of frames apart."""
        half, kept = OVERLAP_FRAMES // 2, None
        windows = max(1, -(-reader.frames // STEP))
        for first in range(0, windows, PIECE_WINDOWS):
            onset, note, seconds = [], [], []
            begin, end = max(0, first - MARGIN_WINDOWS), min(windows, first + PIECE_WINDOWS + MARGIN_WINDOWS)
            for a in range(begin, end, BATCH):
                index = range(a, min(a + BATCH, end))
                x = np.stack([read_padded(reader, k * STEP - half * HOP, WINDOW)[0] for k in index])
                heard_onset, heard_note, _ = self._session(np.ascontiguousarray(x[:, :, None]))
                onset.append(np.array(heard_onset[:, half:-half]))
                note.append(np.array(heard_note[:, half:-half]))
                kept = note[-1].shape[1]
                seconds.append(((np.array(index) * STEP)[:, None] + np.arange(kept)[None] * HOP) / SAMPLE_RATE_HZ)
            at = np.concatenate([s.ravel() for s in seconds])
            inside = at < reader.frames / SAMPLE_RATE_HZ
            rows = [np.concatenate(m).reshape(-1, PITCHES)[inside] for m in (onset, note)]
            own_s = (first * STEP / SAMPLE_RATE_HZ, (first + PIECE_WINDOWS) * STEP / SAMPLE_RATE_HZ)
            at = at[inside]
            if begin == 0:  # silence before the recording, or what sounds in its first frame would begin nowhere
                rows = [np.vstack([np.zeros((SILENT_FRAMES, PITCHES), np.float32), r]) for r in rows]
                at = np.concatenate([np.arange(-SILENT_FRAMES, 0) * HOP / SAMPLE_RATE_HZ, at])
            yield _Activations(rows[0], rows[1], at, own_s)

    def notes(self, reader: AudioReader, options: NoteOptions | None = None) -> tuple[NoteEvent, ...]:
        """Notes of a mono reader at 22.05 kHz, by start and pitch. Velocity is the activation on a scale of 127."""
        found: list[NoteEvent] = []
        cut: list[int] = []  # those that sound on where their piece ends
        options = options or NoteOptions()
        for heard in self._pieces(reader):
            decoded, count = _decoded(heard, options), len(found)
            for k in cut:
                found[k] = _continued(found[k], heard, decoded, options)
            found += [n for n in decoded if heard.own_s[0] <= n.start_s < heard.own_s[1]]
            end_s = float(heard.seconds[-1]) - BORDER_S if len(heard.seconds) else np.inf
            cut = [k for k in (*cut, *range(count, len(found))) if found[k].end_s >= end_s]
        return tuple(sorted(found, key=lambda n: (n.start_s, n.pitch)))


def _with_rises(onset: Matrix, note: Matrix) -> Matrix:
    """Onsets also where the note activation jumps over two frames."""
    rise = np.minimum(*(note - np.vstack([np.zeros((n, PITCHES), np.float32), note[:-n]]) for n in (1, 2)))
    rise = np.maximum(rise, 0)
    rise[:2] = 0
    top = float(rise.max())
    return np.maximum(onset, rise * (float(onset.max()) / top)) if top > 0 else onset


class _Energy:
    """What no note has claimed yet, with the maximum of every frame at hand."""

    def __init__(self, note: Matrix) -> None:
        self.left = note.copy()
        self._top = self.left.max(1)

    def claim(self, first: int, last: int, pitch: int) -> None:
        """Frames first .. last - 1 of a pitch and its neighbours."""
        self.left[first:last, max(0, pitch - 1) : pitch + 2] = 0
        self._top[first:last] = self.left[first:last].max(1) if last > first else self._top[first:last]

    def loudest(self) -> tuple[int, int, float]:
        frame = int(self._top.argmax())
        return frame, int(self.left[frame].argmax()), float(self._top[frame])

    def until(self, frame: int, pitch: int, step: int, options: NoteOptions) -> tuple[int, int]:
        """Where a note ends that sounds at `frame`, going forward or back: its last frame, and the last one that was looked at."""
        column, low, k = self.left[:, pitch], options.frame, frame + step
        quiet, end = 0, len(self.left) - 1
        while (0 < k < end) and quiet < options.gap_frames:
            quiet = quiet + 1 if column[k] < low else 0
            k += step
        return k - step * (1 + quiet), k - step


def _decoded(heard: _Activations, options: NoteOptions) -> list[NoteEvent]:
    low, high = options.lowest - LOWEST_PITCH, options.highest - LOWEST_PITCH + 1
    outside = np.ones(PITCHES, bool)
    outside[max(0, low) : high] = False
    note, onset = heard.note.copy(), heard.onset.copy()
    note[:, outside] = onset[:, outside] = 0
    if len(note) < 3 or not note.any():
        return []
    onset = _with_rises(onset, note)
    peaks = np.zeros(onset.shape, bool)
    peaks[scipy.signal.argrelmax(onset, axis=0)] = True
    frames, pitches = np.nonzero(peaks & (onset >= options.onset))
    energy, shortest, out = _Energy(note), options.shortest_s * FRAME_RATE_HZ, []
    for frame, pitch in zip(frames[::-1].tolist(), pitches[::-1].tolist(), strict=True):  # later onsets end the notes before them
        if frame >= len(note) - 1:
            continue
        last, _ = energy.until(frame, pitch, 1, options)
        if last + 1 - frame > shortest:
            energy.claim(frame, last + 1, pitch)
            out.append(_event(heard, note, (frame, last + 1), pitch))
    while options.sustained:
        frame, pitch, loud = energy.loudest()
        if loud <= options.frame:
            break
        last, seen_last = energy.until(frame, pitch, 1, options)
        first, seen_first = energy.until(frame, pitch, -1, options)
        energy.claim(min(seen_first, frame), max(seen_last, frame) + 1, pitch)
        if last - first > shortest:
            out.append(_event(heard, note, (first, last), pitch))
    return out


def _continued(n: NoteEvent, heard: _Activations, decoded: Sequence[NoteEvent], options: NoteOptions) -> NoteEvent:
    """A note of the piece before, as long as it sounds on in this one, but no longer than to the next note of its pitch."""
    frame, pitch = int(np.searchsorted(heard.seconds, n.end_s - BORDER_S)), n.pitch - LOWEST_PITCH
    if frame >= len(heard.seconds):
        return n
    last, _ = _Energy(heard.note).until(frame, pitch, 1, options)
    next_s = min((d.start_s for d in decoded if d.pitch == n.pitch and d.start_s > n.end_s), default=np.inf)
    return replace(n, end_s=max(n.end_s, min(float(heard.seconds[min(last + 1, len(heard.seconds) - 1)]), next_s)))


def _event(heard: _Activations, note: Matrix, span: tuple[int, int], pitch: int) -> NoteEvent:
    first, last = span
    level = float(note[first:last, pitch].mean())
    end_s = float(heard.seconds[last]) if last < len(heard.seconds) else float(heard.seconds[-1]) + 1 / FRAME_RATE_HZ
    return NoteEvent(float(heard.seconds[first]), end_s, pitch + LOWEST_PITCH, max(1, min(127, round(127 * level))))
