"""What a band-split RoFormer checkpoint is, read off the shapes of its tensors; what they do not say stands in its metadata.

Lu, Wang, Kong, Hung: Music Source Separation with Band-Split RoPE Transformer (ICASSP 2024); Wang, Lu, Won: Mel-Band RoFormer for Music
Source Separation (2023).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sideman.errors import UnusableModel

SAMPLE_RATE_HZ = 44100
HOP, SEGMENT_FRAMES = 441, 352_800
"""What nearly all published checkpoints use; a checkpoint's metadata may say otherwise."""
BLOCK = re.compile(r"layers\.(\d+)\.([01])\.layers\.(\d+)\.")


@dataclass(frozen=True)
class RoformerConfig:
    """band_bins: bins of each band, in order; neighbouring mel bands share bins. final_norm: the linear-band variant has one, and none after
    each transformer.

    segment_frames: samples of one segment; depth: pairs of transformers over time and over bands, each of time_depth and band_depth layers.
    """

    dim: int
    depth: int
    time_depth: int
    band_depth: int
    heads: int
    dim_head: int
    stems: int
    channels: int
    mask_layers: int
    hidden: int
    ff_hidden: int
    size: int
    band_bins: tuple[tuple[int, ...], ...]
    final_norm: bool
    hop: int = HOP
    segment_frames: int = SEGMENT_FRAMES

    @property
    def windows(self) -> int:
        return self.segment_frames // self.hop + 1

    @property
    def band_widths(self) -> tuple[int, ...]:
        """Numbers per band and window: bins, channels, real and imaginary."""
        return tuple(len(b) * self.channels * 2 for b in self.band_bins)

    @classmethod
    def from_checkpoint(cls, tensors: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str]) -> RoformerConfig:
        """Raises UnusableModel for anything whose tensors are not those of such a network."""
        try:
            return _read(tensors, metadata)
        except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
            raise UnusableModel(f"this is not a band-split RoFormer that Sideman knows: {error}") from error


def _read(tensors: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str]) -> RoformerConfig:
    def count(pattern: str) -> int:
        found = [int(m.group(1)) for k in tensors if (m := re.match(pattern, k))]
        if not found:
            raise ValueError(f"it has no tensors {pattern}")
        return max(found) + 1

    blocks = [(int(m.group(1)), int(m.group(2)), int(m.group(3))) for k in tensors if (m := BLOCK.match(k))]
    dim = tensors["band_split.to_features.0.1.weight"].shape[0]
    bands = count(r"band_split\.to_features\.(\d+)\.")
    widths = [tensors[f"band_split.to_features.{b}.1.weight"].shape[1] for b in range(bands)]
    heads = tensors["layers.0.0.layers.0.0.to_gates.weight"].shape[0]
    dim_head = tensors["layers.0.0.layers.0.0.to_qkv.weight"].shape[0] // 3 // heads
    final_norm = "final_norm.gamma" in tensors
    size = int(metadata.get("n_fft", 2048))
    linear = size // 2 + 1
    channels = sum(widths) // (2 * linear) if final_norm else int(metadata.get("channels", 2))
    bins = _linear_bands([w // (2 * channels) for w in widths]) if final_norm else mel_bands(bands, size)
    config = RoformerConfig(
        dim=dim, depth=1 + max(b[0] for b in blocks), time_depth=1 + max(b[2] for b in blocks if b[1] == 0),
        band_depth=1 + max(b[2] for b in blocks if b[1] == 1), heads=heads, dim_head=dim_head, stems=count(r"mask_estimators\.(\d+)\."),
        channels=channels, mask_layers=(count(r"mask_estimators\.0\.to_freqs\.0\.0\.(\d+)\.") + 1) // 2,
        hidden=tensors["mask_estimators.0.to_freqs.0.0.0.weight"].shape[0],
        ff_hidden=tensors["layers.0.0.layers.0.1.net.1.weight"].shape[0], size=size, band_bins=bins, final_norm=final_norm,
        hop=int(metadata.get("hop", HOP)), segment_frames=int(metadata.get("segment_frames", SEGMENT_FRAMES)),
    )  # fmt: skip
    if list(config.band_widths) != widths:
        raise ValueError(f"its bands hold {widths[:4]}... numbers, those of this layout {list(config.band_widths)[:4]}...")
    return config


def _linear_bands(sizes: list[int]) -> tuple[tuple[int, ...], ...]:
    """Bins in a row, band after band."""
    edges = np.concatenate([[0], np.cumsum(sizes)])
    return tuple(tuple(range(a, b)) for a, b in pairwise(edges))


def mel_bands(bands: int, size: int) -> tuple[tuple[int, ...], ...]:
    """Bins under each triangle of a mel filter bank (Slaney's scale, as librosa.filters.mel); the first and the last bin are always in."""
    bins_hz = np.linspace(0, SAMPLE_RATE_HZ / 2, size // 2 + 1)
    top = 15 + np.log(SAMPLE_RATE_HZ / 2 / 1000) / (np.log(6.4) / 27)
    mels = np.linspace(0, top, bands + 2)
    edges_hz = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    step = np.diff(edges_hz)
    ramps = edges_hz[:, None] - bins_hz
    rising, falling = -ramps[:-2] / step[:-1, None], ramps[2:] / step[1:, None]
    inside = np.minimum(rising, falling) > 0
    inside[0, 0] = inside[-1, -1] = True
    return tuple(tuple(int(i) for i in np.flatnonzero(row)) for row in inside)
