"""Band-split and mel-band RoFormers: a mask over the complex spectrum, one network for vocals, the rest by difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.checkpoint import Checkpoint
from sideman.core.models.graph import Weights
from sideman.core.models.memory import Residence
from sideman.core.models.runtime import Request, Session, open_session
from sideman.core.models.torch_files import as_safetensors
from sideman.core.music import StemRole
from sideman.core.separation.backends.roformer.configuration import RoformerConfig
from sideman.core.separation.backends.roformer.core_graph import build
from sideman.core.separation.segments import SegmentModel
from sideman.core.separation.single import SingleSeparator, WeightFacts
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

    @property
    def model(self) -> SegmentModel:
        return SegmentModel(self.config.segment_frames, self.config.stems, self.config.channels, self.run, normalised=False)

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
    ready = as_safetensors(path)
    checkpoint = Checkpoint.read(ready)
    build(RoformerConfig.from_checkpoint(checkpoint.tensors, checkpoint.metadata), Weights(checkpoint.tensors))
    return ready


class RoformerSeparator(SingleSeparator):
    def __init__(self, name: str, roles: Sequence[StemRole], facts: WeightFacts, request: Request, residence: Residence) -> None:
        super().__init__(name, roles, facts, request, residence, load=load)
