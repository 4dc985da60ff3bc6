"""The renderer, the voicings and the band: in tune, in time, in style, repeatable."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from sideman.carried import carried
from sideman.core.audio import measure, read_all
from sideman.core.generation import BAND_ROLES, GenerationRequest, SessionBand, SongContext, styles
from sideman.core.generation.band.voicing import Register, lead_voices
from sideman.core.generation.soundfont import Humanise, Preset, Renderer
from sideman.core.music import BeatGrid, Chord, Meter, NoteEvent, StemRole
from sideman.core.music.analysis import Annotation, MusicAnalysis, Provenance
from sideman.core.music.harmony import ChordSpan, Key
from sideman.errors import MissingAsset, UsageError
from sideman.testing import ShortSong

RATE = 44100
STYLES = list(styles())


@pytest.fixture(scope="module")
def band() -> SessionBand:
    return SessionBand.open(carried("soundfont.sf3"))


@pytest.fixture(scope="module")
def context(song: ShortSong) -> SongContext:
    return SongContext.from_analysis(song.truth)


def plain_context(meter: Meter, bars: int = 12, tempo: float = 110.0) -> SongContext:
    grid = BeatGrid.constant(tempo, bars * meter.beats_per_bar + 1, meter, 0.5)
    loop = [Chord.parse(x) for x in ("C:maj", "A:min7", "F:maj", "G:7")]
    edges = [float(grid.seconds_at(b.first_beat)) for b in grid.bars]
    spans = tuple(ChordSpan(a, b, loop[k % 4]) for k, (a, b) in enumerate(itertools.pairwise(edges)))
    made = Provenance("test")
    return SongContext.from_analysis(
        MusicAnalysis(
            edges[-1] + 1, grid=Annotation(grid, 1, made), chords=Annotation(spans, 1, made), key=Annotation(Key(0, "major"), 1, made)
        )
    )


@pytest.mark.parametrize(("program", "pitch"), [(0, 69), (0, 40), (33, 40), (27, 57), (48, 72)])
def test_notes_sound_at_their_pitch(band: SessionBand, program: int, pitch: int) -> None:
    renderer = Renderer.open(carried("soundfont.sf3"))
    y = renderer.render([NoteEvent(0.1, 2.0, pitch, 100)], Preset(0, program), RATE * 2).mean(0)
    spectrum = np.abs(np.fft.rfft(y[RATE // 2 : RATE + RATE // 2] * np.hanning(RATE)))
    f = 440 * 2 ** ((pitch - 69) / 12)
    harmonics = [np.argmax(spectrum[int(f * h * 0.94) : int(f * h * 1.06)]) + int(f * h * 0.94) for h in (1, 2, 3)]
    cents = [abs(1200 * np.log2(k / (f * h))) for h, k in zip((1, 2, 3), harmonics, strict=True)]
    assert np.median(cents) < 15


def test_rendering_in_blocks_equals_rendering_at_once() -> None:
    notes = [NoteEvent(k * 0.4, k * 0.4 + 1.5, 48 + k % 24, 60 + k) for k in range(60)]
    font, human = carried("soundfont.sf3"), Humanise(1.0, 3)
    whole = np.concatenate(list(Renderer.open(font).render_blocks(notes, Preset(0, 0), RATE * 27, human)), 1)
    short = Renderer.open(font)
    import sideman.core.generation.soundfont.renderer as module

    module.BLOCK_S, before = 3, module.BLOCK_S
    try:
        parts = np.concatenate(list(short.render_blocks(notes, Preset(0, 0), RATE * 27, human)), 1)
    finally:
        module.BLOCK_S = before
    assert parts.shape == whole.shape == (2, RATE * 27)
    assert np.abs(parts - whole).max() < 1e-3 * np.abs(whole).max()


def test_an_open_hat_is_closed_by_the_next_hat() -> None:
    renderer = Renderer.open(carried("soundfont.sf3"))
    alone = renderer.render([NoteEvent(0.1, 0.2, 46, 110)], Preset(128, 0), RATE * 2)
    closed = renderer.render([NoteEvent(0.1, 0.2, 46, 110), NoteEvent(0.3, 0.35, 42, 20)], Preset(128, 0), RATE * 2)
    late = slice(int(0.75 * RATE), None)
    assert np.abs(closed[:, late]).max() < 0.25 * np.abs(alone[:, late]).max()


def test_a_missing_or_wrong_soundfont_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MissingAsset, match="no SoundFont"):
        SessionBand.open(tmp_path / "no.sf3")
    (tmp_path / "x.sf3").write_bytes(b"not a font at all")
    with pytest.raises(MissingAsset, match="not a SoundFont"):
        SessionBand.open(tmp_path / "x.sf3")


def test_voice_leading_moves_less_than_root_position() -> None:
    chords = [Chord.parse(x) for x in ("C:maj", "A:min", "F:maj", "G:maj", "E:min", "D:min7", "G:7", "C:maj")]
    led = lead_voices(chords, Register(50, 74, 62, 4))
    moves = [np.mean([min(abs(x - y) for y in b) for x in a]) for a, b in itertools.pairwise(led)]
    root = [[60 + (c.root + i) % 12 if i else 60 + c.root for i in c.intervals] for c in chords]
    root_moves = [np.mean([min(abs(x - y) for y in b) for x in a]) for a, b in itertools.pairwise(root)]
    assert np.mean(moves) < np.mean(root_moves)
    assert all({p % 12 for p in v} <= set(c.pitch_classes) for v, c in zip(led, chords, strict=True))


@pytest.fixture(scope="module")
def written(band: SessionBand, context: SongContext) -> dict[tuple[StemRole, str], tuple[NoteEvent, ...]]:
    """Every part in every style, once."""
    return {(role, style): band.write(context, role, style, 1) for role in BAND_ROLES for style in STYLES}


Written = dict[tuple[StemRole, str], tuple[NoteEvent, ...]]


@pytest.mark.parametrize("style", STYLES)
def test_same_seed_same_notes_another_seed_another_performance(
    band: SessionBand, context: SongContext, written: Written, style: str
) -> None:
    for role in BAND_ROLES:
        assert band.write(context, role, style, 1) == written[role, style] != band.write(context, role, style, 2), role


@pytest.mark.parametrize("style", STYLES)
def test_notes_lie_on_the_drifting_grid(context: SongContext, written: Written, style: str) -> None:
    """Every onset is near a position that its style can write, on the song's own beats."""
    swing = styles()[style].swing(context.tempo)
    allowed = np.array([0, 0.25, 0.5, 0.75, 1, swing, swing / 2, 0.5 + swing / 2, (1 + swing) / 2, 1 / 3, 2 / 3])
    for role in BAND_ROLES:
        beats = context.grid.beat_at([n.start_s for n in written[role, style]])
        distance = np.abs((beats % 1)[:, None] - allowed[None]).min(1) * 60 / context.tempo
        assert np.median(distance) < 0.025 and np.percentile(distance, 98) < 0.06, role


@pytest.mark.parametrize("style", STYLES)
def test_parts_play_the_chords(context: SongContext, written: Written, style: str) -> None:
    """Chord tones by sounding time; lines may pass through the scale, and a walking one leads into the next chord for a beat of its bar."""
    for role in (r for r in BAND_ROLES if r.pitched):
        inside = scale = total = 0.0
        for n in written[role, style]:
            chord = context.chord_at(float(context.grid.beat_at(n.start_s + 0.04)))
            if chord.root is not None:
                total += n.end_s - n.start_s
                inside += (n.end_s - n.start_s) * (n.pitch % 12 in chord.pitch_classes)
                key = context.key_at(float(context.grid.beat_at(n.start_s)))
                scale += (n.end_s - n.start_s) * (n.pitch % 12 in {*chord.pitch_classes, *key.scale})
        line = role in (StemRole.BASS, StemRole.LEAD, StemRole.VOCALS)
        walks = role is StemRole.BASS and styles()[style].parts[role].walking
        assert inside / total > (0.6 if walks else 0.68 if line else 0.85), role
        assert scale / total > 0.9, role


@pytest.mark.parametrize("meter", [Meter(3), Meter(4), Meter(5), Meter(7), Meter(2, True), Meter(4, True)])
@pytest.mark.parametrize("style", STYLES)
def test_every_meter_is_played(band: SessionBand, meter: Meter, style: str) -> None:
    context = plain_context(meter, tempo=64 if meter.compound else 110)
    for role in BAND_ROLES:
        notes = band.write(context, role, style, 1)
        assert len(notes) > 10 and all(0 <= n.start_s < n.end_s <= context.duration_s for n in notes)


def feature(notes: tuple[NoteEvent, ...], context: SongContext) -> np.ndarray:
    """Onset histogram over the sixteenths of a bar, share of triplet places, density and register."""
    beats = context.grid.beat_at([n.start_s for n in notes])
    histogram = np.bincount(np.round(beats % 4 * 4).astype(int) % 16, minlength=16) / len(notes)
    swung = np.mean(np.abs(beats % 1 - 0.66) < 0.06)
    density = len(notes) / (context.duration_s * 10)
    return np.concatenate([histogram * 4, [swung * 4, density, np.mean([n.pitch for n in notes]) / 40]])


RHYTHM_SECTION = (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO, StemRole.GUITAR)


def test_a_listener_can_tell_every_pair_of_styles_apart(band: SessionBand) -> None:
    """For each pair, 20 seeds each: the nearer centre of the other seeds names the style of at least nine in ten performances."""
    context = plain_context(Meter(4), bars=12)
    x = {
        s: np.array([np.concatenate([feature(band.write(context, r, s, seed), context) for r in RHYTHM_SECTION]) for seed in range(20)])
        for s in STYLES
    }
    for a, b in itertools.combinations(STYLES, 2):
        right = 0
        for own, other in ((a, b), (b, a)):
            far = np.linalg.norm(x[own] - x[other].mean(0), axis=1)
            near = [float(np.linalg.norm(x[own][k] - np.delete(x[own], k, 0).mean(0))) for k in range(20)]
            right += int((np.array(near) < far).sum())
        assert right / 40 >= 0.9, (a, b, right)


def test_drums_do_not_repeat_themselves_like_a_machine(band: SessionBand, context: SongContext) -> None:
    notes = band.write(context, StemRole.DRUMS, "rock", 1)
    bars: dict[int, list[tuple[int, int]]] = {}
    for n in notes:
        beat = float(context.grid.beat_at(n.start_s))
        bars.setdefault(int((beat + 0.1) // 4), []).append((round(beat * 4) % 16, n.pitch))
    pictures = [tuple(sorted(b)) for b in bars.values()]
    assert sum(pictures.count(p) > 1 for p in pictures) / len(pictures) < 0.45


def test_a_stem_has_the_exact_length_and_its_place_in_the_mix(band: SessionBand, context: SongContext, tmp_path: Path) -> None:
    request = GenerationRequest(StemRole.BASS, "rock", 1, 48000 * 20 + 123, 48000)
    stem = band.generate(context, request, tmp_path)
    samples = read_all(stem.audio)
    assert samples.shape == (2, 48000 * 20 + 123)
    assert measure(stem.audio).integrated_lufs == pytest.approx(-14 - 8.5, abs=1.5)
    assert stem.provenance.engine == "session band"
    side = (samples[0] - samples[1]) / 2
    low = np.abs(np.fft.rfft(side))[: int(120 * len(side) / 48000)]
    whole = np.abs(np.fft.rfft(samples.mean(0)))[: int(120 * len(side) / 48000)]
    assert 20 * np.log10(np.sqrt((low**2).sum() / (whole**2).sum())) < -25


def test_rendered_stems_repeat_byte_for_byte(context: SongContext, tmp_path: Path) -> None:
    request = GenerationRequest(StemRole.DRUMS, "jazz", 9, RATE * 12, RATE)
    a, b = (read_all(SessionBand.open(carried("soundfont.sf3")).generate(context, request, tmp_path).audio) for _ in range(2))
    assert np.array_equal(a, b)


def test_a_song_tuned_to_432_gets_a_band_tuned_to_432(band: SessionBand, tmp_path: Path) -> None:
    from dataclasses import replace

    context = replace(plain_context(Meter(4)), tuning_hz=432.0)
    stem = band.generate(context, GenerationRequest(StemRole.PIANO, "rock", 1, RATE * 10, RATE), tmp_path)
    from sideman.core.analysis.chords import listen
    from sideman.core.audio import AudioClip, resample

    mono = AudioClip(read_all(stem.audio).mean(0, keepdims=True), RATE)
    assert 440 * 2 ** (listen(resample(mono, 11025)).tuning_semitones / 12) == pytest.approx(432, abs=1.2)


@pytest.mark.parametrize(("role", "style"), [(StemRole.RESIDUAL, "rock"), (StemRole.BASS, "polka")])
def test_what_the_band_cannot_play_is_said(band: SessionBand, context: SongContext, role: StemRole, style: str) -> None:
    with pytest.raises(UsageError, match="it plays drums|did you mean folk"):
        band.write(context, role, style, 1)


@pytest.mark.parametrize("kept", [12, 20, 200, 5000])
def test_a_soundfont_cut_short_is_named_as_damaged(tmp_path: Path, kept: int) -> None:
    (tmp_path / "cut.sf3").write_bytes(carried("soundfont.sf3").read_bytes()[:kept])
    with pytest.raises(MissingAsset, match="damaged"):
        SessionBand.open(tmp_path / "cut.sf3")


def test_fluidsynth_plays_the_same_notes_where_it_is_installed(context: SongContext, band: SessionBand) -> None:
    import ctypes.util

    if ctypes.util.find_library("fluidsynth") is None:
        pytest.skip("FluidSynth is not installed: apt-get install libfluidsynth3 to test it")
    from sideman.core.generation.soundfont.fluidsynth import FluidSynthRenderer

    notes = [n for n in band.write(context, StemRole.PIANO, "rock", 1) if n.start_s < 8]
    frames = RATE * 10
    theirs, own = (
        np.concatenate(list(synth.render_blocks(notes, Preset(0, 0), frames)), 1)
        for synth in (FluidSynthRenderer(carried("soundfont.sf3")), Renderer.open(carried("soundfont.sf3")))
    )
    assert theirs.shape == own.shape == (2, frames)
    a, b = (np.abs(np.fft.rfft(x.mean(0)[: RATE * 8])) for x in (theirs, own))
    bands = np.geomspace(60, 8000, 30) * 8
    x, y = (20 * np.log10([np.sqrt((s[int(p) : int(q)] ** 2).mean()) for p, q in itertools.pairwise(bands)]) for s in (a, b))
    assert np.std(x - y) < 3  # the same spectrum but for a constant level
    levels = [np.sqrt((s.mean(0)[: RATE * 8].reshape(-1, RATE // 10) ** 2).mean(1)) for s in (theirs, own)]
    assert np.corrcoef(levels[0], levels[1])[0, 1] > 0.95


def test_a_missing_fluidsynth_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes.util

    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(MissingAsset, match="FluidSynth is not installed"):
        SessionBand.open(carried("soundfont.sf3"), "fluidsynth")
