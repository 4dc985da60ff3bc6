"""Beats, harmony and sections on signals whose truth is computed."""

from __future__ import annotations

import itertools

import mir_eval
import numpy as np
import pytest

from sideman.core.analysis import analyze, sections
from sideman.core.analysis.beats import track
from sideman.core.analysis.beats.pulses import best_path, settled
from sideman.core.audio import AudioClip, Recording
from sideman.core.evaluation.scores import chord_scores
from sideman.core.music import BeatGrid, Chord, Meter
from sideman.errors import TooShort
from sideman.testing import ShortSong, faded_tone, noise, triad_song

LOOP = [Chord.parse(x) for x in ("C:maj", "A:min", "F:maj", "G:maj")]


def drifting(tempo_bpm: float, meter: Meter, duration_s: float) -> BeatGrid:
    count = int(duration_s * tempo_bpm / 60) - 2
    steps = 60 / tempo_bpm * (1 + 0.02 * np.sin(np.arange(count) / 12))
    times = 0.6 + np.concatenate([[0], np.cumsum(steps)])
    return BeatGrid.from_times(times, np.arange(count + 1) % meter.beats_per_bar + 1, meter)


def test_beats_between_the_onsets_of_another_pulse_settle_on_their_own() -> None:
    beats = np.arange(50.0, 3000.0, 58.0)
    late = np.clip(np.round(beats).astype(int) + 2, 0, 2999)
    activation = np.zeros(3000, np.float32)
    activation[late[::3]] = 1.0
    np.testing.assert_allclose(settled(beats, activation), beats + 2, atol=0.1)
    assert np.array_equal(settled(beats, np.zeros(3000, np.float32)), beats)


@pytest.mark.parametrize(("tempo", "beats"), [(92.0, 4), (124.0, 4), (150.0, 3)])
def test_beats_follow_a_drifting_song(tempo: float, beats: int) -> None:
    grid = drifting(tempo, Meter(beats), 45)
    got = track(triad_song(grid, LOOP, 45))
    assert got.grid is not None
    assert mir_eval.beat.f_measure(grid.times, got.grid.times) > 0.9
    assert mir_eval.beat.f_measure(grid.downbeats_s, got.grid.downbeats_s) > 0.9
    assert got.grid.meter.beats_per_bar == beats


@pytest.mark.parametrize(
    "clip", [noise(30, channels=1), faded_tone(440, 30, channels=1), AudioClip(np.zeros((1, 44100 * 20), np.float32), 44100)]
)
def test_no_pulse_is_found_where_there_is_none(clip: AudioClip) -> None:
    assert track(clip).grid is None


def test_the_lattice_finds_the_optimum_of_a_plain_dynamic_programme() -> None:
    """Block-vectorised Viterbi against a frame-by-frame loop on a short random activation."""
    rng = np.random.default_rng(4)
    activation = np.clip(rng.random(700) ** 4, 0, 1).astype(np.float32)
    activation[20::53] = 1.0
    path = best_path(activation, 80, 165)
    reward = 2.0 * np.log((activation + 0.05) / 0.2)
    low, high = np.log(6000 / 165), np.log(6000 / 80)
    intervals = np.unique(np.round(np.exp(np.arange(low, high + 0.01, 0.02))).astype(int))
    cost = 60.0 * np.abs(np.log(intervals)[:, None] - np.log(intervals)[None])
    best = np.zeros((700, len(intervals)))
    for t in range(700):
        for i, n in enumerate(intervals):
            best[t, i] = reward[t] + (np.max(best[t - n] - cost[i]) if t >= n else 0.0)
    steps = np.diff(path)
    change = 60.0 * np.abs(np.diff(np.log(steps))).sum()
    value = reward[path].sum() - change
    assert value == pytest.approx(best[-intervals[-1] :].max(), abs=0.05 * abs(best.max()))


@pytest.fixture(scope="module")
def harmony():
    grid = drifting(100, Meter(4), 50)
    with Recording.from_clip(triad_song(grid, LOOP, 50, detune_cents=-30)) as recording:
        return grid, analyze(recording)


def test_chords_key_and_tuning_of_a_loop(harmony) -> None:
    grid, found = harmony
    starts = [float(grid.seconds_at(b.first_beat)) for b in grid.bars]
    truth = [(a, b, str(LOOP[k % 4])) for k, (a, b) in enumerate(itertools.pairwise(starts))]
    assert chord_scores(truth, found.chords.value).majmin > 90
    assert str(found.key.value) == "C major"
    assert found.tuning_hz.value == pytest.approx(440 * 2 ** (-30 / 1200), abs=1.0)


def test_every_annotation_says_how_sure_it_is_and_who_made_it(harmony) -> None:
    _, found = harmony
    for made in (found.grid, found.key, found.key_spans, found.chords, found.sections, found.tuning_hz, found.loudness):
        assert 0 <= made.confidence <= 1 and made.provenance.engine and made.provenance.version


@pytest.mark.parametrize("last_chord", [True, False])
def test_the_bar_in_which_the_last_chord_rings_moves_no_section(last_chord: bool) -> None:
    rng = np.random.default_rng(0)
    loops, colours = rng.normal(0, 1, (2, 4, 40)), rng.normal(0, 0.5, (3, 40))
    song = [0] * 4 + [1] * 8 + [2] * 8 + [1] * 8  # intro and verse share their chords
    bars = [loops[int(k == 2)][i % 4] + colours[k] for i, k in enumerate(song)]
    ending = [loops[0][0] + colours[1]] if last_chord else []
    limits = sections.block_limits(sections._similarity(np.array(bars + ending)))
    assert limits == [0, 4, 12, 20, 28 + last_chord]


def test_chord_and_section_spans_cover_the_recording_without_gaps(harmony) -> None:
    _, found = harmony
    for spans in (found.chords.value, found.sections.value):
        assert spans[0].start_s == 0 and spans[-1].end_s == pytest.approx(found.duration_s, abs=0.1)
        assert all(a.end_s == b.start_s for a, b in itertools.pairwise(spans))


def test_a_lone_tone_has_no_chord_and_no_key() -> None:
    with Recording.from_clip(faded_tone(440, 12)) as recording:
        found = analyze(recording)
    assert found.key is None
    assert all(c.chord.root is None for c in found.chords.value)


@pytest.mark.parametrize("clip", [faded_tone(440, 1.0), AudioClip(np.zeros((2, 44100 * 8), np.float32), 44100)])
def test_too_short_or_silent_is_a_sentence(clip: AudioClip) -> None:
    with Recording.from_clip(clip, "x.wav") as recording, pytest.raises(TooShort, match=r"^x\.wav "):
        analyze(recording)


def test_a_band_recording_is_understood(song: ShortSong) -> None:
    with Recording.from_clip(song.mixture) as recording:
        found = analyze(recording)
    truth = song.truth.require_grid()
    inside = truth.times[truth.times < song.truth.duration_s]
    assert mir_eval.beat.f_measure(inside, found.require_grid().times) > 0.9
    assert found.key.value == song.truth.key.value


def test_results_do_not_depend_on_the_gain(song: ShortSong) -> None:
    with Recording.from_clip(song.mixture) as loud, Recording.from_clip(AudioClip(song.mixture.samples * np.float32(0.03), 44100)) as quiet:
        a, b = analyze(loud), analyze(quiet)
    assert np.allclose(a.require_grid().times, b.require_grid().times, atol=0.002)
    assert [c.chord for c in a.chords.value] == [c.chord for c in b.chords.value]
