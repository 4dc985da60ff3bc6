"""A mix as MP3 under its ceiling: what lossy coding adds to peaks is measured on what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sideman.core.audio import AudioReader, Loudness, Mp3Writer, Recording, ScratchAudio, measure, resampled_blocks
from sideman.core.audio.encoding import MP3_RATES_HZ
from sideman.core.mixing.mix import CEILING_DBTP, master

USUAL_RATE_HZ = 44100
TOLERANCE_DB, SPARE_DB, PASSES = 0.05, 0.1, 4


def master_mp3(dry: ScratchAudio, scratch: Path, path: Path, target_lufs: float) -> Loudness:
    """A sum at a loudness, limited by as much more as the coding adds to its peaks. Returns the file's loudness."""
    ceiling_dbtp = CEILING_DBTP
    for _ in range(PASSES):
        mix = master(dry, scratch, target_lufs, ceiling_dbtp)
        found = _encoded(mix.audio, path, 0.0, None)
        over_db = found.true_peak_dbtp - CEILING_DBTP
        if over_db <= TOLERANCE_DB:
            break
        ceiling_dbtp -= over_db + SPARE_DB
    return found


def write_mp3(audio: AudioReader, path: Path, tags: Mapping[str, str] | None = None) -> Loudness:
    """What is mastered already, softer where its true peak would pass the ceiling. Returns the file's loudness."""
    gain_db = 0.0
    for _ in range(PASSES):  # how much it adds changes with the level, a little
        found = _encoded(audio, path, gain_db, tags)
        over_db = found.true_peak_dbtp - CEILING_DBTP
        if over_db <= TOLERANCE_DB:
            break
        gain_db -= over_db + SPARE_DB
    return found


def _encoded(audio: AudioReader, path: Path, gain_db: float, tags: Mapping[str, str] | None) -> Loudness:
    """Stereo at its own rate where MP3 has it, else at 44.1 kHz; and what the file gives back."""
    rate = audio.sample_rate_hz if audio.sample_rate_hz in MP3_RATES_HZ else USUAL_RATE_HZ
    gain = np.float32(10 ** (gain_db / 20))
    with Mp3Writer(path, rate, 2, tags=tags) as mp3:
        for block in resampled_blocks(audio, rate):
            mp3.write(block * gain)
    with Recording.open(path) as recording:
        return measure(recording.audio)
