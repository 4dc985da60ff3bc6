"""Hybrid Transformer Demucs (v4) without torch: our own graph, filled from the published checkpoint, run by the runtime at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sideman.core.audio import Recording
from sideman.core.models.memory import MB, Residence
from sideman.core.models.runtime import Request
from sideman.core.music import Provenance, StemRole
from sideman.core.separation.backends.demucs.loading import Core, load
from sideman.core.separation.rates import StemWriters, at_rate
from sideman.core.separation.segments import even_plan, separated
from sideman.core.separation.separator import Progress, Quality, SeparatedStem, no_progress, wanted_roles

__all__ = ["DemucsSeparator", "Member"]
OVERLAP = 0.25
VERSION = "1"


@dataclass(frozen=True)
class Member:
    """One checkpoint of a bag and the stems that are taken from it; sha256 of the file says which weights made a result."""

    path: Path
    roles: tuple[StemRole, ...]
    sha256: str


class DemucsSeparator:
    """A separator over one checkpoint, or over a bag of fine-tuned ones of which only those are run whose stems are asked for."""

    def __init__(
        self, name: str, members: Sequence[Member], request: Request, residence: Residence, *,
        memory_mb: int = 1100, experimental: Sequence[StemRole] = (), licence: str = "",
    ) -> None:  # fmt: skip
        self.name = name
        self.roles = tuple(r for m in members for r in m.roles)
        self._members, self._request, self._residence = tuple(members), request, residence
        self._memory_mb, self._experimental, self._licence = memory_mb, frozenset(experimental), licence

    def separate(
        self, recording: Recording, folder: Path, progress: Progress = no_progress, roles: Sequence[StemRole] | None = None
    ) -> tuple[SeparatedStem, ...]:
        wanted = wanted_roles(self, roles)
        running = [m for m in self._members if set(m.roles) & set(wanted)]
        made: dict[StemRole, SeparatedStem] = {}
        for i, member in enumerate(running):
            mine = tuple(r for r in member.roles if r in wanted)
            for stem in self._run(member, mine, recording, folder, lambda share, i=i: progress((i + share) / len(running))):  # type: ignore[misc]
                made[stem.role] = stem
        return tuple(made[r] for r in wanted)

    def _run(
        self, member: Member, roles: tuple[StemRole, ...], recording: Recording, folder: Path, progress: Progress
    ) -> tuple[SeparatedStem, ...]:
        core = self._core(member)
        config = core.config
        reader = at_rate(recording, config.samplerate, folder)
        model = core.model(tuple(r.value for r in roles))
        with StemWriters(recording, roles, folder, config.samplerate, reader.frames) as writers:
            separated(reader, model, even_plan(reader.frames, config.samples, OVERLAP), writers.write, progress)
            quality = [Quality.EXPERIMENTAL if r in self._experimental else Quality.FULL for r in roles]
            return writers.finish(quality, self._provenance(member, core))

    def _core(self, member: Member) -> Core:
        key = (member.sha256 or str(member.path), self._request)
        return self._residence.get(key, self.name, self._memory_mb * MB, lambda: load(member.path, self._request))

    def _provenance(self, member: Member, core: Core) -> Provenance:
        facts = {
            "weights": member.path.name,
            "sha256": member.sha256,
            "licence": self._licence,
            "runs on": str(core.runs_on),
            "overlap": str(OVERLAP),
        }
        return Provenance(self.name, VERSION, tuple((k, v) for k, v in facts.items() if v))
