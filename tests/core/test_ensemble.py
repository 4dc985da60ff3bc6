"""Several separators as one: magnitudes are averaged, phase is the first one's, nothing moves and nothing grows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sideman.core.audio import AudioClip, Recording, ScratchWriter, read_all
from sideman.core.music import Provenance, StemRole
from sideman.core.separation import Quality, SeparatedStem
from sideman.core.separation.ensemble import EnsembleSeparator
from sideman.core.separation.excerpts import Placed, excerpt, loudest_start
from sideman.core.separation.separator import Progress, no_progress, wanted_roles
from sideman.errors import UsageError


class Scaled:
    """Gives the recording times a factor as every stem."""

    def __init__(self, factor: float, roles: tuple[StemRole, ...] = (StemRole.BASS, StemRole.VOCALS)) -> None:
        self.name, self.roles, self._factor = f"times {factor}", roles, np.float32(factor)

    def separate(
        self, recording: Recording, folder: Path, progress: Progress = no_progress, roles: Sequence[StemRole] | None = None
    ) -> tuple[SeparatedStem, ...]:
        stems = []
        for role in wanted_roles(self, roles):
            with ScratchWriter(folder / f"stem-{role}.f32", recording.sample_rate_hz, recording.channels) as writer:
                writer.write(read_all(recording.audio) * self._factor)
            stems.append(SeparatedStem(role, writer.finish(), Quality.FULL, writer.peak, Provenance(self.name)))
        progress(1.0)
        return tuple(stems)


def music(seconds: float) -> AudioClip:
    rng = np.random.default_rng(1)
    return AudioClip((0.1 * rng.standard_normal((2, round(44100 * seconds)))).astype(np.float32), 44100)


@pytest.mark.parametrize("seconds", [0.01, 1.0, 13.0])
def test_the_mean_of_equal_phases_is_the_mean(seconds: float) -> None:
    shares: list[float] = []
    with Recording.from_clip(music(seconds)) as recording:
        made = EnsembleSeparator("both", [Scaled(0.2), Scaled(0.6)]).separate(recording, recording.scratch_folder, shares.append)
        assert [s.role for s in made] == [StemRole.BASS, StemRole.VOCALS]
        for stem in made:
            found = read_all(stem.audio)
            assert found.shape == (2, recording.frames)
            assert np.abs(found - 0.4 * music(seconds).samples).max() < 1e-5
            assert stem.peak == pytest.approx(float(np.abs(found).max()))
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_the_phase_is_that_of_the_first() -> None:
    """The second member turns the recording upside down: averaging samples would leave silence."""
    with Recording.from_clip(music(3)) as recording:
        made = EnsembleSeparator("both", [Scaled(1.0), Scaled(-1.0)]).separate(recording, recording.scratch_folder, roles=[StemRole.BASS])
        assert np.abs(read_all(made[0].audio) - music(3).samples).max() < 1e-5
        assert dict(made[0].provenance.parameters)["member 2"].startswith("times -1")


def test_only_what_all_members_make_is_offered() -> None:
    both = EnsembleSeparator("both", [Scaled(1.0), Scaled(1.0, (StemRole.VOCALS, StemRole.DRUMS))])
    assert both.roles == (StemRole.VOCALS,)
    with Recording.from_clip(music(0.5)) as recording, pytest.raises(UsageError, match="both makes vocals, no bass"):
        both.separate(recording, recording.scratch_folder, roles=[StemRole.BASS])


def test_the_loudest_part_is_found_and_placed() -> None:
    samples = music(20).samples.copy()
    samples[:, 44100 * 12 : 44100 * 15] *= 5
    with Recording.from_clip(AudioClip(samples, 44100)) as recording:
        start = loudest_start(recording, 3)
        assert start == pytest.approx(12, abs=0.6)
        with excerpt(recording, start, 3) as part:
            assert part.frames == 3 * 44100
            placed = Placed(part.audio, round(start * 44100), recording.frames)
            back = read_all(placed)
            inside = slice(round(start * 44100), round(start * 44100) + 3 * 44100)
            assert (
                np.array_equal(back[:, inside], samples[:, inside])
                and not back[:, : inside.start].any()
                and not back[:, inside.stop :].any()
            )
        assert loudest_start(recording, 60) == 0
        with pytest.raises(UsageError, match="too short to judge by"):
            loudest_start(recording, 0.2)
