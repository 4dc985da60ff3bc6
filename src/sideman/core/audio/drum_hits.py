"""Hits of a drum stem: where they begin, and which piece of the kit each sounds like, by the spectrum of the attack.

Only spectra around hits are kept, so what stays in memory grows with the number of hits that are looked at, which is limited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio.clip import AudioReader, read_padded

Array = NDArray[np.float32]
SAMPLE_RATE_HZ, WINDOW, HOP = 44100, 2048, 512
BINS = WINDOW // 2 + 1
BIN_HZ = SAMPLE_RATE_HZ / WINDOW
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
BANDS = np.unique(np.concatenate([np.arange(32), np.geomspace(32, BINS, 64).round().astype(int)]))
"""Edges, in bins. A recording may have tens of thousands of hits, and each keeps its bands."""
LEAD = WINDOW - HOP
BLOCK_WINDOWS = 512
LENGTH = 24
"""Windows of a hit that its description looks at (0.28 s)."""
BEFORE, ATTACK = 3, 4
KICK_HZ, ABOVE_LOWEST = 70.0, 1.2
RATTLE = 0.16
CLOSEST = 5
"""Hits lie at least so many windows apart (58 ms)."""


class Piece(IntEnum):
    KICK = 0
    SNARE = 1
    TOMS = 2
    HATS = 3
    CYMBALS = 4


@dataclass(frozen=True, eq=False)
class Hit:
    """window: of its onset. rise: what the attack adds to the spectrum, mean of each band [bands]; level: of all bins.

    skin, top: shares of its power at 20 to 350 Hz and 5 to 20 kHz. sustain: high-frequency energy 0.2 s later against it. body_hz: the
    strongest low frequency just after the attack. rattle: noise of 1 to 8 kHz against the low frequencies, there too.
    """

    window: int
    rise: Array
    level: float
    skin: float
    top: float
    sustain: float
    body_hz: float
    rattle: float


def spectra(reader: AudioReader) -> Iterator[tuple[int, NDArray[np.complex64]]]:
    """(first window, spectrum [channels, windows, BINS]) block by block; every sample lies under as many windows as all others."""
    total = -(-(reader.frames + LEAD) // HOP)
    for low in range(0, total, BLOCK_WINDOWS):
        count = min(BLOCK_WINDOWS, total - low)
        x = read_padded(reader, low * HOP - LEAD, (count - 1) * HOP + WINDOW)
        windows = np.lib.stride_tricks.sliding_window_view(x, WINDOW, axis=1)[:, ::HOP]
        yield low, scipy.fft.rfft(windows * HANN, axis=-1, workers=1)


def magnitudes(z: NDArray[np.complex64]) -> Array:
    """Root of the mean power over channels [windows, BINS]."""
    return np.asarray(np.sqrt((np.abs(z) ** 2).mean(0)), np.float32)


def find_hits(reader: AudioReader) -> list[Hit]:
    """All onsets of a drum recording at SAMPLE_RATE_HZ, in order."""
    hits: list[Hit] = []
    tail = np.zeros((BEFORE + 2, BINS), np.float32)  # silence, so that a stroke on the first sample is one
    for low, z in spectra(reader):
        block = np.concatenate([tail, magnitudes(z)])
        first = low - len(tail)
        last = len(block) - LENGTH
        strength = _strength(block)
        for w in _peaks(strength):
            if BEFORE <= w < last and (not hits or first + w - hits[-1].window >= CLOSEST):
                hits.append(_hit(block, w, first + w))
        tail = block[max(0, last - BEFORE - 8) :]
    final = np.concatenate([tail, np.zeros((LENGTH, BINS), np.float32)])
    start = -(-(reader.frames + LEAD) // HOP) - len(tail)
    for w in _peaks(_strength(final)):
        if w >= BEFORE and w + LENGTH <= len(final) and (not hits or start + w - hits[-1].window >= CLOSEST):
            hits.append(_hit(final, w, start + w))
    return hits


def _strength(magnitude: Array) -> Array:
    """Log-spectral flux per window over three wide bands, so that a quiet hat counts beside a loud kick."""
    edges = [int(f / BIN_HZ) for f in (30, 200, 4000, 16000)]
    total = np.zeros(len(magnitude), np.float32)
    for low, high in pairwise(edges):
        energy = np.log1p(1000 * magnitude[:, low:high].mean(1) / (magnitude[:, low:high].mean() + 1e-9) / 30)
        total[2:] += np.maximum(0, energy[2:] - energy[:-2])
    return total


def _peaks(strength: Array) -> list[int]:
    if len(strength) < 5:
        return []
    middle = strength[2:-2]
    neighbours = np.stack([strength[:-4], strength[1:-3], strength[3:-1], strength[4:]])
    threshold = 0.35 + 1.2 * float(np.median(strength))
    return [int(i) + 2 for i in np.flatnonzero((middle >= neighbours.max(0)) & (middle > threshold))]


def _hit(magnitude: Array, w: int, window: int) -> Hit:
    before = magnitude[w - BEFORE : w - 1].min(0)
    attack = magnitude[w : w + ATTACK].max(0)
    rise = np.maximum(0, attack - before)
    high = slice(int(4000 / BIN_HZ), int(16000 / BIN_HZ))
    later = magnitude[w + 14 : w + LENGTH, high].mean() - before[high].mean()
    body = magnitude[w + 2 : w + 10].mean(0) - before
    low, top = int(30 / BIN_HZ), int(400 / BIN_HZ)
    peak = low + int(body[low:top].argmax())
    left, centre, right = (float(v) for v in body[peak - 1 : peak + 2])
    body_hz = (peak + 0.5 * (left - right) / min(-1e-9, left - 2 * centre + right)) * BIN_HZ
    noise = np.maximum(0, body[int(1000 / BIN_HZ) : int(8000 / BIN_HZ)])
    rattle = float(np.sqrt((noise**2).sum() / (np.maximum(0, body[low:top]) ** 2).sum().clip(1e-12)))
    power = rise.astype(np.float64) ** 2

    def share(low_hz: float, high_hz: float) -> float:
        return float(power[int(low_hz / BIN_HZ) : int(high_hz / BIN_HZ)].sum() / (power.sum() + 1e-12))

    sustain = float(max(0.0, later) / (rise[high].mean() + 1e-9))
    return Hit(window, banded(rise), float(rise.mean()), share(20, 350), share(5000, 20000), sustain, body_hz, rattle)


def banded(spectrum: Array) -> Array:
    """Means over bands [..., bands]: single bins below 0.7 kHz, a twelfth of an octave or more above."""
    return np.asarray(np.add.reduceat(spectrum, BANDS[:-1], axis=-1) / np.diff(BANDS), np.float32)


def kick_limit_hz(hits: list[Hit]) -> float:
    """Below it a skin is the kick's: kicks are tuned under the toms and are hit more often."""
    skins = [h.body_hz for h in hits if Piece.HATS not in pieces_of(h)[:1] and Piece.CYMBALS not in pieces_of(h)[:1]]
    return max(KICK_HZ, ABOVE_LOWEST * float(np.percentile(skins, 20))) if skins else KICK_HZ


def pieces_of(hit: Hit, limit_hz: float = KICK_HZ) -> tuple[Piece, ...]:
    """Which pieces may sound in a hit: one, or a skin together with metal. `limit_hz`: see kick_limit_hz."""
    metal = (Piece.CYMBALS if hit.sustain > 0.28 else Piece.HATS,)
    if hit.skin < 0.1 or (hit.top > 0.45 and hit.skin < 0.25):
        return metal
    if hit.rattle > RATTLE:
        return (Piece.SNARE, *metal)
    if hit.body_hz <= limit_hz:
        return (Piece.KICK, *metal)
    return (Piece.TOMS, *metal)
