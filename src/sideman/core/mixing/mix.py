"""Mixes: lanes are summed, brought to a loudness, and kept under a true peak. Streaming, exactly as long as the song."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sideman.core.audio import AudioReader, Loudness, Samples, ScratchAudio, ScratchWriter, fold_to_stereo, integrated_loudness, measure
from sideman.core.mixing.limiter import Curve, limiting_curve, true_peaks, with_gain

TARGET_LUFS, CEILING_DBTP = -14.0, -1.0
SAFETY_DB = 0.1
BLOCK_S = 10
LOUDNESS_PASSES, LOUDNESS_TOLERANCE_LU = 5, 0.15
MAKE_UP_DB = 6.0
CEILING_PASSES = 3


@dataclass(frozen=True, eq=False)
class Lane:
    """One row of a mix. gain_db is applied before summing; pan -1..1 (balance of a stereo lane)."""

    audio: AudioReader
    gain_db: float = 0.0
    pan: float = 0.0


def _stereo(x: Samples, lane: Lane) -> Samples:
    """A lane as two channels, with its gain and balance."""
    y = fold_to_stereo(x)
    gain = np.float32(10 ** (lane.gain_db / 20))
    balance = np.array([[min(1.0, 1 - lane.pan)], [min(1.0, 1 + lane.pan)]], np.float32)
    return y * gain * balance


def sum_lanes(lanes: Sequence[Lane], frames: int, sample_rate_hz: int, path: Path) -> ScratchAudio:
    """Stereo sum in float: nothing is clipped here. Lanes must be at the same rate."""
    block = BLOCK_S * sample_rate_hz
    with ScratchWriter(path, sample_rate_hz, 2) as writer:
        for start in range(0, frames, block):
            out = np.zeros((2, min(block, frames - start)), np.float32)
            for lane in lanes:
                x = _stereo(lane.audio.read(start, out.shape[1]).samples, lane)
                out[:, : x.shape[1]] += x
            writer.write(out)
        return writer.finish()


@dataclass(frozen=True, eq=False)
class Mix:
    audio: ScratchAudio
    loudness: Loudness


def master(dry: ScratchAudio, path: Path, target_lufs: float = TARGET_LUFS, ceiling_dbtp: float = CEILING_DBTP) -> Mix:
    """Loudness normalised, true peak limited. Limiting costs loudness, so the gain is corrected by what was lost."""
    loudness = integrated_loudness(dry)
    known = bool(np.isfinite(loudness))  # silence, and sounds shorter than a gating block, have no loudness: they are only limited
    gain_db, ceiling = target_lufs - loudness if known else 0.0, 10 ** ((ceiling_dbtp - SAFETY_DB) / 20)
    peaks = true_peaks(dry, ceiling / 10 ** ((gain_db + MAKE_UP_DB) / 20))
    most = gain_db + MAKE_UP_DB
    for _ in range(LOUDNESS_PASSES):
        curve = limiting_curve(peaks, 10 ** (gain_db / 20), ceiling, dry.sample_rate_hz)
        audio = _with_curve(dry, curve, path)
        missing = target_lufs - integrated_loudness(audio) if known else 0.0
        if abs(missing) < LOUDNESS_TOLERANCE_LU or gain_db >= most:
            break
        gain_db = min(most, gain_db + missing)
    found = measure(audio)
    for _ in range(CEILING_PASSES):
        if found.true_peak_dbtp <= ceiling_dbtp:
            break
        ceiling *= 10 ** ((ceiling_dbtp - found.true_peak_dbtp) / 20 - 0.001)  # four times oversampling hears the highest tones too low
        curve = limiting_curve(peaks, 10 ** (gain_db / 20), ceiling, dry.sample_rate_hz)
        audio = _with_curve(dry, curve, path)
        found = measure(audio)
    return Mix(audio, found)


def _with_curve(dry: ScratchAudio, curve: Curve, path: Path) -> ScratchAudio:
    block = BLOCK_S * dry.sample_rate_hz
    with ScratchWriter(path, dry.sample_rate_hz, 2) as writer:
        for start in range(0, dry.frames, block):
            writer.write(with_gain(dry.read(start, block).samples, start, curve))
        return writer.finish()


def difference(song: AudioReader, stem: AudioReader, path: Path) -> ScratchAudio:
    """The song without a stem, at the song's own level and channels: minus one."""
    block = BLOCK_S * song.sample_rate_hz
    with ScratchWriter(path, song.sample_rate_hz, song.channels) as writer:
        for start in range(0, song.frames, block):
            writer.write(song.read(start, block).samples - stem.read(start, block).samples)
        return writer.finish()
