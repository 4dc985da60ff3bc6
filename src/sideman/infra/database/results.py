"""What was found and made: analyses, corrections, stems, generations, mixes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sideman.core.music import Key
from sideman.errors import NotFound
from sideman.infra.database.engine import Database, new_id, now
from sideman.infra.database.paging import Page, cursor, read_time_cursor
from sideman.infra.database.recordings import Scope, shared_ids
from sideman.infra.database.records import AnalysisRecord, CorrectionRecord, GenerationRecord, Json, MixRecord, StemRecord, as_record
from sideman.infra.database.tables import analyses, corrections, generations, jobs, mixes, recordings, stems


@dataclass(frozen=True, slots=True)
class StemQuery:
    role: str = ""
    origin: str = ""
    recording_id: str = ""
    keys: tuple[Key, ...] = ()
    tempo_from_bpm: float | None = None
    tempo_to_bpm: float | None = None


@dataclass(frozen=True, slots=True)
class StemCount:
    role: str
    origin: str
    stems: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class GenerationQuery:
    """None does not filter. scope: of recordings that may be seen."""

    owner_id: str | None = None
    recording_id: str | None = None
    job_state: str | None = None
    scope: Scope | None = None


class Results:
    def __init__(self, database: Database) -> None:
        self._db = database

    # analyses

    def add_analysis(self, record: AnalysisRecord) -> AnalysisRecord:
        """Once per job: a store step that runs twice leaves one. The version is the recording's next."""
        with self._db.write() as c:
            self._db.alone(c, record.recording_id)
            if record.job_id is not None:
                there = c.execute(sa.select(analyses).where(analyses.c.job_id == record.job_id)).first()
                if there is not None:
                    return as_record(AnalysisRecord, there)
            last = c.scalar(sa.select(sa.func.max(analyses.c.version)).where(analyses.c.recording_id == record.recording_id)) or 0
            values = _values(record) | {"version": last + 1}
            c.execute(sa.insert(analyses).values(**values))
            return as_record(AnalysisRecord, c.execute(sa.select(analyses).where(analyses.c.id == record.id)).one())

    def analysis(self, recording_id: str, version: int | None = None) -> AnalysisRecord | None:
        """The latest, or the one with that version."""
        query = sa.select(analyses).where(analyses.c.recording_id == recording_id)
        query = query.where(analyses.c.version == version) if version else query.order_by(analyses.c.version.desc()).limit(1)
        with self._db.read() as c:
            row = c.execute(query).first()
            return as_record(AnalysisRecord, row) if row else None

    def analyses(self, recording_id: str) -> tuple[AnalysisRecord, ...]:
        query = sa.select(analyses).where(analyses.c.recording_id == recording_id).order_by(analyses.c.version.desc())
        with self._db.read() as c:
            return tuple(as_record(AnalysisRecord, row) for row in c.execute(query))

    # corrections

    def add_correction(self, recording_id: str, kind: str, values: Json, user_id: str) -> CorrectionRecord:
        with self._db.write() as c:
            self._db.alone(c, recording_id)
            last = c.scalar(sa.select(sa.func.max(corrections.c.sequence)).where(corrections.c.recording_id == recording_id)) or 0
            record = CorrectionRecord(new_id(), recording_id, last + 1, kind, values, user_id, now(), None)
            c.execute(sa.insert(corrections).values(**_values(record)))
            return record

    def corrections(self, recording_id: str, reverted: bool = False) -> tuple[CorrectionRecord, ...]:
        """In the order in which they were made; those that were taken back only when asked for."""
        query = sa.select(corrections).where(corrections.c.recording_id == recording_id).order_by(corrections.c.sequence)
        if not reverted:
            query = query.where(corrections.c.reverted_at.is_(None))
        with self._db.read() as c:
            return tuple(as_record(CorrectionRecord, row) for row in c.execute(query))

    def revert_correction(self, recording_id: str, correction_id: str) -> None:
        where = sa.and_(corrections.c.id == correction_id, corrections.c.recording_id == recording_id)
        with self._db.write() as c:
            if not c.execute(sa.update(corrections).where(where).values(reverted_at=now())).rowcount:
                raise NotFound("this recording has no such correction")

    # stems

    def put_stems(
        self, records: Sequence[StemRecord], replace_origin: str | None = None, replace_roles: Sequence[str] | None = None
    ) -> None:
        """Insert what is not there yet. `replace_origin`: the recording's other stems of that origin (and of `replace_roles`) go."""
        with self._db.write() as c:
            for recording_id in sorted({r.recording_id for r in records}):
                self._db.alone(c, recording_id)
            if records and replace_origin:
                old = sa.and_(stems.c.recording_id == records[0].recording_id, stems.c.origin == replace_origin)
                old = old if replace_roles is None else sa.and_(old, stems.c.role.in_(replace_roles))
                c.execute(sa.delete(stems).where(old, stems.c.id.not_in([r.id for r in records])))
            there = set(c.scalars(sa.select(stems.c.id).where(stems.c.id.in_([r.id for r in records]))))
            fresh = [_values(r) for r in records if r.id not in there]
            if fresh:
                c.execute(sa.insert(stems), fresh)

    def stem(self, stem_id: str) -> StemRecord:
        with self._db.read() as c:
            row = c.execute(sa.select(stems).where(stems.c.id == stem_id)).first()
        if row is None:
            raise NotFound("there is no such stem: it may have been deleted")
        return as_record(StemRecord, row)

    def stems_of(self, recording_id: str | None = None, generation_id: str | None = None) -> tuple[StemRecord, ...]:
        query = sa.select(stems).order_by(stems.c.origin.desc(), stems.c.created_at, stems.c.name)
        query = query.where(stems.c.recording_id == recording_id) if recording_id else query
        query = query.where(stems.c.generation_id == generation_id) if generation_id else query
        with self._db.read() as c:
            return tuple(as_record(StemRecord, row) for row in c.execute(query))

    def stem_page(self, query: StemQuery, scope: Scope, limit: int, after: str | None = None) -> Page[StemRecord]:
        """Newest first, of recordings that are not in the trash."""
        where = _seen(scope)
        for column, value in ((stems.c.role, query.role), (stems.c.origin, query.origin), (stems.c.recording_id, query.recording_id)):
            where += [column == value] if value else []
        where += [stems.c.key_index.in_([k.index for k in query.keys])] if query.keys else []
        where += [] if query.tempo_from_bpm is None else [stems.c.tempo_bpm >= query.tempo_from_bpm]
        where += [] if query.tempo_to_bpm is None else [stems.c.tempo_bpm <= query.tempo_to_bpm]
        if after:
            moment, last_id = read_time_cursor(after)
            at = sa.type_coerce(stems.c.created_at, sa.Double)
            where.append(sa.or_(at < moment, sa.and_(at == moment, stems.c.id < last_id)))
        statement = sa.select(stems).join(recordings, recordings.c.id == stems.c.recording_id).where(*where)
        with self._db.read() as c:
            rows = c.execute(statement.order_by(stems.c.created_at.desc(), stems.c.id.desc()).limit(limit + 1)).all()
        more = cursor(rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
        return Page(tuple(as_record(StemRecord, r) for r in rows[:limit]), more)

    def stem_counts(self, scope: Scope) -> tuple[StemCount, ...]:
        """By role and origin, of recordings that are not in the trash."""
        query = sa.select(stems.c.role, stems.c.origin, sa.func.count(), sa.func.sum(stems.c.size_bytes))
        joined = query.join(recordings, recordings.c.id == stems.c.recording_id).where(*_seen(scope))
        with self._db.read() as c:
            rows = c.execute(joined.group_by(stems.c.role, stems.c.origin)).all()
        return tuple(StemCount(role, origin, int(count), int(size)) for role, origin, count, size in rows)

    def roles_of(self, recording_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Roles of the stems of each recording that has any, those it was taken apart into first."""
        whole = stems.c.origin.not_in(("excerpt", "part"))
        query = sa.select(stems.c.recording_id, stems.c.role).where(stems.c.recording_id.in_(recording_ids), whole)
        found: dict[str, list[str]] = {}
        with self._db.read() as c:
            for recording_id, role in c.execute(query.order_by(stems.c.origin.desc(), stems.c.created_at, stems.c.name)):
                found.setdefault(recording_id, []).append(role)
        return {recording_id: tuple(roles) for recording_id, roles in found.items()}

    def set_peaks(self, stem_id: str, peaks_key: str) -> None:
        with self._db.write() as c:
            c.execute(sa.update(stems).where(stems.c.id == stem_id).values(peaks_key=peaks_key))

    def delete_stem(self, stem_id: str) -> None:
        with self._db.write() as c:
            c.execute(sa.delete(stems).where(stems.c.id == stem_id))

    # generations

    def add_generations(self, records: Sequence[GenerationRecord]) -> None:
        with self._db.write() as c:
            c.execute(sa.insert(generations), [_values(r) for r in records])

    def set_generation_jobs(self, jobs_of: dict[str, str]) -> None:
        """Generations by id, each with the id of the job that makes it."""
        with self._db.write() as c:
            for generation_id, job_id in jobs_of.items():
                c.execute(sa.update(generations).where(generations.c.id == generation_id).values(job_id=job_id))

    def generation(self, generation_id: str) -> GenerationRecord:
        with self._db.read() as c:
            row = c.execute(sa.select(generations).where(generations.c.id == generation_id)).first()
        if row is None:
            raise NotFound("there is no such generation: it may have been deleted")
        return as_record(GenerationRecord, row)

    def generation_page(self, wanted: GenerationQuery, skip: int, take: int) -> tuple[GenerationRecord, ...]:
        """Newest first, by offset: the paging of the replaced API."""
        query = sa.select(generations).order_by(generations.c.created_at.desc(), generations.c.id)
        query = query.where(generations.c.owner_id == wanted.owner_id) if wanted.owner_id else query
        query = query.where(generations.c.recording_id == wanted.recording_id) if wanted.recording_id else query
        if wanted.scope is not None and not wanted.scope.everything:
            query = query.join(recordings, recordings.c.id == generations.c.recording_id).where(_visible(wanted.scope))
        if wanted.job_state:
            query = query.join(jobs, jobs.c.id == generations.c.job_id).where(jobs.c.state == wanted.job_state)
        with self._db.read() as c:
            return tuple(as_record(GenerationRecord, r) for r in c.execute(query.offset(skip).limit(take)))

    def delete_generations(self, generation_ids: Sequence[str]) -> None:
        """Their stems go with them."""
        with self._db.write() as c:
            c.execute(sa.delete(generations).where(generations.c.id.in_(list(generation_ids))))

    # mixes and exports

    def add_mix(self, record: MixRecord) -> None:
        with self._db.write() as c:
            c.execute(sa.insert(mixes).values(**_values(record)))

    def update_mix(self, mix_id: str, **values: Any) -> None:
        with self._db.write() as c:
            c.execute(sa.update(mixes).where(mixes.c.id == mix_id).values(**values))

    def mix(self, mix_id: str) -> MixRecord:
        with self._db.read() as c:
            row = c.execute(sa.select(mixes).where(mixes.c.id == mix_id)).first()
        if row is None:
            raise NotFound("there is no such mix: it may have been deleted")
        return as_record(MixRecord, row)

    def mixes(self, recording_id: str) -> tuple[MixRecord, ...]:
        query = sa.select(mixes).where(mixes.c.recording_id == recording_id).order_by(mixes.c.created_at.desc())
        with self._db.read() as c:
            return tuple(as_record(MixRecord, row) for row in c.execute(query))

    def delete_mix(self, mix_id: str) -> None:
        with self._db.write() as c:
            c.execute(sa.delete(mixes).where(mixes.c.id == mix_id))


def _values(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__slots__}


def _seen(scope: Scope) -> list[sa.ColumnElement[bool]]:
    """Recordings outside the trash that may be seen."""
    kept: list[sa.ColumnElement[bool]] = [recordings.c.trashed_at.is_(None)]
    return kept if scope.everything else [*kept, _visible(scope)]


def _visible(scope: Scope) -> sa.ColumnElement[bool]:
    return sa.or_(recordings.c.owner_id == scope.user_id, recordings.c.id.in_(shared_ids(scope.user_id)))
