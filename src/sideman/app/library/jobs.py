"""Jobs: asked for, watched, cancelled, tried again."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import metadata

from sideman.app.analyzers import AnalysisWish
from sideman.app.library.access import Access, Caller
from sideman.app.library.batches import BatchItem
from sideman.app.library.ending import cancel
from sideman.app.library.generation_checks import refuse_missing, refuse_outside, resolved, style_of
from sideman.app.library.services import Services
from sideman.app.library.wishes import NOW, GenerationWish, How, Playable
from sideman.errors import Conflict, NotFound, QuotaExceeded, ServiceUnavailable, SidemanError
from sideman.infra.database import (
    BATCH,
    GenerationQuery,
    GenerationRecord,
    JobCount,
    JobFilter,
    JobRecord,
    Json,
    MixRecord,
    NewJob,
    Page,
    Quota,
    RecordingRecord,
    new_id,
    now,
)

ANALYSIS, SEPARATION, GENERATION, FIT = "analysis", "separation", "generation", "fit"
MIX, EXPORT, MODEL = "mix", "export", "model"
KINDS = (ANALYSIS, SEPARATION, GENERATION, FIT, MIX, EXPORT, MODEL)
DAY_S = 86_400
AT_ONCE = 50
"""Jobs that one transaction inserts: others wait for it."""

log = logging.getLogger("sideman.jobs")


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it. eta_s is None while nothing can be said; position counts the jobs before a queued one."""

    job: JobRecord
    eta_s: float | None
    position: int | None


class JobDesk:
    def __init__(self, services: Services, access: Access, playable: Playable) -> None:
        self._s, self._access, self.playable = services, access, playable

    # asking

    def analyse(self, who: Caller, recording_id: str, how: How = NOW, separate: bool = True, engines: str | None = None) -> JobRecord:
        """Analysis and stems of a recording. An equal job that is under way, or was completed before, is returned instead."""
        item = self._analyse_all(who, (recording_id,), how, (separate, engines), raises=True)[0]
        assert item.job is not None
        return item.job

    def batch_analyse(self, who: Caller, recording_ids: Sequence[str], again: bool = False) -> tuple[BatchItem, ...]:
        """Each on its own: one that cannot be analysed does not keep the others back."""
        return self._analyse_all(who, tuple(dict.fromkeys(recording_ids)), How(BATCH, again=again), (True, None), raises=False)

    def _analyse_all(
        self, who: Caller, ids: Sequence[str], how: How, wanted: tuple[bool, str | None], raises: bool
    ) -> tuple[BatchItem, ...]:
        separate, engines = wanted
        chosen, version = self._listeners(engines), metadata.version("sideman")

        def prepare(recording_id: str) -> NewJob | JobRecord:
            recording = self._access.writable(who, recording_id)
            apart = separate and not has_better_stems(self._s, recording_id)
            request = {"separate": apart, "separator": "preview", "version": version} | chosen
            if not apart and "notes" in AnalysisWish.parse(chosen.get("engines")).chosen:  # they are heard in the stems that are there
                request["stems"] = sorted(
                    s.blob_key for s in self._s.results.stems_of(recording_id=recording_id) if s.origin == "separated"
                )
            asked = {"separate": separate, "again": how.again} | ({"engines": engines} if engines is not None else {})
            new = self.new(who, ANALYSIS, recording, request, how, asked)
            if not how.again and (done := self._s.jobs.completed(new.request_hash)) is not None:
                latest = self._s.results.analysis(recording_id)
                if latest is not None and latest.job_id == done.id:
                    return done
            return new

        items = self.ask_all(ids, prepare, raises)
        begun = [i.recording_id for i in items if i.job is not None and i.job.unfinished]
        if begun:
            self._s.recordings.set_status(begun, "analyzing", analysing=True)
        return items

    def _listeners(self, engines: str | None) -> Json:
        """What a job says of its analysis engines: the wish over the settings; nothing where the default ones answer everything."""
        wish = str(AnalysisWish.parse(engines).over(AnalysisWish.parse(self._s.settings.analysis)))
        return {"engines": wish} if wish else {}

    def _network(self, engine: str) -> Json:
        """What a job says of the network that it asks for: with other weights it would be another job."""
        facts = self.playable.generator(engine)
        return {"weights": facts.weights, "together": True} if facts is not None and facts.together else {}

    def submit(self, job: NewJob) -> JobRecord:
        """A job that belongs to no recording."""
        return self._submit((job,))[0]

    def generate(self, who: Caller, recording_id: str, wish: GenerationWish, how: How = NOW) -> GenerationRecord:
        """New stems. Equal wishes with an equal seed are one generation; without a seed every wish gets a new one."""
        item = self._generate_all(who, (recording_id,), wish, how, raises=True)[0]
        assert item.job is not None and item.job.entity_id is not None
        return self._s.results.generation(item.job.entity_id)

    def batch_generate(self, who: Caller, recording_ids: Sequence[str], wish: GenerationWish) -> tuple[BatchItem, ...]:
        """Each on its own, as batch_analyse."""
        return self._generate_all(who, tuple(dict.fromkeys(recording_ids)), wish, How(BATCH), raises=False)

    def _generate_all(self, who: Caller, ids: Sequence[str], wish: GenerationWish, how: How, raises: bool) -> tuple[BatchItem, ...]:
        wish = resolved(wish, self.playable)
        records: list[GenerationRecord] = []

        def prepare(recording_id: str) -> NewJob | JobRecord:
            recording = self._access.writable(who, recording_id)
            seed = wish.seed if wish.seed is not None else random.SystemRandom().randrange(1, 2**31)
            latest = self._s.results.analysis(recording_id)
            corrections = [c.id for c in self._s.results.corrections(recording_id)]
            refuse_outside(wish, recording, latest is not None)
            refuse_missing(wish, recording_id, self._s, lambda other: self._access.readable(who, other))
            parameters: Json = {"style": style_of(wish, recording_id, self._s, self.playable), "seed": seed} | wish.details()
            roles = [r.value for r in wish.roles]
            request = parameters | {"roles": roles, "analysis": latest.id if latest else None, "corrections": corrections}
            request |= ({} if latest else self._listeners(None)) | self._network(wish.engine)
            if wish.like is not None:  # what it was like then: it may be corrected or analysed again
                feel = self._s.results.analysis(wish.like)
                request["feel"] = [feel.id if feel else None, *(c.id for c in self._s.results.corrections(wish.like))]
            asked = {"roles": roles, "style": wish.style, "seed": wish.seed, "again": how.again} | wish.details()
            new = self.new(who, GENERATION, recording, request, how, asked)
            if not how.again and (done := self.still_there(new, self._s.results.generation)) is not None:
                return done
            records.append(GenerationRecord(new_id(), who.user_id, recording_id, None, roles, parameters, now()))
            return replace(new, entity_id=records[-1].id)

        mine: set[str] = set()

        def before() -> None:
            self._s.results.add_generations(records)
            mine.update(r.id for r in records)

        try:
            items = self.ask_all(ids, prepare, raises, before)
        except BaseException:
            self._s.results.delete_generations(sorted(mine))  # nothing was asked for, so nothing is listed
            raise
        made = {i.job.entity_id: i.job.id for i in items if i.job is not None and i.job.entity_id in mine}
        self._s.results.set_generation_jobs({g: j for g, j in made.items() if g is not None})
        self._s.results.delete_generations([r for r in mine if r not in made])  # an equal job was there already
        return items

    def ask_all(
        self, ids: Sequence[str], prepare: Callable[[str], NewJob | JobRecord], raises: bool, before: Callable[[], None] | None = None
    ) -> tuple[BatchItem, ...]:
        """Prepare each, then submit them, some at a time. A job that `prepare` returns is one that needs no doing."""
        items: dict[str, BatchItem] = {}
        wanted: dict[str, NewJob] = {}
        for recording_id in ids:
            try:
                found = prepare(recording_id)
            except ServiceUnavailable:
                raise
            except SidemanError as error:
                if raises:
                    raise
                items[recording_id] = BatchItem(recording_id, None, str(error))
                continue
            if isinstance(found, JobRecord):
                items[recording_id] = BatchItem(recording_id, found, None)
            else:
                wanted[recording_id] = found
        if wanted:
            self._refuse_over_quota(next(iter(wanted.values())).owner_id, len(wanted))
            if before is not None:
                before()
            items |= self._submit_each(wanted)
        return tuple(items[i] for i in ids)

    def _submit_each(self, wanted: dict[str, NewJob]) -> dict[str, BatchItem]:
        """Raises what the first of them raise; what goes wrong later keeps nothing back that was asked for before."""
        items: dict[str, BatchItem] = {}
        names = list(wanted)
        for some in (names[k : k + AT_ONCE] for k in range(0, len(names), AT_ONCE)):
            try:
                made = self._submit([wanted[i] for i in some])
            except (ServiceUnavailable, QuotaExceeded) as error:
                if not items:
                    raise
                items |= {i: BatchItem(i, None, str(error)) for i in some}
            else:
                items |= {i: BatchItem(i, job, None) for i, job in zip(some, made, strict=True)}
        return items

    def still_there(self, new: NewJob, find: Callable[[str], object]) -> JobRecord | None:
        """The completed job of an equal request, if what it made was not deleted since."""
        done = self._s.jobs.completed(new.request_hash)
        if done is None or done.entity_id is None:
            return None
        try:
            find(done.entity_id)
        except NotFound:
            return None
        return done

    @staticmethod
    def new(who: Caller, kind: str, recording: RecordingRecord, request: Json, how: How, asked: Json) -> NewJob:
        refuse_trashed(recording)
        equal = json.dumps([kind, recording.id, request], sort_keys=True)
        return NewJob(
            who.user_id,
            kind,
            request,
            hashlib.sha256(equal.encode()).hexdigest(),
            recording.id,
            None,
            how.urgency,
            how.idempotency_key,
            asked,
        )

    def _submit(self, wanted: Sequence[NewJob]) -> tuple[JobRecord, ...]:
        """Into the library first, then into the queue; a process that ends between the two leaves jobs that upkeep puts in."""
        submitted = self._s.jobs.submit_many(wanted, self._quota(wanted[0].owner_id))
        created = [s.job for s in submitted if s.created]
        if created:
            try:
                self._s.queue.put(created)
                self._s.jobs.dispatched([j.id for j in created])
            except ServiceUnavailable as error:  # they are safe in the library; upkeep puts them in when the queue's database is back
                log.warning("%d jobs are not in the queue yet: %s", len(created), error)
        return tuple(s.job for s in submitted)

    def _quota(self, owner_id: str) -> Quota | None:
        most = self._s.settings.limits.quota_jobs_per_day
        if not most or self._s.people.user(owner_id).role == "admin":
            return None
        return Quota(most, now() - timedelta(seconds=DAY_S))

    def _refuse_over_quota(self, owner_id: str, jobs: int) -> None:
        """Before anything of a batch is submitted; two requests at once are told apart where the jobs are inserted."""
        if (quota := self._quota(owner_id)) is not None:
            quota.refuse(self._s.jobs.begun_since(owner_id, quota.since) + jobs)

    # watching

    def get(self, who: Caller, job_id: str) -> JobRecord:
        return self._access.job(who, self._s.jobs.get(job_id))

    def is_there(self, job_id: str) -> bool:
        return bool(self._s.jobs.states((job_id,)))

    def view(self, job: JobRecord) -> JobView:
        return JobView(job, eta_s(job), self._s.jobs.position(job))

    def views(self, jobs: Sequence[JobRecord]) -> list[JobView]:
        """Of many at once."""
        places = self._s.jobs.positions() if any(j.state == "queued" for j in jobs) else {}
        return [JobView(job, eta_s(job), places.get(job.id)) for job in jobs]

    def page(self, who: Caller, wanted: JobFilter, limit: int, after: str | None = None) -> Page[JobRecord]:
        return self._s.jobs.page(self._mine(who, wanted), limit, after)

    def offset_page(self, who: Caller, wanted: JobFilter, skip: int, take: int) -> tuple[JobRecord, ...]:
        return self._s.jobs.offset_page(self._mine(who, wanted), skip, take)

    def of_entity(self, who: Caller, entity_id: str) -> tuple[JobRecord, ...]:
        """Jobs of a recording, a generation, a mix or an export."""
        owner = None if who.is_admin else who.user_id
        return self._s.jobs.of_entity(entity_id, owner)

    def counts(self, who: Caller, wanted: JobFilter) -> tuple[JobCount, ...]:
        return self._s.jobs.counts(self._mine(who, wanted))

    @staticmethod
    def _mine(who: Caller, wanted: JobFilter) -> JobFilter:
        return wanted if who.is_admin else replace(wanted, owner_id=who.user_id)

    # changing

    def cancel(self, who: Caller, job_id: str) -> JobRecord:
        """A running task ends within a second; what its job has finished stays for a retry. Raises Conflict for a finished job."""
        job = self._access.job(who, self._s.jobs.get(job_id), change=True)
        if not cancel(self._s, job):
            raise Conflict(f"this job is {self._s.jobs.get(job_id).state} already: there is nothing to cancel")
        return self._s.jobs.get(job_id)

    def stop(self, job_ids: Sequence[str]) -> None:
        """Cancel those that are unfinished, also other people's: who may write to a recording may delete what is made of it."""
        for job in self._s.jobs.many(job_ids):
            cancel(self._s, job)

    def retry(self, who: Caller, job_id: str) -> JobRecord:
        """A new job for one that failed or was cancelled; what was finished is taken over, not repeated."""
        job = self._access.job(who, self._s.jobs.get(job_id), change=True)
        if job.state not in ("failed", "cancelled"):
            raise Conflict(f"this job is {job.state}: only failed and cancelled jobs can be tried again")
        if self._s.jobs.was_retried(job):
            raise Conflict("this job was tried again already: try the later one again")
        if job.recording_id is not None:
            allowed = self._access.readable if job.kind in (MIX, EXPORT) else self._access.writable
            refuse_trashed(allowed(who, job.recording_id))
        if job.kind == MODEL:
            self._access.require(who, "admin")
        try:
            if job.kind == GENERATION and job.entity_id:
                self._s.results.generation(job.entity_id)
            elif job.kind in (MIX, EXPORT) and job.entity_id:
                self._s.results.mix(job.entity_id)
        except NotFound as error:
            raise Conflict("what this job was to make was deleted: ask for it anew") from error
        new = NewJob(
            job.owner_id, job.kind, job.request, job.request_hash, job.recording_id, job.entity_id, job.urgency, attempt=job.attempt + 1,
            retry_of=job.id,
        )  # fmt: skip
        self._refuse_over_quota(job.owner_id, 1)
        made = self._submit((new,))[0]
        if made.kind == GENERATION and made.entity_id:
            self._s.results.set_generation_jobs({made.entity_id: made.id})
        elif made.kind in (MIX, EXPORT) and made.entity_id:
            self._s.results.update_mix(made.entity_id, job_id=made.id)
        elif made.kind == ANALYSIS and made.recording_id and made.unfinished:
            self._s.recordings.set_status((made.recording_id,), "analyzing", analysing=True)
        return made

    def delete(self, who: Caller, job_id: str) -> None:
        job = self._access.job(who, self._s.jobs.get(job_id), change=True)
        if job.unfinished:
            raise Conflict(f"this job is {job.state}: cancel it first")
        self._s.jobs.delete([job_id])
        self._s.queue.forget([job_id])

    # generations and files

    def generation(self, who: Caller, generation_id: str) -> GenerationRecord:
        found = self._s.results.generation(generation_id)
        try:
            self._access.readable(who, found.recording_id)
        except NotFound:
            raise NotFound("there is no such generation: it may have been deleted") from None
        return found

    def generations(
        self, who: Caller, recording_id: str | None, skip: int, take: int, state: str | None = None
    ) -> tuple[GenerationRecord, ...]:
        """Newest first; state: that of their jobs."""
        if recording_id is not None:
            self._access.readable(who, recording_id)
            return self._s.results.generation_page(GenerationQuery(None, recording_id, state), skip, take)
        return self._s.results.generation_page(GenerationQuery(None if who.is_admin else who.user_id, None, state, who.scope), skip, take)

    def of_generation(self, generation: GenerationRecord) -> JobRecord | None:
        """Its job; None once that was deleted."""
        return self.of_generations((generation,)).get(generation.id)

    def of_generations(self, generations: Sequence[GenerationRecord]) -> dict[str, JobRecord]:
        """By the generation's id; those whose job was deleted are left out."""
        jobs = {j.id: j for j in self._s.jobs.many([g.job_id for g in generations if g.job_id])}
        return {g.id: jobs[g.job_id] for g in generations if g.job_id in jobs}

    def delete_generation(self, who: Caller, generation_id: str) -> None:
        """With its stems; a job that still makes them is cancelled."""
        found = self.generation(who, generation_id)
        self._access.writable(who, found.recording_id)
        if found.job_id is not None:
            self.stop((found.job_id,))
        self._s.results.delete_generations([generation_id])

    def mix_of(self, who: Caller, mix_id: str) -> MixRecord:
        found = self._s.results.mix(mix_id)
        try:
            self._access.readable(who, found.recording_id)
        except NotFound:
            raise NotFound("there is no such mix: it may have been deleted") from None
        return found


def refuse_trashed(recording: RecordingRecord) -> None:
    if recording.trashed_at is not None:
        raise Conflict("this recording is in the trash: restore it first")


def eta_s(job: JobRecord) -> float | None:
    """From the share that is done and the time it took, once that says something."""
    if job.state != "running" or job.started_at is None or job.share < 0.02:
        return None
    return (now() - job.started_at).total_seconds() * (1 - job.share) / job.share


def has_better_stems(services: Services, recording_id: str) -> bool:
    """Whether a preset that someone chose has taken the recording apart: an analysis does not replace its stems by a preview's."""
    stems = services.results.stems_of(recording_id=recording_id)
    return any(s.origin == "separated" and s.provenance.get("preset", "preview") != "preview" for s in stems)
