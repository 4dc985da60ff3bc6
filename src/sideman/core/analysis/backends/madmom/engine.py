"""madmom's beats, downbeats, chords, key and piano notes from one mono reader at 44.1 kHz."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.analysis.backends.madmom import bars, networks
from sideman.core.analysis.backends.madmom.archive import read
from sideman.core.analysis.backends.madmom.spectra import SAMPLE_RATE_HZ, Spectrum, frame_count, listen
from sideman.core.analysis.beats import barred
from sideman.core.analysis.notes import NoteOptions
from sideman.core.audio import AudioReader
from sideman.core.music import BeatGrid, Chord, ChordSpan, Key, Meter, NoteEvent
from sideman.errors import AnalysisError

NETWORKS = 8
MOST_WITHOUT_BAR = 3
PIECE_S, MARGIN_S = 1200.0, 20.0
"""Longer recordings go through the recurrent networks in pieces with so much on either side, or memory would grow with them."""
LONGEST_S = 3600.0
"""The exact path through the bars takes 190 kB a second, the key network the whole recording at once."""
LOWEST_KEY = 9
CHORD_RATE_HZ = 10
NOTE_THRESHOLD, NOTE_SMOOTH, NOTE_GAP_S, NOTE_LENGTH_S, LOWEST_NOTE = 0.35, 9, 0.05, 0.1, 21
FRAME_RATE_HZ = bars.FRAME_RATE_HZ

Array = NDArray[np.float32]


def _spectra(bands: tuple[int, int, int], scale: float = 1.0) -> tuple[Spectrum, ...]:
    return tuple(Spectrum(frame, FRAME_RATE_HZ, b, 30, 17000, scale, True) for frame, b in zip((1024, 2048, 4096), bands, strict=True))


BEAT_SPECTRA, DOWNBEAT_SPECTRA, NOTE_SPECTRA = _spectra((6, 6, 6)), _spectra((3, 6, 12)), _spectra((12, 12, 12), 5.0)
KEY_SPECTRUM = Spectrum(8192, 5, 24, 65, 2100)
CHORD_SPECTRUM = Spectrum(8192, CHORD_RATE_HZ, 24, 60, 2600)


def _pieces(frames: int, rate_hz: int) -> Iterator[tuple[int, int, int, int]]:
    """(first, last) to hear and (first, last) to keep."""
    size, margin = int(PIECE_S * rate_hz), int(MARGIN_S * rate_hz)
    for first in range(0, max(1, frames), size):
        last = min(frames, first + size)
        yield max(0, first - margin), min(frames, last + margin), first, last


def _refuse_longer(reader: AudioReader) -> None:
    seconds = reader.frames / reader.sample_rate_hz
    if seconds > LONGEST_S:
        raise AnalysisError(f"madmom's networks take recordings of up to an hour, this one has {seconds / 3600:.1f}: use another engine")


class _Networks:
    name = "madmom"
    version = "0.16.1"
    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, weights: Path) -> None:
        self._trees = read(weights)

    def _recurrent(self, reader: AudioReader, spectra: tuple[Spectrum, ...], names: list[str]) -> Array:
        parts = []
        for begin, end, first, last in _pieces(frame_count(reader, spectra[0]), FRAME_RATE_HZ):
            features = np.hstack([listen(reader, s, begin, end) for s in spectra])
            parts.append(networks.recurrent_ensemble([self._trees[n] for n in names], features)[first - begin : last - begin])
        return np.concatenate(parts)


class MadmomBeats(_Networks):
    """The beat networks of 2015 under our own bars: they hear none."""

    name = "madmom-2015"

    def beat_activation(self, reader: AudioReader) -> Array:
        """[frames] at 100 Hz."""
        return self._recurrent(reader, BEAT_SPECTRA, [f"beats/{k}" for k in range(1, NETWORKS + 1)])[:, 0]

    def beats(self, activation: Array) -> NDArray[np.float64]:
        """Seconds."""
        return np.array(bars.track_beats(activation)) / FRAME_RATE_HZ

    def grid(self, reader: AudioReader) -> tuple[BeatGrid, float] | None:
        """Confidence: the mean activation on the beats. None where there is no beat. Raises AnalysisError for more than an hour."""
        _refuse_longer(reader)
        activation = self.beat_activation(reader)
        beats = self.beats(activation)
        grid = barred(reader, beats.tolist()) if len(beats) > MOST_WITHOUT_BAR else None
        strength = float(activation[np.round(beats * FRAME_RATE_HZ).astype(int)].mean()) if len(beats) else 0.0
        return (grid, min(1.0, strength)) if grid is not None else None


class MadmomNotes(_Networks):
    """Onsets of a piano; the network hears no ends, so every note lasts NOTE_LENGTH_S."""

    def notes(self, reader: AudioReader, options: NoteOptions | None = None) -> tuple[NoteEvent, ...]:
        """Raises AnalysisError for more than an hour."""
        _refuse_longer(reader)
        heard, kept = picked_notes(self._recurrent(reader, NOTE_SPECTRA, ["notes"])), options or NoteOptions()
        return tuple(n for n in heard if kept.lowest <= n.pitch <= kept.highest)


class MadmomEngine(_Networks):
    """Results are madmom's own for recordings up to twenty minutes; longer ones are heard in pieces, up to an hour."""

    def downbeat_activation(self, reader: AudioReader) -> Array:
        """[frames, 2] at 100 Hz: probability of a beat that is none, and of a downbeat."""
        return self._recurrent(reader, DOWNBEAT_SPECTRA, [f"downbeats/{k}" for k in range(1, NETWORKS + 1)])[:, 1:]

    def grid(self, reader: AudioReader, bar_lengths: tuple[int, ...] = (3, 4)) -> tuple[BeatGrid, float] | None:
        """Beats and bars with a confidence: the mean activation on the beats. None where there is no beat.

        Raises AnalysisError for more than an hour, as key and chords do.
        """
        _refuse_longer(reader)
        activation = self.downbeat_activation(reader)
        found, beats_per_bar = bars.track_bars(activation, bar_lengths)
        found = [b for k, b in enumerate(found) if k == 0 or b.frame > found[k - 1].frame]
        if len(found) < 2:
            return None
        frames = np.array([b.frame for b in found])
        strength = float(activation[frames].sum(1).mean())
        return BeatGrid.from_times(frames / FRAME_RATE_HZ, [b.place for b in found], Meter(beats_per_bar)), min(1.0, strength)

    def key(self, reader: AudioReader) -> tuple[Key, float]:
        _refuse_longer(reader)
        p = networks.key_probabilities(self._trees["key"], listen(reader, KEY_SPECTRUM))
        best = int(p.argmax())
        return Key((best + LOWEST_KEY) % 12, "major" if best < 12 else "minor"), float(p[best])

    def chords(self, reader: AudioReader) -> tuple[ChordSpan, ...]:
        """Major and minor triads and N, by a linear-chain CRF over learned features."""
        _refuse_longer(reader)
        crf, parts = self._trees["chord_crf"], []
        for begin, end, first, last in _pieces(frame_count(reader, CHORD_SPECTRUM), CHORD_RATE_HZ):
            features = networks.chord_features(self._trees["chord_features"], listen(reader, CHORD_SPECTRUM, begin, end))
            parts.append(features[first - begin : last - begin] @ crf["W"] + crf["c"])
        states = _viterbi(np.concatenate(parts), crf)
        cut = np.flatnonzero(np.concatenate([[True], states[1:] != states[:-1], [True]]))
        return tuple(ChordSpan(a / CHORD_RATE_HZ, b / CHORD_RATE_HZ, _chord(int(states[a]))) for a, b in itertools.pairwise(cut))


def picked_notes(activation: Array) -> tuple[NoteEvent, ...]:
    """Peaks of activations [frames, 88], smoothed; peaks of a pitch closer than NOTE_GAP_S are one note."""
    window = np.hamming(NOTE_SMOOTH)
    smooth = np.stack([np.convolve(column, window, "same") for column in activation.T], 1)
    loud = smooth * (smooth >= NOTE_THRESHOLD)
    peak = (loud > 0) & (loud == scipy.ndimage.maximum_filter1d(loud, 3, axis=0, mode="constant"))
    out: list[NoteEvent] = []
    last: dict[int, float] = {}
    for frame, pitch in zip(*np.nonzero(peak), strict=True):
        time = frame / FRAME_RATE_HZ
        if time - last.get(int(pitch), -1.0) > NOTE_GAP_S + 1e-9:
            velocity = max(1, min(127, round(127 * float(activation[frame, pitch]))))
            out.append(NoteEvent(float(time), float(time) + NOTE_LENGTH_S, int(pitch) + LOWEST_NOTE, velocity))
            last[int(pitch)] = time
    return tuple(sorted(out, key=lambda n: (n.start_s, n.pitch)))


def _viterbi(scores: Array, crf: dict[str, Array]) -> NDArray[np.int64]:
    """As madmom's conditional random field: its first step has a transition as well."""
    value, back = crf["pi"].copy(), np.empty(scores.shape, np.int64)
    for t, score in enumerate(scores):
        arrived = crf["A"] + value[:, None]
        back[t] = arrived.argmax(0)
        value = score + arrived.max(0)
    path = np.empty(len(scores), np.int64)
    path[-1] = int((value + crf["tau"]).argmax())
    for t in range(len(path) - 2, -1, -1):
        path[t] = back[t + 1, path[t + 1]]
    return path


def _chord(state: int) -> Chord:
    """12 major, 12 minor, both from A, then N."""
    if state == 24:
        return Chord(None)
    root = (state + LOWEST_KEY) % 12
    return Chord(root, "maj" if state < 12 else "min", root)
