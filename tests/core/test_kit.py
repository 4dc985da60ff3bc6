"""A drum stem taken apart without weights, on kits whose pieces are known: every piece gains, and all of them add up."""

from __future__ import annotations

import numpy as np
import pytest

from sideman.carried import carried
from sideman.core.audio import AudioClip, Recording, read_all
from sideman.core.audio.drum_hits import find_hits
from sideman.core.evaluation.separation import si_sdr
from sideman.core.generation.soundfont import Preset, Renderer
from sideman.core.music import NoteEvent, StemRole
from sideman.core.separation.backends.kit import ROLES, KitSeparator
from sideman.errors import Cancelled, UsageError

STEP_S = 60 / 110 / 4
SECONDS = 12
KICK, SNARE, TOMS, HATS, CYMBALS = ROLES


def played(program: int) -> dict[StemRole, np.ndarray]:
    """Eight bars by a kit of the carried SoundFont, piece by piece."""
    rng = np.random.default_rng(program)
    events: dict[StemRole, list[NoteEvent]] = {r: [] for r in ROLES}
    for i in range(int(SECONDS / STEP_S) - 2):
        at = max(0.0, i * STEP_S + rng.normal(0, 0.003))

        def hit(role: StemRole, key: int, velocity: int, at: float = at) -> None:
            events[role].append(NoteEvent(at, 0.3, key, int(velocity + rng.integers(-12, 12))))

        if i % 8 == 0 or (i % 16 in (6, 10) and rng.random() < 0.6):
            hit(KICK, 36, 105)
        if i % 8 == 4:
            hit(SNARE, 38, 105)
        if i % 2 == 0:
            hit(HATS, 42, 85)
        if i % 64 == 0:
            hit(CYMBALS, 49, 95)
        if i % 64 >= 60:
            hit(TOMS, (50, 47, 45, 43)[i % 4], 100)
    renderer = Renderer.open(carried("soundfont.sf3"))
    return {r: renderer.render(e, Preset(128, program), SECONDS * 44100) for r, e in events.items()}


@pytest.mark.parametrize("program", [0, 8, 40])
def test_pieces_of_a_known_kit_come_out(program: int) -> None:
    truth = played(program)
    mixture = sum(truth.values()).astype(np.float32)
    with Recording.from_clip(AudioClip(mixture, 44100)) as recording:
        found = {s.role: read_all(s.audio) for s in KitSeparator().separate(recording, recording.scratch_folder)}
    gain = {r: si_sdr(found[r], truth[r]) - si_sdr(mixture, truth[r]) for r in ROLES}
    assert gain[KICK] > 4 and gain[SNARE] > 9 and gain[TOMS] > 4 and gain[HATS] > 4 and gain[CYMBALS] > 2, gain
    assert np.abs(sum(found.values()) - mixture).max() < 1e-6


def test_hits_are_found_where_they_are() -> None:
    renderer = Renderer.open(carried("soundfont.sf3"))
    times = [0.5 + 0.25 * k for k in range(20)]
    sound = renderer.render([NoteEvent(t, 0.2, 38, 100) for t in times], Preset(128, 0), 44100 * 6)
    found = [h.window * 512 / 44100 - 1536 / 44100 + 1024 / 44100 for h in find_hits(AudioClip(sound, 44100))]
    assert all(min(abs(f - t) for f in found) < 0.03 for t in times) and len(found) <= len(times) + 1


@pytest.mark.parametrize(("rate", "channels", "frames"), [(48000, 2, 30_000), (22050, 1, 9000), (44100, 6, 20_000), (44100, 2, 1)])
def test_any_recording_keeps_its_shape_and_adds_up(rate: int, channels: int, frames: int) -> None:
    samples = (0.2 * np.random.default_rng(frames).standard_normal((channels, frames))).astype(np.float32)
    with Recording.from_clip(AudioClip(samples, rate)) as recording:
        found = [read_all(s.audio) for s in KitSeparator().separate(recording, recording.scratch_folder)]
    assert all(x.shape == samples.shape for x in found)
    assert np.abs(sum(found) - samples).max() < 1e-5


def test_silence_has_no_hits_and_no_sound() -> None:
    with Recording.from_clip(AudioClip(np.zeros((2, 44100), np.float32), 44100)) as recording:
        assert all(not read_all(s.audio).any() for s in KitSeparator().separate(recording, recording.scratch_folder))


def test_it_stops_and_names_what_it_makes() -> None:
    clip = AudioClip(0.1 * np.random.default_rng(0).standard_normal((2, 44100)).astype(np.float32), 44100)

    def stop(share: float) -> None:
        raise Cancelled("stop")

    with Recording.from_clip(clip) as recording:
        with pytest.raises(Cancelled):
            KitSeparator().separate(recording, recording.scratch_folder, stop)
        with pytest.raises(UsageError, match="makes kick, snare, toms, hats, cymbals, no bass"):
            KitSeparator().separate(recording, recording.scratch_folder, roles=[StemRole.BASS])
        only = KitSeparator().separate(recording, recording.scratch_folder, roles=[StemRole.SNARE])
        assert [s.role for s in only] == [StemRole.SNARE]
