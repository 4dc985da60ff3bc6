"""Taking a recording apart on a server, with a preset that someone chose."""

from __future__ import annotations

from importlib import metadata

from sideman.app.library.access import Access, Caller
from sideman.app.library.jobs import SEPARATION, JobDesk
from sideman.app.library.services import Services
from sideman.app.library.wishes import NOW, How, SeparationWish
from sideman.app.separation import MOST_PREVIEW_S
from sideman.app.separators import PresetState, Separators
from sideman.core.separation.presets import preset
from sideman.core.separation.separator import wanted_roles
from sideman.errors import Conflict, UsageError
from sideman.infra.database import JobRecord, Json, NewJob, StemRecord


class SeparationDesk:
    def __init__(self, services: Services, access: Access, jobs: JobDesk, separators: Separators) -> None:
        self._s, self._access, self._jobs, self._separators = services, access, jobs, separators

    def presets(self) -> tuple[PresetState, ...]:
        """All of them, each with what it needs and whether it can be used here."""
        return self._separators.states(runs_here=self._s.database.is_sqlite)  # the workers of a SQLite library are on this machine

    def separate(self, who: Caller, recording_id: str, wish: SeparationWish, how: How = NOW) -> JobRecord:
        """Take a recording apart with a preset; its stems replace the former ones when they are there. Equal wishes are one job.

        Raises ModelNotInstalled, ModelRefused or UsageError at once, not when the worker comes to it.
        """
        recording = self._access.writable(who, recording_id)
        weights = self._separators.weights(wish.preset)
        roles = wanted_roles(preset(wish.preset), wish.roles)
        if wish.preview_s is not None and not 1 <= wish.preview_s <= MOST_PREVIEW_S:
            raise UsageError(f"a preview of {wish.preview_s:g} s was asked for: it can be 1 to {MOST_PREVIEW_S} s long")
        of = self._stem_to_part(recording_id, wish)
        asked: Json = {"preset": wish.preset, "roles": [r.value for r in roles]} | ({"preview_s": wish.preview_s} if wish.preview_s else {})
        request = asked | ({"stem": of.id} if of else {}) | {"weights": list(weights), "version": metadata.version("sideman")}

        def prepare(_recording_id: str) -> NewJob | JobRecord:
            new = self._jobs.new(who, SEPARATION, recording, request, how, asked | {"again": how.again})
            done = None if how.again else self._s.jobs.completed(new.request_hash)
            made = {s.job_id for s in self._s.results.stems_of(recording_id=recording_id)}
            return done if done is not None and done.id in made else new

        job = self._jobs.ask_all((recording_id,), prepare, raises=True)[0].job
        assert job is not None
        return job

    def _stem_to_part(self, recording_id: str, wish: SeparationWish) -> StemRecord | None:
        """The stem that a second pass takes apart. Raises Conflict where there is none."""
        role = preset(wish.preset).of
        if role is None:
            return None
        if wish.preview_s is not None:
            raise UsageError(f"{wish.preset} takes a stem apart: it has no preview")
        for stem in self._s.results.stems_of(recording_id=recording_id):
            if stem.origin == "separated" and stem.role == role.value:
                return stem
        raise Conflict(f"{wish.preset} takes the {role} stem apart and there is none yet: separate the recording first")
