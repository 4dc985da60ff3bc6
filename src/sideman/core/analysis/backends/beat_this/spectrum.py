"""Its input: log mel spectrum of 128 bands at 50 Hz, of mono samples at 22.05 kHz (torchaudio's MelSpectrogram with slaney's scale)."""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, read_padded

SAMPLE_RATE_HZ, WINDOW, HOP = 22050, 1024, 441
FRAME_RATE_HZ = SAMPLE_RATE_HZ // HOP
BANDS, LOW_HZ, HIGH_HZ = 128, 30.0, 11000.0
LOG_SCALE = 1000.0
LINEAR_HZ, LINEAR_STEP_HZ, LOG_STEP = 1000.0, 200.0 / 3, np.log(6.4) / 27

Matrix = NDArray[np.float32]


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear below 1 kHz, logarithmic above."""
    above = LINEAR_HZ / LINEAR_STEP_HZ + np.log(np.maximum(hertz, 1e-9) / LINEAR_HZ) / LOG_STEP
    return np.where(hertz < LINEAR_HZ, hertz / LINEAR_STEP_HZ, above)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    border = LINEAR_HZ / LINEAR_STEP_HZ
    return np.where(mel < border, mel * LINEAR_STEP_HZ, LINEAR_HZ * np.exp(LOG_STEP * (mel - border)))


@cache
def filterbank() -> Matrix:
    """[FFT bins, BANDS]: triangles of height one."""
    low, high = (float(m) for m in _mel(np.array([LOW_HZ, HIGH_HZ])))
    edges = _hertz(np.linspace(low, high, BANDS + 2))
    bins = np.linspace(0, SAMPLE_RATE_HZ // 2, WINDOW // 2 + 1)
    slopes = edges[None] - bins[:, None]
    width = np.diff(edges)
    down, up = -slopes[:, :-2] / width[:-1], slopes[:, 2:] / width[1:]
    return np.maximum(0, np.minimum(down, up)).astype(np.float32)


def frame_count(reader: AudioReader) -> int:
    return reader.frames // HOP + 1


def listen(reader: AudioReader, first: int, last: int) -> Matrix:
    """[frames, BANDS] of frames first .. last - 1, centred on multiples of the hop; mirrored at the ends of the recording."""
    begin = first * HOP - WINDOW // 2
    x = read_padded(reader, begin, (last - first - 1) * HOP + WINDOW)[0].copy()
    before, after = -begin, begin + len(x) - reader.frames
    if before > 0:
        x[:before] = x[before + 1 : 2 * before + 1][::-1]
    if after > 0:
        end = len(x) - after
        x[end:] = x[end - after - 1 : end - 1][::-1]
    view = np.lib.stride_tricks.sliding_window_view(x, WINDOW)[::HOP]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    magnitude = np.abs(scipy.fft.rfft(view * hann, axis=1, workers=1)).astype(np.float32) / np.float32(np.sqrt(WINDOW))
    return np.log1p(np.float32(LOG_SCALE) * (magnitude @ filterbank()))
