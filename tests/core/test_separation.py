"""Stems add up to the recording, whatever its rate, channels and level; the network helps; memory does not grow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sideman.core.audio import AudioClip, Recording, read_all, resample
from sideman.core.evaluation.separation import hpss_split, si_sdr
from sideman.core.music import StemRole
from sideman.core.separation import PreviewSeparator, Quality, write_set
from sideman.core.separation.backends.preview.bands import BANDS, BINS, expand, long_term_spectrum
from sideman.core.separation.backends.preview.network import MaskNetwork
from sideman.core.separation.backends.preview.streaming import masked_blocks
from sideman.core.separation.backends.preview.strokes import by_repetition
from sideman.errors import Cancelled
from sideman.testing import ShortSong, noise


def excerpt(song: ShortSong, seconds: float = 6.0) -> AudioClip:
    return AudioClip(song.mixture.samples[:, 44100 * 8 : 44100 * 8 + round(seconds * 44100)], 44100)


def test_masks_sum_to_one() -> None:
    features = np.random.default_rng(0).normal(size=(5, BANDS, 37)).astype(np.float32)
    masks = MaskNetwork.default()(features)
    assert masks.shape == (4, BANDS, 37)
    assert np.allclose(masks.sum(0), 1, atol=1e-5) and masks.min() >= 0
    bins = expand(masks)
    assert bins.shape == (4, 37, BINS) and np.allclose(bins.sum(0), 1, atol=1e-5)


def test_the_long_term_spectrum_tells_steady_from_rare() -> None:
    """Band 3 sounds all the time, band 9 in one frame of a hundred, band 20 never; the level cancels out."""
    power = np.zeros((100, BANDS), np.float32)
    power[:, 3], power[50, 9] = 2.0, 200.0
    known = [long_term_spectrum(p.mean(0), np.sqrt(p).mean(0), float(p.mean())) for p in (power, power * 100)]
    assert known[0][0, 3] == pytest.approx(known[0][0, 9], abs=1e-4) and known[0][0, 20] < known[0][0, 3] - 2
    assert known[0][1, 3] == pytest.approx(1, abs=1e-3) and known[0][1, 9] == pytest.approx(0.01, abs=1e-3)
    assert np.allclose(known[0], known[1], atol=1e-3)


def test_the_network_is_the_size_it_says() -> None:
    weights = np.load(Path(__file__).parents[2] / "src/sideman/core/separation/backends/preview/weights.npz")
    assert sum(weights[k].size for k in weights.files) == pytest.approx(438_000, rel=0.01)


@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (44100, 1), (48000, 2), (22050, 1), (44100, 6)])
def test_written_stems_and_residual_are_the_recording(song: ShortSong, tmp_path: Path, rate: int, channels: int) -> None:
    clip = resample(excerpt(song), rate)
    samples = np.stack([clip.samples[c % 2] * (1 - 0.1 * c) for c in range(channels)])
    with Recording.from_clip(AudioClip(samples.astype(np.float32), rate)) as recording:
        stems = PreviewSeparator().separate(recording, recording.scratch_folder)
        written = write_set(recording, stems, tmp_path)
    files = [*(s.path for s in written.stems), written.residual]
    total = sum(soundfile.read(f, dtype="float64", always_2d=True)[0] for f in files)
    assert total.shape == (samples.shape[1], channels)
    assert 20 * np.log10(np.abs(total.T - samples).max() + 1e-12) <= -90
    assert written.residual_db < -60
    assert all(f.suffix == ".flac" for f in files)


def test_a_set_that_passes_full_scale_is_written_as_float(song: ShortSong, tmp_path: Path) -> None:
    clip = excerpt(song, 3.0)
    with Recording.from_clip(AudioClip(clip.samples * 3, 44100)) as recording:
        stems = PreviewSeparator().separate(recording, recording.scratch_folder)
        written = write_set(recording, stems, tmp_path)
        original = read_all(recording.audio)
    assert written.suffix == ".wav"
    total = sum(soundfile.read(p, dtype="float64", always_2d=True)[0] for p in [*(s.path for s in written.stems), written.residual])
    assert np.abs(total.T - original).max() < 1e-6


def test_stems_are_better_than_the_mixture_and_a_plain_split(song: ShortSong) -> None:
    """On a recording whose stems are known: drums and bass gain at least 5 dB over the mixture and beat the median filter."""
    clip = AudioClip(song.mixture.samples[:, : 44100 * 20], 44100)
    scale = song.mixture.samples[0, 44100 * 9] / sum(s.samples[0, 44100 * 9] for s in song.stems.values())
    plain = hpss_split(clip.samples, 44100)
    with Recording.from_clip(clip) as recording:
        for stem in PreviewSeparator().separate(recording, recording.scratch_folder):
            if stem.role not in (StemRole.DRUMS, StemRole.BASS):
                continue
            truth = song.stems[stem.role].samples[:, : clip.frames] * scale
            own = si_sdr(read_all(stem.audio), truth)
            assert own > si_sdr(clip.samples, truth) + 5
            assert own > si_sdr(plain[stem.role], truth)


def test_blocks_leave_no_seam(song: ShortSong, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two block plans differ only as far as the context at the seams and the strokes in a block go."""
    clip = AudioClip(song.mixture.samples[:, : 44100 * 12], 44100)
    network = MaskNetwork.default()
    whole = np.concatenate(list(masked_blocks(clip, network)), axis=2)
    monkeypatch.setattr("sideman.core.separation.backends.preview.streaming.BLOCK_FRAMES", 300)
    parts = np.concatenate(list(masked_blocks(clip, network)), axis=2)
    assert parts.shape == whole.shape
    assert si_sdr(parts[0], whole[0]) > 20 and si_sdr(parts[1], whole[1]) > 20 and si_sdr(parts[2], whole[2]) > 40


def test_what_repeats_is_the_drum_and_what_changes_is_the_bass() -> None:
    """Every kick begins with a note of another pitch, and the network gave nine tenths of both to the drums."""
    rng, windows = np.random.default_rng(0), 400
    decay = np.exp(-np.arange(20) / 4)[:, None]
    kick, bass = np.zeros((windows, BINS), np.float32), np.zeros((windows, BINS), np.float32)
    shape = np.exp(-0.5 * ((np.arange(BINS) - 5) / 1.5) ** 2)
    for start in range(10, 370, 24):
        kick[start : start + 20] += rng.uniform(0.7, 1) * decay * shape
        note = rng.integers(4, 16)
        bass[start : start + 20, note - 1 : note + 2] += decay * np.array([0.4, 0.8, 0.4])
    power = kick**2 + bass**2
    masks = np.zeros((4, windows, BINS), np.float32)
    masks[0], masks[1] = 0.9, 0.1
    better = by_repetition(power, masks)
    assert np.allclose(better.sum(0), 1, atol=1e-5) and better.min() >= -1e-6
    assert np.array_equal(better[2:], masks[2:]) and np.array_equal(better[:, :, 20:], masks[:, :, 20:])

    def error(found: np.ndarray) -> float:
        return float(((np.sqrt(power) * found[0] - kick) ** 2)[:, :14].sum() / (kick[:, :14] ** 2).sum())

    assert error(better) < 0.5 * error(masks)
    assert np.array_equal(by_repetition(power[:60], masks[:, :60]), masks[:, :60]), "three strokes say nothing"


def test_quality_is_named_honestly(song: ShortSong) -> None:
    with Recording.from_clip(excerpt(song, 2.0)) as recording:
        quality = {s.role: s.quality for s in PreviewSeparator().separate(recording, recording.scratch_folder)}
    assert quality[StemRole.VOCALS] is quality[StemRole.OTHER] is Quality.EXPERIMENTAL
    assert quality[StemRole.DRUMS] is Quality.PREVIEW


def test_separation_can_be_cancelled() -> None:
    def stop(share: float) -> None:
        raise Cancelled("stop")

    with Recording.from_clip(noise(12)) as recording, pytest.raises(Cancelled):
        PreviewSeparator().separate(recording, recording.scratch_folder, stop)


@pytest.mark.parametrize("frames", [1, 100, 5000])
def test_very_short_recordings_keep_their_length(frames: int) -> None:
    clip = AudioClip(noise(1.0).samples[:, :frames], 44100)
    with Recording.from_clip(clip) as recording:
        for stem in PreviewSeparator().separate(recording, recording.scratch_folder):
            assert stem.audio.frames == frames
