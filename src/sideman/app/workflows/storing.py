"""How results come into the library. Each may run twice for the same job, and leaves what one run leaves."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sideman.app.library.jobs import has_better_stems
from sideman.app.library.services import Services
from sideman.app.library.timeline import summary
from sideman.core.music import Correction, from_jams, overlaid, write_jams
from sideman.infra.database import AnalysisRecord, Json, StemRecord, new_id, now

LONGEST_NAME = 100


def _same_id(*parts: str) -> str:
    """The same id for the same job and name, so that a second run finds what the first one stored."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("sideman", *parts))))


def _stem(made: dict[str, Any], recording_id: str, job_id: str, origin: str, **more: Any) -> StemRecord:
    values: dict[str, Any] = {
        "generation_id": None, "midi_key": None, "tempo_bpm": None, "key_index": None, "score": None, "verdict": None, "report": None,
    }  # fmt: skip
    return StemRecord(
        id=_same_id(job_id, made["name"]), recording_id=recording_id, origin=origin, role=made["role"], name=made["name"][:LONGEST_NAME],
        blob_key=made["blob_key"], container=made["container"], size_bytes=made["size_bytes"], duration_s=made["duration_s"], peaks_key=made["peaks_key"],
        provenance=made["provenance"], job_id=job_id, created_at=now(), **(values | more),
    )  # fmt: skip


def store_analysis(services: Services, arguments: Json, inputs: Json) -> Json:
    """Join the parts of an analysis, keep them as one version; separated stems replace the former ones."""
    names = [n for n in ("beats", "harmony", "loudness", "notes") if "jams" in inputs.get(n, {})]
    parts = [from_jams(inputs[name]["jams"]) for name in names]
    analysis = parts[0]
    for part in parts[1:]:
        analysis = analysis.merged(part)
    recording_id, job_id = arguments["recording_id"], arguments["job_id"]
    recording = services.recordings.get(recording_id)
    analysis = replace(analysis, title=recording.title, artist=recording.artist)
    with tempfile.TemporaryDirectory(prefix="sideman-jams-") as folder:
        path = Path(folder) / "analysis.jams"
        write_jams(analysis, path)
        jams_key = services.blobs.put(path)
    separated = inputs.get("separate")
    engines = {
        a.provenance.engine: a.provenance.version for a in (analysis.grid, analysis.chords, analysis.sections, analysis.loudness) if a
    }
    engine = separated["engine"] if separated else "sideman"
    services.results.add_analysis(
        AnalysisRecord(new_id(), recording_id, 0, engine, {"engines": engines, "separated": separated is not None}, jams_key, job_id, now())
    )
    made = [Correction(c.kind, c.values) for c in services.results.corrections(recording_id)]
    facts = summary(overlaid(analysis, made))
    decoded = inputs["decode"]
    services.recordings.update_those_there(
        (recording_id,), status="analyzed", decoded_key=decoded["decoded_key"], peaks_key=decoded["peaks_key"], **facts
    )
    if separated and not has_better_stems(services, recording_id):  # one may have been chosen while this ran
        _keep_separated(services, separated, arguments, facts["tempo_bpm"], facts["key_index"])
    return {"jams_key": jams_key}


def store_separation(services: Services, arguments: Json, inputs: Json) -> Json:
    """Stems of a preset in place of the former ones; of an excerpt, in place of the former excerpt."""
    recording = services.recordings.get(arguments["recording_id"])
    decoded = inputs["decode"]
    services.recordings.update_those_there((recording.id,), decoded_key=decoded["decoded_key"], peaks_key=decoded["peaks_key"])
    return {"stems": _keep_separated(services, inputs["separate"], arguments, recording.tempo_bpm, recording.key_index)}


def _keep_separated(services: Services, separated: Json, arguments: Json, tempo_bpm: float | None, key_index: int | None) -> list[str]:
    origin = "excerpt" if "within_s" in separated else "part" if "part" in separated else "separated"
    shown = {"tempo_bpm": tempo_bpm, "key_index": key_index}
    stems = [_stem(s, arguments["recording_id"], arguments["job_id"], origin, **shown) for s in separated["stems"]]
    services.results.put_stems(stems, replace_origin=origin, replace_roles=[s.role for s in stems] if origin == "part" else None)
    return [s.id for s in stems]


def store_generation(services: Services, arguments: Json, inputs: Json) -> Json:
    """Keep the stems of a generation, each with its fit report. Raises NotFound where the recording was deleted meanwhile."""
    services.recordings.get(arguments["recording_id"])
    analysis_key = arguments["analysis_key"] or inputs["store analysis"]["jams_key"]
    facts = summary(from_jams(json.loads(b"".join(services.blobs.read(analysis_key)))))
    stems = []
    for name, made in inputs.items():
        for row in made.get("stems", [made]) if name.startswith("play ") and made else ():  # tasks of an older worker gave one stem
            report = row["report"]
            stems.append(_stem(
                row, arguments["recording_id"], arguments["job_id"], "generated", generation_id=arguments["generation_id"],
                midi_key=row["midi_key"], tempo_bpm=row["provenance"].get("retimed_bpm", facts["tempo_bpm"]), key_index=facts["key_index"], score=report["score"],
                verdict=report["verdict"], report=report,
            ))  # fmt: skip
    services.results.put_stems(stems)
    return {"stems": [s.id for s in stems]}


def store_fit(services: Services, arguments: Json, inputs: Json) -> Json:
    """Keep a fitted loop as a stem of the song, with its report. Raises NotFound where the recording was deleted meanwhile."""
    services.recordings.get(arguments["recording_id"])
    analysis_key = arguments["analysis_key"] or inputs["store analysis"]["jams_key"]
    facts = summary(from_jams(json.loads(b"".join(services.blobs.read(analysis_key)))))
    row = inputs["fit"]
    report = row["report"]
    stem = _stem(
        row, arguments["recording_id"], arguments["job_id"], "fitted", tempo_bpm=facts["tempo_bpm"], key_index=facts["key_index"],
        score=report["score"], verdict=report["verdict"], report=report,
    )  # fmt: skip
    services.results.put_stems([stem])
    return {"stems": [stem.id]}


def store_file(services: Services, arguments: Json, inputs: Json) -> Json:
    """Point a mix or an export to the file that was made."""
    made = inputs[arguments["task"]]
    services.results.update_mix(
        arguments["mix_id"], blob_key=made["blob_key"], size_bytes=made["size_bytes"], integrated_lufs=made.get("integrated_lufs")
    )
    return {"mix_id": arguments["mix_id"]}


STORE: dict[str, Callable[[Services, Json, Json], Json]] = {
    "analysis": store_analysis,
    "separation": store_separation,
    "generation": store_generation,
    "fit": store_fit,
    "file": store_file,
}
