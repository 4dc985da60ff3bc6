"""Hybrid Demucs, the generation before the transformer: its configuration and its graph.

Two branches as in HTDemucs whose inner layers are one: where the spectrum has shrunk to a single bin, the waveform's branch is added to
it. Inner residual branches have an LSTM and local attention. Défossez: Hybrid Spectrogram and Waveform Source Separation (2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

import numpy as np

from sideman.core.models.graph import Graph, Lstm, Value, Weights
from sideman.core.separation.backends.demucs.configuration import arguments_of, decoded
from sideman.core.separation.backends.demucs.core_graph import Inside, decode, encode, gated, norm, residual, turned, widened_back
from sideman.errors import UnusableModel

CLASS = "demucs.hdemucs.HDemucs"
FIXED: Mapping[str, object] = {
    "wiener_iters": 0, "end_iters": 0, "cac": True, "rewrite": True, "hybrid": True, "hybrid_old": False, "multi_freqs": None, "context_enc": 0,
}  # fmt: skip
LSTM_STEPS = 200
LONGEST_S = 12
HEADS, DECAYS = 4, 4


@dataclass(frozen=True)
class HDemucsConfig:
    """Names and defaults are those of demucs.hdemucs.HDemucs; `segment` in seconds."""

    sources: tuple[str, ...]
    audio_channels: int = 2
    channels: int = 48
    channels_time: int | None = None
    growth: int = 2
    nfft: int = 4096
    depth: int = 6
    freq_emb: float = 0.2
    emb_scale: float = 10
    kernel_size: int = 8
    time_stride: int = 2
    stride: int = 4
    context: int = 1
    norm_starts: int = 4
    norm_groups: int = 4
    dconv_mode: int = 1
    dconv_depth: int = 2
    dconv_comp: float = 4
    dconv_attn: int = 4
    dconv_lstm: int = 4
    samplerate: int = 44100
    segment: Fraction = Fraction(40)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> HDemucsConfig:
        """From the metadata of a safetensors file as demucs writes it. Raises UnusableModel with the first thing that does not fit."""
        arguments = arguments_of(metadata, FIXED, "Hybrid Demucs")
        known = {f.name for f in fields(cls)}
        try:
            given: dict[str, Any] = {k: decoded(v) for k, v in arguments.items() if k in known}
            given["segment"] = Fraction(given.get("segment", 40))
            return cls(**given).checked()
        except (TypeError, ValueError, LookupError, AttributeError, ZeroDivisionError) as error:
            raise UnusableModel(f"the checkpoint's arguments make no Hybrid Demucs: {error}") from error

    def checked(self) -> HDemucsConfig:
        if self.stride < 2 or self.kernel_size < 1 or self.nfft < 1 or self.segment <= 0:
            raise ValueError("stride, kernel, window and segment must be positive, and a stride of 1 would never shrink the spectrum")
        if self.dconv_attn != self.dconv_lstm:
            raise ValueError("its residual branches have attention without LSTM, or the other way round")
        if self.nfft // 2 // self.stride ** (self.split - 1) != self.kernel_size or self.depth != self.split + 1:
            raise ValueError(f"its {self.depth} layers do not end one layer after the spectrum has shrunk to one bin")
        return self

    @property
    def split(self) -> int:
        """Layers over frequency: so many until one bin is left."""
        count, bins = 1, self.nfft // 2
        while bins > self.kernel_size:
            bins //= self.stride
            count += 1
        return count

    @property
    def samples(self) -> int:
        """Frames of one segment. The network is not tied to a length, and the 44 s it is published with take gigabytes."""
        return int(min(self.segment, Fraction(LONGEST_S)) * self.samplerate)

    @property
    def windows(self) -> int:
        return -(-self.samples // (self.nfft // 4))


def build(config: HDemucsConfig, weights: Weights) -> Graph:
    """Inputs and outputs as HTDemucs' graph. Raises UnusableModel, naming tensors, when the checkpoint is not of this configuration."""
    g, c = Graph(), config
    x = g.input("x", 1, 2 * c.audio_channels, c.windows, c.nfft // 2)
    xt = g.input("xt", 1, c.audio_channels, c.samples)
    wide = [c.channels * c.growth**i for i in range(c.depth)]
    inner = c.split - 1
    skips, skips_t = [], []
    for i in range(inner):
        with g.scope("tencoder", i):
            xt = encode(g, c, weights.below("tencoder", i), xt, (c.channels_time or c.channels) * c.growth**i, i)
        skips_t.append(xt)
        with g.scope("encoder", i):
            x = encode(g, c, weights.below("encoder", i), x, wide[i], i)
        if i == 0 and c.freq_emb:
            rows = weights.get("freq_emb.embedding.weight", x.shape[3], x.shape[1])
            x = g.add(x, g.constant("freq_emb", (rows.T * np.float32(c.emb_scale * c.freq_emb))[None, :, None, :]))
        skips.append(x)
    x, pre = _middle(g, c, weights, (x, xt), wide)
    out_t = (c.channels_time or c.channels) * c.growth ** (inner - 1)
    t = weights.below("tdecoder", 0)
    with g.scope("tdecoder", 0):
        weight = t.get("conv_tr.weight", pre.shape[1], out_t, c.kernel_size)
        xt = g.gelu(widened_back(g, c, t, pre, (weight, c.stride, skips_t[-1].shape[2], inner >= c.norm_starts)))
    stems = len(c.sources) * c.audio_channels
    for i in range(inner):
        outer = inner - 1 - i
        last = outer == 0
        out = 2 * stems if last else wide[outer - 1]
        out_time = stems if last else (c.channels_time or c.channels) * c.growth ** (outer - 1)
        bins = c.nfft // 2 if last else skips[outer - 1].shape[3]
        samples = c.samples if last else skips_t[outer - 1].shape[2]
        with g.scope("decoder", i + 2):
            x = decode(g, c, weights.below("decoder", i + 2), g.add(x, skips[outer]), (out, bins, last), outer)
        with g.scope("tdecoder", i + 1):
            xt = decode(g, c, weights.below("tdecoder", i + 1), g.add(xt, skips_t[outer]), (out_time, samples, last), outer)
    g.output("y", x)
    g.output("yt", xt)
    weights.check("Hybrid Demucs as its own metadata describes it")
    return g


def _middle(g: Graph, c: HDemucsConfig, w: Weights, pair: tuple[Value, Value], wide: list[int]) -> tuple[Value, Value]:
    """The two inner layers and their way back: (input of the spectrum's decoder, input of the waveform's decoder)."""
    x, xt = pair
    inner, channels = c.split - 1, wide[c.split - 1]
    inside = _inside if inner >= c.dconv_lstm else None
    t = w.below("tencoder", inner)
    rest = -xt.shape[2] % c.stride
    xt = g.pad(xt, 2, 0, rest) if rest else xt
    weight = t.get("conv.weight", channels, xt.shape[1], c.kernel_size)
    with g.scope("tencoder", inner):
        merged = g.convolution(xt, weight, t.get("conv.bias", channels), (c.stride,), (c.kernel_size // 4,))
    e = w.below("encoder", inner)
    with g.scope("encoder", inner):
        weight = turned(e.get("conv.weight", channels, x.shape[1], c.kernel_size, 1))
        y = g.convolution(x, weight, e.get("conv.bias", channels), (1, c.stride), (0, 0))
        y = g.add(g.reshape(y, 1, channels, c.windows), merged)
        first = _inner(g, c, e, y, (channels, inner), inside, square=True)
    deepest = c.depth - 1
    with g.scope("encoder", deepest):
        e = w.below("encoder", deepest)
        rest = -first.shape[2] % c.time_stride
        z = g.pad(first, 2, 0, rest) if rest else first
        kernel = 2 * c.time_stride
        z = g.convolution(
            z, e.get("conv.weight", wide[deepest], channels, kernel), e.get("conv.bias", wide[deepest]), (c.time_stride,), (kernel // 4,)
        )
        second = _inner(g, c, e, z, (wide[deepest], deepest), _inside if deepest >= c.dconv_lstm else None)
    with g.scope("decoder", 0):  # begins with zero plus the skip connection of the deepest layer
        d = w.below("decoder", 0)
        y = gated(g, c, d, second, ("rewrite", "norm1", deepest >= c.norm_starts), c.context)
        y = residual(g, c, d.below("dconv"), y, _inside if deepest >= c.dconv_lstm else None) if c.dconv_mode & 2 else y
        weight = d.get("conv_tr.weight", wide[deepest], channels, kernel)
        y = g.gelu(widened_back(g, c, d, y, (weight, c.time_stride, first.shape[2], deepest >= c.norm_starts)))
    with g.scope("decoder", 1):
        d = w.below("decoder", 1)
        y = _square_gate(g, c, d, g.add(y, first), channels)
        pre = residual(g, c, d.below("dconv"), y, inside) if c.dconv_mode & 2 else y
        wide_out = wide[inner - 1]
        weight = turned(d.get("conv_tr.weight", channels, wide_out, c.kernel_size, 1))
        back = g.reshape(pre, 1, channels, c.windows, 1)
        z = g.transposed_convolution(back, weight, d.get("conv_tr.bias", wide_out), (1, c.stride), [(0, 0), (0, 0)])
        z = g.gelu(norm(g, c, d, z, "norm2", inner >= c.norm_starts))
    return z, pre


def _inner(
    g: Graph, c: HDemucsConfig, w: Weights, y: Value, place: tuple[int, int], inside: Inside | None, *, square: bool = False
) -> Value:
    """Norm, GELU, residual branch and gate of a layer that has time only; `square`: its kernels still have an axis for the one bin."""
    channels, index = place
    y = g.gelu(norm(g, c, w, y, "norm1", index >= c.norm_starts))
    y = residual(g, c, w.below("dconv"), y, inside) if c.dconv_mode & 1 else y
    one = (1,) if square else ()
    weight = w.get("rewrite.weight", 2 * channels, channels, 1, *one).reshape(2 * channels, channels, 1)
    y = g.convolution(y, weight, w.get("rewrite.bias", 2 * channels), (1,), (0,), name="rewrite")
    return g.glu(norm(g, c, w, y, "norm2", index >= c.norm_starts), 1)


def _square_gate(g: Graph, c: HDemucsConfig, w: Weights, x: Value, channels: int) -> Value:
    """A gate whose kernel spans neighbouring bins, of which there are none: only its middle counts."""
    span = 1 + 2 * c.context
    weight = w.get("rewrite.weight", 2 * channels, channels, span, span)[:, :, c.context]
    y = g.convolution(x, weight, w.get("rewrite.bias", 2 * channels), (1,), (c.context,), name="rewrite")
    return g.glu(norm(g, c, w, y, "norm1", c.split - 1 >= c.norm_starts), 1)


def _inside(g: Graph, w: Weights, y: Value) -> Value:
    """Two LSTM layers over pieces of the time axis, then attention that favours what is near."""
    return _attention(g, w.below(4), _recurrent(g, w.below(3), y))


def _recurrent(g: Graph, w: Weights, x: Value) -> Value:
    """x [1, channels, steps]. Longer than LSTM_STEPS it is cut into pieces that overlap by half; the middle of each is kept."""
    channels, steps = x.shape[1:]
    step = LSTM_STEPS // 2
    count = -(-steps // step) if steps > LSTM_STEPS else 1
    width = LSTM_STEPS if steps > LSTM_STEPS else steps
    padded = g.pad(x, 2, 0, (count - 1) * step + width - steps) if count > 1 else x
    pieces = [g.slice(padded, 2, i * step, i * step + width) for i in range(count)]
    y = g.transpose(g.concat(pieces, 0) if count > 1 else pieces[0], 2, 0, 1)
    for layer in range(2):
        y = g.lstm(y, Lstm.of(w.below("lstm"), (channels if layer == 0 else 2 * channels, channels), layer), name=f"lstm{layer}")
    y = g.transpose(g.linear(y, w.get("linear.weight", channels, 2 * channels), w.get("linear.bias", channels)), 1, 2, 0)
    if count > 1:
        edge = step // 2
        kept = []
        for i, part in enumerate(g.split(y, 0, (1,) * count)):
            start, stop = (0 if i == 0 else edge), (width if i == count - 1 else width - edge)
            kept.append(g.slice(part, 2, start, stop))
        y = g.slice(g.concat(kept, 2), 2, 0, steps)
    return g.add(y, x)


def _attention(g: Graph, w: Weights, x: Value) -> Value:
    """Content attention minus distance times a learned, local reach (LocalState); nothing attends to itself."""
    channels, steps = x.shape[1:]
    width = channels // HEADS

    def product(name: str, rows: int) -> Value:
        y = g.convolution(x, w.get(f"{name}.weight", rows, channels, 1), w.get(f"{name}.bias", rows), (1,), (0,), name=name)
        return g.reshape(y, 1, HEADS, rows // HEADS, steps)

    scale = g.constant("scale", np.full(1, width**-0.5, np.float32))
    queries, keys, content = (product(n, channels) for n in ("query", "key", "content"))
    dots = g.multiply(g.matmul(g.transpose(queries, 0, 1, 3, 2), keys), scale)
    decay = g.transpose(g.sigmoid(product("query_decay", HEADS * DECAYS)), 0, 1, 3, 2)
    strength = np.arange(1, DECAYS + 1, dtype=np.float32)[:, None] / np.float32(2 * DECAYS**0.5)
    reach = g.matmul(decay, g.constant("strength", strength))
    apart = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps))).astype(np.float32)
    dots = g.subtract(dots, g.multiply(reach, g.constant("distance", apart[None, None])))
    others = 1 - np.eye(steps, dtype=np.float32)
    dots = g.add(g.multiply(dots, g.constant("others", others[None, None])), g.constant("itself", -100 * (1 - others)[None, None]))
    heads = g.matmul(g.softmax(dots), g.transpose(content, 0, 1, 3, 2))
    together = g.reshape(g.transpose(heads, 0, 1, 3, 2), 1, channels, steps)
    return g.add(
        x, g.convolution(together, w.get("proj.weight", channels, channels, 1), w.get("proj.bias", channels), (1,), (0,), name="proj")
    )
