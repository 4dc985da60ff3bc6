"""Bring somebody's own loop or stem onto a song: find its place, warp and transpose it, give it its level, and let the judge hear it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sideman.core import fit
from sideman.core.analysis import beats
from sideman.core.audio import AudioReader, Recording, ScratchAudio, ScratchWriter, blocks, integrated_loudness, resampled_blocks, warp
from sideman.core.audio.clip import fold_to_stereo
from sideman.core.audio.stretching import needed_anchors
from sideman.core.fit import ConformWish, Meeting, Placement, figures
from sideman.core.fit.listening import SAMPLE_RATE_HZ
from sideman.core.music import MusicAnalysis, StemRole
from sideman.core.music.roles import LEVEL_LU, USUAL_LEVEL_LU
from sideman.core.pipelines.concurrency import Watch
from sideman.core.pipelines.performing import figures_of, judged_mono, tempo_warnings
from sideman.core.pipelines.songs import Song
from sideman.errors import NoAudio, UnreadableAudio

CEILING = 0.98
SHORTEST_TRACKED_S = 4.0
SHORTEST_S = 0.25


@dataclass(frozen=True, eq=False)
class FittedClip:
    """audio: stereo, as long as the song, at its rate."""

    audio: ScratchAudio
    placement: Placement
    report: fit.FitReport


def refuse_unusable(clip: Recording) -> None:
    """Raises NoAudio for silence and what is too short, UnreadableAudio for sound that was clipped when it was made."""
    name = clip.info.name
    if clip.condition.silent:
        raise NoAudio(f"{name} is silent (peak below -80 dBFS): there is nothing to fit")
    if clip.duration_s < SHORTEST_S:
        raise NoAudio(f"{name} lasts {clip.duration_s:.2f} s: a loop needs {SHORTEST_S:g} s or more")
    share = figures.clipped_share(clip.audio)
    if share > figures.MOST_CLIPPED:
        raise UnreadableAudio(
            f"{name} is clipped: {100 * share:.1f} % of its samples are flat at full scale; export it again at a lower level"
        )


def _readings(clip: Recording, analysis: MusicAnalysis) -> list[np.ndarray]:
    tracked = []
    if clip.duration_s >= SHORTEST_TRACKED_S:
        found = beats.track(clip.mono(beats.onsets.SAMPLE_RATE_HZ))
        tracked = [g.times for g in (found.grid, *(a.grid for a in found.alternatives)) if g is not None]
    return fit.beat_readings(tracked, clip.duration_s, analysis.require_grid())


def _at_songs_rate(clip: Recording, rate: int) -> ScratchAudio:
    with ScratchWriter(clip.scratch_folder / "at-songs-rate.f32", rate, 2) as writer:
        for block in resampled_blocks(clip.audio, rate, fold_to_stereo):
            writer.write(block)
        return writer.finish()


def _levelled(audio: ScratchAudio, song: AudioReader, role: StemRole, clip: Recording) -> ScratchAudio:
    """At the loudness of its role against the song, under full scale."""
    own, of_song = integrated_loudness(audio), integrated_loudness(song)
    gain = 10 ** ((of_song + LEVEL_LU.get(role, USUAL_LEVEL_LU) - own) / 20) if np.isfinite(own) and np.isfinite(of_song) else 1.0
    peak = max((float(np.abs(b).max()) for b in blocks(audio, audio.sample_rate_hz * 10) if b.size), default=0.0)
    gain = min(gain, CEILING / peak) if peak > 0 else gain
    with ScratchWriter(clip.scratch_folder / "fitted.f32", audio.sample_rate_hz, 2) as writer:
        for block in blocks(audio, audio.sample_rate_hz * 10):
            writer.write(block * np.float32(gain))
        return writer.finish()


def fit_clip(song: Song, clip: Recording, role: StemRole, wish: ConformWish, watch: Watch) -> FittedClip:
    """Raises UsageError where no tempo of the clip is near the song's, NoAudio, UnreadableAudio, and AnalysisError for a song without beats."""
    refuse_unusable(clip)
    grid, recording = song.analysis.require_grid(), song.recording
    watch("listen", 0.0)
    heard_song = fit.listen(recording.mono(SAMPLE_RATE_HZ))
    watch("listen", 0.4)
    heard_clip = fit.listen(clip.mono(SAMPLE_RATE_HZ))
    readings = _readings(clip, song.analysis)
    watch("listen", 1.0)
    changes = tuple(c.start_s for c in (song.analysis.chords.value if song.analysis.chords else ()))
    placement = fit.place(Meeting(heard_song, grid, heard_clip, role, changes), readings, wish)
    watch("warp", 0.0)
    source = _at_songs_rate(clip, recording.sample_rate_hz)
    warped = warp(source, needed_anchors(placement.anchors), recording.frames, clip.scratch_folder / "warped.f32", watch.step("warp"))
    audio = _levelled(warped, recording.audio, role, clip)
    for used in (source, warped):
        used.remove()
    watch("judge", 0.0)
    mono = judged_mono(audio, clip.scratch_folder / "judged.f32")
    report = fit.judge(heard_song, fit.listen(mono, heard_song.tuning_semitones), role)
    report = fit.with_figures(report, figures_of(audio, mono, (), song, role), tempo_warnings(song.analysis))
    watch("judge", 1.0)
    return FittedClip(audio, placement, report)
