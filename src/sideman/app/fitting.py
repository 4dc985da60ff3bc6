"""A user's own loop on a song, and a song at an even tempo."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sideman.app.analysis import FILE_NAME, corrections_beside, known_or_found
from sideman.app.engines import Engines, Source, StepProgress, no_progress, opened
from sideman.app.generation import report_json
from sideman.core.audio import Recording, write_lossless
from sideman.core.fit import ConformWish, FitReport, Placement
from sideman.core.fit.straighten import TempoMap, even_tempo, read_tempo_map, straightened, write_tempo_map
from sideman.core.music import MusicAnalysis, StemRole, part_of, write_jams, write_midi
from sideman.core.pipelines import staged
from sideman.core.pipelines.concurrency import Watch
from sideman.core.pipelines.fitting import fit_clip, refuse_unusable
from sideman.core.pipelines.songs import Song
from sideman.core.pipelines.tempo import warped_by
from sideman.errors import UsageError

MAP_NAME = "tempo-map.json"


@dataclass(frozen=True)
class FitWish:
    """at: where the clip begins (`bar 9`, `chorus`, `0:31-0:40`); within: the part of the song that it may fill. The rest: ConformWish."""

    role: StemRole = StemRole.OTHER
    at: str | None = None
    within: str | None = None
    repeat: bool | None = None
    semitones: int | None = None
    follow_chords: bool | None = None


@dataclass(frozen=True, eq=False)
class Fitted:
    path: Path
    placement: Placement
    report: FitReport


def fit(
    clip: Source, song: Source, out: Path, engines: Engines, wish: FitWish, *, analysis: MusicAnalysis | None = None,
    progress: StepProgress = no_progress,
) -> Fitted:  # fmt: skip
    """NAME.flac, as long as the song and on its beats, and NAME.fit.json into `out`. Raises UsageError, AudioError, AnalysisError."""
    with opened(song) as recording, opened(clip) as loop, staged(out, [song, clip]) as folder:
        refuse_unusable(loop)
        known = known_or_found(recording, analysis, engines, progress)
        made = fit_clip(Song(recording, known), loop, wish.role, conform_wish(wish, known), Watch(progress))
        name = Path(loop.info.name).stem or "clip"
        path = write_lossless(made.audio, folder / name)
        facts = report_json(made.report) | {"placement": placement_json(made.placement, known)}
        partial = folder / f".{name}.part"
        partial.write_text(json.dumps(facts, indent=1), "utf-8")
        os.replace(partial, folder / f"{name}.fit.json")
    return Fitted(out / path.name, made.placement, made.report)


def conform_wish(wish: FitWish, analysis: MusicAnalysis) -> ConformWish:
    """In beats of the song. Raises UsageError for parts that it does not have, AnalysisError without beats."""
    grid = analysis.require_grid()
    at_beat = round(float(grid.beat_at(part_of(analysis, wish.at)[0]))) if wish.at else None
    within = None
    if wish.within:
        start, end = part_of(analysis, wish.within)
        within = (round(float(grid.beat_at(start))), round(float(grid.beat_at(end))))
    return ConformWish(at_beat, wish.repeat, wish.semitones, wish.follow_chords, within)


def placement_json(p: Placement, analysis: MusicAnalysis) -> dict[str, object]:
    bar, beat, _ = analysis.require_grid().bar_beat_tick(float(analysis.require_grid().seconds_at(p.start_beat)))
    return {
        "tempo_ratio": round(p.tempo_ratio, 4), "semitones": round(p.semitones, 2), "start_bar": bar, "start_beat": beat, "clip_beats": p.clip_beats,
        "repeats": p.repeats, "follows_chords": p.follows_chords, "anchors": [[round(a.source_s, 4), round(a.target_s, 4)] for a in p.anchors],
    }  # fmt: skip


def straighten(
    song: Source, out: Path, engines: Engines, tempo_bpm: float | None = None, stems: Sequence[Path] = (), *,
    analysis: MusicAnalysis | None = None, progress: StepProgress = no_progress,
) -> TempoMap:  # fmt: skip
    """The song, stems of it, its analysis and MIDI tempo map at an even tempo, and tempo-map.json to take it back, into `out`."""
    with opened(song) as recording, staged(out, [song, *stems]) as folder:
        _refuse_corrected(out)
        known = known_or_found(recording, analysis, engines, progress)
        tempo_map = even_tempo(known.require_grid(), recording.duration_s, tempo_bpm)
        _warp_all(recording, stems, tempo_map, folder, progress)
        moved = straightened(known, tempo_map)
        write_jams(moved, folder / "analysis.jams")
        write_midi(folder / "timeline.mid", moved.require_grid(), (), moved)
        write_tempo_map(tempo_map, folder / MAP_NAME)
    return tempo_map


def _refuse_corrected(out: Path) -> None:
    """Corrections would lie over the even timeline as they lay over the former one."""
    if corrections_beside(out / FILE_NAME).exists():
        raise UsageError(f"{out} holds an analysis with corrections, which an even one would replace: choose another folder")


def unstraighten(song: Source, out: Path, map_file: Path, stems: Sequence[Path] = (), progress: StepProgress = no_progress) -> TempoMap:
    """What was made even, back at the tempo that it had. Raises UsageError where the map belongs to another recording."""
    tempo_map = read_tempo_map(map_file)
    with opened(song) as recording, staged(out, [song, *stems]) as folder:
        if abs(recording.duration_s - tempo_map.duration_s) > 1:
            raise UsageError(
                f"{map_file.name} is for a recording of {tempo_map.duration_s:.1f} s, and {recording.info.name} lasts {recording.duration_s:.1f} s"
            )
        _warp_all(recording, stems, tempo_map.inverse(), folder, progress)
    return tempo_map.inverse()


def _warp_all(song: Recording, stems: Sequence[Path], tempo_map: TempoMap, folder: Path, progress: StepProgress) -> None:
    with ExitStack() as files:
        others = [files.enter_context(Recording.open(path)) for path in stems]
        for other in others:
            if abs(other.duration_s - song.duration_s) > 1:
                raise UsageError(
                    f"{other.info.name} lasts {other.duration_s:.1f} s and the song {song.duration_s:.1f} s: name stems of this song"
                )
        names = [Path(r.info.name).stem or "song" for r in (song, *others)]
        if len({n.casefold() for n in names}) < len(names):
            raise UsageError("two of these files have the same name, and each is written under its own: rename one")
        for k, (recording, name) in enumerate(zip((song, *others), names, strict=True)):
            share = lambda s, k=k: progress("warp", (k + s) / len(names))  # noqa: E731
            warped = warped_by(recording.audio, tempo_map, recording, "warped", share)
            write_lossless(warped, folder / name)
            warped.remove()
