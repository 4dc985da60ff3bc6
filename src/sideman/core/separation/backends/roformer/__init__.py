"""Band-split and mel-band RoFormers: a mask over the complex spectrum, one network for vocals, the rest by difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.core.audio import Recording
from sideman.core.models.checkpoint import Checkpoint, write_checkpoint
from sideman.core.models.graph import Weights
from sideman.core.models.memory import MB, Residence
from sideman.core.models.runtime import Request, Session, open_session
from sideman.core.models.torch_files import read_torch_file, state_dict
from sideman.core.music import StemRole
from sideman.core.separation.backends.roformer.configuration import SAMPLE_RATE_HZ, RoformerConfig
from sideman.core.separation.backends.roformer.core_graph import build
from sideman.core.separation.segments import SegmentModel
from sideman.core.separation.separator import Progress, SeparatedStem, no_progress
from sideman.core.separation.single import SingleModel, WeightFacts, separate_with_rest
from sideman.core.separation.stft import CentredStft

__all__ = ["RoformerSeparator", "convert"]
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Core:
    """order: which number of a window (bin and channel) each number of the bands is. by_bin and starts: the way back, where bands overlap.

    shares: one over how many bands a number is in.
    """

    config: RoformerConfig
    session: Session
    stft: CentredStft
    order: NDArray[np.int64]
    by_bin: NDArray[np.int64]
    starts: NDArray[np.int64]
    shares: Array

    def run(self, segment: Array) -> Array:
        """[channels, frames] -> [stems, channels, frames]."""
        c = self.config
        spectrum = self.stft.forward(segment)
        by_bin = spectrum.transpose(1, 2, 0).reshape(c.windows, -1)  # window, then bin with its channels
        gathered = np.ascontiguousarray(by_bin[:, self.order])
        (masks,) = self.session(gathered.view(np.float32)[None])
        complex_masks = np.ascontiguousarray(masks).view(np.complex64)
        out = np.empty((c.stems, c.channels, c.segment_frames), np.float32)
        for s in range(c.stems):
            total = np.add.reduceat(complex_masks[s][:, self.by_bin], self.starts, axis=1)
            masked = by_bin * (total * self.shares)
            out[s] = self.stft.inverse(masked.reshape(c.windows, -1, c.channels).transpose(2, 0, 1))
        return out


def load(path: Path, request: Request) -> Core:
    checkpoint = Checkpoint.read(path)
    config = RoformerConfig.from_checkpoint(checkpoint.tensors, checkpoint.metadata)
    graph = build(config, Weights(checkpoint.tensors))
    del checkpoint
    bins = np.concatenate([np.asarray(b) for b in config.band_bins])
    order = (bins[:, None] * config.channels + np.arange(config.channels)).ravel()
    by_bin = np.argsort(order, kind="stable")
    _, starts, used = np.unique(order[by_bin], return_index=True, return_counts=True)
    shares = (1 / used).astype(np.float32)
    stft = CentredStft(config.size, config.hop, config.segment_frames, request.threads)
    return Core(config, open_session(graph, request), stft, order, by_bin, starts, shares)


def convert(path: Path) -> Path:
    """A .ckpt as safetensors beside it, or one in safetensors checked. Raises UnusableModel."""
    ready = path
    if path.suffix != ".safetensors":
        ready = path.with_suffix(".safetensors")
        write_checkpoint(ready, state_dict(read_torch_file(path)), {})
    checkpoint = Checkpoint.read(ready)
    build(RoformerConfig.from_checkpoint(checkpoint.tensors, checkpoint.metadata), Weights(checkpoint.tensors))
    return ready


class RoformerSeparator:
    """The stems of one network; a role beyond them is the recording minus all of them."""

    def __init__(self, name: str, roles: Sequence[StemRole], facts: WeightFacts, request: Request, residence: Residence) -> None:
        self.name, self.roles = name, tuple(roles)
        self._facts, self._request, self._residence = facts, request, residence

    def separate(
        self, recording: Recording, folder: Path, progress: Progress = no_progress, roles: Sequence[StemRole] | None = None
    ) -> tuple[SeparatedStem, ...]:
        key = (self._facts.sha256 or str(self._facts.path), self._request)
        core = self._residence.get(key, self.name, self._facts.memory_mb * MB, lambda: load(self._facts.path, self._request))
        c = core.config
        model = SegmentModel(c.segment_frames, c.stems, c.channels, core.run, normalised=False)
        single = SingleModel(SAMPLE_RATE_HZ, model, self._facts, core.session.runs_on)
        return separate_with_rest(self, single, recording, folder, progress, roles=roles)
