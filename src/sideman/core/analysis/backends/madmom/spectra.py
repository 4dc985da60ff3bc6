"""madmom's logarithmically filtered spectra in numpy: frames centred on multiples of the hop, int16 samples on a scale of 32,767."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, read_padded

SAMPLE_RATE_HZ = 44100
BLOCK = 2048

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """frame: samples of the window. bands per octave between low_hz and high_hz; `unit_area`: filters of equal area."""

    frame: int
    frames_per_s: int
    bands: int
    low_hz: float
    high_hz: float
    scale: float = 1.0
    differences: bool = False

    @property
    def hop(self) -> float:
        return SAMPLE_RATE_HZ / self.frames_per_s

    @property
    def difference_frames(self) -> int:
        """Frames between a spectrum and the one it is compared with: where the window has half its height."""
        window = np.hanning(self.frame)
        start = int(np.argmax(window > 0.5 * window.max()))
        return max(1, round((self.frame / 2 - start) / self.hop))


@cache
def filterbank(spectrum: Spectrum) -> Matrix:
    """[FFT bins, filters]: triangles over the FFT bins nearest to a tempered scale around 440 Hz, no bin twice."""
    count = spectrum.frame // 2
    frequencies = scipy.fft.rfftfreq(spectrum.frame, 1 / SAMPLE_RATE_HZ)[:count]
    first = np.floor(np.log2(spectrum.low_hz / 440) * spectrum.bands)
    last = np.ceil(np.log2(spectrum.high_hz / 440) * spectrum.bands)
    wanted = 440 * 2.0 ** (np.arange(first, last) / spectrum.bands)
    wanted = wanted[np.searchsorted(wanted, spectrum.low_hz) :]
    wanted = wanted[: np.searchsorted(wanted, spectrum.high_hz, "right")]
    nearest = np.clip(frequencies.searchsorted(wanted), 1, count - 1)
    nearest -= wanted - frequencies[nearest - 1] < frequencies[nearest] - wanted
    bins = np.unique(nearest)
    bank = np.zeros((count, len(bins) - 2))
    for k, (start, centre, stop) in enumerate(zip(bins, bins[1:], bins[2:], strict=False)):
        if stop - start < 2:
            centre, stop = start, start + 1
        bank[start:centre, k] = np.linspace(0, 1, centre - start, endpoint=False)
        bank[centre:stop, k] = np.linspace(1, 0, stop - centre, endpoint=False)
        bank[:, k] /= bank[:, k].sum() or 1
    return bank.astype(np.float32)


def frame_count(reader: AudioReader, spectrum: Spectrum) -> int:
    return int(np.ceil(reader.frames / spectrum.hop))


def _blocks(reader: AudioReader, spectrum: Spectrum, first: int, last: int) -> Iterator[Matrix]:
    window, half = np.hanning(spectrum.frame).astype(np.float32), spectrum.frame // 2
    bank = filterbank(spectrum)
    for a in range(first, last, BLOCK):
        b = min(a + BLOCK, last)
        starts = (np.arange(a, b) * spectrum.hop).astype(np.int64)
        x = read_padded(reader, int(starts[0]) - half, int(starts[-1] - starts[0]) + spectrum.frame)[0] * np.float32(32767)
        np.clip(np.round(x, out=x), -32768, 32767, out=x)
        x /= np.float32(32767)
        view = np.lib.stride_tricks.sliding_window_view(x, spectrum.frame)[starts - starts[0]]
        magnitude = np.abs(scipy.fft.rfft(view * window, axis=1, workers=1)[:, :half]).astype(np.float32)
        yield np.log10(magnitude @ bank * np.float32(spectrum.scale) + np.float32(1))


def listen(reader: AudioReader, spectrum: Spectrum, first: int = 0, last: int | None = None) -> Matrix:
    """Log spectra of frames first to last of a mono reader at 44.1 kHz, with their rises beside them where `differences` asks for them."""
    last = frame_count(reader, spectrum) if last is None else last
    back = spectrum.difference_frames if spectrum.differences else 0
    begin = max(0, first - back)
    log = np.concatenate(list(_blocks(reader, spectrum, begin, last)))
    if not back:
        return log
    rise = np.zeros_like(log)
    rise[back:] = np.maximum(log[back:] - log[:-back], 0)
    return np.hstack([log, rise])[first - begin :]
