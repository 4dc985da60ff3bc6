"""Right and wrong stems of one song, through the product's own band, renderer and channel strips.

Errors of writing (half and double tempo, 1 % fast, transposed, chords shuffled) are made by giving the band a wrong analysis, errors
of place by delaying the right stem.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sideman.core.audio import AudioClip, AudioReader, blocks, resampled_blocks
from sideman.core.fit.listening import SAMPLE_RATE_HZ, Heard, listen
from sideman.core.generation import GenerationRequest, SessionBand, SongContext
from sideman.core.music import Annotation, BeatGrid, ChordSpan, MusicAnalysis, StemRole

SHIFTS = {"quarter": 0.25, "halfbeat": 0.5, "beat": 1.0}
TRANSPOSITIONS = {"+1": 1, "-1": -1, "6": 6, "+7": 7}
FAULTS = ("quarter", "halfbeat", "beat", "bar", "tempo1", "half", "double", "+1", "-1", "6", "+7", "shuffle")
EXCERPT_S = 64.0


@dataclass(frozen=True, eq=False)
class Stem:
    """fault is `right` for the stem as it should be."""

    fault: str
    heard: Heard


def mono_22k(reader: AudioReader) -> np.ndarray:
    return np.concatenate(list(resampled_blocks(reader, SAMPLE_RATE_HZ, lambda b: b.mean(0, keepdims=True))), 1)


def _value(annotation: Annotation | None, value: object) -> Annotation | None:
    return replace(annotation, value=value) if annotation else None


def with_grid(analysis: MusicAnalysis, grid: BeatGrid) -> MusicAnalysis:
    return replace(analysis, grid=_value(analysis.grid, grid))


def half_tempo(analysis: MusicAnalysis) -> MusicAnalysis:
    grid = analysis.require_grid()
    times = grid.times[::2]
    return with_grid(analysis, BeatGrid.from_times(times, np.arange(len(times)) % grid.meter.beats_per_bar + 1, grid.meter))


def double_tempo(analysis: MusicAnalysis) -> MusicAnalysis:
    grid = analysis.require_grid()
    times = grid.seconds_at(np.arange(2 * len(grid) - 1) / 2)
    return with_grid(analysis, BeatGrid.from_times(times, np.arange(len(times)) % grid.meter.beats_per_bar + 1, grid.meter))


def one_percent_fast(analysis: MusicAnalysis) -> MusicAnalysis:
    grid = analysis.require_grid()
    first = grid.times[0]

    def squeeze(t: float) -> float:
        return first + (t - first) * 0.99

    chords = tuple(replace(c, start_s=squeeze(c.start_s), end_s=squeeze(c.end_s)) for c in analysis.chords.value) if analysis.chords else ()
    sections = (
        tuple(replace(s, start_s=squeeze(s.start_s), end_s=squeeze(s.end_s)) for s in analysis.sections.value) if analysis.sections else ()
    )
    fast = BeatGrid.from_times(squeeze(grid.times), grid.positions, grid.meter)
    return replace(with_grid(analysis, fast), chords=_value(analysis.chords, chords), sections=_value(analysis.sections, sections))


def transposed(analysis: MusicAnalysis, semitones: int) -> MusicAnalysis:
    chords = tuple(replace(c, chord=c.chord.transposed(semitones)) for c in analysis.chords.value) if analysis.chords else ()
    key = analysis.key.value if analysis.key else None
    moved = replace(key, tonic=(key.tonic + semitones) % 12) if key else None
    return replace(analysis, chords=_value(analysis.chords, chords), key=_value(analysis.key, moved))


def shuffled(analysis: MusicAnalysis, rng: np.random.Generator) -> MusicAnalysis | None:
    """Each bar takes the chords of another bar; the permutation of 200 that keeps the fewest. None for a one-chord song."""
    grid = analysis.require_grid()
    spans = analysis.chords.value if analysis.chords else ()
    if len({s.chord for s in spans if s.chord.root is not None}) < 2:
        return None
    edges = [float(grid.seconds_at(b.first_beat)) for b in grid.bars] + [
        float(grid.seconds_at(grid.bars[-1].first_beat + grid.bars[-1].beats))
    ]
    bars: list[tuple[tuple[float, object], ...]] = []
    for a, b in itertools.pairwise(edges):
        inside = [s for s in spans if s.end_s > a + 0.02 and s.start_s < b - 0.02]
        bars.append(tuple((round(max(0.0, (s.start_s - a) / (b - a)) * 16) / 16, s.chord) for s in inside))
    orders = [rng.permutation(len(bars)) for _ in range(200)]
    order = min(orders, key=lambda o: sum(bars[i] == bars[int(o[i])] for i in range(len(bars))))
    out: list[ChordSpan] = []
    for i, (a, b) in enumerate(itertools.pairwise(edges)):
        cells = bars[int(order[i])]
        for k, (share, chord) in enumerate(cells):
            end = cells[k + 1][0] if k + 1 < len(cells) else 1.0
            out.append(ChordSpan(a + share * (b - a), a + end * (b - a), chord))  # type: ignore[arg-type]
    return replace(analysis, chords=_value(analysis.chords, tuple(out)))


class StemMaker:
    """All stems of one role and style on one analysis."""

    def __init__(self, band: SessionBand, folder: Path, tuning_semitones: float, lufs: float) -> None:
        self.band, self.folder, self.tuning, self.lufs = band, folder, tuning_semitones, lufs

    def sound(self, analysis: MusicAnalysis, role: StemRole, style: str, seed: int) -> np.ndarray:
        """Mono at 22,050 Hz, [1, n]."""
        context = replace(SongContext.from_analysis(analysis), loudness_lufs=self.lufs)
        frames = round(analysis.duration_s * 44100)
        stem = self.band.generate(context, GenerationRequest(role, style, seed, frames, 44100), self.folder)
        mono = mono_22k(stem.audio)
        stem.audio.remove()
        return mono

    def heard(self, mono: np.ndarray) -> Heard:
        return listen(AudioClip(mono, SAMPLE_RATE_HZ), self.tuning)

    def stems(self, analysis: MusicAnalysis, role: StemRole, style: str, seed: int, without: Collection[str] = ()) -> Iterator[Stem]:
        right = self.sound(analysis, role, style, seed)
        heard = self.heard(right)
        if heard.silent:
            return
        yield Stem("right", heard)
        grid, rng = analysis.require_grid(), np.random.default_rng(seed)
        beat = float(np.median(np.diff(grid.times)))
        for name, share in {**SHIFTS, "bar": float(grid.meter.beats_per_bar)}.items():
            n = round(share * beat * SAMPLE_RATE_HZ)
            yield Stem(name, self.heard(np.pad(right, ((0, 0), (n, 0)))[:, : right.shape[1]]))
        wrong = {"tempo1": one_percent_fast(analysis), "half": half_tempo(analysis), "double": double_tempo(analysis)}
        if role.pitched:
            wrong |= {name: transposed(analysis, n) for name, n in TRANSPOSITIONS.items()}
            if (order := shuffled(analysis, rng)) is not None:
                wrong["shuffle"] = order
        for name, other in wrong.items():
            if name not in without:
                yield Stem(name, self.heard(self.sound(other, role, style, seed)))


def excerpt(reader: AudioReader, seconds: float = EXCERPT_S) -> AudioClip:
    frames = round(seconds * reader.sample_rate_hz)
    return AudioClip(
        np.concatenate([b for b in blocks(AudioClip(reader.read(0, frames).samples, reader.sample_rate_hz), frames)], 1),
        reader.sample_rate_hz,
    )
