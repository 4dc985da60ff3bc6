"""The band reads the song: which of its styles suits a recording, told from the recording's sound on its own bar."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sideman.carried import carried
from sideman.core.analysis import find_bar_accents
from sideman.core.audio import AudioClip, Recording, middle, write_lossless
from sideman.core.generation import GenerationRequest, SessionBand, SongContext, style_named, suited_styles
from sideman.core.generation.band.suiting import FREE_STYLE
from sideman.core.music import Annotation, BeatGrid, Chord, ChordSpan, Key, Meter, MusicAnalysis, Provenance, StemRole
from sideman.core.pipelines.songs import suiting
from sideman.errors import AnalysisError

RATE_HZ, BARS = 44100, 6
SOURCE, FOUR = Provenance("truth", "1"), Meter(4)


@pytest.fixture(scope="module")
def band() -> SessionBand:
    return SessionBand.open(carried("soundfont.sf3"))


def song(tempo_bpm: float, meter: Meter = FOUR) -> MusicAnalysis:
    beats = BARS * meter.beats_per_bar
    grid = BeatGrid.constant(tempo_bpm, beats + 1, meter)
    edges = [float(grid.seconds_at(b * meter.beats_per_bar)) for b in range(BARS + 1)]
    chords = tuple(ChordSpan(edges[b], edges[b + 1], Chord.parse(("C:maj", "A:min", "F:maj", "G:maj")[b % 4]), 1.0) for b in range(BARS))
    key = Annotation(Key(0, "major"), 1.0, SOURCE)
    return MusicAnalysis(edges[-1] + 0.5, grid=Annotation(grid, 1.0, SOURCE), chords=Annotation(chords, 1.0, SOURCE), key=key)


def recorded(band: SessionBand, analysis: MusicAnalysis, style: str) -> AudioClip:
    """Drums, bass and guitar of a style, mixed."""
    frames = round(analysis.duration_s * RATE_HZ)
    mix = np.zeros((2, frames), np.float32)
    with tempfile.TemporaryDirectory() as name:
        for role in (StemRole.DRUMS, StemRole.BASS, StemRole.GUITAR):
            stem = band.generate(SongContext.from_analysis(analysis), GenerationRequest(role, style, 11, frames, RATE_HZ), Path(name))
            mix += stem.audio.read(0, frames).samples
            stem.audio.remove()
    return AudioClip(mix, RATE_HZ)


def heard(recording: Recording, analysis: MusicAnalysis) -> SongContext:
    return replace(SongContext.from_analysis(analysis), accents=find_bar_accents(recording, analysis.require_grid()))


@pytest.mark.parametrize("name", ["rock", "funk", "house", "jazz", "reggae", "latin", "ballad", "dnb"])
def test_a_song_is_played_along_with_in_its_own_style(band: SessionBand, name: str) -> None:
    low, high = style_named(name).tempo_bpm
    truth = song((low + high) / 2)
    with Recording.from_clip(recorded(band, truth, name)) as recording:
        ranked = suited_styles(heard(recording, truth))
    assert ranked[0].name == name, ranked[:3]
    assert ranked[0].score > 0.5 > ranked[-1].score


def test_the_middle_of_a_file_is_enough(band: SessionBand, tmp_path: Path) -> None:
    """From a bar that does not begin the excerpt: its place in the song is known."""
    truth = song(112)
    with Recording.from_clip(recorded(band, truth, "funk")) as recording:
        written = write_lossless(recording.audio, tmp_path / "song")
    found = middle(written, 7.3)
    assert found.clip.duration_s == pytest.approx(7.3, abs=1e-3) and found.starts_s == pytest.approx((truth.duration_s - 7.3) / 2, abs=0.01)
    with Recording.from_clip(found.clip) as excerpt:
        assert suiting(excerpt, truth, found.starts_s)[0].name == "funk"
        assert suiting(excerpt, replace(truth, grid=None))[0].name == FREE_STYLE
        with pytest.raises(AnalysisError, match="beats"):
            suiting(excerpt, MusicAnalysis(truth.duration_s))


def test_a_slow_compound_song_gets_a_style_that_is_written_for_its_meter(band: SessionBand) -> None:
    truth = song(58, Meter(6, 8))
    with Recording.from_clip(recorded(band, truth, "ballad")) as recording:
        best = suited_styles(heard(recording, truth))[0].name
    assert any(f.meter == "6/8" for f in style_named(best).parts[StemRole.DRUMS].figures), best


def test_accents_lie_where_the_bar_is_struck() -> None:
    """A click on two and four, a thump on one and three."""
    truth = song(120)
    grid, frames = truth.require_grid(), round(truth.duration_s * RATE_HZ)
    x, t = np.zeros(frames, np.float32), np.arange(4000) / RATE_HZ
    thump = (np.sin(2 * np.pi * 60 * t) * np.exp(-t * 40)).astype(np.float32)
    click = (np.random.default_rng(1).normal(0, 1, 4000) * np.exp(-t * 300)).astype(np.float32)
    for beat in range(len(grid) - 1):
        at = round(float(grid.seconds_at(beat)) * RATE_HZ)
        x[at : at + 4000] += click if beat % 2 else thump
    with Recording.from_clip(AudioClip(x[None], RATE_HZ)) as recording:
        accents = find_bar_accents(recording, grid)
    assert accents is not None and accents.strengths.shape == (4, 48)
    low, high = accents.strengths[0], accents.strengths[3]
    assert {int(p) for p in np.argsort(low)[-2:]} == {0, 24}
    assert {int(p) for p in np.argsort(high)[-2:]} == {12, 36}


def test_silence_has_no_accents_and_what_is_not_known_gets_long_notes() -> None:
    truth = song(100)
    with Recording.from_clip(AudioClip(np.zeros((1, RATE_HZ * 20), np.float32), RATE_HZ)) as recording:
        assert find_bar_accents(recording, truth.require_grid()) is None
        assert [s.name for s in suited_styles(heard(recording, truth))] == [FREE_STYLE]
