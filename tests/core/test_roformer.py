"""Band-split RoFormers and MDX-Net: what their authors' code computes, from small random networks of the same architecture."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from sideman.core.audio import AudioClip, Recording, read_all
from sideman.core.models.checkpoint import Checkpoint, write_checkpoint
from sideman.core.models.graph import Graph
from sideman.core.models.memory import Residence
from sideman.core.models.onnx_file import write_onnx
from sideman.core.models.runtime import Engine, Request
from sideman.core.music import StemRole
from sideman.core.separation.backends import mdx, roformer, scnet
from sideman.core.separation.backends.mdx import MdxParameters, MdxSeparator
from sideman.core.separation.backends.roformer import RoformerSeparator
from sideman.core.separation.backends.roformer.configuration import RoformerConfig, mel_bands
from sideman.core.separation.backends.scnet import ScnetSeparator
from sideman.core.separation.single import WeightFacts
from sideman.core.separation.stft import CentredStft
from sideman.errors import UnusableModel
from sideman.testing import noise
from sideman.testing.weights import SMALL_BS_ROFORMER, SMALL_MEL_ROFORMER, SMALL_SCNET, write_roformer, write_scnet

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from make_separation import mixture

ENGINES = [
    Engine.OPENVINO,
    Engine.ONNXRUNTIME,
    pytest.param(Engine.TORCH, marks=pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")),
]
NETWORKS = {"melband": SMALL_MEL_ROFORMER, "bs": SMALL_BS_ROFORMER}


def agreement_db(found: np.ndarray, wanted: np.ndarray) -> float:
    wanted = wanted.astype(np.float64)
    return float(10 * np.log10((wanted**2).sum() / ((found - wanted) ** 2).sum()))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_segment_is_what_the_published_code_makes_of_it(tmp_path: Path, name: str, engine: Engine) -> None:
    """Golden outputs of bs-roformer-infer and melband-roformer-infer 0.1.5 for the same random weights."""
    config = NETWORKS[name]
    write_roformer(tmp_path / "x.safetensors", config)
    core = roformer.load(tmp_path / "x.safetensors", Request(engine))
    assert core.config == config
    found = core.run(mixture()[:, : config.segment_frames])[..., 8000:10_000]
    assert agreement_db(found, np.load(GOLDEN / f"{name}_roformer_small.npz")["stems"]) > 100


@pytest.mark.parametrize("engine", ENGINES)
def test_an_scnet_segment_is_what_its_authors_code_makes_of_it(tmp_path: Path, engine: Engine) -> None:
    write_scnet(tmp_path / "x.safetensors", SMALL_SCNET)
    core = scnet.load(tmp_path / "x.safetensors", Request(engine))
    assert core.config == SMALL_SCNET
    found = core.run(mixture()[:, : SMALL_SCNET.segment_frames])[..., 8000:10_000]
    assert agreement_db(found, np.load(GOLDEN / "scnet_small.npz")["stems"]) > 90


def test_scnet_takes_a_recording_apart(tmp_path: Path) -> None:
    write_scnet(tmp_path / "x.safetensors", SMALL_SCNET)
    roles = (StemRole.DRUMS, StemRole.BASS, StemRole.OTHER, StemRole.VOCALS)
    made_by = ScnetSeparator("small", roles, WeightFacts(tmp_path / "x.safetensors", memory_mb=50), Request(Engine.OPENVINO), Residence())
    with Recording.from_clip(AudioClip(mixture()[:, :70_000], 44100)) as recording:
        stems = made_by.separate(recording, recording.scratch_folder, roles=[StemRole.BASS])
        assert [s.role for s in stems] == [StemRole.BASS] and stems[0].audio.frames == 70_000
    with pytest.raises(UnusableModel, match="not an SCNet"):
        scnet.convert(write_melband(tmp_path))


def write_melband(folder: Path) -> Path:
    write_roformer(folder / "other.safetensors", SMALL_MEL_ROFORMER)
    return folder / "other.safetensors"


def test_vocals_and_the_rest_are_the_recording(tmp_path: Path) -> None:
    write_roformer(tmp_path / "x.safetensors", SMALL_MEL_ROFORMER)
    roles = (StemRole.VOCALS, StemRole.OTHER)
    made_by = RoformerSeparator(
        "small", roles, WeightFacts(tmp_path / "x.safetensors", memory_mb=50), Request(Engine.OPENVINO), Residence()
    )
    clip = AudioClip(mixture()[:, :90_000], 48000)
    with Recording.from_clip(clip) as recording:
        stems = made_by.separate(recording, recording.scratch_folder)
        assert [s.role for s in stems] == list(roles)
        assert np.abs(sum(read_all(s.audio) for s in stems) - clip.samples).max() < 1e-6
        rest = made_by.separate(recording, recording.scratch_folder, roles=[StemRole.OTHER])
        assert np.array_equal(read_all(rest[0].audio), read_all(stems[1].audio))


def test_mel_bands_cover_every_bin_and_overlap() -> None:
    """Sixty bands of the published layout: the widths that its checkpoints have begin with these."""
    bands = mel_bands(60, 2048)
    assert set().union(*bands) == set(range(1025)) and len(bands) == 60
    assert sum(len(b) for b in bands) > 1025 and all(b == tuple(range(b[0], b[-1] + 1)) for b in bands)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"band_split.to_features.3.1.weight": np.zeros((24, 6), np.float32)}, "its bands hold"),
        ({"mask_estimators.0.to_freqs.2.0.0.bias": None}, r"to_freqs\.2\.0\.0\.bias: wanted \[96\], file has none"),
        ({"band_split.to_features.0.1.weight": None}, "not a band-split RoFormer"),
        ({"more.weight": np.zeros(3, np.float32)}, "more.weight: not part of it"),
    ],
)
def test_a_foreign_checkpoint_is_named(tmp_path: Path, change: dict[str, np.ndarray | None], sentence: str) -> None:
    write_roformer(tmp_path / "x.safetensors", SMALL_MEL_ROFORMER)
    whole = Checkpoint.read(tmp_path / "x.safetensors")
    tensors = {k: v for k, v in (dict(whole.tensors) | change).items() if v is not None}
    write_checkpoint(tmp_path / "y.safetensors", tensors, whole.metadata)
    with pytest.raises(UnusableModel, match=sentence):
        roformer.convert(tmp_path / "y.safetensors")


def test_the_configuration_is_read_off_the_tensors(tmp_path: Path) -> None:
    wide = dataclasses.replace(SMALL_BS_ROFORMER, depth=3, time_depth=2, heads=3, dim_head=8, mask_layers=3)
    write_roformer(tmp_path / "x.safetensors", wide)
    whole = Checkpoint.read(tmp_path / "x.safetensors")
    assert RoformerConfig.from_checkpoint(whole.tensors, whole.metadata) == wide


def test_the_transform_is_undone_exactly() -> None:
    x = np.random.default_rng(0).standard_normal((2, 30_720)).astype(np.float32)
    stft = CentredStft(1024, 256, 30_720)
    spectrum = stft.forward(x)
    assert spectrum.shape == (2, 121, 513)
    assert agreement_db(stft.inverse(spectrum), x) > 120
    import scipy.signal

    window = scipy.signal.get_window("hann", 1024)
    k = 40
    centred = np.pad(x, ((0, 0), (512, 512)), mode="reflect")[:, k * 256 : k * 256 + 1024]
    assert np.allclose(spectrum[:, k], np.fft.rfft(centred * window), atol=1e-3)


def identity(path: Path, bins: int, windows: int) -> None:
    """An MDX model that gives back what it hears, halved."""
    g = Graph()
    x = g.input("input", 1, 4, bins, windows)
    g.output("output", g.multiply(x, g.constant("half", np.full(1, 0.5, np.float32))))
    write_onnx(g, path)


@pytest.mark.parametrize("engine", [Engine.OPENVINO, Engine.ONNXRUNTIME])
def test_mdx_runs_a_published_graph_as_it_is(tmp_path: Path, engine: Engine) -> None:
    """The network is a plain half: the stem is half of the recording but for the bins that MDX does not see, times its gain."""
    path = tmp_path / "model.onnx"
    identity(path, 2000, 32)
    known = {mdx.fingerprint(path): MdxParameters(4096, 2000, 32, 1.2, StemRole.VOCALS)}
    roles = (StemRole.OTHER, StemRole.VOCALS)
    made_by = MdxSeparator("half", roles, WeightFacts(path, memory_mb=50), Request(engine), Residence(), known=known)
    assert made_by.roles == (StemRole.VOCALS, StemRole.OTHER)
    t = np.arange(80_000) / 44100
    x = np.stack([np.sin(2 * np.pi * 1000 * t), np.sin(2 * np.pi * 3000 * t)]).astype(np.float32) * 0.3
    with Recording.from_clip(AudioClip(x, 44100)) as recording:
        vocals, other = (read_all(s.audio) for s in made_by.separate(recording, recording.scratch_folder))
    inside = slice(5000, -5000)
    assert agreement_db(vocals[:, inside], 0.6 * x[:, inside]) > 60
    assert np.abs(vocals + other - x).max() < 1e-6


def test_an_unknown_mdx_model_is_refused(tmp_path: Path) -> None:
    identity(tmp_path / "model.onnx", 64, 32)
    with pytest.raises(UnusableModel, match="no MDX-Net model that Sideman knows the parameters of"):
        mdx.convert(tmp_path / "model.onnx")


def test_long_files_pass_in_segments(tmp_path: Path) -> None:
    write_roformer(tmp_path / "x.safetensors", SMALL_MEL_ROFORMER)
    facts = WeightFacts(tmp_path / "x.safetensors", memory_mb=50)
    made_by = RoformerSeparator("small", (StemRole.VOCALS, StemRole.OTHER), facts, Request(Engine.OPENVINO), Residence())
    shares: list[float] = []
    with Recording.from_clip(noise(3)) as recording:
        made_by.separate(recording, recording.scratch_folder, shares.append)
    assert len(shares) > 4 and shares == sorted(shares) and shares[-1] == 1.0
