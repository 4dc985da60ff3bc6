"""Loudness by ITU-R BS.1770 / EBU R 128: libavfilter's `ebur128`, fed block by block.

Integrated loudness in LUFS, loudness range in LU (EBU Tech 3342), true peak in dBTP (four times oversampled).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf, log10

import av
import numpy as np

from sideman.core.audio.clip import AudioReader, Samples, blocks, fold_to_stereo

SILENCE_LUFS = -70.0


@dataclass(frozen=True, slots=True)
class Loudness:
    """integrated_lufs is -inf for silence: nothing passed the absolute gate."""

    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float


def decibels(ratio: float) -> float:
    """20 log10, -inf for zero."""
    return 20 * log10(ratio) if ratio > 0 else -inf


class LoudnessMeter:
    """Push [channels, frames] blocks; more than two channels are measured as their own stereo fold-down."""

    def __init__(self, sample_rate_hz: int, channels: int, true_peak: bool = True) -> None:
        self._rate, self._layout = sample_rate_hz, "mono" if channels == 1 else "stereo"
        self._graph = av.filter.Graph()
        source = self._graph.add_abuffer(
            sample_rate=sample_rate_hz, format="flt", layout=self._layout, time_base=Fraction(1, sample_rate_hz)
        )
        # dualmono: a mono file is heard from two loudspeakers, as every player does
        meter = self._graph.add("ebur128", f"metadata=1:peak={'true' if true_peak else 'none'}:framelog=quiet:dualmono=true")
        sink = self._graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        self._graph.configure()
        self._source, self._sink, self._pts = source, sink, 0
        self._last: dict[str, str] = {}
        self._sample_peak = 0.0

    def push(self, samples: Samples) -> None:
        x = samples if samples.shape[0] <= 2 else fold_to_stereo(samples)
        if not x.shape[1]:
            return
        self._sample_peak = max(self._sample_peak, float(np.abs(x).max()))
        data = np.ascontiguousarray(x.T, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(data, format="flt", layout=self._layout)
        frame.sample_rate, frame.pts = self._rate, self._pts
        self._pts += x.shape[1]
        self._source.push(frame)
        self._drain()

    def _drain(self) -> None:
        while True:
            try:
                frame = self._sink.pull()
            except (BlockingIOError, EOFError):
                return
            self._last = frame.metadata

    def result(self) -> Loudness:
        """Reading so far, the last partial 100 ms included."""
        tail = np.zeros((2 if self._layout == "stereo" else 1, self._rate // 5), np.float32)
        self.push(tail)  # the filter reports in full steps of 100 ms; silence is gated, so it changes no reading
        integrated = float(self._last.get("lavfi.r128.I", "-inf"))
        peak = max(float(self._last.get("lavfi.r128.true_peak", "0")), self._sample_peak)
        silent = integrated <= SILENCE_LUFS
        return Loudness(-inf if silent else integrated, float(self._last.get("lavfi.r128.LRA", "0")), decibels(peak))


def measure(reader: AudioReader) -> Loudness:
    """Loudness of a whole recording or clip."""
    return _measured(reader, LoudnessMeter(reader.sample_rate_hz, reader.channels))


def integrated_loudness(reader: AudioReader) -> float:
    """LUFS alone, without the oversampling that a true peak needs: three times as fast."""
    return _measured(reader, LoudnessMeter(reader.sample_rate_hz, reader.channels, true_peak=False)).integrated_lufs


def _measured(reader: AudioReader, meter: LoudnessMeter) -> Loudness:
    for block in blocks(reader, reader.sample_rate_hz * 2):
        meter.push(block)
    return meter.result()


def root_mean_square(reader: AudioReader) -> float:
    """Level of the whole recording over all channels, linear, read in blocks."""
    power, count = 0.0, 0
    for block in blocks(reader, reader.sample_rate_hz * 30):
        power += float(np.einsum("cn,cn->", block, block, dtype=np.float64))
        count += block.size
    return float(np.sqrt(power / max(count, 1)))
