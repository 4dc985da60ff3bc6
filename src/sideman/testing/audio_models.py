"""Networks that are none: an AudioModel whose clips are decided by the test, for everything around an engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sideman.core.audio import AudioClip, resample
from sideman.core.generation.clips import Anchor, AudioModel, ClipWish, Progress, exact
from sideman.core.music import Provenance

Play = Callable[[ClipWish], AudioClip]


@dataclass
class ScriptedModel(AudioModel):
    """Plays `play` for every wish and keeps the wishes it was asked for, batch by batch."""

    play: Play
    anchors: tuple[Anchor, ...] = (Anchor.VARY,)
    longest_s: float = 20.0
    at_once: int = 8
    sample_rate_hz: int = 32000
    asked: list[tuple[ClipWish, ...]] = field(default_factory=list)

    @property
    def provenance(self) -> Provenance:
        return Provenance("scripted", "1", (("device", "none"),))

    def clips(self, wishes: Sequence[ClipWish], progress: Progress) -> tuple[AudioClip, ...]:
        self.asked.append(tuple(wishes))
        out = []
        for k, wish in enumerate(wishes):
            progress(k / len(wishes))
            made = resample(self.play(wish), self.sample_rate_hz)
            out.append(AudioClip(exact(made.samples, round(wish.seconds * self.sample_rate_hz)), self.sample_rate_hz))
        return tuple(out)


def obedient(late_s: float = 0.0) -> Play:
    """Plays the guide as it is, late by so much."""

    def play(wish: ClipWish) -> AudioClip:
        assert wish.guide is not None
        rate = wish.guide.sample_rate_hz
        late = round(late_s * rate)
        return AudioClip(np.pad(wish.guide.samples, ((0, 0), (late, 0))), rate)

    return play


def hiss(wish: ClipWish) -> AudioClip:
    """Noise: what no judge accepts."""
    rng = np.random.default_rng(wish.seed)
    return AudioClip((0.1 * rng.standard_normal((1, round(wish.seconds * 32000)))).astype(np.float32), 32000)
