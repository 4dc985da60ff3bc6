"""A foreign loop onto a song, a song onto an even tempo, a part of a stem played anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sideman.carried import carried
from sideman.core import fit
from sideman.core.audio import Anchor, AudioClip, Recording, read_all, warp
from sideman.core.audio.stretching import needed_anchors
from sideman.core.fit import ConformWish, figures
from sideman.core.fit.straighten import even_tempo, read_tempo_map, straightened, write_tempo_map
from sideman.core.generation import SessionBand, SongContext
from sideman.core.generation.soundfont import Preset, Renderer
from sideman.core.music import (
    Annotation,
    BeatGrid,
    GrooveTemplate,
    Meter,
    NoteEvent,
    Provenance,
    StemRole,
    parse_progression,
    part_of,
    with_progression,
)
from sideman.core.pipelines.concurrency import Watch
from sideman.core.pipelines.fitting import fit_clip
from sideman.core.pipelines.songs import Song
from sideman.core.pipelines.splicing import spliced, spliced_notes
from sideman.core.pipelines.tempo import at_tempo, reading_near
from sideman.errors import NoAudio, UnreadableAudio, UsageError
from sideman.testing import ShortSong, short_song

RATE = 44100
SILENT = Watch(lambda step, share: None)


@pytest.fixture(scope="module")
def long_song() -> ShortSong:
    return short_song(56.0, seed=5)


@pytest.fixture(scope="module")
def opened(long_song: ShortSong):
    with Recording.from_clip(long_song.mixture, "song") as recording:
        yield Song(recording, long_song.truth)


def rendered(notes: list[NoteEvent], role: StemRole, seconds: float) -> AudioClip:
    preset = Preset(128, 0) if role is StemRole.DRUMS else Preset(0, 33 if role is StemRole.BASS else 0)
    return AudioClip(Renderer.open(carried("soundfont.sf3")).render(notes, preset, round(seconds * RATE)), RATE)


def foreign(song: ShortSong, role: StemRole, speed: float, semitones: int, bars: tuple[int, int]) -> AudioClip:
    """Bars of a part of the song as another band would record it: at a constant tempo of its own, in another key, from 0 s on."""
    truth = song.truth
    grid = truth.require_grid()
    notes = SessionBand.open(carried("soundfont.sf3")).write(SongContext.from_analysis(truth), role, "rock", 77)
    beat_s = 60 / grid.tempo_bpm / speed
    first, last = grid.bars[bars[0]].first_beat, grid.bars[bars[1]].first_beat
    out = []
    for n in notes:
        a, b = (float(grid.beat_at(t)) - first for t in (n.start_s, n.end_s))
        if -0.05 <= a < last - first - 0.05:
            out.append(NoteEvent(max(0.0, a * beat_s), b * beat_s, n.pitch + semitones * role.pitched, n.velocity))
    return rendered(out, role, (last - first) * beat_s)


def onsets_of(clip: AudioClip, tmp_path: Path) -> np.ndarray:
    from sideman.core.analysis import find_onsets

    return find_onsets(clip, tmp_path / "onsets.f32")


def test_impulses_land_on_their_anchors(tmp_path: Path) -> None:
    x = np.zeros((2, RATE * 20), np.float32)
    at = np.arange(1, 18, 0.5)
    x[:, (at * RATE).astype(int)] = 1
    anchors = [Anchor(float(b), float(1 + (b - 1) * 1.1 + 0.02 * np.sin(b))) for b in at]
    y = read_all(warp(AudioClip(x, RATE), needed_anchors(anchors), RATE * 22 + 17, tmp_path / "w.f32"))
    assert y.shape == (2, RATE * 22 + 17)
    for a in anchors[1:-1]:
        i = round(a.target_s * RATE)
        assert abs(int(np.argmax(np.abs(y[0, i - 800 : i + 800]))) - 800) < 0.004 * RATE


def test_warping_reads_a_loop_again_and_again(tmp_path: Path) -> None:
    t = np.arange(RATE * 2) / RATE
    loop = AudioClip(np.stack([np.sin(2 * np.pi * 330 * t) * 0.5] * 2).astype(np.float32), RATE)
    anchors = [Anchor(s, 2.0 * k + s * 1.0) for k in range(4) for s in (0.0, 2.0)]
    y = read_all(warp(loop, needed_anchors(anchors), RATE * 9, tmp_path / "l.f32"))
    level = np.sqrt((y[0, : RATE * 8].reshape(-1, RATE // 10) ** 2).mean(1))
    assert level[1:-1].min() > 0.25 and np.abs(y[0, round(8.05 * RATE) :]).max() < 1e-6


@pytest.mark.parametrize(("speed", "late_bars"), [(0.9, 0), (1.12, 2)])
def test_a_drum_loop_of_another_tempo_comes_onto_the_songs_beats(
    long_song: ShortSong, opened: Song, tmp_path: Path, speed: float, late_bars: int
) -> None:
    clip = foreign(long_song, StemRole.DRUMS, speed, 0, (8, 16))
    with Recording.from_clip(clip, "loop") as loop:
        made = fit_clip(opened, loop, StemRole.DRUMS, ConformWish(), SILENT)
        assert made.audio.frames == opened.recording.frames and made.audio.sample_rate_hz == opened.recording.sample_rate_hz
        assert made.placement.repeats and abs(made.placement.tempo_ratio * speed - 1) < 0.02
        figures_found = made.report.figures
        assert figures_found is not None and figures_found.onset_to_grid_ms is not None
        assert figures_found.onset_to_grid_ms < 15 and figures_found.onset_to_grid_p90_ms < 35
        assert figures_found.tempo_error_percent < 0.1
        assert made.report.score >= 0.7, made.report


@pytest.mark.parametrize("semitones", [2, -3])
def test_a_foreign_part_comes_into_the_songs_key(long_song: ShortSong, opened: Song, semitones: int) -> None:
    clip = foreign(long_song, StemRole.PIANO, 1.08, semitones, (4, 28))
    with Recording.from_clip(clip, "keys") as loop:
        made = fit_clip(opened, loop, StemRole.PIANO, ConformWish(repeat=False, follow_chords=False), SILENT)
        assert round(made.placement.semitones) % 12 == -semitones % 12
        assert abs(made.placement.start_beat - long_song.truth.require_grid().bars[4].first_beat) % 4 == 0
        assert made.report.score >= 0.7, made.report


def test_a_clip_without_its_place_is_refused_in_a_sentence(opened: Song) -> None:
    silence = AudioClip(np.zeros((2, RATE * 3), np.float32), RATE)
    square = AudioClip(np.sign(np.sin(2 * np.pi * 100 * np.arange(RATE * 3) / RATE))[None].astype(np.float32), RATE)
    for clip, error, said in ((silence, NoAudio, "silent"), (square, UnreadableAudio, "clipped"), (AudioClip(np.ones((1, 400), np.float32) * 0.1, RATE), NoAudio, "lasts")):  # fmt: skip
        with Recording.from_clip(clip, "loop.wav") as loop, pytest.raises(error, match=said):
            fit_clip(opened, loop, StemRole.DRUMS, ConformWish(), SILENT)


def test_a_song_comes_to_an_even_tempo_and_back(long_song: ShortSong, tmp_path: Path) -> None:
    truth = long_song.truth
    grid = truth.require_grid()
    tempo_map = even_tempo(grid, truth.duration_s, 120.0)
    write_tempo_map(tempo_map, tmp_path / "map.json")
    known = read_tempo_map(tmp_path / "map.json")
    even = straightened(truth, known)
    assert np.diff(even.require_grid().times) == pytest.approx(np.full(len(grid) - 1, 0.5), abs=2e-3)
    clicks = np.zeros((1, round(truth.duration_s * RATE)), np.float32)
    inside = (grid.times > 2) & (grid.times < truth.duration_s - 2)
    clicks[0, (grid.times[inside] * RATE).astype(int)] = 1
    forth = warp(AudioClip(clicks, RATE), needed_anchors(known.anchors), round(known.duration_s * RATE), tmp_path / "forth.f32")
    back = warp(forth, needed_anchors(known.inverse().anchors), clicks.shape[1], tmp_path / "back.f32")
    for reader, times in ((forth, even.require_grid().times[inside]), (back, grid.times[inside])):
        y = np.abs(read_all(reader)[0])
        off = [int(np.argmax(y[round(t * RATE) - 900 : round(t * RATE) + 900])) - 900 for t in times]
        assert float(np.median(np.abs(off))) < 0.002 * RATE and float(np.percentile(np.abs(off), 90)) < 0.006 * RATE
    with pytest.raises(UsageError, match="too far"):
        even_tempo(grid, truth.duration_s, 400.0)
    (tmp_path / "map.json").write_text('{"format": "other"}')
    with pytest.raises(UsageError, match="no tempo map"):
        read_tempo_map(tmp_path / "map.json")


def test_a_tempo_is_another_reading_or_another_tempo(opened: Song) -> None:
    grid = opened.analysis.require_grid()
    assert [reading_near(grid, grid.tempo_bpm * f) for f in (1.01, 0.5, 2.0, 0.8)] == ["same", "halve-tempo", "double-tempo", "same"]
    assert at_tempo(opened, grid.tempo_bpm * 1.001, lambda share: None).tempo_map is None
    retimed = at_tempo(opened, grid.tempo_bpm * 0.8, lambda share: None)
    slow, tempo_map = retimed.song, retimed.tempo_map
    assert tempo_map is not None and tempo_map.at(grid.times[4:9]) == pytest.approx(slow.analysis.require_grid().times[4:9])
    assert slow.analysis.require_grid().tempo_bpm == pytest.approx(grid.tempo_bpm * 0.8, rel=0.01)
    assert slow.recording.duration_s == pytest.approx(slow.analysis.duration_s, abs=0.01)
    slow.recording.close()


def test_a_part_of_a_song_in_a_musicians_words(long_song: ShortSong) -> None:
    truth = long_song.truth
    grid = truth.require_grid()
    assert part_of(truth, "bars 2-3") == pytest.approx((float(grid.seconds_at(4)), float(grid.seconds_at(12))))
    assert part_of(truth, "0:10-0:20.5") == (10.0, 20.5) and part_of(truth, "3s to 4s") == (3.0, 4.0)
    label = truth.sections.value[1].label
    assert part_of(truth, label)[0] == truth.sections.value[1].start_s
    for wrong in ("the solo", "bars 900-901", "9:00-9:10"):
        with pytest.raises(UsageError):
            part_of(truth, wrong)


def test_chords_of_a_progression_are_read_or_named(long_song: ShortSong) -> None:
    chords = parse_progression(["Am7", "D:7", "Gmaj7", "Bb/D"])
    assert [str(c) for c in chords] == ["A:min7", "D:7", "G:maj7", "Bb:maj/3"]
    laid = with_progression(long_song.truth, chords)
    assert [str(s.chord) for s in laid.chords.value[:5]] == ["A:min7", "D:7", "G:maj7", "Bb:maj/3", "A:min7"]
    with pytest.raises(UsageError, match="'Hm7', number 2"):
        parse_progression(["Am", "Hm7"])


def test_only_the_part_is_played_anew(tmp_path: Path) -> None:
    old = AudioClip(np.full((2, RATE * 4), 0.25, np.float32), RATE)
    new = AudioClip(np.full((2, RATE * 4), -0.5, np.float32), RATE)
    y = read_all(spliced(old, new, (1.0, 2.5), tmp_path / "s.f32"))
    assert (y[:, : int(0.94 * RATE)] == 0.25).all() and (y[:, int(2.53 * RATE) :] == 0.25).all()
    assert (y[:, int(1.0 * RATE) : int(2.44 * RATE)] == -0.5).all() and np.abs(y).max() <= 0.56
    before, inside, anew = (NoteEvent(a, b, 60, 90) for a, b in ((0.5, 1.5), (1.6, 2.0), (1.1, 1.4)))
    assert spliced_notes((before, inside), (anew,), (1.0, 2.5)) == (replace(before, end_s=0.97), anew)


def test_figures_say_what_is_wrong(long_song: ShortSong) -> None:
    grid = BeatGrid.constant(120, 200, Meter(4))
    analysis = replace(long_song.truth, grid=replace(long_song.truth.grid, value=grid))
    onsets = np.arange(100) * 0.5
    assert figures.of_onsets(onsets, analysis).onset_to_grid_ms == pytest.approx(0)
    swung = Annotation(GrooveTemplate(3, (0.0,) * 12, (1.0,) * 12, 2.0), 0.9, Provenance("told", "1"))
    off_beats = np.arange(100) * 0.5 + 1 / 3
    assert figures.of_onsets(off_beats, replace(analysis, groove=swung)).onset_to_grid_ms == pytest.approx(0, abs=0.1)
    assert figures.of_onsets(off_beats, replace(analysis, groove=None)).onset_to_grid_ms > 30
    fast = figures.of_onsets(onsets[:8] * 0.995, analysis)
    assert fast.tempo_error_percent == pytest.approx(0.5, abs=0.05)
    loud = np.zeros((1, 22050 * 4), np.float32)
    loud[0, ::2] = 0.5
    quiet = AudioClip(loud * np.float32(0.01), 22050)
    assert figures.masked_share(AudioClip(loud, 22050), quiet) > 0.95 > 0.05 > figures.masked_share(quiet, AudioClip(loud, 22050))
    assert fit.FitFigures().clipped_share is None
