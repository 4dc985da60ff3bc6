"""sideman timeline on an analysis in a folder: show, edit, undo, import; and what else reads that analysis follows the corrections."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import forked
import pytest

from sideman.core.audio import write_audio
from sideman.core.music import BeatGrid, Chord, Meter, read_jams
from sideman.testing import triad_song


def sideman(*words: str | Path) -> subprocess.CompletedProcess[str]:
    done = forked.sideman(*words)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("timeline")
    write_audio(
        triad_song(BeatGrid.constant(120, 44, Meter(4), 0.5), [Chord.parse(x) for x in ("C:maj", "G:maj")], 22), folder / "song.wav"
    )
    assert sideman("analyze", folder / "song.wav", "-o", folder / "song").returncode == 0
    return folder / "song"


def shown(target: Path) -> dict:
    return json.loads(sideman("timeline", "show", target, "--json").stdout)


def test_edits_lie_over_the_analysis_and_are_taken_back_one_by_one(analysed: Path) -> None:
    as_found = read_jams(analysed / "analysis.jams")
    before = shown(analysed)
    assert sideman("timeline", "edit", analysed, "halve-tempo").returncode == 0
    assert sideman("timeline", "edit", analysed, "set-key", "key=A minor").returncode == 0
    after = shown(analysed)
    assert after["tempo_bpm"] == pytest.approx(before["tempo_bpm"] / 2, rel=0.01) and after["key"] == "A minor"
    assert [c["kind"] for c in after["corrections"]] == ["halve-tempo", "set-key"]
    assert read_jams(analysed / "analysis.jams") == as_found, "what was found stays as it is"
    said = sideman("timeline", "undo", analysed).stdout
    assert said.startswith("taken back: set-key")
    assert shown(analysed)["key"] == before["key"] and shown(analysed)["tempo_bpm"] == after["tempo_bpm"]
    assert sideman("timeline", "undo", analysed).returncode == 0
    assert sideman("timeline", "edit", analysed, "set-section", "start_s=2", "end_s=6", "label=1").returncode == 0
    assert "1" in [row[2] for row in shown(analysed)["sections"]], "a section may be called 1"
    assert sideman("timeline", "undo", analysed).returncode == 0
    assert shown(analysed)["corrections"] == []


def test_corrections_survive_a_new_analysis_and_drive_generation(analysed: Path) -> None:
    try:
        sideman("timeline", "edit", analysed, "set-meter", "meter=3/4")
        assert sideman("analyze", analysed.parent / "song.wav", "-o", analysed).returncode == 0
        assert shown(analysed)["meter"] == "3/4"
        out = analysed.parent / "made"
        done = sideman("generate", analysed.parent / "song.wav", "-o", out, "--stems", "bass", "--analysis", analysed / "analysis.jams")
        assert done.returncode == 0, done.stderr
        import mido

        meters = [m for t in mido.MidiFile(str(out / "bass.mid")).tracks for m in t if m.type == "time_signature"]
        assert (meters[-1].numerator, meters[-1].denominator) == (3, 4) and len(meters) <= 2, "and a bar of what lies before the first beat"
    finally:
        sideman("timeline", "undo", analysed)


def test_annotations_are_imported_and_can_be_taken_back(analysed: Path, tmp_path: Path) -> None:
    (tmp_path / "beats.beats").write_text("".join(f"{0.5 + 0.75 * k}\t{k % 3 + 1}\n" for k in range(24)), "utf-8")
    said = sideman("timeline", "import", analysed, tmp_path / "beats.beats")
    assert said.returncode == 0 and "imported: set-beats" in said.stdout
    assert shown(analysed)["tempo_bpm"] == pytest.approx(80) and shown(analysed)["meter"] == "3/4"
    sideman("timeline", "undo", analysed)
    assert shown(analysed)["meter"] == "4/4"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("edit", "{}", "set-meter"), "it takes meter, and bar"),
        (("edit", "{}", "move-beat", "from_s=1"), "it takes from_s and to_s"),
        (("edit", "{}", "dance"), "no correction named 'dance'"),
        (("edit", "{}", "set-key", "C major"), "write name=value"),
        (("import", "{}", "nowhere.beats"), "check the path"),
        (("show", "nowhere/analysis.jams"), "there is no analysis"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_keeps_nothing(analysed: Path, words: tuple[str, ...], sentence: str) -> None:
    done = sideman("timeline", *(w.format(analysed) for w in words))
    assert done.returncode == 2 and sentence in done.stderr and done.stderr.startswith("sideman: ") and done.stderr.count("\n") == 1
    assert shown(analysed)["corrections"] == []
