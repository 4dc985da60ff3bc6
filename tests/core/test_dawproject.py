"""Songs for a sequencer: tempo maps whose bar lines and tempi a sequencer can follow, and DAWproject."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import mido
import numpy as np
import pytest

from sideman.core.export import Project, ProjectTrack, write_project
from sideman.core.export.dawproject import METADATA_FILE, PROJECT_FILE
from sideman.core.music import (
    Annotation,
    BeatGrid,
    Chord,
    ChordSpan,
    Meter,
    MidiPart,
    MusicAnalysis,
    NoteEvent,
    Provenance,
    corrected,
    read_annotations,
    read_midi,
    write_midi,
)
from sideman.core.music.midi import TempoTrack, tempo_track
from sideman.testing import ShortSong

METERS = [Meter(4), Meter(3), Meter(2, True)]


def drifting(first_s: float, meter: Meter, beginning: tuple[int, ...] = ()) -> BeatGrid:
    """beginning: places in the bar before the bars of the meter begin."""
    times = first_s + np.concatenate([[0], np.cumsum(0.5 * (1 + 0.03 * np.sin(np.arange(40) / 4)))])
    positions = [*beginning, *(np.arange(41) % meter.beats_per_bar + 1)][:41]
    return BeatGrid.from_times(times, positions, meter)


def quarters_per_minute(tempo: TempoTrack) -> np.ndarray:
    return 60 * np.diff(tempo.at_beat) * tempo.quarters_per_beat / np.diff(tempo.at_s)


def bar_lines(tempo: TempoTrack) -> np.ndarray:
    """In quarters, from the meters alone."""
    lines, ends = [], [*(m.beat for m in tempo.meters[1:]), tempo.at_beat[-1]]
    for m, end in zip(tempo.meters, ends, strict=True):
        lines.append(np.arange(m.beat * tempo.quarters_per_beat, end * tempo.quarters_per_beat - 1e-6, 4 * m.numerator / m.denominator))
    return np.concatenate(lines)


@pytest.mark.parametrize("meter", METERS)
@pytest.mark.parametrize("beginning", [(), (2,), (1, 2, 3), (3,), (5,), (1, 2, 3, 4, 5)])
@pytest.mark.parametrize("first_s", [0.0, 0.002, 0.02, 0.08, 0.3, 0.9, 9.7])
def test_bar_lines_fall_on_downbeats_and_no_tempo_is_out_of_reach(
    first_s: float, beginning: tuple[int, ...], meter: Meter, tmp_path: Path
) -> None:
    grid = drifting(first_s, meter, beginning)
    tempo = tempo_track(grid)
    lines = bar_lines(tempo)
    downbeats = np.array([tempo.beat(t) for t in grid.downbeats_s[:-1]]) * tempo.quarters_per_beat
    assert np.abs(lines[:, None] - downbeats[None]).min(0).max() < 0.01
    if first_s < 2:
        assert len(lines) - len(downbeats) <= 4, "bars before the first one are few"
    assert quarters_per_minute(tempo).max() < 450 and quarters_per_minute(tempo).min() > 60
    write_midi(tmp_path / "a.mid", grid, [MidiPart("bass", (NoteEvent(float(grid.times[7]), float(grid.times[8]), 40, 90),))])
    assert read_midi(tmp_path / "a.mid")[0].notes[0].start_s == pytest.approx(grid.times[7], abs=0.001)
    signatures = [m for t in mido.MidiFile(str(tmp_path / "a.mid")).tracks for m in t if m.type == "time_signature"]
    assert (signatures[-1].numerator, signatures[-1].denominator) == (meter.numerator, meter.denominator)
    read = corrected(MusicAnalysis(grid.times_s[-1] + 0.3), read_annotations(tmp_path / "a.mid", grid.times_s[-1] + 0.3)).require_grid()
    assert read.meter == meter
    assert np.abs(read.times[:, None] - grid.times[None]).min(0).max() < 0.01
    assert np.abs(read.downbeats_s[:, None] - grid.downbeats_s[None]).min(0).max() < 0.01
    inside = read.times[read.times >= grid.times_s[0] - 0.01]
    assert len(inside) <= len(grid) + 1, "no beats between the beats"


def test_a_break_between_two_beats_is_counted_in_more_beats() -> None:
    times = [0.5 * k for k in range(9)] + [10.0 + 0.5 * k for k in range(9)]
    grid = BeatGrid.from_times(times, [k % 4 + 1 for k in range(18)], Meter(4))
    tempo = tempo_track(grid)
    assert quarters_per_minute(tempo).min() > 20
    downbeats = np.array([tempo.beat(t) for t in grid.downbeats_s[:-1]])
    assert np.abs(bar_lines(tempo)[:, None] - downbeats[None]).min(0).max() < 1e-6


@pytest.fixture(scope="module")
def opened(song: ShortSong, tmp_path_factory: pytest.TempPathFactory) -> tuple[ElementTree.Element, MusicAnalysis, zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("daw")
    (folder / "bass.wav").write_bytes(b"RIFF")
    truth = song.truth
    tracks = (
        ProjectTrack("ba<s>s\x01", "audio/bass.wav", 44100 * 20, 44100, 2, (NoteEvent(1.0, 1.5, 40, 127),)),
        ProjectTrack("song", "audio/song.wav", 48000 * 21, 48000, 1, muted=True),
    )
    with zipfile.ZipFile(folder / "song.dawproject", "w") as archive:
        archive.write(folder / "bass.wav", "audio/bass.wav")
        write_project(archive, Project("A & B", truth, tracks, "Nobody"))
    archive = zipfile.ZipFile(folder / "song.dawproject")
    return ElementTree.fromstring(archive.read(PROJECT_FILE)), truth, archive


def seconds_at(project: ElementTree.Element, quarters: float) -> float:
    """Through the tempo automation alone, as a sequencer does."""
    points = [(float(p.get("time")), float(p.get("value"))) for p in project.iterfind("Arrangement/TempoAutomation/RealPoint")]
    seconds = 0.0
    for (start, bpm), end in zip(points, [*(p[0] for p in points[1:]), np.inf], strict=True):
        seconds += 60 / bpm * (min(quarters, end) - start) if quarters > start else 0
    return seconds


def test_the_ruler_of_a_project_runs_with_the_recording(opened) -> None:
    project, truth, _ = opened
    tempo = tempo_track(truth.require_grid())
    assert max(abs(seconds_at(project, tempo.beat(t)) - t) for t in truth.require_grid().times_s) < 0.0005
    transport = project.find("Transport")
    assert float(transport.find("Tempo").get("value")) == pytest.approx(truth.require_grid().tempo_bpm, rel=0.03), "not that of its lead-in"
    assert (transport.find("TimeSignature").get("numerator"), transport.find("TimeSignature").get("denominator")) == ("4", "4")
    markers = [(float(m.get("time")), m.get("name")) for m in project.iterfind("Arrangement/Markers/Marker")]
    assert [name for _, name in markers] == [s.label for s in truth.sections.value]
    assert [seconds_at(project, t) for t, _ in markers] == pytest.approx([s.start_s for s in truth.sections.value], abs=0.001)


def test_a_project_holds_audio_notes_and_chords(opened) -> None:
    project, truth, archive = opened
    tracks = {t.get("name"): t for t in project.iterfind("Structure/Track")}
    assert list(tracks) == ["ba<s>s", "song", "ba<s>s (notes)", "Chords", "Master"]
    lanes = {lane.get("track"): lane for lane in project.iterfind("Arrangement/Lanes/Lanes")}
    clip = lanes[tracks["ba<s>s"].get("id")].find("Clips/Clip")
    assert clip.find("Audio/File").get("path") == "audio/bass.wav" and archive.read("audio/bass.wav") == b"RIFF"
    assert clip.get("contentTimeUnit") == "seconds" and float(clip.find("Audio").get("duration")) == 20
    assert seconds_at(project, float(clip.get("duration"))) == pytest.approx(20, abs=0.001)
    note = lanes[tracks["ba<s>s (notes)"].get("id")].find("Clips/Clip/Notes/Note")
    assert (note.get("key"), note.get("vel")) == ("40", "1") and seconds_at(project, float(note.get("time"))) == pytest.approx(1, abs=0.001)
    chords = [c.get("name") for c in lanes[tracks["Chords"].get("id")].iterfind("Clips/Clip")]
    assert chords == [c.chord.symbol for c in truth.chords.value if c.chord.root is not None]
    assert [t.find("Channel/Mute").get("value") for t in tracks.values()] == ["false", "true", "true", "true", "false"]
    assert ElementTree.fromstring(archive.read(METADATA_FILE)).findtext("Title") == "A & B"


def test_elements_keep_the_order_of_the_schema_and_ids_are_found(opened) -> None:
    project, _, _ = opened
    assert [e.tag for e in project] == ["Application", "Transport", "Structure", "Arrangement", "Scenes"]
    assert [e.tag for e in project.find("Arrangement")] == ["Lanes", "Markers", "TempoAutomation", "TimeSignatureAutomation"]
    assert project.find("Arrangement/TempoAutomation")[0].tag == "Target"
    ids = [e.get("id") for e in project.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    named = [e.get(a) for e in project.iter() for a in ("track", "destination", "parameter") if e.get(a)]
    assert set(named) <= set(ids)


def test_slash_chords_have_their_own_bass(tmp_path: Path) -> None:
    spans = tuple(ChordSpan(2.0 * k, 2.0 * k + 2, Chord.parse(c)) for k, c in enumerate(("C:maj/3", "A:min7/b7", "F:maj")))
    analysis = MusicAnalysis(6.0, chords=Annotation(spans, 1.0, Provenance("test")))
    with zipfile.ZipFile(tmp_path / "a.dawproject", "w") as archive:
        write_project(archive, Project("Slash", analysis, (ProjectTrack("a", "audio/a.wav", 44100, 44100, 2),)))
    project = ElementTree.fromstring(zipfile.ZipFile(tmp_path / "a.dawproject").read("project.xml"))
    clips = {
        c.get("name"): [int(n.get("key")) for n in c.iterfind("Notes/Note")] for c in project.iter("Clip") if c.find("Notes") is not None
    }
    assert {name: min(keys) % 12 for name, keys in clips.items()} == {"C/E": 4, "Am7/G": 7, "F": 5}


def test_a_recording_without_beats_has_a_ruler_of_120(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.dawproject", "w") as archive:
        write_project(archive, Project("Free", MusicAnalysis(30.0), (ProjectTrack("a", "audio/a.wav", 44100, 44100, 2),)))
    project = ElementTree.fromstring(zipfile.ZipFile(tmp_path / "a.dawproject").read(PROJECT_FILE))
    assert seconds_at(project, 20.0) == pytest.approx(10.0)
    assert project.find("Arrangement/Markers") is None
