"""Analysis against annotation, by mir_eval (Raffel et al., ISMIR 2014). Percent, unless the name says otherwise.

Beats are untrimmed (the first five seconds count), intervals of chords span the annotation, an octave error of tempo is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mir_eval
import numpy as np
from numpy.typing import ArrayLike

from sideman.core.evaluation.references import Reference
from sideman.core.music import ChordSpan, MusicAnalysis, NoteEvent, Section

SECTION_TOLERANCE_S, SHARP_TOLERANCE_S = 3.0, 0.5
SHORTEST_NOTE_S = 0.03
CONFIDENCE_BINS = ((0.0, 0.5), (0.5, 0.8), (0.8, 1.01))


@dataclass(frozen=True, slots=True)
class AnalysisScores:
    """None where the annotation does not say."""

    name: str
    beat_f: float | None = None
    downbeat_f: float | None = None
    tempo_bpm: float | None = None
    tempo_reference_bpm: float | None = None
    tempo_error_percent: float | None = None
    key: str | None = None
    key_mirex: float | None = None
    majmin: float | None = None
    sevenths: float | None = None
    chord_segmentation: float | None = None
    section_f: float | None = None
    section_f_sharp: float | None = None
    tuning_error_cents: float | None = None
    beat_confidence: float | None = None
    key_confidence: float | None = None
    loudness_error_lu: float | None = None
    note_f: float | None = None


def beat_f(reference_s: ArrayLike, estimated_s: ArrayLike) -> float:
    """F measure within 70 ms; 0 without estimates."""
    if not np.size(estimated_s):
        return 0.0
    return 100 * float(mir_eval.beat.f_measure(np.asarray(reference_s), np.asarray(estimated_s)))


@dataclass(frozen=True, slots=True)
class ChordScores:
    majmin: float
    sevenths: float
    segmentation: float


def chord_scores(reference: Sequence[tuple[float, float, str]], estimated: Sequence[ChordSpan]) -> ChordScores:
    ref_intervals = np.array([[a, b] for a, b, _ in reference], float)
    ref_labels = [c for _, _, c in reference]
    est_intervals = np.array([[c.start_s, c.end_s] for c in estimated], float)
    est_labels = [str(c.chord) for c in estimated]
    est_intervals, est_labels = mir_eval.util.adjust_intervals(
        est_intervals, est_labels, ref_intervals.min(), ref_intervals.max(), mir_eval.chord.NO_CHORD, mir_eval.chord.NO_CHORD
    )
    intervals, ref, est = mir_eval.util.merge_labeled_intervals(ref_intervals, ref_labels, est_intervals, est_labels)
    durations = mir_eval.util.intervals_to_durations(intervals)

    def weighted(comparison: object) -> float:
        return 100 * float(mir_eval.chord.weighted_accuracy(comparison, durations))

    merged_ref = mir_eval.chord.merge_chord_intervals(ref_intervals, ref_labels)
    merged_est = mir_eval.chord.merge_chord_intervals(est_intervals, est_labels)
    return ChordScores(
        weighted(mir_eval.chord.majmin(ref, est)),
        weighted(mir_eval.chord.sevenths(ref, est)),
        100 * float(mir_eval.chord.seg(merged_ref, merged_est)),
    )


def section_f(reference: Sequence[tuple[float, float, str]], estimated: Sequence[Section], window_s: float = SECTION_TOLERANCE_S) -> float:
    """Boundary F within 3 s, in which a bar too late counts as right, or within another window."""
    ref = np.array([[a, b] for a, b, _ in reference], float)
    est = np.array([[s.start_s, s.end_s] for s in estimated], float)
    if not len(est):
        return 0.0
    _, _, f = mir_eval.segment.detection(ref, est, window=window_s, trim=True)
    return 100 * float(f)


def note_f(reference: Sequence[tuple[float, float, float]], estimated: Sequence[NoteEvent]) -> float:
    """Onset F: within 50 ms and 50 cents; ends do not count (pedals and releases make them a matter of taste)."""
    if not estimated:
        return 0.0
    rows = [np.array(r, float) for r in (reference, [(n.start_s, n.end_s, n.pitch) for n in estimated])]
    spans = [np.column_stack([r[:, 0], np.maximum(r[:, 1], r[:, 0] + SHORTEST_NOTE_S)]) for r in rows]
    hertz = [440 * 2 ** ((r[:, 2] - 69) / 12) for r in rows]
    _, _, f, _ = mir_eval.transcription.precision_recall_f1_overlap(spans[0], hertz[0], spans[1], hertz[1], offset_ratio=None)
    return 100 * float(f)


def _loudness_error(reference: Reference, a: MusicAnalysis) -> float | None:
    if reference.integrated_lufs is None or a.loudness is None:
        return None
    return abs(a.loudness.value.integrated_lufs - reference.integrated_lufs)


def interval(values: Sequence[float], resamples: int = 2000) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over recordings (percentile method, Efron 1979)."""
    x, rng = np.asarray(values, float), np.random.default_rng(0)
    means = x[rng.integers(0, len(x), (resamples, len(x)))].mean(1)
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of the recordings whose confidence lies in low..high: how many, their mean confidence, and what share is right."""

    what: str
    low: float
    high: float
    count: int
    mean_confidence: float
    right: float


def reliability(rows: Sequence[AnalysisScores]) -> tuple[Reliability, ...]:
    """Beats are right at F over 80, a key at MIREX over 99."""
    pairs = {
        "beats": [(r.beat_confidence, r.beat_f > 80) for r in rows if r.beat_f is not None and r.beat_confidence is not None],
        "key": [(r.key_confidence, r.key_mirex > 99) for r in rows if r.key_mirex is not None and r.key_confidence is not None],
    }
    out = []
    for what, known in pairs.items():
        for low, high in CONFIDENCE_BINS:
            inside = [(c, right) for c, right in known if low <= c < high]
            if inside:
                confidence, right = (float(np.mean([p[k] for p in inside])) for k in (0, 1))
                out.append(Reliability(what, low, min(high, 1.0), len(inside), confidence, right))
    return tuple(out)


def score(reference: Reference, a: MusicAnalysis) -> AnalysisScores:
    grid = a.grid.value if a.grid else None
    beats, downbeats = (grid.times, grid.downbeats_s) if grid else (np.zeros(0), np.zeros(0))
    tempo = grid.tempo_bpm if grid else None
    chords = chord_scores(reference.chords, a.chords.value) if reference.chords and a.chords else None
    key = str(a.key.value) if a.key else "none"
    tuning = None
    if reference.tuning_hz and a.tuning_hz:
        tuning = abs(1200 * float(np.log2(a.tuning_hz.value / reference.tuning_hz)))
    sections = a.sections.value if a.sections else ()
    return AnalysisScores(
        name=reference.name,
        beat_f=beat_f(reference.beats_s, beats) if reference.beats_s else None,
        downbeat_f=beat_f(reference.downbeats_s, downbeats) if reference.downbeats_s else None,
        tempo_bpm=tempo,
        tempo_reference_bpm=reference.tempo_bpm,
        tempo_error_percent=100 * abs((tempo or 0) / reference.tempo_bpm - 1) if reference.tempo_bpm else None,
        key=key,
        key_mirex=(100 * float(mir_eval.key.weighted_score(str(reference.key), key)) if a.key else 0.0) if reference.key else None,
        majmin=chords.majmin if chords else None,
        sevenths=chords.sevenths if chords else None,
        chord_segmentation=chords.segmentation if chords else None,
        section_f=section_f(reference.sections, sections) if reference.sections else None,
        section_f_sharp=section_f(reference.sections, sections, SHARP_TOLERANCE_S) if reference.sections else None,
        tuning_error_cents=tuning,
        beat_confidence=a.grid.confidence if a.grid else None,
        key_confidence=a.key.confidence if a.key else None,
        loudness_error_lu=_loudness_error(reference, a),
        note_f=note_f(reference.notes, [n for track in a.notes for n in track.value.notes]) if reference.notes and a.notes else None,
    )
