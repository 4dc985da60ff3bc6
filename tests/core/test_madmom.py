"""madmom's networks without madmom: its own code's results for signals and activations (golden file), the loading code on small random
networks, and its decoders against slow and plain ones."""

from __future__ import annotations

import io
import itertools
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sideman.core.analysis.backends.madmom import MadmomBeats, MadmomEngine, MadmomNotes, bars, convert, networks
from sideman.core.analysis.backends.madmom.archive import MEMBERS, ROOT, read
from sideman.core.analysis.backends.madmom.engine import CHORD_SPECTRUM, DOWNBEAT_SPECTRA, _viterbi, picked_notes
from sideman.core.analysis.backends.madmom.spectra import listen
from sideman.core.audio import AudioClip, Recording
from sideman.core.music import BeatGrid, Chord, Meter
from sideman.errors import AnalysisError, UnusableModel
from sideman.testing.madmom_archive import write_madmom_archive
from sideman.testing.signals import click_track, triad_song

GOLDEN = Path(__file__).parent.parent / "golden" / "madmom.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as stored:
        return {k: stored[k] for k in stored.files}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(write_madmom_archive(tmp_path_factory.mktemp("madmom") / "madmom-0.16.1.tar.gz"))


class Samples:
    """A reader that leaves the constant part in, as madmom does."""

    sample_rate_hz, channels = 44100, 1

    def __init__(self, samples: np.ndarray) -> None:
        self._samples, self.frames = samples, samples.shape[1]

    def read(self, start: int, frames: int) -> AudioClip:
        return AudioClip(self._samples[:, start : start + frames], self.sample_rate_hz)


def test_spectra_are_madmoms(golden: dict[str, np.ndarray]) -> None:
    reader = Samples((golden["samples"] / np.float32(32767))[None].astype(np.float32))
    ours = np.hstack([listen(reader, s) for s in DOWNBEAT_SPECTRA])
    part = np.hstack([listen(reader, s, 20, 41) for s in DOWNBEAT_SPECTRA])
    chords = listen(reader, CHORD_SPECTRUM)
    assert ours.shape == golden["downbeat_spectra"].shape
    assert np.abs(ours - golden["downbeat_spectra"]).max() < 1e-4
    assert np.abs(chords - golden["chord_spectra"]).max() < 1e-4
    assert np.abs(part - ours[20:41]).max() < 1e-5, "where a block begins makes no difference but the rounding of a processor"


@pytest.mark.parametrize("k", range(5))
def test_bars_are_madmoms(golden: dict[str, np.ndarray], k: int) -> None:
    found, _ = bars.track_bars(golden[f"activation{k}"])
    assert np.allclose([(b.frame / 100, b.place) for b in found], golden[f"bars{k}"])


def test_other_bar_lengths_are_madmoms(golden: dict[str, np.ndarray]) -> None:
    found, _ = bars.track_bars(golden["activation2"], (2, 5, 7))
    assert np.allclose([(b.frame / 100, b.place) for b in found], golden["bars_odd"])


@pytest.mark.parametrize("k", range(5))
def test_beats_are_madmoms(golden: dict[str, np.ndarray], k: int) -> None:
    assert np.allclose(np.array(bars.track_beats(golden[f"activation{k}"].sum(1))) / 100, golden[f"beats{k}"])


def test_notes_and_chord_paths_are_madmoms(golden: dict[str, np.ndarray]) -> None:
    found = picked_notes(golden["note_activation"])
    assert np.allclose([(n.start_s, n.pitch) for n in found], golden["notes"])
    crf = {"pi": golden["crf_initial"], "tau": golden["crf_final"], "A": golden["crf_transition"]}
    scores = golden["crf_features"] @ golden["crf_weights"] + golden["crf_bias"]
    assert np.array_equal(_viterbi(scores, crf), golden["crf_path"])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def plain_lstm(layer: dict, x: np.ndarray) -> np.ndarray:
    """One direction, step by step, as the equations are written (Gers et al. 2002, peepholes)."""
    h = c = np.zeros(len(layer["cell"]["bias"]))
    out = []
    for row in x:
        g = {k: row @ layer[k]["weights"] + h @ layer[k]["recurrent_weights"] + layer[k]["bias"] for k in ("input_gate", "forget_gate", "cell", "output_gate")}  # fmt: skip
        i, f = (sigmoid(g[k] + c * layer[k]["peephole_weights"]) for k in ("input_gate", "forget_gate"))
        c = i * np.tanh(g["cell"]) + f * c
        h = sigmoid(g["output_gate"] + c * layer["output_gate"]["peephole_weights"]) * np.tanh(c)
        out.append(h)
    return np.array(out)


def plain_rnn(layer: dict, x: np.ndarray) -> np.ndarray:
    h, out = np.zeros(len(layer["bias"])), []
    for row in x:
        h = np.tanh(row @ layer["weights"] + h @ layer["recurrent_weights"] + layer["bias"])
        out.append(h)
    return np.array(out)


@pytest.mark.parametrize(("names", "inputs"), [(["downbeats/1", "downbeats/2"], 314), (["beats/3"], 266), (["notes"], 482)])
def test_recurrent_networks_follow_their_equations(weights: Path, names: list[str], inputs: int) -> None:
    trees = read(weights)
    x = np.random.default_rng(1).uniform(0, 1, (37, inputs)).astype(np.float32)
    expected = []
    for name in names:
        h = x.astype(float)
        for layer in trees[name]["layers"][:-1]:
            run = plain_lstm if layer["fwd_layer"]["class"] == "LSTMLayer" else plain_rnn
            h = np.hstack([run(layer["fwd_layer"], h), run(layer["bwd_layer"], h[::-1])[::-1]])
        last = trees[name]["layers"][-1]
        z = h @ last["weights"] + last["bias"]
        function = last["activation_fn"]
        expected.append(sigmoid(z) if function == "sigmoid" else z if function == "linear" else np.exp(z) / np.exp(z).sum(1, keepdims=True))
    assert np.abs(networks.recurrent_ensemble([trees[n] for n in names], x) - np.mean(expected, 0)).max() < 1e-5


def test_convolutions_are_true_convolutions(weights: Path) -> None:
    """Kernels are flipped: a bright frame at t reaches the output through the tap at the mirrored place."""
    from scipy.signal import convolve2d

    layers = read(weights)["chord_features"]["layers"]
    x = np.random.default_rng(2).uniform(0, 1, (30, 40)).astype(np.float32)
    padded = np.pad(x, ((11, 11), (0, 0)))
    kernel, norm = layers[0]["weights"], layers[1]
    maps = []
    for o in range(kernel.shape[1]):
        y = convolve2d(padded, kernel[0, o], "valid")
        maps.append(np.maximum((y - norm["mean"][o]) * norm["gamma"][o] * norm["inv_std"][o] + norm["beta"][o], 0))
    h = np.stack(maps)
    h = h[:, :, : h.shape[2] // 2 * 2].reshape(*h.shape[:2], -1, 2).max(3)
    kernel, norm, out = layers[3]["weights"], layers[4], []
    for o in range(128):
        y = sum(convolve2d(h[i], kernel[i, o], "valid") for i in range(len(h)))
        y = np.maximum((y - norm["mean"][o]) * norm["gamma"][o] * norm["inv_std"][o] + norm["beta"][o], 0).mean(1)
        out.append(np.convolve(y, np.ones(3) / 3, "valid"))
    assert np.abs(networks.chord_features({"layers": layers}, x) - np.array(out).T).max() < 1e-4


def test_the_engine_runs_from_an_archive_to_values(weights: Path) -> None:
    with Recording.from_clip(click_track(BeatGrid.constant(120, 24, Meter(4), 0.3), 12.0)) as recording:
        engine, reader = MadmomEngine(weights), recording.mono(44100)
        assert engine.downbeat_activation(reader).shape == (1200, 2)
        assert 0 <= engine.key(reader)[1] <= 1
        spans = engine.chords(reader)
        assert spans[0].start_s == 0 and spans[-1].end_s == pytest.approx(12.0)
        assert all(a.end_s == b.start_s for a, b in itertools.pairwise(spans))
        assert all(21 <= n.pitch <= 108 for n in MadmomNotes(weights).notes(reader))
        assert MadmomBeats(weights).beat_activation(reader).shape == (1200,)


def test_the_beat_networks_alone_stand_under_our_bars(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = BeatGrid.constant(120, 40, Meter(4), 0.3)
    heard = np.full(2100, 0.02, np.float32)
    heard[np.round(truth.times * 100).astype(int)] = 0.9
    monkeypatch.setattr(MadmomBeats, "beat_activation", lambda self, reader: heard)
    with Recording.from_clip(triad_song(truth, [Chord.parse(c) for c in ("C:maj", "A:min", "F:maj", "G:maj")], 21.0)) as recording:
        found = MadmomBeats(weights).grid(recording.mono(44100))
    assert found is not None and found[1] > 0.8
    assert np.abs(truth.times[:, None] - found[0].times[None]).min(1).max() < 0.02
    assert np.abs(truth.downbeats_s[:, None] - found[0].downbeats_s[None]).min(1).max() < 0.02


def test_more_than_an_hour_is_refused_in_one_sentence(weights: Path) -> None:
    reader = Samples(np.zeros((1, 1), np.float32))
    reader.frames = 44100 * 3700
    for ask in (
        MadmomEngine(weights).grid,
        MadmomEngine(weights).key,
        MadmomEngine(weights).chords,
        MadmomBeats(weights).grid,
        MadmomNotes(weights).notes,
    ):
        with pytest.raises(AnalysisError, match="up to an hour"):
            ask(reader)


def test_a_long_recording_is_heard_in_pieces_with_margins(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With margins longer than these small networks remember, pieces give what the whole gives."""
    from sideman.core.analysis.backends.madmom import engine as module

    with Recording.from_clip(click_track(BeatGrid.constant(100, 24, Meter(4), 0.3), 14.0)) as recording:
        engine, reader = MadmomEngine(weights), recording.mono(44100)
        whole = engine.downbeat_activation(reader)
        monkeypatch.setattr(module, "PIECE_S", 5.0)
        monkeypatch.setattr(module, "MARGIN_S", 3.0)
        assert np.abs(engine.downbeat_activation(reader) - whole).max() < 1e-3 < 0.05 * np.ptp(whole)


def archive_with(path: Path, data: bytes) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo(ROOT + MEMBERS["beats/1"])
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return path


class Touch:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return Path.touch, (self._path,)


def test_an_archive_that_names_code_runs_none_of_it(tmp_path: Path) -> None:
    with pytest.raises(UnusableModel, match="it wants"):
        convert(archive_with(tmp_path / "a.tar.gz", pickle.dumps(Touch(tmp_path / "touched"))))
    assert not (tmp_path / "touched").exists()


def objects() -> bytes:
    return pickle.dumps(np.array([{"a": 1}], object))


def other_class() -> bytes:
    return b"ccopy_reg\n_reconstructor\n(cnumpy\ndtype\nc__builtin__\nobject\nNtR."


def called_placeholder() -> bytes:
    return b"c__builtin__\nobject\n(tR."


def state_on_a_maker() -> bytes:
    return b"ccopy_reg\n_reconstructor\n}(Vx\nI1\nsb."


def deep() -> bytes:
    return b"(l" * 40 + b"a" * 39 + b"."


def pointers() -> bytes:
    """An array of bytes whose dtype says afterwards that they are objects: freed by numpy, it would follow them as pointers."""
    kind = pickle.dumps(np.dtype({"names": ["a"], "formats": ["O"]}), 2)[2:-1]
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x01\x85"
        + kind
        + b"\x89U\x08AAAAAAAAtb."
    )


def shared() -> bytes:
    made: list[object] = ["x"]
    for _ in range(11):
        made = [made] * 10
    return pickle.dumps(made, 2)


def huge_memo() -> bytes:
    return b"\x80\x02Nr\x00\x00\x00\x08."


def long_number() -> bytes:
    return b"\x80\x02\x8b" + (4000).to_bytes(4, "little") + b"\x7f" * 4000 + b"."


@pytest.mark.parametrize(
    "crafted", [pointers, shared, huge_memo, long_number, objects, other_class, called_placeholder, state_on_a_maker, deep]
)
def test_crafted_pickles_are_refused(tmp_path: Path, crafted: Callable[[], bytes]) -> None:
    with pytest.raises(UnusableModel):
        convert(archive_with(tmp_path / "a.tar.gz", crafted()))


def test_a_link_in_the_place_of_a_member_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo(ROOT + MEMBERS["beats/1"])
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(info)
    with pytest.raises(UnusableModel):
        convert(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("how", ["empty", "half", "flipped"])
def test_damaged_weights_are_refused_in_one_sentence(weights: Path, tmp_path: Path, how: str) -> None:
    good = bytearray(weights.read_bytes())
    if how == "flipped":
        good[len(good) // 2] ^= 0xFF
    (tmp_path / "madmom.npz").write_bytes(b"" if how == "empty" else good[: len(good) // 2] if how == "half" else good)
    with pytest.raises(UnusableModel, match="remove madmom and install it again"):
        read(tmp_path / "madmom.npz")


@pytest.mark.parametrize("how", ["missing member", "no archive", "half"])
def test_another_archive_is_refused_in_one_sentence(tmp_path: Path, how: str) -> None:
    path = tmp_path / "madmom-0.16.1.tar.gz"
    if how == "no archive":
        path.write_bytes(b"PK\x03\x04 nothing")
    else:
        write_madmom_archive(path, leave_out="key/2018/key_cnn.pkl" if how == "missing member" else "")
        if how == "half":
            path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(UnusableModel, match="not the source archive of madmom 0.16.1"):
        convert(path)
    assert not (tmp_path / "madmom.npz").exists()
