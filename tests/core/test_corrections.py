"""What users say against an analysis, key names of DJs, and an analysis joined from its parts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sideman.core.analysis import analyze
from sideman.core.analysis.analyzer import find_beats, find_harmony_and_form, find_loudness
from sideman.core.audio import Recording
from sideman.core.generation.composer import compose
from sideman.core.music import (
    Annotation,
    BeatGrid,
    Chord,
    ChordSpan,
    Correction,
    Key,
    KeySpan,
    Meter,
    MusicAnalysis,
    Provenance,
    Section,
    corrected,
    from_jams,
    overlaid,
    to_jams,
)
from sideman.core.music.corrections import KINDS, TAKES
from sideman.errors import AnalysisError, UsageError

FOUND = Provenance("sideman beats", "1", (("a", "b"),))
USER = Provenance("user")
END_S = 32.0
FOUR = Meter(4)


def song(first_position: int = 1, meter: Meter = FOUR, beats: int = 48, tempo_bpm: float = 120.0) -> MusicAnalysis:
    """Beats that drift a little, four chords, two sections."""
    steps = 60 / tempo_bpm * (1 + 0.02 * np.sin(np.arange(beats - 1) / 5))
    times = 0.4 + np.concatenate([[0], np.cumsum(steps)])
    grid = BeatGrid.from_times(times, (np.arange(beats) + first_position - 1) % meter.beats_per_bar + 1, meter)
    chords = tuple(ChordSpan(8.0 * k, 8.0 * k + 8, Chord.parse(c), 0.7) for k, c in enumerate(("A:min", "F:maj7/3", "C:maj", "Bb:7")))
    sections = (Section(0.0, 16.0, "A", 0.4, 0.6), Section(16.0, END_S, "B", 0.9, 0.8))
    key = Key.parse("A minor")
    return MusicAnalysis(
        END_S, "Title", grid=Annotation(grid, 0.8, FOUND), key=Annotation(key, 0.6, FOUND),
        key_spans=Annotation((KeySpan(0.0, 20.0, key), KeySpan(20.0, END_S, Key.parse("C"))), 0.6, FOUND),
        chords=Annotation(chords, 0.7, FOUND), sections=Annotation(sections, 0.7, FOUND), tuning_hz=Annotation(441.0, 0.5, FOUND),
        remarks=("one",),
    )  # fmt: skip


def after(a: MusicAnalysis, *kinds: str | Correction, **values: Any) -> MusicAnalysis:
    return corrected(a, [k if isinstance(k, Correction) else Correction(k, values) for k in kinds])


def grid_of(a: MusicAnalysis) -> BeatGrid:
    assert a.grid
    return a.grid.value


ALL: dict[str, tuple[dict[str, Any], set[str]]] = {
    "halve-tempo": ({}, {"grid"}), "double-tempo": ({}, {"grid"}), "move-bar-one": ({"beats": 1}, {"grid"}),
    "set-meter": ({"meter": "3/4"}, {"grid"}), "set-key": ({"key": "D major"}, {"key", "key_spans"}),
    "set-chord": ({"start_s": 4.0, "end_s": 6.0, "chord": "G:7"}, {"chords"}),
    "set-section": ({"start_s": 0.0, "end_s": 8.0, "label": "intro"}, {"sections"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
def test_a_correction_changes_what_it_names_and_says_that_the_user_did(kind: str) -> None:
    before, (values, touched) = song(), ALL[kind]
    made = after(before, kind, **values)
    for name in ("grid", "key", "key_spans", "chords", "sections", "tuning_hz"):
        was, now = getattr(before, name), getattr(made, name)
        if name in touched:
            assert now != was and now.provenance == USER and now.confidence == 1.0
        else:
            assert now == was
    assert (made.title, made.remarks, made.duration_s) == (before.title, before.remarks, before.duration_s)
    assert before == song(), "the analysis itself is left as it was found"


# tempo


@pytest.mark.parametrize("first_position", [1, 2, 3, 4])
def test_halving_keeps_downbeats_as_beats_and_every_other_bar(first_position: int) -> None:
    before, made = grid_of(song(first_position)), grid_of(after(song(first_position), "halve-tempo"))
    assert made.times_s in (before.times_s[0::2], before.times_s[1::2])
    assert set(before.downbeats_s) <= set(made.times_s) and set(made.downbeats_s) <= set(before.downbeats_s)
    assert made.downbeats_s[0] == before.downbeats_s[0] and made.meter == before.meter
    assert made.tempo_bpm == pytest.approx(before.tempo_bpm / 2, rel=0.01)


@pytest.mark.parametrize("first_position", [1, 2, 3])
def test_halving_an_odd_meter_keeps_counting_threes_from_a_downbeat(first_position: int) -> None:
    before = grid_of(song(first_position, Meter(3)))
    made = grid_of(after(song(first_position, Meter(3)), "halve-tempo"))
    assert set(made.downbeats_s) <= set(before.downbeats_s) and len(made.downbeats_s) >= len(before.downbeats_s) / 2 - 1
    assert set(np.diff(np.flatnonzero(np.array(made.positions) == 1))) == {3}


@pytest.mark.parametrize("first_position", [1, 2, 3, 4])
def test_doubling_puts_a_beat_between_every_two(first_position: int) -> None:
    before, made = grid_of(song(first_position)), grid_of(after(song(first_position), "double-tempo"))
    assert made.times_s[::2] == pytest.approx(before.times_s)
    assert made.times_s[1::2] == pytest.approx((before.times[1:] + before.times[:-1]) / 2)
    assert len(made) == 2 * len(before) - 1 and made.tempo_bpm == pytest.approx(2 * before.tempo_bpm, rel=0.01)
    assert all(np.abs(made.downbeats_s - t).min() < 1e-9 for t in before.downbeats_s), "bars become half as long"
    assert set(np.diff(np.flatnonzero(np.array(made.positions) == 1))) == {4}


@pytest.mark.parametrize("beats_per_bar", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("pickup", range(4))
def test_doubled_and_halved_is_where_it_was(beats_per_bar: int, pickup: int) -> None:
    a = song((-pickup) % beats_per_bar + 1, Meter(beats_per_bar))
    there_and_back = grid_of(after(a, "double-tempo", "halve-tempo"))
    assert there_and_back.times_s == pytest.approx(grid_of(a).times_s, abs=1e-12)


def test_nobody_taps_along_with_more_than_four_hundred_beats_a_minute() -> None:
    assert grid_of(after(song(tempo_bpm=198.0), "double-tempo")).tempo_bpm == pytest.approx(396, rel=0.01)
    with pytest.raises(UsageError, match="faster than 400 bpm"):
        after(song(tempo_bpm=198.0), "double-tempo", "double-tempo")


def test_what_is_too_short_to_halve_is_refused() -> None:
    with pytest.raises(UsageError, match="two beats or more"):
        after(song(beats=2), "halve-tempo")


# bars


@pytest.mark.parametrize("first_position", [1, 2, 3, 4])
@pytest.mark.parametrize("beats", [-5, -1, 0, 1, 2, 3, 4, 7, 400])
def test_bar_one_moves_later_by_beats_and_back(first_position: int, beats: int) -> None:
    a = song(first_position)
    moved = grid_of(after(a, "move-bar-one", beats=beats))
    assert moved.times_s == grid_of(a).times_s
    downbeats = [k for k, p in enumerate(grid_of(a).positions) if p == 1]
    assert all(moved.positions[k + beats % 4] == 1 for k in downbeats if k + beats % 4 < len(moved))
    assert set(np.diff(np.flatnonzero(np.array(moved.positions) == 1))) == {4}
    back = after(a, Correction("move-bar-one", {"beats": beats}), Correction("move-bar-one", {"beats": -beats}))
    assert grid_of(back) == grid_of(a)


@pytest.mark.parametrize(
    ("text", "beats", "compound"), [("3/4", 3, False), ("6/8", 2, True), ("12/8", 4, True), ("7/8", 7, False), ("5/4", 5, False)]
)
@pytest.mark.parametrize("first_position", [1, 3])
def test_a_meter_counts_anew_from_the_first_downbeat(text: str, beats: int, compound: bool, first_position: int) -> None:
    before = grid_of(song(first_position))
    made = grid_of(after(song(first_position), "set-meter", meter=text))
    assert made.meter == Meter(beats, compound, 4 if compound else int(text[-1])) and made.times_s == before.times_s
    first = before.positions.index(1)
    assert [k for k, p in enumerate(made.positions) if p == 1] == [k for k in range(len(made)) if (k - first) % beats == 0]


# harmony and form


def test_a_key_is_that_of_the_whole_recording() -> None:
    made = after(song(), "set-key", key="Bb minor")
    assert made.key and made.key.value == Key(10, "minor")
    assert made.key_spans and made.key_spans.value == (KeySpan(0.0, END_S, Key(10, "minor")),)


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        (2.0, 3.0, [(0, 2, "A:min"), (2, 3, "G:7"), (3, 8, "A:min"), (8, 16, "F:maj7/3"), (16, 24, "C:maj"), (24, 32, "Bb:7")]),
        (6.0, 10.0, [(0, 6, "A:min"), (6, 10, "G:7"), (10, 16, "F:maj7/3"), (16, 24, "C:maj"), (24, 32, "Bb:7")]),
        (8.0, 16.0, [(0, 8, "A:min"), (8, 16, "G:7"), (16, 24, "C:maj"), (24, 32, "Bb:7")]),
        (4.0, 28.0, [(0, 4, "A:min"), (4, 28, "G:7"), (28, 32, "Bb:7")]),
        (0.0, 32.0, [(0, 32, "G:7")]),
    ],
)
def test_a_chord_replaces_spans_and_parts_of_spans(start: float, end: float, left: list[tuple[float, float, str]]) -> None:
    made = after(song(), "set-chord", start_s=start, end_s=end, chord="G:7")
    assert made.chords
    assert [(s.start_s, s.end_s, str(s.chord)) for s in made.chords.value] == left
    assert all(s.confidence == (1.0 if str(s.chord) == "G:7" else 0.7) for s in made.chords.value)
    assert made.chord_at((start + end) / 2) == Chord.parse("G:7")


def test_a_chord_where_there_were_none() -> None:
    made = after(replace(song(), chords=None), "set-chord", start_s=0, end_s=END_S, chord="N")
    assert made.chords and [str(s.chord) for s in made.chords.value] == ["N"]


def test_a_chord_may_be_written_as_on_a_lead_sheet_and_what_is_left_out_is_named() -> None:
    made = after(song(), "set-chord", start_s=2.0, end_s=4.0, chord="Am7")
    assert made.chords and "A:min7" in [str(s.chord) for s in made.chords.value]
    with pytest.raises(UsageError, match="set-chord has no end_s: it takes start_s, end_s and chord"):
        after(song(), "set-chord", start_s=2.0, chord="Am7")
    assert TAKES.keys() == KINDS.keys()


def test_a_meter_of_other_beats_is_given_to_the_whole_song() -> None:
    """A grid counts one kind of beat: bars of 6/8 behind bars of 4/4 would make those 12/8."""
    for meter in ("6/8", "7/8"):
        with pytest.raises(UsageError, match="give it to the whole song"):
            after(song(), "set-meter", meter=meter, bar=5)
        assert str(grid_of(after(song(), "set-meter", meter=meter)).meter) == meter


def test_sections_are_split_and_keep_their_energy() -> None:
    made = after(song(), "set-section", start_s=12.0, end_s=20.0, label="bridge")
    assert made.sections
    assert made.sections.value == (
        Section(0.0, 12.0, "A", 0.4, 0.6), Section(12.0, 20.0, "bridge", 0.4, 1.0), Section(20.0, END_S, "B", 0.9, 0.8),
    )  # fmt: skip
    inside = after(song(), "set-section", start_s=20.0, end_s=24.0, label="x")
    assert inside.sections and [s.label for s in inside.sections.value] == ["A", "B", "x", "B"]


def told_sections(*spans: tuple[float, float, str, float, str]) -> MusicAnalysis:
    rows = tuple(Section(a, b, label, energy, 0.6, name, 0.5 if name else 0.0, 2 * energy) for a, b, label, energy, name in spans)
    return replace(song(), sections=Annotation(rows, 0.7, Provenance("test")))


def test_what_a_section_gives_up_goes_to_its_neighbours() -> None:
    known = told_sections((0.0, 8.0, "A", 0.2, "verse"), (8.0, 16.0, "B", 0.9, "chorus"), (16.0, 32.0, "A", 0.3, "verse"))

    def edges(**values: object) -> list[tuple[float, float, str]]:
        made = after(known, "set-section", **values)
        assert made.sections
        return [(s.start_s, s.end_s, s.label) for s in made.sections.value]

    assert edges(start_s=10.0, end_s=14.0, label="B", of_s=12.0) == [(0, 10, "A"), (10, 14, "B"), (14, 32, "A")]
    assert edges(start_s=6.0, end_s=16.0, label="C", of_s=12.0) == [(0, 6, "A"), (6, 16, "C"), (16, 32, "A")]
    assert edges(start_s=10.0, end_s=14.0, label="C") == [(0, 8, "A"), (8, 10, "B"), (10, 14, "C"), (14, 16, "B"), (16, 32, "A")]
    assert edges(start_s=2.0, end_s=6.0, label="A", of_s=1.0) == [(0, 2, "A"), (2, 6, "A"), (6, 16, "B"), (16, 32, "A")]
    assert edges(start_s=20.0, end_s=30.0, label="D", of_s=20.0) == [(0, 8, "A"), (8, 20, "B"), (20, 30, "D"), (30, 32, "A")]


def test_a_section_that_is_moved_keeps_what_was_measured_in_it() -> None:
    known = told_sections((0.0, 8.0, "A", 0.2, "verse"), (8.0, 16.0, "B", 0.9, "chorus"), (16.0, 32.0, "C", 0.3, ""))
    for values in ({"start_s": 6.0, "end_s": 16.0, "of_s": 12.0}, {"start_s": 4.0, "end_s": 16.0}):
        moved = after(known, "set-section", label="B", **values)
        assert moved.sections
        chorus = next(s for s in moved.sections.value if s.label == "B")
        assert (chorus.energy, chorus.density, chorus.name, chorus.confidence) == (0.9, 1.8, "chorus", 1.0)
    renamed = after(known, "set-section", start_s=8.0, end_s=16.0, label="Bridge", of_s=9.0)
    assert renamed.sections and (renamed.sections.value[1].name, renamed.sections.value[1].energy) == ("", 0.9)


# refusals


NONSENSE = [
    ("transpose", {}), ("", {}), ("move-bar-one", {}), ("move-bar-one", {"beats": "x"}), ("move-bar-one", {"beats": None}),
    ("move-bar-one", {"beats": float("nan")}), ("move-bar-one", {"beats": float("inf")}), ("move-bar-one", {"beats": [1]}), ("set-meter", {}),
    ("set-meter", {"meter": "waltz"}), ("set-meter", {"meter": "0/4"}), ("set-meter", {"meter": "99/4"}), ("set-meter", {"meter": "4/0"}),
    ("set-meter", {"meter": "4/7"}), ("set-meter", {"meter": "-3/4"}), ("set-meter", {"meter": None}), ("set-key", {"key": "H major"}),
    ("set-key", {"key": ""}), ("set-key", {"key": "A banana"}), ("set-key", {"key": "13A"}), ("set-key", {"tonic": 3}),
    ("set-chord", {"start_s": 1, "end_s": 2}), ("set-chord", {"start_s": 1, "end_s": 2, "chord": "H:maj"}),
    ("set-chord", {"start_s": 2, "end_s": 2, "chord": "C"}), ("set-chord", {"start_s": 3, "end_s": 2, "chord": "C"}),
    ("set-chord", {"start_s": -1, "end_s": 2, "chord": "C"}), ("set-chord", {"start_s": 1, "end_s": 33, "chord": "C"}),
    ("set-chord", {"start_s": float("nan"), "end_s": 2, "chord": "C"}), ("set-chord", {"start_s": 1, "end_s": float("inf"), "chord": "C"}),
    ("set-chord", {"start_s": None, "end_s": 2, "chord": "C"}), ("set-section", {"start_s": 1, "end_s": 2}),
    ("set-section", {"start_s": 1, "end_s": 2, "label": None}), ("set-section", {"start_s": 1, "end_s": 2, "label": " "}), ("set-keys", {}),
    ("set-keys", {"keys": []}), ("set-section", {"start_s": 5, "end_s": 1, "label": "A"}), ("set-section", {"start_s": {}, "end_s": 1, "label": "A"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values"), NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_refused_in_one_sentence(kind: str, values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"^[^\n]+: [^\n]+$"):
        after(song(), kind, **values)


@pytest.mark.parametrize("kind", ["halve-tempo", "double-tempo", "move-bar-one", "set-meter"])
def test_without_beats_there_is_nothing_to_count(kind: str) -> None:
    with pytest.raises(AnalysisError, match="no steady pulse"):
        after(replace(song(), grid=None), kind, **ALL[kind][0])


def test_corrections_apply_in_their_order_and_a_wrong_one_names_itself() -> None:
    made = after(song(), Correction("set-key", {"key": "C"}), Correction("set-key", {"key": "G"}))
    assert made.key and str(made.key.value) == "G major"
    with pytest.raises(UsageError, match="the correction set-key cannot be applied"):
        after(song(), Correction("set-key", {"key": "C"}), Correction("set-key", {"key": "?"}))
    assert corrected(song(), []) == song()


def test_of_corrections_that_do_not_fit_a_new_analysis_the_others_count() -> None:
    shorter = replace(song(), grid=None, duration_s=20.0, chords=None)
    wanted = [
        Correction("set-key", {"key": "G"}), Correction("halve-tempo", {}), Correction("set-chord", {"start_s": 24, "end_s": 30, "chord": "C"}),
        Correction("set-key", {"key": "Bb"}),
    ]  # fmt: skip
    made = overlaid(shorter, wanted)
    assert made.key and str(made.key.value) == "Bb major" and made.grid is None and made.chords is None
    assert [r for r in made.remarks if "does not fit" in r] == [
        "Your correction halve-tempo does not fit this analysis any more.", "Your correction set-chord does not fit this analysis any more.",
    ]  # fmt: skip
    fitting = [Correction("halve-tempo", {}), Correction("set-key", {"key": "G"})]
    assert overlaid(song(), fitting) == corrected(song(), fitting)


# files


@pytest.mark.parametrize("kind", ALL)
def test_a_corrected_analysis_survives_its_file(kind: str) -> None:
    made = after(song(3), kind, **ALL[kind][0])
    assert from_jams(json.loads(json.dumps(to_jams(made)))) == made


def test_everything_corrected_at_once_survives_its_file_and_is_marked_manual() -> None:
    made = after(compose(4), *(Correction(kind, values) for kind, (values, _) in ALL.items()))
    jam = json.loads(json.dumps(to_jams(made)))
    assert from_jams(jam) == made
    assert {a["annotation_metadata"]["data_source"] for a in jam["annotations"]} == {"manual"}
    assert from_jams(jam).grid.provenance == USER


# keys by name

WHEEL = {
    "B major": "1B", "F# major": "2B", "Db major": "3B", "Ab major": "4B", "Eb major": "5B", "Bb major": "6B", "F major": "7B",
    "C major": "8B", "G major": "9B", "D major": "10B", "A major": "11B", "E major": "12B", "Ab minor": "1A", "Eb minor": "2A",
    "Bb minor": "3A", "F minor": "4A", "C minor": "5A", "G minor": "6A", "D minor": "7A", "A minor": "8A", "E minor": "9A", "B minor": "10A",
    "F# minor": "11A", "Db minor": "12A",
}  # fmt: skip
"""The wheel as DJ software prints it."""


@pytest.mark.parametrize(("name", "camelot"), WHEEL.items())
def test_camelot_names_are_those_of_the_wheel(name: str, camelot: str) -> None:
    key = Key.parse(name)
    assert key.camelot == camelot
    assert Key.parse(camelot) == Key.parse(camelot.lower()) == Key.parse(f" {camelot} ") == Key.parse(str(key)) == key
    short = name.replace(" major", "").replace(" minor", "m")
    assert (
        Key.parse(short)
        == Key.parse(name.replace(" ", ":"))
        == Key.parse(name.upper().replace("B ", "b ", 1) if "b " in name else name)
        == key
    )


def test_every_key_has_one_index_and_one_name() -> None:
    keys = [Key.from_index(k) for k in range(24)]
    assert [k.index for k in keys] == list(range(24)) and len(set(keys)) == 24
    assert {k.camelot for k in keys} == set(WHEEL.values()) and [str(keys[k]) for k in (0, 9, 12, 21)] == [
        "C major",
        "A major",
        "C minor",
        "A minor",
    ]


@pytest.mark.parametrize("index", range(24))
def test_compatible_keys_are_the_neighbours_on_the_wheel(index: int) -> None:
    key = Key.from_index(index)
    number, letter = int(key.camelot[:-1]), key.camelot[-1]
    wanted = {
        f"{number}{letter}",
        f"{number}{'A' if letter == 'B' else 'B'}",
        f"{number % 12 + 1}{letter}",
        f"{(number - 2) % 12 + 1}{letter}",
    }
    assert {k.camelot for k in key.compatible} == wanted and key.compatible[0] == key
    assert all(key in other.compatible for other in key.compatible)
    relative = key.compatible[1]
    assert relative.mode != key.mode and set(relative.scale) == set(key.scale)


@pytest.mark.parametrize("text", ["", "H", "13A", "0B", "8C", "Am7", "A banana", "a minor chord", "minor", "#", "8 A"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Key.parse(text)


# parts


def test_an_analysis_joined_from_its_parts_is_the_whole_one(song_file: Path) -> None:
    """Jobs find the parts in processes of their own, and files lie between them."""
    with Recording.open(song_file) as recording:
        whole = analyze(recording)
        beats = find_beats(recording)
        harmony = find_harmony_and_form(recording, beats.grid.value if beats.grid else None)
        loudness = find_loudness(recording)
    assert whole.grid and whole.key and whole.chords and whole.sections and whole.loudness
    assert beats.merged(harmony).merged(loudness) == whole
    kept = [from_jams(json.loads(json.dumps(to_jams(part)))) for part in (beats, harmony, loudness)]
    assert kept[0].merged(kept[1]).merged(kept[2]) == whole


def test_of_two_parts_the_later_one_counts_and_remarks_are_joined() -> None:
    a, b = song(), replace(song(2), key=None, title="", artist="X", remarks=("two",), duration_s=1.0)
    both = a.merged(b)
    assert (both.grid, both.key, both.title, both.artist, both.remarks) == (b.grid, a.key, "Title", "X", ("one", "two"))
    assert both.duration_s == END_S
