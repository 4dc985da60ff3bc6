"""A recording at a constant tempo: its beats onto an even grid, with the map kept, so that it can be taken back."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.core.audio.stretching import Anchor
from sideman.core.music import Annotation, BeatGrid, EnergyPoint, MusicAnalysis, NoteEvent, Provenance
from sideman.errors import UsageError

FORMAT = "sideman-tempo-map"
SLOWEST, FASTEST = 0.5, 2.0
MOST_ANCHORS = 1_000_000


@dataclass(frozen=True)
class TempoMap:
    """source_s and target_s ascend together; outside the first and last anchor the time runs as it did."""

    tempo_bpm: float
    source_s: tuple[float, ...]
    target_s: tuple[float, ...]
    source_duration_s: float

    @property
    def duration_s(self) -> float:
        return float(self.at(np.array([self.source_duration_s]))[0])

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where moments of the source are afterwards."""
        t, source, target = np.asarray(seconds, float), np.array(self.source_s), np.array(self.target_s)
        inside = np.interp(t, source, target)
        return np.where(t < source[0], target[0] - (source[0] - t), np.where(t > source[-1], target[-1] + (t - source[-1]), inside))

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """For the whole recording: what lies before the first beat and after the last is moved as it is."""
        pairs = list(zip(self.source_s, self.target_s, strict=True))
        head = [(self.source_s[0] - self.target_s[0], 0.0)] if self.target_s[0] > 0 else []
        tail = [(self.source_duration_s, self.duration_s)] if self.source_duration_s > self.source_s[-1] else []
        return tuple(Anchor(s, t) for s, t in (*head, *pairs, *tail))

    def inverse(self) -> TempoMap:
        """The way back."""
        tempo = 60 / float(np.median(np.diff(self.source_s)))
        return TempoMap(tempo, self.target_s, self.source_s, self.duration_s)


def even_tempo(grid: BeatGrid, duration_s: float, tempo_bpm: float | None = None) -> TempoMap:
    """Every beat on a constant grid, a break as long as whole beats; the first beat stays where it is. tempo_bpm: the song's own where None. Raises UsageError."""
    beats = np.concatenate([[0.0], np.cumsum(grid.intervals)])
    tempo = tempo_bpm if tempo_bpm is not None else round(60 * float(beats[-1]) / float(grid.times[-1] - grid.times[0]), 2)
    if not SLOWEST <= tempo / grid.tempo_bpm <= FASTEST:
        low, high = grid.tempo_bpm * SLOWEST, grid.tempo_bpm * FASTEST
        raise UsageError(f"{tempo:g} bpm is too far from the song's {grid.tempo_bpm:.1f}: choose {low:.0f} to {high:.0f}")
    target = float(grid.times[0]) + beats * 60 / tempo
    return TempoMap(tempo, grid.times_s, tuple(float(t) for t in target), duration_s)


def moved_notes(notes: Sequence[NoteEvent], tempo_map: TempoMap) -> tuple[NoteEvent, ...]:
    if not notes:
        return ()
    starts, ends = (tempo_map.at(np.array(times)) for times in ([n.start_s for n in notes], [n.end_s for n in notes]))
    return tuple(replace(n, start_s=max(0.0, float(a)), end_s=float(b)) for n, a, b in zip(notes, starts, ends, strict=True))


def straightened(analysis: MusicAnalysis, tempo_map: TempoMap) -> MusicAnalysis:
    """The analysis with all its times moved along."""

    def spans(found: Annotation | None) -> Annotation | None:  # type: ignore[type-arg]
        if found is None:
            return None
        starts, ends = (tempo_map.at(np.array(times)) for times in ([s.start_s for s in found.value], [s.end_s for s in found.value]))
        moved = zip(found.value, starts.tolist(), ends.tolist(), strict=True)
        return replace(found, value=tuple(replace(s, start_s=max(0.0, a), end_s=b) for s, a, b in moved))

    grid = analysis.require_grid()
    even = BeatGrid.from_times(tempo_map.at(grid.times), grid.positions, grid.meter)
    notes = tuple(replace(a, value=replace(a.value, notes=moved_notes(a.value.notes, tempo_map))) for a in analysis.notes)
    times = tempo_map.at(np.array([p.time_s for p in analysis.energy])).clip(0).tolist()
    energy = tuple(EnergyPoint(t, p.level_db) for t, p in zip(times, analysis.energy, strict=True))
    return replace(
        analysis, duration_s=tempo_map.duration_s, grid=Annotation(even, analysis.grid.confidence if analysis.grid else 1.0, Provenance("sideman straighten")),
        alternatives=(), key_spans=spans(analysis.key_spans), chords=spans(analysis.chords), sections=spans(analysis.sections),
        energy=energy, notes=notes, lyrics=spans(analysis.lyrics),
        loudness=analysis.loudness,
    )  # fmt: skip


def write_tempo_map(tempo_map: TempoMap, path: Path) -> None:
    anchors = [[round(s, 6), round(t, 6)] for s, t in zip(tempo_map.source_s, tempo_map.target_s, strict=True)]
    stored = {
        "format": FORMAT,
        "version": 1,
        "tempo_bpm": tempo_map.tempo_bpm,
        "duration_s": tempo_map.source_duration_s,
        "anchors": anchors,
    }
    path.write_text(json.dumps(stored), "utf-8")


def read_tempo_map(path: Path) -> TempoMap:
    """Raises UsageError for a file that is none."""
    try:
        stored = json.loads(path.read_text("utf-8"))
        if stored["format"] != FORMAT:
            raise ValueError("another format")
        anchors: Sequence[Sequence[float]] = stored["anchors"]
        source, target = (tuple(float(a[k]) for a in anchors) for k in (0, 1))
        rises = all(b > a for row in (source, target) for a, b in itertools.pairwise(row))
        finite = np.isfinite([*source, *target, float(stored["duration_s"])]).all()
        if not 2 <= len(source) <= MOST_ANCHORS or not rises or not finite:
            raise ValueError("its anchors do not ascend")
        return TempoMap(float(stored["tempo_bpm"]), source, target, float(stored["duration_s"]))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): name the tempo map that `sideman straighten` wrote") from error
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise UsageError(f"{path.name} is no tempo map: name the one that `sideman straighten` wrote") from error
