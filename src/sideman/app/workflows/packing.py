"""The task of an export: stems, MIDI and analysis in a ZIP, as they are or at an even tempo."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from sideman.app.fitting import MAP_NAME
from sideman.app.workflows.context import Json, Progress, TaskContext, task_folder
from sideman.core.audio import Recording, write_lossless
from sideman.core.fit.straighten import TempoMap, even_tempo, moved_notes, straightened, write_tempo_map
from sideman.core.music import MusicAnalysis, read_midi, write_jams, write_midi
from sideman.core.pipelines.tempo import warped_by

LONGEST_NAME = 200


def export_zip(context: TaskContext, arguments: Json, inputs: Json, progress: Progress) -> Json:
    """Stems and MIDI by origin, and the analysis, in a ZIP that stores audio as it is."""
    with task_folder() as folder:
        out, taken = folder / "stems.zip", set[str]()
        tempo = _EvenTempo(context, arguments, folder) if arguments.get("tempo_bpm") else None
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for k, file in enumerate(arguments["files"]):
                place = _unique(f"{file['origin']}/{_plain(file['name'])}", taken)
                share = _share(progress, k, len(arguments["files"]) + (tempo is not None))
                if tempo is None:
                    with context.blobs.file(file["key"]) as path:
                        archive.write(path, f"{place}.{file['container']}")
                    if file["midi"]:
                        archive.writestr(f"{place}.mid", b"".join(context.blobs.read(file["midi"])))
                else:
                    tempo.pack(archive, file, place, share)
                share(1.0)
            if tempo is not None:
                song = {"key": arguments["recording_key"], "midi": None, "file_name": arguments["recording_name"]}
                last = _share(progress, len(arguments["files"]), len(arguments["files"]) + 1)
                tempo.pack(archive, song, _unique(_plain(arguments["title"]), taken), last)
                tempo.pack_timeline(archive)
            elif arguments["analysis_key"]:
                archive.writestr("analysis.jams", b"".join(context.blobs.read(arguments["analysis_key"])))
        return {"blob_key": context.blobs.put(out), "size_bytes": out.stat().st_size}


class _EvenTempo:
    """Everything of a song onto one even grid."""

    def __init__(self, context: TaskContext, arguments: Json, folder: Path) -> None:
        self._blobs, self._folder = context.blobs, folder
        analysis = context.analysis(arguments["analysis_key"])
        self._map: TempoMap = even_tempo(analysis.require_grid(), analysis.duration_s, arguments["tempo_bpm"])
        self._analysis: MusicAnalysis = straightened(analysis, self._map)

    def pack(self, archive: zipfile.ZipFile, file: dict[str, Any], place: str, share: Callable[[float], None]) -> None:
        with ExitStack() as files:
            recording = files.enter_context(Recording.open(files.enter_context(self._blobs.file(file["key"])), file.get("file_name")))
            warped = warped_by(recording.audio, self._map, recording, "even", share)
            path = write_lossless(warped, self._folder / "even")
            warped.remove()
            archive.write(path, place + path.suffix)
            path.unlink()
        if file["midi"]:
            with self._blobs.file(file["midi"]) as source:
                parts = tuple(replace(p, notes=moved_notes(p.notes, self._map)) for p in read_midi(source))
            midi = self._folder / "even.mid"
            write_midi(midi, self._analysis.require_grid(), parts, self._analysis)
            archive.write(midi, f"{place}.mid")

    def pack_timeline(self, archive: zipfile.ZipFile) -> None:
        """The analysis on the even grid, its MIDI, and the way back to the tempo that was played."""
        jams, midi, tempo_map = (self._folder / name for name in ("analysis.jams", "timeline.mid", MAP_NAME))
        write_jams(self._analysis, jams)
        write_midi(midi, self._analysis.require_grid(), (), self._analysis)
        write_tempo_map(self._map, tempo_map)
        for path in (jams, midi, tempo_map):
            archive.write(path, path.name)


def _share(progress: Progress, done: int, count: int) -> Callable[[float], None]:
    return lambda s: progress("pack", (done + s) / count)


def _plain(name: str) -> str:
    """Letters, digits and a little more, short enough for the name of a file with its suffix."""
    plain = "".join(c if c.isalnum() or c in " -_()" else "_" for c in name)
    return plain.encode()[:LONGEST_NAME].decode(errors="ignore").strip() or "stem"


def _unique(name: str, taken: set[str]) -> str:
    free = next(n for n in (name, *(f"{name} {k}" for k in range(2, 1000))) if n not in taken)
    taken.add(free)
    return free
