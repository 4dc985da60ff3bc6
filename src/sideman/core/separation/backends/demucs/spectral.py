"""Spectrogram of one segment exactly as Demucs makes it, in numpy: Hann, 75 % overlap, the last bin and the outer frames left out.

The frames kept never touch torch's own centre padding, so one plain framing of a reflected signal does it; on the way back every kept
sample lies under four windows, whose squares sum to 1.5.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Spectral:
    """STFT of segments of `samples` frames with windows of `nfft`."""

    def __init__(self, nfft: int, samples: int, threads: int = 1) -> None:
        self.nfft, self.hop, self.samples, self._threads = nfft, nfft // 4, samples, threads
        self.windows = -(-samples // self.hop)
        self._margin = self.hop // 2 * 3
        self._hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(nfft) / nfft)).astype(np.float32)

    def forward(self, segment: Array) -> Array:
        """[channels, samples] -> [2 * channels, windows, nfft / 2], real and imaginary parts in turn."""
        after = self._margin + self.windows * self.hop - self.samples
        padded = np.pad(segment, ((0, 0), (self._margin, after)), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.nfft, axis=-1)[:, :: self.hop]
        z = scipy.fft.rfft(frames * (self._hann * np.float32(self.nfft**-0.5)), axis=-1, workers=self._threads)[..., :-1]
        out = np.empty((2 * segment.shape[0], self.windows, self.nfft // 2), np.float32)
        out[::2], out[1::2] = z.real, z.imag
        return out

    def inverse(self, parts: Array) -> Array:
        """[2 * channels, windows, nfft / 2] -> [channels, samples]."""
        channels = parts.shape[0] // 2
        z = np.zeros((channels, self.windows, self.nfft // 2 + 1), np.complex64)
        z.real[..., :-1], z.imag[..., :-1] = parts[::2], parts[1::2]
        frames = scipy.fft.irfft(z, axis=-1, workers=self._threads, overwrite_x=True)
        frames *= self._hann * np.float32(self.nfft**0.5 / 1.5)
        quarters = frames.reshape(channels, self.windows, 4, self.hop)
        out = np.zeros((channels, self.windows + 3, self.hop), np.float32)
        for k in range(4):
            out[:, k : k + self.windows] += quarters[:, :, k]
        return out.reshape(channels, -1)[:, self._margin : self._margin + self.samples]
