"""What madmom's own code (BSD) makes of signals and activations that this script draws: no network of madmom's has a part in it.

Run where madmom is installed: python tests/golden/make_madmom.py tests/golden/madmom.npz
"""

from __future__ import annotations

import sys

import numpy as np
from madmom.audio.signal import FramedSignalProcessor, Signal, SignalProcessor
from madmom.audio.spectrogram import (
    FilteredSpectrogramProcessor,
    LogarithmicFilteredSpectrogramProcessor,
    LogarithmicSpectrogramProcessor,
    SpectrogramDifferenceProcessor,
)
from madmom.audio.stft import ShortTimeFourierTransformProcessor
from madmom.features.beats import DBNBeatTrackingProcessor
from madmom.features.downbeats import DBNDownBeatTrackingProcessor
from madmom.features.notes import NotePeakPickingProcessor
from madmom.ml.crf import ConditionalRandomField
from madmom.processors import ParallelProcessor, SequentialProcessor


def activation(rng, bpm, beats_per_bar, frames, drift):
    """Noise with bumps at a drifting pulse: [frames, 2], beat and downbeat."""
    out = rng.uniform(0, 0.08, (frames, 2)).astype(np.float32)
    t, k = 0.3, int(rng.integers(beats_per_bar))
    while t * 100 < frames - 2:
        i, column = int(t * 100), 1 if k % beats_per_bar == 0 else 0
        out[i, column] += rng.uniform(0.3, 0.8)
        out[i + 1, column] += rng.uniform(0, 0.15)
        t += 60 / bpm * (1 + drift * rng.normal())
        k += 1
    return np.minimum(out, 0.97 - out[:, ::-1] * 0.99)


def spectra(samples):
    signal = SignalProcessor(num_channels=1, sample_rate=44100)
    multi = ParallelProcessor([])
    for frame_size, bands in zip((1024, 2048, 4096), (3, 6, 12), strict=True):
        multi.append(
            SequentialProcessor(
                (
                    FramedSignalProcessor(frame_size=frame_size, fps=100),
                    ShortTimeFourierTransformProcessor(),
                    FilteredSpectrogramProcessor(num_bands=bands, fmin=30, fmax=17000, norm_filters=True),
                    LogarithmicSpectrogramProcessor(mul=1, add=1),
                    SpectrogramDifferenceProcessor(diff_ratio=0.5, positive_diffs=True, stack_diffs=np.hstack),
                )
            )
        )
    chord = SequentialProcessor(
        (
            signal,
            FramedSignalProcessor(frame_size=8192, fps=10),
            ShortTimeFourierTransformProcessor(),
            LogarithmicFilteredSpectrogramProcessor(num_bands=24, fmin=60, fmax=2600, unique_filters=True),
        )
    )
    mono = Signal(samples, sample_rate=44100, num_channels=1)
    return SequentialProcessor((signal, multi, np.hstack))(mono), np.asarray(chord(mono))


def main(out):
    rng, data = np.random.default_rng(5), {}
    t = np.arange(int(0.6 * 44100)) / 44100
    x = 0.3 * np.sin(2 * np.pi * 220 * t) * np.exp(-3 * t) + 0.1 * rng.normal(0, 1, len(t)) * (t > 0.3)
    data["samples"] = (x * 20000).astype(np.int16)
    data["downbeat_spectra"], data["chord_spectra"] = spectra(data["samples"])
    for k, (bpm, bar, drift) in enumerate(((122, 4, 0.01), (88, 3, 0.02), (171, 4, 0.0), (64, 3, 0.03), (140, 4, 0.06))):
        act = activation(rng, bpm, bar, 1400 + 130 * k, drift)
        data[f"activation{k}"] = act
        data[f"bars{k}"] = DBNDownBeatTrackingProcessor(beats_per_bar=[3, 4], fps=100)(act)
        data[f"beats{k}"] = DBNBeatTrackingProcessor(fps=100)(act.sum(1))
    data["bars_odd"] = DBNDownBeatTrackingProcessor(beats_per_bar=[2, 5, 7], fps=100)(data["activation2"])
    notes = np.repeat(np.repeat(rng.uniform(-0.05, 0.12, (60, 88)), 5, 0), 1, 1).astype(np.float32)
    notes += (rng.random(notes.shape) > 0.99) * rng.uniform(0.1, 0.6, notes.shape).astype(np.float32)
    pick = NotePeakPickingProcessor(threshold=0.35, smooth=0.09, combine=0.05, pre_max=0.01, post_max=0.01, fps=100, pitch_offset=21)
    data["note_activation"], data["notes"] = notes, pick(notes)
    n = 25
    crf = [rng.normal(0, 1, s).astype(np.float32) for s in ((n,), (n,), (n,), (n, n), (128, n))]
    data |= dict(zip(("crf_initial", "crf_final", "crf_bias", "crf_transition", "crf_weights"), crf, strict=True))
    features = rng.uniform(0, 1, (60, 128)).astype(np.float32)
    initial, final, bias, transition, weights = crf
    data["crf_features"], data["crf_path"] = features, ConditionalRandomField(initial, final, bias, transition, weights)(features)
    np.savez_compressed(out, **data)


if __name__ == "__main__":
    main(sys.argv[1])
