"""FluidSynth, where it is installed and asked for: the library that the own renderer is measured against, through ctypes.

It plays plainly: no variants of a repeated note, and note-ons on its grid of 64 samples. Our own renderer stays the default, so that the same
seed gives the same bytes on every machine.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sideman.core.audio import Samples
from sideman.core.generation.soundfont.renderer import PLAIN, Humanise, Preset
from sideman.core.music.notes import NoteEvent
from sideman.errors import MissingAsset

BLOCK_S = 10
GAIN = 0.35
PAN_CONTROLLER, FINE_TUNE_GENERATOR, DRUM_CHANNEL = 10, 52, 1
CHANNELS = 16
POLYPHONY = 512


def _library() -> Any:
    """Raises MissingAsset where it is not installed."""
    found = ctypes.util.find_library("fluidsynth")
    if found is None:
        raise MissingAsset(
            "FluidSynth is not installed: apt-get install libfluidsynth3 (or brew install fluid-synth), or leave SIDEMAN_SYNTH out"
        )
    library = ctypes.CDLL(found)
    for name in ("new_fluid_settings", "new_fluid_synth"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


class FluidSynthRenderer:
    """Renders one part after another at 44.1 kHz with a SoundFont of one's own."""

    name = "FluidSynth"

    def __init__(self, path: Path, sample_rate_hz: int = 44100) -> None:
        if not path.is_file():
            raise MissingAsset(f"there is no SoundFont at {path}: check the path in SIDEMAN_SOUNDFONT")
        self._library, self.path, self.rate = _library(), path, sample_rate_hz

    @property
    def font_name(self) -> str:
        return self.path.name

    @contextmanager
    def _synth(self) -> Iterator[ctypes.c_void_p]:
        f = self._library
        settings = ctypes.c_void_p(f.new_fluid_settings())
        f.fluid_settings_setnum(settings, b"synth.sample-rate", ctypes.c_double(self.rate))
        f.fluid_settings_setnum(settings, b"synth.gain", ctypes.c_double(GAIN))
        f.fluid_settings_setint(settings, b"synth.polyphony", POLYPHONY)
        for effect in (b"synth.reverb.active", b"synth.chorus.active"):
            f.fluid_settings_setint(settings, effect, 0)
        synth = ctypes.c_void_p(f.new_fluid_synth(settings))
        try:
            if f.fluid_synth_sfload(synth, str(self.path).encode(), 1) < 0:
                raise MissingAsset(f"FluidSynth cannot read {self.path.name}: choose an .sf2 or .sf3 file")
            yield synth
        finally:
            f.delete_fluid_synth(synth)
            f.delete_fluid_settings(settings)

    def render_blocks(
        self, notes: Sequence[NoteEvent], preset: Preset, frames: int, human: Humanise = PLAIN, tuning_cents: float = 0.0
    ) -> Iterator[Samples]:
        """Stereo blocks in order, together exactly `frames` long. Notes of one pan share a channel."""
        f = self._library
        pans = sorted({round(n.pan, 2) for n in notes})[:CHANNELS]
        with self._synth() as synth:
            for channel, pan in enumerate(pans):
                f.fluid_synth_set_channel_type(synth, channel, DRUM_CHANNEL if preset.drums else 0)
                f.fluid_synth_bank_select(synth, channel, preset.bank)
                f.fluid_synth_program_change(synth, channel, preset.program)
                f.fluid_synth_cc(synth, channel, PAN_CONTROLLER, int(np.clip(64 + 63 * pan, 0, 127)))
                f.fluid_synth_set_gen(synth, channel, FINE_TUNE_GENERATOR, ctypes.c_float(0.0 if preset.drums else tuning_cents))
            events = self._events(notes, pans, human, preset)
            at, k = 0, 0
            while at < frames:
                block = np.zeros((2, min(self.rate * BLOCK_S, frames - at)), np.float32)
                done = 0
                while done < block.shape[1]:
                    while k < len(events) and events[k][0] <= at + done:
                        _, on, channel, pitch, velocity = events[k]
                        f.fluid_synth_noteon(synth, channel, pitch, velocity) if on else f.fluid_synth_noteoff(synth, channel, pitch)
                        k += 1
                    until = min(block.shape[1], events[k][0] - at) if k < len(events) else block.shape[1]
                    self._write(synth, block, done, max(1, until - done))
                    done += max(1, until - done)
                at += block.shape[1]
                yield block

    def _events(
        self, notes: Sequence[NoteEvent], pans: Sequence[float], human: Humanise, preset: Preset
    ) -> list[tuple[int, bool, int, int, int]]:
        """(frame, on, channel, pitch, velocity) in order, ends before beginnings. Kit balance goes into the velocities."""
        out = []
        for n in notes:
            channel = min(range(len(pans)), key=lambda c: abs(pans[c] - n.pan))
            gain_db = human.kit_gains_db.get(n.pitch, 0.0) if preset.drums else 0.0
            velocity = int(np.clip(round(n.velocity * 10 ** (gain_db / 40)), 1, 127))  # loudness goes with the square of the velocity
            out.append((round(n.start_s * self.rate), True, channel, n.pitch, velocity))
            out.append((round(n.end_s * self.rate), False, channel, n.pitch, 0))
        return sorted(out)

    def _write(self, synth: ctypes.c_void_p, block: Samples, first: int, count: int) -> None:
        count = min(count, block.shape[1] - first)
        left, right = (row[first:].ctypes.data_as(ctypes.c_void_p) for row in block)
        self._library.fluid_synth_write_float(synth, count, left, 0, 1, right, 0, 1)
