"""The separation backend that comes with the package: a small mask network of our own, numpy only. Preview quality; vocals and other experimental."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sideman.core.audio import Recording
from sideman.core.music import Provenance, StemRole
from sideman.core.separation.backends.preview.bands import SAMPLE_RATE_HZ
from sideman.core.separation.backends.preview.network import MaskNetwork
from sideman.core.separation.backends.preview.streaming import masked_blocks
from sideman.core.separation.rates import StemWriters, at_rate
from sideman.core.separation.separator import Progress, Quality, SeparatedStem, no_progress, wanted_roles, with_remainder

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
    version = "4"
    roles = (*NETWORK_ROLES, StemRole.OTHER)

    def __init__(self, network: MaskNetwork | None = None) -> None:
        self._network = network or MaskNetwork.default()

    def separate(
        self, recording: Recording, folder: Path, progress: Progress = no_progress, roles: Sequence[StemRole] | None = None
    ) -> tuple[SeparatedStem, ...]:
        wanted = wanted_roles(self, roles)
        reader = at_rate(recording, SAMPLE_RATE_HZ, folder)
        masked = tuple(r for r in NETWORK_ROLES if r in wanted or StemRole.OTHER in wanted)
        rows = [NETWORK_ROLES.index(r) for r in masked]
        done = 0
        with StemWriters(recording, masked, folder, SAMPLE_RATE_HZ, reader.frames) as writers:
            for block in masked_blocks(reader, self._network):
                writers.write(block[rows])
                done += block.shape[2]
                progress(done / reader.frames)
            provenance = Provenance(self.name, self.version, (("weights", "training/separation"),))
            stems = writers.finish([QUALITY[r] for r in masked], provenance)
        if StemRole.OTHER in wanted:
            stems = with_remainder(recording, stems, StemRole.OTHER, QUALITY[StemRole.OTHER], folder)
        made = {s.role: s for s in stems}
        return tuple(made[r] for r in wanted)
