"""A short recording made by the session band, with its truth: for tests of the whole chain."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sideman.carried import carried
from sideman.core.audio import AudioClip, read_all
from sideman.core.generation import GenerationRequest, SessionBand, SongContext
from sideman.core.generation.composer import compose
from sideman.core.music import MusicAnalysis, StemRole

SAMPLE_RATE_HZ = 44100


@dataclass(frozen=True, eq=False)
class ShortSong:
    """mixture = sum of the stems, stereo."""

    truth: MusicAnalysis
    mixture: AudioClip
    stems: dict[StemRole, AudioClip]


def short_song(
    duration_s: float = 30.0,
    seed: int = 3,
    style: str = "rock",
    roles: tuple[StemRole, ...] = (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO),
) -> ShortSong:
    """The beginning of a composed song, cut at `duration_s`."""
    full = compose(seed)
    truth = replace(full, duration_s=duration_s)
    band, context = SessionBand.open(carried("soundfont.sf3")), SongContext.from_analysis(truth)
    frames = round(duration_s * SAMPLE_RATE_HZ)
    stems: dict[StemRole, AudioClip] = {}
    with tempfile.TemporaryDirectory() as folder:
        for role in roles:
            made = band.generate(context, GenerationRequest(role, style, seed, frames, SAMPLE_RATE_HZ), Path(folder))
            stems[role] = AudioClip(read_all(made.audio), SAMPLE_RATE_HZ)
    mixture = np.sum([s.samples for s in stems.values()], axis=0)
    return ShortSong(truth, AudioClip((mixture * 0.7 / np.abs(mixture).max()).astype(np.float32), SAMPLE_RATE_HZ), stems)
