"""A client of the API that Sideman replaces, written from a description of that API alone, not from Sideman's code.

Every answer is read strictly: status code, media type, required fields, ids, times, durations and enum values.
"""
# ruff: noqa: N815 - the fields have their names on the wire

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, get_type_hints
from uuid import UUID

import httpx

_DURATION = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{7})")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class FileStatus(StrEnum):
    UPLOADED = "Uploaded"
    ANALYZING = "Analyzing"
    ANALYZED = "Analyzed"
    FAILED = "Failed"


class WorkStatus(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def over(self) -> bool:
        return self in (WorkStatus.COMPLETED, WorkStatus.FAILED, WorkStatus.CANCELLED)


class JobType(StrEnum):
    ANALYSIS = "Analysis"
    GENERATION = "Generation"


class Shape:
    """A JSON object; a field with a default may be missing or null, any other must be there."""

    @classmethod
    def read(cls, value: Any) -> Self:
        assert isinstance(value, dict), f"{cls.__name__}: {value!r} is no object"
        hints = get_type_hints(cls)
        found = {}
        for field in fields(cls):  # type: ignore[arg-type]
            given = value.get(field.name)
            if given is None:
                assert field.default is not MISSING, f"{cls.__name__}.{field.name} is missing in {value}"
                continue
            found[field.name] = _read_field(hints[field.name], given, f"{cls.__name__}.{field.name}")
        return cls(**found)


@dataclass(frozen=True)
class AudioFile(Shape):
    id: UUID
    originalFileName: str
    sizeBytes: int
    blobUri: str
    duration: timedelta
    format: str
    uploadedAt: datetime
    status: FileStatus
    userId: str | None = None


@dataclass(frozen=True)
class AnalysisResult(Shape):
    id: UUID
    audioFileId: UUID
    status: str
    sections: list
    chords: list
    beats: list
    createdAt: datetime
    bpm: float | None = None
    key: str | None = None
    timeSignature: str | None = None
    tuning: float | None = None
    jamsData: str | None = None
    analyzedAt: datetime | None = None


@dataclass(frozen=True)
class GenerationRequest(Shape):
    id: UUID
    audioFileId: UUID
    targetStems: list
    parameters: str
    status: WorkStatus
    createdAt: datetime
    completedAt: datetime | None = None


@dataclass(frozen=True)
class GeneratedStem(Shape):
    id: UUID
    generationRequestId: UUID
    stemType: str
    blobPath: str
    fileSizeBytes: int
    createdAt: datetime
    durationSeconds: float | None = None


@dataclass(frozen=True)
class Stem(Shape):
    """The description names no fields of it but what every entity has."""

    id: UUID


@dataclass(frozen=True)
class Job(Shape):
    id: UUID
    jobType: JobType
    status: WorkStatus
    createdAt: datetime
    errorMessage: str | None = None
    completedAt: datetime | None = None


@dataclass(frozen=True)
class JobStatistics(Shape):
    totalJobs: int
    pendingJobs: int
    runningJobs: int
    completedJobs: int
    failedJobs: int
    cancelledJobs: int
    analysisJobs: int
    generationJobs: int
    averageCompletionTimeSeconds: float  # also before the first job is over


@dataclass(frozen=True)
class Refusal:
    """An answer of application/problem+json."""

    status: int
    title: str
    detail: str


class ReplacedClient:
    def __init__(self, base_url: str) -> None:
        self.http = httpx.Client(base_url=base_url, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    # audio

    def upload(self, path: Path, media_type: str = "audio/flac", name: str | None = None) -> AudioFile:
        answer = self.http.post("/api/audio/upload", files={"file": (name or path.name, path.read_bytes(), media_type)})
        made = AudioFile.read(_json(answer, 201))
        self._expect_location(answer, f"/api/audio/{made.id}")
        return made

    def audio_files(self, skip: int | None = None, take: int | None = None) -> list[AudioFile]:
        return self._list(AudioFile, "/api/audio", skip=skip, take=take)

    def audio_file(self, entity: UUID) -> AudioFile:
        return AudioFile.read(self._get(f"/api/audio/{entity}"))

    def analyze(self, entity: UUID) -> UUID:
        """Returns the id of the job."""
        answer = _json(self.http.post(f"/api/audio/{entity}/analyze"), 202)
        assert isinstance(answer["message"], str) and answer["message"]
        assert _uuid(answer["audioFileId"]) == entity
        return _uuid(answer["jobId"])

    def analysis(self, entity: UUID) -> AnalysisResult:
        return AnalysisResult.read(self._get(f"/api/audio/{entity}/analysis"))

    def jams(self, entity: UUID) -> dict:
        return self._get(f"/api/audio/{entity}/jams")

    def stems_of_audio(self, entity: UUID) -> list[Stem]:
        return self._list(Stem, f"/api/audio/{entity}/stems")

    def delete_audio(self, entity: UUID) -> None:
        self._delete(f"/api/audio/{entity}")

    def download_audio(self, entity: UUID) -> httpx.Response:
        return self._file(f"/api/audio/{entity}/download", "audio/")

    def artwork(self, entity: UUID) -> httpx.Response:
        return self._file(f"/api/audio/{entity}/artwork", "image/")

    def put_metadata(self, entity: UUID, metadata: dict) -> httpx.Response:
        return self.http.put(f"/api/audio/{entity}/metadata", json=metadata)

    def insights(self, entity: UUID) -> dict:
        return self._get(f"/api/audio/{entity}/insights")

    # stems

    def stems(self, path: str, **query: object) -> list[Stem]:
        """`path` is audio/ID, type/NAME, key/NAME or bpm."""
        return self._list(Stem, f"/api/stems/{path}", **query)

    def stem(self, entity: UUID) -> dict:
        return self._get(f"/api/stems/{entity}")

    def stem_statistics(self) -> dict:
        return self._get("/api/stems/statistics")

    def download_stem(self, entity: UUID) -> httpx.Response:
        return self._file(f"/api/stems/{entity}/download", "audio/")

    def delete_stem(self, entity: UUID) -> None:
        self._delete(f"/api/stems/{entity}")

    # jobs

    def jobs(self, **query: object) -> list[Job]:
        return self._list(Job, "/api/jobs", **query)

    def job(self, entity: UUID) -> Job:
        return Job.read(self._get(f"/api/jobs/{entity}"))

    def jobs_of(self, entity: UUID) -> list[Job]:
        return self._list(Job, f"/api/jobs/entity/{entity}")

    def job_statistics(self) -> JobStatistics:
        return JobStatistics.read(self._get("/api/jobs/stats"))

    def cancel_job(self, entity: UUID) -> Job:
        return Job.read(_json(self.http.post(f"/api/jobs/{entity}/cancel"), 200))

    def retry_job(self, entity: UUID) -> Job:
        return Job.read(_json(self.http.post(f"/api/jobs/{entity}/retry"), 200))

    def delete_job(self, entity: UUID) -> None:
        self._delete(f"/api/jobs/{entity}")

    def wait_for_job(self, entity: UUID, timeout_s: float = 180) -> Job:
        return _wait(lambda: self.job(entity), timeout_s)

    # generation

    def generate(self, audio_file: UUID, stems: Sequence[str], parameters: dict) -> GenerationRequest:
        body = {"audioFileId": str(audio_file), "targetStems": list(stems), "parameters": parameters}
        answer = self.http.post("/api/generation", json=body)
        made = GenerationRequest.read(_json(answer, 201))
        self._expect_location(answer, f"/api/generation/{made.id}")
        return made

    def generations(self, **query: object) -> list[GenerationRequest]:
        return self._list(GenerationRequest, "/api/generation", **query)

    def generation(self, entity: UUID) -> GenerationRequest:
        return GenerationRequest.read(self._get(f"/api/generation/{entity}"))

    def generations_of(self, audio_file: UUID) -> list[GenerationRequest]:
        return self._list(GenerationRequest, f"/api/generation/audio/{audio_file}")

    def generated_stems(self, entity: UUID) -> list[GeneratedStem]:
        return self._list(GeneratedStem, f"/api/generation/{entity}/stems")

    def download_generated(self, stem: UUID) -> httpx.Response:
        return self._file(f"/api/generation/stems/{stem}/download", "audio/")

    def cancel_generation(self, entity: UUID) -> GenerationRequest:
        return GenerationRequest.read(_json(self.http.post(f"/api/generation/{entity}/cancel"), 200))

    def delete_generation(self, entity: UUID) -> None:
        self._delete(f"/api/generation/{entity}")

    def wait_for_generation(self, entity: UUID, timeout_s: float = 180) -> GenerationRequest:
        return _wait(lambda: self.generation(entity), timeout_s)

    # system

    def health(self) -> None:
        assert self.http.get("/health").status_code == 200

    def refusal(self, method: str, path: str, **request: Any) -> Refusal:
        """What the server says to a request that it must refuse."""
        answer = self.http.request(method, path, **request)
        assert 400 <= answer.status_code < 500, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        assert answer.headers["content-type"].split(";")[0] == "application/problem+json", f"{method} {path}: {answer.text[:300]}"
        said = answer.json()
        assert said["status"] == answer.status_code
        assert isinstance(said["title"], str) and said["title"]
        assert isinstance(said["detail"], str) and said["detail"]
        return Refusal(answer.status_code, said["title"], said["detail"])

    def _get(self, path: str, **query: object) -> Any:
        return _json(self.http.get(path, params={name: value for name, value in query.items() if value is not None}), 200)

    def _list(self, shape: type[Shape], path: str, **query: object) -> list:
        answer = self._get(path, **query)
        assert isinstance(answer, list), f"{path}: {answer!r} is no list"
        return [shape.read(item) for item in answer]

    def _delete(self, path: str) -> None:
        answer = self.http.delete(path)
        assert (answer.status_code, answer.content) == (204, b""), f"{path}: {answer.status_code} {answer.text[:300]}"

    def _file(self, path: str, media_type: str) -> httpx.Response:
        answer = self.http.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        assert answer.headers["content-type"].startswith(media_type), answer.headers
        assert answer.content
        return answer

    def _expect_location(self, answer: httpx.Response, path: str) -> None:
        """An absolute address or a path; it leads to the thing that was made."""
        target = self.http.base_url.join(answer.headers["location"])
        assert target == self.http.base_url.join(path)
        assert self.http.get(target).status_code == 200


def newest_first(times: Iterable[datetime]) -> bool:
    listed = list(times)
    return listed == sorted(listed, reverse=True)


def _wait(look: Callable[[], Any], timeout_s: float) -> Any:
    end = time.monotonic() + timeout_s
    while not (found := look()).status.over:
        assert time.monotonic() < end, f"{found} is not over after {timeout_s} s"
        time.sleep(0.1)
    return found


def _json(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}"
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    return answer.json()


def _uuid(value: Any) -> UUID:
    assert isinstance(value, str) and _UUID.fullmatch(value), f"{value!r} is no UUID"
    return UUID(value)


def _read_field(hint: Any, value: Any, where: str) -> Any:
    kind = next((part for part in getattr(hint, "__args__", ()) if part is not type(None)), hint)
    if kind is UUID:
        return _uuid(value)
    if kind is datetime:
        assert isinstance(value, str) and _TIME.fullmatch(value), f"{where}: {value!r} is no ISO 8601 time in UTC"
        return datetime.fromisoformat(value).astimezone(UTC)
    if kind is timedelta:
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        assert found, f"{where}: {value!r} is no hh:mm:ss.fffffff"
        hours, minutes, seconds, ticks = (int(part) for part in found.groups())
        return timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=ticks / 10)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        assert value in list(kind), f"{where}: {value!r} is none of {[str(member) for member in kind]}"
        return kind(value)
    allowed = (int, float) if kind is float else kind
    assert isinstance(value, allowed) and not isinstance(value, bool), f"{where}: {value!r} is no {kind.__name__}"
    return value
