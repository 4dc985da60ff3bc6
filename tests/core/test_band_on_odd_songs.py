"""What the band plays where a song is not four even beats under whole-bar chords: pushes, breaks, pick-ups, stops, parts of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sideman.carried import carried
from sideman.core.audio import AudioClip, integrated_loudness, read_all
from sideman.core.fit.conform import ConformWish, Meeting, beat_readings, place
from sideman.core.fit.figures import MOST_CLIPPED, clipped_share
from sideman.core.fit.listening import SAMPLE_RATE_HZ, listen
from sideman.core.generation import GenerationRequest, SessionBand, SongContext
from sideman.core.generation.soundfont import Preset, Renderer
from sideman.core.music import Annotation, BeatGrid, Chord, ChordSpan, Key, Meter, MusicAnalysis, NoteEvent, Provenance, Section, StemRole
from sideman.core.pipelines.splicing import spliced_notes

KNOWN = Provenance("user")
EVEN = BeatGrid.constant(120, 41, Meter(4))


def song(
    chords: Sequence[tuple[float, float, str]], grid: BeatGrid | None = EVEN, sections: Sequence[Section] = (), mode: str = "major",
) -> MusicAnalysis:  # fmt: skip
    """20 s or what the chords last."""
    spans = tuple(ChordSpan(a, b, Chord.parse(c)) for a, b, c in chords)
    return MusicAnalysis(
        duration_s=max(20.0, spans[-1].end_s), grid=Annotation(grid, 1.0, KNOWN) if grid else None, key=Annotation(Key(0, mode), 1.0, KNOWN),
        chords=Annotation(spans, 1.0, KNOWN), sections=Annotation(tuple(sections), 1.0, KNOWN) if sections else None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def band() -> SessionBand:
    return SessionBand.open(carried("soundfont.sf3"))


def written(band: SessionBand, analysis: MusicAnalysis, role: StemRole, style: str, seed: int = 1) -> tuple[NoteEvent, ...]:
    return band.write(SongContext.from_analysis(analysis), role, style, seed)


def foreign_share(notes: Sequence[NoteEvent], analysis: MusicAnalysis) -> float:
    """Of the sounding time, what lies on a chord that does not hold the note."""
    wrong = total = 0.0
    for n in notes:
        for t in np.arange(n.start_s + 0.1, n.end_s - 0.1, 0.02):
            chord = analysis.chord_at(t)
            total += 1
            wrong += n.pitch % 12 not in chord.pitch_classes
    return wrong / total


def test_a_walking_bass_is_on_the_beat_again_after_a_pushed_chord(band: SessionBand) -> None:
    pushed = [(0.0, 1.75, "C:7"), *((1.75 + 2 * k, 3.75 + 2 * k, ("F:7", "C:7")[k % 2]) for k in range(9))]
    notes = written(band, song(pushed), StemRole.BASS, "jazz")
    beats = np.array([n.start_s for n in notes]) / 0.5
    on_beat = np.abs(beats - np.round(beats)) < 0.12
    assert on_beat.mean() > 0.65, "only the pushed roots lie between the beats"
    assert all(a.end_s <= b.start_s + 0.03 for a, b in itertools.pairwise(notes))


@pytest.mark.parametrize("role", [StemRole.PAD, StemRole.STRINGS])
def test_held_chords_follow_the_chords_of_a_song_without_a_pulse(band: SessionBand, role: StemRole) -> None:
    changes = (0.0, 4.25, 12.1, 16.15, 20.0)
    free = song([(a, b, ("C:maj", "F#:maj")[k % 2]) for k, (a, b) in enumerate(itertools.pairwise(changes))], None)
    assert foreign_share(written(band, free, role, "pop"), free) < 0.02


@pytest.mark.parametrize("role", [StemRole.PAD, StemRole.STRINGS, StemRole.PIANO])
def test_nobody_plays_on_through_a_bar_without_a_chord(band: SessionBand, role: StemRole) -> None:
    stopping = song([(0, 5, "C:maj"), (5, 6, "N"), (6, 20, "C:maj")])
    assert [n for n in written(band, stopping, role, "ballad") if n.start_s < 5.2 and n.end_s > 5.4] == []


def test_a_pick_up_and_the_last_bar_are_as_soft_as_what_they_belong_to(band: SessionBand) -> None:
    grid = BeatGrid.from_times(0.3 + np.arange(38) * 0.5, (np.arange(38) + 3) % 4 + 1, Meter(4))
    quiet = SongContext.from_analysis(song([(0, 20, "C:maj")], grid, [Section(0, 20, "A", 0.1)]))
    assert {b.energy for b in quiet.bars} == {0} and quiet.bars[0].start < 0 and {b.section for b in quiet.bars} == {0}


def test_a_break_is_counted_and_its_last_stroke_is_played(band: SessionBand) -> None:
    before, after = np.arange(16) * 0.5, 15.5 + np.arange(17) * 0.5
    grid = BeatGrid.from_times(np.concatenate([before, after]), (np.arange(33)) % 4 + 1, Meter(4))
    assert grid.counted.tempo_bpm == 120 and np.diff(grid.counted.times) == pytest.approx(0.5) and EVEN.counted is EVEN
    assert set(np.array(grid.times_s).round(3)) <= set(np.array(grid.counted.times_s).round(3))
    broken = song([(0, 24, "C:maj")], grid)
    for role in (StemRole.BASS, StemRole.PAD):
        assert max(n.end_s - n.start_s for n in written(band, broken, role, "rock")) < 2.5, "no note is as long as a break"
    loop = listen(AudioClip(np.random.default_rng(0).normal(0, 0.1, (1, 2 * SAMPLE_RATE_HZ)).astype(np.float32), SAMPLE_RATE_HZ))
    whole = listen(AudioClip(np.random.default_rng(1).normal(0, 0.1, (1, 24 * SAMPLE_RATE_HZ)).astype(np.float32), SAMPLE_RATE_HZ))
    placed = place(Meeting(whole, grid, loop, StemRole.DRUMS), beat_readings([], 2.0, grid), ConformWish(at_beat=0))
    for a, b in itertools.pairwise(placed.anchors):
        if b.source_s > a.source_s:
            assert (b.target_s - a.target_s) / (b.source_s - a.source_s) < 1.8, "a loop rests in a break"


def test_guitars_play_chords_that_a_hand_cannot_reach_in_a_simpler_form(band: SessionBand) -> None:
    for root in ("C#", "D", "D#", "E"):
        notes = written(band, song([(0, 20, f"{root}:min9")]), StemRole.GUITAR, "pop")
        assert len({n.pitch % 12 for n in notes}) >= 3, root


@pytest.mark.parametrize(("chord", "fifth", "no_fifth"), [("B:dim", 5, 6), ("C:aug", 8, 7), ("C:maj", 7, 8)])
def test_power_chords_take_the_fifth_of_the_chord(band: SessionBand, chord: str, fifth: int, no_fifth: int) -> None:
    loud = song([(0, 20, chord)], sections=[Section(0, 20, "A", 0.99)])
    classes = [n.pitch % 12 for n in written(band, loud, StemRole.GUITAR, "metal")]
    assert fifth in classes and no_fifth not in classes


def test_a_rootless_voicing_takes_the_ninth_of_the_key(band: SessionBand) -> None:
    minor = song([(0, 10, "D:hdim7"), (10, 20, "G:7")], mode="minor")
    notes = written(band, minor, StemRole.PIANO, "jazz")
    assert not {9, 4} & {n.pitch % 12 for n in notes}, "no A over G7, no E over Dm7b5 in C minor"


@pytest.mark.parametrize(("beats", "ratio"), [(2, 1.0), (3, 1.0), (6, 1.0), (4, 1.0)])
def test_a_loop_that_is_no_whole_bars_is_read_at_its_own_tempo(beats: int, ratio: float) -> None:
    readings = beat_readings([], beats * 0.5, EVEN)
    assert min(abs(float(np.diff(r).mean()) / 0.5 - ratio) for r in readings) < 1e-9


def played(
    band: SessionBand, analysis: MusicAnalysis, role: StemRole, folder: Path, within_s: tuple[float, float] | None = None
) -> AudioClip:
    request = GenerationRequest(role, "rock", 1, round(44100 * analysis.duration_s), 44100, within_s)
    stem = band.generate(SongContext.from_analysis(analysis), request, folder)
    return AudioClip(read_all(stem.audio), 44100)


def test_a_part_that_is_played_anew_is_as_loud_as_it_was(band: SessionBand, tmp_path: Path) -> None:
    analysis = song([(0, 20, "C:maj")], sections=[Section(0, 8, "A", 0.3), Section(8, 20, "B", 0.99)])
    whole, part = (played(band, analysis, StemRole.DRUMS, tmp_path, w) for w in (None, (2.0, 8.0)))
    span = slice(round(2.2 * 44100), round(7.8 * 44100))
    loud = [integrated_loudness(AudioClip(c.samples[:, span], 44100)) for c in (whole, part)]
    assert loud[1] == pytest.approx(loud[0], abs=0.5)
    assert np.abs(part.samples[:, : round(1.8 * 44100)]).max() < 1e-6


def test_what_is_held_into_a_part_begins_with_it_and_what_rings_out_of_it_goes_on(band: SessionBand, tmp_path: Path) -> None:
    analysis = song([(0, 20, "C:maj")])
    request = GenerationRequest(StemRole.PAD, "pop", 1, 20 * 44100, 44100, (9.0, 15.0))
    context = SongContext.from_analysis(analysis)
    part = band.generate(context, request, tmp_path).notes
    assert min(n.start_s for n in part) == 9.0
    old = band.write(context, StemRole.PAD, "pop", 1)
    joined = spliced_notes(old, part, (9.0, 15.0))
    for t in (8.5, 9.3, 12.0, 14.9, 15.2, 15.8):
        assert sum(n.start_s <= t < n.end_s for n in joined) == sum(n.start_s <= t < n.end_s for n in old), t


@pytest.mark.parametrize(("program", "bank"), [(95, 0), (22, 0), (48, 0)])
def test_a_note_sounds_the_same_whatever_was_played_before(program: int, bank: int) -> None:
    short, long = NoteEvent(0.0, 0.4, 60, 90), NoteEvent(0.0, 6.0, 60, 90)
    fresh, used = Renderer.open(carried("soundfont.sf3")), Renderer.open(carried("soundfont.sf3"))
    used.render([long], Preset(bank, program), 8 * 44100)
    assert np.array_equal(fresh.render([short], Preset(bank, program), 44100), used.render([short], Preset(bank, program), 44100))


def test_peaks_over_full_scale_are_no_clipping_and_flat_tops_are() -> None:
    t = np.arange(5 * 44100) / 44100
    hot = (1.5 * np.sin(2 * np.pi * 110 * t)).astype(np.float32)[None]
    assert clipped_share(AudioClip(hot, 44100)) < MOST_CLIPPED < clipped_share(AudioClip(hot.clip(-1, 1), 44100))


def test_a_pad_that_swells_is_played_ahead_and_written_on_the_beat(band: SessionBand, tmp_path: Path) -> None:
    waiting = song([(0, 4, "N"), (4, 20, "C:maj")])
    request = GenerationRequest(StemRole.PAD, "rock", 1, 20 * 44100, 44100)
    stem = band.generate(SongContext.from_analysis(waiting), request, tmp_path)
    level = np.sqrt((read_all(stem.audio)[:, : 20 * 44100].reshape(2, -1, 441) ** 2).mean((0, 2)))
    heard_s = float(np.argmax(level > 0.3 * np.percentile(level[400:800], 90))) / 100
    assert 4.05 < heard_s < 4.19, "its sound takes a quarter of a second to speak, and begins a tenth before"
    assert min(n.start_s for n in stem.notes) == pytest.approx(4.0, abs=0.04)
