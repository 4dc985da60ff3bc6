"""The task of an export: stems, MIDI and analysis in a ZIP, as they are or at an even tempo, or as a project for a sequencer."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sideman.app.fitting import MAP_NAME
from sideman.app.workflows.context import Json, Progress, TaskContext, task_folder
from sideman.app.workflows.names import file_name, free_name
from sideman.core.audio import AudioReader, Recording, ScratchAudio, write_lossless
from sideman.core.fit.straighten import TempoMap, even_tempo, moved_notes, straightened, write_tempo_map
from sideman.core.music import MidiPart, MusicAnalysis, NoteEvent, read_midi, write_jams, write_midi
from sideman.core.pipelines.projects import ProjectLane, ProjectWriter
from sideman.core.pipelines.tempo import warped_by

NAMED = {"generated": "new {}", "fitted": "{} (fitted)"}
"""Tracks of a project by the origin of their stems; others have the stem's own name."""


def export_zip(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    """Stems and MIDI by origin, and the analysis, in a ZIP that stores audio as it is; or a project for a sequencer."""
    with task_folder() as folder:
        out = folder / "stems.zip"
        tempo = _EvenTempo(context, arguments, folder) if arguments.get("tempo_bpm") else None
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            if arguments.get("project"):
                _pack_project(context, arguments, tempo, archive, progress)
            elif tempo is not None:
                _pack_even(arguments, tempo, archive, progress)
            else:
                _pack_as_it_is(context, arguments, archive, progress)
        return {"blob_key": context.blobs.put(out), "size_bytes": out.stat().st_size}


def _pack_as_it_is(context: TaskContext, arguments: Json, archive: zipfile.ZipFile, progress: Progress) -> None:
    taken = set[str]()
    analysis = context.analysis(arguments["analysis_key"]) if arguments["analysis_key"] else None
    for k, file in enumerate(arguments["files"]):
        place = free_name(f"{file['origin']}/{file_name(file['name'])}", taken)
        with context.blobs.file(file["key"]) as path:
            archive.write(path, f"{place}.{file['container']}")
        if file["midi"]:
            archive.writestr(f"{place}.mid", b"".join(context.blobs.read(file["midi"])))
        elif analysis is not None and (part := _transcribed(file, analysis)) is not None:
            _pack_midi(archive, f"{place}.mid", (part,), analysis)
        _share(progress, k, len(arguments["files"]))(1.0)
    if arguments["analysis_key"]:
        archive.writestr("analysis.jams", b"".join(context.blobs.read(arguments["analysis_key"])))


def _transcribed(file: dict[str, Any], analysis: MusicAnalysis) -> MidiPart | None:
    """What the analysis heard in a stem of the song itself; None where nobody asked for notes."""
    if file["origin"] != "separated" or analysis.grid is None:
        return None
    heard = next((n.value for n in analysis.notes if n.value.role.value == file.get("role")), None)
    return MidiPart(heard.role.value, heard.notes, drums=not heard.role.pitched) if heard is not None and heard.notes else None


def _pack_midi(archive: zipfile.ZipFile, name: str, parts: tuple[MidiPart, ...], analysis: MusicAnalysis) -> None:
    with task_folder() as folder:
        midi = folder / "part.mid"
        write_midi(midi, analysis.require_grid(), parts, analysis)
        archive.write(midi, name)


def _pack_even(arguments: Json, tempo: _EvenTempo, archive: zipfile.ZipFile, progress: Progress) -> None:
    """The recording too: its stems do not lie on it any more."""
    taken, files = set[str](), arguments["files"]
    for k, file in enumerate([*files, _song(arguments)]):
        place = f"{file['origin']}/{file_name(file['name'])}" if k < len(files) else file_name(file["name"])
        tempo.pack(archive, file, free_name(place, taken), _share(progress, k, len(files) + 1))
    tempo.pack_timeline(archive)


def _song(arguments: Json) -> dict[str, Any]:
    """The recording as a file of its own export."""
    return {
        "key": arguments["recording_key"],
        "midi": None,
        "file_name": arguments["recording_name"],
        "name": arguments["title"],
        "role": "",
        "origin": "",
    }


def _pack_project(context: TaskContext, arguments: Json, tempo: _EvenTempo | None, archive: zipfile.ZipFile, progress: Progress) -> None:
    """The recording, muted where its stems are there, and every stem, as tracks on the song's own bars."""
    taken, files = set[str](), arguments["files"]
    analysis = tempo.analysis if tempo else context.analysis(arguments["analysis_key"]) if arguments["analysis_key"] else None
    song = _song(arguments) | {"muted": any(f["origin"] == "separated" for f in files)}
    with task_folder() as folder:
        writer = ProjectWriter(archive, folder)
        for k, file in enumerate([song, *files]):
            name, share = NAMED.get(file["origin"], "{}").format(file_name(file["name"])), _share(progress, k, len(files) + 1)
            with _sounding(context, file, tempo, share) as audio:
                notes = _notes(context, file, tempo, analysis)
                writer.add(ProjectLane(free_name(name, taken), audio, notes, bool(file.get("muted"))))
            share(1.0)
    writer.finish(arguments["title"], arguments["artist"], analysis)


@contextmanager
def _sounding(
    context: TaskContext, file: dict[str, Any], tempo: _EvenTempo | None, share: Callable[[float], None]
) -> Iterator[AudioReader]:
    with ExitStack() as files:
        recording = files.enter_context(Recording.open(files.enter_context(context.blobs.file(file["key"])), file.get("file_name")))
        if tempo is None or file.get("retimed"):  # what was made at another tempo does not lie on the song
            yield recording.audio
            return
        warped = tempo.warped(recording, share)
        try:
            yield warped
        finally:
            warped.remove()


def _notes(context: TaskContext, file: dict[str, Any], tempo: _EvenTempo | None, analysis: MusicAnalysis | None) -> tuple[NoteEvent, ...]:
    """analysis: at the tempo of the project."""
    if not file["midi"]:
        heard = _transcribed(file, analysis) if analysis is not None else None
        return heard.notes if heard is not None else ()
    with context.blobs.file(file["midi"]) as source:
        parts = tempo.parts(source) if tempo and not file.get("retimed") else read_midi(source)
    return tuple(n for p in parts for n in p.notes)


class _EvenTempo:
    """Everything of a song onto one even grid."""

    def __init__(self, context: TaskContext, arguments: Json, folder: Path) -> None:
        self._context, self._folder = context, folder
        analysis = context.analysis(arguments["analysis_key"])
        self._map: TempoMap = even_tempo(analysis.require_grid(), analysis.duration_s, arguments["tempo_bpm"])
        self.analysis: MusicAnalysis = straightened(analysis, self._map)

    def warped(self, recording: Recording, share: Callable[[float], None]) -> ScratchAudio:
        return warped_by(recording.audio, self._map, recording, "even", share)

    def parts(self, midi: Path) -> tuple[MidiPart, ...]:
        return tuple(replace(p, notes=moved_notes(p.notes, self._map)) for p in read_midi(midi))

    def pack(self, archive: zipfile.ZipFile, file: dict[str, Any], place: str, share: Callable[[float], None]) -> None:
        with _sounding(self._context, file, self, share) as audio:
            path = write_lossless(audio, self._folder / "even")
        archive.write(path, place + path.suffix)
        path.unlink()
        if file["midi"] and file.get("retimed"):
            with self._context.blobs.file(file["midi"]) as source:
                archive.write(source, f"{place}.mid")
        elif file["midi"]:
            with self._context.blobs.file(file["midi"]) as source:
                _pack_midi(archive, f"{place}.mid", self.parts(source), self.analysis)
        elif (part := _transcribed(file, self.analysis)) is not None:
            _pack_midi(archive, f"{place}.mid", (part,), self.analysis)
        share(1.0)

    def pack_timeline(self, archive: zipfile.ZipFile) -> None:
        """The analysis on the even grid, its MIDI, and the way back to the tempo that was played."""
        jams, midi, tempo_map = (self._folder / name for name in ("analysis.jams", "timeline.mid", MAP_NAME))
        write_jams(self.analysis, jams)
        write_midi(midi, self.analysis.require_grid(), (), self.analysis)
        write_tempo_map(self._map, tempo_map)
        for path in (jams, midi, tempo_map):
            archive.write(path, path.name)


def _share(progress: Progress, done: int, count: int) -> Callable[[float], None]:
    return lambda s: progress("pack", (done + s) / count)
