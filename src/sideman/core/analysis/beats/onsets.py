"""What the beat tracker hears in one window: onset strength in four bands and a running sum of semitone spectra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 44100
FRAME_RATE_HZ = 100
HARMONY_RATE_HZ = 20
_HOP, _WINDOW = 441, 2048
_DECIMATION, _HARMONY_WINDOW = 4, 2048
_BAND_EDGES_HZ = (150, 700, 4000)  # low (kick, bass), low-mid, mid (snare, comping), high (hats)
_BAND_WEIGHTS = np.array([0.9, 0.5, 0.6, 0.6], np.float32)
_SILENT_RMS = 1e-5
_QUIET_POWER = 1e-6


@dataclass(frozen=True, eq=False)
class OnsetWindow:
    """bands [frames, 4] and activation [frames] at 100 Hz; harmony: running sum [frames + 1, 60] at 20 Hz."""

    bands: NDArray[np.float32]
    activation: NDArray[np.float32]
    harmony: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.activation)


def _triangles(per_octave: int, low_hz: float, high_hz: float) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    frequencies = np.arange(_WINDOW // 2 + 1) * SAMPLE_RATE_HZ / _WINDOW
    centres = low_hz * 2.0 ** (np.arange(int(np.log2(high_hz / low_hz) * per_octave) + 2) / per_octave)
    bins = np.unique(np.round(centres / frequencies[1]).astype(int))
    bins = bins[bins < len(frequencies)]
    bank = np.zeros((len(frequencies), len(bins) - 2), np.float32)
    for k, (a, m, b) in enumerate(zip(bins, bins[1:], bins[2:], strict=False)):
        bank[a : m + 1, k] = np.linspace(0, 1, m - a + 1)
        bank[m : b + 1, k] = np.linspace(1, 0, b - m + 1)
    return bank / bank.sum(0), frequencies[bins[1:-1]]


_BANK, _CENTRES_HZ = _triangles(12, 30, 17000)
_GROUPS = np.eye(4, dtype=np.float32)[np.digitize(_CENTRES_HZ, _BAND_EDGES_HZ)]
_HANN = np.hanning(_WINDOW).astype(np.float32)


def _semitone_bank() -> NDArray[np.float32]:
    f = np.arange(_HARMONY_WINDOW // 2 + 1) * SAMPLE_RATE_HZ / _DECIMATION / _HARMONY_WINDOW
    pitch = 69 + 12 * np.log2(np.maximum(f, 1) / 440)
    return np.maximum(0, 1 - np.abs(pitch[:, None] - np.arange(33, 93)[None])).astype(np.float32)


_SEMITONES = _semitone_bank()
LOG_BANDS = _BANK.shape[1]
"""Of `log_spectrum`."""


def log_spectrum(x: NDArray[np.float32], chunk: int = 1500) -> NDArray[np.float32]:
    """log10(1 + magnitude) in bands of a twelfth of an octave, [frames, bands] at 100 Hz; frames centred on their time."""
    frames = int(np.ceil(len(x) / _HOP))
    padded = np.concatenate([np.zeros(_WINDOW // 2, np.float32), x, np.zeros(_WINDOW + _HOP, np.float32)])
    view = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    parts = [np.abs(scipy.fft.rfft(view[a : min(a + chunk, frames)] * _HANN, axis=1, workers=1)) @ _BANK for a in range(0, frames, chunk)]
    return np.log10(1 + np.concatenate(parts)) if parts else np.zeros((0, _BANK.shape[1]), np.float32)


def _flux(x: NDArray[np.float32], chunk: int = 1500) -> NDArray[np.float32]:
    """Half-wave rectified log flux over two frames against a three-band maximum (vibrato suppression), [frames, 4]."""
    frames = int(np.ceil(len(x) / _HOP))
    padded = np.concatenate([np.zeros(_WINDOW // 2, np.float32), x, np.zeros(_WINDOW + _HOP, np.float32)])
    view = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    out, before = np.zeros((frames, 4), np.float32), None
    for a in range(0, frames, chunk):
        part = view[a : min(a + chunk, frames)] * _HANN
        log = np.log10(1 + np.abs(scipy.fft.rfft(part, axis=1, workers=1)) @ _BANK)
        joined = log if before is None else np.vstack([before, log])
        widened = scipy.ndimage.maximum_filter1d(joined, 3, axis=1)
        rise = np.maximum(0, joined[2:] - widened[:-2]) @ _GROUPS
        out[a + (2 if before is None else 0) : a + len(log)] = rise
        before = joined[-2:]
    return out


def _semitones(x: NDArray[np.float32], chunk: int = 1000) -> NDArray[np.float32]:
    """Log semitone spectrum from A1, [frames, 60] at 20 Hz. Averaging four samples aliases, which a change cue does not mind."""
    y = x[: len(x) // _DECIMATION * _DECIMATION].reshape(-1, _DECIMATION).mean(1)
    hop = SAMPLE_RATE_HZ / _DECIMATION / HARMONY_RATE_HZ
    frames = int(np.ceil(len(y) / hop))
    padded = np.concatenate([np.zeros(_HARMONY_WINDOW // 2, np.float32), y, np.zeros(_HARMONY_WINDOW + 600, np.float32)])
    starts = (np.arange(frames) * hop).astype(int)
    view = np.lib.stride_tricks.sliding_window_view(padded, _HARMONY_WINDOW)
    hann, out = np.hanning(_HARMONY_WINDOW).astype(np.float32), np.empty((frames, 60), np.float32)
    for a in range(0, frames, chunk):
        out[a : a + chunk] = np.abs(scipy.fft.rfft(view[starts[a : a + chunk]] * hann, axis=1, workers=1)) @ _SEMITONES
    return np.log1p(out)


def normalise(flux: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Local level (6 s) and local mean (0.6 s) removed per band -> bands [frames, 4], activation [frames] in 0..1."""
    power = np.maximum(0, scipy.ndimage.uniform_filter1d(flux * flux, 600, axis=0))  # a running sum leaves less than nothing in silence
    whole = power.sum(1)
    sounding = whole > _QUIET_POWER * whole.max()  # a long silence says nothing about how loud the rest is
    level = np.sqrt(power) + 0.05 * np.sqrt((flux * flux)[sounding].mean(0)) + 1e-6
    relative = flux / level
    bands = scipy.ndimage.gaussian_filter1d(np.maximum(0, relative - scipy.ndimage.uniform_filter1d(relative, 60, axis=0)), 1.2, axis=0)
    joint = bands @ _BAND_WEIGHTS
    activation = np.clip(joint / (np.percentile(joint[sounding], 98) + 1e-9), 0, 1)
    return bands.astype(np.float32), activation.astype(np.float32)


def running_sum(x: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, 0, dtype=np.float64)])


def hear(mono: NDArray[np.float32]) -> OnsetWindow | None:
    """Features of one window of mono audio at 44.1 kHz; None for silence."""
    rms = float(np.sqrt(np.mean(mono * mono))) if len(mono) else 0.0
    if rms < _SILENT_RMS:
        return None
    x = mono * np.float32(0.1 / rms)
    bands, activation = normalise(_flux(x))
    return OnsetWindow(bands, activation, running_sum(_semitones(x)))
