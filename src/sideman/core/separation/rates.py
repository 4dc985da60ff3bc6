"""From a recording to the rate of a model and back: stems come out at the recording's own rate, exactly as long."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, Recording, ScratchWriter, StreamResampler, resampled_blocks
from sideman.core.music import Provenance, StemRole
from sideman.core.separation.separator import Quality, SeparatedStem


def at_rate(recording: Recording, sample_rate_hz: int, folder: Path) -> AudioReader:
    """All channels of the recording at another rate, in a scratch file below `folder`; the recording itself where the rate is right."""
    if recording.sample_rate_hz == sample_rate_hz:
        return recording.audio
    with ScratchWriter(folder / f"at-{sample_rate_hz}.f32", sample_rate_hz, recording.channels) as writer:
        for block in resampled_blocks(recording.audio, sample_rate_hz):
            writer.write(block)
        return writer.finish()


class StemWriters:
    """Scratch files for stems that arrive block by block at a model's rate. A context manager."""

    def __init__(self, recording: Recording, roles: Sequence[StemRole], folder: Path, model_rate_hz: int, model_frames: int) -> None:
        self.roles = tuple(roles)
        self._left = model_frames
        rate, channels = recording.sample_rate_hz, recording.channels
        self._resamplers = [StreamResampler(model_rate_hz, rate, channels, recording.frames) for _ in self.roles]
        self._files = ExitStack()
        self._writers = [self._files.enter_context(ScratchWriter(folder / f"stem-{role}.f32", rate, channels)) for role in self.roles]

    def write(self, block: NDArray[np.float32]) -> None:
        """[stems, channels, frames], in order."""
        self._left -= block.shape[2]
        for stem, writer, resampler in zip(block, self._writers, self._resamplers, strict=True):
            writer.write(resampler.push(np.ascontiguousarray(stem), last=self._left <= 0))

    def finish(self, quality: Sequence[Quality], provenance: Provenance) -> tuple[SeparatedStem, ...]:
        return tuple(
            SeparatedStem(role, writer.finish(), q, writer.peak, provenance)
            for role, writer, q in zip(self.roles, self._writers, quality, strict=True)
        )

    def __enter__(self) -> StemWriters:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._files.close()
