"""Commands one after another in one folder and one library: no file of the user's is replaced, and nobody waits for ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from forked import sideman

from sideman.core.audio import AudioClip, write_audio
from sideman.testing import ShortSong, faded_tone


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    write_audio(faded_tone(220, 8.0), path)
    return path


def test_a_second_command_leaves_the_results_of_the_first(song: ShortSong, tmp_path: Path) -> None:
    write_audio(AudioClip(song.mixture.samples[:, : 44100 * 10], 44100), tmp_path / "song.flac")
    assert sideman("play-along", "song.flac", "-o", "out", "--stems", "pad", cwd=tmp_path).returncode == 0
    made = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert len(made) > 5
    assert sideman("analyze", "song.flac", "-o", "out", cwd=tmp_path).returncode == 0
    assert sideman("generate", "song.flac", "-o", "out", "--stems", "bass", cwd=tmp_path).returncode == 0
    left = {p: p.read_bytes() for p in made if p.exists() and p.name != "analysis.jams"}
    assert left == {p: b for p, b in made.items() if p.name != "analysis.jams"}
    assert sideman("play-along", "song.flac", "-o", "out", "--stems", "drums", cwd=tmp_path).returncode == 0
    assert not [p for p in (tmp_path / "out/new").iterdir() if "pad" in p.name], "its own former stems make room"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("drums.flac", ("separate", "drums.flac", "-o", ".")),
        ("loop.flac", ("fit", "loop.flac", "song.flac", "-o", ".")),
        ("song.flac", ("straighten", "song.flac", "-o", ".")),
    ],
)
def test_a_result_never_replaces_what_it_is_made_from(song: ShortSong, tmp_path: Path, name: str, words: tuple[str, ...]) -> None:
    for file, seconds in (("song.flac", 16), (name, 16 if name != "loop.flac" else 4)):
        write_audio(AudioClip(song.mixture.samples[:, : 44100 * seconds], 44100), tmp_path / file)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    done = sideman(*words, cwd=tmp_path)
    assert done.returncode == 2 and "is what this is made from" in done.stderr
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_closed_terminal_leaves_no_scratch(song: ShortSong, tmp_path: Path, name: str) -> None:
    write_audio(AudioClip(song.mixture.samples, 44100), tmp_path / "song.flac")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "sideman", "play-along", "song.flac", "-o", "out"]
    running = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | {"TMPDIR": str(scratch)}, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(getattr(signal, name), signal.SIG_DFL),  # under nohup it is ignored, and would stay so
    )  # fmt: skip
    while len(list(scratch.rglob("*.f32"))) < 2:  # it is decoded: inside FFmpeg's library an interruption can get lost
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(getattr(signal, name))
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and "stopped" in said and "Traceback" not in said
    assert list(scratch.rglob("*.f32")) == [] and not (tmp_path / "out/report.html").exists()


def test_an_even_timeline_never_lies_under_old_corrections_nor_on_another_song(song: ShortSong, tmp_path: Path, tone: Path) -> None:
    write_audio(AudioClip(song.mixture.samples[:, : 44100 * 16], 44100), tmp_path / "song.flac")
    assert sideman("analyze", "song.flac", "-o", "sg", cwd=tmp_path).returncode == 0
    assert sideman("timeline", "edit", "sg", "halve-tempo", cwd=tmp_path).returncode == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "sg").iterdir()}
    done = sideman("straighten", "song.flac", "-o", "sg", "--analysis", "sg/analysis.jams", cwd=tmp_path)
    assert done.returncode == 2 and "choose another folder" in done.stderr
    assert {p.name: p.read_bytes() for p in (tmp_path / "sg").iterdir()} == before
    for words in (("straighten", tone.name, "-o", "x"), ("generate", tone.name, "-o", "x", "--stems", "bass")):
        done = sideman(*words, "--analysis", "sg/analysis.jams", cwd=tmp_path)
        assert done.returncode == 2 and "is of a recording of 16.0 s" in done.stderr


def test_a_name_with_a_colon_is_no_protocol(tone: Path) -> None:
    tone.rename(tone.with_name("Song: live.wav"))
    assert sideman("info", "Song: live.wav", "--json", cwd=tone.parent).returncode == 0


def test_titles_are_shown_as_they_are_and_an_empty_id_is_none(tone: Path, tmp_path: Path) -> None:
    library = ("--data", tmp_path / "lib")
    recording = json.loads(sideman("library", "add", tone, *library, "--json").stdout)["added"][0]["id"]
    assert sideman("library", "edit", recording, "--title", "[/x] :tada: [b]", *library).returncode == 0
    assert "[/x] :tada: [b]" in sideman("library", "list", *library).stdout
    for words in (("library", "trash", ""), ("jobs", "cancel", ""), ("keys", "revoke", "")):
        done = sideman(*words, *library)
        assert done.returncode == 2 and "is empty" in done.stderr, words
    done = sideman("batch", "analyze", "00000000-0000-4000-8000-000000000000", *library, "--no-wait", "--json")
    assert done.returncode == 6 and json.loads(done.stdout)["failed"] == 1


def test_what_cannot_be_is_one_sentence(tone: Path, tmp_path: Path) -> None:
    for words, sentence in (
        (("generate", tone, "--seed", "-5", "-o", tmp_path / "out"), "choose 0 or more"),
        (("library", "list", "--data", tmp_path / "what? now"), "choose another folder"),
        (("library", "list", "--data", tone / "below"), "choose another folder"),
    ):
        done = sideman(*words)
        assert done.returncode == 2 and sentence in done.stderr and len(done.stderr.strip().splitlines()) == 1, done


def _worker_of(pid: int) -> int | None:
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if entry.name.isdecimal() and b"worker" in words and str(pid).encode() in words:
            return int(entry.name)
    return None


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the worker in /proc, which only Linux has")
def test_a_batch_goes_on_when_its_worker_is_killed(tone: Path, tmp_path: Path) -> None:
    library = ("--data", str(tmp_path / "lib"))
    recording = json.loads(sideman("library", "add", tone, *library, "--json").stdout)["added"][0]["id"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SIDEMAN_")}
    batch = subprocess.Popen([sys.executable, "-m", "sideman", "batch", "analyze", recording, *library], env=environment)
    try:
        end = time.monotonic() + 60
        while (worker := _worker_of(batch.pid)) is None:
            assert time.monotonic() < end and batch.poll() is None
            time.sleep(0.05)
        os.kill(worker, signal.SIGKILL)
        assert batch.wait(120) == 0
    finally:
        batch.kill()


def test_a_mix_stays_under_its_ceiling_whatever_it_holds(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, (2, 6 * 44100)).astype(np.float32)
    write_audio(AudioClip(noise, 44100), tmp_path / "noise.wav")
    done = sideman("mix", "noise.wav", "-o", "mix.flac", "--lufs", "-9", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["true_peak_dbtp"] <= -1.0
    assert soundfile.info(tmp_path / "mix.flac").frames == 6 * 44100
