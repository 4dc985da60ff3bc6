"""Beat This! as our own graph against its published code (golden file; small random weights that the names decide)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sideman.core.analysis.backends.beat_this import BeatThisEngine, convert
from sideman.core.analysis.backends.beat_this.core_graph import BeatThisConfig, build
from sideman.core.analysis.backends.beat_this.engine import _grid, _peaks
from sideman.core.analysis.backends.beat_this.spectrum import SAMPLE_RATE_HZ, frame_count, listen
from sideman.core.audio import AudioClip
from sideman.core.models.runtime import Engine, Request
from sideman.errors import UnusableModel
from sideman.testing.weights import WantedShapes, named_random, write_torch_file

GOLDEN = Path(__file__).parent.parent / "golden" / "beat_this_small.npz"
SIZES = BeatThisConfig(bands=128, stem_dim=32, dim=64, layers=2, ff_hidden=128)


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    wanted = WantedShapes()
    build(SIZES, wanted, 16)
    return {name: named_random(name, shape) for name, shape in wanted.shapes.items() if "freqs" not in name}


@pytest.fixture(scope="module")
def weights(tensors: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A torch checkpoint with the names of the published ones, converted."""
    path = tmp_path_factory.mktemp("beat-this") / "small0.ckpt"
    saved(path, {f"model.{k}": v for k, v in tensors.items()})
    return convert(path)


def saved(path: Path, tensors: dict[str, np.ndarray]) -> None:
    write_torch_file(path, tensors, "beat_this.model.pl_module.PLBeatThis", {})


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as stored:
        return {k: stored[k] for k in stored.files}


def signal(seconds: float) -> AudioClip:
    rng, t = np.random.default_rng(1), np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    x = 0.4 * np.sin(2 * np.pi * 220 * t) * (np.sin(2 * np.pi * 2 * t) > 0.8) + 0.02 * rng.normal(0, 1, len(t))
    return AudioClip(x[None].astype(np.float32), SAMPLE_RATE_HZ)


def test_the_spectrum_is_torchaudios(golden: dict[str, np.ndarray]) -> None:
    clip = signal(4.0)
    assert frame_count(clip) == len(golden["spectrum"])
    ours = listen(clip, 0, frame_count(clip))
    assert np.abs(ours - golden["spectrum"]).max() < 1e-3
    assert np.allclose(listen(clip, 50, 80), ours[50:80], atol=1e-5)


@pytest.mark.parametrize("engine", [Engine.ONNXRUNTIME, Engine.OPENVINO])
@pytest.mark.parametrize(("name", "seconds"), [("short", 4.0), ("long", 65.0)])
def test_logits_are_those_of_the_published_code(
    golden: dict[str, np.ndarray], weights: Path, engine: Engine, name: str, seconds: float
) -> None:
    ours, theirs = BeatThisEngine(weights, Request(engine=engine)).logits(signal(seconds)), golden[f"{name}_logits"]
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 2e-3 * np.ptp(theirs)
    beats, downbeats = (_peaks(column) / 50 for column in theirs.T)
    assert np.allclose(beats, golden[f"{name}_beats"])
    moved = np.unique([beats[np.abs(beats - d).argmin()] for d in downbeats]) if len(beats) else downbeats
    assert np.allclose(moved, golden[f"{name}_downbeats"])


def test_bars_count_from_every_downbeat() -> None:
    grid = _grid(np.arange(12) * 0.5, np.array([2, 5, 8]))
    assert grid.positions == (2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1) and grid.meter.beats_per_bar == 3
    assert _grid(np.arange(6) * 0.5, np.array([], int)).positions == (1, 2, 3, 4, 1, 2)


def test_another_checkpoint_is_refused_by_name(tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    saved(tmp_path / "other.ckpt", {"layer.weight": np.zeros((2, 2), np.float32)})
    with pytest.raises(UnusableModel, match="no checkpoint of Beat This!"):
        convert(tmp_path / "other.ckpt")
    less = {k: v for k, v in tensors.items() if k != "task_heads.beat_downbeat_lin.bias"}
    saved(tmp_path / "less.ckpt", less)
    with pytest.raises(UnusableModel, match=r"task_heads\.beat_downbeat_lin\.bias"):
        convert(tmp_path / "less.ckpt")


def test_a_bar_too_long_to_be_one_is_counted_in_usual_bars() -> None:
    found = _grid(0.5 * np.arange(100), np.array([0, 4, 8, 50, 54]))
    assert found.meter.beats_per_bar == 4 and max(found.positions) == 4
    assert found.positions[50] == 1
