"""A drum stem into kick, snare, toms, hats and cymbals without weights: the average spectrum of each piece's hits, laid at its hits.

Every hit is described by its attack; hits of one piece give a template over time; at each hit the templates that may sound in it are fitted
with gains that are not negative; their shares of the power are the masks. What is left goes to the cymbals, so the pieces add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import AudioReader, Recording
from sideman.core.audio.drum_hits import (
    BANDS,
    BIN_HZ,
    BINS,
    HANN,
    HOP,
    LEAD,
    SAMPLE_RATE_HZ,
    WINDOW,
    Hit,
    Piece,
    banded,
    find_hits,
    kick_limit_hz,
    magnitudes,
    pieces_of,
    spectra,
)
from sideman.core.music import Provenance, StemRole
from sideman.core.separation.rates import StemWriters, at_rate
from sideman.core.separation.separator import Progress, Quality, SeparatedStem, no_progress, wanted_roles, with_remainder

__all__ = ["KitSeparator"]
Array = NDArray[np.float32]
ROLES = (StemRole.KICK, StemRole.SNARE, StemRole.TOMS, StemRole.HATS, StemRole.CYMBALS)
LENGTHS = (40, 32, 48, 16, 120)
"""Windows that a template of each piece lasts: 0.46, 0.37, 0.56, 0.19 and 1.4 s."""
MOST_EXAMPLES = 64
FITTED = 4
"""Windows of the attack over which gains are fitted."""


class KitSeparator:
    """Expects drums alone: a drum stem, or a solo. Preview quality."""

    name = "sideman drum kit"
    roles = ROLES

    def separate(
        self, recording: Recording, folder: Path, progress: Progress = no_progress, roles: Sequence[StemRole] | None = None
    ) -> tuple[SeparatedStem, ...]:
        wanted = wanted_roles(self, roles)
        reader = at_rate(recording, SAMPLE_RATE_HZ, folder)
        hits = find_hits(reader)
        progress(0.3)
        limit_hz = kick_limit_hz(hits)
        templates = _templates(reader, hits, limit_hz)
        progress(0.5)
        gains = [_gains(h, templates, limit_hz) for h in hits]
        own = ROLES[:-1]
        with StemWriters(recording, own, folder, SAMPLE_RATE_HZ, reader.frames) as writers:
            done = 0
            for block in _masked(reader, hits, gains, templates):
                writers.write(block)
                done += block.shape[2]
                progress(0.5 + 0.5 * done / reader.frames)
            provenance = Provenance(self.name, "1", (("hits", str(len(hits))),))
            stems = writers.finish([Quality.PREVIEW] * len(own), provenance)
        stems = with_remainder(recording, stems, ROLES[-1], Quality.PREVIEW, folder)
        made = {s.role: s for s in stems}
        return tuple(made[r] for r in wanted)


def _templates(reader: AudioReader, hits: list[Hit], limit_hz: float) -> list[Array]:
    """Median spectrum over time [LENGTHS[piece], BINS] of each piece's hits, each scaled to its attack; generic where a piece has none.

    Examples are hits with the most room after them: what is heard there is the piece itself.
    """
    examples: list[list[int]] = [[] for _ in Piece]
    room = np.diff([h.window for h in hits], append=hits[-1].window + 200) if hits else np.zeros(0)
    for i in np.argsort(-room, kind="stable"):
        piece = pieces_of(hits[int(i)], limit_hz)[0]
        if len(examples[piece]) < MOST_EXAMPLES:
            examples[piece].append(int(i))
    found: list[list[Array]] = [[] for _ in Piece]
    wanted = sorted((hits[i].window, piece, i) for piece in Piece for i in examples[piece])
    held = np.zeros((0, BINS), np.float32)
    start = 0
    for low, z in spectra(reader):
        held, start = np.concatenate([held, magnitudes(z)]), start if len(held) else low
        while wanted and wanted[0][0] + max(LENGTHS) <= start + len(held):
            _take(found, held, start, hits, wanted.pop(0))
        keep = max(LENGTHS) + 8
        start, held = start + max(0, len(held) - keep), held[-keep:]
    held = np.concatenate([held, np.zeros((max(LENGTHS), BINS), np.float32)])
    for one in wanted:
        _take(found, held, start, hits, one)
    return [np.median(np.stack(f), axis=0) if f else _generic(piece) for piece, f in zip(Piece, found, strict=True)]


def _take(found: list[list[Array]], held: Array, start: int, hits: list[Hit], one: tuple[int, Piece, int]) -> None:
    window, piece, index = one
    first = window - start
    if first < 0:
        return
    patch = held[first : first + LENGTHS[piece]].copy()
    after = hits[index + 1].window - window if index + 1 < len(hits) else len(patch)
    if after < len(patch):  # the next hit is not this one's: let it decay as it did until there
        slope = np.exp(-np.arange(len(patch) - after) / 6)[:, None]
        patch[after:] = patch[max(0, after - 1)] * slope
    level = hits[index].level + 1e-9
    found[piece].append((patch / level).astype(np.float32))


def _generic(piece: Piece) -> Array:
    """What a piece sounds like when this recording has no clear example: a band that decays."""
    f = np.arange(BINS) * BIN_HZ
    centre, width = ((60, 40), (300, 1500), (140, 80), (9000, 4000), (8000, 5000))[piece]
    shape = np.exp(-0.5 * ((f - centre) / width) ** 2)
    decay = np.exp(-np.arange(LENGTHS[piece]) / (LENGTHS[piece] / 4))
    patch = decay[:, None] * shape[None]
    return (patch / (patch[:FITTED].max(0).mean() + 1e-9)).astype(np.float32)


def _gains(hit: Hit, templates: list[Array], limit_hz: float) -> Array:
    """How much of each piece sounds in a hit, [pieces]: non-negative least squares over the attack's spectrum."""
    first, *metal = pieces_of(hit, limit_hz)
    together = {Piece.KICK: (Piece.KICK, Piece.TOMS), Piece.TOMS: (Piece.KICK, Piece.TOMS), Piece.SNARE: (Piece.SNARE, Piece.KICK)}
    allowed = (*together.get(first, (first,)), *metal)
    basis = np.stack([banded(templates[p][:FITTED].max(0)) for p in allowed], axis=1).astype(np.float64)
    weight = np.sqrt(np.diff(BANDS) / (hit.rise + 0.05 * hit.level + 1e-9))  # a quiet hat counts beside a loud kick
    found, _ = scipy.optimize.nnls(basis * weight[:, None], hit.rise * weight)
    gains = np.zeros(len(Piece), np.float32)
    gains[list(allowed)] = found
    return gains


def _masked(reader: AudioReader, hits: list[Hit], gains: list[Array], templates: list[Array]) -> Iterator[Array]:
    """Blocks [4 pieces, channels, frames], together exactly as long as the reader; the fifth piece is what is left."""
    total, channels = reader.frames, reader.channels
    tail = np.zeros((len(Piece) - 1, channels, WINDOW - HOP), np.float32)
    longest = max(LENGTHS)
    starts = np.array([h.window for h in hits], np.int64)
    for low, z in spectra(reader):
        count = z.shape[1]
        near = np.flatnonzero((starts > low - longest) & (starts < low + count))
        model = np.full((len(Piece), count, BINS), 1e-9, np.float32)
        model[Piece.CYMBALS] += 1e-7
        for i in near:
            for piece in Piece:
                if gains[i][piece] > 0:
                    _lay(model[piece], templates[piece], hits[i].window - low, float(gains[i][piece]))
        power = model**2
        masks = power[:-1] / power.sum(0)
        out = np.empty((len(Piece) - 1, channels, (count - 1) * HOP + WINDOW), np.float32)
        for p in range(len(Piece) - 1):
            out[p] = _overlap_add(z * masks[p])
        out[..., : WINDOW - HOP] += tail
        tail = out[..., count * HOP :].copy()
        first = low * HOP - LEAD
        a, b = max(0, -first), min(count * HOP, total - first)
        if b > a:
            yield out[..., a:b]


def _lay(model: Array, template: Array, at: int, gain: float) -> None:
    """Add a template at a window of the block, cut where the block ends; louder of the two where hits overlap."""
    a, b = max(0, at), min(len(model), at + len(template))
    if b > a:
        np.maximum(model[a:b], gain * template[a - at : b - at], out=model[a:b])


def _overlap_add(z: NDArray[np.complex64]) -> Array:
    frames = scipy.fft.irfft(z, WINDOW, axis=-1, workers=1).astype(np.float32, copy=False) * (HANN / np.float32(1.5))
    channels, windows, _ = frames.shape
    out = np.zeros((channels, windows + WINDOW // HOP - 1, HOP), np.float32)
    for k in range(WINDOW // HOP):
        out[:, k : k + windows] += frames[..., k * HOP : (k + 1) * HOP]
    return out.reshape(channels, -1)
