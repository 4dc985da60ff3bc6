"""MusicGen through the real loading code, on small checkpoints with random weights: what is checked is that it is asked rightly, not its music."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="the extra `neural` is not installed: pip install 'sideman[neural]'")
pytestmark = pytest.mark.filterwarnings("default")  # of libraries that are loaded here

from tiny_networks import musicgen

from sideman.core.audio import AudioClip
from sideman.core.generation.backends import open_network, refuse_without_extra, room
from sideman.core.generation.backends.musicgen import MusicGen, open_musicgen
from sideman.core.generation.backends.musicgen.codes import undelayed
from sideman.core.generation.clips import Anchor, ClipWish
from sideman.core.models.memory import Residence
from sideman.core.models.runtime import torch_place
from sideman.core.models.runtime.session import Precision
from sideman.core.music import StemRole
from sideman.errors import Cancelled, MissingAsset, NotEnoughMemory, UnusableModel

RATE = 32000


@pytest.fixture(scope="module", autouse=True)
def thirty_two_bits() -> Iterator[None]:
    """Equal to the last digits whatever the processor multiplies fastest; half precision has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_place, "_precision", lambda torch, device: Precision.FLOAT32)
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("musicgen")
    return {
        "mono": musicgen(root / "mono"),
        "stereo": musicgen(root / "stereo", channels=2),
        "melody": musicgen(root / "melody", melody=True),
    }


@pytest.fixture(scope="module")
def opened(folders: dict[str, Path]) -> dict[str, MusicGen]:
    return {name: open_network("musicgen", folder, name, "cpu", 1) for name, folder in folders.items()}  # type: ignore[misc]


def wish(seed: int = 1, seconds: float = 1.0, prompt: str = "electric bass", **more: object) -> ClipWish:
    return ClipWish(StemRole.BASS, prompt, seconds, seed, **more)  # type: ignore[arg-type]


def sound(seconds: float = 2.0, seed: int = 0) -> AudioClip:
    rng = np.random.default_rng(seed)
    return AudioClip((0.1 * rng.standard_normal((2, round(seconds * 44100)))).astype(np.float32), 44100)


def quiet(share: float) -> None:
    pass


def made(model: MusicGen, *wishes: ClipWish) -> list[np.ndarray]:
    return [c.samples for c in model.clips(wishes, quiet)]


def test_clips_are_exactly_as_long_as_asked(opened: dict[str, MusicGen]) -> None:
    for name, channels in (("mono", 1), ("stereo", 2), ("melody", 1)):
        for seconds in (0.31, 1.0):
            (x,) = made(opened[name], wish(seconds=seconds))
            assert x.shape == (channels, round(seconds * RATE)) and x.dtype == np.float32 and np.isfinite(x).all()
    (stereo,) = made(opened["stereo"], wish())
    assert not np.array_equal(stereo[0], stereo[1])


def test_the_same_seed_is_the_same_clip_alone_and_in_any_company(opened: dict[str, MusicGen]) -> None:
    for name in ("mono", "stereo"):
        model = opened[name]
        wishes = [wish(1), wish(2, prompt="rock drums with a jazz piano and strings"), wish(3, lead=sound()), wish(4, seconds=0.5), wish(5)]
        together = made(model, *wishes)
        for k in (0, 1, 2, 3) if name == "mono" else (1,):
            (alone,) = made(model, wishes[k])
            assert np.abs(alone - together[k]).max() < 1e-5
        assert np.abs(together[0] - together[4]).max() > 1e-4


def test_it_goes_on_from_what_sounds_before(opened: dict[str, MusicGen]) -> None:
    model = opened["mono"]
    without, one, other = made(model, wish()), made(model, wish(lead=sound(seed=1))), made(model, wish(lead=sound(seed=2)))
    assert np.abs(one[0] - other[0]).max() > 1e-4 and np.abs(one[0] - without[0]).max() > 1e-4


def test_two_melodies_give_different_sound(opened: dict[str, MusicGen]) -> None:
    """transformers before 5.18 dropped melody, text and guidance without a word."""
    model = opened["melody"]
    assert model.anchors == (Anchor.CONTINUE, Anchor.MELODY)
    c, e = made(model, wish(seconds=2.0, melody=np.full(40, 0))), made(model, wish(seconds=2.0, melody=np.full(40, 4)))
    held = np.where(np.arange(40) % 3 == 0, 4, -1)
    assert np.abs(c[0] - e[0]).max() > 1e-4
    assert np.array_equal(e[0], made(model, wish(seconds=2.0, melody=held))[0])  # a rest holds the note before it
    assert made(model, wish(seconds=1.0, melody=np.full(40, 4), lead=sound()))[0].shape == (1, RATE)


def test_words_are_heard(opened: dict[str, MusicGen]) -> None:
    for name in ("mono", "melody"):
        a, b = made(opened[name], wish(seconds=3.0), wish(seconds=3.0, prompt="jazz drums pop"))
        assert np.abs(a - b).max() > 1e-4, name


def test_boldness_is_temperature(opened: dict[str, MusicGen]) -> None:
    cold = [made(opened["mono"], wish(seed, liveliness=0.0))[0] for seed in (1, 2)]
    assert np.abs(cold[0] - cold[1]).max() < 1e-5  # by the book: no chance is left


def test_more_than_a_window_of_half_a_minute_has_no_seam(opened: dict[str, MusicGen]) -> None:
    model = opened["mono"]
    shares: list[float] = []
    (x,) = (c.samples[0] for c in model.clips([wish(seconds=34.0)], shares.append))
    assert len(x) == 34 * RATE and shares == sorted(shares) and len(shares) > 1700
    (shorter,) = made(model, wish(seconds=29.0))
    assert np.abs(shorter[0, : 28 * RATE] - x[: 28 * RATE]).max() < 1e-4  # the second window keeps what the first one wrote
    frames = np.sqrt((x[: len(x) // 640 * 640].reshape(-1, 640) ** 2).mean(1))
    steps = np.abs(np.diff(x))
    for joint_s in (29.0, 30.0):  # ends of windows, and of the pieces that are decoded
        k = int(joint_s * 50)
        assert np.abs(np.log10(frames[k - 3 : k + 3].mean() / frames.mean())) < 0.5
        at = int(joint_s * RATE)
        assert (
            steps[at - 640 : at + 640].max() <= steps.max() * 1.0 and steps[at - 640 : at + 640].max() < 6 * steps.mean() + steps.std() * 8
        )


def test_a_stop_comes_within_one_token(opened: dict[str, MusicGen]) -> None:
    calls = 0

    def stop(share: float) -> None:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        opened["mono"].clips([wish(seconds=5.0)], stop)
    assert calls == 7
    assert made(opened["mono"], wish())[0].shape == (1, RATE)  # and it works on


def test_half_precision_gives_numbers(folders: dict[str, Path]) -> None:
    place = torch_place.TorchPlace("cpu", Precision.BFLOAT16, 1)
    for name in ("mono", "melody"):
        (x,) = made(open_musicgen(folders[name], name, place), wish(lead=sound(), melody=np.full(40, 4) if name == "melody" else None))
        assert x.dtype == np.float32 and np.isfinite(x).all() and x.any()


def test_the_delay_pattern_is_undone() -> None:
    import torch

    codes = torch.arange(2 * 4 * 5).reshape(2, 4, 5)
    laid = torch.full((2, 4, 1 + 5 + 3), -1)
    for k in range(4):
        laid[:, k, 1 + k : 6 + k] = codes[:, k]
    assert torch.equal(undelayed(laid.reshape(8, -1), 4, 1), codes)


def test_checkpoints_that_are_none_are_refused_in_one_sentence(folders: dict[str, Path], tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    def copied(name: str) -> Path:
        return Path(shutil.copytree(folders["mono"], tmp_path / name))

    other = copied("other")
    (other / "config.json").write_text(json.dumps({"model_type": "bert"}))
    silent, cut, partial, odd, empty = copied("silent"), copied("cut"), copied("partial"), copied("odd"), tmp_path / "empty"
    (silent / "config.json").unlink()
    weights = (cut / "model.safetensors").read_bytes()
    (cut / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    tensors = load_file(partial / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if "layers.1.fc1" not in k}, partial / "model.safetensors", {"format": "pt"})
    tensors["decoder.lm_heads.0.weight"] = torch.zeros(3, 3)
    save_file(tensors, odd / "model.safetensors", {"format": "pt"})
    empty.mkdir()
    for folder, sentence in (
        (other, "a checkpoint of 'bert', not of MusicGen"), (silent, "no readable config.json"), (cut, "cannot be loaded"),
        (partial, "lacks 1 tensors .*fc1"), (odd, "cannot be loaded|other sizes"), (empty, "no readable config.json"),
    ):  # fmt: skip
        with pytest.raises(UnusableModel, match=sentence) as refused:
            open_network("musicgen", folder, folder.name, "cpu", 1)
        assert "\n" not in str(refused.value) and len(str(refused.value)) < 420


def test_what_does_not_fit_is_refused_before_it_is_loaded() -> None:
    where = room("musicgen", 16_400, "cpu", 1)
    assert where.available() is None or where.available() > 0  # type: ignore[operator]
    with pytest.raises(NotEnoughMemory, match=r"musicgen-large needs [\d,]+ MB and 4,096 MB are free: choose a smaller model"):
        Residence(None, lambda: None).get("x", "musicgen-large", where.need_bytes, lambda: pytest.fail("loaded"), lambda: 4 << 30)


def test_a_device_that_is_not_there_is_named(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingAsset, match="no device 'cuda:7'"):
        open_network("musicgen", folders["mono"], "x", "cuda:7", 1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingAsset, match=r"needs the extra `neural` \(torch, transformers is not installed\)"):
        refuse_without_extra("musicgen")
