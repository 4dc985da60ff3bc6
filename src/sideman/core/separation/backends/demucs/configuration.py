"""What an HTDemucs checkpoint says about itself: constructor arguments of demucs 4.1.0, of which the ones that shape the graph are kept.

Rouard, Massa, Défossez: Hybrid Transformers for Music Source Separation (ICASSP 2023).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

from sideman.errors import UnusableModel

CLASS = "demucs.htdemucs.HTDemucs"
FIXED: Mapping[str, object] = {
    "wiener_iters": 0, "end_iters": 0, "cac": True, "rewrite": True, "multi_freqs": None, "context_enc": 0, "t_emb": "sin", "t_norm_in": True,
    "t_norm_in_group": False, "t_group_norm": False, "t_norm_first": True, "t_norm_out": True, "t_layer_scale": True, "t_gelu": True,
    "t_sin_random_shift": 0, "t_sparse_self_attn": False, "t_sparse_cross_attn": False, "use_train_segment": True,
}  # fmt: skip
"""Options that every released model leaves at these values; the graph builder knows no other."""


@dataclass(frozen=True)
class HTDemucsConfig:
    """Names and defaults are those of demucs.htdemucs.HTDemucs; `segment` in seconds."""

    sources: tuple[str, ...]
    audio_channels: int = 2
    channels: int = 48
    channels_time: int | None = None
    growth: int = 2
    nfft: int = 4096
    depth: int = 4
    freq_emb: float = 0.2
    emb_scale: float = 10
    kernel_size: int = 8
    stride: int = 4
    context: int = 1
    norm_starts: int = 4
    norm_groups: int = 4
    dconv_mode: int = 1
    dconv_depth: int = 2
    dconv_comp: float = 8
    bottom_channels: int = 0
    t_layers: int = 5
    t_hidden_scale: float = 4.0
    t_heads: int = 8
    t_max_period: float = 10000.0
    t_weight_pos_embed: float = 1.0
    t_cross_first: bool = False
    samplerate: int = 44100
    segment: Fraction = Fraction(10)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> HTDemucsConfig:
        """From the metadata of a safetensors file as demucs writes it. Raises UnusableModel with the first thing that does not fit."""
        if metadata.get("klass") != CLASS:
            raise UnusableModel(
                f"this is not an HTDemucs checkpoint: its metadata names {metadata.get('klass') or 'no class'}, wanted {CLASS}"
            )
        arguments = arguments_of(metadata, FIXED, "HTDemucs")
        known = {f.name for f in fields(cls)}
        try:
            given: dict[str, Any] = {k: decoded(v) for k, v in arguments.items() if k in known}
            return cls(**given).checked()
        except (TypeError, ValueError, LookupError, AttributeError, ZeroDivisionError) as error:
            raise UnusableModel(f"the checkpoint's arguments make no HTDemucs: {error}") from error

    def checked(self) -> HTDemucsConfig:
        smallest = self.nfft // 2 // self.stride ** (self.depth - 1)
        if not self.sources or self.segment <= 0 or self.samplerate <= 0 or self.channels <= 0 or self.depth < 1 or self.stride < 1:
            raise ValueError("sources, segment, sample rate, channels and depth must be given and positive")
        if smallest <= self.kernel_size or self.kernel_size % 4 or self.nfft % 4:
            raise ValueError(
                f"with {self.depth} layers over {self.nfft // 2} bins the two branches would merge, which no released model does"
            )
        if self.t_layers < 1 or self.transformer_channels % (4 * self.t_heads):
            raise ValueError("it has no transformer, or one whose width its heads do not divide")
        return self

    @property
    def samples(self) -> int:
        """Frames of one segment at the model's rate."""
        return int(self.segment * self.samplerate)

    @property
    def hop(self) -> int:
        return self.nfft // 4

    @property
    def windows(self) -> int:
        """STFT frames of one segment."""
        return -(-self.samples // self.hop)

    @property
    def transformer_channels(self) -> int:
        return self.bottom_channels or self.channels * self.growth ** (self.depth - 1)


def arguments_of(metadata: Mapping[str, str], fixed: Mapping[str, object], network: str) -> dict[str, object]:
    """What the constructor was called with. Raises UnusableModel where that cannot be read, or differs from an option that must be so."""
    try:
        arguments = json.loads(metadata.get("kwargs") or "{}")
        positional = json.loads(metadata.get("args") or "[]")
        given: dict[str, object] = ({"sources": positional[0]} if positional else {}) | arguments
    except (ValueError, TypeError, LookupError) as error:
        raise UnusableModel(f"the checkpoint's metadata cannot be read: {error}") from error
    for name, value in fixed.items():
        if given.get(name, value) != value:
            raise UnusableModel(f"this {network} has {name}={given[name]!r}; only {value!r} is known")
    return given


def decoded(value: object) -> object:
    if isinstance(value, dict) and value.get("_type") == "fraction":
        return Fraction(value["numerator"], value["denominator"])
    if isinstance(value, list):
        return tuple(value)
    return value
