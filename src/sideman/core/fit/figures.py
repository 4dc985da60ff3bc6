"""Figures beside the score: distance to the analysed grid and its chance level, tempo error, chord tones, loudness, collision, clipping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, blocks, integrated_loudness, read_padded
from sideman.core.fit.listening import SAMPLE_RATE_HZ
from sideman.core.music import MusicAnalysis, NoteEvent, steps_of_beat

LEAST_ONSETS = 8
FULL_SCALE, FLAT_STEP = 0.999, 1e-4
WINDOW, BANDS = 2048, 40
MASKED_DB = 6.0
MOST_CLIPPED = 0.002
"""Share of flat samples from which on a sound was clipped when it was made."""
LOUDNESS_POWER = 0.3
"""Of a band's energy: about how loud it is heard (Stevens)."""
BLOCK_S = 20


@dataclass(frozen=True, slots=True)
class FitFigures:
    """What the analysis and the sounds say beside the score, not in it. None where there is nothing to measure.

    onset_to_grid_ms, _p90_ms: median and 90th percentile of the distance to the nearest step of the beat; chance_to_grid_ms: of random onsets.
    masked_share: of the stem's loudness, what lies where the song is 6 dB louder. clipped_share: of its samples.
    """

    onset_to_grid_ms: float | None = None
    chance_to_grid_ms: float | None = None
    chord_tone_share: float | None = None
    onset_to_grid_p90_ms: float | None = None
    tempo_error_percent: float | None = None
    chord_or_scale_share: float | None = None
    loudness_lufs: float | None = None
    masked_share: float | None = None
    clipped_share: float | None = None


def distances_to_grid_ms(onsets_s: NDArray[np.float64], analysis: MusicAnalysis) -> NDArray[np.float64]:
    """Signed distance of onsets to the nearest step (see `steps_of_beat`) of the analysed grid."""
    grid = analysis.require_grid()
    parts = steps_of_beat(grid.meter, analysis.trusted_groove)
    position = grid.beat_at(onsets_s) * parts
    return np.asarray(onsets_s - grid.seconds_at(np.round(position) / parts)) * 1000


def tempo_error_percent(onsets_s: NDArray[np.float64], analysis: MusicAnalysis) -> float | None:
    """How much the onsets run away from the grid: slope of their distance to it, in percent of the time."""
    if len(onsets_s) < LEAST_ONSETS or float(np.ptp(onsets_s)) < 1:
        return None
    off = distances_to_grid_ms(onsets_s, analysis) / 1000
    return abs(float(np.polyfit(onsets_s, off, 1)[0])) * 100


def of_onsets(onsets_s: NDArray[np.float64], analysis: MusicAnalysis, seed: int = 0) -> FitFigures:
    """Near-perfect by construction for the band: it plays on this grid. Always read beside the chance level."""
    if not len(onsets_s) or analysis.grid is None:
        return FitFigures()
    random = np.random.default_rng(seed).uniform(onsets_s.min(), onsets_s.max() + 1e-6, 2000)
    off = np.abs(distances_to_grid_ms(onsets_s, analysis))
    return FitFigures(
        onset_to_grid_ms=float(np.median(off)), onset_to_grid_p90_ms=float(np.percentile(off, 90)),
        chance_to_grid_ms=float(np.median(np.abs(distances_to_grid_ms(random, analysis)))),
        tempo_error_percent=tempo_error_percent(onsets_s, analysis),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ToneShares:
    """Of the sounding time: in the chord, and in the chord or the scale of the key."""

    chord: float
    chord_or_scale: float


def tone_shares(notes: Sequence[NoteEvent], analysis: MusicAnalysis) -> ToneShares | None:
    """By sounding time weighted with velocity; the chord and key at the middle of each note. None where no chord is known."""
    spans = analysis.key_spans.value if analysis.key_spans else ()
    inside = scale = total = 0.0
    for n in notes:
        middle = (n.start_s + min(n.end_s, n.start_s + 0.5)) / 2
        chord = analysis.chord_at(middle)
        if chord.root is None:
            continue
        key = next((s.key for s in spans if s.start_s <= middle < s.end_s), analysis.key.value if analysis.key else None)
        weight = (n.end_s - n.start_s) * (n.velocity / 127) ** 2
        tone = n.pitch % 12 in chord.pitch_classes
        total += weight
        inside += weight * tone
        scale += weight * (tone or (key is not None and n.pitch % 12 in key.scale))
    return ToneShares(inside / total, scale / total) if total else None


def clipped_share(reader: AudioReader) -> float:
    """Share of samples in runs of three or more at full scale or above that stand still: what peaks higher in floats is not clipped."""
    flat = 0
    for block in blocks(reader, reader.sample_rate_hz * 10):
        still = (np.abs(block[:, 1:]) >= FULL_SCALE) & (np.abs(np.diff(block, axis=1)) <= FLAT_STEP)
        flat += int((still[:, 1:] & still[:, :-1]).sum())
    return flat / max(1, reader.frames * reader.channels)


def masked_share(song: AudioReader, stem: AudioReader) -> float | None:
    """Of the stem's loudness, the share in cells of band and time where the song is louder by 6 dB. Mono readers at 22,050 Hz."""
    edges = np.geomspace(60, 10000, BANDS + 1) * WINDOW / SAMPLE_RATE_HZ
    first = np.unique(edges.astype(int))
    window = np.hanning(WINDOW).astype(np.float32)
    step = BLOCK_S * SAMPLE_RATE_HZ // WINDOW * WINDOW
    hidden = total = 0.0
    for start in range(0, min(song.frames, stem.frames), step):
        cells = []
        for reader in (song, stem):
            x = read_padded(reader, start, step)[0].reshape(-1, WINDOW) * window
            cells.append(np.add.reduceat(np.abs(scipy.fft.rfft(x, axis=1)) ** 2, first, axis=1)[:, :-1].astype(np.float64))
        loudness = cells[1] ** LOUDNESS_POWER
        total += float(loudness.sum())
        hidden += float((loudness * (cells[0] > cells[1] * 10 ** (MASKED_DB / 10))).sum())
    return hidden / total if total > 0 else None


def loudness_of(reader: AudioReader) -> float | None:
    lufs = integrated_loudness(reader)
    return round(lufs, 2) if np.isfinite(lufs) else None
