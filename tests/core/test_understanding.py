"""Notes, groove, density, names of sections, lyrics, and answers of several engines, on signals whose truth is computed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import mir_eval
import numpy as np
import pytest

from sideman.app.analyzers import AnalysisWish
from sideman.carried import carried
from sideman.core.analysis import AnalysisEngines, analyze, find_beats, find_harmony_and_form, find_notes, rhythm
from sideman.core.analysis.beats import track
from sideman.core.analysis.chords import with_agreement
from sideman.core.analysis.names import named
from sideman.core.analysis.notes import SAMPLE_RATE_HZ, Transcriber, melody, on_the_grid
from sideman.core.audio import AudioClip, Recording
from sideman.core.music import (
    BeatGrid,
    Chord,
    ChordSpan,
    Key,
    LyricLine,
    Meter,
    NoteEvent,
    ScoreNote,
    Section,
    StemRole,
    on_bars,
    read_lyrics,
)
from sideman.errors import UsageError
from sideman.testing import faded_tone, triad_song
from sideman.testing.signals import click_track

LOOP = [Chord.parse(x) for x in ("C:maj", "A:min", "F:maj", "G:maj")]


def plucked(notes: list[NoteEvent], duration_s: float, rate: int = SAMPLE_RATE_HZ) -> AudioClip:
    """Decaying tones of eight partials."""
    out = np.zeros(round(duration_s * rate))
    for n in notes:
        t = np.arange(round((n.end_s - n.start_s) * rate)) / rate
        f = 440 * 2 ** ((n.pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * f * h * t) / h**1.3 for h in range(1, 9)) * np.exp(-t * 2.5) * np.minimum(1, t / 0.004)
        i = round(n.start_s * rate)
        out[i : i + len(tone)] += 0.15 * tone[: len(out) - i]
    return AudioClip(out[None].astype(np.float32), rate)


@pytest.fixture(scope="module")
def transcriber() -> Transcriber:
    return Transcriber(carried("notes.onnx"))


@pytest.fixture(scope="module")
def tune() -> list[NoteEvent]:
    rng = np.random.default_rng(3)
    pitches = 48 + np.array([0, 4, 7, 12, 11, 7, 5, 2, 0, 9, 16, 14, 12, 7, 4, 0])
    lengths = rng.choice([0.25, 0.5], len(pitches))
    starts = 0.5 + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return [NoteEvent(float(s), float(s + d), int(p), 90) for s, d, p in zip(starts, lengths, pitches, strict=True)]


def onset_f(truth: list[NoteEvent], found: tuple[NoteEvent, ...]) -> float:
    rows = [np.array([(n.start_s, n.end_s, n.pitch) for n in notes]) for notes in (truth, found)]
    hertz = [440 * 2 ** ((r[:, 2] - 69) / 12) for r in rows]
    return float(
        mir_eval.transcription.precision_recall_f1_overlap(rows[0][:, :2], hertz[0], rows[1][:, :2], hertz[1], offset_ratio=None)[2]
    )


def test_notes_of_a_plucked_tune(transcriber: Transcriber, tune: list[NoteEvent]) -> None:
    found = transcriber.notes(plucked(tune, 9.0))
    assert onset_f(tune, found) > 0.8
    misses = [min(abs(n.start_s - t.start_s) for t in tune if t.pitch == n.pitch) for n in found if any(t.pitch == n.pitch for t in tune)]
    assert np.median(misses) < 0.02, "windows of the network are no whole number of frames apart"


def test_onsets_stay_in_time_over_many_windows(transcriber: Transcriber) -> None:
    notes = [NoteEvent(1.0 + k * 1.37, 1.5 + k * 1.37, 60 + k % 12, 90) for k in range(30)]
    found = transcriber.notes(plucked(notes, 43.0))
    late = [min((n.start_s - t.start_s for t in notes if t.pitch == n.pitch), key=abs) for n in found if 60 <= n.pitch < 72]
    good = [x for x in late if abs(x) < 0.1]
    assert len(good) > 25 and abs(np.median(good[-10:]) - np.median(good[:10])) < 0.006


def test_notes_across_the_borders_of_pieces_are_whole_and_once(transcriber: Transcriber, monkeypatch: pytest.MonkeyPatch) -> None:
    from sideman.core.analysis.notes import transcriber as module

    notes = [NoteEvent(0.3 + k * 0.8, 1.0 + k * 0.8, 55 + k % 9, 90) for k in range(34)]
    clip = plucked(notes, 28.0)
    whole = transcriber.notes(clip)
    monkeypatch.setattr(module, "PIECE_WINDOWS", 5)
    pieces = transcriber.notes(clip)
    assert len({(n.start_s, n.pitch) for n in pieces}) == len(pieces)
    same = {(n.start_s, n.pitch) for n in whole} & {(n.start_s, n.pitch) for n in pieces}
    assert len(same) > 0.95 * max(len(whole), len(pieces)), "rises are scaled by the loudest of a piece, so a weak onset may differ"


def test_silence_and_noise_have_no_notes(transcriber: Transcriber) -> None:
    assert transcriber.notes(AudioClip(np.zeros((1, SAMPLE_RATE_HZ * 5), np.float32), SAMPLE_RATE_HZ)) == ()
    noise = np.random.default_rng(0).normal(0, 0.05, (1, SAMPLE_RATE_HZ * 8)).astype(np.float32)
    assert len(transcriber.notes(AudioClip(noise, SAMPLE_RATE_HZ))) <= 2


def test_a_stem_gets_its_notes_raw_and_on_the_grid(transcriber: Transcriber, tune: list[NoteEvent]) -> None:
    grid = BeatGrid.constant(120, 20, Meter(4), 0.5)
    with Recording.from_clip(plucked(tune, 9.0, 44100)) as recording:
        found = find_notes(recording, StemRole.BASS, grid, transcriber)
    assert found.value.role is StemRole.BASS and found.provenance.stem == "bass"
    assert dict(found.provenance.parameters)["highest"] == "60"
    written = {(n.beat, n.pitch) for n in found.value.quantised}
    expected = {(round((n.start_s - 0.5) * 2 * 4) / 4, n.pitch) for n in tune if n.pitch <= 60}
    assert len(written & expected) > 0.85 * len(expected)


@pytest.mark.parametrize(("role", "together"), [(StemRole.BASS, False), (StemRole.OTHER, True)])
def test_a_bass_plays_one_note_at_a_time(transcriber: Transcriber, role: StemRole, together: bool) -> None:
    chords = [NoteEvent(0.5 + k, 1.2 + k, pitch, 90) for k in range(6) for pitch in (43, 50, 55)]
    with Recording.from_clip(plucked(chords, 7.0, 44100)) as recording:
        found = find_notes(recording, role, None, transcriber).value.notes
    assert len(found) >= 6
    assert any(b.start_s < a.end_s for a, b in itertools.pairwise(found)) is together


def test_quantising_keeps_the_push_and_one_note_a_step() -> None:
    grid = BeatGrid.constant(120, 9, Meter(4))
    heard = [NoteEvent(0.52, 0.95, 60, 80), NoteEvent(0.55, 0.9, 60, 100), NoteEvent(0.74, 1.0, 64, 60)]
    assert on_the_grid(heard, grid) == (ScoreNote(1.0, 0.75, 60, 100 / 127, pytest.approx(50.0)), ScoreNote(1.5, 0.5, 64, 60 / 127, pytest.approx(-10.0)))  # fmt: skip


def test_triplets_are_written_as_triplets() -> None:
    grid = BeatGrid.constant(100, 17, Meter(4))
    heard = [NoteEvent(float(t), float(t) + 0.1, 60, 90) for t in grid.seconds_at(np.arange(0, 15, 1 / 3))]
    written = on_the_grid(heard, grid)
    assert len(written) == len(heard)
    assert [n.beat * 3 for n in written] == pytest.approx(list(range(len(heard))), abs=1e-6)


def test_a_melody_is_one_note_at_a_time() -> None:
    chord = [NoteEvent(0.0, 1.0, 60, 70), NoteEvent(0.01, 1.0, 64, 100), NoteEvent(0.9, 1.5, 65, 90), NoteEvent(1.1, 1.3, 50, 40)]
    found = melody(chord)
    assert [n.pitch for n in found] == [64, 65]
    assert all(a.end_s <= b.start_s for a, b in itertools.pairwise(found))


def test_a_softer_note_that_rings_on_is_heard_after_the_louder_one() -> None:
    found = melody([NoteEvent(0.0, 0.5, 64, 100), NoteEvent(0.1, 2.0, 60, 50)])
    assert [(n.pitch, n.start_s, n.end_s) for n in found] == [(64, 0.0, 0.5), (60, 0.5, 2.0)]


@pytest.mark.parametrize(("place", "swing"), [(0.5, 1.0), (0.6, 1.5), (2 / 3, 2.0)])
def test_swing_is_measured(place: float, swing: float) -> None:
    grid = BeatGrid.constant(110, 60, Meter(4), 0.3)
    halves = grid.seconds_at(np.arange(59) + place)
    times = np.sort(np.concatenate([grid.times, halves]))
    clip = click_track(BeatGrid.from_times(times, np.arange(len(times)) % 4 + 1, Meter(4)), 34.0)
    found = rhythm.groove(rhythm.listen(clip), grid)
    assert found is not None
    assert found[0].swing == pytest.approx(swing, rel=0.08)


def test_a_groove_template_has_the_pushes_of_its_steps() -> None:
    """The second beat of every bar comes 25 ms late."""
    grid = BeatGrid.constant(100, 64, Meter(4), 0.4)
    times = np.array(grid.times_s) + 0.025 * (np.array(grid.positions) == 2)
    found = rhythm.groove(rhythm.listen(click_track(BeatGrid.from_times(times, grid.positions, Meter(4)), 40.0)), grid)
    assert found is not None
    steps = found[0].steps_per_beat
    late = np.array(found[0].offsets_ms)[::steps]
    assert late[1] - np.mean(late[[0, 2, 3]]) == pytest.approx(25, abs=3)


def test_density_counts_onsets_a_beat() -> None:
    grid = BeatGrid.constant(120, 40, Meter(4), 0.5)
    busy = np.sort(np.concatenate([grid.times[:20], grid.times[20:], grid.seconds_at(np.arange(20, 39) + 0.5)]))
    clip = click_track(BeatGrid.from_times(busy, np.arange(len(busy)) % 4 + 1, Meter(4)), 21.0)
    halves = (Section(0.0, 10.5, "A"), Section(10.5, 20.0, "B"))
    sparse, dense = rhythm.with_density(halves, rhythm.listen(clip), grid)
    assert sparse.density == pytest.approx(1.0, abs=0.15) and dense.density == pytest.approx(2.0, abs=0.2)


def test_sections_get_names_only_where_there_is_a_ground() -> None:
    song = [Section(10.0 * k, 10.0 * k + 10, label, e) for k, (label, e) in enumerate(zip("ABCBCDCE", (0.3, 0.7, 1, 0.7, 1, 0.6, 1, 0.3), strict=True))]  # fmt: skip
    assert [s.name for s in named(song)] == ["intro", "verse", "chorus", "verse", "chorus", "bridge", "chorus", "outro"]
    assert all(0 < s.name_confidence <= 0.6 for s in named(song))
    assert all(s.name == "" for s in named(song[:3])), "three sections are no form"
    quiet_start = [
        Section(10.0 * k, 10.0 * k + 10, label, e) for k, (label, e) in enumerate(zip("ABABA", (0.7, 0.9, 1, 0.9, 1), strict=True))
    ]
    assert [s.name for s in named(quiet_start)] == ["intro", "verse", "chorus", "verse", "chorus"]
    for form in ("AABA", "ABCDE", "AABBCC"):
        assert {s.name for s in named([Section(k, k + 1, x, 1.0) for k, x in enumerate(form)])} == {""}, form


LRC = "[ti:Song]\n[ar:Somebody]\n[offset:+200]\n[00:04.20]First <00:04.50>line\n[00:08.00][00:16.00]Again\n\n[01:59.00]Beyond\n"


def test_timed_lyrics_are_read_and_laid_on_bars() -> None:
    lines = read_lyrics(LRC, 20.0)
    assert lines == (LyricLine(4.0, 7.8, "First line"), LyricLine(7.8, 15.8, "Again"), LyricLine(15.8, 20.0, "Again"))
    grid = BeatGrid.constant(120, 40, Meter(4), 0.0)
    assert [x.start_s for x in on_bars(lines, grid)] == [4.0, 8.0, 16.0]


def test_lines_of_one_time_last_up_to_the_next_time() -> None:
    found = read_lyrics("[00:01.00][00:05.00]again\n[00:01.00]twice\n", 9.0)
    assert [(line.start_s, line.end_s, line.text) for line in found] == [(1, 5, "again"), (1, 5, "twice"), (5, 9, "again")]


def test_plain_lyrics_have_no_times_of_their_own() -> None:
    lines = read_lyrics("One\n\nTwo\n", 12.0)
    assert lines == (LyricLine(0.0, 12.0, "One"), LyricLine(0.0, 12.0, "Two"))
    assert on_bars(lines, BeatGrid.constant(120, 20, Meter(4), 0.5)) == lines


class Oracle:
    """An engine that says what it was told."""

    name, version = "oracle", "1"
    sample_rate_hz = 44100

    def __init__(self, grid: BeatGrid | None) -> None:
        self._grid = grid

    def grid(self, reader: object) -> tuple[BeatGrid, float] | None:
        return (self._grid, 0.9) if self._grid else None

    def key(self, reader: object) -> tuple[Key, float]:
        return Key.parse("D minor"), 0.7

    def chords(self, reader: object) -> tuple[ChordSpan, ...]:
        return (ChordSpan(0.0, 12.0, Chord.parse("C:maj")), ChordSpan(12.0, 24.0, Chord.parse("F#:min")))


def test_another_engine_answers_and_ours_is_its_second_opinion() -> None:
    truth = BeatGrid.constant(124, 46, Meter(4), 0.5)
    with Recording.from_clip(triad_song(truth, LOOP, 24)) as recording:
        agreeing = find_beats(recording, AnalysisEngines(beats=Oracle(truth)))
        other = BeatGrid.from_times(truth.times + 0.2, truth.positions, Meter(4))
        contrary = find_beats(recording, AnalysisEngines(beats=Oracle(other)))
        nothing = find_beats(recording, AnalysisEngines(beats=Oracle(None)))
        harmony = find_harmony_and_form(recording, truth, engines=AnalysisEngines(key=Oracle(None), chords=Oracle(None)))
    assert agreeing.grid is not None and contrary.grid is not None
    assert agreeing.grid.value == truth and agreeing.grid.provenance.engine == "oracle"
    assert agreeing.grid.confidence > 0.85 > 0.55 > contrary.grid.confidence
    assert contrary.alternatives[0].relation == "sideman" and contrary.alternatives[0].grid is not None
    assert mir_eval.beat.f_measure(truth.times, contrary.alternatives[0].grid.times) > 0.9
    assert nothing.grid is None and nothing.remarks
    assert harmony.key is not None and str(harmony.key.value) == "D minor" and harmony.key.provenance.engine == "oracle"
    assert harmony.chords is not None and harmony.chords.provenance.engine == "oracle"


def test_chords_are_as_sure_as_they_are_agreed_with() -> None:
    theirs = (ChordSpan(0, 4, Chord.parse("C:maj")), ChordSpan(4, 8, Chord.parse("A:min")))
    ours = (ChordSpan(0, 4, Chord.parse("C:7")), ChordSpan(4, 6, Chord.parse("A:min7")), ChordSpan(6, 8, Chord.parse("F:maj")))
    sure = [s.confidence for s in with_agreement(theirs, ours)]
    assert sure == [pytest.approx(0.95), pytest.approx(0.65)]


def test_silence_inside_a_recording_spoils_nothing() -> None:
    """A running sum leaves slightly less than nothing in silence: its root must not become NaN."""
    song = triad_song(BeatGrid.constant(120, 60, Meter(4), 0.5), LOOP, 31)
    gap = AudioClip(np.concatenate([song.samples, np.zeros((1, 44100 * 12), np.float32), song.samples], 1), 44100)
    tracked = track(gap)
    assert tracked.grid is not None and np.isfinite(tracked.grid.times).all()
    assert np.isfinite(rhythm.listen(gap).strengths).all()
    assert tracked.grid.tempo_bpm == pytest.approx(120, rel=0.01)


def test_lyrics_come_with_the_analysis_of_a_tagged_file(tmp_path: Path) -> None:
    clip = triad_song(BeatGrid.constant(120, 24, Meter(4), 0.0), LOOP, 12)
    with Recording.from_clip(clip) as recording:
        recording.info = replace(recording.info, tags=(("lyrics", "[00:02.10]Words\n[00:06.00]More"),))
        found = analyze(recording)
    assert found.lyrics is not None and found.lyrics.provenance.engine == "tags of the file"
    assert [x.text for x in found.lyrics.value] == ["Words", "More"]


@pytest.mark.parametrize("text", ["beats=magic", "tempo=madmom", "notes", "beats"])
def test_an_unknown_engine_is_named_with_what_there_is(text: str) -> None:
    with pytest.raises(UsageError, match=r"beats=sideman\|madmom"):
        AnalysisWish.parse(text)


def test_wishes_are_written_as_they_are_read() -> None:
    wish = AnalysisWish.parse("key=madmom, beats=madmom,chords=sideman")
    assert str(wish) == "beats=madmom,key=madmom"
    assert AnalysisWish.parse(str(wish)).chosen == wish.chosen and AnalysisWish.parse(None) == AnalysisWish()


def test_a_wish_goes_over_the_settings_question_by_question() -> None:
    settings = AnalysisWish.parse("beats=madmom,key=madmom")
    asked = AnalysisWish.parse("key=sideman,notes=basic-pitch").over(settings)
    assert str(asked) == "beats=madmom,notes=basic-pitch"
    assert str(AnalysisWish.parse("notes=madmom").with_notes()) == "notes=madmom"
    assert str(AnalysisWish.parse("key=madmom,notes=no").with_notes()) == "key=madmom,notes=basic-pitch"
    assert str(AnalysisWish.parse(None).over(settings)) == "beats=madmom,key=madmom"


def test_a_tone_is_no_pulse_at_any_gain() -> None:
    for gain in (0.01, 1.0):
        clip = faded_tone(440, 30, channels=1)
        assert track(AudioClip(clip.samples * np.float32(gain), 44100)).grid is None
