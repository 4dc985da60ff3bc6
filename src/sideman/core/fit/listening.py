"""What the judge hears of a sound: accents in five bands, arrivals of pitch classes, and chroma of two ranges. The same code runs on song
and stem.

No grid, chord, key or tempo of any analysis enters. Accents and arrivals: 86.1 frames a second; chroma: 10.8 frames a second.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, read_padded

SAMPLE_RATE_HZ = 22050
ACCENT_HOP, CHROMA_HOP = 256, 2048
ACCENT_RATE_HZ, CHROMA_RATE_HZ = SAMPLE_RATE_HZ / ACCENT_HOP, SAMPLE_RATE_HZ / CHROMA_HOP
BANDS_HZ = ((30, 130), (130, 400), (400, 1600), (1600, 5000), (5000, 10500))  # kick, snare body, chords, snare noise, hats
LONG_WINDOW_BELOW_HZ = 400
CHROMA_WINDOW = 8192
ARRIVAL_PITCHES = tuple(range(60, 97))
"""MIDI pitches whose arrival is heard: below, a window short enough to place an onset cannot tell semitones apart; a bass is heard by its partials."""
JUST_NOW_FRAMES, UNHEARD_FRAMES = 6, 36
"""A pitch arrives when it is louder than it was from 0.42 to 0.07 s before."""
LOWEST_HZ, HIGHEST_HZ = 38.0, 2200.0
BASS_TOP_HZ, CHROMA_BOTTOM_HZ = 210.0, 130.0
CHUNK_FRAMES = 4096
SILENT_RMS = 1e-4

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Heard:
    """accents [5, n], arrivals [12, n], chroma and bass_chroma [12, m], rms [m]; tuning_semitones against A = 440 Hz."""

    accents: Array
    arrivals: Array
    chroma: Array
    bass_chroma: Array
    rms: Array
    tuning_semitones: float

    @property
    def silent(self) -> bool:
        return not len(self.rms) or float(self.rms.max()) < SILENT_RMS

    def cut(self, first: int, last: int) -> Heard:
        """Chroma frames first..last and the accents that belong to them."""
        k = CHROMA_HOP // ACCENT_HOP
        fine = slice(first * k, last * k)
        return replace(
            self, accents=self.accents[:, fine], arrivals=self.arrivals[:, fine],
            chroma=self.chroma[:, first:last], bass_chroma=self.bass_chroma[:, first:last], rms=self.rms[first:last],
        )  # fmt: skip


def _spectra(reader: AudioReader, window: int, hop: int, first: int, last: int) -> Array:
    """Magnitudes of frames first..last centred at n * hop, [bins, frames]."""
    x = read_padded(reader, first * hop - window // 2, (last - first - 1) * hop + window)[0]
    view = np.lib.stride_tricks.sliding_window_view(x, window)[::hop]
    return np.abs(scipy.fft.rfft(view * np.hanning(window).astype(np.float32), axis=1, workers=1)).astype(np.float32).T


def _level(reader: AudioReader) -> float:
    total = 0.0
    for start in range(0, reader.frames, SAMPLE_RATE_HZ * 20):
        x = reader.read(start, SAMPLE_RATE_HZ * 20).samples[0]
        total += float(np.dot(x, x))
    return float(np.sqrt(total / max(1, reader.frames))) + 1e-9


@dataclass(frozen=True, eq=False)
class _Onsets:
    """accents [5, n], arrivals [12, n]."""

    accents: Array
    arrivals: Array


def _onsets(reader: AudioReader, frames: int, tuning: float) -> _Onsets:
    """Compressed flux per band over two frames, local mean of 1.5 s removed: places of accents, not levels. And arrivals by pitch class."""
    flux, level = np.zeros((len(BANDS_HZ), frames), np.float32), _level(reader)
    pitches, bank = np.zeros((len(ARRIVAL_PITCHES), frames), np.float32), _pitch_bank(tuning)
    for a in range(0, frames, CHUNK_FRAMES):
        first, b = max(0, a - 2), min(frames, a + CHUNK_FRAMES)
        spectra = {w: _spectra(reader, w, ACCENT_HOP, first, b) / np.float32(level) for w in (1024, 2048)}
        for k, (low, high) in enumerate(BANDS_HZ):
            window = 2048 if low < LONG_WINDOW_BELOW_HZ else 1024
            f = np.arange(window // 2 + 1) * SAMPLE_RATE_HZ / window
            edges = np.geomspace(low, high, 5)
            for lo, hi in itertools.pairwise(edges):
                rows = (f >= lo - SAMPLE_RATE_HZ / window / 2) & (f < hi)
                log = np.log1p(0.5 * spectra[window][rows].mean(0))
                rise = np.zeros(len(log), np.float32)
                rise[2:] = np.maximum(0, log[2:] - log[:-2])
                flux[k, a:b] += rise[a - first :]
        pitches[:, a:b] = np.log1p(0.3 * (bank @ spectra[2048])[:, a - first :])
    return _Onsets(_without_local_mean(np.sqrt(flux)), _by_pitch_class(_unheard(pitches)))


def _without_local_mean(e: Array) -> Array:
    return (e - scipy.ndimage.uniform_filter1d(e, 129, axis=1)).astype(np.float32)


def _pitch_bank(tuning: float) -> Array:
    """Triangles of a semitone on the bins of a window of 2048."""
    hz = np.maximum(np.arange(1025) * SAMPLE_RATE_HZ / 2048, 1)
    pitch = 69 + 12 * np.log2(hz / 440) - tuning
    bank = np.maximum(0, 1 - np.abs(pitch - np.array(ARRIVAL_PITCHES)[:, None]))
    for k in np.flatnonzero(bank.sum(1) == 0):  # between two bins: the nearer one
        bank[k, np.argmin(np.abs(pitch - ARRIVAL_PITCHES[k]))] = 1
    return bank.astype(np.float32)


def _unheard(pitches: Array) -> Array:
    """By how much each pitch is louder than it has been in the last 0.4 s."""
    width = UNHEARD_FRAMES - JUST_NOW_FRAMES
    past = scipy.ndimage.maximum_filter1d(pitches, width, axis=1, origin=(width - 1) // 2, mode="nearest")
    return np.maximum(0, pitches - np.pad(past, ((0, 0), (JUST_NOW_FRAMES, 0)), mode="edge")[:, : pitches.shape[1]])


def _by_pitch_class(rise: Array) -> Array:
    """Folded, compressed, and centred over time and over the pitch classes: which of them starts, not how much starts."""
    folded = np.zeros((12, rise.shape[1]), np.float32)
    for row, pitch in zip(rise, ARRIVAL_PITCHES, strict=True):
        folded[pitch % 12] += row
    e = _without_local_mean(np.sqrt(folded))
    return np.asarray(e - e.mean(0, keepdims=True))


@dataclass(frozen=True, eq=False)
class _Peaks:
    """frequency_hz and strength [bins, frames]; strength 0 where there is no peak."""

    frequency_hz: NDArray[np.float64]
    strength: Array


def _peaks(spectrum: Array, loudest: float) -> _Peaks:
    low, high = (int(f * CHROMA_WINDOW / SAMPLE_RATE_HZ) for f in (LOWEST_HZ, HIGHEST_HZ))
    log = np.log(spectrum + 1e-9)
    centre, left, right = log[low:high], log[low - 1 : high - 1], log[low + 1 : high + 1]
    peak = (centre > left) & (centre >= right) & (spectrum[low:high] > 1e-3 * loudest)
    bend = left - 2 * centre + right
    shift = np.where(peak, 0.5 * (left - right) / np.where(np.abs(bend) < 1e-6, -1, bend), 0.0)
    frequency = (np.arange(low, high)[:, None] + shift) * SAMPLE_RATE_HZ / CHROMA_WINDOW
    return _Peaks(frequency, np.where(peak, spectrum[low:high], 0).astype(np.float32))


def _fold(p: _Peaks, tuning: float, low_hz: float, high_hz: float) -> Array:
    pitch = 12 * np.log2(p.frequency_hz / 440.0) + 69 - tuning
    near = np.round(pitch)
    weight = np.sqrt(p.strength) * ((p.frequency_hz >= low_hz) & (p.frequency_hz < high_hz))
    weight = weight * np.exp(-0.5 * ((pitch - near) / 0.25) ** 2)
    pc = near.astype(int) % 12
    return np.stack([np.where(pc == k, weight, 0).sum(0) for k in range(12)]).astype(np.float32)


def _tuning_vector(p: _Peaks) -> complex:
    on = p.strength > 0
    if not on.any():
        return 0j
    semitones = 12 * np.log2(p.frequency_hz[on] / 440.0)
    return complex(np.sum(np.sqrt(p.strength[on]) * np.exp(2j * np.pi * semitones)))


def listen(reader: AudioReader, tuning_semitones: float | None = None) -> Heard:
    """Features of a mono reader at 22,050 Hz.

    Give the song's tuning when describing a stem: two estimates of their own may wrap at a quarter tone (a distorted guitar's did).
    """
    frames = 1 + max(0, reader.frames) // ACCENT_HOP
    chroma_frames = 1 + max(0, reader.frames) // CHROMA_HOP
    chunks, total = [], 0j
    step = CHUNK_FRAMES // 8
    for a in range(0, chroma_frames, step):
        first, b = max(0, a - 2), min(chroma_frames, a + step)
        s = _spectra(reader, CHROMA_WINDOW, CHROMA_HOP, first, min(chroma_frames, b + 2))
        s = scipy.ndimage.median_filter(s, size=(1, 5))[:, a - first : a - first + b - a]  # a note stays, a drum hit does not
        p = _peaks(s, float(s.max()))
        chunks.append(p)
        total += _tuning_vector(p)
    tuning = tuning_semitones if tuning_semitones is not None else float(np.angle(total) / 2 / np.pi) if total else 0.0
    chroma = np.concatenate([_fold(p, tuning, CHROMA_BOTTOM_HZ, HIGHEST_HZ) for p in chunks], 1)
    bass = np.concatenate([_fold(p, tuning, LOWEST_HZ, BASS_TOP_HZ) for p in chunks], 1)
    rms = np.zeros(chroma_frames, np.float32)
    for k in range(0, reader.frames // CHROMA_HOP, step):
        x = reader.read(k * CHROMA_HOP, step * CHROMA_HOP).samples[0]
        whole = x[: len(x) // CHROMA_HOP * CHROMA_HOP].reshape(-1, CHROMA_HOP)
        rms[k : k + len(whole)] = np.sqrt((whole**2).mean(1))
    if chroma_frames > 1:
        rms[-1] = rms[-2]  # less than a frame is left there: no fall of the level
    onsets = _onsets(reader, frames, tuning)
    return Heard(onsets.accents, onsets.arrivals, chroma, bass, rms, tuning)
