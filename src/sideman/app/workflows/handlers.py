"""What the worker asks of this floor: plans for jobs, their light tasks, and what happens at their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sideman.app.analyzers import AnalysisWish
from sideman.app.library.ending import settle
from sideman.app.library.jobs import ANALYSIS, EXPORT, FIT, GENERATION, MIX, MODEL, SEPARATION
from sideman.app.library.services import Services
from sideman.app.library.timeline import Timelines
from sideman.app.library.webhooks import Webhooks
from sideman.app.workflows import storing
from sideman.core.music import Correction, MusicAnalysis, corrected
from sideman.errors import JobFailed, NotFound
from sideman.infra.database import LONGEST_STEP, JobRecord, Json, RecordingRecord, StemRecord
from sideman.infra.jobs import CPU, GPU, ORCHESTRATION, Plan, Stage, Task

CHILD_CONTEXT = "sideman.bootstrap:task_context"
HEAVY = "sideman.app.workflows.tasks:"
PASSED_ON = ("within_s", "progression", "tempo_bpm", "duration_s", "prompt", "temperature", "energy", "variation", "engine")
"""What a generation hands to its tasks as it was asked for."""
LOOP = ("clip_key", "clip_name", "clip_title", "role", "at", "within", "repeat", "semitones", "follow_chords")
"""What a fit hands to its task."""
NETWORK_TIMEOUT_S = 86_400

TAKES = ("generated", "fitted")


class JobHandlers:
    child_context = CHILD_CONTEXT

    def __init__(self, services: Services, timelines: Timelines, webhooks: Webhooks) -> None:
        self._s, self._timelines, self._webhooks = services, timelines, webhooks

    def plan(self, job: JobRecord) -> Plan:
        if job.kind == MODEL:
            arguments = {"model": job.request["model"], "consent": job.request["consent"]}
            return ((Task("install", "fetch", f"{HEAVY}install_model", GPU, arguments, 1, 86_400),),)  # where it will run
        if job.recording_id is None:
            raise JobFailed(f"a job of kind {job.kind!r} needs a recording")
        try:
            recording = self._s.recordings.get(job.recording_id)
        except NotFound as error:
            raise JobFailed("the recording was deleted before the job began") from error
        plans = {
            ANALYSIS: self._analysis, SEPARATION: self._separation, GENERATION: self._generation, FIT: self._fit, MIX: self._mix,
            EXPORT: self._export,
        }  # fmt: skip
        if job.kind not in plans:
            raise JobFailed(f"this version of Sideman knows no jobs of kind {job.kind!r}: update the worker")
        return plans[job.kind](job, recording)

    @staticmethod
    def _decode(recording: RecordingRecord, to_analyse: bool = False) -> Task:
        arguments = {"name": recording.file_name, "content_key": recording.content_key, "to_analyse": to_analyse}
        return Task("decode", "decode", f"{HEAVY}decode", CPU, arguments, 1, 1800)

    def _understand(self, recording: RecordingRecord, separate: bool, engines: str | None = None) -> tuple[Stage, ...]:
        named = {"name": recording.file_name} | ({"engines": engines} if engines is not None else {})
        beats = Task("beats", "find beats", f"{HEAVY}find_beats", CPU, named, 4)
        loudness = Task("loudness", "measure loudness", f"{HEAVY}find_loudness", CPU, named, 1)
        harmony = Task("harmony", "find chords, key and sections", f"{HEAVY}find_harmony", CPU, named, 5)
        wish = {"name": recording.file_name, "preset": "preview"}
        stems = [] if separate else [s for s in self._s.results.stems_of(recording_id=recording.id) if s.origin == "separated"]
        of = named | {"stems": [{"role": s.role, "blob_key": s.blob_key} for s in stems]}
        notes = (Task("notes", "find notes", f"{HEAVY}find_notes", CPU, of, 4),) if "notes" in AnalysisWish.parse(engines).chosen else ()
        apart = (Task("separate", "separate", f"{HEAVY}separate", GPU, wish, 8, 7200),) if separate else ()
        return (self._decode(recording, to_analyse=True),), (*apart, beats, loudness), (harmony, *notes)

    def _analysis(self, job: JobRecord, recording: RecordingRecord) -> Plan:
        store = Task("store", "store", "analysis", ORCHESTRATION, {"job_id": job.id, "recording_id": recording.id}, 0.2, 300)
        return (*self._understand(recording, bool(job.request.get("separate", True)), job.request.get("engines")), (store,))

    def _separation(self, job: JobRecord, recording: RecordingRecord) -> Plan:
        wish: dict[str, Any] = {k: job.request[k] for k in ("preset", "roles", "preview_s") if k in job.request}
        if "stem" in job.request:
            stem = next((s for s in self._s.results.stems_of(recording_id=recording.id) if s.id == job.request["stem"]), None)
            if stem is None:
                raise JobFailed("the stem that this job takes apart was deleted before it began")
            wish["stem_key"] = stem.blob_key
        apart = Task("separate", "separate", f"{HEAVY}separate", GPU, {"name": recording.file_name} | wish, 20, 86_400)
        store = Task("store", "store", "separation", ORCHESTRATION, {"job_id": job.id, "recording_id": recording.id}, 0.2, 300)
        return (self._decode(recording),), (apart,), (store,)

    def _generation(self, job: JobRecord, recording: RecordingRecord) -> Plan:
        where = {"job_id": job.id, "recording_id": recording.id}
        analysis_key, before = self._understood(job, recording)
        common = {"name": recording.file_name, "analysis_key": analysis_key, "style": job.request["style"]}
        common |= {k: job.request[k] for k in PASSED_ON if k in job.request} | self._material(job, recording)
        play = _playing(job.request, common)
        finish = where | {"generation_id": job.entity_id, "analysis_key": analysis_key}
        return (*before, play, (Task("store", "store", "generation", ORCHESTRATION, finish, 0.2),))

    def _understood(self, job: JobRecord, recording: RecordingRecord) -> tuple[str | None, Plan]:
        """Blob of the analysis and what comes before a task that works on it: without one the job begins with one, and the key is None."""
        known = self._timelines.latest(recording.id)
        if known is not None:
            return self._timelines.keep(_with_chords(known, job.request.get("chords", ()))), ((self._decode(recording),),)
        where = {"job_id": job.id, "recording_id": recording.id}
        store = Task("store analysis", "store the analysis", "analysis", ORCHESTRATION, where, 0.2)
        return None, (*self._understand(recording, False, job.request.get("engines")), (store,))

    def _fit(self, job: JobRecord, recording: RecordingRecord) -> Plan:
        analysis_key, before = self._understood(job, recording)
        arguments = {"name": recording.file_name, "analysis_key": analysis_key} | {k: v for k, v in job.request.items() if k in LOOP}
        fit = Task("fit", "fit the loop", f"{HEAVY}fit_loop", CPU, arguments, 5)
        finish = {"job_id": job.id, "recording_id": recording.id, "analysis_key": analysis_key}
        return (*before, (fit,), (Task("store", "store", "fit", ORCHESTRATION, finish, 0.2),))

    def _material(self, job: JobRecord, recording: RecordingRecord) -> dict[str, Any]:
        """Blobs that a generation listens to: the song's own drums, the stem of which a part is played anew, the song it is to be like."""
        stems = self._s.results.stems_of(recording_id=recording.id)
        drums = next((s for s in stems if s.origin == "separated" and s.role == "drums"), None)
        found: dict[str, Any] = {"drums_key": drums.blob_key} if drums is not None else {}
        if (base_id := job.request.get("base")) is not None:
            base = next((s for s in stems if s.id == base_id), None)
            if base is None:
                raise JobFailed("the stem of which a part was to be played anew was deleted before the job began")
            found |= {"base_key": base.blob_key, "base_midi_key": base.midi_key}
        if (like_id := job.request.get("like")) is not None:
            like = self._timelines.latest(like_id)
            if like is None:
                raise JobFailed("the recording whose feel was to be taken over has no analysis any more")
            found["like_key"] = self._timelines.keep(like)
        return found

    def _mix(self, job: JobRecord, recording: RecordingRecord) -> Plan:
        stems = {s.id: s for s in self._s.results.stems_of(recording_id=recording.id)}
        lanes: list[dict[str, Any]] = []
        for stem_id, gain_db, pan in job.request["lanes"]:
            if stem_id is not None and stem_id not in stems:
                raise JobFailed("a stem of this mix was deleted before the job began")
            key = stems[stem_id].blob_key if stem_id is not None else recording.content_key
            lanes.append({"key": key, "gain_db": gain_db, "pan": pan})
        arguments = {"lanes": lanes, "format": job.request["format"], "target_lufs": job.request["target_lufs"]}
        return self._file(job, Task("mix", "mix", f"{HEAVY}mix", CPU, arguments, 5))

    def _export(self, job: JobRecord, recording: RecordingRecord) -> Plan:
        stems = {s.id: s for s in self._s.results.stems_of(recording_id=recording.id)}
        chosen = [stems[i] for i in job.request["stems"] if i in stems]
        if not chosen:
            raise JobFailed("the stems of this export were deleted or made anew before the job began: export again")
        best = _best_takes(chosen)
        files = [
            {
                "key": s.blob_key, "midi": s.midi_key, "name": s.name, "role": s.role, "origin": s.origin, "container": s.container,
                "muted": s.origin == "part" or "retimed_bpm" in s.provenance or (s.origin in TAKES and s.id not in best),
                "retimed": "retimed_bpm" in s.provenance,
            }
            for s in chosen
        ]  # fmt: skip
        known = self._timelines.latest(recording.id)
        arguments: dict[str, Any] = {
            "files": files,
            "analysis_key": self._timelines.keep(known) if known else None,
            "title": recording.title,
        }
        song = {"recording_key": recording.content_key, "recording_name": recording.file_name, "artist": recording.artist}
        if (tempo_bpm := job.request.get("tempo_bpm")) is not None:
            if known is None:
                raise JobFailed("the analysis by whose beats the tempo was to be made even is gone: analyse the recording again")
            arguments |= song | {"tempo_bpm": tempo_bpm}
        if job.request.get("project"):
            arguments |= song | {"project": True}
        return self._file(job, Task("export", "pack", f"{HEAVY}export_zip", CPU, arguments, 5))

    @staticmethod
    def _file(job: JobRecord, task: Task) -> Plan:
        store = Task("store", "store", "file", ORCHESTRATION, {"mix_id": job.entity_id, "task": task.name}, 0.2)
        return ((task,), (store,))

    def run_light(self, task: Task, inputs: Json) -> Json:
        return storing.STORE[task.target](self._s, task.arguments, inputs)

    def ended(self, job: JobRecord) -> None:
        settle(self._s, job)
        self._webhooks.announce(job)


LONGEST_TASK_NAME = 60


def _playing(request: Json, common: dict[str, Any]) -> Stage:
    """A task for every stem; one for all where a network makes them together."""
    roles, seed, candidates = request["roles"], request["seed"], request.get("candidates", 1)
    if request.get("together"):
        arguments = common | {"roles": roles, "seed": seed, "candidates": candidates, "candidate": 1}
        title = f"play {', '.join(roles)}"[:LONGEST_STEP]
        name = title if len(title) <= LONGEST_TASK_NAME else "play together"
        return (Task(name, title, f"{HEAVY}generate", GPU, arguments, 20, NETWORK_TIMEOUT_S),)
    return tuple(
        Task(title, title, f"{HEAVY}generate", GPU, common | {"roles": [role], "seed": seed + k, "candidate": k + 1}, 3)
        for role in roles
        for k in range(candidates)
        for title in [f"play {role}" if k == 0 else f"play {role} {k + 1}"]
    )


def _with_chords(analysis: MusicAnalysis, chords: Sequence[Sequence[Any]]) -> MusicAnalysis:
    """Other chords for one generation; the recording's own analysis stays as it is."""
    return corrected(analysis, [Correction("set-chord", {"start_s": a, "end_s": b, "chord": label}) for a, b, label in chords])


def _best_takes(stems: Sequence[StemRecord]) -> set[str]:
    """Of the new stems, and of the loops, of each role the one that fits best, and none that the judge refused."""
    best: dict[tuple[str, str], StemRecord] = {}
    for s in (s for s in stems if s.origin in TAKES and s.verdict != "rejected"):
        known = best.get((s.origin, s.role))
        if known is None or (s.score or 0) > (known.score or 0):
            best[s.origin, s.role] = s
    return {s.id for s in best.values()}
