"""The vocabulary: time through drift, chord labels, JAMS and MIDI without loss."""

from __future__ import annotations

import json
from pathlib import Path

import jams
import numpy as np
import pytest

from sideman.core.audio import Loudness
from sideman.core.generation.composer import compose
from sideman.core.music import (
    Annotation,
    BeatGrid,
    Chord,
    EnergyPoint,
    Key,
    Meter,
    MidiPart,
    MusicAnalysis,
    NoteEvent,
    Provenance,
    StemRole,
    TempoAlternative,
    from_jams,
    parse_roles,
    read_midi,
    to_jams,
    write_jams,
    write_midi,
)  # fmt: skip
from sideman.errors import UsageError


def drifting_grid(bars: int = 24, first_position: int = 1) -> BeatGrid:
    rng = np.random.default_rng(1)
    steps = 0.5 * (1 + 0.03 * np.sin(np.arange(bars * 4) / 9) + 0.004 * rng.normal(size=bars * 4))
    times = 1.37 + np.concatenate([[0], np.cumsum(steps)])
    return BeatGrid.from_times(times, (np.arange(len(times)) + first_position - 1) % 4 + 1, Meter(4))


def test_seconds_and_beats_are_inverse_inside_and_outside() -> None:
    grid = drifting_grid()
    positions = np.linspace(-5, len(grid) + 5, 400)
    assert np.allclose(grid.beat_at(grid.seconds_at(positions)), positions)


def test_bars_start_before_the_recording_when_it_begins_inside_one() -> None:
    grid = drifting_grid(first_position=3)
    assert (grid.bars[0].first_beat, grid.bars[0].beats) == (-2, 4)
    assert grid.bars[1].first_beat == 2


def test_bar_beat_tick_counts_like_a_musician() -> None:
    grid = BeatGrid.constant(120, 16, Meter(4), start_s=1.0)
    assert grid.bar_beat_tick(1.0) == (1, 1, 0)
    assert grid.bar_beat_tick(1.0 + 0.5 * 5.5) == (2, 2, 480)


def test_tempo_curve_follows_drift() -> None:
    curve = drifting_grid().tempo_curve()
    assert max(p.tempo_bpm for p in curve) - min(p.tempo_bpm for p in curve) == pytest.approx(7, abs=2)


@pytest.mark.parametrize("text", ["4/4", "3/4", "6/8", "9/8", "12/8", "5/4", "7/4"])
def test_meters_read_as_written(text: str) -> None:
    assert str(Meter.parse(text)) == text


@pytest.mark.parametrize("label", ["N", "C:maj", "F#:min7", "Bb:maj7/3", "A:hdim7", "Eb:7/b7", "G:sus4"])
def test_harte_labels_survive(label: str) -> None:
    assert str(Chord.parse(label)) == label


@pytest.mark.parametrize("label", ["H:maj", "C:funny", "C:maj/x", "", "C:(1,b2)", "C:(1,x)"])
def test_nonsense_labels_are_refused(label: str) -> None:
    with pytest.raises(ValueError):
        Chord.parse(label)


@pytest.mark.parametrize(
    ("degrees", "label"),
    [
        ("C:(1,b3,5)", "C:min"), ("E:(1,b3,b5,bb7)", "E:dim7"), ("D:(1,4,b7,9)", "D:sus4"), ("C:(1,3,5,b7)", "C:7"), ("C:(1,5)", "C:5"),
        ("G:(3,5)/3", "G:maj/3"), ("C:(1,b3,5,b7,9)", "C:min9"), ("C:maj(9)", "C:maj"),
    ],
)  # fmt: skip
def test_a_chord_of_degrees_alone_is_the_chord_that_has_them(degrees: str, label: str) -> None:
    assert str(Chord.parse(degrees)) == label


def test_basses_are_spelled_as_degrees_of_their_chord() -> None:
    assert [Chord.parse(x).symbol for x in ("C:7/b7", "C:min/b3", "C:hdim7/b5", "D:maj/3")] == ["C7/Bb", "Cm/Eb", "Cm7b5/Gb", "D/F#"]


def test_chord_symbols_are_those_of_a_lead_sheet() -> None:
    assert [Chord.parse(x).symbol for x in ("A:min7", "Bb:maj", "C:maj/3", "N", "B:hdim7")] == ["Am7", "Bb", "C/E", "N.C.", "Bm7b5"]


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("B♭/D", "Bb:maj/3"), ("C♯m7", "C#:min7"), ("Cmaj", "C:maj"), ("C6/9", "C:maj6"), ("Am6/9", "A:min6"), ("E7#9", "E:7"), ("G13sus4", "G:sus4"),
        ("Dm11", "D:min9"), ("Fm(maj7)", "F:minmaj7"), ("N.C.", "N"), ("C:maj7/3", "C:maj7/3"),
    ],
)  # fmt: skip
def test_chords_are_read_as_musicians_write_them(written: str, label: str) -> None:
    assert str(Chord.read(written)) == label


@pytest.mark.parametrize(
    ("written", "name"), [("a minor", "A minor"), ("b♭ major", "Bb major"), ("f#m", "F# minor"), ("8a", "A minor"), ("g", "G major")]
)
def test_keys_are_read_in_small_letters_too(written: str, name: str) -> None:
    assert str(Key.parse(written)) == name


def test_keys_spell_their_accidentals() -> None:
    assert [str(Key.parse(x)) for x in ("D#:major", "A minor", "Bb", "F# minor", "G# minor")] == [
        "Eb major",
        "A minor",
        "Bb major",
        "F# minor",
        "G# minor",
    ]


def test_roles_have_aliases_and_a_helpful_refusal() -> None:
    assert parse_roles("Drums, rhodes,horns,drums") == (StemRole.DRUMS, StemRole.KEYS, StemRole.BRASS)
    with pytest.raises(UsageError, match="there are drums, bass"):
        StemRole.parse("kazoo")


def full_analysis() -> MusicAnalysis:
    a = compose(5)
    made = Provenance("engine", "1.2", (("a", "b"), ("c", "3")), "drums")
    return MusicAnalysis(
        duration_s=a.duration_s, title="Tïtle", artist="X", grid=Annotation(drifting_grid(), 0.87, made),
        alternatives=(TempoAlternative("half", 59.9, Meter(2, True), 0.2),), key=a.key, key_spans=a.key_spans, chords=a.chords,
        sections=a.sections, tuning_hz=Annotation(441.3, 0.4, made), loudness=Annotation(Loudness(-np.inf, 3.5, -1.25), 1.0, made),
        energy=(EnergyPoint(0.0, -12.5), EnergyPoint(1.0, -np.inf)), remarks=("one", "two"),
    )  # fmt: skip


def test_jams_round_trip_is_lossless(tmp_path: Path) -> None:
    analysis = full_analysis()
    assert from_jams(json.loads(json.dumps(to_jams(analysis)))) == analysis


@pytest.mark.filterwarnings("ignore:Passing a schema to Validator:DeprecationWarning")
def test_jams_files_satisfy_the_jams_library(tmp_path: Path) -> None:
    write_jams(full_analysis(), tmp_path / "a.jams")
    loaded = jams.load(str(tmp_path / "a.jams"), validate=True, strict=True)
    assert {a.namespace for a in loaded.annotations} == {"beat", "tempo", "key_mode", "chord", "segment_open"}


def test_what_another_tool_adds_to_our_jams_keeps_nothing_from_being_read() -> None:
    jam = to_jams(full_analysis())
    jam["annotations"].insert(0, {"namespace": "beat", "data": [], "sandbox": {}})
    assert from_jams(jam) == full_analysis()


def test_foreign_jams_are_refused() -> None:
    with pytest.raises(UsageError, match="not written by Sideman"):
        from_jams({"annotations": [], "file_metadata": {}, "sandbox": {}})


@pytest.mark.parametrize("first_position", [1, 3])
def test_midi_carries_the_drifting_grid(tmp_path: Path, first_position: int) -> None:
    grid = drifting_grid(first_position=first_position)
    notes = tuple(NoteEvent(float(t), float(t) + 0.2, 60 + i % 12, 90) for i, t in enumerate(grid.times[:-1]))
    write_midi(tmp_path / "x.mid", grid, [MidiPart("bass", notes, 33), MidiPart("drums", notes, 0, True)], compose(5))
    parts = read_midi(tmp_path / "x.mid")
    assert [(p.name, p.program, p.drums) for p in parts] == [("bass", 33, False), ("drums", 0, True)]
    got = np.array([n.start_s for n in parts[0].notes])
    assert np.abs(got - np.array([n.start_s for n in notes])).max() < 0.0005
