"""Where generated notes land on the *annotated* grid, beside where random onsets would land.

A note is written at a beat position of the analysed grid. The beat it belongs to is looked up in the annotation, and the note's
written position is mapped through the annotated grid: an analysis that is off by a sixteenth shows up in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sideman.core.evaluation.references import Reference
from sideman.core.generation import SongContext
from sideman.core.music import NoteEvent, StemRole, steps_of_beat

RANDOM_ONSETS = 2000


@dataclass(frozen=True, slots=True)
class TimingScore:
    """Medians in ms: of the notes, and of random onsets against the nearest sixteenth, or sixth of a beat where the song goes in triplets.

    None where nothing was generated: the recording could not be read, no grid was found, or hardly a bar of it is annotated.
    """

    name: str
    role: StemRole
    median_ms: float | None = None
    chance_ms: float | None = None


def score(reference: Reference, context: SongContext, notes: Sequence[NoteEvent], role: StemRole) -> TimingScore:
    truth, estimated = reference.grid(), context.grid
    onsets = np.array([n.start_s for n in notes])
    parts = steps_of_beat(truth.meter, context.groove)
    written = np.round(estimated.beat_at(onsets) * parts) / parts
    beat = np.floor(written + 1e-9)
    true_beat = np.round(truth.beat_at(estimated.seconds_at(beat)))
    ratio = truth.tempo_bpm / estimated.tempo_bpm
    expected = truth.seconds_at(true_beat + (written - beat) * ratio)
    inside = (onsets >= truth.times[0] - 0.1) & (onsets <= truth.times[-1] + 0.1)
    random = np.random.default_rng(0).uniform(truth.times[0], truth.times[-1], RANDOM_ONSETS)
    nearest = truth.seconds_at(np.round(truth.beat_at(random) * parts) / parts)
    return TimingScore(
        reference.name, role, 1000 * float(np.median(np.abs(onsets - expected)[inside])), 1000 * float(np.median(np.abs(random - nearest)))
    )
