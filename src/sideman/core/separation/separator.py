"""What every separation backend takes and gives, and how a set of stems is written so that it adds up to the recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np

from sideman.core.audio import PcmWriter, Recording, ScratchAudio, ScratchWriter, decibels, lossless_suffix, quantised_24
from sideman.core.music import Provenance, StemRole

Progress = Callable[[float], None]
BLOCK_S = 10


def no_progress(share: float) -> None:
    """The default: nobody watches."""


class Quality(Enum):
    """How far a stem can be trusted; shown wherever the stem is shown."""

    PREVIEW = "preview quality"
    EXPERIMENTAL = "experimental"


@dataclass(frozen=True, eq=False)
class SeparatedStem:
    """audio: at the recording's rate and channels, exactly as long."""

    role: StemRole
    audio: ScratchAudio
    quality: Quality
    peak: float
    provenance: Provenance


class Separator(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> tuple[StemRole, ...]: ...
    def separate(self, recording: Recording, folder: Path, progress: Progress = no_progress) -> tuple[SeparatedStem, ...]:
        """Stems in scratch files below `folder`. Calls progress with 0..1; an exception raised there cancels."""
        ...


def with_remainder(
    recording: Recording, stems: tuple[SeparatedStem, ...], role: StemRole, quality: Quality, folder: Path
) -> tuple[SeparatedStem, ...]:
    """Add the stem that is the recording minus all others."""
    block = BLOCK_S * recording.sample_rate_hz
    with ScratchWriter(folder / f"stem-{role}.f32", recording.sample_rate_hz, recording.channels) as writer:
        for start in range(0, recording.frames, block):
            rest = recording.audio.read(start, block).samples.copy()
            for stem in stems:
                rest -= stem.audio.read(start, block).samples
            writer.write(rest)
        audio = writer.finish()
    return (*stems, SeparatedStem(role, audio, quality, writer.peak, replace(stems[0].provenance)))


@dataclass(frozen=True)
class WrittenStem:
    role: StemRole
    path: Path
    quality: Quality


@dataclass(frozen=True)
class WrittenSet:
    """residual_db: RMS level of the residual against the recording; format is `flac` or, above full scale, `wav`."""

    stems: tuple[WrittenStem, ...]
    residual: Path
    residual_db: float
    suffix: str

    def moved_to(self, folder: Path) -> WrittenSet:
        """The same set after its files were moved."""
        stems = tuple(replace(s, path=folder / s.path.name) for s in self.stems)
        return replace(self, stems=stems, residual=folder / self.residual.name)


def write_set(recording: Recording, stems: Sequence[SeparatedStem], folder: Path) -> WrittenSet:
    """24-bit FLAC, undithered; 32-bit float WAV for the whole set if any lane passes full scale. Never clipped, never rescaled.

    The residual is made last, from the stems as quantised: stems + residual = recording.
    """
    suffix = lossless_suffix(max([s.peak for s in stems] + [recording.condition.peak]), recording.channels)
    block = BLOCK_S * recording.sample_rate_hz
    residual_path = folder / f"{StemRole.RESIDUAL}{suffix}"
    residual_energy = song_energy = 0.0
    with ExitStack() as files:

        def opened(path: Path) -> PcmWriter:
            return files.enter_context(PcmWriter(path, recording.sample_rate_hz, recording.channels))

        paths = [folder / f"{s.role}{suffix}" for s in stems]
        writers, residual = [opened(p) for p in paths], opened(residual_path)
        for start in range(0, recording.frames, block):
            song = recording.audio.read(start, block).samples
            rest = song.astype(np.float64)
            for stem, writer in zip(stems, writers, strict=True):
                x = stem.audio.read(start, block).samples
                x = quantised_24(x) if suffix == ".flac" else x
                writer.write(x)
                rest -= x
            residual.write(rest.astype(np.float32))
            residual_energy += float((rest**2).sum())
            song_energy += float((song.astype(np.float64) ** 2).sum())
    level = decibels((residual_energy / song_energy) ** 0.5) if song_energy else -np.inf
    written = tuple(WrittenStem(s.role, p, s.quality) for s, p in zip(stems, paths, strict=True))
    return WrittenSet(written, residual_path, float(level), suffix)
