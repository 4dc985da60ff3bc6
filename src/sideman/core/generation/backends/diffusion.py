"""What the engines on diffusers share: opening a pipeline, seeds, steps that report and stop, sound in and out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import diffusers
import torch

from sideman.core.audio import AudioClip, fold_to_stereo, resample
from sideman.core.generation.backends.loading import NAMED, loaded_whole, stated_configuration
from sideman.core.generation.clips import ClipWish, Progress, exact
from sideman.core.models.runtime.torch_place import TorchPlace
from sideman.core.music import Provenance
from sideman.errors import NotEnoughMemory, UnusableModel

MB = 1 << 20
ROOM = 1.2
"""Of its weights, what a pipeline takes while it works."""


def open_pipeline(folder: Path, name: str, place: TorchPlace, classes: Sequence[str]) -> Any:
    """A pipeline of one of `classes` from a folder in diffusers' layout, on its device; the parts that do not fit there together wait in
    the machine's own memory. Raises UnusableModel for a damaged one or one of another class, NotEnoughMemory."""
    stated = str(stated_configuration(folder, name, "model_index.json").get("_class_name"))
    if stated not in classes:
        raise UnusableModel(f"{name} is a {stated}, not a {classes[0]}: install it again, or import the right folder")
    kind = getattr(diffusers, stated)
    pipeline = loaded_whole(lambda: kind.from_pretrained(folder, dtype=place.dtype, local_files_only=True), name)
    _refuse_partial(pipeline, folder, name)
    pipeline.set_progress_bar_config(disable=True)
    return _placed(pipeline, name, place)


def _refuse_partial(pipeline: Any, folder: Path, name: str) -> None:
    """diffusers fills what a file lacks with random numbers and only warns."""
    from safetensors import safe_open

    for part, module in pipeline.components.items():
        if not isinstance(module, torch.nn.Module):
            continue
        stored: set[str] = set()
        for file in (folder / part).glob("*.safetensors"):
            with safe_open(file, "pt") as tensors:
                stored |= set(tensors.keys())
        own = module.state_dict()
        shared = {own[k].data_ptr() for k in stored & own.keys()}
        absent = sorted(k for k in own.keys() - stored if own[k].data_ptr() not in shared)
        if absent:
            raise UnusableModel(
                f"{name} lacks {len(absent)} tensors of its {part} ({', '.join(absent[:NAMED])}): it is no whole checkpoint, install it again"
            )


def _placed(pipeline: Any, name: str, place: TorchPlace) -> Any:
    sizes = [
        sum(p.numel() * p.element_size() for p in m.parameters()) for m in pipeline.components.values() if isinstance(m, torch.nn.Module)
    ]
    free = place.free_bytes
    if not place.sharded or free is None or ROOM * sum(sizes) <= free:
        return pipeline.to(place.device)
    larger = sum(sorted(sizes)[-2:])
    if ROOM * larger > free:
        raise NotEnoughMemory(
            f"the two larger parts of {name} need {ROOM * larger / MB:,.0f} MB and {free / MB:,.0f} MB are free on {place.device}: choose a smaller model, or SIDEMAN_DEVICE=cpu"
        )
    pipeline.enable_model_cpu_offload(device=place.device)
    return pipeline


def streams(wishes: Sequence[ClipWish]) -> list[torch.Generator]:
    """Chance for each clip by its own seed; on the CPU, so that every device gives the same noise."""
    return [torch.Generator().manual_seed(w.seed) for w in wishes]


def on_step(steps: int, progress: Progress) -> Callable[..., dict[str, Any]]:
    """What a pipeline calls after each of its steps; the decoding after them counts as one more."""

    def reported(pipeline: Any, step: int, t: Any, values: dict[str, Any]) -> dict[str, Any]:
        progress((step + 1) / (steps + 1))
        return values

    return reported


def stereo(clip: AudioClip, sample_rate_hz: int, frames: int) -> torch.Tensor:
    """[2, frames] at the pipeline's rate."""
    return torch.from_numpy(exact(fold_to_stereo(resample(clip, sample_rate_hz).samples), frames))


def as_clips(audios: torch.Tensor, wishes: Sequence[ClipWish], sample_rate_hz: int) -> list[AudioClip]:
    """[clips, channels, n] cut to the lengths that were asked for."""
    found = audios.float().cpu().numpy()
    return [AudioClip(exact(x, round(w.seconds * sample_rate_hz)), sample_rate_hz) for x, w in zip(found, wishes, strict=True)]


def in_groups(
    wishes: Sequence[ClipWish], alike: Callable[[ClipWish], object], at_once: int, make: Callable[[list[ClipWish], Progress], list[AudioClip]],
    progress: Progress,
) -> tuple[AudioClip, ...]:  # fmt: skip
    """Wishes that are alike are made together, `at_once` at most; clips in the order of the wishes."""
    groups: dict[object, list[int]] = {}
    for i, wish in enumerate(wishes):
        groups.setdefault(alike(wish), []).append(i)
    batches = [indices[k : k + at_once] for indices in groups.values() for k in range(0, len(indices), at_once)]
    out: dict[int, AudioClip] = {}
    for batch in batches:
        before, part = len(out) / len(wishes), len(batch) / len(wishes)
        made = make([wishes[i] for i in batch], lambda share, a=before, b=part: progress(a + b * share))  # type: ignore[misc]
        out.update(zip(batch, made, strict=True))
    progress(1.0)
    return tuple(out[i] for i in range(len(wishes)))


def at_once(place: TorchPlace) -> int:
    return 8 if place.sharded else 2


def provenance(name: str, place: TorchPlace) -> Provenance:
    return Provenance(name, diffusers.__version__, place.parameters)
