"""Drum transcription on a recorded groove whose every hit is known."""

from __future__ import annotations

import mir_eval
import numpy as np
import pytest

from sideman.carried import carried
from sideman.core.analysis import find_notes
from sideman.core.analysis.drums import DrumTranscriber, transcription
from sideman.core.analysis.notes import Transcriber
from sideman.core.audio import AudioClip, Recording
from sideman.core.generation.soundfont import Preset, Renderer
from sideman.core.music import BeatGrid, Meter, NoteEvent, StemRole

STEP_S = 60 / 104 / 4
PATTERN = {36: (0, 6, 8, 11), 38: (4, 12), 42: tuple(range(0, 16, 2)), 47: (14, 15)}
BARS = 8


@pytest.fixture(scope="module")
def groove() -> tuple[AudioClip, list[NoteEvent]]:
    """A kit of the SoundFont; toms only in every fourth bar; struck with changing force."""
    rng, hits = np.random.default_rng(2), []
    for bar in range(BARS):
        for key, steps in PATTERN.items():
            for step in steps if key != 47 or bar % 4 == 3 else ():
                start = 0.3 + (16 * bar + step) * STEP_S + float(rng.normal(0, 0.003))
                hits.append(NoteEvent(start, start + 0.1, key, int(rng.integers(70, 115))))
    hits.sort(key=lambda n: n.start_s)
    sound = Renderer.open(carried("soundfont.sf3")).render(hits, Preset(128, 0), int(44100 * (BARS * 16 * STEP_S + 2)))
    mono = sound.mean(0, keepdims=True)
    return AudioClip((mono * 0.5 / np.abs(mono).max()).astype(np.float32), 44100), hits


def onset_f(truth: list[NoteEvent], found: tuple[NoteEvent, ...], *keys: int) -> float:
    rows = [np.array(sorted(n.start_s for n in notes if n.pitch in keys)) for notes in (truth, found)]
    return float(mir_eval.onset.f_measure(*rows, window=0.05)[0])


def test_every_piece_of_the_kit_is_heard(groove: tuple[AudioClip, list[NoteEvent]]) -> None:
    clip, truth = groove
    found = DrumTranscriber().notes(clip)
    assert onset_f(truth, found, 36) > 0.95 and onset_f(truth, found, 38) > 0.85 and onset_f(truth, found, 42) > 0.7
    late = [min((n.start_s - t.start_s for t in truth), key=abs) for n in found]
    assert abs(np.median(late)) < 0.006


def test_louder_hits_are_louder_notes(groove: tuple[AudioClip, list[NoteEvent]]) -> None:
    clip, truth = groove
    kicks = [(t.velocity, min(DrumTranscriber().notes(clip), key=lambda n: abs(n.start_s - t.start_s) + 9 * (n.pitch != 36)).velocity) for t in truth[:12] if t.pitch == 36]  # fmt: skip
    assert np.corrcoef(np.array(kicks).T)[0, 1] > 0.3


def test_pieces_give_what_the_whole_gives(groove: tuple[AudioClip, list[NoteEvent]], monkeypatch: pytest.MonkeyPatch) -> None:
    clip, _ = groove
    whole = DrumTranscriber().probabilities(clip)
    monkeypatch.setattr(transcription, "PIECE", 500)
    assert np.abs(DrumTranscriber().probabilities(clip) - whole).max() < 1e-4


def test_silence_has_no_hits_and_the_level_does_not_matter(groove: tuple[AudioClip, list[NoteEvent]]) -> None:
    clip, _ = groove
    assert DrumTranscriber().notes(AudioClip(np.zeros_like(clip.samples), 44100)) == ()
    loud, soft = (DrumTranscriber().notes(AudioClip(clip.samples * np.float32(g), 44100)) for g in (1.0, 0.02))
    assert [(n.pitch, round(n.start_s, 3)) for n in loud] == [(n.pitch, round(n.start_s, 3)) for n in soft]


def test_a_drum_stem_is_transcribed_by_the_drum_network(groove: tuple[AudioClip, list[NoteEvent]]) -> None:
    clip, truth = groove
    grid = BeatGrid.constant(104, BARS * 4, Meter(4), 0.3)
    with Recording.from_clip(clip) as recording:
        found = find_notes(recording, StemRole.DRUMS, grid, Transcriber(carried("notes.onnx")))
    assert found.provenance.engine == "sideman drums" and found.provenance.stem == "drums"
    written = {(n.beat, n.pitch) for n in found.value.quantised if n.pitch == 36}
    expected = {(round((t.start_s - 0.3) / STEP_S) / 4, 36) for t in truth if t.pitch == 36}
    assert len(written & expected) > 0.9 * len(expected)
