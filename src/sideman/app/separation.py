"""Take a recording apart into stems that add up."""

from __future__ import annotations

from pathlib import Path

from sideman.app.engines import Engines, Source, StepProgress, no_progress, opened
from sideman.core.pipelines import staged
from sideman.core.separation import WrittenSet, write_set
from sideman.errors import NoAudio


def separate(source: Source, out: Path, engines: Engines, progress: StepProgress = no_progress) -> WrittenSet:
    """Stems and residual into `out`: FLAC 24-bit, or WAV float for the whole set where a lane passes full scale."""
    with opened(source) as recording:
        if recording.condition.peak == 0:
            raise NoAudio(f"{recording.info.name} is digital silence: there is nothing to separate")
        stems = engines.separator.separate(recording, recording.scratch_folder, lambda share: progress("separate", share))
        with staged(out) as folder:
            written = write_set(recording, stems, folder)
    return written.moved_to(out)
