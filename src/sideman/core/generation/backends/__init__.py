"""Networks behind one door: opened by family, converted where their publishers lay them out in another way than the library that runs them.

Nothing here loads torch before a network is opened or converted.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sideman.core.generation.backends.loading import quietly, stated_configuration
from sideman.core.generation.clips import AudioModel
from sideman.core.models.runtime.session import Precision
from sideman.core.models.runtime.torch_place import TorchPlace, place
from sideman.errors import MissingAsset, ModelError, UnusableModel

FAMILIES = ("musicgen", "stable-audio-open", "stable-audio-3", "ace-step")
NEEDS = {"musicgen": ("torch", "transformers"), "stable-audio-open": ("torch", "transformers", "diffusers", "torchsde")}
ALL = ("torch", "transformers", "diffusers")
NEED = {Precision.FLOAT32: 1.0, Precision.BFLOAT16: 0.75, Precision.FLOAT16: 0.75}
"""Of the memory at 32 bits: weights take half, but are loaded from files of 32 bits, and sound is decoded in 32."""
PIPELINE = "model_index.json"
PIPELINE_PARTS = ("transformer/*.safetensors", "vae/*.safetensors", "text_encoder/*.safetensors")
HOLDS = {
    "musicgen": ("config.json", "model*.safetensors"), "stable-audio-open": (PIPELINE, *PIPELINE_PARTS),
    "stable-audio-3": ("model.safetensors", "model_config.json", "text_encoder/config.json", "text_encoder/model*.safetensors"),
    "ace-step": ("config.json", "model*.safetensors", "vae/*.safetensors", "Qwen3-Embedding-0.6B/model*.safetensors"),
}  # fmt: skip
"""What a folder of each family must hold."""
CLASSES = {"stable-audio-open": "StableAudioPipeline", "stable-audio-3": "StableAudio3Pipeline", "ace-step": "AceStepPipeline"}
LARGER_PARTS = 0.7
"""Of a pipeline: its network and its codec, without the encoder of texts."""


def refuse_without_extra(family: str) -> None:
    """Raises MissingAsset where the libraries of a family are not installed. Imports none of them."""
    absent = [name for name in NEEDS.get(family, ALL) if importlib.util.find_spec(name) is None]
    if absent:
        raise MissingAsset(f"this engine needs the extra `neural` ({', '.join(absent)} is not installed): pip install 'sideman[neural]'")


def open_network(family: str, folder: Path, name: str, device: str | None, threads: int) -> AudioModel:
    """Raises MissingAsset, UnusableModel or NotEnoughMemory."""
    refuse_without_extra(family)
    where = place(device, threads)
    opener = _opener(family)
    with quietly(), where.working(name):
        return opener(folder, name, where)


def _opener(family: str) -> Callable[[Path, str, TorchPlace], AudioModel]:
    if family == "musicgen":
        from sideman.core.generation.backends.musicgen import open_musicgen

        return open_musicgen
    if family == "ace-step":
        from sideman.core.generation.backends.ace_step import AceStep

        return AceStep.open
    from sideman.core.generation.backends.stable_audio import StableAudio3, StableAudioOpen

    return StableAudioOpen.open if family == "stable-audio-open" else StableAudio3.open


@dataclass(frozen=True, slots=True)
class Room:
    """What a network takes where it would run, and how much is free there (None: nobody says). own: a device with memory of its own."""

    need_bytes: int
    available: Callable[[], int | None]
    own: bool


def room(family: str, memory_mb: int, device: str | None, threads: int) -> Room:
    """memory_mb: at 32 bits. On a device of its own a pipeline may need no more than its larger parts at once. Raises MissingAsset."""
    refuse_without_extra(family)
    where = place(device, threads)
    need = round((memory_mb << 20) * NEED[where.precision])
    if where.sharded and family != "musicgen":
        need = round(LARGER_PARTS * need)
    return Room(need, where.room, where.sharded)


def _refuse_incomplete(family: str, folder: Path) -> None:
    """Raises UnusableModel that names what a folder lacks, before anything is loaded."""
    wanted = PIPELINE_PARTS if (folder / PIPELINE).exists() else HOLDS.get(family, ())
    absent = [pattern for pattern in wanted if not any(folder.glob(pattern))]
    if absent:
        raise UnusableModel(f"{folder} is no {family} network as it is published: it lacks {', '.join(absent)}")
    if (folder / PIPELINE).exists():
        stated = stated_configuration(folder, family, PIPELINE).get("_class_name")
        if stated != CLASSES.get(family):
            raise UnusableModel(f"{folder} holds a {stated}, not a network of {family}: import the right folder")


def assembled(family: str, folder: Path) -> Path:
    """The folder that `open_network` takes: the same, or one inside it that was made of the published files. Raises UnusableModel."""
    _refuse_incomplete(family, folder)
    if family in ("musicgen", "stable-audio-open") or (folder / PIPELINE).exists():
        return folder
    refuse_without_extra(family)
    out = folder / "converted"
    if family == "stable-audio-3":
        from sideman.core.generation.backends.stable_audio.conversion import convert
    elif family == "ace-step":
        from sideman.core.generation.backends.ace_step.conversion import convert
    else:
        raise UnusableModel(f"no network of family {family!r} is known: there are {', '.join(FAMILIES)}")
    with quietly():
        try:
            convert(folder, out)
        except OSError as error:
            raise ModelError(
                f"the converted network cannot be written into {out} ({error.strerror or error}): make room and try again"
            ) from error
    return out
