"""Styles as files, tabs, fingerings, and a band that listens: stops, free registers, the song's own groove."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sideman.carried import carried
from sideman.core.audio import AudioClip
from sideman.core.generation import BAND_ROLES, PART_NAMES, SessionBand, SongContext, hear_surroundings, style_named, styles, understand
from sideman.core.generation.band import style as style_files
from sideman.core.generation.band.fretboard import FINGERS, HIGHEST_FRET, STRINGS, _fingers, shapes
from sideman.core.generation.band.style import FOLDER, read_style
from sideman.core.generation.band.tab import Tab
from sideman.core.generation.band.voicing import Register, candidates
from sideman.core.generation.composer import compose
from sideman.core.generation.context import ContextBar
from sideman.core.generation.surroundings import Surroundings
from sideman.core.music import Annotation, BeatGrid, Chord, ChordSpan, GrooveTemplate, Key, Meter, MusicAnalysis, Provenance, StemRole
from sideman.core.music.harmony import QUALITIES
from sideman.errors import UsageError


@pytest.fixture(scope="module")
def band() -> SessionBand:
    return SessionBand.open(carried("soundfont.sf3"))


@pytest.fixture(scope="module")
def context() -> SongContext:
    return SongContext.from_analysis(compose(4))


def bar(pulses: int, index: int = 0) -> ContextBar:
    return ContextBar(0, 0.0, pulses, 2, 0, index, False)


def test_a_tab_is_read_beat_by_beat() -> None:
    steps = Tab.parse("x... X--. ..o. .xx.").steps(bar(4), False)
    assert [(s.at, s.pulses, s.symbol) for s in steps] == [
        (0, 0.25, "x"), (1, 0.75, "X"), (2.5, 0.25, "o"), (3.25, 0.25, "x"), (3.5, 0.25, "x")
    ]  # fmt: skip
    two = Tab.parse("x... | .x..")
    assert [two.steps(bar(1, k), False)[0].at for k in (0, 1, 2)] == [0, 0.25, 0]
    assert [s.at for s in Tab.parse("x.x").steps(bar(1), False)] == [0, pytest.approx(2 / 3)]


@pytest.mark.parametrize(("pulses", "compound"), [(2, False), (3, False), (5, False), (7, False), (6, True), (9, True), (12, True)])
def test_a_tab_in_four_plays_in_every_meter(pulses: int, compound: bool) -> None:
    steps = Tab.parse("K.h. s.h. k.h. s.h.".replace("K", "x").replace("s", "X").replace("k", "x").replace("h", "o")).steps(
        bar(pulses), compound
    )
    assert steps[0].at == 0 and all(0 <= s.at < pulses for s in steps)
    backbeats = [s.at for s in steps if s.symbol == "X"]
    assert backbeats and 0 not in backbeats
    assert len({s.at for s in steps}) == len(steps)


def test_every_style_names_its_traits_and_plays_every_part() -> None:
    assert len(styles()) >= 12
    for s in styles().values():
        assert len(s.traits) == 3 and all(len(t) > 20 for t in s.traits)
        assert set(s.parts) >= set(BAND_ROLES) and set(PART_NAMES) == set(BAND_ROLES)
    names = [a.lower() for s in styles().values() for a in (s.name, *s.aliases)]
    assert len(names) == len(set(names)), "an alias belongs to one style"


@pytest.mark.parametrize(("asked", "name"), [("Hip-Hop", "hiphop"), ("swing", "jazz"), ("electronic", "house"), ("Drum and Bass", "dnb")])
def test_a_style_has_other_names(asked: str, name: str) -> None:
    assert style_named(asked).name == name


def test_an_unknown_style_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean reggae"):
        style_named("regae")


def test_a_musician_can_add_a_style(tmp_path: Path) -> None:
    shared = style_files.tomllib.loads((FOLDER / "common.toml").read_text("utf-8"))["parts"]
    file = tmp_path / "polka.toml"
    text = 'title = "Polka"\ntraits = ["oom-pah", "in two", "fast"]\ntempo_bpm = [100, 140]\n[parts.drums]\nfigures = [{ kick = "x... x...", snare = "..x. ..x." }]\n'
    file.write_text(text, "utf-8")
    polka = read_style(file, shared)
    assert polka.name == "polka" and polka.parts[StemRole.DRUMS].figures[0].tabs["kick"].bars == (("x...", "x..."),)
    for wrong, said in ((text.replace("x... x...", "x... y..."), "holds y"), (text.replace('"fast"', '"fast", "loud"'), "three defining traits"), ("title = 3 x", "polka.toml")):  # fmt: skip
        file.write_text(wrong, "utf-8")
        with pytest.raises(ValueError, match=said):
            read_style(file, shared)


def test_guitar_shapes_can_be_held() -> None:
    """The root below, every needed tone in it, four frets, four fingers."""
    for root, (quality, intervals) in itertools.product(range(12), QUALITIES.items()):
        if quality in ("1", "9", "maj9", "min9", "11", "13"):
            continue
        for open_strings in (True, False):
            found = shapes(root, intervals, open_strings)
            assert found or quality in ("hdim7", "dim7", "minmaj7", "aug", "maj6", "min6"), (root, quality)
            for v in found[:4]:
                assert v[0] % 12 == root and {p % 12 for p in v} <= {(root + i) % 12 for i in intervals}
                assert v[-1] <= STRINGS[-1] + HIGHEST_FRET + 1
    assert _fingers((0, 3, 2, 0, 1, 0)) == 3 and _fingers((1, 3, 3, 2, 1, 1)) <= FINGERS


def test_a_hand_reaches_a_tenth_at_most() -> None:
    for quality in ("maj", "min7", "maj9", "dim"):
        for v in candidates(Chord(4, quality), Register(50, 76, 63)):
            assert v[-1] - v[0] <= 14 and v == tuple(sorted(v))


def test_the_band_stops_where_the_song_stops(band: SessionBand, context: SongContext) -> None:
    start, end = (float(context.seconds_at(p)) for p in (40, 44))
    stopped = replace(context, surroundings=Surroundings(np.array([[start, end]]), np.zeros(128)))
    for role in (StemRole.DRUMS, StemRole.BASS, StemRole.PAD):
        notes = band.write(stopped, role, "rock", 1)
        assert not [n for n in notes if start + 0.1 < n.start_s < end - 0.15]
        ringing = [n for n in notes if n.start_s < start - 0.2 and n.end_s > start + 0.12 and role.pitched]
        assert not ringing
        assert [n for n in band.write(context, role, "rock", 1) if start + 0.05 < n.start_s < end - 0.1 or role is StemRole.PAD]


def test_silence_and_free_registers_are_heard() -> None:
    rate, t = 22050, np.arange(22050 * 8) / 22050
    tone = np.sin(2 * np.pi * 440 * t) * ((t < 3) | (t > 4.5))
    heard = hear_surroundings(AudioClip(tone[None].astype(np.float32), rate))
    assert heard.stops_s == pytest.approx(np.array([[3.0, 4.5]]), abs=0.06)
    assert int(np.argmax(heard.occupied)) == 69


def test_a_part_moves_out_of_a_crowded_register(context: SongContext) -> None:
    occupied = np.zeros(128)
    occupied[50:77] = 1.0
    crowded = replace(context, surroundings=Surroundings(np.zeros((0, 2)), occupied))
    assert crowded.room_shift((50, 76)) != 0 and context.room_shift((50, 76)) == 0
    spread = replace(context, surroundings=Surroundings(np.zeros((0, 2)), np.ones(128)))
    assert spread.room_shift((50, 76)) == 0


def test_the_songs_own_groove_is_followed(band: SessionBand) -> None:
    """The fourth sixteenth of every beat late by 25 ms in the song: the band's is later than it would be."""
    analysis = compose(4)
    template = GrooveTemplate(4, (0.0, 0.0, 0.0, 25.0) * 4, (1.0, 0.6, 0.8, 0.8) * 4, 1.0)
    loose = SongContext.from_analysis(analysis)
    led = SongContext.from_analysis(replace(analysis, groove=Annotation(template, 0.9, Provenance("test"))))
    late = {}
    for name, c in (("loose", loose), ("led", led)):
        beats = c.grid.beat_at([n.start_s for n in band.write(c, StemRole.DRUMS, "house", 3)])
        fourth = beats[np.abs(beats % 1 - 0.75) < 0.1] % 1 - 0.75
        late[name] = float(np.median(fourth)) * 60_000 / c.tempo
    assert late["led"] - late["loose"] > 6


def test_a_swung_song_swings_a_straight_style(band: SessionBand) -> None:
    analysis = compose(4)
    swung = GrooveTemplate(3, (0.0,) * 12, (1.0, 0.2, 0.7) * 4, 1.9)
    context = SongContext.from_analysis(replace(analysis, groove=Annotation(swung, 0.8, Provenance("test"))))
    beats = context.grid.beat_at([n.start_s for n in band.write(context, StemRole.DRUMS, "rock", 1)]) % 1
    assert np.sum(np.abs(beats - 0.655) < 0.06) > 5 * np.sum(np.abs(beats - 0.5) < 0.06)


def test_variations_keep_the_part_and_change_its_details(band: SessionBand, context: SongContext, tmp_path: Path) -> None:
    from sideman.core.generation import GenerationRequest

    def notes(**more: float) -> tuple[tuple[float, int], ...]:
        request = GenerationRequest(StemRole.PIANO, "rock", 3, 44100 * 40, 44100, **more)
        stem = band.generate(context, request, tmp_path)
        stem.audio.remove()
        return tuple((round(n.start_s, 1), n.pitch) for n in stem.notes)

    plain, varied, still, louder = notes(), notes(variation=1), notes(liveliness=0.0), notes(energy=2)
    assert plain != varied and len(set(plain) & set(varied)) > 0.4 * len(plain)
    assert still != plain and len(louder) > len(plain)


@pytest.mark.parametrize(
    ("words", "style", "energy", "lively"),
    [("a louder, busier funk groove", "funk", 1, True), ("gentle bossa nova", "bossa", -1, False), ("a walking bass", None, 0, False)],
)
def test_words_are_understood_or_left_alone(words: str, style: str | None, energy: int, lively: bool) -> None:
    said = understand(words, lambda name: style_named(name).name)
    assert (said.style, said.energy, said.liveliness > 1) == (style, energy, lively)
    assert bool(said.understood) == (words != "a walking bass")


def song_in(meter: Meter, chords: list[str], bars: int = 8, tempo: float = 100.0) -> SongContext:
    """One chord a bar, again from the beginning."""
    grid = BeatGrid.constant(tempo, bars * meter.beats_per_bar + 1, meter, 0.5)
    edges = [float(grid.seconds_at(b.first_beat)) for b in grid.bars]
    spans = tuple(ChordSpan(a, b, Chord.read(chords[k % len(chords)])) for k, (a, b) in enumerate(itertools.pairwise(edges)))
    made = Provenance("test")
    return SongContext.from_analysis(
        MusicAnalysis(
            edges[-1] + 1, grid=Annotation(grid, 1, made), chords=Annotation(spans, 1, made), key=Annotation(Key(0, "major"), 1, made)
        )
    )


def at_energy(context: SongContext, energy: int) -> SongContext:
    return replace(context, bars=tuple(replace(b, energy=energy) for b in context.bars))


@pytest.mark.parametrize("style", ["rock", "hiphop", "dnb", "ballad"])
@pytest.mark.parametrize("meter", [Meter(3), Meter(2, True), Meter(5)])
def test_every_chord_is_heard_from_its_root_in_every_meter(band: SessionBand, style: str, meter: Meter) -> None:
    for energy in (0, 3):
        context = at_energy(song_in(meter, ["C", "Am7", "F", "G7"]), energy)
        notes = band.write(context, StemRole.BASS, style, 1)
        for event in context.sounding_chords()[:-1]:
            start, end = (float(context.seconds_at(p)) for p in (event.start, event.end))
            assert any(start - 0.06 < n.start_s < end and n.pitch % 12 == event.chord.root for n in notes), (event, energy)
        last_s = float(context.seconds_at(context.bars[-2].start))
        held = [n.end_s - n.start_s for n in band.write(context, StemRole.PAD, style, 1) if n.start_s < last_s - 0.1]
        assert min(held) > 0.6 * context.bars[0].pulses * 60 / context.tempo


def test_a_part_that_rests_rests(band: SessionBand) -> None:
    context = at_energy(song_in(Meter(4), ["C", "F"]), 0)
    assert band.write(context, StemRole.BRASS, "rock", 1) == ()


def test_an_anticipated_chord_comes_half_a_bar_early_at_most_and_is_not_struck_again(band: SessionBand) -> None:
    context = at_energy(song_in(Meter(4), ["C", "F"], 12), 3)
    beats = [(float(context.grid.beat_at(n.start_s)), n.pitch % 12) for n in band.write(context, StemRole.BASS, "latin", 2)]
    assert not [b for b, _ in beats if b > 5 and abs(b % 4) < 0.1], "the tumbao leaves the one out"
    assert {pc for b, pc in beats if b > 4 and abs(b % 4 - 3) < 0.1} <= {0, 5}
    late = at_energy(song_in(Meter(4), ["C", "C", "C", "F"], 12), 3)
    early = [
        b for b, pc in ((float(late.grid.beat_at(n.start_s)), n.pitch % 12) for n in band.write(late, StemRole.BASS, "latin", 2)) if pc == 5
    ]
    assert all(b % 16 > 10.9 for b in early), "F begins in the fourth bar, and is heard a beat before it at the earliest"


def test_the_walking_bass_follows_the_energy_of_the_moment(band: SessionBand) -> None:
    context = song_in(Meter(4), ["Dm7"], 12)
    quiet_first = replace(context, bars=tuple(replace(b, energy=0 if b.number < 4 else 2) for b in context.bars))
    beats = np.array([float(context.grid.beat_at(n.start_s)) for n in band.write(quiet_first, StemRole.BASS, "jazz", 1)])
    assert np.sum(beats < 15.5) <= 10 and np.sum((beats > 15.5) & (beats < 47.5)) >= 30


def test_a_flam_never_takes_the_place_of_its_stroke(band: SessionBand) -> None:
    context = at_energy(song_in(Meter(4), ["C", "F"], 24), 2)
    notes = band.write(context, StemRole.DRUMS, "metal", 1)
    snares = [(float(context.grid.beat_at(n.start_s)), n.velocity) for n in notes if n.pitch == 38]
    for bar_number in range(1, 22):
        loud = [
            v
            for b, v in snares
            if abs(b - bar_number * 4 - 1) < 0.1 or abs(b - bar_number * 4 - 2) < 0.1 or abs(b - bar_number * 4 - 3) < 0.1
        ]
        assert max(loud, default=0) > 75, bar_number


def test_mistakes_of_a_style_file_are_named_when_it_is_read(tmp_path: Path) -> None:
    shared = style_files.tomllib.loads((FOLDER / "common.toml").read_text("utf-8"))["parts"]
    head = 'title = "X"\ntraits = ["a", "b", "c"]\ntempo_bpm = [1, 2]\n'
    for body, said in (
        ('[parts.drums]\nfigures = [{ kik = "x..." }]', "kik"), ('[parts.bass]\nfigures = [{ hands = "1..." }]', "it may have line"),
        ("[parts.piano]\nregister = [50, 76]", "register"), ('[parts.piano]\nvoicing = "rootles"', "voicing is one of"),
        ('[parts.piano]\nfigures = [{ hands = "x.-- ...." }]', "holds on a silence"),
    ):  # fmt: skip
        (tmp_path / "x.toml").write_text(head + body, "utf-8")
        with pytest.raises(ValueError, match=said):
            read_style(tmp_path / "x.toml", shared)
