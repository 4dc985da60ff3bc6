"""Pitch activations: tuning, two-resolution log-frequency spectrum, whitening, batched multiplicative NNLS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, read_padded

SAMPLE_RATE_HZ = 11025
WINDOW, BASS_WINDOW, HOP = 4096, 8192, 1024  # 0.37 s; 0.74 s below A3; 93 ms
FRAME_RATE_HZ = SAMPLE_RATE_HZ / HOP
BINS_PER_SEMITONE, LOWEST_PITCH, PITCHES = 3, 24, 84  # C1 .. B7
BINS = PITCHES * BINS_PER_SEMITONE
SPLIT = (57 - LOWEST_PITCH) * BINS_PER_SEMITONE
ITERATIONS, WHITENING, PARTIAL_DECAY, PARTIALS = 25, 0.8, 0.75, 12
MEDIAN_FRAMES = 5
BLOCK = 1024

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PitchActivations:
    """activations, spectrum: [frames, 84] from C1; level_db [frames]; tuning_semitones: deviation from A = 440 Hz, -.5 .. .5.

    `tuning_strength` is the length of the circular mean, 0 (no agreement) .. 1.
    """

    activations: Matrix
    spectrum: Matrix
    level_db: Matrix
    tuning_semitones: float
    tuning_strength: float
    duration_s: float


def _magnitudes(reader: AudioReader, window: int, first: int, last: int) -> Matrix:
    """Magnitude spectra of frames first..last, centred at n * HOP."""
    x = read_padded(reader, first * HOP - window // 2, (last - 1 - first) * HOP + window)[0]
    hann = np.hanning(window + 1)[:-1].astype(np.float32) / (window / 4)
    view = np.lib.stride_tricks.sliding_window_view(x, window)[::HOP]
    return np.abs(scipy.fft.rfft(view * hann, axis=1, workers=1)).astype(np.float32)


def tuning(reader: AudioReader, frames: int) -> tuple[float, float]:
    """Deviation from A = 440 Hz in semitones and its strength: circular mean over interpolated peaks at 50 places."""
    total, weight = 0j, 0.0
    bin_hz = SAMPLE_RATE_HZ / BASS_WINDOW
    low, high = int(90 / bin_hz), int(1800 / bin_hz)
    places = np.unique(np.linspace(0, max(0, frames - 8), min(50, max(1, frames // 8))).astype(int))
    for first in places:
        s = _magnitudes(reader, BASS_WINDOW, int(first), min(frames, int(first) + 8))[::2]
        inner = s[:, 1:-1]
        floor = 6 * np.median(s[:, low:high], 1, keepdims=True) + 1e-7
        row, column = np.nonzero((inner > s[:, :-2]) & (inner >= s[:, 2:]) & (inner > floor))
        column += 1
        keep = (column > low) & (column < high)
        row, column = row[keep], column[keep]
        left, peak, right = (np.log(s[row, column + d] + 1e-9) for d in (-1, 0, 1))
        shift = np.clip(0.5 * (left - right) / (left - 2 * peak + right - 1e-9), -0.5, 0.5)
        w = np.sqrt(s[row, column])
        total += (w * np.exp(2j * np.pi * 12 * np.log2((column + shift) * bin_hz / 440))).sum()
        weight += float(w.sum())
    if abs(total) == 0:
        return 0.0, 0.0
    return float(np.angle(total) / (2 * np.pi)), float(abs(total) / weight)


def _log_frequency_bank(window: int, tuning_semitones: float) -> Matrix:
    """FFT bins -> three bins a semitone; cosine kernels at least one FFT bin wide."""
    f = np.arange(window // 2 + 1) * SAMPLE_RATE_HZ / window
    pitch = LOWEST_PITCH - 1 / 3 + np.arange(BINS) / BINS_PER_SEMITONE + tuning_semitones
    centre = 440 * 2 ** ((pitch - 69) / 12)
    width = np.maximum(centre * (2 ** (1 / 12 / BINS_PER_SEMITONE) - 1), SAMPLE_RATE_HZ / window)[:, None]
    distance = np.clip(np.abs(f[None] - centre[:, None]) / width, 0, 1)
    kernel = (0.5 + 0.5 * np.cos(np.pi * distance)) * (distance < 1)
    return (kernel / (kernel.sum(1, keepdims=True) + 1e-9)).astype(np.float32).T


def _note_dictionary() -> Matrix:
    """Spectrum of every note on the log-frequency grid: partial h at weight 0.75^(h - 1)."""
    out, x = np.zeros((BINS, PITCHES), np.float32), np.arange(BINS)
    for p in range(PITCHES):
        for h in range(1, PARTIALS + 1):
            at = BINS_PER_SEMITONE * (p + 12 * np.log2(h)) + 1
            out[:, p] += PARTIAL_DECAY ** (h - 1) * np.clip(1 - np.abs(x - at) / 1.6, 0, 1)
    return out / np.sqrt((out**2).sum(0))


_NOTES = _note_dictionary()
_GRAM = _NOTES.T @ _NOTES


def _whiten(s: Matrix) -> Matrix:
    octave = 12 * BINS_PER_SEMITONE + 1
    mean = scipy.ndimage.uniform_filter1d(s, octave, axis=1, mode="nearest")
    variance = scipy.ndimage.uniform_filter1d(s * s, octave, axis=1, mode="nearest") - mean**2
    return np.maximum(0, s - mean) / (np.sqrt(np.maximum(variance, 0)) ** WHITENING + 1e-6**WHITENING)


def _nnls(s: Matrix) -> Matrix:
    """Multiplicative updates on a block of frames: each iteration is one small product."""
    target = s @ _NOTES
    h = target + 1e-6 * target.max(1, keepdims=True) + 1e-9
    for _ in range(ITERATIONS):
        h *= target / (h @ _GRAM + 1e-9)
    return h


def _without_percussion(s: Matrix) -> Matrix:
    """Nothing louder than its median over 0.46 s: a note stays, a drum hit does not."""
    pad = MEDIAN_FRAMES // 2
    wide = np.pad(s, ((pad, pad), (0, 0)), mode="edge")
    stacked = np.stack([wide[k : k + len(s)] for k in range(MEDIAN_FRAMES)])
    return np.minimum(s, np.partition(stacked, pad, axis=0)[pad])


def listen(reader: AudioReader) -> PitchActivations:
    """Activations of a mono reader at 11,025 Hz, in blocks."""
    frames = max(1, int(np.ceil(reader.frames / HOP)))
    tuned, strength = tuning(reader, frames)
    high_bank, low_bank = _log_frequency_bank(WINDOW, tuned), _log_frequency_bank(BASS_WINDOW, tuned)
    activations, spectrum = np.zeros((frames, PITCHES), np.float32), np.zeros((frames, PITCHES), np.float32)
    level, pad = np.zeros(frames, np.float32), MEDIAN_FRAMES // 2
    for a in range(0, frames, BLOCK):
        b = min(frames, a + BLOCK)
        first, last = max(0, a - pad), min(frames, b + pad)
        treble = _magnitudes(reader, WINDOW, first, last)
        bass = _magnitudes(reader, BASS_WINDOW, first, last)
        s = _without_percussion(np.concatenate([bass @ low_bank[:, :SPLIT], treble @ high_bank[:, SPLIT:]], 1))
        s = _whiten(s[a - first : b - first])
        level[a:b] = 10 * np.log10((treble[a - first : b - first] ** 2).sum(1) + 1e-10)
        activations[a:b] = _nnls(s)
        spectrum[a:b] = s.reshape(b - a, PITCHES, BINS_PER_SEMITONE).max(2)
    return PitchActivations(activations, spectrum, level, tuned, strength, max(reader.frames, 1) / reader.sample_rate_hz)
