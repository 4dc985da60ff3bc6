"""Files made of a recording and its stems: mixes, and exports as ZIP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sideman.app.library.access import Access, Caller
from sideman.app.library.batches import BatchItem, each
from sideman.app.library.jobs import EXPORT, MIX, JobDesk
from sideman.app.library.services import Services
from sideman.app.library.timeline import Timelines
from sideman.app.library.wishes import AS_IT_IS, FORMATS, MOST_LANES, NOW, ExportWish, FileWish, How, MixWish
from sideman.core.fit.straighten import even_tempo
from sideman.errors import Conflict, NotFound, UsageError
from sideman.infra.database import BATCH, JobRecord, MixRecord, NewJob, RecordingRecord, new_id, now


class FileDesk:
    def __init__(self, services: Services, access: Access, jobs: JobDesk, timelines: Timelines) -> None:
        self._s, self._access, self._jobs, self._timelines = services, access, jobs, timelines

    def mix(self, who: Caller, recording_id: str, wish: MixWish, how: How = NOW) -> MixRecord:
        """Sum lanes of a recording into one file."""
        recording = self._access.readable(who, recording_id)
        stems = {s.id: s for s in self._s.results.stems_of(recording_id=recording_id)}
        if not 0 < len(wish.lanes) <= MOST_LANES or wish.file_format not in FORMATS:
            raise UsageError(f"a mix has 1 to {MOST_LANES} lanes and is written as {', '.join(FORMATS)}")
        if any(lane.stem_id is not None and lane.stem_id not in stems for lane in wish.lanes):
            raise NotFound("this recording has no such stem: take the lanes from its list of stems")
        request = {
            "lanes": [[lane.stem_id, lane.gain_db, lane.pan] for lane in wish.lanes], "format": wish.file_format, "target_lufs": wish.target_lufs,
        }  # fmt: skip
        file = FileWish(MIX, _file_name(recording, f" (mix).{wish.file_format}"), request, request)
        return self._s.results.mix(self._made(who, recording, file, how))

    def export(self, who: Caller, recording_id: str, wish: ExportWish = AS_IT_IS, how: How = NOW) -> MixRecord:
        """Every stem, its MIDI and the analysis in one ZIP; at an even tempo also the recording itself, and the map of the tempo. Or a
        DAWproject of the recording and its stems, on the song's own bars or at an even tempo.

        Raises NotFound, Conflict, AnalysisError for an even tempo without beats, UsageError for one that is too far from the song's.
        """
        recording = self._access.readable(who, recording_id)
        stems = [s.id for s in self._s.results.stems_of(recording_id=recording_id) if s.origin != "excerpt"]
        if not stems:
            raise Conflict("this recording has no stems yet: analyse it first")
        latest = self._s.results.analysis(recording_id)
        corrections = [c.id for c in self._s.results.corrections(recording_id)]
        request: dict[str, object] = {"stems": stems, "analysis": latest.id if latest else None, "corrections": corrections}
        asked: dict[str, object] = {}
        if wish.project:
            request["project"] = asked["project"] = True
        if not wish.even_tempo:
            name = _file_name(recording, ".dawproject" if wish.project else " (stems).zip")
            return self._s.results.mix(self._made(who, recording, FileWish(EXPORT, name, request, asked), how))
        known = self._timelines.latest(recording_id)
        if known is None:
            raise Conflict("this recording has no beats yet: analyse it first")
        tempo_bpm = even_tempo(known.require_grid(), known.duration_s, wish.tempo_bpm).tempo_bpm
        name = _file_name(recording, f" ({tempo_bpm:g} bpm).dawproject" if wish.project else f" (stems, {tempo_bpm:g} bpm).zip")
        asked |= {"even_tempo": True, "tempo_bpm": wish.tempo_bpm}
        return self._s.results.mix(self._made(who, recording, FileWish(EXPORT, name, request | {"tempo_bpm": tempo_bpm}, asked), how))

    def batch_export(self, who: Caller, recording_ids: Sequence[str]) -> tuple[BatchItem, ...]:
        """Each on its own, as batch_analyse."""

        def one(recording_id: str) -> JobRecord | None:
            made = self.export(who, recording_id, how=How(BATCH))
            return next(iter(self._s.jobs.many([made.job_id])), None) if made.job_id else None

        return each(recording_ids, one)

    def mixes(self, who: Caller, recording_id: str) -> tuple[MixRecord, ...]:
        self._access.readable(who, recording_id)
        return self._s.results.mixes(recording_id)

    def delete_mix(self, who: Caller, mix_id: str) -> None:
        """A job that still makes it is cancelled."""
        found = self._jobs.mix_of(who, mix_id)
        if found.owner_id == who.user_id:  # who may read a recording may make mixes of it
            self._access.require(who, "editor")
        else:
            self._access.writable(who, found.recording_id)
        if found.job_id is not None:
            self._jobs.stop((found.job_id,))
        self._s.results.delete_mix(mix_id)

    def _made(self, who: Caller, recording: RecordingRecord, wish: FileWish, how: How) -> str:
        """The id of the mix or export that is made, or was made before."""
        self._access.require(who, "editor")
        record = MixRecord(new_id(), who.user_id, recording.id, wish.kind, wish.request, wish.file_name, None, None, None, None, now())

        def prepare(_recording_id: str) -> NewJob | JobRecord:
            new = self._jobs.new(who, wish.kind, recording, wish.request, how, wish.asked)
            done = None if how.again else self._jobs.still_there(new, self._s.results.mix)
            return done or replace(new, entity_id=record.id)

        try:
            job = self._jobs.ask_all((recording.id,), prepare, raises=True, before=lambda: self._s.results.add_mix(record))[0].job
        except BaseException:
            self._s.results.delete_mix(record.id)  # nothing was asked for, so nothing is listed
            raise
        assert job is not None and job.entity_id is not None
        if job.entity_id == record.id:
            self._s.results.update_mix(record.id, job_id=job.id)
        else:
            self._s.results.delete_mix(record.id)  # an equal job was there already
        return job.entity_id


def _file_name(recording: RecordingRecord, ending: str) -> str:
    """A recording's title as the name of a file: no folders in it, no control characters, not too long."""
    return "".join("-" if c in "/\\" else c for c in recording.title if c.isprintable())[:150] + ending
