"""What people upload that is no recording: each kind gets its own sentence, and nothing of it stays."""

from __future__ import annotations

import binascii
import io
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
import soundfile
from calling import Caller
from seeding import hurried

from sideman import bootstrap
from sideman.app.library.studio import Studio
from sideman.core.audio import Mp3Writer, write_audio
from sideman.faces.rest import create_application
from sideman.testing import faded_tone

SMALL = {"SIDEMAN_MAX_UPLOAD_MB": "4", "SIDEMAN_MAX_DURATION_MIN": "1", "SIDEMAN_MAX_CHANNELS": "2", "SIDEMAN_MAX_RATE_HZ": "48000"}


@dataclass(frozen=True)
class Library:
    studio: Studio
    caller: Caller

    def send(self, name: str, data: bytes) -> httpx.Response:
        return self.caller.ask("POST", "/api/v1/recordings", files={"file": (name, data)})

    def get(self, path: str) -> Any:
        return self.caller.ask("GET", path).json()

    def files(self, folder: str) -> list[Path]:
        return [p for p in (self.studio.settings.data / folder).rglob("*") if p.is_file()]

    def refuses(self, name: str, data: bytes) -> str:
        """Returns the sentence, having seen that nothing else came of it."""
        answer = self.send(name, data)
        assert answer.status_code in (413, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        sentence = answer.json()["detail"]
        assert "\n" not in sentence and "Traceback" not in sentence and tempfile.gettempdir() not in sentence
        assert self.get("/api/v1/recordings")["items"] == [] == self.get("/api/v1/stems")["items"]
        assert self.files("blobs") == [] == list((self.studio.settings.data / "uploads").iterdir())
        return f"{answer.status_code} {sentence}"


def _opened(folder: Path, **environment: str) -> Iterator[Library]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        studio = hurried(bootstrap.open_studio(folder))
        studio.settings.uploads.mkdir()
        patch.setattr(tempfile, "tempdir", str(studio.settings.uploads))  # as `sideman serve` does
        with studio, Caller(create_application(studio)) as caller:
            yield Library(studio, caller)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """One that nothing bad ever stays in."""
    yield from _opened(tmp_path_factory.mktemp("library") / "data", **SMALL)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Library]:
    yield from _opened(tmp_path / "data", **SMALL)


def tone(suffix: str, seconds: float = 2.0, hz: float = 440, rate_hz: int = 44100) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path, clip = Path(folder) / f"tone{suffix}", faded_tone(hz, seconds, rate_hz)
        if suffix == ".mp3":
            with Mp3Writer(path, clip.sample_rate_hz, clip.channels) as writer:
                writer.write(clip.samples)
        else:
            write_audio(clip, path)
        return path.read_bytes()


def wav(samples: np.ndarray, rate_hz: int, subtype: str = "PCM_16", kind: str = "WAV") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate_hz, subtype, format=kind)
    return out.getvalue()


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return out.getvalue()


def m4a(front: bool) -> bytes:
    """front: the index before the sound, as for streaming."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tone.m4a"
        with av.open(str(path), "w", options={"movflags": "faststart"} if front else {}) as container:
            stream = container.add_stream("aac", rate=44100, layout="mono")
            _encode(container, stream, faded_tone(440, 4.0).samples[:1].astype(np.float32), "fltp")
        return path.read_bytes()


def _encode(container: av.container.OutputContainer, stream: av.AudioStream, samples: np.ndarray, kind: str) -> None:
    frame = av.AudioFrame.from_ndarray(samples, format=kind, layout="mono")
    frame.sample_rate = 44100
    for packet in [*stream.encode(frame), *stream.encode(None)]:
        container.mux(packet)


def film_without_sound() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for k in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), k * 20, np.uint8), format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return out.getvalue()


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", binascii.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")


def silence_of_an_hour() -> bytes:
    return wav(np.zeros(8000 * 3600, np.int16), 8000, kind="FLAC")


def with_nan() -> bytes:
    samples = faded_tone(440, 1.0).samples[0].copy()
    samples[1000] = np.nan
    return wav(samples, 44100, "FLOAT")


def damaged_zip() -> bytes:
    data = bytearray(zipped(a__wav=tone(".wav"), b__wav=tone(".wav", hz=330)))
    data[60:4000] = b"\xff" * 3940
    return bytes(data)


def locked_zip() -> bytes:
    data = bytearray(zipped(a__wav=tone(".wav"), b__wav=tone(".wav", hz=330)))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + at] |= 1
            place = data.find(mark, place + 4)
    return bytes(data)


def cut(data: bytes, share: float = 0.5) -> bytes:
    return data[: int(len(data) * share)]


BAD: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty": ("a.wav", bytes, "422 a.wav is empty"),
    "text": ("a.mp3", lambda: b"this is not music\n" * 100, "422 a.mp3 cannot be read as audio"),
    "random bytes": ("a.flac", lambda: np.random.default_rng(1).bytes(50_000), "422 a.flac "),
    "cut FLAC": ("a.flac", lambda: cut(tone(".flac")), "422 a.flac is cut off or damaged: it states 2.0 s"),
    "cut WAV": ("a.wav", lambda: cut(tone(".wav")), "422 a.wav is cut off or damaged: it states 2.0 s"),
    "cut MP3": ("a.mp3", lambda: cut(tone(".mp3", 4.0)), "422 a.mp3 is cut off or damaged: it states 4."),
    "cut M4A, index first": ("a.m4a", lambda: cut(m4a(front=True), 0.6), "422 a.m4a is cut off or damaged: it states 4."),
    "cut M4A, index lost": ("a.m4a", lambda: cut(m4a(front=False)), "422 a.m4a cannot be read as audio"),
    "film": ("a.mkv", film_without_sound, "422 a.mkv holds no audio stream"),
    "picture": ("a.flac", png, "422 a.flac is a picture"),
    "NaN": ("a.wav", with_nan, "422 a.wav holds samples that are no numbers"),
    "WAV without samples": ("a.wav", lambda: wav(np.zeros(0), 44100), "422 a.wav "),
    "an hour of silence": ("a.flac", silence_of_an_hour, "413 a.flac is longer than 1 minutes"),
    "three channels": ("a.wav", lambda: wav(np.zeros((44100, 3)), 44100), "413 a.wav has 3 channels, 2 are the most"),
    "high rate": ("a.wav", lambda: wav(np.zeros(96000), 96000), "413 a.wav has a rate of 96000 Hz, 1000 to 48000"),
    "too large": ("a.wav", lambda: bytes(5 << 20), "413 "),
    "no ZIP": ("a.zip", lambda: b"PK\x03\x04 or so", "422 a.zip cannot be unpacked"),
    "damaged ZIP": ("a.zip", damaged_zip, "422 a.zip cannot be unpacked"),
    "locked ZIP": ("a.zip", locked_zip, "422 a.zip cannot be unpacked"),
    "ZIP bomb": ("a.zip", lambda: zipped(a__wav=bytes(5 << 20)), "413 a.zip unpacks to more than 4 MB"),
    "ZIP bombs": ("a.zip", lambda: zipped(**{f"{k}__wav": bytes(3 << 20) for k in range(3)}), "413 a.zip unpacks to more than 4 MB"),
    "ZIP of one": ("a.zip", lambda: zipped(a__wav=tone(".wav")), "422 a multitrack has 2 to 64 audio files, a has 1"),
    "ZIP of many": ("a.zip", lambda: zipped(**{f"{k}__wav": b"" for k in range(99)}), "422 a multitrack has 2 to 64 audio files"),
    "empty ZIP": ("a.zip", zipped, "422 a multitrack has 2 to 64 audio files, a has 0"),
    "ZIP with a text": ("a.zip", lambda: zipped(a__wav=tone(".wav"), read__txt=b"notes " * 99), "422 read.txt cannot be read as audio"),
}


@pytest.mark.parametrize("kind", BAD)
def test_each_bad_file_gets_its_sentence_and_leaves_nothing(library: Library, kind: str) -> None:
    name, made, sentence = BAD[kind]
    said = library.refuses(name, made())
    assert said.startswith(sentence)
    assert said.count(":") <= 3 and len(said) < 300


@pytest.mark.parametrize("name", ["a.m3u8", "a.mp3", "a.wav"])
@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S"><Period>'
        "<AdaptationSet mimeType='audio/mp4'><Representation id='1' bandwidth='1'><BaseURL>{}</BaseURL></Representation></AdaptationSet>"
        "</Period></MPD>\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\na={}\n",
    ],
    ids=["hls", "concat", "dash", "sdp"],
)
def test_a_playlist_opens_no_other_file(library: Library, tmp_path: Path, text: str, name: str) -> None:
    write_audio(faded_tone(440, 2.0), tmp_path / "mine.wav")
    for target in (tmp_path / "mine.wav", "/etc/passwd", f"file://{tmp_path}/mine.wav", "http://127.0.0.1:9/a.wav"):
        assert library.refuses(name, text.format(target).encode()).startswith(f"422 {name} cannot be read as audio")


def test_a_decoder_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    long = wav(np.zeros(8000 * 12_600, np.int16), 8000, kind="FLAC")  # three hours and a half in 300 kB
    for library in _opened(tmp_path / "data", SIDEMAN_DECODE_S="1"):
        assert library.refuses("a.flac", long).startswith("422 a.flac takes longer than 1 s to decode")
        assert library.send("b.wav", tone(".wav")).status_code == 201, "the next one finds a new decoder"


def test_a_decoder_that_takes_too_much_memory_is_stopped(tmp_path: Path) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        stream = container.add_stream("pcm_u8", rate=48000, layout="mono")
        packet = av.Packet(bytes(40 << 20))  # it becomes 160 MB of floats, more than once
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 48000)
        container.mux(packet)
    for library in _opened(tmp_path / "data", SIDEMAN_DECODE_MEMORY_MB="256"):
        assert library.refuses("a.mkv", out.getvalue()).startswith("422 a.mkv ")
        assert library.send("b.wav", tone(".wav")).status_code == 201


# good ones


def test_the_same_bytes_twice_are_one_recording(fresh: Library) -> None:
    data = tone(".flac")
    first, second = fresh.send("a.flac", data), fresh.send("other name.flac", data)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"] and first.json()["fileName"] == "a.flac"
    assert second.headers["location"] == f"/api/v1/recordings/{first.json()['id']}"
    assert len(fresh.files("blobs")) == 1 and len(fresh.get("/api/v1/recordings")["items"]) == 1
    fresh.caller.ask("POST", f"/api/v1/recordings/{first.json()['id']}/trash")
    assert fresh.send("a.flac", data).status_code == 200
    assert fresh.get(f"/api/v1/recordings/{first.json()['id']}")["trashedAt"] is None


def test_a_zip_of_stems_is_one_recording_with_its_stems(fresh: Library) -> None:
    files = {"My Song/Bass DI__wav": tone(".wav", 2.0, 110), "My Song/the vox__flac": tone(".flac", 1.0, 440), "__MACOSX/._x": b"x"}
    made = fresh.send("My Song.zip", zipped(**{k: v for k, v in files.items() if not k.startswith("__")} | {"a/.DS_Store": b"x"}))
    assert made.status_code == 201 and made.json()["title"] == "My Song" and abs(made.json()["durationS"] - 2.0) < 0.01
    stems = fresh.get(f"/api/v1/stems?recording={made.json()['id']}")["items"]
    assert {(s["role"], s["origin"], s["name"]) for s in stems} == {("bass", "imported", "Bass DI"), ("vocals", "imported", "the vox")}
    audio = fresh.caller.ask("GET", made.json()["audioUrl"]).content
    mixture, _ = soundfile.read(io.BytesIO(audio), always_2d=True)
    bass, _ = soundfile.read(io.BytesIO(files["My Song/Bass DI__wav"]), always_2d=True)
    vox, _ = soundfile.read(io.BytesIO(files["My Song/the vox__flac"]), always_2d=True)
    wanted = bass.copy()
    wanted[: len(vox)] += vox
    assert np.abs(mixture[:, :1] - wanted[:, :1]).max() < 1e-3, "the recording is the sum of its stems"
    assert list((fresh.studio.settings.data / "uploads").iterdir()) == []


def test_a_stem_that_only_floats_can_hold_is_a_wav_by_name_and_type(fresh: Library) -> None:
    loud = wav(3.0 * np.sin(np.arange(44100) / 20).astype(np.float32), 44100, "FLOAT")
    made = fresh.send("Loud.zip", zipped(bass__wav=loud, drums__wav=tone(".wav"))).json()
    found = {}
    for stem in fresh.get(f"/api/v1/stems?recording={made['id']}")["items"]:
        answer = fresh.caller.ask("GET", stem["audioUrl"])
        found[stem["role"]] = (answer.headers["content-type"], answer.headers["content-disposition"].rpartition(".")[2], answer.content)
    assert [found[r][:2] for r in ("bass", "drums")] == [("audio/wav", "wav"), ("audio/flac", "flac")]
    assert np.abs(soundfile.read(io.BytesIO(found["bass"][2]))[0]).max() > 2.9


def test_a_wave_of_eight_channels_is_taken(tmp_path: Path) -> None:
    """The decoder's child process once died of it."""
    for library in _opened(tmp_path / "data", SIDEMAN_MAX_CHANNELS="8"):
        made = library.send("many.wav", wav(np.random.default_rng(1).uniform(-0.5, 0.5, (44100, 8)), 44100))
        assert made.status_code == 201 and made.json()["channels"] == 8


def test_stems_of_different_rates_are_refused(fresh: Library) -> None:
    answer = fresh.send("a.zip", zipped(bass__wav=tone(".wav"), drums__wav=tone(".wav", rate_hz=48000)))
    assert answer.status_code == 409 and "different sample rates (44100, 48000 Hz)" in answer.json()["detail"]
    assert fresh.files("blobs") == [] and fresh.get("/api/v1/recordings")["items"] == []


def _id3(frames: dict[str, bytes]) -> bytes:
    body = b"".join(name.encode() + struct.pack(">IH", len(data), 0) + data for name, data in frames.items())
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + body


def test_tags_and_artwork_are_read(fresh: Library) -> None:
    sound = tone(".mp3")
    sound = sound[sound.index(b"\xff\xfb") :]
    frames = {
        "TIT2": b"\0So What", "TPE1": b"\x01" + "Miles Dävis".encode("utf-16"), "TALB": b"\0Kind of Blue", "TCON": b"\0Jazz; Modal Jazz",
        "APIC": b"\0image/png\0\x03\0" + png(),
    }  # fmt: skip
    made = fresh.send("01_track.mp3", _id3(frames) + sound)
    assert made.status_code == 201
    shown = made.json()
    assert (shown["title"], shown["artist"], shown["album"]) == ("So What", "Miles Dävis", "Kind of Blue")
    assert shown["tags"] == ["jazz", "modal jazz"] and (shown["container"], shown["codec"]) == ("mp3", "mp3float")
    for path in (shown["artworkUrl"], f"/api/v1/recordings/{shown['id']}/artwork"):
        picture = fresh.caller.ask("GET", path)
        assert picture.content == png() and picture.headers["content-type"] == "image/png"
    plain = fresh.send("02_My-Song.mp3", sound).json()
    assert (plain["title"], plain["artist"], plain["tags"], plain["artworkUrl"]) == ("02 My-Song", "", [], None)


def test_tags_that_a_database_would_choke_on(fresh: Library) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        container.metadata.update({"title": "T" * 5000, "artist": "\u202eß\U0001f3b5", "genre": "a;b;" * 400 + "\u0130" * 100})
        stream = container.add_stream("flac", rate=44100, layout="mono")
        _encode(container, stream, (faded_tone(440, 1.0).samples[:1] * 32767).astype(np.int16), "s16")
    made = fresh.send("a.flac", out.getvalue())
    assert made.status_code == 201 and made.json()["title"] == "T" * 300 and made.json()["artist"] == "\u202eß\U0001f3b5"
    mix = fresh.caller.ask("POST", f"/api/v1/recordings/{made.json()['id']}/mixes", json={"lanes": [{}]})
    assert mix.status_code == 202 and len(mix.json()["fileName"]) < 200
