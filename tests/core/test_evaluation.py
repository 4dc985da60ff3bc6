"""`sideman eval` on folders as people have them: what cannot be read is named, what is missing is left out, and all else is scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sideman import bootstrap
from sideman.core.audio import AudioClip, Recording, ScratchAudio, ScratchWriter, resample, write_audio
from sideman.core.evaluation import separation
from sideman.core.evaluation.references import read_references
from sideman.core.music import Provenance, StemRole
from sideman.core.separation import Quality, SeparatedStem
from sideman.errors import UsageError
from sideman.faces.cli import evaluate
from sideman.testing import faded_tone

BEATS = {"beats": [0.5, 1.0, 1.5, 2.0], "downbeats": [0.5]}


def annotated(folder: Path, said: Any, audio: str = "song.wav") -> Path:
    (folder / "ref").mkdir(parents=True)
    write_audio(faded_tone(440, 1.0), folder / "song.wav")
    (folder / "song.wav").rename(folder / audio)
    (folder / "ref/song.json").write_text(json.dumps(said) if not isinstance(said, str) else said, "utf-8")
    return folder


@pytest.mark.parametrize("name", ["systems/rec", "stems/set"])
def test_only_stems_inside_the_folder_are_stems(tmp_path: Path, name: str) -> None:
    folder = annotated(tmp_path / name, BEATS)
    (folder / "stems/case").mkdir(parents=True)
    write_audio(faded_tone(220, 1.0), folder / "stems/case/song.flac")
    (found,) = read_references(folder)
    assert found.audio == folder / "song.wav" and found.beats_s == tuple(BEATS["beats"])


def test_capital_letters_are_audio_too(tmp_path: Path) -> None:
    assert [r.name for r in read_references(annotated(tmp_path, BEATS, "song.WAV"))] == ["song"]


@pytest.mark.parametrize(
    "said",
    [
        "{", "[1, 2]", {"beats": ["a"]}, {"beats": [1.0, 0.5]}, {"chords": [[0, 1, "H:maj"]]}, {"chords": [[1, 0, "C:maj"]]}, {"beats": 3},
        {"sections": [[0, 1]]}, {"tempo": "fast"},
    ],
)  # fmt: skip
def test_annotations_that_cannot_be_read_are_named(tmp_path: Path, said: Any) -> None:
    with pytest.raises(UsageError, match=r"song\.json cannot be read as annotations"):
        read_references(annotated(tmp_path, said))


@pytest.mark.parametrize("broken", [True, False])
def test_what_cannot_be_timed_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: bool) -> None:
    """A file that is no audio, and a tone without a beat; one with too few annotated bars was never to be timed."""
    long = {"beats": [0.1 * k for k in range(20)], "downbeats": [0.4 * k for k in range(5)]}
    for name, said in (("wanted", long), ("short", BEATS)):
        annotated(tmp_path / name, said)
        if broken:
            (tmp_path / name / "song.wav").write_text("no audio at all")
    found = list(bootstrap.evaluate_timing(tmp_path / "wanted"))
    assert [(r.name, r.role) for r in found] == [("song", role) for role in (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO)]
    assert all(r.median_ms is None and r.chance_ms is None for r in found)
    assert list(bootstrap.evaluate_timing(tmp_path / "short")) == []
    evaluate.say_timing(found)
    said_of = capsys.readouterr()
    assert "Not measured" in said_of.out + said_of.err and "song" in said_of.out + said_of.err


def stem(folder: Path, role: StemRole, samples: np.ndarray) -> SeparatedStem:
    with ScratchWriter(folder / f"{role}.f32", 44100, len(samples)) as writer:
        writer.write(samples.astype(np.float32))
        audio: ScratchAudio = writer.finish()
    return SeparatedStem(role, audio, Quality.FULL, 1.0, Provenance("test"))


def test_true_stems_of_another_rate_or_of_one_channel_are_compared_as_they_sound(tmp_path: Path) -> None:
    tone = faded_tone(440, 2.0).samples
    noise = np.random.default_rng(0).normal(0, 0.05, tone.shape).astype(np.float32)
    soundfile.write(tmp_path / "drums.flac", noise[0], 44100, subtype="PCM_24")
    soundfile.write(tmp_path / "bass.flac", resample(AudioClip(tone, 44100), 22050).samples.T, 22050, subtype="PCM_24")
    with Recording.from_clip(AudioClip(tone + noise[:1], 44100)) as mixture:
        made = [stem(tmp_path, StemRole.DRUMS, np.repeat(noise[:1], 2, 0)), stem(tmp_path, StemRole.BASS, tone)]
        scores = separation.score("case", mixture, made, separation.true_stems(tmp_path))
    assert all(s.si_sdr_db > 40 for s in scores.stems)


def test_stems_stand_under_their_own_names(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def case(name: str, **db: float) -> separation.SeparationScores:
        return separation.SeparationScores(name, tuple(separation.StemScore(StemRole(r), v, 0.0, 0.0) for r, v in db.items()), -120.0)

    shown: list[list[str]] = []
    monkeypatch.setattr(evaluate, "table", lambda title, columns, rows: shown.extend([list(columns), *map(list, rows)]))
    evaluate.say_separation([case("a", drums=1.0, vocals=2.0), case("b", drums=3.0, bass=float("nan"), vocals=5.0), case("c", bass=7.0)])
    columns, *rows = shown
    values = {row[0]: dict(zip(columns[1:], (cell.partition("\n")[0] for cell in row[1:]), strict=True)) for row in rows[:-1]}
    assert values["a"]["bass"] == "-" and values["c"]["bass"] == "7.0" and values["c"]["drums"] == "-"
    assert (values["mean"]["drums"], values["mean"]["bass"], values["mean"]["vocals"]) == ("2.00", "7.00", "3.50")
    assert rows[-1][1] == "4.17"
