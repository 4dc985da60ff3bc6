"""Play a MIDI file with a SoundFont."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sideman.core.audio import PcmWriter
from sideman.core.generation.soundfont import Preset, Renderer
from sideman.core.music import read_midi
from sideman.errors import UsageError

RATE_HZ, TAIL_S, DRUM_BANK = 44100, 2.0, 128
HEADROOM = 0.98


def render_midi(midi: Path, out: Path, soundfont: Path) -> float:
    """All tracks of a Standard MIDI file into one stereo file (.flac or .wav). Returns its length in seconds."""
    if out.suffix not in (".flac", ".wav"):
        raise UsageError(f"MIDI is rendered to .flac or .wav, not {out.suffix or 'a file without suffix'}")
    if not midi.is_file():
        raise UsageError(f"there is no MIDI file at {midi}: check the path")
    parts = read_midi(midi)
    if not parts:
        raise UsageError(f"{midi.name} holds no notes")
    renderer = Renderer.open(soundfont)
    end_s = max(n.end_s for p in parts for n in p.notes) + TAIL_S
    frames = round(end_s * RATE_HZ)

    def streams() -> zip[tuple[np.ndarray, ...]]:
        presets = [Preset(DRUM_BANK, p.program) if p.drums else Preset(0, p.program) for p in parts]
        return zip(*(renderer.render_blocks(p.notes, s, frames) for p, s in zip(parts, presets, strict=True)), strict=True)

    peak = max(float(np.abs(sum(blocks)).max()) for blocks in streams())
    gain = np.float32(min(1.0, HEADROOM / max(peak, 1e-9)))
    with PcmWriter(out, RATE_HZ, 2) as writer:
        for blocks in streams():
            writer.write(np.asarray(sum(blocks) * gain, np.float32))
    return end_s
