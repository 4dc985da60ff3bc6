"""SCNet: four stems by a sparse network over the spectrum; good drums and bass for its size."""

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
from sideman.core.separation.backends.scnet.core_graph import ScnetConfig, build
from sideman.core.separation.segments import SegmentModel
from sideman.core.separation.single import SingleSeparator, WeightFacts
from sideman.core.separation.stft import CentredStft

__all__ = ["ScnetSeparator", "convert", "load"]
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Core:
    config: ScnetConfig
    session: Session
    stft: CentredStft

    @property
    def model(self) -> SegmentModel:
        return SegmentModel(self.config.segment_frames, self.config.stems, self.config.channels, self.run)

    def run(self, segment: Array) -> Array:
        """[channels, frames] -> [stems, channels, frames]."""
        c = self.config
        padded = np.pad(segment, ((0, 0), (0, c.padded_frames - c.segment_frames)))
        z = self.stft.forward(padded) * np.float32(c.size**-0.5)
        x = np.empty((2 * c.channels, *z.shape[1:]), np.float32)
        x[::2], x[1::2] = z.real, z.imag
        wide = x.astype(np.float64)
        mean, spread = np.float32(wide.mean()), np.float32(wide.std(ddof=1))
        (y,) = self.session(((x - mean) / (np.float32(1e-5) + spread))[None])
        y = y.reshape(c.stems, 2 * c.channels, *z.shape[1:]) * spread + mean
        out = np.empty((c.stems, c.channels, c.segment_frames), np.float32)
        for s in range(c.stems):
            stem = (y[s, ::2] + 1j * y[s, 1::2]).astype(np.complex64) * np.float32(c.size**0.5)
            out[s] = self.stft.inverse(stem)[:, : c.segment_frames]
        return out


def load(path: Path, request: Request) -> Core:
    checkpoint = Checkpoint.read(path)
    config = ScnetConfig.from_checkpoint(checkpoint.tensors, checkpoint.metadata)
    graph = build(config, Weights(checkpoint.tensors))
    del checkpoint
    stft = CentredStft(config.size, config.hop, config.padded_frames, request.threads, rectangular=True)
    return Core(config, open_session(graph, request), stft)


def convert(path: Path) -> Path:
    """A torch checkpoint as safetensors beside it, or one in safetensors checked. Raises UnusableModel."""
    ready = as_safetensors(path)
    checkpoint = Checkpoint.read(ready)
    build(ScnetConfig.from_checkpoint(checkpoint.tensors, checkpoint.metadata), Weights(checkpoint.tensors))
    return ready


class ScnetSeparator(SingleSeparator):
    def __init__(self, name: str, roles: Sequence[StemRole], facts: WeightFacts, request: Request, residence: Residence) -> None:
        super().__init__(name, roles, facts, request, residence, load=load)
