"""Uploaded files looked through, drawn as peaks and cut into chunks: against numpy, and against files that lie."""

from __future__ import annotations

import http.server
import io
import struct
import threading
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from sideman.core.audio import (
    CHUNK_FRAMES,
    AudioClip,
    AudioLimits,
    Inspection,
    Mp3Writer,
    Recording,
    flac_chunk,
    inspect,
    lossless_facts,
    pcm_chunk,
    probe,
    write_audio,
    write_peaks,
)
from sideman.core.audio.peaks import SAMPLES_PER_PEAK
from sideman.errors import NoAudio, NotFound, SidemanError, TooLarge, UnreadableAudio
from sideman.testing import faded_tone, noise

RATE = 44100
LIMITS = AudioLimits(60, 8, 192_000)
LENGTH_S = 4.0


def looked_through(path: Path, limits: AudioLimits = LIMITS) -> Inspection:
    return inspect(path, "song", limits)


# files that are whole, and what is left of them when they are cut


def by_pyav(path: Path, codec: str, clip: AudioClip, options: dict[str, str] | None = None, rate: int = RATE) -> Path:
    with av.open(str(path), "w", options=options or {}) as out:
        stream = out.add_stream(codec, rate=rate, layout="stereo")
        resampler = av.AudioResampler(format=stream.codec_context.format.name, layout="stereo", rate=rate)
        for start in range(0, clip.frames, 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(clip.samples[:, start : start + 1024]), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = clip.sample_rate_hz, start
            for part in resampler.resample(frame):
                out.mux(stream.encode(part))
        for part in resampler.resample(None):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


def made(folder: Path, kind: str, clip: AudioClip | None = None) -> Path:
    clip = clip or AudioClip(faded_tone(440, LENGTH_S).samples + noise(LENGTH_S, rms=0.02).samples, RATE)
    path = folder / f"{kind.replace(' ', '-')}.{kind.split()[0]}"
    if kind in ("flac", "wav"):
        write_audio(clip, path)
    elif kind == "mp3":
        with Mp3Writer(path, RATE, 2) as out:
            out.write(clip.samples)
    elif kind == "mp3 without header":
        by_pyav(path, "libmp3lame", clip, {"write_xing": "0"})
    elif kind == "m4a":
        by_pyav(path, "aac", clip, {"movflags": "faststart"})
    elif kind == "ogg":
        soundfile.write(path, clip.samples.T, RATE, "VORBIS", format="OGG")
    elif kind == "ogg opus":
        by_pyav(path, "libopus", clip, rate=48000)
    elif kind == "mkv":
        by_pyav(path, "flac", clip)
    elif kind == "aiff":
        soundfile.write(path, clip.samples.T, RATE, "PCM_16")
    elif kind.startswith("wav "):
        soundfile.write(path, clip.samples.T, RATE, kind[4:].upper().replace(" ", "_"), format="WAV")
    return path


WHOLE = ["flac", "wav", "wav pcm 16", "wav pcm 24", "wav ulaw", "wav ima adpcm", "wav ms adpcm", "mp3", "mp3 without header", "m4a", "ogg", "ogg opus", "mkv", "aiff"]  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_file_is_what_it_says(tmp_path: Path, kind: str) -> None:
    shares: list[float] = []
    found = inspect(made(tmp_path, kind), "song", LIMITS, shares.append)
    assert (found.info.sample_rate_hz, found.info.channels) == (48000 if kind == "ogg opus" else RATE, 2)
    assert found.duration_s == pytest.approx(LENGTH_S, abs=0.06) and found.duration_s == found.frames / found.info.sample_rate_hz
    assert 0.45 < found.peak < 0.7 and found.info.damaged_packets == 0
    assert shares == sorted(shares) and all(0 <= s <= 1 for s in shares)


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


@pytest.mark.parametrize("share", [0.3, 0.7, 0.9])
@pytest.mark.parametrize("kind", ["flac", "wav", "wav pcm 16", "mp3", "m4a", "aiff", "mkv"])
def test_a_file_that_is_cut_off_is_refused_with_both_lengths(tmp_path: Path, kind: str, share: float) -> None:
    with pytest.raises(
        UnreadableAudio, match=r"^song is cut off or damaged: it states 4\.[01] s and holds [0-3]\.\d s, [^\n]*$"
    ) as refused:
        looked_through(cut(made(tmp_path, kind), share))
    held = float(str(refused.value).split("holds ")[1].split(" ")[0])
    assert held == pytest.approx(share * LENGTH_S, abs=0.5)


@pytest.mark.parametrize("kind", ["wav ima adpcm", "wav ms adpcm", "wav ulaw", "mp3 without header"])
def test_formats_that_state_no_exact_length_are_not_judged_by_it(tmp_path: Path, kind: str) -> None:
    found = looked_through(cut(made(tmp_path, kind), 0.7))
    assert found.duration_s == pytest.approx(0.7 * LENGTH_S, abs=0.2)


@pytest.mark.parametrize("kind", ["ogg", "ogg opus"])
def test_an_ogg_that_is_cut_off_is_kept_as_what_is_left(tmp_path: Path, kind: str) -> None:
    """Its length stands on its last page, so that a cut one does not say what it lacks."""
    found = looked_through(cut(made(tmp_path, kind), 0.7))
    assert 0.4 * LENGTH_S < found.duration_s < 0.8 * LENGTH_S


def test_a_little_less_than_stated_is_let_through(tmp_path: Path) -> None:
    """Encoders round: a quarter of a second, or a hundredth, may be missing."""
    path = made(tmp_path, "wav pcm 16")
    whole = path.read_bytes()
    path.write_bytes(whole[: -4 * round(0.2 * RATE)])
    assert looked_through(path).duration_s == pytest.approx(LENGTH_S - 0.2, abs=0.01)
    path.write_bytes(whole[: -4 * round(0.3 * RATE)])
    with pytest.raises(UnreadableAudio, match="cut off"):
        looked_through(path)


def wav(data: bytes, *, data_size: int | None = None, extra: bytes = b"", tag: int = 1, bits: int = 16, channels: int = 2) -> bytes:
    """A WAV file by hand."""
    block = channels * bits // 8
    head = struct.pack("<HHIIHH", tag, channels, RATE, RATE * block, block, bits)
    if tag == 0xFFFE:
        guid = struct.pack("<H", 3 if bits == 32 else 1) + b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
        head += struct.pack("<HHI", 22, bits, 3) + guid
    chunks = (
        b"fmt " + struct.pack("<I", len(head)) + head + extra + b"data" + struct.pack("<I", len(data) if data_size is None else data_size)
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks) + len(data)) + b"WAVE" + chunks + data


SECOND = (np.sin(np.arange(2 * RATE) / 20) * 9000).astype("<i2").tobytes()


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFF00])
def test_a_wav_from_a_stream_states_no_length(tmp_path: Path, size: int) -> None:
    """Recorders that cannot go back write 0 or the largest number."""
    (tmp_path / "a.wav").write_bytes(wav(SECOND, data_size=size))
    assert looked_through(tmp_path / "a.wav").duration_s == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("extra", [b"LIST" + struct.pack("<I", 5) + b"abcde\0", b"junk" + struct.pack("<I", 2_000_000) + bytes(2_000_000)])
@pytest.mark.parametrize("tag", [1, 0xFFFE])
def test_chunks_before_the_audio_are_walked_over(tmp_path: Path, extra: bytes, tag: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(SECOND, extra=extra, tag=tag))
    assert looked_through(path).frames == RATE
    path.write_bytes(wav(SECOND[: len(SECOND) // 2], data_size=len(SECOND), extra=extra, tag=tag))
    with pytest.raises(UnreadableAudio, match=r"states 1\.0 s and holds 0\.5 s"):
        looked_through(path)


@pytest.mark.parametrize("version", [44100, 22050, 11025])
def test_an_mp3_header_is_read_for_all_three_mpeg_versions_and_behind_a_tag(tmp_path: Path, version: int) -> None:
    path, clip = tmp_path / "a.mp3", noise(3.0, version)
    with Mp3Writer(path, version, 2, 64_000, {"title": "x" * 3000}) as out:
        out.write(clip.samples)
    assert path.read_bytes()[:3] == b"ID3" and looked_through(path).duration_s == pytest.approx(3.0, abs=0.2)
    with pytest.raises(UnreadableAudio, match=r"states 3\.\d s"):
        looked_through(cut(path, 0.5))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    samples = noise(1.0).samples.T.copy()
    samples[30_000, 1] = bad
    soundfile.write(tmp_path / "a.wav", samples, RATE, "FLOAT")
    with pytest.raises(UnreadableAudio, match="no numbers"):
        looked_through(tmp_path / "a.wav")


def test_peaks_above_full_scale_are_told(tmp_path: Path) -> None:
    clip = AudioClip(np.array([[0.0, 1.75, -2.5, 0.0] * 1000], np.float32), RATE)
    write_audio(clip, tmp_path / "a.wav")
    assert looked_through(tmp_path / "a.wav").peak == 2.5


def test_limits_hold_for_what_is_decoded_and_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    write_audio(noise(2.0, channels=3), path)
    assert looked_through(path, AudioLimits(2, 3, RATE)).duration_s == 2.0
    for limits, said in (
        (AudioLimits(1, 3, RATE), "longer than"), (AudioLimits(2, 2, RATE), "3 channels"), (AudioLimits(2, 3, RATE - 1), "44100 Hz"),
    ):  # fmt: skip
        with pytest.raises(TooLarge, match=f"^song .*{said}"):
            looked_through(path, limits)
    write_audio(noise(2.0, 500), tmp_path / "slow.wav")
    with pytest.raises(TooLarge, match="500 Hz"):
        looked_through(tmp_path / "slow.wav")


def test_a_small_file_of_much_silence_ends_at_the_limit(tmp_path: Path) -> None:
    """Ten minutes of nothing are a few kB of FLAC; looking stops after the first."""
    path = tmp_path / "a.flac"
    write_audio(AudioClip(np.zeros((1, 600 * 8000), np.float32), 8000), path)
    shares: list[float] = []
    with pytest.raises(TooLarge, match="longer than 1 minutes"):
        inspect(path, "song", LIMITS, shares.append)
    assert path.stat().st_size < 100_000 and max(shares) < 0.12


EMPTY_WAV, PNG = wav(b""), b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", NoAudio), (EMPTY_WAV, NoAudio), (b"hello " * 200, UnreadableAudio), (PNG, UnreadableAudio), (b"RIFF", UnreadableAudio)],
)
def test_what_holds_no_audio_is_refused(tmp_path: Path, content: bytes, error: type[Exception]) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(error, match=r"^song [^\n]*$"):
        looked_through(tmp_path / "a.wav")


# files that would make the reader open others


@pytest.fixture
def bait(tmp_path: Path):
    """Addresses of a tone on a local server, which remembers who came for it."""
    came: list[str] = []
    write_audio(faded_tone(440, 1.0), tmp_path / "tone.wav")
    by_pyav(tmp_path / "tone.ts", "aac", faded_tone(440, 1.0))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", came
    server.shutdown()
    thread.join()
    server.server_close()


PLAYLISTS = {
    "relative concat": "ffconcat version 1.0\nfile tone.wav\n",
    "absolute concat": "ffconcat version 1.0\nfile {folder}/tone.wav\n",
    "concat of an address": "ffconcat version 1.0\nfile {url}/tone.wav\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ntone.ts\n#EXT-X-ENDLIST\n",
    "hls of an address": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}/tone.ts\n#EXT-X-ENDLIST\n",
    "hls with a key": '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-KEY:METHOD=AES-128,URI="{url}/key"\n#EXTINF:1,\ntone.ts\n#EXT-X-ENDLIST\n',
    "m3u": "#EXTM3U\n#EXTINF:1,tone\n{folder}/tone.wav\n",
    "pls": "[playlist]\nFile1={url}/tone.wav\nNumberOfEntries=1\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period>'
    '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{url}/tone.mp4</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["m3u8", "wav", "txt"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_is_no_audio_and_opens_nothing(tmp_path: Path, bait: tuple[str, list[str]], kind: str, suffix: str) -> None:
    url, came = bait
    path = tmp_path / f"list.{suffix}"
    path.write_text(PLAYLISTS[kind].format(folder=tmp_path, url=url))
    for read in (looked_through, probe, Recording.open):
        with pytest.raises(SidemanError):
            read(path)
    assert came == []


@pytest.mark.parametrize("kind", ["relative concat", "hls"])
def test_the_bait_would_be_taken_by_a_reader_that_does_not_care(tmp_path: Path, bait: object, kind: str) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text(PLAYLISTS[kind].format(folder=tmp_path, url=""))
    with av.open(str(path)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) > 0.9 * RATE


# peaks


def peaks_of(clip: AudioClip, path: Path) -> np.ndarray:
    """[pairs, 4]: minimum, maximum, -RMS, +RMS, as a reader of audiowaveform's format sees them; the header is checked on the way."""
    pairs = write_peaks(clip, path)
    data = path.read_bytes()
    version, flags, rate, samples_per_pixel, length, channels = struct.unpack("<iIiiIi", data[:24])
    assert (version, flags, rate, samples_per_pixel, channels) == (2, 1, clip.sample_rate_hz, SAMPLES_PER_PEAK, 2)
    assert length == pairs == -(-clip.frames // SAMPLES_PER_PEAK) and len(data) == 24 + length * 4
    return np.frombuffer(data[24:], np.int8).reshape(length, 4)


def wanted(clip: AudioClip) -> np.ndarray:
    rows = []
    for start in range(0, clip.frames, SAMPLES_PER_PEAK):
        x = clip.samples[:, start : start + SAMPLES_PER_PEAK].astype(float)
        rms = np.sqrt((x**2).mean())
        rows.append([x.min(), x.max(), -rms, rms])
    return np.array(rows)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize(
    "frames", [1, 2, 255, 256, 257, 1000, SAMPLES_PER_PEAK * 4096, SAMPLES_PER_PEAK * 4096 + 1, SAMPLES_PER_PEAK * 4096 * 2 - 100]
)
def test_peaks_are_those_of_numpy(tmp_path: Path, channels: int, frames: int) -> None:
    rng = np.random.default_rng(frames)
    envelope = np.abs(np.sin(np.arange(frames) / 3000 + 1))
    clip = AudioClip((rng.uniform(-1, 1, (channels, frames)) * envelope).astype(np.float32), 48000)
    got, truth = peaks_of(clip, tmp_path / "p.dat"), wanted(clip) * 127
    assert np.abs(got - truth).max() <= 0.5 + 1e-4


def test_peaks_of_known_signals(tmp_path: Path) -> None:
    silence = AudioClip(np.zeros((2, 512), np.float32), RATE)
    assert not peaks_of(silence, tmp_path / "p").any()
    square = AudioClip(np.tile([1.0, -1.0], 256)[None].astype(np.float32), RATE)
    assert peaks_of(square, tmp_path / "p").tolist() == [[-127, 127, -127, 127]] * 2
    loud = AudioClip(np.tile([1.5, -1.5], 256)[None].astype(np.float32), RATE)
    assert peaks_of(loud, tmp_path / "p").tolist() == [[-128, 127, -128, 127]] * 2
    one_sided = AudioClip(np.stack([np.full(256, 0.5), np.full(256, -0.25)]).astype(np.float32), RATE)
    assert peaks_of(one_sided, tmp_path / "p").tolist() == [[-32, 64, -50, 50]]  # RMS of both: 0.3953
    sine = AudioClip(np.sin(2 * np.pi * np.arange(2560) / 64)[None].astype(np.float32), RATE)
    assert {tuple(row) for row in peaks_of(sine, tmp_path / "p").tolist()} == {(-127, 127, -90, 90)}


def test_the_peaks_of_nothing_are_a_header(tmp_path: Path) -> None:
    assert len(peaks_of(AudioClip(np.zeros((2, 0), np.float32), RATE), tmp_path / "p")) == 0


# chunks


def joined(path: Path) -> tuple[np.ndarray, list[int]]:
    parts = []
    for k in range(lossless_facts(path).chunks):
        data = flac_chunk(path, k)
        assert data[:4] == b"fLaC"
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            assert (file.samplerate, file.subtype) == (lossless_facts(path).sample_rate_hz, "PCM_16")
            parts.append(file.read(dtype="int16", always_2d=True))
    return np.concatenate(parts), [len(p) for p in parts]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frames", [1, CHUNK_FRAMES - 1, CHUNK_FRAMES, CHUNK_FRAMES + 1, 3 * CHUNK_FRAMES + 777])
@pytest.mark.parametrize("suffix", ["flac", "wav"])
def test_chunks_joined_are_the_file_in_sixteen_bits(tmp_path: Path, frames: int, channels: int, suffix: str) -> None:
    rng = np.random.default_rng(frames)
    path = tmp_path / f"a.{suffix}"
    write_audio(AudioClip(rng.uniform(-0.9, 0.9, (channels, frames)).astype(np.float32), 32000), path)
    facts = lossless_facts(path)
    assert (facts.frames, facts.sample_rate_hz, facts.channels) == (frames, 32000, channels) and facts.chunks == -(-frames // CHUNK_FRAMES)
    got, lengths = joined(path)
    truth = soundfile.read(path, always_2d=True)[0] * 32768
    assert got.shape == truth.shape and np.abs(got - truth).max() <= 0.5 + 1e-6
    bare = [np.frombuffer(pcm_chunk(path, k), "<i2").reshape(-1, channels) for k in range(facts.chunks)]
    assert np.array_equal(np.concatenate(bare), got.astype(np.int16))
    assert lengths[:-1] == [CHUNK_FRAMES] * (facts.chunks - 1) and lengths[-1] == (frames - 1) % CHUNK_FRAMES + 1
    for number in (facts.chunks, facts.chunks + 5, 10**9, -1):
        with pytest.raises(NotFound, match=f"no chunk {number}: this audio has {facts.chunks}"):
            flac_chunk(path, number)


def test_chunks_of_a_sixteen_bit_file_lose_nothing(tmp_path: Path) -> None:
    every = np.arange(-32768, 32768, dtype=np.int16)
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / name, np.stack([every, every[::-1]], 1), RATE, "PCM_16")
        got, _ = joined(tmp_path / name)
        assert np.array_equal(got, np.stack([every, every[::-1]], 1))


def test_what_is_above_full_scale_is_clipped_not_wrapped(tmp_path: Path) -> None:
    write_audio(AudioClip(np.array([[2.0, -2.0, 1.0, -1.0, 0.5]], np.float32), RATE), tmp_path / "a.wav")
    assert joined(tmp_path / "a.wav")[0][:, 0].tolist() == [32767, -32768, 32767, -32768, 16384]


def test_what_is_not_lossless_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(b"no music here" * 50)
    for read in (lossless_facts, lambda p: flac_chunk(p, 0)):
        with pytest.raises(UnreadableAudio, match="cannot be cut into chunks"):
            read(tmp_path / "a.flac")
