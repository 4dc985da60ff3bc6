"""The command line as a user meets it: a process, its exit code, one sentence on standard error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from forked import sideman

from sideman.core.audio import AudioClip, write_audio
from sideman.testing import ShortSong, faded_tone


def test_help_teaches() -> None:
    done = sideman("--help")
    assert done.returncode == 0
    for name in ("play-along", "analyze", "separate", "generate", "mix", "render-midi", "info", "eval", "demo"):
        assert name in done.stdout
    assert "Exit codes" in done.stdout


@pytest.mark.parametrize(
    "name", ["play-along", "analyze", "separate", "generate", "fit", "straighten", "styles", "mix", "render-midi", "info", "eval"]
)
def test_every_command_has_an_example(name: str) -> None:
    done = sideman(name, "--help")
    assert done.returncode == 0 and f"Example: sideman {name}" in done.stdout.replace("\n", " ").replace("  ", " ")


def test_analyze_as_json(song_file: Path, tmp_path: Path) -> None:
    done = sideman("analyze", song_file, "-o", tmp_path / "a", "--json")
    facts = json.loads(done.stdout)
    assert done.returncode == 0 and facts["meter"] == "4/4" and 105 < facts["tempo_bpm"] < 130
    assert (tmp_path / "a/analysis.jams").is_file()
    assert len(facts["sections"][0]) == 5 and facts["groove"]["steps_per_beat"] in (3, 4)
    assert all(len(reading) == 3 for reading in facts["other_readings"])


def test_info_reads_the_header(song_file: Path) -> None:
    facts = json.loads(sideman("info", song_file, "--json").stdout)
    assert (facts["codec"], facts["sample_rate_hz"], facts["channels"]) == ("flac", 44100, 2)


def test_separate_generate_and_mix_work_together(song: ShortSong, tmp_path: Path) -> None:
    write_audio(AudioClip(song.mixture.samples[:, : 44100 * 14], 44100), tmp_path / "s.flac")
    assert sideman("separate", "s.flac", "-o", "stems", cwd=tmp_path).returncode == 0
    done = sideman("generate", "s.flac", "-o", "band", "--stems", "bass", "--style", "electronic", "--seed", "7", cwd=tmp_path)
    assert done.returncode == 0 and "bass" in done.stdout
    assert sideman("render-midi", "band/bass.mid", "-o", "midi.flac", cwd=tmp_path).returncode == 0
    done = sideman("mix", "stems/drums.flac", "band/bass.flac=-2", "-o", "mix.mp3", "--json", cwd=tmp_path)
    assert abs(json.loads(done.stdout)["integrated_lufs"] + 14) < 0.5


def test_a_loop_is_fitted_and_a_song_straightened_and_taken_back(song: ShortSong, tmp_path: Path) -> None:
    write_audio(AudioClip(song.mixture.samples[:, : 44100 * 20], 44100), tmp_path / "s.flac")
    write_audio(AudioClip(song.mixture.samples[:, 44100 * 2 : 44100 * 7], 44100), tmp_path / "loop.one.flac")
    done = sideman("fit", "loop.one.flac", "s.flac", "-o", "fitted", "--role", "drums", "--json", cwd=tmp_path)
    facts = json.loads(done.stdout)
    assert done.returncode == 0 and 0 <= facts["score"] <= 1 and {p.suffix for p in (tmp_path / "fitted").iterdir()} == {".flac", ".json"}
    assert all(p.name.startswith("loop.one.") for p in (tmp_path / "fitted").iterdir()), "a dot in a name is part of the name"
    done = sideman("straighten", "s.flac", "-o", "even", "--tempo", "120", "--json", cwd=tmp_path)
    even_s = json.loads(done.stdout)["duration_s"]
    assert done.returncode == 0 and abs(even_s - 20) > 0.2
    made = next(p for p in (tmp_path / "even").iterdir() if p.stem == "s")
    assert sideman("straighten", made, "-o", "back", "--undo", "even/tempo-map.json", cwd=tmp_path).returncode == 0
    back = next((tmp_path / "back").iterdir())
    assert abs(soundfile.info(back).duration - 20) < 0.01
    wrong = sideman("straighten", "s.flac", "-o", "no", "--undo", "s.flac", cwd=tmp_path)
    assert wrong.returncode == 2 and "no tempo map" in wrong.stderr and not (tmp_path / "no").exists()


def bad_text(path: Path) -> None:
    path.write_text("not music " * 100)


def bad_empty(path: Path) -> None:
    path.write_bytes(b"")


def bad_short(path: Path) -> None:
    write_audio(faded_tone(440, 0.5), path)


@pytest.mark.parametrize(("make", "code"), [(bad_text, 3), (bad_empty, 3), (bad_short, 4), (None, 3)])
@pytest.mark.parametrize("command", ["play-along", "analyze"])
def test_bad_input_is_one_sentence_and_an_exit_code(tmp_path: Path, make, code: int, command: str) -> None:
    path = tmp_path / "song.flac"
    if make:
        make(path)
    done = sideman(command, path, "-o", tmp_path / "out")
    assert done.returncode == code
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("sideman: song.flac") and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("play-along", "SONG", "-o", "OUT", "--stems", "kazoo"),
        ("generate", "SONG", "-o", "OUT", "--style", "polka"),
        ("mix", "SONG=loud", "-o", "OUT.flac"),
        ("mix", "SONG", "-o", "OUT.txt"),
        ("analyze",),
        ("render-midi", "SONG", "-o", "OUT.flac"),
        ("eval", "OUT"),
    ],
)
def test_wrong_use_is_exit_code_two(song_file: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    given = [w.replace("SONG", str(song_file)).replace("OUT", str(tmp_path / "out")) for w in words]
    done = sideman(*given)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_as_result_folder_is_refused(song_file: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    done = sideman("analyze", song_file, "-o", tmp_path / "out")
    assert done.returncode == 3 and "is a file" in done.stderr
    assert (tmp_path / "out").read_text() == "mine"
    started = sideman("demo", "-o", tmp_path / "out")
    assert started.returncode == 3 and "another folder" in started.stderr and "Traceback" not in started.stderr
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a child process alone")
def test_ctrl_c_leaves_no_half_files(song_file: Path, tmp_path: Path) -> None:
    call = [sys.executable, "-c", "from sideman.faces.cli import main; main()", "play-along", str(song_file), "-o", str(tmp_path / "out")]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    child = subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(scratch)})
    deadline = time.monotonic() + 60
    while not any(scratch.rglob("stem-drums.f32")) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130 and "nothing half-made" in said and "Traceback" not in said
    assert list(tmp_path.iterdir()) == [scratch] and not any(scratch.iterdir())
