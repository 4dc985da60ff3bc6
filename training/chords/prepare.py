"""Render songs and keep only their pitch activations, float16.

python -m training.chords.prepare FOLDER (FONT.sf3|oscillators) FIRST_SEED COUNT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from sideman.core.analysis.chords.pitch import SAMPLE_RATE_HZ, listen
from sideman.core.audio import AudioClip
from training.chords.songs import song
from training.chords.sounds import FontSounds, OscillatorSounds


def main(folder: Path, source: str, first: int, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sounds = OscillatorSounds() if source == "oscillators" else FontSounds(Path(source))
    for k, seed in enumerate(range(first, first + count)):
        if k % 8 == 0:
            sounds.fresh(seed)
        s = song(sounds, seed)
        heard = listen(AudioClip(s.samples[None], SAMPLE_RATE_HZ))
        partial = folder / f".{seed}.npz"
        np.savez(
            partial, activations=heard.activations.astype(np.float16), spectrum=heard.spectrum.astype(np.float16),
            level_db=heard.level_db, labels=s.labels, beats_s=s.beats_s, key=s.key,
        )  # fmt: skip
        os.replace(partial, folder / f"{seed:06d}.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
