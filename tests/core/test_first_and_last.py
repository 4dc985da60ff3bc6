"""What lies at the very beginning and end of a recording: strokes, beats, notes, chords and samples there count like all others."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from sideman.core.analysis import beats, chords
from sideman.core.analysis.notes.transcriber import Transcriber
from sideman.core.audio import AudioClip, AudioLimits, Recording, ScratchWriter, inspect, read_all, warp, write_audio
from sideman.core.audio.drum_hits import find_hits
from sideman.core.audio.stretching import Anchor
from sideman.core.music import BeatGrid, Chord, Meter
from sideman.errors import AudioWriteError
from sideman.testing import faded_tone, triad_song

RATE = 44100
LIMITS = AudioLimits(36_000, 16, 384_000)


def kicks(bpm: float, seconds: float, lead_s: float = 0.0) -> np.ndarray:
    """Kick on every beat, a hat between, from `lead_s` on: mono."""
    t = np.arange(int(0.25 * RATE)) / RATE
    kick = np.sin(2 * np.pi * (50 * t + 12 * (1 - np.exp(-t * 30)))) * np.exp(-t * 14)
    hat = np.random.default_rng(0).normal(0, 0.25, len(t)) * np.exp(-t * 90)
    out = np.zeros(int((lead_s + seconds) * RATE) + len(t))
    for k in np.arange(0, seconds * bpm / 60 - 1e-6, 0.5):
        at = round((lead_s + k * 60 / bpm) * RATE)
        out[at : at + len(t)] += kick if k % 1 == 0 else hat
    return out[: int((lead_s + seconds) * RATE)].astype(np.float32) * np.float32(0.7)


@pytest.mark.parametrize("bpm", [96, 120, 140])
def test_a_recording_that_is_cut_on_a_beat_begins_with_it(bpm: float) -> None:
    count = int(24 * bpm / 60)
    chords_of = [Chord.parse(c) for c in ("C:maj", "A:min", "F:maj", "G:maj")] * 4
    grid = beats.track(triad_song(BeatGrid.constant(bpm, count, Meter(4)), chords_of, 24)).grid
    assert grid is not None and grid.times[0] < 0.02
    assert np.diff(grid.times[:4]) == pytest.approx(60 / bpm, abs=0.02)


@pytest.mark.parametrize(("before_s", "behind_s"), [(0, 60), (45, 0), (30, 30)])
def test_silence_around_the_music_has_no_beats_and_changes_no_tempo(before_s: float, behind_s: float) -> None:
    x = np.concatenate([kicks(117, 40, before_s), np.zeros(int(behind_s * RATE), np.float32)])
    grid = beats.track(AudioClip(x[None], RATE)).grid
    assert grid is not None and grid.tempo_bpm == pytest.approx(117, abs=0.3)
    assert before_s - 0.1 < grid.times[0] and grid.times[-1] < before_s + 40.3
    off = (grid.times[1:-1] - before_s) % (60 / 117)
    assert np.minimum(off, 60 / 117 - off).max() < 0.03


def test_bars_over_beats_from_elsewhere_run_on_through_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window without any sound has no evidence of bars, but its beats stay."""
    truth = BeatGrid.constant(120, 96, Meter(4))
    clip = triad_song(truth, [Chord.parse(c) for c in ("C:maj", "A:min", "F:maj", "G:maj")] * 6, 48)
    clip.samples[:, 16 * clip.sample_rate_hz : 32 * clip.sample_rate_hz] = 0
    monkeypatch.setattr(beats.tracker, "WINDOW_S", 16.0)
    grid = beats.barred(clip, truth.times_s)
    assert grid is not None and grid.times_s == truth.times_s and grid.downbeats_s.tolist() == truth.downbeats_s.tolist()
    assert beats.barred(AudioClip(np.zeros_like(clip.samples), clip.sample_rate_hz), truth.times_s) is None


def test_the_first_stroke_of_a_kit_is_a_stroke() -> None:
    hits = find_hits(AudioClip(kicks(120, 6)[None], RATE))
    gaps = np.diff([h.window for h in hits])
    assert hits[0].window <= 2 and np.ptp(gaps) <= 3, "two a beat, from the first sample on"


def test_a_note_on_the_first_sample_is_found() -> None:
    from sideman.carried import carried

    t = np.arange(int(0.5 * 22050)) / 22050
    tones = [sum(np.sin(2 * np.pi * h * 440 * 2 ** ((p - 69) / 12) * t) / h for h in (1, 2, 3)) * np.exp(-t * 4) for p in (60, 64, 67, 72)]
    found = Transcriber(carried("notes.onnx")).notes(AudioClip((np.concatenate(tones) * 0.3).astype(np.float32)[None], 22050))
    assert any(n.pitch == 60 and n.start_s < 0.03 for n in found)
    assert min(n.start_s for n in found) >= 0


def test_a_note_that_sounds_across_two_pieces_of_a_long_recording_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from sideman.carried import carried
    from sideman.core.analysis.notes import transcriber

    t = np.arange(14 * 22050) / 22050
    x = sum(np.sin(2 * np.pi * h * 220 * t) / h for h in (1, 2, 3)) * np.where((t > 2.5) & (t < 12.5), 0.3, 0)
    whole = Transcriber(carried("notes.onnx")).notes(AudioClip(x.astype(np.float32)[None], 22050))
    monkeypatch.setattr(transcriber, "PIECE_WINDOWS", 3)
    monkeypatch.setattr(transcriber, "MARGIN_WINDOWS", 1)
    pieces = Transcriber(carried("notes.onnx")).notes(AudioClip(x.astype(np.float32)[None], 22050))
    for found in (whole, pieces):
        (long,) = (n for n in found if n.pitch == 57 and n.end_s - n.start_s > 5)
        assert (long.start_s, long.end_s) == pytest.approx((2.5, 12.5), abs=0.15)


@pytest.mark.parametrize("seconds", [5.0, 7.3, 12.0, 12.03])
def test_chords_and_keys_end_with_the_recording(seconds: float, tmp_path: Path) -> None:
    write_audio(
        triad_song(BeatGrid.constant(120, 26, Meter(4)), [Chord.parse("C:maj"), Chord.parse("F:maj")] * 4, seconds), tmp_path / "s.flac"
    )
    with Recording.open(tmp_path / "s.flac") as recording:
        found = chords.estimate(chords.pitch.listen(recording.mono(chords.pitch.SAMPLE_RATE_HZ)), None)
    assert found.chords[-1].end_s == pytest.approx(seconds, abs=1e-3)


def test_a_warp_keeps_the_last_samples(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(0, 0.2, (2, 3 * RATE)).astype(np.float32)
    for anchors in ([Anchor(0, 0), Anchor(3, 3)], [Anchor(0, 0), Anchor(1, 1), Anchor(3, 3)]):
        assert read_all(warp(AudioClip(x, RATE), anchors, 3 * RATE, tmp_path / "w.f32")) == pytest.approx(x, abs=1e-6)
    gap = [Anchor(0, 0), Anchor(1, 1), Anchor(1, 2), Anchor(2, 3)]
    y = read_all(warp(AudioClip(x, RATE), gap, 3 * RATE, tmp_path / "g.f32"))
    assert y[:, : RATE - 10] == pytest.approx(x[:, : RATE - 10], abs=1e-6) and not y[:, round(1.05 * RATE) : round(1.95 * RATE)].any()


def mp3(path: Path, tone: np.ndarray, rate: int) -> bytes:
    layout = "mono" if len(tone) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mp3", rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate, frame_size=1152)
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            container.mux(stream.encode(part))
    return path.read_bytes()


@pytest.mark.parametrize(("channels", "rate"), [(1, 44100), (2, 48000)])
def test_a_file_that_changes_on_the_way_is_read_to_its_end(tmp_path: Path, channels: int, rate: int) -> None:
    first = mp3(tmp_path / "a.mp3", faded_tone(440, 2.0).samples, RATE)
    second = mp3(tmp_path / "b.mp3", faded_tone(880, 2.0, rate, channels=channels).samples, rate)
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(first + second)
    with Recording.open(joined) as recording:
        x = recording.audio.read(round(2.6 * RATE), RATE).samples
        assert recording.info.channels == 2 and recording.duration_s == pytest.approx(4, abs=0.15)
    assert np.argmax(np.abs(np.fft.rfft(x[0]))) == pytest.approx(880, abs=2), "the second file sounds at its own pitch"
    assert inspect(joined, "joined.mp3", LIMITS).duration_s == pytest.approx(4, abs=0.15)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_that_was_written_to_a_pipe_does_not_know_its_length(tmp_path: Path, size: int) -> None:
    path = tmp_path / "pipe.wav"
    soundfile.write(path, faded_tone(440, 2.0).samples.T, RATE, "PCM_16")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = size.to_bytes(4, "little")
    path.write_bytes(bytes(data))
    assert inspect(path, path.name, LIMITS).duration_s == pytest.approx(2.0, abs=0.01)


def test_a_film_may_outlast_its_sound(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        picture, sound = container.add_stream("mpeg4", rate=10), container.add_stream("flac", rate=RATE, layout="mono")
        picture.width = picture.height = 32
        picture.pix_fmt = "yuv420p"
        tone = (faded_tone(440, 2.0, channels=1).samples * 32767).astype(np.int16)
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=4096)
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        packets = [p for part in (*resampler.resample(frame), *resampler.resample(None), None) for p in sound.encode(part)]
        for k in range(50):
            still = av.VideoFrame(32, 32, "yuv420p")
            still.pts = k
            packets += picture.encode(still)
        for packet in sorted([*packets, *picture.encode(None)], key=lambda p: float((p.dts or 0) * p.time_base)):
            container.mux(packet)
    assert inspect(path, path.name, LIMITS).duration_s == pytest.approx(2.0, abs=0.1)


def test_a_full_disk_is_one_sentence_also_when_it_fills_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full stands for a full disk, and is not here")
    writer = ScratchWriter(Path("/dev/full"), RATE, 1)
    with pytest.raises(AudioWriteError, match="is full"):
        writer.write(np.zeros((1, 16), np.float32))
        writer.finish()
