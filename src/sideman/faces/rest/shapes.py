"""What the REST face takes and gives: camelCase JSON, units in the names, times in UTC."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from sideman.app.library.batches import BatchItem
from sideman.app.library.jobs import JobView
from sideman.core.music import Key, MusicAnalysis

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=300)]
"""PostgreSQL keeps no NUL character."""
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", min_length=1, max_length=100)]
Ident = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F-]{36}$")]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class KeyShape(Shape):
    """name as `A minor`, camelot as `8A`."""

    name: str
    camelot: str

    @classmethod
    def of(cls, index: int | None) -> KeyShape | None:
        return None if index is None else cls(name=str(Key.from_index(index)), camelot=Key.from_index(index).camelot)


class RecordingShape(Shape):
    id: str
    owner_id: str
    title: str
    artist: str
    album: str
    tags: list[str]
    file_name: str
    size_bytes: int
    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    duration_s: float
    status: Literal["uploaded", "analyzing", "analyzed", "failed"]
    tempo_bpm: float | None
    meter: str | None
    key: KeyShape | None = None
    artwork_url: str | None = None
    audio_url: str | None = None
    stem_roles: list[str] = []
    added_at: datetime
    updated_at: datetime
    trashed_at: datetime | None


class RecordingPage(Shape):
    """nextCursor: send it as `cursor` for the next page; null on the last one."""

    items: list[RecordingShape]
    next_cursor: str | None


class RecordingChange(Shape):
    """Fields that are left out stay as they are."""

    title: Text | None = None
    artist: Text | None = None
    album: Text | None = None
    tags: list[Text] | None = Field(None, max_length=50)


class StemShape(Shape):
    """origin: separated, part (of a stem), excerpt (of a preview), generated, fitted or imported. score, verdict and report: what the judge says of a generated or fitted stem."""

    id: str
    recording_id: str
    generation_id: str | None
    origin: Literal["separated", "part", "excerpt", "generated", "fitted", "imported"]
    role: str
    name: str
    size_bytes: int
    duration_s: float
    tempo_bpm: float | None
    key: KeyShape | None = None
    score: float | None
    verdict: str | None
    report: dict[str, Any] | None
    provenance: dict[str, Any]
    audio_url: str | None = None
    midi_url: str | None = None
    created_at: datetime


class StemPage(Shape):
    items: list[StemShape]
    next_cursor: str | None


class StemCountsShape(Shape):
    total: int
    size_bytes: int
    by_role: dict[str, int]
    by_origin: dict[str, int]


class TaskShape(Shape):
    name: str
    title: str
    share: float
    runs: int
    started_at: datetime | None
    finished_at: datetime | None


class JobShape(Shape):
    """share: 0..1 of the work. position: jobs before this one while it is queued. entityId: the generation, mix or export it makes."""

    id: str
    kind: str
    state: Literal["queued", "running", "completed", "failed", "cancelled"]
    share: float
    step: str
    eta_s: float | None = None
    position: int | None = None
    error: str | None
    owner_id: str
    recording_id: str | None
    entity_id: str | None
    urgency: Literal["interactive", "batch"]
    attempt: int
    retry_of: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    tasks: list[TaskShape] = []

    @classmethod
    def of(cls, view: JobView) -> JobShape:
        shape = cls.model_validate(view.job)
        shape.eta_s, shape.position = None if view.eta_s is None else round(view.eta_s, 1), view.position
        return shape


class JobPage(Shape):
    items: list[JobShape]
    next_cursor: str | None


class AnalyseRequest(Shape):
    """again: also when an equal analysis is there already. separate: also take the recording apart.

    engines: such as `beats=madmom,key=essentia,notes=basic-pitch`; of what they leave open the setting SIDEMAN_ANALYSIS of the server decides.
    """

    separate: bool = True
    again: bool = False
    engines: str | None = Field(default=None, max_length=200)


class LaneShape(Shape):
    """stemId null is the recording itself."""

    stem_id: Ident | None = None
    gain_db: float = Field(0.0, ge=-60, le=24, allow_inf_nan=False)
    pan: float = Field(0.0, ge=-1, le=1, allow_inf_nan=False)


class MixRequest(Shape):
    lanes: list[LaneShape] = Field(min_length=1, max_length=32)
    file_format: Literal["flac", "wav", "mp3"] = "flac"
    target_lufs: float = Field(-14.0, ge=-40, le=-5, allow_inf_nan=False)
    again: bool = False


class ExportRequest(Shape):
    """tempoBpm: an even tempo of this many beats a minute; evenTempo alone: the song's own. project: a DAWproject in place of a ZIP."""

    project: bool = False
    even_tempo: bool = False
    tempo_bpm: float | None = Field(default=None, ge=5, le=999, allow_inf_nan=False)
    again: bool = False


class MixShape(Shape):
    """downloadUrl is there once the job is done."""

    id: str
    recording_id: str
    kind: Literal["mix", "export"]
    file_name: str
    job_id: str | None
    size_bytes: int | None
    integrated_lufs: float | None
    download_url: str | None = None
    created_at: datetime


class Search(Shape):
    """A saved search: what the list of recordings takes, as a value."""

    q: Text = ""
    tag: Text = ""
    status: Text = ""
    key: Text = ""
    compatible: bool = False
    meter: Text = ""
    tempo_from: Number | None = None
    tempo_to: Number | None = None
    collection: Ident | None = None


class BatchTarget(Shape):
    """The recordings of a batch, by their ids or by a search; one of the two."""

    recording_ids: list[Ident] = Field(default=[], max_length=10_000)
    search: Search | None = None


class BatchAnalyse(BatchTarget):
    again: bool = False


class BatchGenerate(BatchTarget):
    roles: list[Name] = Field(max_length=16)
    style: Name | None = None
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    prompt: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] = ""
    temperature: float = Field(1.0, ge=0, le=2, allow_inf_nan=False)
    energy: int = Field(0, ge=-3, le=3)


class BatchTag(BatchTarget):
    add: list[Text] = Field(default=[], max_length=50)
    remove: list[Text] = Field(default=[], max_length=50)


class BatchItemShape(Shape):
    recording_id: str
    job_id: str | None
    error: str | None


class BatchShape(Shape):
    """What came of each recording: a job or done, or the sentence that says why not."""

    succeeded: int
    failed: int
    items: list[BatchItemShape]

    @classmethod
    def of(cls, items: tuple[BatchItem, ...]) -> BatchShape:
        rows = [BatchItemShape(recording_id=i.recording_id, job_id=i.job.id if i.job else None, error=i.error) for i in items]
        return cls(succeeded=sum(i.error is None for i in items), failed=sum(i.error is not None for i in items), items=rows)


Scalar = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=300)] | Number | bool | None


class CorrectionRequest(Shape):
    """kind with its values: halve-tempo, double-tempo; move-bar-one {beats}; set-tempo {tempo_bpm, downbeat_s, meter}; take-alternative {relation, tempo_bpm, meter};
    set-meter {meter, bar}; move-beat {from_s, to_s}; add-beat, remove-beat {time_s}; set-key {key, start_s, end_s}; set-chord {start_s, end_s, chord};
    set-section {start_s, end_s, label}; and whole lists: set-beats, set-keys, set-chords, set-sections."""

    kind: Name
    values: dict[Name, Scalar | Annotated[list[Scalar | Annotated[list[Scalar], Field(max_length=4)]], Field(max_length=100_000)]] = {}


class CorrectionShape(Shape):
    id: str
    kind: str
    values: dict[str, Any]
    user_id: str
    created_at: datetime
    reverted_at: datetime | None


class ProvenanceShape(Shape):
    engine: str
    version: str
    confidence: float


class NotesShape(Shape):
    """notes: [start, end, MIDI number, velocity]."""

    role: str
    engine: str
    notes: list[tuple[float, float, int, int]]


class TimelineShape(Shape):
    """beats: [seconds, place in the bar]. tempo: [seconds, bpm]. chords: [start, end, Harte label, confidence]. keys, sections alike.

    otherReadings: [relation, bpm, meter, probability]; those of `readingsWithBeats` can be taken by the correction take-alternative.
    sectionNames: [start, guess, confidence], where there is a ground for one. lyrics: [start, end, line].
    """

    duration_s: float
    tempo_bpm: float | None
    meter: str | None
    key: KeyShape | None
    beats: list[tuple[float, int]]
    tempo: list[tuple[float, float]]
    chords: list[tuple[float, float, str, float]]
    keys: list[tuple[float, float, str]]
    sections: list[tuple[float, float, str, float]]
    tuning_hz: float | None
    integrated_lufs: float | None
    true_peak_dbtp: float | None
    other_readings: list[tuple[str, float, str, float]]
    readings_with_beats: list[str]
    section_names: list[tuple[float, str, float]]
    lyrics: list[tuple[float, float, str]]
    notes: list[NotesShape]
    remarks: list[str]
    provenance: dict[str, ProvenanceShape]

    @classmethod
    def of(cls, a: MusicAnalysis) -> TimelineShape:
        grid = a.grid.value if a.grid else None
        loud = a.loudness.value if a.loudness else None
        said = {"grid": a.grid, "key": a.key, "chords": a.chords, "sections": a.sections, "tuning": a.tuning_hz, "loudness": a.loudness}
        return cls(
            duration_s=a.duration_s, tempo_bpm=grid.tempo_bpm if grid else None, meter=str(grid.meter) if grid else None,
            key=KeyShape.of(a.key.value.index) if a.key else None,
            beats=list(zip(grid.times_s, grid.positions, strict=True)) if grid else [],
            tempo=[(p.time_s, p.tempo_bpm) for p in grid.tempo_curve()] if grid else [],
            chords=[(c.start_s, c.end_s, str(c.chord), c.confidence) for c in (a.chords.value if a.chords else ())],
            keys=[(k.start_s, k.end_s, str(k.key)) for k in (a.key_spans.value if a.key_spans else ())],
            sections=[(s.start_s, s.end_s, s.label, s.energy) for s in (a.sections.value if a.sections else ())],
            tuning_hz=a.tuning_hz.value if a.tuning_hz else None, integrated_lufs=_finite(loud.integrated_lufs) if loud else None,
            true_peak_dbtp=_finite(loud.true_peak_dbtp) if loud else None,
            other_readings=[(r.relation, r.tempo_bpm, str(r.meter), r.probability) for r in a.other_readings],
            readings_with_beats=list(dict.fromkeys(r.relation for r in a.alternatives if r.grid is not None)),
            section_names=[(s.start_s, s.name, s.name_confidence) for s in (a.sections.value if a.sections else ()) if s.name],
            lyrics=[(x.start_s, x.end_s, x.text) for x in (a.lyrics.value if a.lyrics else ())],
            notes=[
                NotesShape(role=n.value.role.value, engine=n.provenance.engine, notes=[(x.start_s, x.end_s, x.pitch, x.velocity) for x in n.value.notes])
                for n in a.notes
            ],
            remarks=list(a.remarks),
            provenance={
                name: ProvenanceShape(engine=x.provenance.engine, version=x.provenance.version, confidence=x.confidence)
                for name, x in said.items() if x is not None
            },
        )  # fmt: skip


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None


class AnalysisVersionShape(Shape):
    id: str
    version: int
    engine: str
    parameters: dict[str, Any]
    job_id: str | None
    created_at: datetime


class AudioShape(Shape):
    """How a player reads a lane: chunks 0 .. chunks - 1 of chunkFrames frames each."""

    frames: int
    sample_rate_hz: int
    channels: int
    chunk_frames: int
    chunks: int


class HealthShape(Shape):
    status: Literal["healthy", "unhealthy"]
    version: str
    database: str
    workers: int


class VerifiedShape(Shape):
    """damaged: bytes that no longer have the hash in their name. missing: used and not there. unused: used by nothing."""

    blobs: int
    size_bytes: int
    damaged: list[str]
    missing: list[str]
    unused: int
    unused_bytes: int
