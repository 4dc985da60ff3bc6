"""A loop of somebody's own brought onto a recording: both lie in the library, and what comes of it is a stem of the recording."""

from __future__ import annotations

from importlib import metadata

from sideman.app.library.access import Access, Caller
from sideman.app.library.jobs import FIT, JobDesk
from sideman.app.library.services import Services
from sideman.app.library.timeline import Timelines
from sideman.app.library.wishes import NOW, How, LoopWish
from sideman.core.music import part_of
from sideman.infra.database import JobRecord, Json, NewJob


class FitDesk:
    def __init__(self, services: Services, access: Access, jobs: JobDesk, timelines: Timelines) -> None:
        self._s, self._access, self._jobs, self._timelines = services, access, jobs, timelines

    def fit(self, who: Caller, recording_id: str, wish: LoopWish, how: How = NOW) -> JobRecord:
        """A job whose stem has the origin `fitted`. Equal wishes are one job. A recording that was not analysed yet is analysed first.

        Raises NotFound, Conflict (in the trash), and UsageError for parts that the song does not have.
        """
        recording = self._access.writable(who, recording_id)
        clip = self._access.readable(who, wish.clip)
        known = self._timelines.latest(recording_id)
        if known is not None:
            known.require_grid()
            for part in (wish.fit.at, wish.fit.within):
                if part is not None:
                    part_of(known, part)
        latest = self._s.results.analysis(recording_id)
        corrections = [c.id for c in self._s.results.corrections(recording_id)]
        asked: Json = wish.details()
        request = asked | {
            "clip_key": clip.content_key, "clip_name": clip.file_name, "clip_title": clip.title, "analysis": latest.id if latest else None,
            "corrections": corrections, "version": metadata.version("sideman"),
        }  # fmt: skip

        def prepare(_recording_id: str) -> NewJob | JobRecord:
            new = self._jobs.new(who, FIT, recording, request, how, asked | {"again": how.again})
            done = None if how.again else self._s.jobs.completed(new.request_hash)
            there = {s.job_id for s in self._s.results.stems_of(recording_id=recording_id)}
            return done if done is not None and done.id in there else new

        job = self._jobs.ask_all((recording_id,), prepare, raises=True)[0].job
        assert job is not None
        return job
