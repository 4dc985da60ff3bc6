"""Beats and downbeats of a recording: pieces of thirty seconds through the network, peaks of its logits, downbeats moved to beats."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.analysis.backends.beat_this.core_graph import BeatThisConfig, build
from sideman.core.analysis.backends.beat_this.spectrum import FRAME_RATE_HZ, SAMPLE_RATE_HZ, frame_count, listen
from sideman.core.audio import AudioReader
from sideman.core.models.checkpoint import Checkpoint, write_checkpoint
from sideman.core.models.graph import Weights
from sideman.core.models.runtime import Request, Session, open_session
from sideman.core.models.torch_files import read_torch_file, state_dict
from sideman.core.music import BeatGrid, Meter
from sideman.core.music.regrid import LONGEST_BAR

CHUNK, BORDER = 1500, 6
PEAK_FRAMES = 7
PREFIXES = ("model.", "_orig_mod.")
NOT_WEIGHTS = ("num_batches_tracked",)


def convert(path: Path) -> Path:
    """A published .ckpt as safetensors beside it, read without torch and without running anything. Raises UnusableModel."""
    target = path.with_suffix(".safetensors")
    if path == target:
        BeatThisConfig.of(dict(Checkpoint.read(path).tensors))
        return path
    tensors = {}
    for name, value in state_dict(read_torch_file(path)).items():
        for prefix in PREFIXES:
            name = name.replace(prefix, "")
        if not name.endswith(NOT_WEIGHTS):
            tensors[name] = value
    build(BeatThisConfig.of(tensors), Weights(tensors), 16)
    write_checkpoint(target, tensors, {"from": path.name})
    return target


class BeatThisEngine:
    name, version, sample_rate_hz = "beat-this", "1", SAMPLE_RATE_HZ

    def __init__(self, weights: Path, request: Request | None = None) -> None:
        self._path, self._request = weights, request or Request()
        self._sessions: dict[int, Session] = {}

    @cached_property
    def _tensors(self) -> dict[str, NDArray[np.generic]]:
        return dict(Checkpoint.read(self._path).tensors)

    def _session(self, frames: int) -> Session:
        if frames not in self._sessions:
            self._sessions = {CHUNK: self._sessions[CHUNK]} if CHUNK in self._sessions else {}
            graph = build(BeatThisConfig.of(self._tensors), Weights(self._tensors), frames)
            self._sessions[frames] = open_session(graph, self._request)
        return self._sessions[frames]

    def logits(self, reader: AudioReader) -> NDArray[np.float32]:
        """[frames, 2] at 50 Hz, beat and downbeat, of a mono reader at 22.05 kHz.

        As the published inference: pieces of 1,500 frames whose first and last six are thrown away, the last one ending with the recording.
        """
        total = frame_count(reader)
        step = CHUNK - 2 * BORDER
        starts = np.arange(-BORDER, total - BORDER, step)
        if total > step:
            starts[-1] = total - (CHUNK - BORDER)
        out = np.full((total, 2), -1000.0, np.float32)
        for start in starts[::-1]:  # earlier pieces overwrite later ones
            first, last = max(int(start), 0), min(int(start) + CHUNK, total)
            x = listen(reader, first, last)
            after = max(0, min(BORDER, int(start) + CHUNK - total))
            x = np.pad(x, ((max(0, -int(start)), after), (0, 0)))
            heard = self._session(len(x))(np.ascontiguousarray(x[None]))[0][0, BORDER:-BORDER]
            out[start + BORDER : start + BORDER + len(heard)] = heard
        return out

    def grid(self, reader: AudioReader) -> tuple[BeatGrid, float] | None:
        """Beats and bars of a mono reader at 22.05 kHz, with the mean probability of its beats; None with fewer than two beats."""
        logits = self.logits(reader)
        beats, downbeats = (_peaks(column) for column in logits.T)
        if len(beats) < 2:
            return None
        at = np.unique([int(np.abs(beats - d).argmin()) for d in downbeats]).astype(int)
        strength = 1 / (1 + np.exp(-logits[np.round(beats).astype(int), 0]))
        return _grid(beats / FRAME_RATE_HZ, at), float(strength.mean())


def _peaks(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Frames of local maxima over 70 ms with a probability over one half; neighbours become their mean."""
    frames = np.flatnonzero((logits == scipy.ndimage.maximum_filter1d(logits, PEAK_FRAMES, mode="nearest")) & (logits > 0))
    if not len(frames):
        return np.zeros(0)
    groups = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return np.array([float(group.mean()) for group in groups])


def _grid(times_s: NDArray[np.float64], downbeats: NDArray[np.int64]) -> BeatGrid:
    """Places count from every downbeat; those before the first one count up to it."""
    lengths = np.diff(downbeats)
    usual = min(LONGEST_BAR, int(np.bincount(lengths).argmax())) if len(lengths) else 4
    position = np.zeros(len(times_s), int)
    first = int(downbeats[0]) if len(downbeats) else 0
    position[:first] = (np.arange(first) - first) % usual + 1
    for k, start in enumerate(downbeats if len(downbeats) else [0]):
        end = int(downbeats[k + 1]) if k + 1 < len(downbeats) else len(times_s)
        whole = k + 1 < len(downbeats) and end - start <= LONGEST_BAR
        position[start:end] = np.arange(end - start) + 1 if whole else np.arange(end - start) % usual + 1
    return BeatGrid.from_times(times_s, position, Meter(usual))
