"""Shapes of the replaced API: camelCase, closed enums, durations as hh:mm:ss.fffffff."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from sideman.app.library.jobs import ANALYSIS
from sideman.app.library.queries import RecordingRecord, StemRecord
from sideman.core.music import Key, MusicAnalysis, to_jams
from sideman.faces.rest.shapes import Ident, Number, Shape, Text

AudioStatus = Literal["Uploaded", "Analyzing", "Analyzed", "Failed"]
JobStatus = Literal["Pending", "Running", "Completed", "Failed", "Cancelled"]
JobType = Literal["Analysis", "Generation"]
StemType = Literal["Vocals", "Drums", "Bass", "Guitar", "Piano", "Synth", "Strings", "Other"]
AUDIO_STATUS: dict[str, AudioStatus] = {"uploaded": "Uploaded", "analyzing": "Analyzing", "analyzed": "Analyzed", "failed": "Failed"}
STATUS_OF: dict[str, JobStatus] = {
    "queued": "Pending", "running": "Running", "completed": "Completed", "failed": "Failed", "cancelled": "Cancelled",
}  # fmt: skip
STATE_OF = {v: k for k, v in STATUS_OF.items()}
STEM_TYPES: dict[str, StemType] = {
    "vocals": "Vocals", "drums": "Drums", "bass": "Bass", "guitar": "Guitar", "piano": "Piano", "pad": "Synth", "strings": "Strings",
}  # fmt: skip


def time_span(seconds: float) -> str:
    """`hh:mm:ss.fffffff`."""
    ticks = round(seconds * 10_000_000)
    whole, part = divmod(ticks, 10_000_000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{part:07d}"


class AudioFile(Shape):
    id: str
    original_file_name: str
    size_bytes: int
    blob_uri: str
    duration: str
    format: str
    uploaded_at: datetime
    status: AudioStatus
    user_id: str | None = None

    @classmethod
    def of(cls, r: RecordingRecord, uri: str) -> AudioFile:
        return cls(
            id=r.id, original_file_name=r.file_name, size_bytes=r.size_bytes, blob_uri=uri, duration=time_span(r.duration_s),
            format=r.container, uploaded_at=r.added_at, status=AUDIO_STATUS[r.status], user_id=r.owner_id,
        )  # fmt: skip


class AnalyzeAnswer(Shape):
    message: str
    audio_file_id: str
    job_id: str


class SectionRow(Shape):
    start_time: float
    end_time: float
    label: str


class ChordRow(Shape):
    start_time: float
    end_time: float
    chord: str
    confidence: float


class BeatRow(Shape):
    time: float
    position: int


class AnalysisResult(Shape):
    id: str
    audio_file_id: str
    status: JobStatus
    bpm: float | None = None
    key: str | None = None
    time_signature: str | None = None
    tuning: float | None = None
    jams_data: str | None = None
    analyzed_at: datetime | None = None
    created_at: datetime
    sections: list[SectionRow] = []
    chords: list[ChordRow] = []
    beats: list[BeatRow] = []

    @classmethod
    def of(cls, analysis_id: str, recording_id: str, created_at: datetime, a: MusicAnalysis) -> AnalysisResult:
        grid = a.grid.value if a.grid else None
        return cls(
            id=analysis_id, audio_file_id=recording_id, status="Completed", bpm=grid.tempo_bpm if grid else None,
            key=str(a.key.value) if a.key else None, time_signature=str(grid.meter) if grid else None,
            tuning=a.tuning_hz.value if a.tuning_hz else None, jams_data=json.dumps(to_jams(a)), analyzed_at=created_at, created_at=created_at,
            sections=[SectionRow(start_time=s.start_s, end_time=s.end_s, label=s.label) for s in (a.sections.value if a.sections else ())],
            chords=[
                ChordRow(start_time=c.start_s, end_time=c.end_s, chord=str(c.chord), confidence=c.confidence)
                for c in (a.chords.value if a.chords else ())
            ],
            beats=[BeatRow(time=t, position=p) for t, p in zip(grid.times_s, grid.positions, strict=True)] if grid else [],
        )  # fmt: skip


class GenerationParameters(Shape):
    """All of them act; a temperature is taken between 0 and 2."""

    target_bpm: Annotated[float | None, Field(gt=0, le=1000, allow_inf_nan=False)] = None
    duration_seconds: Annotated[float | None, Field(gt=0, le=86_400, allow_inf_nan=False)] = None
    style: Text | None = None
    chord_progression: list[Text] | None = Field(None, max_length=500)
    prompt: Annotated[str | None, Field(max_length=2000, pattern=r"^[^\x00]*$")] = None
    temperature: Number | None = None
    random_seed: int | None = Field(None, ge=0, le=2**31 - 1)


class CreateGenerationRequest(Shape):
    audio_file_id: Ident
    target_stems: list[StemType] = Field(min_length=1, max_length=16)
    parameters: GenerationParameters | None = None


class GenerationRequest(Shape):
    """parameters is a string that holds JSON."""

    id: str
    audio_file_id: str
    target_stems: list[str]
    parameters: str
    status: JobStatus
    created_at: datetime
    completed_at: datetime | None = None


class GeneratedStem(Shape):
    """stemType is one of the replaced system's; metadata.role is Sideman's own. generationRequestId is null for a separated stem."""

    id: str
    audio_file_id: str
    generation_request_id: str | None
    stem_type: StemType
    blob_path: str
    file_size_bytes: int
    duration_seconds: float | None = None
    metadata: dict[str, Any] | None = None
    created_at: datetime

    @classmethod
    def of(cls, s: StemRecord, path: str) -> GeneratedStem:
        shown: dict[str, Any] = {"role": s.role, "origin": s.origin, "bpm": s.tempo_bpm, "score": s.score, "verdict": s.verdict}
        shown["key"] = str(Key.from_index(s.key_index)) if s.key_index is not None else None
        return cls(
            id=s.id, audio_file_id=s.recording_id, generation_request_id=s.generation_id, stem_type=STEM_TYPES.get(s.role, "Other"),
            blob_path=path, file_size_bytes=s.size_bytes, duration_seconds=s.duration_s, metadata=shown, created_at=s.created_at,
        )  # fmt: skip


class StemStatistics(Shape):
    total_stems: int
    total_size_bytes: int
    stems_by_type: dict[str, int]


class Job(Shape):
    """entityId is the recording of an analysis, the generation of a generation. progress, etaSeconds and attempt are ours."""

    id: str
    job_type: JobType
    status: JobStatus
    error_message: str | None = None
    created_at: datetime
    completed_at: datetime | None = None
    entity_id: str | None = None
    progress: float
    current_step: str
    eta_seconds: float | None = None
    attempt: int

    @classmethod
    def of(cls, view: Any) -> Job:
        j = view.job
        return cls(
            id=j.id, job_type="Analysis" if j.kind == ANALYSIS else "Generation", status=STATUS_OF[j.state], error_message=j.error,
            created_at=j.created_at, completed_at=j.finished_at, entity_id=j.recording_id if j.kind == ANALYSIS else j.entity_id,
            progress=round(100 * j.share, 1), current_step=j.step, eta_seconds=view.eta_s, attempt=j.attempt,
        )  # fmt: skip


class JobStatistics(Shape):
    total_jobs: int
    pending_jobs: int
    running_jobs: int
    completed_jobs: int
    failed_jobs: int
    cancelled_jobs: int
    analysis_jobs: int
    generation_jobs: int
    average_completion_time_seconds: float


class MetadataChange(Shape):
    title: Text | None = None
    artist: Text | None = None
    album: Text | None = None
    tags: list[Text] | None = Field(None, max_length=50)


class Insights(Shape):
    """Suggestions for a generation, read from the analysis."""

    audio_file_id: str
    suggested_bpm: float | None
    suggested_key: str | None
    suggested_style: str | None
    suggested_stems: list[StemType]
    time_signature: str | None
    duration_seconds: float
