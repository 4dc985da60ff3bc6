"""Loudness, true peak, lengths, minus one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sideman import bootstrap
from sideman.app.mixing import MixInput
from sideman.app.workflows.names import file_name, free_name
from sideman.core.audio import AudioClip, Recording, lossless_facts, measure, read_all, write_audio
from sideman.core.mixing import Lane, difference, master, sum_lanes
from sideman.errors import UsageError
from sideman.testing import ShortSong, faded_tone, noise


@pytest.mark.parametrize("gain", [0.05, 0.4, 1.0, 4.0])
def test_a_mix_reaches_its_loudness_and_stays_under_its_ceiling(song: ShortSong, tmp_path: Path, gain: float) -> None:
    loud = AudioClip(song.mixture.samples * np.float32(gain), 44100)
    mix = master(sum_lanes([Lane(loud)], loud.frames, 44100, tmp_path / "s"), tmp_path / "m")
    assert mix.loudness.integrated_lufs == pytest.approx(-14, abs=0.5)
    assert mix.loudness.true_peak_dbtp <= -1.0
    assert mix.audio.frames == loud.frames


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_a_mix_as_mp3_stays_under_its_ceiling_and_says_what_it_is(tmp_path: Path, rate: int) -> None:
    """Lossy coding raises peaks: what counts is what the file gives back."""
    t = np.arange(8 * rate) / rate
    hits = np.random.default_rng(1).normal(0, 1, len(t)) * np.exp(-(t % 0.5) * 25)
    write_audio(AudioClip(((2 * (t * 110 % 1) - 1) * 0.3 + hits * 0.6).astype(np.float32)[None] * 0.5, rate), tmp_path / "a.wav")
    said = bootstrap.mix([MixInput(tmp_path / "a.wav")], tmp_path / "a.mp3", -9)
    with Recording.open(tmp_path / "a.mp3") as found:
        heard = measure(found.audio)
    assert heard.true_peak_dbtp <= -0.95 and heard.integrated_lufs == pytest.approx(-9, abs=0.5)
    assert (said.integrated_lufs, said.true_peak_dbtp) == pytest.approx((heard.integrated_lufs, heard.true_peak_dbtp), abs=0.01)


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


@pytest.mark.parametrize(
    ("level", "lufs", "out", "why"),
    [
        (float("nan"), -14.0, "m.wav", "a level lies within"),
        (1e4, -14.0, "m.wav", "a level lies within"),
        (0.0, float("nan"), "m.wav", "cannot have nan LUFS"),
        (0.0, 5.0, "m.wav", "choose -60 to 0"),
        (0.0, -14.0, "a.wav", "one of the files to mix"),
        (0.0, -14.0, "m.ogg", r"not \.ogg"),
    ],
)
def test_a_mix_that_cannot_be_is_refused_and_harms_nothing(tmp_path: Path, level: float, lufs: float, out: str, why: str) -> None:
    write_audio(faded_tone(300, 1.0), tmp_path / "a.wav")
    before = (tmp_path / "a.wav").read_bytes()
    with pytest.raises(UsageError, match=why):
        bootstrap.mix([MixInput(tmp_path / "a.wav", level)], tmp_path / out, lufs)
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"] and (tmp_path / "a.wav").read_bytes() == before


def test_a_suffix_may_have_capitals(tmp_path: Path) -> None:
    write_audio(faded_tone(300, 1.0), tmp_path / "a.wav")
    bootstrap.mix([MixInput(tmp_path / "a.wav", pan=0.5)], tmp_path / "M.FLAC", -20.0)
    assert (tmp_path / "M.FLAC").read_bytes()[:4] == b"fLaC" and lossless_facts(tmp_path / "M.FLAC").channels == 2


def test_exported_names_are_files_everywhere() -> None:
    assert [file_name(n) for n in ("Bass", "a/b: c?", "हिन्दी गीत", "Cafe\u0301", "con", "nul", "  ", "x" * 300)] == [
        "Bass", "a_b_ c_", "हिन्दी गीत", "Café", "con_", "nul_", "stem", "x" * 200,
    ]  # fmt: skip
    taken: set[str] = set()
    assert [free_name(n, taken) for n in ("Bass", "bass", "BASS", "drums", "Straße", "STRASSE")] == [
        "Bass", "bass 2", "BASS 3", "drums", "Straße", "STRASSE 2",
    ]  # fmt: skip
