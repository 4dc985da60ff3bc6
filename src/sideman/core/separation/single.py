"""Separators over one network that makes some stems; the last role, if there is one more, is the recording minus them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sideman.core.audio import Recording
from sideman.core.models.memory import MB, Residence
from sideman.core.models.runtime import Request, Session
from sideman.core.music import Provenance, StemRole
from sideman.core.separation.rates import StemWriters, at_rate
from sideman.core.separation.segments import SegmentModel, even_plan, separated
from sideman.core.separation.separator import Progress, Quality, SeparatedStem, no_progress, wanted_roles, with_remainder

SAMPLE_RATE_HZ = 44100
"""Every published network hears music at this rate."""
OVERLAP = 0.25


@dataclass(frozen=True)
class WeightFacts:
    """Where weights lie and what a result should say of them."""

    path: Path
    sha256: str = ""
    licence: str = ""
    memory_mb: int = 1000


class Network(Protocol):
    """A loaded network."""

    @property
    def session(self) -> Session: ...
    @property
    def model(self) -> SegmentModel: ...


class SingleSeparator:
    """The stems of one network; a role beyond them is the recording minus all of them."""

    def __init__(
        self, name: str, roles: Sequence[StemRole], facts: WeightFacts, request: Request, residence: Residence, *,
        load: Callable[[Path, Request], Network],
    ) -> None:  # fmt: skip
        self.name, self.roles = name, tuple(roles)
        self._facts, self._request, self._residence, self._load = facts, request, residence, load

    def separate(
        self, recording: Recording, folder: Path, progress: Progress = no_progress, roles: Sequence[StemRole] | None = None
    ) -> tuple[SeparatedStem, ...]:
        """All stems of the network are made, because the rest needs them; those that were asked for are given."""
        wanted = wanted_roles(self, roles)
        facts = self._facts
        key = (facts.sha256 or str(facts.path), self._request)
        network = self._residence.get(key, self.name, facts.memory_mb * MB, lambda: self._load(facts.path, self._request))
        own = self.roles[: network.model.stems]
        reader = at_rate(recording, SAMPLE_RATE_HZ, folder)
        told = {"weights": facts.path.name, "sha256": facts.sha256, "licence": facts.licence, "runs on": str(network.session.runs_on)}
        provenance = Provenance(self.name, "1", tuple((k, v) for k, v in told.items() if v))
        with StemWriters(recording, own, folder, SAMPLE_RATE_HZ, reader.frames) as writers:
            separated(reader, network.model, even_plan(reader.frames, network.model.frames, OVERLAP), writers.write, progress)
            stems = writers.finish([Quality.FULL] * len(own), provenance)
        if len(self.roles) > len(own):
            stems = with_remainder(recording, stems, self.roles[len(own)], Quality.FULL, folder)
        made = {s.role: s for s in stems}
        return tuple(made[r] for r in wanted)
