"""From a drum stem to notes with General MIDI keys."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.core.analysis.beats.onsets import SAMPLE_RATE_HZ
from sideman.core.analysis.drums.network import BANDS, CLASSES, FRAME_RATE_HZ, KERNEL, features, picked
from sideman.core.audio import AudioReader, read_padded
from sideman.core.audio.loudness import root_mean_square
from sideman.core.models.graph import Graph
from sideman.core.models.runtime import Engine, Request, Session, open_session
from sideman.core.music.notes import NoteEvent

WEIGHTS = Path(__file__).parent / "weights.npz"
KEYS = (36, 38, 45, 42, 49)
PIECE, MARGIN = 3000, 30
"""Frames that go through the network at once, and so many on either side that are thrown away."""
NOTE_LENGTH_S = 0.08
LOUDEST_PERCENTILE = 95
SILENT_RMS = 1e-5


def _graph(weights: dict[str, NDArray[np.float32]], frames: int) -> Graph:
    graph = Graph()
    x = graph.input("features", 1, 2, frames, BANDS)
    for k in range(3):
        w, b = (weights[f"convolutions.{k}.{n}"] for n in ("weight", "bias"))
        x = graph.relu(graph.convolution(x, w, b, (1, 2), (KERNEL[0] // 2, KERNEL[1] // 2), name=f"conv{k}"))
    x = graph.relu(graph.convolution(x, weights["wide.weight"], weights["wide.bias"], (1, 1), (2, 0), name="wide"))
    x = graph.sigmoid(graph.convolution(x, weights["out.weight"], weights["out.bias"], (1, 1), (0, 0), name="out"))
    graph.output("probability", graph.reshape(x, len(CLASSES), frames))
    return graph


@cache
def _session(frames: int) -> Session:
    with np.load(WEIGHTS) as stored:
        weights = {k: stored[k].astype(np.float32) for k in stored.files}
    return open_session(_graph(weights, frames), Request(engine=Engine.ONNXRUNTIME))


class DrumTranscriber:
    name, version = "sideman drums", "1"

    def probabilities(self, reader: AudioReader) -> NDArray[np.float32]:
        """[5, frames] at 100 Hz of a mono reader at 44.1 kHz, in pieces of constant size."""
        total = int(np.ceil(reader.frames * FRAME_RATE_HZ / SAMPLE_RATE_HZ))
        rms = root_mean_square(reader)
        out = np.zeros((len(CLASSES), total), np.float32)
        if rms < SILENT_RMS:
            return out
        hop, frames = SAMPLE_RATE_HZ // FRAME_RATE_HZ, PIECE + 2 * MARGIN
        for first in range(0, total, PIECE):
            x = read_padded(reader, (first - MARGIN) * hop, frames * hop)[0]
            heard = _session(frames)(features(x, rms)[None])[0]
            last = min(first + PIECE, total)
            out[:, first:last] = heard[:, MARGIN : MARGIN + last - first]
        return out

    def notes(self, reader: AudioReader) -> tuple[NoteEvent, ...]:
        """Hits by time; velocity from the energy of the attack against the recording's loud hits."""
        found = [(float(t), key) for times, key in zip(picked(self.probabilities(reader)), KEYS, strict=True) for t in times]
        if not found:
            return ()
        found.sort()
        power = np.array([_attack(reader, t) for t, _ in found])
        loud = float(np.percentile(power, LOUDEST_PERCENTILE)) + 1e-12
        velocity = np.clip(np.round(127 * np.sqrt(np.sqrt(power / loud))), 1, 127).astype(int)
        return tuple(NoteEvent(t, t + NOTE_LENGTH_S, key, int(v)) for (t, key), v in zip(found, velocity, strict=True))


def _attack(reader: AudioReader, seconds: float) -> float:
    x = read_padded(reader, int((seconds - 0.01) * SAMPLE_RATE_HZ), int(0.04 * SAMPLE_RATE_HZ))
    return float((x**2).mean())
