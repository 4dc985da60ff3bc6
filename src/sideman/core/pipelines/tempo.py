"""A recording at another or an even tempo: warped, with its analysis moved along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sideman.core.audio import AudioReader, Recording, ScratchAudio, SourceInfo, warp
from sideman.core.audio.stretching import needed_anchors
from sideman.core.fit.straighten import TempoMap, even_tempo, straightened
from sideman.core.music import BeatGrid, Correction, corrected
from sideman.core.pipelines.songs import Song

SAME = 0.005
"""A tempo so near is the song's own."""
OCTAVES = (("same", 1.0), ("halve-tempo", 0.5), ("double-tempo", 2.0))
OCTAVE_SLACK = 0.04
"""A tempo so near to the song's half or double is another reading of it, brought to the tempo where it is off a little."""


def warped_by(reader: AudioReader, tempo_map: TempoMap, song: Recording, name: str, progress: Callable[[float], None]) -> ScratchAudio:
    """A reader with the length of the mapped recording. Stems of a song are moved by the song's map."""
    frames = round(tempo_map.duration_s * reader.sample_rate_hz)
    return warp(reader, needed_anchors(tempo_map.anchors), frames, song.scratch_folder / f"{name}.f32", progress)


def reading_near(grid: BeatGrid, tempo_bpm: float) -> str:
    """`halve-tempo` or `double-tempo` where that is what a tempo means on this song, else `same`."""
    name, factor = min(OCTAVES, key=lambda o: abs(tempo_bpm / (grid.tempo_bpm * o[1]) - 1))
    return name if abs(tempo_bpm / (grid.tempo_bpm * factor) - 1) <= OCTAVE_SLACK else "same"


@dataclass(frozen=True, eq=False)
class Retimed:
    """A song at another tempo; tempo_map None: its sound is as it was."""

    song: Song
    tempo_map: TempoMap | None = None


def at_tempo(song: Song, tempo_bpm: float, progress: Callable[[float], None]) -> Retimed:
    """The song read at its half or double tempo where the tempo says so, and warped to it where it is another one.

    Raises UsageError, AnalysisError. A warped song has a recording of its own, which lies in the scratch folder of the old one.
    """
    reading = reading_near(song.analysis.require_grid(), tempo_bpm)
    if reading != "same":
        song = replace(song, analysis=corrected(song.analysis, [Correction(reading, {})]))
    grid = song.analysis.require_grid()
    if abs(tempo_bpm / grid.tempo_bpm - 1) <= SAME:
        return Retimed(song)
    tempo_map = even_tempo(grid, song.analysis.duration_s, tempo_bpm)
    moved = warped_by(song.recording.audio, tempo_map, song.recording, f"at-{tempo_bpm:g}-bpm", progress)
    return Retimed(Song(_as_recording(moved, song.recording.info, song.recording), straightened(song.analysis, tempo_map)), tempo_map)


def _as_recording(audio: ScratchAudio, info: SourceInfo, song: Recording) -> Recording:
    """A recording of its own over a scratch file, whose views lie in a folder of their own inside the song's."""
    folder = song.scratch_folder / f"{audio.path.stem}-views"
    folder.mkdir(exist_ok=True)
    return Recording(audio, info, folder)
