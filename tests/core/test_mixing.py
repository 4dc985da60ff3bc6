"""Loudness, true peak, lengths, minus one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sideman.core.audio import AudioClip, measure, read_all
from sideman.core.mixing import Lane, difference, master, sum_lanes
from sideman.testing import ShortSong, faded_tone, noise


@pytest.mark.parametrize("gain", [0.05, 0.4, 1.0, 4.0])
def test_a_mix_reaches_its_loudness_and_stays_under_its_ceiling(song: ShortSong, tmp_path: Path, gain: float) -> None:
    loud = AudioClip(song.mixture.samples * np.float32(gain), 44100)
    mix = master(sum_lanes([Lane(loud)], loud.frames, 44100, tmp_path / "s"), tmp_path / "m")
    assert mix.loudness.integrated_lufs == pytest.approx(-14, abs=0.5)
    assert mix.loudness.true_peak_dbtp <= -1.0
    assert mix.audio.frames == loud.frames


def test_a_quiet_dense_mix_is_only_scaled(tmp_path: Path) -> None:
    clip = noise(8, rms=0.02)
    mix = master(sum_lanes([Lane(clip)], clip.frames, 44100, tmp_path / "s"), tmp_path / "m", target_lufs=-30)
    ratio = read_all(mix.audio) / clip.samples
    assert np.ptp(ratio[np.abs(clip.samples) > 0.01]) < 1e-3


def test_lanes_are_summed_with_gain_and_pan(tmp_path: Path) -> None:
    a, b = faded_tone(200, 1.0, channels=1), faded_tone(300, 1.0)
    got = read_all(sum_lanes([Lane(a, -6.0206), Lane(b, 0.0, -1.0)], a.frames, 44100, tmp_path / "s"))
    assert np.allclose(got[1], a.samples[0] * 0.5, atol=1e-4)
    assert np.allclose(got[0], a.samples[0] * 0.5 + b.samples[0], atol=1e-4)


def test_silence_stays_silence(tmp_path: Path) -> None:
    clip = AudioClip(np.zeros((2, 44100 * 3), np.float32), 44100)
    assert np.abs(read_all(master(sum_lanes([Lane(clip)], clip.frames, 44100, tmp_path / "s"), tmp_path / "m").audio)).max() == 0


def test_minus_one_is_the_song_without_the_stem(song: ShortSong, tmp_path: Path) -> None:
    stem = AudioClip(song.mixture.samples * np.float32(0.3), 44100)
    rest = difference(song.mixture, stem, tmp_path / "d")
    assert np.allclose(read_all(rest), song.mixture.samples * 0.7, atol=1e-6)
    assert measure(rest).integrated_lufs < measure(song.mixture).integrated_lufs
