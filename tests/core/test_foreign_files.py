"""Files of other programs, as they come: columns, decimal commas, labels of other tools; MIDI that others write, and that others shall read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from sideman.core.fit.straighten import even_tempo, straightened
from sideman.core.music import (
    Annotation,
    BeatGrid,
    Chord,
    ChordSpan,
    Correction,
    Key,
    KeySpan,
    Meter,
    MidiPart,
    MusicAnalysis,
    NoteEvent,
    Provenance,
    corrected,
    read_annotations,
    read_midi,
    write_jams,
    write_midi,
)
from sideman.core.music.midi import tempo_track
from sideman.errors import UsageError

FOUND, END_S = Provenance("engine"), 30.0
SONG = MusicAnalysis(END_S, grid=Annotation(BeatGrid.constant(120, 48, Meter(4)), 0.7, FOUND))


def read(folder: Path, name: str, text: str) -> tuple[str, Any]:
    """The kind of the only correction in a file, and its values; they can be applied."""
    (folder / name).write_text(text, "utf-8")
    (found,) = read_annotations(folder / name, END_S)
    corrected(SONG, [found])
    (values,) = (v for v in found.values.values() if isinstance(v, list | str)) if len(found.values) == 1 else (dict(found.values),)
    return found.kind, values


@pytest.mark.parametrize(
    ("name", "text", "kind", "values"),
    [
        ("salami.txt", "0.5\tA, a, (vocal)\n10\tB, b\n", "set-sections", [[0.5, 10.0, "A, a, (vocal)"], [10.0, END_S, "B, b"]]),
        ("chordino.csv", '1.5,"C"\n3.4,"Am"\n5,"N"\n', "set-chords", [[1.5, 3.4, "C:maj"], [3.4, 5.0, "A:min"], [5.0, END_S, "N"]]),
        ("lead.lab", "0 2 Am\n2 4 Dm7\n4 6 G7\n", "set-chords", [[0.0, 2.0, "A:min"], [2.0, 4.0, "D:min7"], [4.0, 6.0, "G:7"]]),
        ("isophonics.lab", "0\t9\tKey\tC\n9\t20\tKey\tA:minor\n", "set-keys", [[0.0, 9.0, "C major"], [9.0, 20.0, "A minor"]]),
        ("modes.lab", "0 9 C:major\n9 20 D:dorian\n", "set-keys", [[0.0, 9.0, "C major"], [9.0, 20.0, "D minor"]]),
        ("one key.lab", "0.0 20.0 Key C\n", "set-key", "C major"),
        ("minor chords.lab", "0 5 A:min\n5 9 C:min\n", "set-chords", [[0.0, 5.0, "A:min"], [5.0, 9.0, "C:min"]]),
        ("thick.lab", "0 5 A:min11\n5 9 C:maj13/3\n", "set-chords", [[0.0, 5.0, "A:min9"], [5.0, 9.0, "C:maj9/3"]]),
        ("commas.lab", "0,00 4,50 Verse\n4,50 9,25 Chorus, loud\n", "set-sections", [[0.0, 4.5, "Verse"], [4.5, 9.25, "Chorus, loud"]]),
        ("quoted.csv", '0.5,"Verse, loud"\n9,Chorus\n', "set-sections", [[0.5, 9.0, "Verse, loud"], [9.0, END_S, "Chorus"]]),
        ("words.txt", "1.5 verse one\n9 chorus\n", "set-sections", [[1.5, 9.0, "verse one"], [9.0, END_S, "chorus"]]),
        ("with a bridge.txt", "0 4 A\n4 8 B\n8 9 Bridge\n", "set-sections", [[0.0, 4.0, "A"], [4.0, 8.0, "B"], [8.0, 9.0, "Bridge"]]),
        ("gap.txt", "0\t4\tverse\n4\t5\n5\t9\tchorus\n", "set-sections", [[0.0, 4.0, "verse"], [5.0, 9.0, "chorus"]]),
    ],
)  # fmt: skip
def test_labels_are_read_for_what_they_are(tmp_path: Path, name: str, text: str, kind: str, values: Any) -> None:
    assert read(tmp_path, name, text) == (kind, values)


@pytest.mark.parametrize(
    ("name", "text", "times", "places"),
    [
        ("comma.beats", "0,500\n1,000\n1,500\n", [0.5, 1.0, 1.5], [1, 2, 3]),
        ("header.csv", "TIME,LABEL\n0.5,1.1\n1.0,1.2\n1.5,2.1\n", [0.5, 1.0, 1.5], [1, 2, 1]),
        ("semicolons.csv", "0,5;1\n1,0;2\n1,5;1\n", [0.5, 1.0, 1.5], [1, 2, 1]),
        ("counted.beats", "1 40\n2 41\n3 42\n", [1.0, 2.0, 3.0], [1, 2, 3]),
        ("vamp.csv", '0.5,"120 bpm"\n1.0,""\n1.5,"119.5 bpm"\n', [0.5, 1.0, 1.5], [1, 2, 3]),
    ],
)
def test_beats_are_read_with_their_places(tmp_path: Path, name: str, text: str, times: list[float], places: list[int]) -> None:
    assert read(tmp_path, name, text) == ("set-beats", {"times_s": times, "positions": places})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.5 1.5\n1.5 2.5\n2.5 3.5\n", "no place in the bar"),
        ("0 4\n4 8\n8 12\n", "no place in the bar"),
        ("0\t4\t\n4\t8\t\n", "no label"),
        ("1.0 1\n0.5 2\n", "0.5 s comes after one at 1 s"),
        ("1.0 1\n1.0 2\n", "comes after"),
        ("hello world\n", "does not begin with a time"),
        ("0 4 C:maj\n4 8 Verse\n8 9 A:min\n9 12 G:maj\n", "no chord symbol"),
        ("0\n8\n20\n29\n", "slower than"),
    ],
)
def test_what_could_be_taken_for_something_else_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "a.txt").write_text(text, "utf-8")
    with pytest.raises(UsageError, match=why):
        corrected(SONG, read_annotations(tmp_path / "a.txt", END_S))


def test_our_own_jams_bring_meter_and_keys_along(tmp_path: Path) -> None:
    spans = (KeySpan(0, 12, Key.parse("C major")), KeySpan(12, END_S, Key.parse("A minor")))
    grid = BeatGrid.constant(60, 24, Meter(2, True))
    own = MusicAnalysis(
        END_S, grid=Annotation(grid, 1, FOUND), key=Annotation(Key.parse("A minor"), 1, FOUND), key_spans=Annotation(spans, 1, FOUND)
    )
    write_jams(own, tmp_path / "own.jams")
    (tmp_path / "own.jams").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "own.jams").read_bytes())  # as some editors save it
    found = corrected(SONG, read_annotations(tmp_path / "own.jams", END_S))
    assert found.require_grid() == grid
    assert found.key_spans and found.key_spans.value == spans and found.key and str(found.key.value) == "A minor"


def test_half_a_character_in_a_label_harms_nothing(tmp_path: Path) -> None:
    jam = {"annotations": [{"namespace": "segment_open", "data": [{"time": 0, "duration": 9, "value": "A\ud800", "confidence": 1}]}]}
    (tmp_path / "a.jams").write_text(json.dumps(jam), "utf-8")
    found = corrected(SONG, read_annotations(tmp_path / "a.jams", END_S))
    assert found.sections and found.sections.value[0].label == "A?"
    write_midi(tmp_path / "a.mid", found.require_grid(), (), found)


# MIDI


def note(start: float, end: float, pitch: int = 60) -> NoteEvent:
    return NoteEvent(start, end, pitch, 90)


def written(folder: Path, grid: BeatGrid, *notes: NoteEvent) -> tuple[NoteEvent, ...]:
    write_midi(folder / "a.mid", grid, [MidiPart("bass", notes)])
    return read_midi(folder / "a.mid")[0].notes


def test_after_the_last_beat_time_goes_on_as_the_beats_before_it(tmp_path: Path) -> None:
    """Not as the last one alone, which a held chord or a slip makes longer."""
    times = [0.5 * k for k in range(20)] + [10.5]
    grid = BeatGrid.from_times(times, [k % 4 + 1 for k in range(21)], Meter(4))
    (last,) = written(tmp_path, grid, note(14.5, 15.0))
    assert (last.start_s, last.end_s) == (pytest.approx(14.5, abs=1e-3), pytest.approx(15.0, abs=1e-3))


@pytest.mark.parametrize("pause_s", [10.0, 60.0, 140.0])
@pytest.mark.parametrize("meter", [Meter(4), Meter(2, True), Meter(7, False, 8)])
def test_a_pause_becomes_bars_like_the_others(tmp_path: Path, pause_s: float, meter: Meter) -> None:
    count = 8 * meter.beats_per_bar + 1
    first = np.arange(count) * 0.5
    times = np.concatenate([first, first[-1] + pause_s + np.arange(count) * 0.5])
    places = np.tile(np.arange(count) % meter.beats_per_bar + 1, 2)
    grid = BeatGrid.from_times(times, places, meter)
    notes = [note(float(t), float(t) + 0.2) for t in grid.downbeats_s]
    got = written(tmp_path, grid, *notes)
    assert [n.start_s for n in got] == pytest.approx([n.start_s for n in notes], abs=2e-3)
    signatures = [m for m in mido.MidiFile(tmp_path / "a.mid").tracks[0] if m.type == "time_signature"]
    assert {m.denominator for m in signatures} == {meter.denominator} and max(m.numerator for m in signatures) == meter.numerator
    found = corrected(replace(SONG, duration_s=400.0), read_annotations(tmp_path / "a.mid", 400.0)).require_grid()
    assert found.meter == meter
    assert all(float(np.abs(found.downbeats_s - t).min()) < 2e-3 for t in grid.downbeats_s)


def test_seven_eight_is_noted_in_eighths(tmp_path: Path) -> None:
    grid = corrected(SONG, [Correction("set-meter", {"meter": "7/8"})]).require_grid()
    assert str(grid.meter) == "7/8" and grid.meter.pattern == "7/4"
    tempo = tempo_track(grid)
    assert tempo.quarters_per_beat == 0.5 and [(m.numerator, m.denominator) for m in tempo.meters] == [(7, 8)]
    write_midi(tmp_path / "a.mid", grid, ())
    back = corrected(SONG, read_annotations(tmp_path / "a.mid", float(grid.times_s[-1]) + 0.01)).require_grid()
    assert back.meter == grid.meter and back.positions == grid.positions and np.abs(back.times - grid.times).max() < 1e-3


def test_a_key_that_is_struck_again_lost_no_note(tmp_path: Path) -> None:
    grid = SONG.require_grid()
    got = written(tmp_path, grid, note(0, 2), note(1, 3), note(1, 1.5), note(4, 4.5), note(4.5, 5))
    assert [(round(n.start_s, 2), round(n.end_s, 2)) for n in got] == [(0, 1), (1, 3), (4, 4.5), (4.5, 5)]


def song_of(*messages: Any) -> mido.MidiFile:
    song = mido.MidiFile(ticks_per_beat=480)
    song.tracks.append(mido.MidiTrack(messages))
    return song


def test_notes_of_careless_files_are_kept(tmp_path: Path) -> None:
    struck = [mido.Message("note_on", note=pitch, velocity=90, time=time) for pitch, time in ((60, 0), (60, 480), (64, 0))]
    end = mido.MetaMessage("end_of_track", time=480)
    song_of(*struck, mido.Message("note_off", note=60, time=480), end).save(str(tmp_path / "a.mid"))
    (part,) = read_midi(tmp_path / "a.mid")
    assert [(n.pitch, n.start_s, n.end_s) for n in part.notes] == [(60, 0, 0.5), (60, 0.5, 1.0), (64, 0.5, 1.5)]


def test_of_two_tempi_at_one_place_the_later_one_counts(tmp_path: Path) -> None:
    tempi = [mido.MetaMessage("set_tempo", tempo=t) for t in (500_000, 400_000)]
    notes = mido.Message("note_on", note=60, velocity=90, time=480), mido.Message("note_off", note=60, time=480)
    song_of(*tempi, *notes).save(str(tmp_path / "a.mid"))
    assert read_midi(tmp_path / "a.mid")[0].notes[0].start_s == pytest.approx(0.4)


@pytest.mark.parametrize("division", [b"\xe7\x28", b"\x00\x00"])
def test_frames_of_film_are_refused(tmp_path: Path, division: bytes) -> None:
    song_of(mido.Message("note_on", note=60, velocity=9, time=9), mido.Message("note_off", note=60, time=9)).save(str(tmp_path / "a.mid"))
    raw = (tmp_path / "a.mid").read_bytes()
    (tmp_path / "a.mid").write_bytes(raw[:12] + division + raw[14:])
    with pytest.raises(UsageError, match="frames of film"):
        read_midi(tmp_path / "a.mid")


def test_an_orchestra_of_many_parts_shares_channels(tmp_path: Path) -> None:
    parts = [MidiPart(f"part {k}", (note(0, 1, 40 + k),)) for k in range(20)]
    write_midi(tmp_path / "a.mid", SONG.require_grid(), parts)
    assert [p.name for p in read_midi(tmp_path / "a.mid")] == [p.name for p in parts]


def test_a_bar_of_six_eighths_in_a_song_of_seven_is_counted_in_eighths(tmp_path: Path) -> None:
    counts = [7] * 4 + [6] + [7] * 4
    positions = np.concatenate([np.arange(c) + 1 for c in counts])
    grid = BeatGrid.from_times(np.arange(len(positions)) * 0.25, positions, Meter(7, unit=8))
    write_midi(tmp_path / "a.mid", grid, ())
    (found,) = read_annotations(tmp_path / "a.mid", len(positions) * 0.25)
    assert np.diff(found.values["times_s"]) == pytest.approx(0.25, abs=0.001)
    assert found.values["positions"][: len(positions)] == positions.tolist()


# an even tempo


def test_a_pause_lasts_as_long_at_an_even_tempo() -> None:
    beats = np.arange(120) * 0.5
    grid = BeatGrid.from_times(np.concatenate([beats, 67.5 + beats]), np.tile(np.arange(120) % 4 + 1, 2), Meter(4))
    song = MusicAnalysis(130.0, grid=Annotation(grid, 1, FOUND), chords=Annotation((ChordSpan(0, 130, Chord.parse("C:maj")),), 1, FOUND))
    own = even_tempo(grid, 130.0)
    assert own.tempo_bpm == pytest.approx(120, abs=0.05) and own.duration_s == pytest.approx(130, abs=0.1)
    slower = straightened(song, even_tempo(grid, 130.0, 60.0)).require_grid()
    assert np.diff(slower.times).max() == pytest.approx(16.0) and np.median(np.diff(slower.times)) == pytest.approx(1.0)
