"""What a neural engine is asked for and gives: clips of sound, told where they are in the song by an anchor.

An engine knows words, and sound that it is to continue, vary, follow or join. It does not know the song: `neural.py` cuts the song into
passages, gives each its anchor and puts the clips together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sideman.core.audio import AudioClip
from sideman.core.music import Key, Provenance, StemRole

CHROMA_RATE_HZ = 32000 / 4096
"""Frames of a melody a second: what MusicGen's melody models were trained on (Copet et al. 2023)."""
Progress = Callable[[float], None]


class Anchor(StrEnum):
    """How a clip knows its place in the song.

    CONTINUE: it goes on from sound that ends where it begins. MELODY: it follows pitch classes in time. VARY: it is a variation of sound of
    its own length. JOIN: it is one more stem over the song itself. REPAINT: it is a part of sound that is there, made anew.
    """

    CONTINUE = "continue"
    MELODY = "melody"
    VARY = "vary"
    JOIN = "join"
    REPAINT = "repaint"


@dataclass(frozen=True, eq=False)
class ClipWish:
    """One clip of `seconds`. avoid: words for what must not sound, where an engine knows how to.

    lead: what sounds just before it. melody: one pitch class a frame at CHROMA_RATE_HZ from the
    beginning of the lead on, int [frames], -1 for none. guide: a sound of its
    length to be varied, and how freely, 0 (as it is) to 1 (only in words). liveliness: how boldly tokens are chosen, 1 as trained. song: what it joins, as long as it is. repaint_s: the part of
    the guide that is made anew.
    """

    role: StemRole
    prompt: str
    seconds: float
    seed: int
    avoid: str = ""
    lead: AudioClip | None = None
    melody: NDArray[np.int_] | None = None
    guide: AudioClip | None = None
    freedom: float = 0.7
    liveliness: float = 1.0
    song: AudioClip | None = None
    repaint_s: tuple[float, float] | None = None
    tempo_bpm: float | None = None
    key: Key | None = None
    beats_per_bar: int | None = None


class AudioModel(Protocol):
    """A loaded network. Clips come back in the order of the wishes, each at `sample_rate_hz` and exactly as long as asked for.

    longest_s: what it should be asked for in one piece. at_once: clips that are made together. anchors: those that it understands, at least
    one, the surest first.
    """

    @property
    def sample_rate_hz(self) -> int: ...
    @property
    def longest_s(self) -> float: ...
    @property
    def at_once(self) -> int: ...
    @property
    def anchors(self) -> tuple[Anchor, ...]: ...
    @property
    def provenance(self) -> Provenance: ...

    def clips(self, wishes: Sequence[ClipWish], progress: Progress) -> tuple[AudioClip, ...]:
        """progress is called at every step; whatever it raises ends the work there and frees what it took.

        The same seed gives the same clip, alone or among others. Raises NotEnoughMemory.
        """
        ...


def exact(samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """[channels, n] cut or padded to `frames`; a network that gave something else than numbers gives silence there."""
    found = np.nan_to_num(samples[:, :frames], nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
    return np.pad(found, ((0, 0), (0, frames - found.shape[1])))
