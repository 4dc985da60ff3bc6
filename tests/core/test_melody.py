"""The lead sings: phrases that come to rest, motifs that return, more steps than leaps, dissonance only in passing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sideman.core.generation import SongContext, styles
from sideman.core.generation.band.melody import write
from sideman.core.generation.band.player import Player
from sideman.core.generation.band.style import style_named
from sideman.core.music import BeatGrid, Chord, Meter, ScoreNote, StemRole
from sideman.core.music.analysis import Annotation, MusicAnalysis, Provenance
from sideman.core.music.harmony import ChordSpan, Key

STYLES = list(styles())
BARS = 16
MADE = Provenance("test")


def context(*chords: str, meter: Meter = Meter(4), key: Key = Key(0, "major")) -> SongContext:  # noqa: B008 - frozen
    grid = BeatGrid.constant(70.0 if meter.compound else 110.0, BARS * meter.beats_per_bar + 1, meter, 0.5)
    edges = [float(grid.seconds_at(b.first_beat)) for b in grid.bars]
    spans = tuple(ChordSpan(a, b, Chord.parse(chords[k % len(chords)])) for k, (a, b) in enumerate(itertools.pairwise(edges)))
    return SongContext.from_analysis(
        MusicAnalysis(edges[-1] + 1, grid=Annotation(grid, 1, MADE), chords=Annotation(spans, 1, MADE), key=Annotation(key, 1, MADE))
    )


CHORDS = ("C:maj", "A:min7", "F:maj", "G:7")


def line(song: SongContext, style: str, seed: int, role: StemRole = StemRole.LEAD) -> list[ScoreNote]:
    return write(Player(song, style_named(style), seed, role))


@pytest.mark.parametrize("meter", [Meter(3), Meter(4), Meter(2, True), Meter(4, True)])
@pytest.mark.parametrize("style", STYLES)
def test_a_phrase_comes_to_rest_on_a_beat_and_breathes(style: str, meter: Meter) -> None:
    song = context(*CHORDS, meter=meter)
    beat = 3 if meter.compound else 1
    for seed, role in itertools.product(range(5), (StemRole.LEAD, StemRole.VOCALS)):
        notes = line(song, style, seed, role)
        for phrase in range(BARS // 4):
            bar = song.bars[phrase * 4 + 3]
            last = max((n for n in notes if bar.start <= n.beat < bar.end), key=lambda n: n.beat)
            assert (last.beat - bar.start) % beat == pytest.approx(0, abs=1e-6) and last.beat - bar.start < bar.pulses / 2
            assert last.length_beats >= 0.85 * beat
            assert last.beat + last.length_beats < bar.end - bar.pulses / 10
            assert last.pitch % 12 in song.chord_at(last.beat).pitch_classes


def test_an_answer_ends_on_the_root_more_often_than_a_question() -> None:
    song = context(*CHORDS)
    rests = [{"question": 0, "answer": 0} for _ in STYLES]
    for count, style in zip(rests, STYLES, strict=True):
        for seed in range(20):
            notes = line(song, style, seed)
            for phrase in range(4):
                bar = song.bars[phrase * 4 + 3]
                last = max((n for n in notes if bar.start <= n.beat < bar.end), key=lambda n: n.beat)
                count["answer" if phrase % 2 else "question"] += last.pitch % 12 == song.chord_at(last.beat).root
    assert sum(c["answer"] for c in rests) > 1.3 * sum(c["question"] for c in rests)


def test_lines_move_by_steps_and_hardly_ever_by_tritone_or_seventh() -> None:
    song = context(*CHORDS)
    intervals = np.concatenate([np.abs(np.diff([n.pitch for n in line(song, s, seed)])) for s in STYLES for seed in range(5)])
    assert np.mean((intervals > 0) & (intervals <= 4)) > 0.6  # steps, and the thirds of lines that touch strong beats alone
    assert np.mean(intervals == 0) < 0.2
    assert np.mean(np.isin(intervals, (6, 10, 11)) | (intervals > 12)) < 0.03


@pytest.mark.parametrize("style", STYLES)
def test_a_motif_returns_with_its_rhythm_and_its_contour(style: str) -> None:
    """Bars one and three of a phrase against bars one and two: what returns is nearer to its model than the answer is."""
    song = context("C:maj")
    back, answer = [], []
    for seed in range(20):
        notes = line(song, style, seed)
        for phrase in range(2):
            first, second, third = (
                {
                    round(4 * (n.beat - song.bars[4 * phrase + k].start)): n.pitch
                    for n in notes
                    if song.bars[4 * phrase + k].start <= n.beat < song.bars[4 * phrase + k].end
                }
                for k in range(3)
            )
            back.append(_likeness(first, third))
            answer.append(_likeness(first, second))
    assert np.mean(back) > np.mean(answer)


def _likeness(a: dict[int, int], b: dict[int, int]) -> float:
    """Share of places that both have, times the likeness of the pitches there, each about its own mean."""
    both = sorted(set(a) & set(b))
    if len(both) < 2:
        return 0.0
    x, y = (np.array([bar[k] for k in both], float) for bar in (a, b))
    return len(both) / len(set(a) | set(b)) / (1 + float(np.abs((x - x.mean()) - (y - y.mean())).mean()))


def test_a_rest_ends_with_its_chord() -> None:
    """Two chords a bar: the last note of a phrase does not sound on over the second one."""
    bars = context(*CHORDS)
    spans = [
        ChordSpan(a + k * (b - a) / 2, a + (k + 1) * (b - a) / 2, Chord.parse(("C:maj", "F#:maj")[k]))
        for a, b in ((float(bars.seconds_at(x.start)), float(bars.seconds_at(x.end))) for x in bars.bars)
        for k in range(2)
    ]
    grid, key = Annotation(bars.grid, 1, MADE), Annotation(Key(0, "major"), 1, MADE)
    song = SongContext.from_analysis(MusicAnalysis(bars.duration_s + 1, grid=grid, chords=Annotation(tuple(spans), 1, MADE), key=key))
    for style, seed in itertools.product(STYLES, range(5)):
        notes = line(song, style, seed)
        for phrase in range(BARS // 4):
            bar = song.bars[phrase * 4 + 3]
            last = max((n for n in notes if bar.start <= n.beat < bar.end), key=lambda n: n.beat)
            assert last.pitch % 12 in song.chord_at(last.beat + last.length_beats - 0.05).pitch_classes


def test_over_a_borrowed_chord_the_scale_gives_way() -> None:
    """E major in A minor has a G sharp: no G and no A is sounded beside it except as a chord tone."""
    song = context("A:min", "E:maj", key=Key(9, "minor"))
    for style, seed in itertools.product(("rock", "jazz", "country"), range(10)):
        for n in line(song, style, seed):
            if song.chord_at(n.beat).root == 4:
                assert n.pitch % 12 not in (7, 9), style


def test_in_compound_time_only_the_felt_beats_ask_for_chord_tones() -> None:
    song = context(*CHORDS, meter=Meter(2, True))
    found = [n for style in STYLES for seed in range(5) for n in line(song, style, seed) if song.chord_at(n.beat).root is not None]
    passing = [n for n in found if n.pitch % 12 not in song.chord_at(n.beat).pitch_classes]
    assert 0.03 < len(passing) / len(found) < 0.4
    assert all(n.beat % 3 > 0.1 for n in passing)


def test_seeds_are_other_melodies_and_the_same_seed_the_same() -> None:
    song = context(*CHORDS)
    melodies = {tuple((n.beat, n.pitch) for n in line(song, "pop", seed)) for seed in range(20)}
    assert len(melodies) > 18 and line(song, "pop", 3) == line(song, "pop", 3)
