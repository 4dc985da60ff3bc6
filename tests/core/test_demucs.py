"""Demucs without torch. The small networks have random weights: what is checked is that we compute what demucs computes, and behave."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sideman.core.audio import AudioClip, Recording, read_all
from sideman.core.models.checkpoint import Checkpoint, write_checkpoint
from sideman.core.models.graph import Weights
from sideman.core.models.memory import Residence
from sideman.core.models.runtime import Engine, Precision, Request
from sideman.core.models.runtime.openvino_session import SAFE_BF16_DB, multiplies_bf16
from sideman.core.music import StemRole
from sideman.core.separation import write_set
from sideman.core.separation.backends import demucs
from sideman.core.separation.backends.demucs import DemucsSeparator, Member
from sideman.core.separation.backends.demucs.families import build_graph
from sideman.core.separation.backends.demucs.spectral import Spectral
from sideman.core.separation.segments import SegmentModel, demucs_plan, even_plan, separated, triangle
from sideman.errors import Cancelled, NotEnoughMemory, UnusableModel, UsageError
from sideman.testing import LongRecording, noise
from sideman.testing.weights import SMALL_HTDEMUCS, write_hdemucs, write_htdemucs

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from make_separation import demucs_reference, excerpts, mixture

ROLES = (StemRole.DRUMS, StemRole.BASS, StemRole.OTHER, StemRole.VOCALS)
ENGINES = [Engine.OPENVINO, Engine.ONNXRUNTIME]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    write_htdemucs(path)
    return path


@pytest.fixture(scope="module")
def residence() -> Residence:
    return Residence()


def separator(checkpoint: Path, residence: Residence, request: Request = Request(Engine.OPENVINO)) -> DemucsSeparator:  # noqa: B008 (frozen)
    return DemucsSeparator("small", [Member(checkpoint, ROLES, "")], request, residence, memory_mb=50)


def agreement_db(found: np.ndarray, wanted: np.ndarray) -> float:
    wanted = wanted.astype(np.float64)
    return float(10 * np.log10((wanted**2).sum() / ((found - wanted) ** 2).sum()))


def stems_of(clip: AudioClip, made_by: DemucsSeparator) -> np.ndarray:
    with Recording.from_clip(clip) as recording:
        return np.stack([read_all(s.audio) for s in made_by.separate(recording, recording.scratch_folder)])


@pytest.mark.parametrize(("engine", "least_db"), [(Engine.OPENVINO, 110), (Engine.ONNXRUNTIME, 110)])
def test_stems_are_those_of_demucs(
    checkpoint: Path, residence: Residence, monkeypatch: pytest.MonkeyPatch, engine: Engine, least_db: float
) -> None:
    """Golden outputs of demucs 4.1.0 (torch) for the same random weights, with its own plan of segments."""
    monkeypatch.setattr(demucs, "even_plan", demucs_plan)
    found = excerpts(stems_of(AudioClip(mixture(), 44100), separator(checkpoint, residence, Request(engine))))
    wanted = np.load(GOLDEN / "htdemucs_small.npz")["stems"]
    assert found.shape == wanted.shape
    assert min(agreement_db(f, w) for f, w in zip(found, wanted, strict=True)) > least_db


@pytest.mark.parametrize("engine", ENGINES)
def test_the_generation_before_is_what_demucs_makes_of_it(tmp_path: Path, engine: Engine) -> None:
    """One segment through Hybrid Demucs: branches that merge, LSTM in pieces, attention that favours what is near."""
    write_hdemucs(tmp_path / "hybrid.safetensors")
    made_by = DemucsSeparator("v3", [Member(tmp_path / "hybrid.safetensors", ROLES, "")], Request(engine), Residence(), memory_mb=50)
    stems = stems_of(AudioClip(mixture()[:, :44100], 44100), made_by)
    found = np.concatenate([stems[..., :1500], stems[..., 30_000:31_500]], -1)
    wanted = np.load(GOLDEN / "hdemucs_small.npz")["stems"]
    assert min(agreement_db(f, w) for f, w in zip(found, wanted, strict=True)) > 95


@pytest.mark.skipif(
    importlib.util.find_spec("demucs") is None or importlib.util.find_spec("torch") is None,
    reason="torch and demucs are not installed: the golden outputs above stand for them",
)
@pytest.mark.parametrize("engine", list(Engine))
def test_stems_are_those_of_the_installed_demucs(
    checkpoint: Path, residence: Residence, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    monkeypatch.setattr(demucs, "even_plan", demucs_plan)
    found = stems_of(AudioClip(mixture(), 44100), separator(checkpoint, residence, Request(engine)))
    wanted = demucs_reference(checkpoint, mixture())
    assert min(agreement_db(f, w) for f, w in zip(found, wanted, strict=True)) > 110


def test_a_network_of_other_stems_than_its_card_says_is_named(checkpoint: Path, residence: Residence) -> None:
    made_by = DemucsSeparator(
        "six", [Member(checkpoint, (*ROLES, StemRole.PIANO), "")], Request(Engine.ONNXRUNTIME), residence, memory_mb=50
    )
    with pytest.raises(UnusableModel, match="trained for .*, not piano"):
        stems_of(AudioClip(mixture(), 44100), made_by)


def test_bf16_is_checked_and_told(checkpoint: Path, tmp_path: Path) -> None:
    """On a CPU that multiplies bf16 the result says so and stays close; on another it is float32 and says that."""
    notes = tmp_path / "notes.json"
    wish = Request(Engine.OPENVINO, Precision.BFLOAT16, notes=notes)
    clip = AudioClip(mixture()[:, :70000], 44100)
    fast, exact = (stems_of(clip, separator(checkpoint, Residence(), r)) for r in (wish, Request(Engine.OPENVINO)))
    with Recording.from_clip(clip) as recording:
        stem = separator(checkpoint, Residence(), wish).separate(recording, recording.scratch_folder, roles=[StemRole.BASS])[0]
    told = dict(stem.provenance.parameters)["runs on"]
    if multiplies_bf16():
        assert told.endswith("bf16") and agreement_db(fast, exact) > SAFE_BF16_DB - 5
        assert notes.is_file()
    else:
        assert told.endswith("f32") and np.array_equal(fast, exact)


def test_the_same_recording_gives_the_same_bytes(checkpoint: Path, residence: Residence) -> None:
    clip = AudioClip(mixture(), 44100)
    assert np.array_equal(stems_of(clip, separator(checkpoint, residence)), stems_of(clip, separator(checkpoint, residence)))


def test_a_stem_does_not_depend_on_what_else_is_asked(checkpoint: Path, residence: Residence) -> None:
    made_by = separator(checkpoint, residence)
    with Recording.from_clip(AudioClip(mixture(), 44100)) as recording:
        folder = recording.scratch_folder
        every = {s.role: read_all(s.audio) for s in made_by.separate(recording, folder)}
        two = made_by.separate(recording, folder, roles=[StemRole.VOCALS, StemRole.DRUMS])
        assert [s.role for s in two] == [StemRole.VOCALS, StemRole.DRUMS]
        assert all(np.array_equal(read_all(s.audio), every[s.role]) for s in two)
        with pytest.raises(UsageError, match="small makes drums, bass, other, vocals, no piano"):
            made_by.separate(recording, folder, roles=[StemRole.PIANO])


@pytest.mark.parametrize(
    ("rate", "channels", "seconds"), [(44100, 2, 4.3), (48000, 2, 2.0), (22050, 1, 2.0), (44100, 6, 2.0), (96000, 3, 1.0), (44100, 2, 0.2)]
)
def test_stems_and_residual_are_the_recording(
    checkpoint: Path, residence: Residence, tmp_path: Path, rate: int, channels: int, seconds: float
) -> None:
    rng = np.random.default_rng(rate + channels)
    samples = (0.1 * rng.standard_normal((channels, round(rate * seconds)))).astype(np.float32)
    if channels == 6:
        samples[2:4] = 0
    with Recording.from_clip(AudioClip(samples, rate)) as recording:
        stems = separator(checkpoint, residence).separate(recording, recording.scratch_folder)
        if channels == 6:
            assert all(not read_all(s.audio)[2:4].any() for s in stems)
        written = write_set(recording, stems, tmp_path, minus_one=True)
    files = [*(s.path for s in written.stems), written.residual]
    total = sum(soundfile.read(f, dtype="float64", always_2d=True)[0] for f in files)
    assert total.shape == (samples.shape[1], channels)
    assert 20 * np.log10(np.abs(total.T - samples).max() + 1e-12) <= -90
    for s in written.stems:
        assert s.minus is not None
        pair = sum(soundfile.read(f, dtype="float64", always_2d=True)[0] for f in (s.path, s.minus))
        assert 20 * np.log10(np.abs(pair.T - samples).max() + 1e-12) <= -90


def test_channels_that_cancel_each_other_are_heard(checkpoint: Path, residence: Residence) -> None:
    """Their mono mix is silence, and a level of nothing would blow them up by 160 dB."""
    tone = mixture()[0, :60000]
    stems = stems_of(AudioClip(np.stack([tone, -tone]), 44100), separator(checkpoint, residence))
    as_loud = stems_of(AudioClip(np.stack([tone, tone]), 44100), separator(checkpoint, residence))
    assert stems.any() and np.abs(stems).max() < 100 * np.abs(as_loud).max()


def test_a_network_that_can_never_fit_drives_no_other_out() -> None:
    residence = Residence(limit_bytes=100 << 20, available=lambda: 1 << 40)
    residence.get("a", "a", 60 << 20, lambda: "A")
    with pytest.raises(NotEnoughMemory, match="b needs 200 MB and 100 MB are free"):
        residence.get("b", "b", 200 << 20, lambda: "B")
    assert residence.held_bytes == 60 << 20
    assert residence.get("c", "c", 80 << 20, lambda: "C") == "C" and residence.held_bytes == 80 << 20


def test_a_single_stem_of_a_bag_runs_a_single_network(checkpoint: Path, tmp_path: Path) -> None:
    """Fine-tuned bags have a network for each stem; the stems are those of the networks alone."""
    paths = []
    for seed in range(4):
        paths.append(tmp_path / f"{seed}.safetensors")
        write_htdemucs(paths[-1], seed=seed)
    residence = Residence()
    bag = DemucsSeparator(
        "bag", [Member(p, (r,), "") for p, r in zip(paths, ROLES, strict=True)], Request(Engine.OPENVINO), residence, memory_mb=50
    )
    assert bag.roles == ROLES
    clip = AudioClip(mixture()[:, :70000], 44100)
    with Recording.from_clip(clip) as recording:
        seen: list[float] = []
        one = read_all(bag.separate(recording, recording.scratch_folder, seen.append, [StemRole.OTHER])[0].audio)
        assert residence.held_bytes == 50 << 20
        four = bag.separate(recording, recording.scratch_folder)
        assert residence.held_bytes == 200 << 20
        assert np.array_equal(read_all(four[2].audio), one)
    assert seen[-1] == 1.0
    alone = stems_of(clip, separator(paths[2], Residence()))
    assert np.array_equal(alone[2], one)


def test_it_stops_between_two_segments(checkpoint: Path, residence: Residence) -> None:
    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        if len(shares) == 2:
            raise Cancelled("stop")

    with Recording.from_clip(noise(6)) as recording, pytest.raises(Cancelled):
        separator(checkpoint, residence).separate(recording, recording.scratch_folder, stop)
    assert 0 < shares[0] < shares[1] < 1


def test_silence_and_one_frame_are_no_trouble(checkpoint: Path, residence: Residence) -> None:
    for samples in (np.zeros((2, 44100), np.float32), np.full((2, 1), 0.5, np.float32)):
        found = stems_of(AudioClip(samples, 44100), separator(checkpoint, residence))
        assert found.shape == (4, *samples.shape) and np.isfinite(found).all()


def test_the_spectrum_is_undone_exactly() -> None:
    """But for the highest bin and the outer frames, which demucs leaves out too: the golden outputs hold those."""
    spectral = Spectral(1024, 66150)
    t = np.arange(66150) / 44100
    x = np.stack([np.sin(2 * np.pi * 440 * t), np.cos(2 * np.pi * 5000 * t)]).astype(np.float32)
    found = spectral.inverse(spectral.forward(x))
    assert agreement_db(found[:, 1024:-1024], x[:, 1024:-1024]) > 100


@pytest.mark.parametrize("total", [1, 500, 66149, 66150, 66151, 100_000, 441_000])
def test_plans_cover_every_frame(total: int) -> None:
    for plan in (even_plan(total, 66150), demucs_plan(total, 66150)):
        covered = np.zeros(total, int)
        for s in plan:
            assert s.window <= s.offset and s.offset + s.length <= min(total, s.window + 66150)
            covered[s.offset : s.offset + s.length] += 1
        assert covered.min() > 0
    assert len(even_plan(total, 66150)) <= len(demucs_plan(total, 66150))


def test_overlap_add_gives_back_what_a_model_leaves_alone() -> None:
    x = (0.1 * np.random.default_rng(2).standard_normal((3, 50_000)) + 0.3).astype(np.float32)
    parts: list[np.ndarray] = []
    model = SegmentModel(8000, 2, 2, lambda segment: np.stack([segment, 0 * segment]))
    separated(AudioClip(x, 44100), model, even_plan(50_000, 8000), parts.append, lambda share: None)
    found = np.concatenate(parts, axis=2)
    assert agreement_db(found[0], x) > 100
    assert triangle(8000).max() == 1.0


def test_memory_does_not_grow_with_the_recording() -> None:
    """The plan, the accumulators and the statistics; the network is a stub that takes no time."""

    def peak(seconds: int) -> int:
        model = SegmentModel(343_980, 4, 2, lambda segment: np.repeat(segment[None], 4, 0))
        reader = LongRecording(seconds)
        tracemalloc.start()
        separated(reader, model, even_plan(reader.frames, 343_980), lambda block: None, lambda share: None)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(900) < peak(60) + (5 << 20)


def damaged(path: Path, **changes: object) -> Path:
    """The small checkpoint with tensors dropped (None) or replaced, or `metadata` replaced."""
    whole = Checkpoint.read(path)
    metadata = changes.pop("metadata", whole.metadata)
    tensors = {k: changes.get(k, v) for k, v in whole.tensors.items()}
    out = path.with_name("damaged.safetensors")
    write_checkpoint(out, {k: v for k, v in tensors.items() if v is not None}, metadata)  # type: ignore[arg-type, misc]
    return out


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"encoder.0.conv.bias": None}, r"encoder\.0\.conv\.bias: wanted \[8\], file has none"),
        ({"encoder.0.conv.bias": np.zeros(9, np.float16)}, r"wanted \[8\], file has \[9\]"),
        ({"metadata": {"klass": "demucs.demucs.Demucs"}}, "not an HTDemucs checkpoint"),
        ({"metadata": {}}, "names no class"),
        ({"metadata": {"klass": "demucs.htdemucs.HTDemucs", "kwargs": "{"}}, "metadata cannot be read"),
        ({"metadata": {"klass": "demucs.htdemucs.HTDemucs", "kwargs": '{"sources": ["a"], "cac": false}'}}, "cac=False"),
        ({"metadata": {"klass": "demucs.htdemucs.HTDemucs", "kwargs": '{"sources": ["a"], "depth": 7}'}}, "branches would merge"),
        ({"metadata": {"klass": "demucs.htdemucs.HTDemucs", "kwargs": '{"channels": 8}'}}, "make no HTDemucs"),
    ],
)
def test_a_foreign_checkpoint_is_named(checkpoint: Path, changes: dict[str, object], sentence: str) -> None:
    path = damaged(checkpoint, **changes)
    whole = Checkpoint.read(path)
    with pytest.raises(UnusableModel, match=sentence):
        build_graph(whole.metadata, Weights(whole.tensors))


def test_a_file_that_was_cut_off_is_named(checkpoint: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.safetensors"
    half.write_bytes(checkpoint.read_bytes()[: checkpoint.stat().st_size // 2])
    text = tmp_path / "text.safetensors"
    text.write_text("not weights")
    for path in (half, text, tmp_path / "nowhere.safetensors"):
        with pytest.raises(UnusableModel, match="is not a whole safetensors file"):
            Checkpoint.read(path)


def test_a_model_that_would_not_fit_is_refused_before_it_is_loaded(checkpoint: Path) -> None:
    residence = Residence(limit_bytes=10 << 20)
    with Recording.from_clip(noise(2)) as recording, pytest.raises(NotEnoughMemory, match="needs 50 MB and 10 MB are free"):
        separator(checkpoint, residence).separate(recording, recording.scratch_folder)


def test_the_least_recently_used_model_makes_room() -> None:
    residence = Residence(limit_bytes=100)
    loaded: list[str] = []

    def load(name: str) -> str:
        loaded.append(name)
        return name

    for name in ("a", "b", "a", "c", "a", "b"):
        assert residence.get(name, name, 40, lambda name=name: load(name)) == name  # type: ignore[misc]
    assert loaded == ["a", "b", "c", "b"]
    assert residence.held_bytes == 80
    starved = Residence(available=lambda: 10)
    with pytest.raises(NotEnoughMemory):
        starved.get("x", "x", 11, lambda: "x")


def test_nothing_neural_is_imported_before_it_is_used(checkpoint: Path) -> None:
    import subprocess

    code = "import sideman, sys; from sideman import bootstrap; bootstrap.engines().separators.states(); assert not {'torch', 'openvino', 'onnxruntime', 'safetensors'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_wider_options_build(tmp_path: Path) -> None:
    """What other checkpoints use: no bottom layer, cross attention first, another width in time, more stems."""
    arguments = SMALL_HTDEMUCS | {
        "bottom_channels": 0, "t_cross_first": True, "sources": ["drums", "bass", "other", "vocals", "guitar", "piano"], "segment": Fraction(1),
        "norm_starts": 1, "dconv_mode": 1,
    }  # fmt: skip
    path = tmp_path / "wide.safetensors"
    config = write_htdemucs(path, arguments)
    assert dataclasses.replace(config, sources=()).segment == 1
    six = (*ROLES, StemRole.GUITAR, StemRole.PIANO)
    made_by = DemucsSeparator(
        "six", [Member(path, six, "")], Request(Engine.ONNXRUNTIME), Residence(), memory_mb=50, experimental=[StemRole.PIANO]
    )
    with Recording.from_clip(AudioClip(mixture()[:, :50000], 44100)) as recording:
        found = made_by.separate(recording, recording.scratch_folder)
    assert [s.quality.value for s in found][-2:] == ["full quality", "experimental"]
