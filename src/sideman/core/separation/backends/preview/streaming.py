"""Masks over a whole recording in blocks: flat memory, no seam, any channel count.

All block borders lie on one STFT grid and every frame gets its mask once, with context on both sides; overlap-add joins the blocks. Below
200 Hz a mask also depends on the other strokes of its block.
Masks are found on the stereo fold-down and applied to every channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, Samples, fold_to_stereo, read_padded
from sideman.core.separation.backends.preview.bands import (
    BANDS,
    HANN,
    HOP,
    WINDOW,
    band_power,
    expand,
    features,
    frames_spectrum,
    long_term_spectrum,
    overlap_add,
)
from sideman.core.separation.backends.preview.bass_comb import refine
from sideman.core.separation.backends.preview.network import POOLING, MaskNetwork
from sideman.core.separation.backends.preview.strokes import by_repetition

BLOCK_FRAMES, CONTEXT_FRAMES = 864, 96
"""At most 20 s, all blocks about as long: strokes enough to tell what repeats."""
LEAD = WINDOW - HOP
"""The first window begins so far before the recording that its first frames lie under as many windows as all others."""
MASKED = 3
"""drums, bass, vocals; what is left is `other`."""


@dataclass(frozen=True, eq=False)
class LongTerm:
    """What is known of the whole recording: `level`, mean band power; `spectrum` [2, BANDS], see `long_term_spectrum`."""

    level: float
    spectrum: NDArray[np.float32]


def long_term(reader: AudioReader) -> LongTerm:
    """One pass, one frame in four."""
    power_sum, root_sum = np.zeros(BANDS), np.zeros(BANDS)
    count, step = 0, 60 * reader.sample_rate_hz
    for start in range(0, reader.frames, step):
        x = fold_to_stereo(read_padded(reader, start, max(WINDOW, min(step, reader.frames - start))))
        windows = np.lib.stride_tricks.sliding_window_view(x, WINDOW, axis=1)[:, :: 4 * HOP] * HANN
        power = band_power((np.abs(np.fft.rfft(windows, axis=-1)) ** 2).sum(0))
        power_sum += power.sum(0)
        root_sum += np.sqrt(power).sum(0)
        count += len(power)
    power_mean, root_mean = ((x / max(count, 1)).astype(np.float32) for x in (power_sum, root_sum))
    level = float(power_mean.mean())
    return LongTerm(level, long_term_spectrum(power_mean, root_mean, level))


def _bin_masks(stereo: NDArray[np.complex64], known: LongTerm, network: MaskNetwork) -> NDArray[np.float32]:
    power = (np.abs(stereo) ** 2).mean(0)
    now = features(stereo, known.level)
    always = np.broadcast_to(known.spectrum[:, :, None], (2, *now.shape[1:]))
    return by_repetition(power, refine(power, expand(network(np.concatenate([now, always])))))


def masked_blocks(reader: AudioReader, network: MaskNetwork) -> Iterator[NDArray[np.float32]]:
    """Blocks [3 stems, channels, frames] in order, together exactly as long as the recording."""
    total, channels = reader.frames, reader.channels
    known = long_term(reader)
    frames = -(-(total + LEAD) // HOP)
    scale = 1 / (HANN**2).reshape(-1, HOP).sum(0)  # Hann squared at 75 % overlap
    tail = np.zeros((MASKED, channels, WINDOW - HOP), np.float32)
    size = -(-frames // -(-frames // BLOCK_FRAMES))
    size += -size % POOLING
    for first in range(0, frames, size):
        last = min(first + size, frames)
        before, after = first - CONTEXT_FRAMES, last + CONTEXT_FRAMES
        after += -(after - before) % POOLING
        x: Samples = read_padded(reader, before * HOP - LEAD, (after - 1 - before) * HOP + WINDOW)
        own = frames_spectrum(x)
        stereo = np.repeat(own, 2, 0) if channels == 1 else own if channels == 2 else frames_spectrum(fold_to_stereo(x))
        masks = _bin_masks(stereo, known, network)[:MASKED, CONTEXT_FRAMES : CONTEXT_FRAMES + last - first]
        own = own[:, CONTEXT_FRAMES : CONTEXT_FRAMES + last - first]
        out = np.stack([[overlap_add(own[c] * masks[s]) for c in range(channels)] for s in range(MASKED)])
        count = (last - first) * HOP
        out[..., : WINDOW - HOP] += tail
        done = out[..., :count] * np.tile(scale, last - first)
        tail = out[..., count : count + WINDOW - HOP].copy()
        start = first * HOP - LEAD
        low, high = max(start, 0), min(start + count, total)
        if high > low:
            yield done[..., low - start : high - start]
