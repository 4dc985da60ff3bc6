"""A song with all its stems as one file for a sequencer."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sideman.core.audio import AudioReader, Recording, write_audio
from sideman.core.export import Project, ProjectTrack, write_project
from sideman.core.music import MusicAnalysis, NoteEvent


@dataclass(frozen=True, eq=False)
class ProjectLane:
    """name: of its own in the song. notes: what it plays, where that is known."""

    name: str
    audio: AudioReader
    notes: tuple[NoteEvent, ...] = ()
    muted: bool = False


class ProjectWriter:
    """Lane after lane, so that no more than one lies on the disk as WAV beside the archive; `finish` writes what holds them together."""

    def __init__(self, archive: zipfile.ZipFile, folder: Path) -> None:
        self._archive, self._wave = archive, folder / "lane.wav"
        self._tracks: list[ProjectTrack] = []

    def add(self, lane: ProjectLane) -> None:
        file, audio = f"audio/{lane.name}.wav", lane.audio
        write_audio(audio, self._wave)
        self._archive.write(self._wave, file, zipfile.ZIP_STORED)
        self._wave.unlink()
        self._tracks.append(ProjectTrack(lane.name, file, audio.frames, audio.sample_rate_hz, audio.channels, lane.notes, lane.muted))

    def finish(self, title: str, artist: str, analysis: MusicAnalysis | None) -> None:
        longest_s = max(t.frames / t.sample_rate_hz for t in self._tracks)
        write_project(self._archive, Project(title, analysis or MusicAnalysis(longest_s), tuple(self._tracks), artist))


def write_song_project(path: Path, recording: Recording, analysis: MusicAnalysis, lanes: Sequence[ProjectLane]) -> None:
    """The recording, muted, and the lanes, into a new file."""
    tags = [recording.info.tag(k) or "" for k in ("title", "artist")]
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        writer = ProjectWriter(archive, recording.scratch_folder)
        for lane in (ProjectLane("song", recording.audio, muted=True), *lanes):
            writer.add(lane)
        writer.finish(tags[0] or Path(recording.info.name).stem, tags[1], analysis)
