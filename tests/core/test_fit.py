"""The judge on a song whose truth is known: it hears two sounds, and a wrong analysis cannot fool it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import scipy

from sideman.carried import carried
from sideman.core import fit
from sideman.core.audio import AudioClip, resample
from sideman.core.fit import faults, judge, listen, pooled
from sideman.core.fit.listening import ACCENT_RATE_HZ, SAMPLE_RATE_HZ
from sideman.core.fit.rhythm import LAG_S, Compared, LagCurves, agogic, arrival_contrasts, contrasts
from sideman.core.fit.scoring import Calibration
from sideman.core.generation import SessionBand, SongContext
from sideman.core.generation.soundfont import Preset, Renderer
from sideman.core.music import StemRole
from sideman.testing import ShortSong, short_song


@pytest.fixture(scope="module")
def long_song() -> ShortSong:
    return short_song(56.0, seed=5)


def heard(clip: AudioClip, tuning: float | None = None) -> fit.Heard:
    mono = AudioClip(clip.samples.mean(0, keepdims=True), clip.sample_rate_hz)
    return listen(resample(mono, SAMPLE_RATE_HZ), tuning)


@pytest.fixture(scope="module")
def song_heard(long_song: ShortSong) -> fit.Heard:
    return heard(long_song.mixture)


def written_on(long_song: ShortSong, role: StemRole, transposed: int = 0, late_beats: float = 0.0) -> AudioClip:
    """A new part in another style and seed, written on a right or wrong analysis, played without strip and room."""
    truth = long_song.truth
    if transposed:
        spans = tuple(replace(c, chord=c.chord.transposed(transposed)) for c in truth.chords.value)
        truth = replace(truth, chords=replace(truth.chords, value=spans))
    notes = SessionBand.open(carried("soundfont.sf3")).write(SongContext.from_analysis(truth), role, "rock", 77)
    shift = late_beats * 60 / truth.require_grid().tempo_bpm
    moved = [replace(n, start_s=n.start_s + shift, end_s=n.end_s + shift) for n in notes]
    preset = Preset(128, 0) if role is StemRole.DRUMS else Preset(0, 33 if role is StemRole.BASS else 0)
    samples = Renderer.open(carried("soundfont.sf3")).render(moved, preset, long_song.mixture.frames)
    return AudioClip(samples, 44100)


@pytest.mark.parametrize("role", [StemRole.DRUMS, StemRole.BASS, StemRole.PIANO])
def test_right_stems_are_accepted(long_song: ShortSong, song_heard: fit.Heard, role: StemRole) -> None:
    report = judge(song_heard, heard(written_on(long_song, role), song_heard.tuning_semitones), role)
    assert report.verdict is fit.Verdict.ACCEPTED, report


@pytest.mark.parametrize("role", [StemRole.BASS, StemRole.PIANO])
@pytest.mark.parametrize("semitones", [1, -1, 6])
def test_a_wrong_key_in_the_analysis_does_not_pass_its_own_stems(
    long_song: ShortSong, song_heard: fit.Heard, role: StemRole, semitones: int
) -> None:
    report = judge(song_heard, heard(written_on(long_song, role, transposed=semitones), song_heard.tuning_semitones), role)
    assert report.score < 0.25 and report.verdict is fit.Verdict.REJECTED


@pytest.mark.parametrize(("role", "late"), [(StemRole.DRUMS, 0.25), (StemRole.BASS, 1.0), (StemRole.PIANO, 1.0), (StemRole.PIANO, 4.0)])
def test_a_grid_that_is_off_does_not_pass_its_own_stems(long_song: ShortSong, song_heard: fit.Heard, role: StemRole, late: float) -> None:
    right = judge(song_heard, heard(written_on(long_song, role), song_heard.tuning_semitones), role, probe=False).score
    wrong = judge(song_heard, heard(written_on(long_song, role, late_beats=late), song_heard.tuning_semitones), role, probe=False).score
    assert wrong < 0.5 and right - wrong > 0.4


@pytest.mark.parametrize(
    ("wrong", "axis", "said"),
    [
        (lambda x, beat_s: faults.moved(x, lambda t: t * 1.01), "time", "runs away"),
        (lambda x, beat_s: faults.late(x, beat_s), "place", "on the wrong beat"),
        (lambda x, beat_s: faults.transposed(x, 6), "harmony", "clash"),
    ],
)
def test_a_refused_part_is_told_what_is_wrong(
    long_song: ShortSong, song_heard: fit.Heard, wrong: Callable[[fit.Heard, float], fit.Heard], axis: str, said: str
) -> None:
    piano = heard(written_on(long_song, StemRole.PIANO), song_heard.tuning_semitones)
    report = judge(song_heard, wrong(piano, 60 / long_song.truth.require_grid().tempo_bpm), StemRole.PIANO, probe=False)
    assert report.verdict is fit.Verdict.REJECTED and said in report.reason
    assert min(report.axes, key=lambda a: a.logit).name == axis


def test_half_time_is_always_listed_as_undecidable(long_song: ShortSong, song_heard: fit.Heard) -> None:
    report = judge(song_heard, heard(written_on(long_song, StemRole.BASS), song_heard.tuning_semitones), StemRole.BASS)
    assert fit.Fault.HALF_TIME in report.undecidable


def test_silence_and_a_few_notes_are_not_scored(long_song: ShortSong, song_heard: fit.Heard) -> None:
    silent = AudioClip(np.zeros((2, long_song.mixture.frames), np.float32), 44100)
    assert judge(song_heard, heard(silent, 0.0), StemRole.BASS).verdict is fit.Verdict.SILENT
    few = written_on(long_song, StemRole.BASS).samples.copy()
    few[:, 44100 * 3 :] = 0
    assert judge(song_heard, heard(AudioClip(few, 44100), 0.0), StemRole.BASS).verdict is fit.Verdict.UNDECIDABLE


def test_a_stem_longer_than_the_song_is_judged_by_what_they_share(long_song: ShortSong, song_heard: fit.Heard) -> None:
    piano = heard(written_on(long_song, StemRole.PIANO), song_heard.tuning_semitones)
    whole = judge(song_heard, piano, StemRole.PIANO, probe=False)
    frames = song_heard.chroma.shape[1]
    twice = replace(
        piano, accents=np.tile(piano.accents, 2), arrivals=np.tile(piano.arrivals, 2), chroma=np.tile(piano.chroma, 2),
        bass_chroma=np.tile(piano.bass_chroma, 2), rms=np.tile(piano.rms, 2) * np.repeat([1, 2], len(piano.rms)),
    )  # fmt: skip
    assert judge(song_heard, twice, StemRole.PIANO).score == pytest.approx(whole.score, abs=0.02)
    after = replace(twice, rms=np.where(np.arange(len(twice.rms)) < frames, 0, twice.rms))
    assert judge(song_heard, after, StemRole.PIANO).verdict is fit.Verdict.SILENT


@pytest.mark.parametrize("role", [StemRole.DRUMS, StemRole.PERCUSSION, StemRole.BASS, StemRole.PIANO, StemRole.PAD, StemRole.LEAD])
def test_noise_that_swells_with_the_song_fits_nothing(song_heard: fit.Heard, long_song: ShortSong, role: StemRole) -> None:
    level = scipy.ndimage.uniform_filter1d(np.abs(long_song.mixture.samples.mean(0)), 8820)
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, 1, len(level)) * level
        stem = heard(AudioClip(noise[None].astype(np.float32), 44100), song_heard.tuning_semitones)
        assert judge(song_heard, stem, role, probe=False).score < 0.75


def test_a_sound_that_is_cut_does_not_fall_at_its_end() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, SAMPLE_RATE_HZ * 3)).astype(np.float32)
    level = heard(AudioClip(noise, SAMPLE_RATE_HZ)).rms
    assert level.min() > 0.05


def test_level_of_the_stem_does_not_matter(long_song: ShortSong, song_heard: fit.Heard) -> None:
    stem = written_on(long_song, StemRole.PIANO)
    quiet = AudioClip(stem.samples * np.float32(0.05), 44100)
    a, b = (judge(song_heard, heard(s, song_heard.tuning_semitones), StemRole.PIANO, probe=False).score for s in (stem, quiet))
    assert a == pytest.approx(b, abs=0.02)


def test_the_judge_takes_no_analysis() -> None:
    """Nothing of an analysis can enter: not by the signature, and not by the modules behind it."""
    assert list(inspect.signature(judge).parameters) == ["song", "stem", "role", "calibration", "probe"]
    for module in (
        fit.judge.__module__,
        "sideman.core.fit.rhythm",
        "sideman.core.fit.agreement",
        "sideman.core.fit.movement",
        "sideman.core.fit.pooled",
        "sideman.core.fit.listening",
        "sideman.core.fit.scoring",
    ):
        source = inspect.getsource(__import__(module, fromlist=["x"]))
        assert "MusicAnalysis" not in source and "BeatGrid" not in source and "Chord(" not in source


def test_no_weight_is_negative() -> None:
    calibration = Calibration.default()
    assert all(w >= 0 for m in (*calibration.detectors.values(), *calibration.joined.values()) for w in m.weights)


def test_injected_faults_are_what_they_say(song_heard: fit.Heard) -> None:
    """A shift by whole frames moves every value; twelve semitones are none."""
    frames = 43
    later = faults.late(song_heard, frames * 256 / SAMPLE_RATE_HZ)
    assert np.allclose(later.accents[:, frames + 2 : 400], song_heard.accents[:, 2 : 400 - frames], atol=1e-3)
    assert np.array_equal(faults.transposed(song_heard, 12).chroma, song_heard.chroma)
    assert np.array_equal(faults.transposed(song_heard, 5).arrivals[5], song_heard.arrivals[0])
    again = faults.reordered(song_heard, 2.0)
    assert again.arrivals.shape == song_heard.arrivals.shape and not np.array_equal(again.arrivals, song_heard.arrivals)
    assert np.allclose(np.sort(again.arrivals, axis=None), np.sort(song_heard.arrivals, axis=None))


def test_an_arrival_is_a_pitch_class_that_has_not_just_sounded() -> None:
    t = np.arange(6 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone = np.sin(2 * np.pi * 523.25 * t) * ((t % 0.25) < 0.2)  # C, struck four times a second
    tone[t < 1] = 0
    tone += 0.5 * np.sin(2 * np.pi * 659.26 * t) * (t > 3)  # E arrives at 3 s and stays
    found = heard(AudioClip(tone[None].astype(np.float32), SAMPLE_RATE_HZ))
    c, e = (np.flatnonzero(found.arrivals[k] > 0.5 * found.arrivals[k].max()) * 256 / SAMPLE_RATE_HZ for k in (0, 4))
    assert np.abs(c - 1).max() < 0.15, "struck again it does not arrive again"
    assert np.abs(e - 3).max() < 0.15


def _struck(at_s: list[float], seconds: float = 40.0, level: float = 1.0) -> np.ndarray:
    accents = np.zeros((5, int(seconds * ACCENT_RATE_HZ)))
    accents[:, [int(t * ACCENT_RATE_HZ) for t in at_s]] = level
    return np.asarray(scipy.ndimage.gaussian_filter1d(accents, 2, axis=1))


def test_long_notes_off_the_beat_tell_a_line_that_is_half_a_beat_late() -> None:
    """120 bpm, struck on the beats and less between them; the line: a quarter note and two eighths, all equally loud."""
    song = _struck([0.5 * k for k in range(79)]) + _struck([0.25 + 0.5 * k for k in range(79)], level=0.6)
    line = [k + t for k in range(1, 38) for t in (0.0, 0.5, 0.75)]
    right, late = (_struck([t + shift for t in line]) for shift in (0.0, 0.25))
    bells = agogic(right)[0]
    assert bells[int(5.0 * ACCENT_RATE_HZ)] > 3 * bells[int(5.5 * ACCENT_RATE_HZ)] > 0
    told = [contrasts(stem, song, True).contrasts for stem in (right, late)]
    assert told[0]["agogic_half"] > 0.05 > -0.05 > told[1]["agogic_half"]
    assert told[0]["agogic_z"] > told[1]["agogic_z"] + 0.5
    assert told[0]["agogic_half"] - told[1]["agogic_half"] > told[0]["met_half"] - told[1]["met_half"]


def test_a_chord_part_a_sixteenth_late_begins_its_notes_late(long_song: ShortSong, song_heard: fit.Heard) -> None:
    piano = heard(written_on(long_song, StemRole.PIANO), song_heard.tuning_semitones)
    beat_s = 60 / long_song.truth.require_grid().tempo_bpm
    on_time, late = (arrival_contrasts(x.arrivals, song_heard.arrivals) for x in (piano, faults.late(piano, beat_s / 4)))
    assert on_time.contrasts["arrival_fine"] > 0 > late.contrasts["arrival_fine"]


def test_what_each_kind_of_evidence_likes_by_chance_is_outvoted() -> None:
    """Three kinds like the place as it is, and each likes another place better; moved by half a second they speak against it together."""

    def liking(*places: tuple[float, float]) -> np.ndarray:
        return np.sum([level * np.exp(-0.5 * ((LAG_S - at) / 0.03) ** 2) for at, level in places], axis=0)

    kinds = {"agogic": 0.31, "change": -0.4, "turn": 0.25, "arrival": -0.33}
    for moved_s in (0.0, 0.5):
        curves = {kind: liking((moved_s, 0.8), (moved_s + other, 1.0)) for kind, other in kinds.items()}
        alone = [curve[np.abs(LAG_S - moved_s) < 0.03].max() - curve.max() for curve in curves.values()]
        assert max(alone) < 0
        windows = {
            kind: LagCurves(curve[None], np.ones(1), np.zeros(1))
            for kind, curve in (curves | {"accent": curves["agogic"], "met": curves["agogic"]}).items()
        }
        found = pooled.contrasts([Compared({}, curves, windows)], True)
        assert (found["pool_half"] > 1 and found["pool_beat"] > 1) if moved_s == 0 else found["pool_beat"] < -1


def test_stems_that_all_fail_alike_put_the_analysis_in_doubt(long_song: ShortSong, song_heard: fit.Heard) -> None:
    reports = tuple(
        judge(song_heard, heard(written_on(long_song, r, transposed=6), song_heard.tuning_semitones), r)
        for r in (StemRole.BASS, StemRole.PIANO)
    )
    assert "chords or tuning" in (fit.suspect_analysis(reports) or "")


@pytest.mark.parametrize("seconds", [64, 600, 4000, 7200])
def test_a_steady_drift_is_told_in_a_song_of_any_length(seconds: int) -> None:
    """One hit pattern that the song answers at no lag, or at lags that move by half a percent."""
    at_s = np.arange(3.0, seconds, 3.0)
    noise = np.random.default_rng(0).normal(0, 0.02, (len(at_s), len(LAG_S)))

    def told(slope: float) -> float:
        lag = slope * (at_s - at_s.mean())[:, None]
        answers = 0.3 * np.exp(-(((LAG_S[None] - lag) / 0.03) ** 2) / 2) * (np.abs(lag) < LAG_S[-1])
        return pooled.drift([LagCurves(noise + answers, np.ones(len(at_s)), at_s)])

    assert told(0.0) > 4 > 2 > told(0.005)
