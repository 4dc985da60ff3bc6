"""The weight-free separation backend: a small mask network of our own, numpy only. Preview quality; vocals and other experimental."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from sideman.core.audio import AudioReader, Recording, ScratchAudio, ScratchWriter, StreamResampler, resampled_blocks
from sideman.core.music import Provenance, StemRole
from sideman.core.separation.backends.preview.bands import SAMPLE_RATE_HZ
from sideman.core.separation.backends.preview.network import MaskNetwork
from sideman.core.separation.backends.preview.streaming import masked_blocks
from sideman.core.separation.separator import Progress, Quality, SeparatedStem, no_progress, with_remainder

__all__ = ["PreviewSeparator"]

NETWORK_ROLES = (StemRole.DRUMS, StemRole.BASS, StemRole.VOCALS)
QUALITY = {
    StemRole.DRUMS: Quality.PREVIEW,
    StemRole.BASS: Quality.PREVIEW,
    StemRole.VOCALS: Quality.EXPERIMENTAL,
    StemRole.OTHER: Quality.EXPERIMENTAL,
}


class PreviewSeparator:
    """Separator with four stems at the recording's own rate and channels."""

    name = "sideman preview"
    version = "1"
    roles = (*NETWORK_ROLES, StemRole.OTHER)

    def __init__(self, network: MaskNetwork | None = None) -> None:
        self._network = network or MaskNetwork.default()

    def separate(self, recording: Recording, folder: Path, progress: Progress = no_progress) -> tuple[SeparatedStem, ...]:
        reader = self._at_network_rate(recording, folder)
        rate, total = recording.sample_rate_hz, recording.frames
        back = [StreamResampler(SAMPLE_RATE_HZ, rate, recording.channels, total) for _ in NETWORK_ROLES]
        done = 0
        with ExitStack() as files:
            writers = [files.enter_context(ScratchWriter(folder / f"stem-{role}.f32", rate, recording.channels)) for role in NETWORK_ROLES]
            for block in masked_blocks(reader, self._network):
                done += block.shape[2]
                for stem, writer, resampler in zip(block, writers, back, strict=True):
                    writer.write(resampler.push(np.ascontiguousarray(stem), last=done >= reader.frames))
                progress(done / reader.frames)
        provenance = Provenance(self.name, self.version, (("weights", "training/separation"),))
        stems = tuple(
            SeparatedStem(role, writer.finish(), QUALITY[role], writer.peak, provenance)
            for role, writer in zip(NETWORK_ROLES, writers, strict=True)
        )
        return with_remainder(recording, stems, StemRole.OTHER, QUALITY[StemRole.OTHER], folder)

    def _at_network_rate(self, recording: Recording, folder: Path) -> AudioReader:
        if recording.sample_rate_hz == SAMPLE_RATE_HZ:
            return recording.audio
        with ScratchWriter(folder / "network-rate.f32", SAMPLE_RATE_HZ, recording.channels) as writer:
            for block in resampled_blocks(recording.audio, SAMPLE_RATE_HZ):
                writer.write(block)
            found: ScratchAudio = writer.finish()
        return found
