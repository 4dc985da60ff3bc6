"""Centred short-time Fourier transform of one segment as torch.stft and torch.istft make it: reflected edges, periodic Hann window, or none."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float32]
Spectrum = NDArray[np.complex64]


class CentredStft:
    """Windows of `size`, one every `hop`, over segments of `frames` samples; rectangular ones for networks trained so."""

    def __init__(self, size: int, hop: int, frames: int, threads: int = 1, *, rectangular: bool = False) -> None:
        self.size, self.hop, self.frames, self._threads = size, hop, frames, threads
        self.windows = frames // hop + 1
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
        self._window = (np.ones(size) if rectangular else hann).astype(np.float32)
        envelope = np.zeros((self.windows - 1) * hop + size, np.float64)
        for w in range(self.windows):
            envelope[w * hop : w * hop + size] += self._window.astype(np.float64) ** 2
        self._gain = (1 / np.maximum(envelope, 1e-11)).astype(np.float32)

    def forward(self, segment: Array) -> Spectrum:
        """[channels, frames] -> [channels, windows, size / 2 + 1]."""
        padded = np.pad(segment, ((0, 0), (self.size // 2, self.size // 2)), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.size, axis=1)[:, :: self.hop]
        return scipy.fft.rfft(windows * self._window, axis=-1, workers=self._threads)

    def inverse(self, spectrum: Spectrum) -> Array:
        """[channels, windows, size / 2 + 1] -> [channels, frames]; squared windows are divided out."""
        parts = scipy.fft.irfft(spectrum, self.size, axis=-1, workers=self._threads).astype(np.float32, copy=False) * self._window
        out = np.zeros((spectrum.shape[0], len(self._gain)), np.float32)
        for w in range(self.windows):
            out[:, w * self.hop : w * self.hop + self.size] += parts[:, w]
        out *= self._gain
        return out[:, self.size // 2 : self.size // 2 + self.frames]
