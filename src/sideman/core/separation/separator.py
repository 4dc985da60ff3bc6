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
from sideman.errors import UsageError

Progress = Callable[[float], None]
BLOCK_S = 10


def no_progress(share: float) -> None:
    """The default: nobody watches."""


class Quality(Enum):
    """How far a stem can be trusted; shown wherever the stem is shown."""

    FULL = "full quality"
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
    def separate(
        self, recording: Recording, folder: Path, progress: Progress = no_progress, roles: Sequence[StemRole] | None = None
    ) -> tuple[SeparatedStem, ...]:
        """Stems in scratch files below `folder`: all of them, or `roles` in that order. What a stem sounds like does not depend on what
        else is asked. Calls progress with 0..1; an exception raised there cancels. Raises UsageError for a role it does not know."""
        ...


class MakesStems(Protocol):
    """A separator, or a preset that stands for one."""

    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> tuple[StemRole, ...]: ...


def wanted_roles(maker: MakesStems, roles: Sequence[StemRole] | None) -> tuple[StemRole, ...]:
    """Roles to make, without repeats. Raises UsageError that lists what there is."""
    wanted = maker.roles if roles is None else tuple(dict.fromkeys(roles))
    unknown = [r for r in wanted if r not in maker.roles]
    if unknown or not wanted:
        missing = f"no {unknown[0]}" if unknown else "nothing of what was asked"
        raise UsageError(f"{maker.name} makes {', '.join(r.value for r in maker.roles)}, {missing}: ask for those")
    return wanted


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
    """minus: the file of the recording without this stem, where it was asked for."""

    role: StemRole
    path: Path
    quality: Quality
    minus: Path | None = None


@dataclass(frozen=True)
class WrittenSet:
    """residual_db: RMS level of the residual against the recording; format is `flac` or, above full scale, `wav`."""

    stems: tuple[WrittenStem, ...]
    residual: Path
    residual_db: float
    suffix: str

    def moved_to(self, folder: Path) -> WrittenSet:
        """The same set after its files were moved."""
        stems = tuple(replace(s, path=folder / s.path.name, minus=s.minus and folder / s.minus.name) for s in self.stems)
        return replace(self, stems=stems, residual=folder / self.residual.name)


def write_set(recording: Recording, stems: Sequence[SeparatedStem], folder: Path, minus_one: bool = False) -> WrittenSet:
    """24-bit FLAC, undithered; 32-bit float WAV for the whole set if any lane passes full scale. Never clipped, never rescaled.

    The residual is made last, from the stems as quantised: stems + residual = recording. With `minus_one`, each stem also gets the
    recording without it, `minus-ROLE`: the two add up to the recording.
    """
    suffix = _suffix(recording, stems, minus_one)
    block = BLOCK_S * recording.sample_rate_hz
    residual_path = folder / f"{StemRole.RESIDUAL}{suffix}"
    residual_energy = song_energy = 0.0
    with ExitStack() as files:

        def opened(path: Path) -> PcmWriter:
            return files.enter_context(PcmWriter(path, recording.sample_rate_hz, recording.channels, recording.audio.frames))

        paths = [folder / f"{s.role}{suffix}" for s in stems]
        others = [folder / f"minus-{s.role}{suffix}" for s in stems] if minus_one else []
        writers, residual, without = [opened(p) for p in paths], opened(residual_path), [opened(p) for p in others]
        for start in range(0, recording.frames, block):
            song = recording.audio.read(start, block).samples
            rest = song.astype(np.float64)
            for i, (stem, writer) in enumerate(zip(stems, writers, strict=True)):
                x = stem.audio.read(start, block).samples
                x = quantised_24(x) if suffix == ".flac" else x
                writer.write(x)
                rest -= x
                if minus_one:
                    without[i].write((song.astype(np.float64) - x).astype(np.float32))
            residual.write(rest.astype(np.float32))
            residual_energy += float((rest**2).sum())
            song_energy += float((song.astype(np.float64) ** 2).sum())
    level = decibels((residual_energy / song_energy) ** 0.5) if song_energy else -np.inf
    minus: Sequence[Path | None] = others or [None] * len(paths)
    written = tuple(WrittenStem(s.role, p, s.quality, m) for s, p, m in zip(stems, paths, minus, strict=True))
    return WrittenSet(written, residual_path, float(level), suffix)


def _suffix(recording: Recording, stems: Sequence[SeparatedStem], minus_one: bool) -> str:
    """Of the lossless format that holds every lane; a difference may pass full scale where neither part does, so it is looked at first."""
    peak = max([s.peak for s in stems] + [recording.condition.peak])
    block = BLOCK_S * recording.sample_rate_hz
    for start in range(0, recording.frames, block):
        song = recording.audio.read(start, block).samples
        parts = [s.audio.read(start, block).samples for s in stems]
        lanes = [song - x for x in parts] if minus_one else []
        lanes.append(song - sum(parts, np.zeros_like(song)))
        peak = max(peak, *(float(np.abs(x).max(initial=0.0)) for x in lanes))
    return lossless_suffix(peak, recording.channels)
