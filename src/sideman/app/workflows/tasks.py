"""The heavy tasks of jobs. They run in a child process, by dotted name, and know blobs and engines but no database.

A task gets (context, arguments, inputs, progress) and returns a JSON object that names the blobs it made. Running it again makes the
same blobs again.
"""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

from sideman.app import mixing as mixing_cases
from sideman.app.analyzers import AnalysisWish
from sideman.app.engines import BAND
from sideman.app.fitting import FitWish, conform_wish, placement_json
from sideman.app.generation import report_json, write_stem_midi
from sideman.app.mixing import MixInput
from sideman.app.workflows.context import Json, Progress, TaskContext, task_folder
from sideman.app.workflows.packing import export_zip as export_zip  # plans name every task in this module
from sideman.core import analysis as analysis_engine
from sideman.core.audio import AudioReader, Recording, lossless_facts, write_lossless, write_peaks
from sideman.core.music import MusicAnalysis, NoteEvent, Provenance, StemRole, from_jams, read_midi, to_jams
from sideman.core.pipelines.concurrency import Watch
from sideman.core.pipelines.fitting import fit_clip, refuse_unusable
from sideman.core.pipelines.new_stems import NewStem, new_stems
from sideman.core.pipelines.orders import Order, Prepared, prepare
from sideman.core.pipelines.songs import Song
from sideman.core.pipelines.splicing import BaseStem
from sideman.core.separation import SeparatedStem, write_set
from sideman.core.separation.excerpts import Placed, excerpt, loudest_start
from sideman.errors import NoAudio, UnreadableAudio
from sideman.infra.weights import Consent


def decode(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    """The recording as a lossless file, which later tasks and players read, and its peaks."""
    progress("decode", 0.0)
    content_key, name = arguments["content_key"], arguments["name"]
    with context.recording(content_key, name) as recording, task_folder() as folder:
        if recording.condition.peak == 0:
            raise NoAudio(f"{name} is digital silence: there is nothing to work on")
        if arguments["to_analyse"]:
            analysis_engine.refuse_unanalysable(recording)
        as_it_came = _is_lossless(context, content_key, recording)
        decoded_key = content_key if as_it_came else context.blobs.put(write_lossless(recording.audio, folder / "decoded"))
        return {"decoded_key": decoded_key, "peaks_key": _peaks(context, recording.audio, folder), "audio_s": recording.duration_s}


def _is_lossless(context: TaskContext, key: str, recording: Recording) -> bool:
    """Whether players can cut chunks out of the file as it came."""
    if recording.info.container not in ("flac", "wav"):
        return False
    try:
        with context.blobs.file(key) as path:
            return lossless_facts(path).frames == recording.frames
    except UnreadableAudio:
        return False


def _peaks(context: TaskContext, audio: AudioReader, folder: Path) -> str:
    path = folder / "peaks.dat"
    write_peaks(audio, path)
    return context.blobs.put(path)


def _provenance(p: Provenance) -> Json:
    return {"engine": p.engine, "version": p.version, "parameters": dict(p.parameters)}


def _stem_row(context: TaskContext, name: str, path: Path, audio: AudioReader, provenance: Json) -> Json:
    return {
        "role": name, "name": name, "blob_key": context.blobs.put(path), "container": path.suffix[1:], "size_bytes": path.stat().st_size,
        "duration_s": audio.frames / audio.sample_rate_hz, "peaks_key": _peaks(context, audio, path.parent), "provenance": provenance,
    }  # fmt: skip


def separate(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    """Stems and residual that add up to the recording; of an excerpt, stems that are silent outside it."""
    progress("separate", 0.0)
    name = arguments["preset"]
    separator = context.engines.separators.get(name)
    roles = tuple(StemRole(r) for r in arguments["roles"]) if "roles" in arguments else None
    key = arguments.get("stem_key") or inputs["decode"]["decoded_key"]
    with context.recording(key, arguments["name"]) as recording, task_folder() as folder:
        if "preview_s" in arguments:
            return _excerpt(context, recording, folder, (name, roles, arguments["preview_s"]), progress)
        began = time.monotonic()
        stems = separator.separate(recording, folder, lambda share: progress("separate", 0.8 * share), roles)
        if roles is None or set(roles) == set(separator.roles):
            context.engines.separators.note_speed(name, recording.duration_s, time.monotonic() - began)
        written = write_set(recording, stems, folder / "set")
        progress("separate", 0.9)
        rows = [_stem_row(context, w.role.value, w.path, s.audio, _stem_facts(s, name)) for w, s in zip(written.stems, stems, strict=True)]
        if "stem_key" in arguments:
            return {"engine": separator.name, "stems": rows, "part": True, "audio_s": rows[0]["duration_s"]}
        with Recording.open(written.residual) as residual:
            provenance = {"engine": separator.name, "preset": name, "residual_db": round(written.residual_db, 1)}
            rows.append(_stem_row(context, StemRole.RESIDUAL.value, written.residual, residual.audio, provenance))
    return {"engine": separator.name, "stems": rows, "audio_s": rows[0]["duration_s"]}


def _stem_facts(stem: SeparatedStem, preset: str) -> Json:
    return {"quality": stem.quality.value, "preset": preset, **_provenance(stem.provenance)}


def _excerpt(
    context: TaskContext, recording: Recording, folder: Path, wish: tuple[str, tuple[StemRole, ...] | None, float], progress: Progress
) -> Json:
    """The loudest part alone, at its place in the song, so that players need to know nothing of it."""
    name, roles, seconds = wish
    start_s = loudest_start(recording, seconds)
    with excerpt(recording, start_s, seconds) as part:
        stems = context.engines.separators.get(name).separate(part, part.scratch_folder, lambda s: progress("separate", 0.9 * s), roles)
        within = [start_s, start_s + part.duration_s]
        rows = []
        for stem in stems:
            placed = Placed(stem.audio, round(start_s * recording.sample_rate_hz), recording.frames)
            path = write_lossless(placed, folder / stem.role.value)
            rows.append(_stem_row(context, stem.role.value, path, placed, {"within_s": within, **_stem_facts(stem, name)}))
    return {"engine": stems[0].provenance.engine, "stems": rows, "within_s": within, "audio_s": recording.duration_s}


def install_model(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    """Fetch a model's weights, check and convert them. The terms that were accepted must be those that this worker knows."""
    progress("fetch", 0.0)
    consent = Consent(**arguments["consent"])
    installed = context.models.install(arguments["model"], consent, lambda share: progress("fetch", 0.9 * share))
    progress("try it out", 0.9)
    context.engines.separators.try_out(installed.name)
    return {"model": installed.name, "size_bytes": installed.size_bytes}


def _analysis_engines(context: TaskContext, arguments: Json) -> analysis_engine.AnalysisEngines:
    """Those that the job was asked for: settings were looked at when it was, so that every worker does the same."""
    return context.engines.analyzers.engines(AnalysisWish.parse(arguments.get("engines")))


def find_beats(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    progress("find beats", 0.0)
    with context.recording(inputs["decode"]["decoded_key"], arguments["name"]) as recording:
        found = analysis_engine.find_beats(recording, _analysis_engines(context, arguments))
        return {"jams": to_jams(found), "audio_s": recording.duration_s}


def find_harmony(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    progress("find chords and key", 0.0)
    grid = from_jams(inputs["beats"]["jams"]).grid
    with context.recording(inputs["decode"]["decoded_key"], arguments["name"]) as recording:
        known, engines = grid.value if grid else None, _analysis_engines(context, arguments)
        return {"jams": to_jams(analysis_engine.find_harmony_and_form(recording, known, progress, engines))}


def find_notes(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    """Notes of every separated stem, of the recording where there are none; on the grid where there is one."""
    progress("find notes", 0.0)
    transcriber = _analysis_engines(context, arguments).notes
    grid = from_jams(inputs["beats"]["jams"]).grid
    made = inputs["separate"]["stems"] if "separate" in inputs else arguments["stems"]
    stems = [s for s in made if s["role"] != StemRole.RESIDUAL.value]
    sources = [(s["blob_key"], StemRole.parse(s["role"])) for s in stems] or [(inputs["decode"]["decoded_key"], StemRole.OTHER)]
    found = []
    for k, (key, role) in enumerate(sources if transcriber is not None else ()):
        assert transcriber is not None
        with context.recording(key, f"{role} of {arguments['name']}") as recording:
            if not recording.condition.silent:
                found.append(analysis_engine.find_notes(recording, role, grid.value if grid else None, transcriber))
            duration_s = recording.duration_s
        progress("find notes", (k + 1) / len(sources))
    return {"jams": to_jams(MusicAnalysis(duration_s, notes=tuple(found)))} if found else {}


def find_loudness(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    """Loudness, energy, and what is odd about the recording itself."""
    progress("measure loudness", 0.0)
    with context.recording(inputs["decode"]["decoded_key"], arguments["name"]) as recording:
        return {"jams": to_jams(analysis_engine.find_loudness(recording))}


def generate(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    """New stems, judged: audio, MIDI where there are notes, and fit report of each."""
    named = arguments["roles"] if "roles" in arguments else [arguments["role"]]  # plans of jobs under way outlive an update
    roles = tuple(StemRole(r) for r in named)
    title = f"play {', '.join(r.value for r in roles)}"
    analysis = context.analysis(arguments["analysis_key"] or inputs["store analysis"]["jams_key"])
    decoded = context.recording(inputs["decode"]["decoded_key"], arguments["name"])
    with decoded as recording, task_folder() as folder, ExitStack() as files:
        progress(title, 0.05)
        order = _order(context, roles, arguments, files)
        drums = _opened(context, arguments.get("drums_key"), files)
        song = Song(recording, analysis, drums.audio if drums is not None else None)
        generators = context.engines.generators_named(order.engine)
        prepared = prepare(order, song, generators(), lambda share: progress(title, 0.05 + 0.1 * share))
        watch = Watch(lambda step, share: progress(title, 0.15 + 0.85 * share))
        made = new_stems(prepared.song, prepared.wishes, generators, watch, 1)
        kept = [n for n in made if n.rank <= order.candidates]
        rows = [_generated_row(context, n, prepared, arguments["candidate"] + n.rank - 1, folder) for n in kept]
        for n in made:
            n.stem.audio.remove()  # the recording stays open for the next task, and its scratch folder with it
        if prepared.song.recording is not recording:
            prepared.song.close()
        return {"stems": rows, "engine": order.engine or BAND, "audio_s": recording.duration_s}


def _generated_row(context: TaskContext, made: NewStem, prepared: Prepared, candidate: int, folder: Path) -> Json:
    role, stem = made.stem.role, made.stem
    path = write_lossless(stem.audio, folder / f"{role.value}-{candidate}")
    midi_key = None
    if stem.notes:
        midi = folder / f"{role}-{candidate}.mid"
        write_stem_midi(made, prepared.song.analysis, midi)
        midi_key = context.blobs.put(midi)
    provenance = _provenance(stem.provenance) | {"style": stem.style, "seed": stem.seed}
    provenance |= {"note": made.note} if made.note else {}
    if prepared.retimed:
        provenance["retimed_bpm"] = round(prepared.song.analysis.require_grid().tempo_bpm, 3)
    provenance |= {"understood": list(prepared.direction.understood)} if prepared.direction.understood else {}
    row = _stem_row(context, role.value, path, stem.audio, provenance)
    number = f", {candidate}" if candidate > 1 else ""
    return row | {"midi_key": midi_key, "report": report_json(made.report), "name": f"{role.value} ({stem.style}{number})"}


def _order(context: TaskContext, roles: tuple[StemRole, ...], arguments: Json, files: ExitStack) -> Order:
    """What one task of a generation plays."""
    within = arguments.get("within_s")
    base = None
    if arguments.get("base_key"):
        notes: tuple[NoteEvent, ...] = ()
        if arguments.get("base_midi_key"):
            parts = read_midi(files.enter_context(context.blobs.file(arguments["base_midi_key"])))
            notes = tuple(n for p in parts for n in p.notes)
        kept = _opened(context, arguments["base_key"], files)
        assert kept is not None
        base = BaseStem(kept.audio, notes)
    like = context.analysis(arguments["like_key"]) if arguments.get("like_key") else None
    return Order(
        roles, arguments["style"], arguments["seed"], arguments.get("candidates", 1), within_s=(within[0], within[1]) if within else None,
        chords=tuple(arguments.get("progression", ())), tempo_bpm=arguments.get("tempo_bpm"), duration_s=arguments.get("duration_s"),
        prompt=arguments.get("prompt", ""), temperature=arguments.get("temperature", 1.0), energy=arguments.get("energy", 0),
        variation=arguments.get("variation", 0), like=like, base=base, engine=arguments.get("engine", ""),
    )  # fmt: skip


def _opened(context: TaskContext, key: str | None, files: ExitStack) -> Recording | None:
    return files.enter_context(Recording.open(files.enter_context(context.blobs.file(key)))) if key else None


def fit_loop(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    """A loop on the song: its beats, its key, its level, its length; judged."""
    progress("fit the loop", 0.05)
    analysis = context.analysis(arguments["analysis_key"] or inputs["store analysis"]["jams_key"])
    said = {k: arguments[k] for k in ("at", "within", "repeat", "semitones", "follow_chords") if k in arguments}
    wish = FitWish(StemRole(arguments["role"]), **said)
    with context.recording(inputs["decode"]["decoded_key"], arguments["name"]) as recording, task_folder() as folder, ExitStack() as files:
        clip = files.enter_context(Recording.open(files.enter_context(context.blobs.file(arguments["clip_key"])), arguments["clip_name"]))
        refuse_unusable(clip)
        watch = Watch(lambda step, share: progress(f"{step} the loop", 0.1 + 0.8 * share))
        made = fit_clip(Song(recording, analysis), clip, wish.role, conform_wish(wish, analysis), watch)
        placement = placement_json(made.placement, analysis)
        provenance = {"engine": "fit", "version": metadata.version("sideman"), "clip": arguments["clip_title"], "placement": placement}
        row = _stem_row(context, wish.role.value, write_lossless(made.audio, folder / wish.role.value), made.audio, provenance)
        return row | {"name": arguments["clip_title"], "report": report_json(made.report), "audio_s": recording.duration_s}


def mix(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    """Lanes summed, normalised and limited into one file."""
    progress("mix", 0.0)
    with task_folder() as folder, ExitStack() as files:
        lanes = [
            MixInput(files.enter_context(context.blobs.file(lane["key"])), lane["gain_db"], lane["pan"]) for lane in arguments["lanes"]
        ]  # fmt: skip
        progress("mix", 0.2)
        out = folder / f"mix.{arguments['format']}"
        lufs = mixing_cases.mix(lanes, out, arguments["target_lufs"]).integrated_lufs
        return {
            "blob_key": context.blobs.put(out), "size_bytes": out.stat().st_size, "integrated_lufs": round(lufs, 2) if math.isfinite(lufs) else None,
        }  # fmt: skip
