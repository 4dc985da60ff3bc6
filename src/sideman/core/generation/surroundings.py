"""What a new part finds in the recording itself: where it is silent, and which register is free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, read_padded

SAMPLE_RATE_HZ = 22050
HOP = 1102
"""Levels every 50 ms."""
SILENT_DB = 42.0
"""So far under the loud passages a recording counts as silent."""
LEAST_STOP_S = 0.3
SPECTRA, WINDOW = 240, 8192
BLOCK_S = 20


@dataclass(frozen=True, eq=False)
class Surroundings:
    """stops_s [n, 2]: spans without sound. occupied [128]: mean magnitude by MIDI number, 1 at its largest."""

    stops_s: NDArray[np.float64]
    occupied: NDArray[np.float64]


def hear_surroundings(reader: AudioReader) -> Surroundings:
    """From a mono reader at 22,050 Hz, in blocks."""
    return Surroundings(_stops(reader), _occupied(reader))


def _stops(reader: AudioReader) -> NDArray[np.float64]:
    levels, step = [], HOP * (BLOCK_S * SAMPLE_RATE_HZ // HOP)
    for start in range(0, reader.frames, step):
        x = reader.read(start, step).samples[0]
        whole = np.pad(x, (0, -len(x) % HOP)).reshape(-1, HOP)
        levels.append(np.sqrt((whole.astype(np.float64) ** 2).mean(1)))
    rms = np.concatenate(levels) if levels else np.zeros(1)
    silent = rms < float(np.percentile(rms, 95)) * 10 ** (-SILENT_DB / 20) + 1e-9
    edges = np.flatnonzero(np.diff(np.pad(silent.astype(int), 1)))
    spans = edges.reshape(-1, 2) * HOP / SAMPLE_RATE_HZ
    return np.asarray(spans[spans[:, 1] - spans[:, 0] >= LEAST_STOP_S])


def _occupied(reader: AudioReader) -> NDArray[np.float64]:
    """From spectra spread over the recording, so that the cost does not grow with its length."""
    starts = np.linspace(0, max(0, reader.frames - WINDOW), SPECTRA).astype(int)
    window = np.hanning(WINDOW).astype(np.float32)
    frequency = np.arange(1, WINDOW // 2 + 1) * SAMPLE_RATE_HZ / WINDOW
    number = np.clip(np.round(69 + 12 * np.log2(frequency / 440)), 0, 127).astype(int)
    total, count = np.zeros(128), np.bincount(number, minlength=128)
    for start in starts.tolist():
        magnitude = np.abs(scipy.fft.rfft(read_padded(reader, start, WINDOW)[0] * window))[1:]
        total += np.bincount(number, np.sqrt(magnitude), 128)
    occupied = total / np.maximum(count, 1)
    low = np.flatnonzero(count)[0]
    occupied = np.interp(np.arange(128), np.flatnonzero(count), occupied[count > 0]) * (np.arange(128) >= low)
    return np.asarray(occupied / max(float(occupied.max()), 1e-12))
