"""A Demucs checkpoint as something that runs: safetensors in, one normalised segment to stems out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.checkpoint import Checkpoint
from sideman.core.models.graph import Weights
from sideman.core.models.runtime import Request, RunsOn, Session, open_session
from sideman.core.separation.backends.demucs.families import Config, build_graph
from sideman.core.separation.backends.demucs.spectral import Spectral
from sideman.core.separation.segments import SegmentModel
from sideman.errors import UnusableModel

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Core:
    """A checkpoint that is loaded: its configuration and a session for its graph."""

    config: Config
    session: Session
    spectral: Spectral

    @property
    def runs_on(self) -> RunsOn:
        return self.session.runs_on

    def model(self, sources: tuple[str, ...]) -> SegmentModel:
        """The given sources of it, in that order. Raises UnusableModel for those that it was not trained for."""
        if absent := [s for s in sources if s not in self.config.sources]:
            raise UnusableModel(
                f"this network was trained for {', '.join(self.config.sources)}, not {', '.join(absent)}: install the right file"
            )
        rows = [self.config.sources.index(s) for s in sources]

        def run(segment: Array) -> Array:
            return run_segment(self.session, self.spectral, segment, rows)

        return SegmentModel(self.config.samples, len(rows), self.config.audio_channels, run)


def load(path: Path, request: Request) -> Core:
    """Raises UnusableModel for a file that is damaged, foreign or of another shape than it says."""
    checkpoint = Checkpoint.read(path)
    config, graph = build_graph(checkpoint.metadata, Weights(checkpoint.tensors))
    del checkpoint
    session = open_session(graph, request)
    return Core(config, session, Spectral(config.nfft, config.samples, request.threads))


def run_segment(session: Session, spectral: Spectral, segment: Array, rows: list[int]) -> Array:
    """[channels, frames] on the scale of the whole recording -> [rows, channels, frames]; the model's own norm is in float64 here."""
    channels = segment.shape[0]
    x = spectral.forward(segment)
    (mean, spread), (mean_t, spread_t) = _moments(x), _moments(segment)
    y, yt = session(((x - mean) / (spread + np.float32(1e-5)))[None], ((segment - mean_t) / (spread_t + np.float32(1e-5)))[None])
    y, yt = y.reshape(-1, 2 * channels, *x.shape[1:]), yt.reshape(-1, channels, segment.shape[1])
    out = np.empty((len(rows), channels, segment.shape[1]), np.float32)
    for i, row in enumerate(rows):
        out[i] = spectral.inverse(y[row] * spread + mean) + (yt[row] * spread_t + mean_t)
    return out


def _moments(x: Array) -> tuple[np.float32, np.float32]:
    """Mean and unbiased standard deviation, as torch's."""
    wide = x.astype(np.float64)
    return np.float32(wide.mean()), np.float32(wide.std(ddof=1))
