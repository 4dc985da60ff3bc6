"""Several separators as one: magnitudes averaged in the spectrum, phase from the first, which is meant to be the best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import Recording, ScratchAudio, ScratchWriter, read_padded
from sideman.core.music import Provenance, StemRole
from sideman.core.separation.separator import Progress, SeparatedStem, Separator, no_progress, wanted_roles

WINDOW, HOP = 4096, 1024
BLOCK_WINDOWS = 256
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
LEAD = WINDOW - HOP
"""The first window begins so far before the recording that its first frames lie under as many windows as all others."""
ENVELOPE = 1.5
"""Sum of squared Hann windows at 75 % overlap."""


class EnsembleSeparator:
    """Roles that all members make. Each member runs over the whole recording, one after the other."""

    def __init__(self, name: str, members: Sequence[Separator]) -> None:
        self.name, self._members = name, tuple(members)
        self.roles: tuple[StemRole, ...] = tuple(r for r in members[0].roles if all(r in m.roles for m in members))

    def separate(
        self, recording: Recording, folder: Path, progress: Progress = no_progress, roles: Sequence[StemRole] | None = None
    ) -> tuple[SeparatedStem, ...]:
        wanted = wanted_roles(self, roles)
        made: list[tuple[SeparatedStem, ...]] = []
        for i, member in enumerate(self._members):
            own = folder / f"member-{i}"
            own.mkdir(parents=True, exist_ok=True)
            made.append(member.separate(recording, own, lambda share, i=i: progress((i + share) / (len(self._members) + 0.2)), wanted))  # type: ignore[misc]
        out = []
        for stems in zip(*made, strict=True):
            writer = average([s.audio for s in stems], folder / f"stem-{stems[0].role}.f32")
            for s in stems:
                s.audio.remove()
            provenance = Provenance(self.name, "1", tuple((f"member {i + 1}", _described(s.provenance)) for i, s in enumerate(stems)))
            out.append(SeparatedStem(stems[0].role, writer.finish(), stems[0].quality, writer.peak, provenance))
        progress(1.0)
        return tuple(out)


def _described(p: Provenance) -> str:
    return f"{p.engine} {p.version} ({', '.join(f'{k} {v}' for k, v in p.parameters)})"


def average(stems: Sequence[ScratchAudio], path: Path) -> ScratchWriter:
    """Mean magnitude of the same stem by several separators with the phase of the first, in blocks, exactly as long; the writer, closed."""
    first = stems[0]
    frames = -(-(first.frames + LEAD) // HOP)
    tail = np.zeros((first.channels, WINDOW - HOP), np.float32)
    with ScratchWriter(path, first.sample_rate_hz, first.channels) as writer:
        for low in range(0, frames, BLOCK_WINDOWS):
            count = min(BLOCK_WINDOWS, frames - low)
            start = low * HOP - LEAD
            spectra = [_spectrum(read_padded(s, start, (count - 1) * HOP + WINDOW)) for s in stems]
            size = np.abs(spectra[0])
            mean = sum(np.abs(z) for z in spectra[1:]) + size
            block = _overlap_add(spectra[0] * (mean / (len(stems) * np.maximum(size, np.float32(1e-12)))))
            block[:, : WINDOW - HOP] += tail
            tail = block[:, count * HOP :].copy()
            done = block[:, : count * HOP]
            writer.write(done[:, max(0, -start) : max(0, min(count * HOP, first.frames - start))])
        return writer


def _spectrum(x: NDArray[np.float32]) -> NDArray[np.complex64]:
    windows = np.lib.stride_tricks.sliding_window_view(x, WINDOW, axis=1)[:, ::HOP]
    return scipy.fft.rfft(windows * HANN, axis=-1)


def _overlap_add(z: NDArray[np.complex64]) -> NDArray[np.float32]:
    """[channels, windows, bins] -> [channels, (windows - 1) * HOP + WINDOW]."""
    frames = scipy.fft.irfft(z, WINDOW, axis=-1).astype(np.float32) * (HANN / np.float32(ENVELOPE))
    channels, windows, _ = frames.shape
    out = np.zeros((channels, (windows + 3), HOP), np.float32)
    for k in range(WINDOW // HOP):
        out[:, k : k + windows] += frames[..., k * HOP : (k + 1) * HOP]
    return out.reshape(channels, -1)
