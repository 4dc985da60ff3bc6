"""Clips of a network made into stems: passages, words, anchors, slips, and what happens when the judge refuses. The networks are scripted."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sideman import bootstrap
from sideman.carried import carried
from sideman.core import fit
from sideman.core.audio import AudioClip, AudioReader, Recording, read_all
from sideman.core.fit.listening import SAMPLE_RATE_HZ
from sideman.core.fit.slips import find_slips
from sideman.core.generation import GeneratedStem, GenerationRequest, SessionBand, SongContext
from sideman.core.generation.clips import CHROMA_RATE_HZ, Anchor, ClipWish
from sideman.core.generation.generator import Progress, no_progress
from sideman.core.generation.neural import TAIL_S, NeuralFacts, NeuralGenerator, pitch_classes
from sideman.core.generation.passages import passages
from sideman.core.generation.prompts import PassageFacts, avoided, prompt_for
from sideman.core.music import BeatGrid, Key, NoteEvent, StemRole
from sideman.core.pipelines import PlayAlongOptions, play_along
from sideman.core.pipelines.concurrency import Watch
from sideman.core.pipelines.new_stems import new_stems, ranked
from sideman.core.pipelines.performing import judged_mono
from sideman.core.pipelines.songs import Song, StemWishes
from sideman.core.pipelines.splicing import BaseStem
from sideman.errors import Cancelled, UsageError
from sideman.testing import ShortSong
from sideman.testing.audio_models import Play, ScriptedModel, hiss, obedient

RATE = 44100
FACTS = NeuralFacts("scripted-small", (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO), "", "Apache-2.0", "commercial", "abc")


@pytest.fixture(scope="module")
def band() -> SessionBand:
    return SessionBand.open(carried("soundfont.sf3"))


@pytest.fixture
def context(song: ShortSong) -> SongContext:
    return replace(SongContext.from_analysis(song.truth), audio=song.mixture)


def generator(model: ScriptedModel, band: SessionBand, tries: int = 3) -> NeuralGenerator:
    return NeuralGenerator(replace(FACTS, tries=tries), lambda: model, band, 8)


def request(role: StemRole = StemRole.DRUMS, seed: int = 1, seconds: float = 30.0, **more: object) -> GenerationRequest:
    return replace(GenerationRequest(role, "rock", seed, round(seconds * RATE), RATE), **more)  # type: ignore[arg-type]


def test_passages_are_whole_bars_that_fill_the_song(context: SongContext) -> None:
    found = passages(context, None, 10.0)
    bars = context.seconds_at([b.start for b in context.bars])
    assert found[-1].end_s == pytest.approx(context.duration_s)
    for a, b in itertools.pairwise(found):
        assert a.end_s == b.start_s and np.abs(bars - b.start_s).min() < 1e-6
        assert a.seconds <= 10.0 + 1e-6
    sections = {b.start for b in context.bars if b.first_in_section and 0 < context.seconds_at(b.start) < 29}
    assert sections and all(np.abs(np.array([p.start_s for p in found]) - context.seconds_at(s)).min() < 1e-6 for s in sections)
    assert found[0].facts.tempo_bpm == pytest.approx(context.grid.tempo_bpm, rel=0.05) and found[0].facts.beats_per_bar == 4


def test_passages_of_a_part_begin_and_end_there(context: SongContext) -> None:
    found = passages(context, (5.0, 12.5), 60.0)
    assert (found[0].start_s, found[-1].end_s) == (5.0, 12.5)
    assert passages(context, (100.0, 110.0), 10.0) == ()


def test_a_part_that_begins_long_before_the_first_bar_is_more_passages(context: SongContext) -> None:
    bar_s = float(np.diff(context.seconds_at([context.bars[0].start, context.bars[0].end]))[0])
    late = replace(context, bars=context.bars[6:])
    made = passages(late, (0.0, context.duration_s), 4 * bar_s)
    assert made[0].start_s == 0 and max(p.seconds for p in made) <= 4.6 * bar_s
    assert all(a.end_s == pytest.approx(b.start_s) for a, b in itertools.pairwise(made))


def test_passages_go_on_where_the_grid_ends_before_the_song(context: SongContext) -> None:
    found = passages(replace(context, duration_s=400.0), None, 20.0)
    assert found[-1].end_s == 400.0 and max(p.seconds for p in found) <= 20.0 + 1e-6
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(found))


def test_sections_are_said_by_their_guessed_names(context: SongContext) -> None:
    names = tuple(f"part {k}" for k in range(1 + max(b.section for b in context.bars)))
    found = passages(replace(context, section_names=names), None, 60.0)
    assert found[0].facts.section == "part 0" and passages(context, None, 60.0)[0].facts.section in ("", *context.section_names)
    assert "part 0" in prompt_for(StemRole.BASS, "rock", found[0].facts)


def test_a_key_that_was_not_found_is_not_said(context: SongContext) -> None:
    assert passages(context, None, 20.0)[0].facts.key is not None
    assert passages(replace(context, key_known=False), None, 20.0)[0].facts.key is None


def test_prompts_say_what_is_known() -> None:
    facts = PassageFacts(103.6, Key(4, "minor"), 3, 3)
    said = prompt_for(StemRole.BASS, "funk", facts, "slap bass, please.")
    assert (
        said.startswith("slap bass, please") and "solo bass" in said and "funk" in said and "104 bpm" in said and "key of E minor" in said
    )
    assert "3 beats to the bar" in said and "full energy" in said
    drums = prompt_for(StemRole.DRUMS, "funk", replace(facts, tempo_bpm=None, beats_per_bar=4))
    assert "bpm" not in drums and "key" not in drums and "beats to the bar" not in drums
    assert "drums" in avoided(StemRole.BASS) and "drums" not in avoided(StemRole.DRUMS)


def test_the_melody_is_the_bands_notes_as_pitch_classes() -> None:
    notes = (NoteEvent(1.0, 2.0, 60, 80), NoteEvent(1.0, 2.0, 64, 80), NoteEvent(3.0, 4.0, 69, 80))
    highest, lowest = (pitch_classes(notes, 0.0, 5.0, side) for side in (False, True))
    assert highest is not None and lowest is not None
    at = [round(t * CHROMA_RATE_HZ) for t in (0.5, 1.5, 2.5, 3.5)]
    assert highest[at].tolist() == [-1, 4, -1, 9] and lowest[at].tolist() == [-1, 0, -1, 9]
    assert pitch_classes(notes, 10.0, 12.0, False) is None


def test_a_varied_guide_comes_back_in_its_place_at_any_rate(context: SongContext, band: SessionBand, tmp_path: Path) -> None:
    model = ScriptedModel(obedient())
    stems = generator(model, band).generate_all(context, [request(), request(StemRole.BASS)], tmp_path)
    assert [s.role for s in stems] == [StemRole.DRUMS, StemRole.BASS] and all(s.audio.frames == 30 * RATE for s in stems)
    assert [len(batch) for batch in model.asked] == [2] * len(stems[0].passages_s)
    for stem in stems:
        own = band.generate(context, request(stem.role), tmp_path)
        x, y = (read_all(a).mean(0) for a in (own.audio, stem.audio))
        assert np.corrcoef(x, y)[0, 1] > 0.98
        lag = np.argmax(np.correlate(y[RATE : 2 * RATE], x[RATE + 400 : 2 * RATE - 400], "valid")) - 400
        assert abs(lag) <= 2
    assert not list(tmp_path.glob("*-draft*"))


def test_a_continued_passage_hears_the_bars_before_it(context: SongContext, band: SessionBand, tmp_path: Path) -> None:
    model = ScriptedModel(hiss, (Anchor.CONTINUE, Anchor.MELODY))
    (stem,) = generator(model, band).generate_all(context, [request(StemRole.PIANO)], tmp_path)
    own = read_all(band.generate(context, request(StemRole.PIANO), tmp_path).audio)
    wishes = [batch[0] for batch in model.asked]
    (start, _), wish = stem.passages_s[1], wishes[1]
    assert wish.lead is not None and wish.guide is None and wish.melody is not None
    expected = own[:, round((start - wish.lead.duration_s) * RATE) : round(start * RATE)]
    assert np.corrcoef(wish.lead.samples[0], expected[0, : wish.lead.frames])[0, 1] > 0.97  # a sample may lie between
    assert len(wish.melody) == pytest.approx((wish.lead.duration_s + wish.seconds - TAIL_S) * CHROMA_RATE_HZ, abs=2)
    first = wishes[0].lead
    assert first is not None and np.abs(first.samples).max() > 0.01  # nothing was played before the song: its first bars stand for it


def test_a_melody_without_a_lead_begins_with_the_passage(context: SongContext, band: SessionBand, tmp_path: Path) -> None:
    class Resting(SessionBand):
        def generate(self, *args, **more):  # type: ignore[no-untyped-def]
            made = super().generate(*args, **more)
            silent = np.zeros((2, made.audio.frames), np.float32)
            silent.T.tofile(made.audio.path)
            return replace(made, notes=(NoteEvent(made.passages_s[0][0] if made.passages_s else 10.0, 30.0, 69, 80),))

    model = ScriptedModel(hiss, (Anchor.CONTINUE, Anchor.MELODY))
    (stem,) = generator(model, Resting.open(carried("soundfont.sf3"))).generate_all(context, [request(StemRole.PIANO)], tmp_path)
    k = next(i for i, (a, b) in enumerate(stem.passages_s) if a <= 10.0 < b)
    wish = model.asked[k][0]
    assert wish.lead is None and wish.melody is not None
    assert int(np.argmax(wish.melody == 9)) == pytest.approx((10.0 - stem.passages_s[k][0]) * CHROMA_RATE_HZ, abs=1)


def test_a_joined_passage_hears_the_song(context: SongContext, band: SessionBand, song: ShortSong, tmp_path: Path) -> None:
    model = ScriptedModel(hiss, (Anchor.JOIN,))
    (stem,) = generator(model, band).generate_all(context, [request(StemRole.BASS)], tmp_path)
    wish, (start, end) = model.asked[0][0], stem.passages_s[0]
    assert wish.song is not None and wish.guide is None and wish.lead is None
    assert np.array_equal(wish.song.samples[:, :1000], song.mixture.samples[:, round(start * RATE) : round(start * RATE) + 1000])
    assert wish.tempo_bpm == pytest.approx(context.grid.tempo_bpm, rel=0.05) and wish.key is not None and wish.seconds > end - start


def test_a_part_made_anew_hears_the_stem_around_it(context: SongContext, band: SessionBand, song: ShortSong, tmp_path: Path) -> None:
    def marked(wish: ClipWish) -> AudioClip:
        assert wish.guide is not None
        t = np.arange(wish.guide.frames) / RATE
        return AudioClip(np.repeat((t / 20)[None].astype(np.float32), 2, 0), RATE)

    base = song.stems[StemRole.BASS]
    model = ScriptedModel(marked, (Anchor.VARY, Anchor.REPAINT), sample_rate_hz=RATE)
    (stem,) = generator(model, band).generate_all(context, [request(StemRole.BASS, within_s=(8.0, 11.0), base=base)], tmp_path)
    wish = model.asked[0][0]
    assert (
        wish.repaint_s == (4.0, 7.0)
        and wish.guide is not None
        and np.array_equal(wish.guide.samples, base.samples[:, 4 * RATE : 15 * RATE])
    )
    x = read_all(stem.audio)[0]
    assert np.polyfit(np.arange(2 * RATE) / RATE, x[round(8.5 * RATE) : round(10.5 * RATE)] / x[9 * RATE], 1)[0] == pytest.approx(
        0.2, abs=0.01
    )


def test_the_accompaniment_goes_on_from_the_song(context: SongContext, band: SessionBand, song: ShortSong, tmp_path: Path) -> None:
    model, facts = ScriptedModel(hiss, (Anchor.CONTINUE,)), replace(FACTS, roles=(StemRole.OTHER,))
    (stem,) = NeuralGenerator(facts, lambda: model, band, 8).generate_all(context, [request(StemRole.OTHER)], tmp_path)
    lead, (start, _) = model.asked[1][0].lead, stem.passages_s[1]
    assert lead is not None and "accompaniment" in model.asked[1][0].prompt
    before = song.mixture.samples[0, round(start * RATE) - lead.frames : round(start * RATE)]
    assert np.corrcoef(lead.samples[0], before)[0, 1] > 0.97


def test_a_part_of_the_song_is_silent_outside(context: SongContext, band: SessionBand, tmp_path: Path) -> None:
    part = request(within_s=(6.0, 9.0))
    (stem,) = generator(ScriptedModel(hiss), band).generate_all(context, [part], tmp_path)
    x = np.abs(read_all(stem.audio)).max(0)
    assert x[: 6 * RATE].max() == 0 and x[6 * RATE : 9 * RATE].max() > 0 and x[round((9 + TAIL_S) * RATE) + 1 :].max() == 0


def test_joints_keep_the_level(context: SongContext, band: SessionBand, tmp_path: Path) -> None:
    def tone(wish: ClipWish) -> AudioClip:
        t = np.arange(round(wish.seconds * 32000)) / 32000
        return AudioClip((0.3 * np.sin(2 * np.pi * 200 * t)).astype(np.float32)[None], 32000)

    (stem,) = generator(ScriptedModel(tone, longest_s=8.0), band).generate_all(context, [request()], tmp_path)
    x = read_all(stem.audio)[0]
    usual = np.sqrt((x[2 * RATE : 3 * RATE] ** 2).mean())
    assert len(stem.passages_s) > 2
    for start, _ in stem.passages_s[1:]:
        near = x[round((start - 0.02) * RATE) : round((start + 0.02) * RATE)]
        assert 0.5 < np.sqrt((near**2).mean()) / usual < 1.6


def test_what_was_used_stands_in_the_result(context: SongContext, band: SessionBand, tmp_path: Path) -> None:
    (stem,) = generator(ScriptedModel(hiss), band).generate_all(context, [request(words="dusty")], tmp_path)
    known = dict(stem.provenance.parameters)
    assert stem.provenance.engine == "scripted-small" and known["weights"] == "abc" and known["weights licence"] == "Apache-2.0"
    assert known["prompt"].startswith("dusty") and known["anchor"] == "vary" and known["device"] == "none" and known["seed"] == "1"


def test_the_prompt_in_the_result_is_the_one_that_was_asked_and_any_seed_is_one(
    context: SongContext, band: SessionBand, tmp_path: Path
) -> None:
    model = ScriptedModel(hiss)
    (stem,) = generator(model, band).generate_all(context, [request(energy=3, seed=20_000_000_000_000_000)], tmp_path)
    wishes = [batch[0] for batch in model.asked]
    assert dict(stem.provenance.parameters)["prompt"] == wishes[0].prompt and "full energy" in wishes[0].prompt
    assert all(0 <= w.seed < 2**63 for w in wishes), "what the random generators of networks take"


def test_an_unknown_role_is_refused_before_the_network_is_loaded(context: SongContext, band: SessionBand, tmp_path: Path) -> None:
    def loaded() -> ScriptedModel:
        raise AssertionError("loaded")

    with pytest.raises(UsageError, match="scripted-small makes no vocals"):
        NeuralGenerator(FACTS, loaded, band, 8).generate(context, request(StemRole.VOCALS), tmp_path)


def test_a_stop_leaves_no_drafts(context: SongContext, band: SessionBand, tmp_path: Path) -> None:
    def stop(share: float) -> None:
        if share > 0.4:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        generator(ScriptedModel(hiss), band).generate_all(context, [request()], tmp_path, stop)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def played(song: ShortSong, recording: Recording, model: ScriptedModel, band: SessionBand, tries: int = 3, **wishes: object):
    asked = replace(StemWishes((StemRole.DRUMS,), "rock", 1), **wishes)  # type: ignore[arg-type]
    steps: list[str] = []
    made = new_stems(
        Song(recording, song.truth), asked, lambda: generator(model, band, tries), Watch(lambda step, share: steps.append(step)), 2
    )
    return made, set(steps)


def test_a_late_performance_is_brought_back_onto_the_song(song: ShortSong, recording: Recording, band: SessionBand) -> None:
    late = 0.09
    (on_time,), _ = played(song, recording, ScriptedModel(obedient()), band)
    (mended,), _ = played(song, recording, ScriptedModel(obedient(late)), band)
    assert on_time.accepted and mended.report.score > on_time.report.score - 0.15
    assert "straightened" in dict(mended.stem.provenance.parameters) and "straightened" not in dict(on_time.stem.provenance.parameters)
    assert mended.stem.audio.frames == recording.frames


def test_a_part_played_anew_keeps_the_stem_around_it(song: ShortSong, recording: Recording, band: SessionBand) -> None:
    base, within = song.stems[StemRole.DRUMS], (8.0, 20.0)
    for late_s in (0.0, 0.09):
        (made,), _ = played(song, recording, ScriptedModel(obedient(late_s)), band, within_s=within, base=BaseStem(base))
        x = read_all(made.stem.audio)
        assert np.array_equal(x[:, : round(7.9 * RATE)], base.samples[:, : round(7.9 * RATE)])
        assert np.array_equal(x[:, round(20.1 * RATE) :], base.samples[:, round(20.1 * RATE) :])
        seam = np.sqrt((x[:, round(7.96 * RATE) : round(8.05 * RATE)] ** 2).mean())
        assert seam > 0.2 * np.sqrt((base.samples**2).mean()) and made.stem.notes == ()


def test_slips_are_found_and_nothing_is_moved_without_evidence(song: ShortSong, recording: Recording, tmp_path: Path) -> None:
    heard_song = fit.listen(recording.mono(SAMPLE_RATE_HZ))

    def heard(stem: AudioReader) -> fit.listening.Heard:  # type: ignore[name-defined]
        return fit.listen(judged_mono(stem, tmp_path / "x.f32"), heard_song.tuning_semitones)

    drums = song.stems[StemRole.DRUMS].samples
    spans = [(4.0, 12.0), (12.0, 20.0)]
    for shift_s in (-0.12, 0.0, 0.07):
        moved = np.roll(drums, round(shift_s * RATE), axis=1)
        for slip in find_slips(heard_song, heard(AudioClip(moved, RATE)), spans):
            assert slip.source_start_s - slip.start_s == pytest.approx(shift_s, abs=0.015)
    flat = AudioClip(0.1 * np.sin(2 * np.pi * 220 * np.arange(20 * RATE) / RATE).astype(np.float32)[None], RATE)
    assert all(s.still for s in find_slips(heard_song, heard(flat), spans))


def test_what_the_judge_refuses_is_played_again_then_by_the_band(song: ShortSong, recording: Recording, band: SessionBand) -> None:
    model = ScriptedModel(hiss)
    made, steps = played(song, recording, model, band, candidates=2)
    assert {"play along", "play again", "stand in"} <= steps
    assert len({w.seed for batch in model.asked for w in batch if w.prompt == model.asked[0][0].prompt}) == 4  # 2 candidates, 2 more tries
    best = made[0]
    assert best.rank == 1 and best.accepted and best.stem.provenance.engine == "session band"
    assert "the judge accepted none of 4 performances of scripted-small" in best.note and "The session band plays" in best.note
    assert [n.stem.provenance.engine for n in made[1:]] == ["scripted-small"] * 2


def test_play_along_keeps_what_was_refused_beside_what_stands_in(song_file: Path, band: SessionBand, tmp_path: Path) -> None:
    separator, options = bootstrap.engines().separator, PlayAlongOptions(roles=(StemRole.DRUMS,), without=StemRole.DRUMS)
    with Recording.open(song_file) as recording:
        result = play_along(recording, tmp_path, options, separator, lambda: generator(ScriptedModel(hiss), band, 1))
    assert [(m.name, m.engine) for m in result.made] == [("drums", "session band"), ("drums-2", "scripted-small")]
    assert "none of 3 performances" in result.made[0].note, "the main job tries three times where the engine would once"
    assert [m.report.verdict is fit.Verdict.ACCEPTED for m in result.made] == [True, False]
    taken, refused, minus, replaced = (
        soundfile.read(tmp_path / f, always_2d=True)[0]
        for f in ("new/drums.flac", "new/drums-2.flac", "minus/without-drums.flac", "minus/with-new-drums.flac")
    )
    assert not np.allclose(taken, refused)
    assert np.abs(replaced - minus - taken).max() < 1e-4, "the stem that stands in is the one that replaces"
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["drums-2.flac", "drums.flac", "drums.mid"]


class Unlucky(SessionBand):
    """By its first seed it plays a third of a beat late."""

    def generate(self, context: SongContext, request: GenerationRequest, folder: Path, progress: Progress = no_progress) -> GeneratedStem:
        grid = context.grid
        late = BeatGrid.from_times(grid.times + 20 / grid.tempo_bpm, grid.positions, grid.meter)
        return super().generate(replace(context, grid=late) if request.seed == 1 else context, request, folder, progress)


@pytest.mark.parametrize("tries", [1, 3])
def test_the_band_plays_a_refused_stem_again_where_that_is_wished(song: ShortSong, recording: Recording, tries: int) -> None:
    band, wishes = Unlucky.open(carried("soundfont.sf3")), StemWishes((StemRole.DRUMS,), "rock", 1, tries=tries)
    made = new_stems(Song(recording, song.truth), wishes, lambda: band, Watch(lambda step, share: None), 1)
    assert [(n.file_name, n.stem.seed) for n in made] == [("drums", 1)] if tries == 1 else [("drums", 2), ("drums-2", 1)]
    assert made[-1].report.verdict is fit.Verdict.REJECTED and (tries == 1 or made[0].report.score > 0.5)


def test_what_stands_in_comes_before_what_was_refused(song: ShortSong, recording: Recording, band: SessionBand) -> None:
    made, _ = played(song, recording, ScriptedModel(hiss), band, tries=1)
    refused, stand_in = made[1], made[0]
    worse = replace(stand_in, report=replace(stand_in.report, score=0.0, verdict=fit.Verdict.REJECTED))
    assert [n.stands_in for n in ranked([refused, worse])] == [True, False]
    assert [n.stands_in for n in ranked([replace(refused, report=replace(refused.report, verdict=fit.Verdict.WARNED)), worse])] == [
        False,
        True,
    ]


def test_a_second_performance_that_fits_is_taken(song: ShortSong, recording: Recording, band: SessionBand) -> None:
    seeds: list[int] = []

    def play(wish: ClipWish) -> AudioClip:
        seeds.append(wish.seed // 1000)
        return obedient()(wish) if wish.seed // 1000 > 1 else hiss(wish)

    made, steps = played(song, recording, ScriptedModel(play), band)
    assert made[0].accepted and made[0].stem.seed == 2 and made[0].stem.provenance.engine == "scripted-small" and "stand in" not in steps


def test_where_nobody_can_be_judged_the_network_plays(song: ShortSong, recording: Recording, band: SessionBand) -> None:
    made, _ = played(song, recording, ScriptedModel(obedient()), band, roles=(StemRole.BASS,), within_s=(8.0, 11.0))
    assert [n.stem.provenance.engine for n in made] == ["scripted-small"] and made[0].report.verdict is fit.Verdict.UNDECIDABLE


def test_all_stems_share_batches(song: ShortSong, recording: Recording, band: SessionBand) -> None:
    model = ScriptedModel(obedient())
    made, _ = played(song, recording, model, band, roles=(StemRole.DRUMS, StemRole.BASS), candidates=2)
    assert {len(batch) for batch in model.asked} == {4} and len(made) == 4


@pytest.mark.parametrize("play", [hiss, obedient()])
def test_equal_seeds_give_equal_sound(context: SongContext, band: SessionBand, tmp_path: Path, play: Play) -> None:
    a, b = (read_all(generator(ScriptedModel(play), band).generate(context, request(seed=5), tmp_path).audio) for _ in range(2))
    other = read_all(generator(ScriptedModel(play), band).generate(context, request(seed=6), tmp_path).audio)
    assert np.array_equal(a, b) and not np.array_equal(a, other)
