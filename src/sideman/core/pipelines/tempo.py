"""A recording at another or an even tempo: warped, with its analysis moved along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sideman.core.audio import AudioReader, Recording, ScratchAudio, SourceInfo, warp
from sideman.core.audio.stretching import needed_anchors
from sideman.core.fit.straighten import TempoMap, even_tempo, straightened
from sideman.core.music import BeatGrid, Correction, corrected
from sideman.core.pipelines.new_stems import Song

SAME_LEVEL = 0.04
"""A tempo so near to the song's, its half or its double is another reading of the same song, not another tempo."""


def warped_by(reader: AudioReader, tempo_map: TempoMap, song: Recording, name: str, progress: Callable[[float], None]) -> ScratchAudio:
    """A reader with the length of the mapped recording. Stems of a song are moved by the song's map."""
    frames = round(tempo_map.duration_s * reader.sample_rate_hz)
    return warp(reader, needed_anchors(tempo_map.anchors), frames, song.scratch_folder / f"{name}.f32", progress)


def reading_near(grid: BeatGrid, tempo_bpm: float) -> str | None:
    """`same`, `halve-tempo` or `double-tempo` where that is what a tempo means on this song; None for another tempo."""
    for name, factor in (("same", 1.0), ("halve-tempo", 0.5), ("double-tempo", 2.0)):
        if abs(tempo_bpm / (grid.tempo_bpm * factor) - 1) <= SAME_LEVEL:
            return name
    return None


def at_tempo(song: Song, tempo_bpm: float, progress: Callable[[float], None]) -> Song:
    """The song read at its half or double tempo where the tempo says so, else warped to it. Raises UsageError, AnalysisError."""
    grid = song.analysis.require_grid()
    reading = reading_near(grid, tempo_bpm)
    if reading == "same":
        return song
    if reading is not None:
        return replace(song, analysis=corrected(song.analysis, [Correction(reading, {})]))
    tempo_map = even_tempo(grid, song.analysis.duration_s, tempo_bpm)
    moved = warped_by(song.recording.audio, tempo_map, song.recording, "at-tempo", progress)
    return Song(_as_recording(moved, song.recording.info, song.recording), straightened(song.analysis, tempo_map))


def _as_recording(audio: ScratchAudio, info: SourceInfo, song: Recording) -> Recording:
    """A recording of its own over a scratch file, whose views lie in a folder of their own inside the song's."""
    folder = song.scratch_folder / f"{audio.path.stem}-views"
    folder.mkdir(exist_ok=True)
    return Recording(audio, info, folder)
