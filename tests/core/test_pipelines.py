"""The main job as a whole: what it writes, what it leaves behind when it fails, and that the pieces agree."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

import sideman
from sideman.core.audio import AudioClip, Recording, write_audio
from sideman.core.music import read_jams, read_midi
from sideman.core.pipelines.concurrency import Watch, together
from sideman.core.pipelines.staging import staged
from sideman.errors import Cancelled, ModelNotInstalled, TooShort, UsageError
from sideman.testing import ShortSong, faded_tone, noise


@pytest.fixture(scope="module")
def made(song_file: Path, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("made") / "out"
    steps: dict[str, list[float]] = {}
    result = sideman.play_along(
        song_file,
        out,
        stems="drums,pad",
        style="jazz",
        seed=3,
        without="bass",
        project=True,
        progress=lambda s, x: steps.setdefault(s, []).append(x),
    )
    return out, result, steps


def test_everything_is_written(made) -> None:
    out, _, _ = made
    names = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    expected = {f"stems/{r}.flac" for r in ("drums", "bass", "vocals", "other", "residual")}
    expected |= {f"new/{r}.{s}" for r in ("drums", "pad", "bass") for s in ("flac", "mid")}
    expected |= {
        "minus/without-bass.flac",
        "minus/with-new-bass.flac",
        "mix.flac",
        "mix.mp3",
        "analysis.jams",
        "timeline.mid",
        "song.dawproject",
    }
    assert names == expected | {"report.html", "report.json"}


def test_all_audio_is_as_long_as_the_song(made, song_file: Path) -> None:
    out, _, _ = made
    frames = soundfile.info(song_file).frames
    for path in out.rglob("*.flac"):
        info = soundfile.info(path)
        assert (info.frames, info.samplerate, info.subtype) == (frames, 44100, "PCM_24"), path


def test_the_project_plays_the_stems_and_mutes_the_song(made) -> None:
    out, result, _ = made
    with zipfile.ZipFile(out / "song.dawproject") as archive:
        project = ElementTree.fromstring(archive.read("project.xml"))
        files = [f.get("path") for f in project.iter("File")]
        mixed = sum(soundfile.read(io.BytesIO(archive.read(f)), dtype="float64")[0] for f in files[1:5])
        song = soundfile.read(io.BytesIO(archive.read(files[0])), dtype="float64")[0]
    assert files[:5] == [f"audio/{n}.wav" for n in ("song", "drums", "bass", "vocals", "other")] and "audio/new pad.wav" in files
    assert 20 * np.log10(np.abs(mixed - song).max()) < -90
    muted = {t.get("name"): t.find("Channel/Mute").get("value") for t in project.iterfind("Structure/Track")}
    assert muted["song"] == "true" and muted["drums"] == "false"
    replaced = next(m for m in result.made if m.name == "bass").report.verdict.value == "accepted"
    assert muted["bass"] == ("true" if replaced else "false"), "one bass plays"
    assert [muted[f"new {m.name}"] for m in result.made] == [
        "false" if m.report.verdict.value == "accepted" else "true" for m in result.made
    ]


def test_minus_one_and_its_stem_are_the_song(made, song_file: Path) -> None:
    out, _, _ = made
    without, bass, song = (
        soundfile.read(p, dtype="float64")[0] for p in (out / "minus/without-bass.flac", out / "stems/bass.flac", song_file)
    )
    assert 20 * np.log10(np.abs(without + bass - song).max()) < -130


def test_the_mix_keeps_its_promises(made) -> None:
    out, result, _ = made
    with Recording.open(out / "mix.mp3") as mp3:
        assert mp3.duration_s == pytest.approx(30, abs=0.1)
    assert result.mix_lufs == pytest.approx(-14, abs=0.5) and result.mix_true_peak_dbtp <= -1


def test_jams_midi_and_report_agree(made) -> None:
    out, result, _ = made
    analysis = read_jams(out / "analysis.jams")
    assert analysis == result.analysis
    report = json.loads((out / "report.json").read_text())
    assert report["analysis"]["tempo_bpm"] == round(analysis.grid.value.tempo_bpm, 2)
    assert [s["role"] for s in report["new_stems"]] == ["drums", "pad", "bass"]
    assert report["separation"]["residual_db"] < -60
    (part,) = read_midi(out / "new/bass.mid")
    assert part.name == "bass" and part.program == 32
    beats = analysis.grid.value.beat_at([n.start_s for n in part.notes])
    assert np.median(np.abs(beats - np.round(beats))) < 0.06  # jazz walks in quarters


def test_the_page_is_whole_and_loads_nothing(made) -> None:
    out, _, _ = made
    page = (out / "report.html").read_text("utf-8")
    assert page.rstrip().endswith("</html>") and "__DATA__" not in page
    assert "http://" not in page and "https://" not in page and 'src="' not in page
    assert len(page) < 15_000_000
    data = page.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    assert len(json.loads(data)["lanes"]) == 9


def test_every_step_reports_to_the_end(made) -> None:
    _, _, steps = made
    assert set(steps) == {"decode", "separate", "analyse", "play along", "mix", "write"}
    assert all(values[-1] == pytest.approx(1.0) for values in steps.values())


def test_titles_cannot_break_the_page(song: ShortSong, tmp_path: Path) -> None:
    from sideman.core.audio import Mp3Writer

    nasty = "</script><script>alert(1)</script>"
    with Mp3Writer(tmp_path / "x.mp3", 44100, 2, tags={"title": nasty}) as out:
        out.write(song.mixture.samples[:, : 44100 * 12])
    sideman.play_along(tmp_path / "x.mp3", tmp_path / "out", stems="bass")
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert nasty not in page and "alert(1)" in page


def test_no_pulse_still_gives_stems_and_a_sentence(tmp_path: Path) -> None:
    result = sideman.play_along(noise(12, rms=0.05), tmp_path / "out", stems="bass")
    assert result.reports == () and "No steady pulse" in result.warning
    assert (tmp_path / "out/stems/drums.flac").exists() and not (tmp_path / "out/new").exists()


def test_a_pad_follows_a_song_without_pulse(tmp_path: Path) -> None:
    chord = sum(faded_tone(261.63 * ratio, 8, peak=0.12).samples for ratio in (1, 1.26, 1.498))
    result = sideman.play_along(AudioClip(chord, 44100), tmp_path / "out", stems="bass,pad")
    assert result.analysis.grid is None
    assert [m.name for m in result.made] == ["pad"] and "without beats" in result.made[0].note
    assert "only pad could follow" in result.warning
    assert (tmp_path / "out/new/pad.flac").exists()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"stems": "kazoo"}, UsageError),
        ({"stems": "residual"}, UsageError),
        ({"style": "polka"}, UsageError),
        ({"engine": "magic"}, UsageError),
        ({"engine": "musicgen-small"}, ModelNotInstalled),
        ({"without": "piano"}, UsageError),
        ({"stems": ","}, UsageError),
    ],
)
def test_wrong_wishes_are_refused_before_any_work(song_file: Path, tmp_path: Path, options: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        sideman.play_along(song_file, tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_song_too_short_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooShort):
        sideman.play_along(faded_tone(440, 1.0), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["separate", "analyse", "play along", "write"])
def test_stopping_at_any_step_leaves_the_old_results(song_file: Path, tmp_path: Path, step: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mix.mp3").write_text("the mix of yesterday")

    def stop(name: str, share: float) -> None:
        if name == step:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, Cancelled)):
        sideman.play_along(song_file, out, stems="bass", progress=stop)
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "mix.mp3"]
    assert (out / "mix.mp3").read_text() == "the mix of yesterday"


def test_staging_keeps_what_is_the_users_and_replaces_what_is_ours(tmp_path: Path) -> None:
    target = tmp_path / "t"
    (target / "stems").mkdir(parents=True)
    (target / "minus").mkdir()
    for name in ("stems/mine.flac", "minus/without-bass.flac", "notes.txt"):
        (target / name).write_text("old")
    (target / "report.json").write_text(json.dumps({"files": ["minus/without-bass.flac", "../escape.txt", "report.json"]}))
    (tmp_path / "escape.txt").write_text("mine")
    with staged(target) as folder:
        (folder / "stems").mkdir()
        (folder / "stems/new.flac").write_text("new")
    assert (target / "minus/without-bass.flac").exists(), "only a new report takes the place of a former one"
    with staged(target) as folder:
        (folder / "report.json").write_text("{}")
    left = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    assert left == {"stems/mine.flac", "stems/new.flac", "notes.txt", "report.json"}
    assert (tmp_path / "escape.txt").exists() and not (target / "minus").exists()


def test_a_type_0_midi_file_keeps_its_channels_apart(tmp_path: Path) -> None:
    import mido

    song, track = mido.MidiFile(type=0), mido.MidiTrack()
    song.tracks.append(track)
    track.append(mido.Message("program_change", channel=0, program=33))
    for channel, note in ((0, 40), (9, 36)):
        track.append(mido.Message("note_on", channel=channel, note=note, velocity=90))
    for channel, note in ((0, 40), (9, 36)):
        track.append(mido.Message("note_off", channel=channel, note=note, time=480))
    song.save(str(tmp_path / "x.mid"))
    assert [(p.program, p.drums, p.notes[0].pitch) for p in read_midi(tmp_path / "x.mid")] == [(33, False, 40), (0, True, 36)]


def test_the_first_error_stops_the_others() -> None:
    seen: list[float] = []
    watch = Watch(lambda step, share: seen.append(share))

    def endless() -> int:
        while True:
            watch("x", 0.5)

    def failing() -> int:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        together([endless, failing], watch, 2)
    with pytest.raises(Cancelled):
        watch("x", 1.0)


def test_generate_plays_on_a_given_analysis(song: ShortSong, song_file: Path, tmp_path: Path) -> None:
    made = sideman.generate(song_file, tmp_path / "g", stems="bass", analysis=song.truth)
    fit = json.loads((tmp_path / "g/fit.json").read_text())["stems"][0]
    assert fit["role"] == "bass" and fit["score"] == pytest.approx(made[0].report.score, abs=1e-3)
    assert {p.name for p in (tmp_path / "g").iterdir()} == {"bass.flac", "bass.mid", "fit.json"}


def test_mix_takes_files_of_different_rates(song: ShortSong, tmp_path: Path) -> None:
    from sideman.core.audio import resample

    a = AudioClip(song.mixture.samples[:, : 44100 * 8], 44100)
    write_audio(a, tmp_path / "a.flac")
    write_audio(resample(a, 48000), tmp_path / "b.wav")
    loudness = sideman.mix([tmp_path / "a.flac", tmp_path / "b.wav"], tmp_path / "m.flac")
    assert loudness.integrated_lufs == pytest.approx(-14, abs=0.5)
    assert soundfile.info(tmp_path / "m.flac").frames == a.frames
    assert loudness.true_peak_dbtp <= -1


def test_rendered_midi_sounds_where_its_notes_are(made, tmp_path: Path) -> None:
    out, _, _ = made
    seconds = sideman.render_midi(out / "new/bass.mid", tmp_path / "bass.wav")
    (part,) = read_midi(out / "new/bass.mid")
    samples, rate = soundfile.read(tmp_path / "bass.wav")
    assert len(samples) == round(seconds * rate)
    first = part.notes[0].start_s
    assert (
        np.abs(samples[: max(0, int((first - 0.02) * rate))]).max(initial=0)
        < 1e-4
        < np.abs(samples[int(first * rate) : int((first + 0.2) * rate)]).max()
    )
