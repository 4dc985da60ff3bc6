"""The walking bass walks: roots where chords begin, steps between them, and a way into each."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sideman.core.generation import SongContext
from sideman.core.generation.band import walking
from sideman.core.generation.band.player import Player
from sideman.core.generation.band.style import style_named
from sideman.core.music import BeatGrid, Chord, Meter, ScoreNote, StemRole
from sideman.core.music.analysis import Annotation, MusicAnalysis, Provenance
from sideman.core.music.harmony import ChordSpan, Key

TWO_FIVES = ("D:min7", "G:7", "C:maj7", "C:maj7", "A:min7", "D:7", "G:maj7", "E:7")
MADE = Provenance("test")


def context(chords: tuple[str, ...] = TWO_FIVES, bars: int = 32, meter: Meter = Meter(4)) -> SongContext:  # noqa: B008 - frozen
    grid = BeatGrid.constant(140.0, bars * meter.beats_per_bar + 1, meter, 0.5)
    edges = [float(grid.seconds_at(b.first_beat)) for b in grid.bars]
    spans = [ChordSpan(a, b, Chord.parse(chords[k % len(chords)])) for k, (a, b) in enumerate(itertools.pairwise(edges))]
    key = Annotation(Key(0, "major"), 1, MADE)
    return SongContext.from_analysis(
        MusicAnalysis(edges[-1] + 1, grid=Annotation(grid, 1, MADE), chords=Annotation(tuple(spans), 1, MADE), key=key)
    )


def walked(song: SongContext, seed: int) -> list[ScoreNote]:
    player = Player(song, style_named("jazz"), seed, StemRole.BASS)
    return [n for n in walking.write(player, song.sounding_chords()) if n.length_beats > 0.5]  # without skipped eighths


def test_every_chord_is_heard_from_its_bass_and_led_into_by_a_step() -> None:
    song = context()
    steps, chromatic, entries = 0, 0, 0
    for seed in range(10):
        notes = walked(song, seed)
        for a, b in itertools.pairwise(notes):
            before, now = song.chord_at(a.beat), song.chord_at(b.beat)
            if now != before:
                assert b.pitch % 12 == now.bass_pitch_class
                entries += 1
                steps += abs(a.pitch - b.pitch) in (1, 2)
                chromatic += a.pitch % 12 not in {*before.pitch_classes, *song.key.scale}
    assert steps / entries > 0.6
    assert 0.03 < chromatic / entries < 0.4, "a chromatic step is spice"


def test_it_steps_more_than_it_leaps_and_stays_on_no_note() -> None:
    song = context()
    intervals = np.concatenate([np.abs(np.diff([n.pitch for n in walked(song, seed)])) for seed in range(10)])
    assert np.mean(np.isin(intervals, (1, 2))) > 0.4 and np.mean(intervals <= 5) > 0.85
    assert np.mean(intervals == 0) < 0.03 and np.mean(np.isin(intervals, (6, 9, 10, 11))) < 0.05
    assert intervals.max() <= 12


def test_every_beat_is_walked_and_seeds_walk_elsewhere() -> None:
    song = context()
    for meter in (Meter(3), Meter(4), Meter(5)):
        notes = walked(context(bars=8, meter=meter), 1)
        assert [round(n.beat) for n in notes][: 8 * meter.beats_per_bar] == list(range(8 * meter.beats_per_bar))
    lines = {tuple(n.pitch for n in walked(song, seed)) for seed in range(10)}
    assert len(lines) == 10 and walked(song, 3) == walked(song, 3)


@pytest.mark.parametrize("bars", [7, 8, 9, 16, 17])
def test_a_line_goes_on_across_the_pieces_in_which_it_is_searched(bars: int) -> None:
    """Pieces of 32 notes: the approach into the first chord of the next piece is as near as any other."""
    song = context(bars=bars)
    for seed in range(10):
        notes = walked(song, seed)
        leaps = [abs(a.pitch - b.pitch) for a, b in itertools.pairwise(notes)]
        assert len(notes) >= 4 * bars and max(leaps) <= 12
        assert np.mean([leap <= 5 for leap in leaps[31::32]] or [True]) == 1
