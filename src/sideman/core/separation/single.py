"""Separators over one network that makes some stems; the last role, if there is one more, is the recording minus them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sideman.core.audio import Recording
from sideman.core.models.runtime import RunsOn
from sideman.core.music import Provenance, StemRole
from sideman.core.separation.rates import StemWriters, at_rate
from sideman.core.separation.segments import SegmentModel, even_plan, separated
from sideman.core.separation.separator import Progress, Quality, SeparatedStem, Separator, wanted_roles, with_remainder

OVERLAP = 0.25


@dataclass(frozen=True)
class WeightFacts:
    """Where weights lie and what a result should say of them."""

    path: Path
    sha256: str = ""
    licence: str = ""
    memory_mb: int = 1000


@dataclass(frozen=True)
class SingleModel:
    """A loaded network: its rate, what runs it, and on what."""

    sample_rate_hz: int
    model: SegmentModel
    facts: WeightFacts
    runs_on: RunsOn


def separate_with_rest(
    separator: Separator, single: SingleModel, recording: Recording, folder: Path, progress: Progress, *, roles: Sequence[StemRole] | None
) -> tuple[SeparatedStem, ...]:
    """All stems of the network are made, because the rest needs them; those that were asked for are given."""
    wanted = wanted_roles(separator, roles)
    own = separator.roles[: single.model.stems]
    reader = at_rate(recording, single.sample_rate_hz, folder)
    facts = {
        "weights": single.facts.path.name,
        "sha256": single.facts.sha256,
        "licence": single.facts.licence,
        "runs on": str(single.runs_on),
    }
    provenance = Provenance(separator.name, "1", tuple((k, v) for k, v in facts.items() if v))
    with StemWriters(recording, own, folder, single.sample_rate_hz, reader.frames) as writers:
        separated(reader, single.model, even_plan(reader.frames, single.model.frames, OVERLAP), writers.write, progress)
        stems = writers.finish([Quality.FULL] * len(own), provenance)
    if len(separator.roles) > len(own):
        stems = with_remainder(recording, stems, separator.roles[len(own)], Quality.FULL, folder)
    made = {s.role: s for s in stems}
    return tuple(made[r] for r in wanted)
