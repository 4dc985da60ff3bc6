"""Take a recording apart into stems that add up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from sideman.app.engines import Engines, Source, StepProgress, no_progress, opened
from sideman.core.audio import Recording
from sideman.core.music import StemRole
from sideman.core.pipelines import staged
from sideman.core.separation import SeparatedStem, WrittenSet, write_set
from sideman.core.separation.excerpts import excerpt, loudest_start
from sideman.errors import NoAudio, UsageError

__all__ = ["SeparationWish", "WrittenSet", "separate"]
MOST_PREVIEW_S = 120


@dataclass(frozen=True, slots=True)
class SeparationWish:
    """roles: which stems, None for all. minus_one: also the recording without each of them. preview_s: only the loudest part, this long."""

    preset: str = "preview"
    roles: tuple[StemRole, ...] | None = None
    minus_one: bool = False
    preview_s: float | None = None


def separate(source: Source, out: Path, engines: Engines, wish: SeparationWish, progress: StepProgress = no_progress) -> WrittenSet:
    """Stems and residual into `out`: FLAC 24-bit, or WAV float for the whole set where a lane passes full scale."""
    engines.separators.get(wish.preset)  # refuses a model that is not there before minutes are spent on decoding
    with opened(source) as recording:
        if recording.condition.peak == 0:
            raise NoAudio(f"{recording.info.name} is digital silence: there is nothing to separate")
        with _heard(recording, wish.preview_s) as part:
            stems = _stems(part, engines, wish, progress)
            with staged(out, [source]) as folder:
                written = write_set(part, stems, folder, minus_one=wish.minus_one)
            return written.moved_to(out)


def _heard(recording: Recording, preview_s: float | None) -> AbstractContextManager[Recording]:
    """The recording, or its loudest part."""
    if preview_s is None:
        return nullcontext(recording)
    if not 1 <= preview_s <= MOST_PREVIEW_S:
        raise UsageError(f"a preview of {preview_s:g} s was asked for: it can be 1 to {MOST_PREVIEW_S} s long")
    return excerpt(recording, loudest_start(recording, preview_s), preview_s)


def _stems(recording: Recording, engines: Engines, wish: SeparationWish, progress: StepProgress) -> Sequence[SeparatedStem]:
    separator = engines.separators.get(wish.preset)
    began = time.monotonic()
    stems = separator.separate(recording, recording.scratch_folder, lambda share: progress("separate", share), wish.roles)
    if wish.preview_s is None and (wish.roles is None or set(wish.roles) == set(separator.roles)):
        engines.separators.note_speed(wish.preset, recording.duration_s, time.monotonic() - began)
    return stems
