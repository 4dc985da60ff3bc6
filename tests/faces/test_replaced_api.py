"""The desktop client of the system that Sideman replaces works against a real server; read only from that API's description."""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from replaced_client import (
    AnalysisResult,
    AudioFile,
    FileStatus,
    GeneratedStem,
    GenerationRequest,
    Job,
    JobStatistics,
    JobType,
    ReplacedClient,
    WorkStatus,
    newest_first,
)

from sideman.core.audio import Mp3Writer

UNKNOWN = uuid.UUID("3f2504e0-4f89-41d3-9a0c-0305e82c3301")
SOON = timedelta(minutes=5)
STEM_TYPES = ("Vocals", "Drums", "Bass", "Guitar", "Piano", "Synth", "Strings", "Other")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


@dataclass(frozen=True)
class Analyzed:
    file: AudioFile
    job: Job
    statistics_before: JobStatistics


@dataclass(frozen=True)
class Generated:
    request: GenerationRequest
    stem: GeneratedStem


@pytest.fixture(scope="module")
def client(server) -> Iterator[ReplacedClient]:
    with ReplacedClient(server.url) as made:
        yield made


@pytest.fixture(scope="module")
def analyzed(client: ReplacedClient, song_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Analyzed:
    before = client.job_statistics()
    samples, rate = soundfile.read(song_file)
    own = tmp_path_factory.mktemp("replaced") / "song.flac"  # softer than the song to which other tests on this server add stems
    soundfile.write(own, 0.9 * samples, rate)
    file = client.upload(own)
    job = client.wait_for_job(client.analyze(file.id))
    assert (job.status, job.errorMessage) == (WorkStatus.COMPLETED, None)
    return Analyzed(client.audio_file(file.id), job, before)


@pytest.fixture(scope="module")
def generated(client: ReplacedClient, analyzed: Analyzed) -> Generated:
    wish = {"durationSeconds": 10, "style": "rock", "targetBpm": 100, "temperature": 0.8, "randomSeed": 7, "prompt": "a walking bass"}
    request = client.generate(analyzed.file.id, ["Bass"], wish)
    assert request.status in (WorkStatus.PENDING, WorkStatus.RUNNING)
    done = client.wait_for_generation(request.id)
    assert done.status == WorkStatus.COMPLETED
    (stem,) = client.generated_stems(request.id)
    return Generated(done, stem)


@pytest.fixture(scope="module")
def short_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new tone of two seconds at every call, so that no two files are alike."""
    folder, made = tmp_path_factory.mktemp("tones"), iter(range(1000))

    def make() -> Path:
        number = next(made)
        path = folder / f"tone {number}.wav"
        tone = 0.3 * np.sin(2 * np.pi * (200 + 7 * number) * np.arange(2 * 22050) / 22050)
        soundfile.write(path, tone, 22050)
        return path

    return make


def test_health(client: ReplacedClient) -> None:
    client.health()


# upload, list, download, delete


def test_an_uploaded_file_is_described(client: ReplacedClient, short_file) -> None:
    path = short_file()
    file = client.upload(path, "audio/wav")
    assert (file.originalFileName, file.sizeBytes, file.status) == (path.name, path.stat().st_size, FileStatus.UPLOADED)
    assert file.duration == timedelta(seconds=2)
    assert file.format.lower() == "wav"
    assert file.blobUri
    assert abs(datetime.now(UTC) - file.uploadedAt) < SOON
    assert client.audio_file(file.id) == file
    assert client.download_audio(file.id).content == path.read_bytes()


def test_an_mp3_is_taken(client: ReplacedClient, song, tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with Mp3Writer(path, song.mixture.sample_rate_hz, song.mixture.samples.shape[0]) as writer:
        writer.write(song.mixture.samples[:, : 5 * song.mixture.sample_rate_hz])
    file = client.upload(path, "audio/mpeg")
    assert file.format.lower() == "mp3"
    assert abs(file.duration - timedelta(seconds=5)) < timedelta(seconds=0.2)


def test_the_list_is_newest_first_and_paged(client: ReplacedClient, short_file) -> None:
    ids = [client.upload(short_file(), "audio/wav").id for _ in range(3)][::-1]
    assert [file.id for file in client.audio_files(skip=0, take=3)] == ids
    assert [file.id for file in client.audio_files(skip=1, take=1)] == ids[1:2]
    everything = client.audio_files(take=100)
    assert newest_first(file.uploadedAt for file in everything)
    assert [file.id for file in client.audio_files()][:3] == ids
    assert client.audio_files(skip=10_000, take=10) == []


@pytest.mark.parametrize("query", ["take=-1", "take=0", "take=101", "skip=-1", "take=many"])
def test_a_page_outside_the_bounds_is_refused_or_held_to_them(client: ReplacedClient, query: str) -> None:
    answer = client.http.get(f"/api/audio?{query}")
    if answer.status_code == 200:
        assert len(answer.json()) <= 100
    else:
        assert client.refusal("GET", f"/api/audio?{query}").status in (400, 422)


def test_a_deleted_file_is_gone(client: ReplacedClient, short_file) -> None:
    file = client.upload(short_file(), "audio/wav")
    client.delete_audio(file.id)
    assert client.refusal("GET", f"/api/audio/{file.id}").status == 404
    assert client.refusal("GET", f"/api/audio/{file.id}/download").status == 404
    assert client.refusal("DELETE", f"/api/audio/{file.id}").status == 404
    assert file.id not in {other.id for other in client.audio_files(take=100)}


def test_what_is_no_music_is_refused(client: ReplacedClient) -> None:
    before = client.audio_files(take=100)
    refused = client.refusal("POST", "/api/audio/upload", files={"file": ("song.mp3", b"these are words\n" * 400, "audio/mpeg")})
    assert refused.status in (400, 415, 422)
    assert client.refusal("POST", "/api/audio/upload", files={"file": ("song.mp3", b"", "audio/mpeg")}).status in (400, 415, 422)
    assert client.refusal("POST", "/api/audio/upload", data={"other": "field"}).status in (400, 415, 422)
    assert client.audio_files(take=100) == before


# unknown ids


@pytest.mark.parametrize(
    "call",
    [
        "GET /api/audio/{}",
        "POST /api/audio/{}/analyze",
        "GET /api/audio/{}/analysis",
        "GET /api/audio/{}/jams",
        "GET /api/audio/{}/stems",
        "DELETE /api/audio/{}",
        "GET /api/audio/{}/download",
        "GET /api/audio/{}/artwork",
        "GET /api/audio/{}/insights",
        "GET /api/jobs/{}",
        "POST /api/jobs/{}/cancel",
        "POST /api/jobs/{}/retry",
        "DELETE /api/jobs/{}",
        "GET /api/generation/{}",
        "GET /api/generation/{}/stems",
        "POST /api/generation/{}/cancel",
        "DELETE /api/generation/{}",
        "GET /api/generation/stems/{}/download",
        "GET /api/stems/{}",
        "GET /api/stems/{}/download",
        "DELETE /api/stems/{}",
    ],
)
def test_an_unknown_id_is_not_found(client: ReplacedClient, call: str) -> None:
    method, path = call.split()
    assert client.refusal(method, path.format(UNKNOWN)).status == 404
    assert client.refusal(method, path.format("no-uuid")).status in (400, 404, 422)


def test_an_unknown_id_in_a_body_is_not_found(client: ReplacedClient) -> None:
    assert client.refusal("PUT", f"/api/audio/{UNKNOWN}/metadata", json={"title": "A"}).status == 404
    body = {"audioFileId": str(UNKNOWN), "targetStems": ["Bass"], "parameters": {}}
    assert client.refusal("POST", "/api/generation", json=body).status == 404


@pytest.mark.parametrize("path", ["/api/jobs/entity/{}", "/api/generation/audio/{}", "/api/stems/audio/{}"])
def test_what_belongs_to_an_unknown_id_is_nothing(client: ReplacedClient, path: str) -> None:
    answer = client.http.get(path.format(UNKNOWN))
    assert (answer.status_code == 200 and answer.json() == []) or client.refusal("GET", path.format(UNKNOWN)).status == 404


# analysis


def test_nothing_is_known_before_an_analysis(client: ReplacedClient, short_file) -> None:
    file = client.upload(short_file(), "audio/wav")
    assert client.refusal("GET", f"/api/audio/{file.id}/analysis").status == 404
    assert client.refusal("GET", f"/api/audio/{file.id}/jams").status == 404
    assert client.stems_of_audio(file.id) == []
    assert client.stems(f"audio/{file.id}") == []


def test_an_analysis_is_a_job_of_the_file(client: ReplacedClient, analyzed: Analyzed) -> None:
    assert analyzed.file.status == FileStatus.ANALYZED
    job = analyzed.job
    assert job.jobType == JobType.ANALYSIS
    assert job.completedAt and job.createdAt <= job.completedAt
    assert job in client.jobs_of(analyzed.file.id)
    assert job in client.jobs(type="Analysis", status="Completed", take=100)


def test_an_analysis_says_what_was_heard(client: ReplacedClient, analyzed: Analyzed, song) -> None:
    found: AnalysisResult = client.analysis(analyzed.file.id)
    assert found.audioFileId == analyzed.file.id
    assert found.status in (FileStatus.ANALYZED, WorkStatus.COMPLETED)
    assert found.bpm and 40 < found.bpm < 250
    assert found.key
    assert found.timeSignature == "4/4"
    assert found.sections and found.chords
    assert len(found.beats) > 20
    assert found.analyzedAt and found.createdAt <= datetime.now(UTC)
    if found.jamsData is not None:
        assert json.loads(found.jamsData) == client.jams(analyzed.file.id)


def test_the_jams_document_is_one(client: ReplacedClient, analyzed: Analyzed) -> None:
    document = client.jams(analyzed.file.id)
    assert document["file_metadata"]["duration"] == pytest.approx(30, abs=0.1)
    spaces = {annotation["namespace"] for annotation in document["annotations"]}
    assert {"beat", "chord"} <= spaces
    assert all(annotation["data"] for annotation in document["annotations"])


def test_an_analysis_includes_stems(client: ReplacedClient, analyzed: Analyzed) -> None:
    stems = client.stems_of_audio(analyzed.file.id)
    assert len(stems) >= 2
    ids = {stem.id for stem in stems}
    assert {stem.id for stem in client.stems(f"audio/{analyzed.file.id}")} == ids
    by_type = [client.stems(f"type/{name}") for name in STEM_TYPES]
    found = [stem.id for listed in by_type for stem in listed]
    assert ids <= set(found)
    assert len(found) == len(set(found)), "a stem has one type"
    assert client.refusal("GET", "/api/stems/type/Kazoo").status in (400, 404, 422)


def test_stems_are_found_by_what_the_analysis_heard(client: ReplacedClient, analyzed: Analyzed) -> None:
    ids = {stem.id for stem in client.stems_of_audio(analyzed.file.id)}
    heard = client.analysis(analyzed.file.id)
    assert heard.bpm and heard.key
    assert ids <= {stem.id for stem in client.stems(f"key/{heard.key}")}
    assert not ids & {stem.id for stem in client.stems("key/F# minor" if heard.key != "F# minor" else "key/C major")}
    assert ids <= {stem.id for stem in client.stems("bpm", minBpm=heard.bpm - 1, maxBpm=heard.bpm + 1)}
    assert not ids & {stem.id for stem in client.stems("bpm", minBpm=heard.bpm + 1, maxBpm=heard.bpm + 2)}


def test_a_stem_is_described_and_downloaded(client: ReplacedClient, analyzed: Analyzed, tmp_path: Path) -> None:
    for stem in client.stems_of_audio(analyzed.file.id):
        described = client.stem(stem.id)
        assert described["id"] == str(stem.id)
        assert described["audioFileId"] == str(analyzed.file.id)
        assert _seconds(client.download_stem(stem.id).content, tmp_path) == pytest.approx(30, abs=0.2)


def test_the_statistics_of_stems_count_them(client: ReplacedClient, analyzed: Analyzed) -> None:
    said = client.stem_statistics()
    assert isinstance(said, dict)
    assert said["totalStems"] >= len(client.stems_of_audio(analyzed.file.id))


def test_insights_suggest_a_generation(client: ReplacedClient, analyzed: Analyzed) -> None:
    said = client.insights(analyzed.file.id)
    heard = client.analysis(analyzed.file.id)
    assert said["suggestedBpm"] == pytest.approx(heard.bpm, abs=1)
    assert said["suggestedKey"] == heard.key
    ranked = client.http.get(f"/api/v1/recordings/{analyzed.file.id}/styles").json()
    assert said["suggestedStyle"] == ranked[0]["name"]
    assert [s["score"] for s in ranked] == sorted((s["score"] for s in ranked), reverse=True) and len(ranked) > 12
    client.put_metadata(analyzed.file.id, {"tags": ["live", "Bossa Nova"]})
    assert client.insights(analyzed.file.id)["suggestedStyle"] == "bossa", "what the owner wrote goes before what was heard"
    client.put_metadata(analyzed.file.id, {"tags": []})


# metadata and artwork


def test_metadata_can_be_put(client: ReplacedClient, short_file) -> None:
    file = client.upload(short_file(), "audio/wav")
    answer = client.put_metadata(file.id, {"title": "Tone", "artist": "Generator"})
    assert answer.status_code in (200, 204), answer.text
    assert client.audio_file(file.id).originalFileName == file.originalFileName


def test_artwork_inside_the_file_is_given(client: ReplacedClient, short_file, tmp_path: Path) -> None:
    plain = short_file()
    assert client.refusal("GET", f"/api/audio/{client.upload(plain, 'audio/wav').id}/artwork").status == 404
    samples, rate = soundfile.read(short_file())
    path = tmp_path / "with picture.flac"
    soundfile.write(path, samples, rate)
    path.write_bytes(_with_picture(path.read_bytes()))
    assert client.artwork(client.upload(path).id).content == PNG


# generation


def test_a_generation_is_described(client: ReplacedClient, generated: Generated, analyzed: Analyzed) -> None:
    request = generated.request
    assert (request.audioFileId, request.targetStems, request.status) == (analyzed.file.id, ["Bass"], WorkStatus.COMPLETED)
    wish = json.loads(request.parameters)
    assert (wish["durationSeconds"], wish["style"], wish["targetBpm"], wish["randomSeed"]) == (10, "rock", 100, 7)
    assert (wish["temperature"], wish["prompt"]) == (0.8, "a walking bass")
    assert request.completedAt and request.createdAt <= request.completedAt
    assert request in client.generations(status="Completed", take=100)
    assert request in client.generations(take=100)
    assert request not in client.generations(status="Failed", take=100)
    assert request in client.generations_of(analyzed.file.id)


def test_a_generated_stem_is_described_and_downloaded(client: ReplacedClient, generated: Generated, tmp_path: Path) -> None:
    stem = generated.stem
    assert (stem.generationRequestId, stem.stemType) == (generated.request.id, "Bass")
    assert stem.blobPath
    content = client.download_generated(stem.id).content
    assert len(content) == stem.fileSizeBytes
    assert stem.durationSeconds == pytest.approx(10, abs=0.01)
    assert _seconds(content, tmp_path) == pytest.approx(stem.durationSeconds, abs=0.01)


def test_a_generation_is_a_job(client: ReplacedClient, generated: Generated) -> None:
    (job,) = client.jobs_of(generated.request.id)
    assert (job.jobType, job.status) == (JobType.GENERATION, WorkStatus.COMPLETED)
    assert job in client.jobs(type="Generation", take=100)
    assert job not in client.jobs(type="Analysis", take=100)


@pytest.mark.parametrize(
    "change",
    [
        {"targetStems": []},
        {"targetStems": ["Kazoo"]},
        {"targetStems": "Bass"},
        {"parameters": {"targetBpm": -3}},
        {"parameters": {"durationSeconds": -1}},
        {"audioFileId": "no-uuid"},
    ],
)
def test_a_generation_that_cannot_be_is_refused(client: ReplacedClient, analyzed: Analyzed, change: dict) -> None:
    body = {"audioFileId": str(analyzed.file.id), "targetStems": ["Bass"], "parameters": {}} | change
    assert client.refusal("POST", "/api/generation", json=body).status in (400, 422)


def test_a_generation_is_cancelled_and_deleted(client: ReplacedClient, analyzed: Analyzed) -> None:
    request = client.generate(analyzed.file.id, ["Drums", "Bass", "Piano"], {"durationSeconds": 30})
    client.cancel_generation(request.id)
    cancelled = client.wait_for_generation(request.id)
    assert cancelled.status == WorkStatus.CANCELLED
    assert client.generated_stems(request.id) == []
    (job,) = client.jobs_of(request.id)
    assert client.wait_for_job(job.id).status == WorkStatus.CANCELLED
    client.delete_generation(request.id)
    assert client.refusal("GET", f"/api/generation/{request.id}").status == 404
    assert request.id not in {other.id for other in client.generations_of(analyzed.file.id)}


# jobs


def test_a_job_is_cancelled_retried_and_deleted(client: ReplacedClient, analyzed: Analyzed, short_file) -> None:
    before = client.job_statistics()
    file = client.upload(short_file(), "audio/wav")
    # the first keeps the worker busy or not; either way the second is cancelled before it is over
    first = client.analyze(file.id)
    client.cancel_job(first)
    cancelled = client.wait_for_job(first)
    assert cancelled.status == WorkStatus.CANCELLED
    assert cancelled in client.jobs(status="Cancelled", take=100)
    assert client.audio_file(file.id).status in (FileStatus.UPLOADED, FileStatus.FAILED)

    again = client.retry_job(first)
    assert again.id != first
    assert again.jobType == JobType.ANALYSIS
    assert again.status in (WorkStatus.PENDING, WorkStatus.RUNNING)
    assert {job.id for job in client.jobs_of(file.id)} == {first, again.id}
    client.cancel_job(again.id)
    assert client.wait_for_job(again.id).status == WorkStatus.CANCELLED

    between = client.job_statistics()
    assert between.cancelledJobs == before.cancelledJobs + 2
    assert between.totalJobs == before.totalJobs + 2
    for job_id in (first, again.id):
        client.delete_job(job_id)
        assert client.refusal("GET", f"/api/jobs/{job_id}").status == 404
        assert client.refusal("DELETE", f"/api/jobs/{job_id}").status == 404
    after = client.job_statistics()
    assert (after.totalJobs, after.cancelledJobs) == (before.totalJobs, before.cancelledJobs)


def test_a_job_that_is_over_is_neither_cancelled_nor_retried(client: ReplacedClient, analyzed: Analyzed) -> None:
    assert client.refusal("POST", f"/api/jobs/{analyzed.job.id}/cancel").status in (400, 409)
    assert client.refusal("POST", f"/api/jobs/{analyzed.job.id}/retry").status in (400, 409)
    assert client.job(analyzed.job.id) == analyzed.job


def test_the_list_of_jobs_is_newest_first_paged_and_filtered(client: ReplacedClient, generated: Generated) -> None:
    jobs = client.jobs(take=100)
    assert len(jobs) >= 2
    assert newest_first(job.createdAt for job in jobs)
    assert client.jobs(skip=1, take=1) == jobs[1:2]
    for status in WorkStatus:
        assert {job.status for job in client.jobs(status=status, take=100)} <= {status}
    for query in ("status=Sleeping", "type=Juggling"):
        assert client.refusal("GET", f"/api/jobs?{query}").status in (400, 422)


def test_the_statistics_of_jobs_add_up(client: ReplacedClient, analyzed: Analyzed, generated: Generated) -> None:
    said, before = client.job_statistics(), analyzed.statistics_before
    assert said.totalJobs == said.pendingJobs + said.runningJobs + said.completedJobs + said.failedJobs + said.cancelledJobs
    assert said.totalJobs == said.analysisJobs + said.generationJobs
    assert said.analysisJobs > before.analysisJobs
    assert said.generationJobs > before.generationJobs
    assert said.completedJobs >= before.completedJobs + 2
    assert 0 < said.averageCompletionTimeSeconds < 300


# last, for it takes away what the others look at


def test_stems_generations_and_the_file_can_be_deleted(client: ReplacedClient, analyzed: Analyzed, generated: Generated) -> None:
    first, *others = client.stems_of_audio(analyzed.file.id)
    client.delete_stem(first.id)
    assert client.refusal("GET", f"/api/stems/{first.id}").status == 404
    assert client.refusal("GET", f"/api/stems/{first.id}/download").status == 404
    assert {stem.id for stem in client.stems_of_audio(analyzed.file.id)} == {stem.id for stem in others}

    client.delete_generation(generated.request.id)
    assert client.refusal("GET", f"/api/generation/{generated.request.id}").status == 404
    assert client.refusal("GET", f"/api/generation/stems/{generated.stem.id}/download").status == 404

    client.delete_audio(analyzed.file.id)
    assert client.refusal("GET", f"/api/audio/{analyzed.file.id}").status == 404
    assert client.refusal("GET", f"/api/audio/{analyzed.file.id}/analysis").status == 404
    left = {stem.id for name in STEM_TYPES for stem in client.stems(f"type/{name}")}
    assert not left & {stem.id for stem in others}


def _seconds(content: bytes, folder: Path) -> float:
    path = folder / hashlib.sha256(content).hexdigest()
    path.write_bytes(content)
    with av.open(str(path)) as opened:
        assert opened.duration
        return opened.duration / av.time_base


def _with_picture(flac: bytes) -> bytes:
    """The FLAC with a front cover after its first block, which is always 42 bytes long with the marker."""
    media_type = b"image/png"
    block = struct.pack(">II", 3, len(media_type)) + media_type + struct.pack(">IIIIII", 0, 1, 1, 24, 0, len(PNG)) + PNG
    return flac[:42] + bytes([6]) + len(block).to_bytes(3, "big") + block + flac[42:]
