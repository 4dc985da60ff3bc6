"""Decoding, encoding, resampling, loudness: exact lengths, exact values, one sentence for bad input."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from sideman.core.audio import (
    AudioClip,
    Mp3Writer,
    PcmWriter,
    Recording,
    fold_to_stereo,
    measure,
    probe,
    quantised_24,
    read_all,
    resample,
    resampled_frames,
    write_audio,
)
from sideman.core.audio.resampling import StreamResampler
from sideman.errors import NoAudio, UnreadableAudio
from sideman.testing import faded_tone, noise


def encode(path: Path, clip: AudioClip, codec: str, **options: int) -> None:
    """Write a clip with any FFmpeg codec."""
    layout = "mono" if clip.channels == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=clip.sample_rate_hz, layout=layout, **options)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(clip.samples), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = clip.sample_rate_hz, 0
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=clip.sample_rate_hz, frame_size=stream.frame_size or 1024)
        for f in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(f))


@pytest.mark.parametrize(
    ("suffix", "codec", "tolerance_s"),
    [
        (".mp3", "libmp3lame", 0.06),
        (".m4a", "aac", 0.06),
        (".ac3", "ac3", 0.06),
        (".opus", "libopus", 0.03),
        (".flac", "flac", 0),
        (".wav", "pcm_s16le", 0),
    ],
)
def test_decodes_what_ffmpeg_reads(tmp_path: Path, suffix: str, codec: str, tolerance_s: float) -> None:
    clip = faded_tone(440, 2.0, 48000)
    encode(tmp_path / f"tone{suffix}", clip, codec)
    with Recording.open(tmp_path / f"tone{suffix}") as got:
        assert (got.channels, got.sample_rate_hz) == (2, 48000)
        assert got.duration_s == pytest.approx(2.0, abs=tolerance_s + 1e-9)
        spectrum = np.abs(np.fft.rfft(read_all(got.audio)[0, 20000:60000]))
        assert np.argmax(spectrum) * 48000 / 40000 == pytest.approx(440, abs=1.3)


@pytest.mark.parametrize(("channels", "layout"), [(3, "3.0"), (6, "5.1"), (8, "7.1"), (16, "hexadecagonal")])
def test_every_channel_of_many_is_its_own(tmp_path: Path, channels: int, layout: str) -> None:
    levels = np.linspace(-0.9, 0.9, channels, dtype=np.float32)[:, None] * np.ones((1, 5000), np.float32)
    with av.open(str(tmp_path / "many.mka"), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=48000, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(levels.T).reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts = 48000, 0
        for f in (frame, None):
            container.mux(stream.encode(f))
    with Recording.open(tmp_path / "many.mka") as got:
        np.testing.assert_array_equal(read_all(got.audio), levels)


def test_a_recording_of_one_frame_keeps_one_at_any_rate() -> None:
    assert [resampled_frames(n, 192_000, 44_100) for n in (0, 1, 2, 192_000)] == [0, 1, 1, 44_100]


def test_tags_are_kept(tmp_path: Path) -> None:
    with Mp3Writer(tmp_path / "t.mp3", 44100, 2, tags={"title": "Blå ✓", "artist": "A"}) as out:
        out.write(faded_tone(300, 1).samples)
    info = probe(tmp_path / "t.mp3")
    assert (info.tag("title"), info.tag("artist"), info.codec) == ("Blå ✓", "A", "mp3float")


def test_a_damaged_middle_costs_only_itself(tmp_path: Path) -> None:
    with Mp3Writer(tmp_path / "ok.mp3", 44100, 2) as out:
        out.write(faded_tone(300, 4).samples)
    data = bytearray((tmp_path / "ok.mp3").read_bytes())
    data[40000:43000] = bytes(3000)
    (tmp_path / "bad.mp3").write_bytes(data)
    with Recording.open(tmp_path / "bad.mp3") as got:
        assert 3.4 < got.duration_s <= 4.1


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("empty.mp3", b"", NoAudio),
        ("text.mp3", b"these are words, not music\n" * 40, UnreadableAudio),
        (
            "header_only.wav",
            b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00D\xac\x00\x00\x88X\x01\x00\x02\x00\x10\x00data\x00\x00\x00\x00",
            NoAudio,
        ),
        ("cut.m4a", b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom\x00\x00\x00\x00", UnreadableAudio),
    ],
)
def test_bad_files_get_one_sentence(tmp_path: Path, name: str, content: bytes, error: type[Exception]) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error) as caught:
        Recording.open(tmp_path / name)
    text = str(caught.value)
    assert name in text and "\n" not in text and len(text) < 200


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UnreadableAudio, match=r"nowhere\.mp3 is not a file"):
        Recording.open("nowhere.mp3")


def test_nan_becomes_silence_and_is_counted() -> None:
    clip = noise(1.0)
    clip.samples[0, 100:110] = np.nan
    clip.samples[1, 5] = np.inf
    with Recording.from_clip(clip) as got:
        assert got.condition.replaced_samples == 11
        assert np.isfinite(read_all(got.audio)).all()


def test_antiphase_is_heard_through_one_channel() -> None:
    tone = faded_tone(440, 3.0, channels=1).samples
    with Recording.from_clip(AudioClip(np.concatenate([tone, -tone]), 44100)) as got:
        assert got.condition.antiphase
        assert np.abs(read_all(got.mono(44100))).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("silent_channel", [0, 1])
def test_a_silent_channel_is_no_antiphase(silent_channel: int) -> None:
    samples = noise(2.0).samples.copy()
    samples[silent_channel] = 0
    with Recording.from_clip(AudioClip(samples, 44100)) as got:
        assert not got.condition.antiphase


def test_dc_is_taken_out_of_the_mono_view_only() -> None:
    clip = faded_tone(440, 2.0)
    shifted = AudioClip(clip.samples + np.float32(0.2), 44100)
    with Recording.from_clip(shifted) as got:
        assert abs(read_all(got.mono(44100)).mean()) < 1e-4
        assert read_all(got.audio).mean() == pytest.approx(0.2, abs=1e-3)


@pytest.mark.parametrize("rate", [22050, 48000, 96000, 11025])
def test_streamed_resampling_equals_the_whole_and_has_the_exact_length(rate: int) -> None:
    clip = noise(3.3, rms=0.1)
    whole = resample(clip, rate).samples
    stream = StreamResampler(44100, rate, 2, whole.shape[1])
    edges = [0, 10, 5000, 70001, clip.frames]
    parts = [stream.push(clip.samples[:, a:b], last=b == clip.frames) for a, b in itertools.pairwise(edges)]
    assert np.concatenate(parts, 1).shape == whole.shape
    assert np.abs(np.concatenate(parts, 1) - whole).max() < 1e-4


def test_24_bit_flac_keeps_the_quantised_value_exactly(tmp_path: Path) -> None:
    clip = noise(0.5, rms=0.2)
    clip.samples[0, :3] = [1.5, -1.5, 2**-24]
    write_audio(clip, tmp_path / "x.flac")
    read, _ = soundfile.read(tmp_path / "x.flac", dtype="float64", always_2d=True)
    assert soundfile.info(tmp_path / "x.flac").subtype == "PCM_24"
    assert np.array_equal(read.T.astype(np.float32), quantised_24(clip.samples))


def test_float_wav_keeps_what_lies_above_full_scale(tmp_path: Path) -> None:
    clip = faded_tone(100, 0.2, peak=1.7)
    write_audio(clip, tmp_path / "x.wav")
    read, _ = soundfile.read(tmp_path / "x.wav", dtype="float32", always_2d=True)
    assert np.array_equal(read.T, clip.samples)


def test_an_error_while_writing_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), PcmWriter(tmp_path / "x.flac", 44100, 2) as out:
        out.write(faded_tone(100, 0.1).samples)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("peak_db", "lufs"), [(-23.0, -23.0), (-33.0, -33.0)])
def test_loudness_of_the_ebu_tone(peak_db: float, lufs: float) -> None:
    """EBU Tech 3341, case 1 and 2: a stereo 1 kHz sine at -23 dBFS reads -23 LUFS."""
    tone = faded_tone(1000, 20.0, 48000, peak=10 ** (peak_db / 20))
    got = measure(tone)
    assert got.integrated_lufs == pytest.approx(lufs, abs=0.1)
    assert got.true_peak_dbtp == pytest.approx(peak_db, abs=0.2)


def test_true_peak_sees_between_the_samples() -> None:
    """A quarter-rate sine at 45 degrees has samples at 0.707 of its peak (EBU Tech 3341, case 15 and on)."""
    n = np.arange(48000 * 3)
    fade = np.clip(np.minimum(n, len(n) - n) / 4800, 0, 1)
    mono = (0.5 * fade * np.sin(2 * np.pi * n / 4 + np.pi / 4)).astype(np.float32)
    got = measure(AudioClip(np.stack([mono, mono]), 48000))
    assert got.true_peak_dbtp == pytest.approx(-6.0, abs=0.4)


def test_the_centre_of_a_surround_recording_is_in_the_middle() -> None:
    centre = np.zeros((6, 10), np.float32)
    centre[2] = 1
    assert np.allclose(fold_to_stereo(centre), 0.7071, atol=1e-4)
    back_left = np.zeros((5, 10), np.float32)
    back_left[3] = 1
    assert fold_to_stereo(back_left)[0, 0] > 0.7 and fold_to_stereo(back_left)[1, 0] == 0


def test_silence_has_no_loudness() -> None:
    assert measure(AudioClip(np.zeros((2, 44100 * 2), np.float32), 44100)).integrated_lufs == -np.inf


@pytest.mark.parametrize(("hours", "kind"), [(1, "WAV"), (4, "RF64")])
def test_a_wav_of_more_than_four_gigabytes_has_a_header_that_can_say_so(tmp_path: Path, hours: int, kind: str) -> None:
    with PcmWriter(tmp_path / "x.wav", 44100, 2, hours * 3600 * 44100) as out:
        out.write(np.zeros((2, 1000), np.float32))
    assert soundfile.info(tmp_path / "x.wav").format == kind
