"""Where the notes of a training song come from: a SoundFont, or instruments of oscillators that no font shares.

Each (sound, pitch) is rendered once at 22,050 Hz and cut to length afterwards: hundreds of times faster than rendering notes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.signal import resample_poly

from sideman.core.generation.soundfont import Preset, Renderer
from sideman.core.music.notes import NoteEvent
from training.synthesis.instruments import instrument
from training.synthesis.kit import kit
from training.synthesis.strings import plucked

SAMPLE_RATE_HZ = 22050
DRUMS = -1
BASSES = (32, 33, 34, 35, 36, 38, 39, 32, 33, 33, 0, 43, 58)
COMPING = (0, 1, 2, 4, 5, 6, 7, 11, 16, 18, 21, 24, 25, 26, 27, 28, 45, 46, 12)
DISTORTED = (29, 30)
GUITARS = (24, 25, 26, 27)
PADS = (48, 49, 50, 51, 52, 54, 61, 62, 88, 89, 90, 91, 94, 16, 19)
LEADS = (0, 22, 40, 41, 53, 54, 56, 60, 64, 65, 66, 68, 71, 73, 75, 80, 81, 85, 26, 29, 25, 11)
KINDS = ("piano", "guitar", "fm", "organ", "pad", "strings", "saw", "brass", "mallet", "square", "reed", "flute", "voice")
DRUM_PIECES = {36: "kick", 38: "snare", 40: "snare", 42: "hat", 46: "open_hat", 51: "ride", 49: "crash"}


class Sounds(Protocol):
    def note(self, program: int, pitch: int) -> np.ndarray: ...
    def fresh(self, seed: int) -> None: ...


def _levelled(y: np.ndarray) -> np.ndarray:
    y = resample_poly(y, 1, 2).astype(np.float32)
    loud = np.sort(y[:SAMPLE_RATE_HZ] ** 2)[-SAMPLE_RATE_HZ // 8 :].mean()
    return y / (np.sqrt(loud) + 1e-6) * np.float32(0.1)


class FontSounds:
    def __init__(self, path: Path) -> None:
        self._renderer, self._notes = Renderer.open(path), {}

    def fresh(self, seed: int) -> None:
        """A font has no new instruments."""

    def note(self, program: int, pitch: int) -> np.ndarray:
        name = (program, pitch)
        if name not in self._notes:
            preset = Preset(128, 0) if program == DRUMS else Preset(0, program)
            stereo = self._renderer.render([NoteEvent(0, 4.0, pitch, 96)], preset, 44100 * 4)
            self._notes[name] = _levelled(stereo.sum(0))
        return self._notes[name]


class OscillatorSounds:
    """New instruments and a new kit at every `fresh`."""

    def __init__(self) -> None:
        self.fresh(0)

    def fresh(self, seed: int) -> None:
        self._rng = np.random.default_rng([7, seed])
        self._notes: dict[tuple[int, int], np.ndarray] = {}
        self._instruments: dict = {}
        self._kit = kit(self._rng)

    def _kind(self, program: int) -> str:
        if program in DISTORTED:
            return "distorted"
        if program in BASSES and program:
            return str(self._rng.choice(["bass", "bass", "saw", "square", "fm", "sub"]))
        return str(self._rng.choice(KINDS[:10] if program in COMPING else KINDS[3:8] if program in PADS else KINDS))

    def _drawn(self, program: int):  # type: ignore[no-untyped-def]
        strings = program in GUITARS or (program in BASSES and program)
        if strings and self._rng.random() < 0.6:
            return plucked(self._rng, program in BASSES)
        return instrument(self._rng, self._kind(program))

    def note(self, program: int, pitch: int) -> np.ndarray:
        name = (program, pitch)
        if name not in self._notes:
            if program == DRUMS:
                y = self._kit[DRUM_PIECES.get(pitch, "tom")]()
            else:
                if program not in self._instruments:
                    self._instruments[program] = self._drawn(program)
                y = self._instruments[program](pitch, 2.5, 0.8)
            self._notes[name] = _levelled(np.asarray(y))
        return self._notes[name]
