"""What a person changes about beats and bars, readings to take, and annotations of other tools."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from sideman.core.analysis import find_beats
from sideman.core.audio import Recording, write_audio
from sideman.core.evaluation.references import read_references
from sideman.core.music import (
    Annotation,
    BeatGrid,
    Chord,
    ChordSpan,
    Correction,
    GrooveTemplate,
    Key,
    LyricLine,
    Meter,
    MusicAnalysis,
    NoteEvent,
    NoteTrack,
    Provenance,
    ScoreNote,
    Section,
    StemRole,
    TempoAlternative,
    corrected,
    from_jams,
    read_annotations,
    to_jams,
)
from sideman.core.music import regrid as change
from sideman.errors import UsageError
from sideman.testing.signals import click_track

FOUND = Provenance("engine")
GRID = BeatGrid.constant(120, 32, Meter(4), 0.25)
SONG = MusicAnalysis(
    20.0, grid=Annotation(GRID, 0.7, FOUND), chords=Annotation((ChordSpan(0, 20, Chord.parse("C:maj")),), 0.5, FOUND),
    sections=Annotation((Section(0, 20, "A", 0.7),), 0.5, FOUND), key=Annotation(Key.parse("C major"), 0.5, FOUND),
)  # fmt: skip


def edited(kind: str, a: MusicAnalysis = SONG, **values: Any) -> MusicAnalysis:
    return corrected(a, [Correction(kind, values)])


def test_a_meter_from_a_bar_on_leaves_the_bars_before_it() -> None:
    grid = edited("set-meter", meter="3/4", bar=3).require_grid()
    assert grid.positions[:14] == (1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 1, 2, 3)
    assert grid.times_s == GRID.times_s
    assert grid.meter == Meter(3) and [grid.meter_of(b).beats_per_bar for b in grid.bars[:3]] == [4, 4, 3]


def test_one_bar_of_another_length() -> None:
    """Two corrections make a bar of two in a song of four."""
    grid = edited("set-meter", edited("set-meter", meter="2/4", bar=3), meter="4/4", bar=4).require_grid()
    assert [b.beats for b in grid.bars[:6]] == [4, 4, 2, 4, 4, 4]


def lengths(grid: BeatGrid) -> list[int]:
    return [b.beats for b in grid.bars]


def test_bars_keep_their_lengths_when_they_move() -> None:
    two = edited("set-meter", edited("set-meter", meter="2/4", bar=3), meter="4/4", bar=4)
    assert edited("move-bar-one", two, beats=0).require_grid() == two.require_grid()
    later = edited("move-bar-one", two, beats=1)
    assert lengths(later.require_grid())[:7] == [4, 4, 4, 2, 4, 4, 4] and later.require_grid().positions[:6] == (4, 1, 2, 3, 4, 1)
    assert edited("move-bar-one", later, beats=-1).require_grid() == two.require_grid()
    assert edited("move-bar-one", beats=-(10**30)).require_grid().positions == GRID.positions
    mixed = edited("set-meter", meter="3/4", bar=5)
    assert lengths(edited("move-bar-one", mixed, beats=1).require_grid())[1:7] == [4, 4, 4, 4, 3, 3]
    doubled = edited("double-tempo", two).require_grid()
    assert lengths(doubled)[:8] == [4, 4, 4, 4, 4, 4, 4, 4] and doubled.downbeats_s[5] == two.require_grid().downbeats_s[3]


def test_beats_at_the_end_go_on_counting() -> None:
    longer = GRID
    for k in range(6):
        longer = change.with_beat_added(longer, GRID.times_s[-1] + 0.5 * (k + 1))
    assert longer.positions[-7:] == (4, 1, 2, 3, 4, 1, 2)
    threes = BeatGrid.from_times(np.arange(17) * 0.5, [1, 2, 3, 4] * 2 + [1, 2, 3] * 3, Meter(4))
    assert lengths(threes) == [4, 4, 3, 3, 3], "the last bar is like the two before it"
    five = BeatGrid.from_times(np.arange(13) * 0.5, [1, 2, 3, 4] * 2 + [1, 2, 3, 4, 5], Meter(4))
    assert lengths(five) == [4, 4, 5], "no bar is shorter than what is in it"


def test_the_last_tick_before_a_bar_is_rounded_into_it() -> None:
    assert BeatGrid.constant(120, 12, Meter(4)).bar_beat_tick(1.9998) == (2, 1, 0)


def test_a_beat_moves_between_its_neighbours_only() -> None:
    grid = edited("move-beat", from_s=1.26, to_s=1.31).require_grid()
    assert grid.times_s[2] == 1.31 and grid.positions == GRID.positions
    for target in (0.7, 1.8, float("nan")):
        with pytest.raises(UsageError, match="neighbours"):
            edited("move-beat", from_s=1.26, to_s=target)


def test_adding_and_removing_a_beat_are_inverse() -> None:
    less = change.with_beat_removed(GRID, 1.75)
    assert len(less) == 31 and less.positions[:6] == (1, 2, 3, 1, 2, 3)
    assert change.with_beat_added(less, 1.75) == GRID
    assert change.with_beat_removed(GRID, 2.25).positions[3:6] == (4, 1, 2)
    for wrong in (0.26, -1.0, float("nan")):
        with pytest.raises(ValueError, match="where a beat already is"):
            change.with_beat_added(GRID, wrong)


def test_a_known_tempo_covers_the_whole_recording() -> None:
    grid = edited("set-tempo", tempo_bpm=90, downbeat_s=1.0, meter="3/4").require_grid()
    assert grid.tempo_bpm == pytest.approx(90)
    assert grid.times[0] < 60 / 90 and grid.times[-1] > 20 - 60 / 90
    assert np.abs(grid.downbeats_s - 1.0).min() < 1e-9
    with pytest.raises(UsageError, match="between 10 and 400"):
        edited("set-tempo", tempo_bpm=5000, downbeat_s=1.0)


def test_a_key_for_a_part_keeps_the_others() -> None:
    found = edited("set-key", edited("set-key", key="C major"), key="E minor", start_s=12.0, end_s=20.0)
    assert found.key is not None and str(found.key.value) == "C major"
    assert [(s.start_s, s.end_s, str(s.key)) for s in (found.key_spans.value if found.key_spans else ())] == [
        (0.0, 12.0, "C major"), (12.0, 20.0, "E minor"),
    ]  # fmt: skip


def test_the_key_of_a_song_is_that_of_most_of_its_time() -> None:
    spans = [[0.0, 6.0, "C major"], [6.0, 13.0, "G major"], [13.0, 20.0, "C major"]]
    song = edited("set-keys", keys=spans)
    assert song.key and str(song.key.value) == "C major"
    short = edited("set-key", song, key="D minor", start_s=0.0, end_s=2.0)
    assert short.key and str(short.key.value) == "C major", "eleven seconds in two parts against seven in one"
    alone = edited("set-key", key="E minor", start_s=3.0, end_s=5.0)
    assert alone.key and str(alone.key.value) == "C major" and alone.key_spans and len(alone.key_spans.value) == 3
    with pytest.raises(UsageError, match="overlap"):
        edited("set-keys", keys=[[0, 9, "C"], [5, 12, "G"]])


def test_another_reading_is_taken_by_its_name() -> None:
    half = change.halved(GRID)
    song = replace(SONG, alternatives=(TempoAlternative("half", 60, Meter(4), 0.3, half), TempoAlternative("other", 99, Meter(4), 0.1)))
    assert edited("take-alternative", song, relation="half").require_grid() == half
    with pytest.raises(UsageError, match="there are: half"):
        edited("take-alternative", song, relation="other")


def test_the_tracker_gives_every_simple_reading_its_beats() -> None:
    with Recording.from_clip(click_track(BeatGrid.constant(100, 48, Meter(4), 0.4), 30.0)) as recording:
        found = find_beats(recording)
    grid = found.require_grid()
    readings = {a.relation: a.grid for a in found.alternatives if a.grid is not None}
    assert readings, "no other reading has beats"
    for name, own in readings.items():
        ratio = {"half": 0.5, "double": 2, "third": 1 / 3, "triple": 3, "3/2": 1.5, "2/3": 2 / 3, "shifted": 1}[name]
        assert own.tempo_bpm == pytest.approx(grid.tempo_bpm * ratio, rel=0.02)
        assert len(own) == pytest.approx(len(grid) * ratio, abs=3)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.beats", "0.5\t3\n1.0\t1\n1.5\t2\n2.0\t3\n2.5\t1\n", "set-beats"),
        ("a.txt", "0.5\t0.5\t1\n1.0\t1.0\t2\n1.5\t1.5\t1\n", "set-beats"),
        ("a.csv", "0.5,1.3\n1.0,2.1\n1.5,2.2\n", "set-beats"),
        ("a.lab", "0.0 4.0 C:maj7\n4.0 8.0 A:min\n8.0 20.0 N\n", "set-chords"),
        ("a.lab", "0.0\t8.0\tintro\n8.0\t20.0\tverse\n", "set-sections"),
        ("a.lab", "0.0 10.0 A\n10.0 20.0 B\n", "set-sections"),
        ("a.lab", "0 20 G:minor\n", "set-key"),
    ],
)
def test_text_annotations_are_told_apart(tmp_path: Path, name: str, text: str, kind: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    found = read_annotations(tmp_path / name, 20.0)
    assert [c.kind for c in found] == [kind]
    corrected(SONG, found)


@pytest.mark.parametrize(
    ("labels", "positions"), [(["1.000", "2.000", "3.000", "1.000"], (1, 2, 3, 1)), (["x", "", "y", ""], (1, 2, 3, 4))]
)
def test_places_are_read_from_decimals_and_made_up_without_any(tmp_path: Path, labels: list[str], positions: tuple[int, ...]) -> None:
    (tmp_path / "a.beats").write_text("".join(f"{0.5 * (k + 1)}\t{label}\n" for k, label in enumerate(labels)), "utf-8")
    assert corrected(SONG, read_annotations(tmp_path / "a.beats", 20.0)).require_grid().positions == positions


def test_a_midi_file_that_counts_nothing_to_the_bar_is_refused(tmp_path: Path) -> None:
    song = mido.MidiFile(ticks_per_beat=480)
    song.tracks.append(mido.MidiTrack([mido.MetaMessage("time_signature", numerator=4, denominator=4)]))
    song.save(str(tmp_path / "a.mid"))
    raw = (tmp_path / "a.mid").read_bytes()
    (tmp_path / "a.mid").write_bytes(raw.replace(b"\xff\x58\x04\x04", b"\xff\x58\x04\x00"))
    with pytest.raises(UsageError, match="cannot be read"):
        read_annotations(tmp_path / "a.mid", 20.0)


def test_places_in_the_bar_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("0.5,1.3\n1.0,2.1\n1.5,2.2\n2.0,2.3\n2.5,3.1\n", "utf-8")
    grid = corrected(SONG, read_annotations(tmp_path / "a.csv", 20.0)).require_grid()
    assert grid.positions == (3, 1, 2, 3, 1) and grid.meter == Meter(3)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.beats", "hello\n"),
        ("a.lab", "0 4 C:maj\n2 6 G:maj\n"),
        ("a.lab", "nan 5 C:maj\n"),
        ("a.lab", ""),
        ("a.jams", "{}"),
        ("a.mid", "MThd"),
        ("a.doc", ""),
    ],
)
def test_what_is_no_annotation_is_refused_in_one_sentence(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        corrected(SONG, read_annotations(tmp_path / name, 20.0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("meters", "longest"), [([(4, 4, 0), (6, 8, 24)], "4/4"), ([(12, 8, 0), (4, 4, 30)], "12/8"), ([(6, 8, 0), (9, 8, 30)], "6/8")]
)
def test_the_meter_of_a_midi_file_is_the_one_that_lasts(meters: list[tuple[int, int, int]], longest: str, tmp_path: Path) -> None:
    """(numerator, denominator, quarters from the beginning); 20 s at 120."""
    song, track, before = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack(), 0
    for numerator, denominator, quarters in meters:
        track.append(mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator, time=480 * (quarters - before)))
        before = quarters
    song.tracks.append(track)
    song.save(str(tmp_path / "a.mid"))
    assert str(corrected(SONG, read_annotations(tmp_path / "a.mid", 17.0)).require_grid().meter) == longest


def test_a_midi_file_in_six_eight_counts_dotted_quarters(tmp_path: Path) -> None:
    song = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack([mido.MetaMessage("time_signature", numerator=6, denominator=8), mido.MetaMessage("set_tempo", tempo=400_000)])
    song.tracks.append(track)
    song.save(str(tmp_path / "a.mid"))
    grid = corrected(SONG, read_annotations(tmp_path / "a.mid", 20.0)).require_grid()
    assert str(grid.meter) == "6/8" and grid.tempo_bpm == pytest.approx(100)


def test_foreign_jams_lay_their_annotations_over_ours(tmp_path: Path) -> None:
    def item(space: str, rows: list[tuple[float, float, Any]]) -> dict[str, Any]:
        return {"namespace": space, "data": [{"time": t, "duration": d, "value": v, "confidence": None} for t, d, v in rows]}

    beats = [(0.5 * k, 0.0, k % 4 + 1) for k in range(30)]
    jam = {
        "annotations": [
            item("beat", beats), item("chord", [(0, 10, "D:min7"), (10, 10, "G:7")]), item("key_mode", [(0, 20, "C:major")]),
            item("segment_open", [(0, 10, "verse"), (10, 10, "chorus")]),
        ],
        "file_metadata": {"duration": 20.0}, "sandbox": {},
    }  # fmt: skip
    (tmp_path / "a.jams").write_text(json.dumps(jam), "utf-8")
    found = corrected(SONG, read_annotations(tmp_path / "a.jams", 20.0))
    assert found.require_grid().tempo_bpm == pytest.approx(120)
    assert found.chords and [str(c.chord) for c in found.chords.value] == ["D:min7", "G:7"]
    assert found.sections and [(s.label, s.energy) for s in found.sections.value] == [("verse", 0.7), ("chorus", 0.7)]


def test_notes_groove_lyrics_and_readings_survive_jams() -> None:
    half = change.halved(GRID)
    track = NoteTrack(StemRole.BASS, (NoteEvent(0.1, 0.33, 40, 90, 0.25),), (ScoreNote(0.0, 0.5, 40, 0.7, 3.5),))
    full = replace(
        SONG, alternatives=(TempoAlternative("half", 60.0, Meter(4), 0.3, half),),
        notes=(Annotation(track, 0.8, Provenance("basic-pitch", "0.4.0", (("onset", "0.5"),), "bass")),),
        groove=Annotation(GrooveTemplate(2, (0.0, 12.5) * 4, (1.0, 0.3) * 4, 1.4), 0.6, FOUND),
        lyrics=Annotation((LyricLine(1.0, 2.5, "Hello"),), 1.0, Provenance("LRC")),
        sections=Annotation((Section(0, 20, "A", 0.7, 0.5, "verse", 0.4, 2.25),), 0.5, FOUND),
    )  # fmt: skip
    assert from_jams(json.loads(json.dumps(to_jams(full)))) == full


@pytest.mark.parametrize("seed", range(20))
def test_any_row_of_changes_keeps_beats_ascending_and_bars_counted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = SONG
    for _ in range(12):
        grid = found.require_grid()
        beat = int(rng.integers(0, len(grid)))
        one: tuple[str, dict[str, Any]] = (
            ("halve-tempo", {}), ("double-tempo", {}), ("move-bar-one", {"beats": int(rng.integers(-3, 4))}),
            ("set-meter", {"meter": str(rng.choice(["3/4", "4/4", "5/4"])), "bar": int(rng.integers(1, max(2, len(grid.bars))))}),
            ("remove-beat", {"time_s": float(grid.times[beat])}), ("add-beat", {"time_s": float(rng.uniform(0, 20))}),
            ("set-tempo", {"bpm": float(rng.uniform(60, 180))}),
        )[int(rng.integers(0, 7))]  # fmt: skip
        try:
            found = corrected(found, [Correction(*one)])
        except UsageError as refused:
            assert "\n" not in str(refused)
            continue
        grid = found.require_grid()
        assert np.all(np.diff(grid.times) > 0) and grid.times[0] >= 0
        for before, after in itertools.pairwise(grid.positions):
            assert after == before + 1 or after == 1


def test_a_reference_tempo_is_that_of_the_recording_not_of_what_its_tempo_map_goes_on_with(tmp_path: Path) -> None:
    write_audio(click_track(BeatGrid.constant(120, 20, Meter(4)), 10.0), tmp_path / "song.wav")
    song = mido.MidiFile(ticks_per_beat=480)
    slower = mido.MetaMessage("set_tempo", tempo=1_000_000, time=480 * 22)
    song.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000), slower]))
    song.save(str(tmp_path / "song.mid"))
    reference = read_references(tmp_path, tmp_path)[0].within(10.0)
    assert reference.tempo_bpm == pytest.approx(120) and max(reference.beats_s) <= 10
