"""Stable Audio and ACE-Step through the real loading code, on small checkpoints with random weights, also in their publishers' layouts."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("diffusers", reason="the extra `neural` is not installed: pip install 'sideman[neural]'")
pytestmark = pytest.mark.filterwarnings("default")  # of libraries that are loaded here

from safetensors.torch import load_file, save_file
from tiny_networks import ace_step, stable_audio_open, stable_audio_three
from tiny_originals import original_ace_step, original_stable_audio_three

from sideman.core.audio import AudioClip
from sideman.core.generation.backends import assembled, open_network
from sideman.core.generation.backends.ace_step import engine as ace_engine
from sideman.core.generation.clips import Anchor, AudioModel, ClipWish
from sideman.core.models.runtime import torch_place
from sideman.core.models.runtime.session import Precision
from sideman.core.models.runtime.torch_place import TorchPlace
from sideman.core.music import Key, StemRole
from sideman.errors import Cancelled, UnusableModel

FAMILIES = {"open": "stable-audio-open", "three": "stable-audio-3", "base": "stable-audio-3", "ace": "ace-step", "turbo": "ace-step"}
STEPS = 3


def sound(seconds: float = 1.0, seed: int = 0) -> AudioClip:
    rng = np.random.default_rng(seed)
    return AudioClip((0.2 * rng.standard_normal((2, round(seconds * 44100)))).astype(np.float32), 44100)


SONG, OTHER = sound(), sound(seed=1)
WAYS: dict[str, list[dict[str, object]]] = {
    "open": [{}, {"guide": SONG}, {"avoid": "vocals"}],
    "three": [{}, {"guide": SONG}, {"lead": SONG}, {"guide": SONG, "repaint_s": (0.2, 0.6)}],
    "base": [{}, {"guide": SONG}],
    "ace": [{}, {"song": SONG}, {"guide": SONG}, {"guide": SONG, "repaint_s": (0.2, 0.6)}],
    "turbo": [{"guide": SONG}],
}
CASES = [pytest.param(name, way, id=f"{name}-{'-'.join(way) or 'words'}") for name, ways in WAYS.items() for way in ways]


@pytest.fixture(scope="module", autouse=True)
def thirty_two_bits() -> Iterator[None]:
    """Equal to the last digits whatever the processor multiplies fastest; half precision has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_place, "_precision", lambda torch, device: Precision.FLOAT32)
        patch.setattr(ace_engine, "LEAST_S", 1.0)  # the real network needs more to make music of, a small one only more time
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("diffusion")
    return {
        "open": stable_audio_open(root / "open"), "three": stable_audio_three(root / "three"),
        "base": stable_audio_three(root / "base", distilled=False), "ace": ace_step(root / "ace"), "turbo": ace_step(root / "turbo", turbo=True),
    }  # fmt: skip


@pytest.fixture(scope="module")
def opened(folders: dict[str, Path]) -> Callable[[str], AudioModel]:
    there: dict[str, AudioModel] = {}

    def get(name: str) -> AudioModel:
        if name not in there:
            there[name] = open_network(FAMILIES[name], folders[name], name, "cpu", 1)
            there[name]._steps = STEPS  # type: ignore[attr-defined]
        return there[name]

    return get


def wish(seed: int = 1, seconds: float = 0.9, prompt: str = "electric bass", **more: object) -> ClipWish:
    more = {"tempo_bpm": 120.4, "key": Key(9, "minor"), "beats_per_bar": 4} | more
    return ClipWish(StemRole.BASS, prompt, seconds, seed, **more)  # type: ignore[arg-type]


def made(model: AudioModel, *wishes: ClipWish) -> list[np.ndarray]:
    return [c.samples for c in model.clips(wishes, lambda share: None)]


@pytest.mark.parametrize(("name", "way"), CASES)
def test_every_way_gives_clips_of_the_length_asked_that_depend_on_their_seed_alone(opened: Callable, name: str, way: dict) -> None:
    model = opened(name)
    wishes = [wish(1, **way), wish(2, prompt="rock drums", **way), wish(3, **way)]
    together = made(model, *wishes)
    for x in together:
        assert x.shape == (2, round(0.9 * model.sample_rate_hz)) and x.dtype == np.float32 and np.isfinite(x).all() and x.any()
    (alone,) = made(model, wishes[1])
    assert np.abs(alone - together[1]).max() < 1e-2 * np.abs(alone).max()
    assert np.abs(together[0] - together[2]).max() > 3e-2 * np.abs(alone).max()


@pytest.mark.parametrize(("name", "way"), [("open", "guide"), ("three", "guide"), ("three", "lead"), ("ace", "song"), ("ace", "guide"), ("turbo", "guide")])  # fmt: skip
def test_the_sound_that_is_given_is_heard(opened: Callable, name: str, way: str) -> None:
    a, b = (made(opened(name), wish(**{way: given}))[0] for given in (SONG, OTHER))
    assert np.abs(a - b).max() > 1e-4 * np.abs(a).max()


def test_the_accompaniment_completes_the_song_and_a_track_joins_it(opened: Callable) -> None:
    track, whole = (made(opened("ace"), replace(wish(song=SONG), role=role))[0] for role in (StemRole.BASS, StemRole.OTHER))
    assert np.abs(track - whole).max() > 1e-4 * np.abs(track).max()


def test_less_freedom_is_nearer_to_the_guide(opened: Callable) -> None:
    model = opened("three")
    (free,) = made(model, wish(guide=SONG, freedom=1.0))
    near, far = (np.abs(made(model, wish(guide=SONG, freedom=f))[0] - free).mean() for f in (0.9, 0.2))
    assert far > near


def test_a_stop_comes_within_one_step(opened: Callable) -> None:
    for name in ("open", "three", "ace"):
        calls: list[float] = []

        def stop(share: float, calls: list[float] = calls) -> None:
            calls.append(share)
            if len(calls) == 2:
                raise Cancelled("stopped")

        with pytest.raises(Cancelled):
            opened(name).clips([wish()], stop)
        assert len(calls) == 2
        assert made(opened(name), wish())[0].any()


def test_what_each_engine_understands(opened: Callable) -> None:
    assert opened("open").anchors == (Anchor.VARY,) and opened("open").longest_s == pytest.approx(64 * 2048 / 44100)
    assert opened("three").anchors[0] is Anchor.VARY and Anchor.CONTINUE in opened("three").anchors
    assert opened("ace").anchors[0] is Anchor.JOIN and Anchor.JOIN not in opened("turbo").anchors
    known = dict(opened("ace").provenance.parameters)
    assert known["device"] == "cpu" and known["precision"] in ("f32", "bf16") and "torch" in known


def test_half_precision_gives_numbers(folders: dict[str, Path]) -> None:
    from sideman.core.generation.backends.stable_audio import StableAudio3, StableAudioOpen

    place = TorchPlace("cpu", Precision.BFLOAT16, 1)
    for model in (StableAudioOpen.open(folders["open"], "open", place), StableAudio3.open(folders["three"], "three", place)):
        model._steps = 2
        for way in ({}, {"guide": SONG}):
            (x,) = made(model, wish(**way))
            assert x.dtype == np.float32 and np.isfinite(x).all() and x.any()


def test_checkpoints_that_are_none_are_refused_in_one_sentence(folders: dict[str, Path], tmp_path: Path) -> None:
    partial = Path(shutil.copytree(folders["three"], tmp_path / "partial"))
    file = partial / "transformer/diffusion_pytorch_model.safetensors"
    save_file({k: v for k, v in load_file(file).items() if k != "proj_in.weight"}, file, {"format": "pt"})
    cut = Path(shutil.copytree(folders["three"], tmp_path / "cut"))
    data = (cut / "vae/diffusion_pytorch_model.safetensors").read_bytes()
    (cut / "vae/diffusion_pytorch_model.safetensors").write_bytes(data[:900])
    bare = Path(shutil.copytree(folders["three"], tmp_path / "bare"))
    shutil.rmtree(bare / "vae")
    for folder, family, sentence in (
        (folders["three"], "ace-step", "three is a StableAudio3Pipeline, not a AceStepPipeline"),
        (partial, "stable-audio-3", r"partial lacks 1 tensors of its transformer \(proj_in.weight\)"),
        (cut, "stable-audio-3", "cut cannot be loaded"), (bare, "stable-audio-3", "bare cannot be loaded"),
        (tmp_path, "stable-audio-open", "has no readable model_index.json"),
    ):  # fmt: skip
        with pytest.raises(UnusableModel, match=sentence) as refused:
            open_network(family, folder, folder.name, "cpu", 1)
        assert "\n" not in str(refused.value)


def tensors_of(folder: Path) -> dict[str, dict[str, object]]:
    return {p.relative_to(folder).as_posix(): load_file(p) for p in folder.rglob("*.safetensors")}


@pytest.mark.parametrize("family", ["stable-audio-3", "ace-step"])
def test_published_layouts_become_the_pipeline_that_they_describe(tmp_path: Path, family: str) -> None:
    write = original_stable_audio_three if family == "stable-audio-3" else original_ace_step
    original, direct = write(tmp_path / "published", tmp_path / "direct"), tmp_path / "direct"
    converted = assembled(family, original)
    wanted, found = tensors_of(direct), tensors_of(converted)
    assert wanted.keys() == found.keys()
    for file, tensors in wanted.items():
        assert tensors.keys() == found[file].keys()
        assert all(bool((tensors[k] == found[file][k]).all()) for k in tensors), file  # type: ignore[attr-defined]
    a, b = (open_network(family, folder, "x", "cpu", 1) for folder in (direct, converted))
    for model in (a, b):
        model._steps = 2  # type: ignore[attr-defined]
    assert np.array_equal(made(a, wish(guide=SONG))[0], made(b, wish(guide=SONG))[0])
    assert assembled(family, converted) == converted  # what is in the library's layout stays as it is


def test_the_published_settings_decide_about_steps(tmp_path: Path) -> None:
    original = original_stable_audio_three(tmp_path / "published", tmp_path / "direct", "rectified_flow")
    model = open_network("stable-audio-3", assembled("stable-audio-3", original), "base", "cpu", 1)
    assert model._steps == 100  # type: ignore[attr-defined]


def test_published_checkpoints_that_do_not_fit_name_their_tensors(tmp_path: Path) -> None:
    three, ace = (
        write(tmp_path / n, tmp_path / f"{n}-direct") for n, write in (("three", original_stable_audio_three), ("ace", original_ace_step))
    )

    def refused(folder: Path, family: str, change: Callable[[dict], dict]) -> str:
        copy = Path(shutil.copytree(folder, tmp_path / "copy"))
        save_file(change(load_file(copy / "model.safetensors")), copy / "model.safetensors")
        with pytest.raises(UnusableModel) as error:
            assembled(family, copy)
        shutil.rmtree(copy)
        return str(error.value)

    def without(key: str) -> Callable[[dict], dict]:
        return lambda tensors: {k: v for k, v in tensors.items() if k != key}

    import torch

    assert "memory_tokens" in refused(three, "stable-audio-3", without("model.model.transformer.memory_tokens"))
    assert "proj_out.weight" in refused(three, "stable-audio-3", without("model.model.transformer.project_out.weight"))
    assert "odd.weight" in refused(three, "stable-audio-3", lambda t: t | {"model.model.odd.weight": torch.zeros(1)})
    assert "proj_in_conv.weight" in refused(ace, "ace-step", without("decoder.proj_in.1.weight"))
    assert "sizes" in refused(ace, "ace-step", lambda t: t | {"decoder.proj_in.1.bias": torch.zeros(3)})
    stated = json.loads((ace / "config.json").read_text())
    del stated["head_dim"]
    (ace / "config.json").write_text(json.dumps(stated))
    with pytest.raises(UnusableModel, match="says nothing of 'head_dim'"):
        assembled("ace-step", ace)
    shutil.rmtree(three / "text_encoder")
    with pytest.raises(UnusableModel, match=r"is no stable-audio-3 network as it is published: it lacks text_encoder/config.json"):
        assembled("stable-audio-3", three)


def test_no_length_is_one_frame_too_long_for_the_pipeline(opened: Callable) -> None:
    """It sizes noise as ceil(frames / 25 * 25), which for 125 of 2,001 lengths is one more than the song's."""
    model = opened("ace")
    for tenths in range(10, 900):
        seconds = model._whole_frames(tenths / 10)  # type: ignore[attr-defined]
        frames = math.ceil(seconds * 25)
        assert math.ceil(frames / 25 * 25) == frames and seconds >= tenths / 10 - 1e-9 and abs(seconds * 25 - frames) < 1e-6
    assert made(model, wish(seconds=2.24, song=SONG))[0].shape == (2, round(2.24 * 48000))


def test_a_clip_in_which_nothing_plays_stays_quiet(opened: Callable) -> None:
    model = opened("ace")
    loud = made(model, wish(song=SONG))[0]
    decoder = model._pipeline.vae.decoder  # type: ignore[attr-defined]
    kept = decoder.conv2.weight_g.data.clone()
    decoder.conv2.weight_g.data.mul_(1e-3)
    quiet = made(model, wish(song=SONG))[0]
    decoder.conv2.weight_g.data.copy_(kept)
    assert np.abs(quiet).max() < 0.01 * np.abs(loud).max()


def test_repeating_a_wish_repeats_the_clip(opened: Callable) -> None:
    """ACE-Step encodes the song with torch's global chance."""
    for name, way in (("ace", {"song": SONG}), ("open", {"guide": SONG})):
        a, b = (made(opened(name), replace(wish(7), **way))[0] for _ in range(2))
        assert np.array_equal(a, b)
