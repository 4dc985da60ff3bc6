"""Peaks for drawing waveforms, in the .dat format of BBC audiowaveform (version 2): browsers and editors read it.

https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from sideman.core.audio.clip import AudioReader, blocks

SAMPLES_PER_PEAK = 256
VERSION, EIGHT_BIT, CHANNELS = 2, 1, 2


def write_peaks(reader: AudioReader, path: Path) -> int:
    """Two channels of 8-bit pairs, 256 samples each: minimum and maximum of all channels, then -RMS and +RMS. Returns the pairs."""
    pairs = 0
    with path.open("wb") as file:
        file.write(b"\0" * 24)
        for block in blocks(reader, SAMPLES_PER_PEAK * 4096):
            bins = -(-block.shape[1] // SAMPLES_PER_PEAK)
            padded = np.pad(block, ((0, 0), (0, bins * SAMPLES_PER_PEAK - block.shape[1])), mode="edge")
            x = padded.reshape(block.shape[0], bins, SAMPLES_PER_PEAK)
            rms = np.sqrt((x.astype(np.float64) ** 2).mean((0, 2)))
            if bins:  # the last one may hold fewer samples; what it was padded with is not heard
                rms[-1] = np.sqrt((block[:, (bins - 1) * SAMPLES_PER_PEAK :].astype(np.float64) ** 2).mean())
            columns = np.stack([x.min((0, 2)), x.max((0, 2)), -rms, rms], 1)
            file.write(np.clip(np.rint(columns * 127), -128, 127).astype(np.int8).tobytes())
            pairs += bins
        file.seek(0)
        file.write(struct.pack("<iIiIIi", VERSION, EIGHT_BIT, reader.sample_rate_hz, SAMPLES_PER_PEAK, pairs, CHANNELS))
    return pairs
