"""HTDemucs between its STFT and its iSTFT, as a Graph filled from the checkpoint's tensors.

Inputs: x [1, 2 * channels, windows, bins], the normalised spectrogram with real and imaginary parts as channels, and
xt [1, channels, samples], the normalised waveform. Outputs y and yt: the same for all sources, [1, sources * ..., ...], still normalised.

Scales that only multiply (LayerScale, 1 / sqrt(head width), the affine part of a LayerNorm before a product) are folded into weights in
float64, so the graph has fewer nodes than the network it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.graph import Array, Graph, Value, Weights
from sideman.core.separation.backends.demucs.configuration import HTDemucsConfig
from sideman.core.separation.layers import EPSILON, norm_by_bin


class Layout(Protocol):
    """What the layers need of either generation's configuration."""

    @property
    def kernel_size(self) -> int: ...
    @property
    def stride(self) -> int: ...
    @property
    def context(self) -> int: ...
    @property
    def norm_starts(self) -> int: ...
    @property
    def norm_groups(self) -> int: ...
    @property
    def dconv_mode(self) -> int: ...
    @property
    def dconv_depth(self) -> int: ...
    @property
    def dconv_comp(self) -> float: ...


Inside = Callable[[Graph, Weights, Value], Value]
"""What the third generation has in the middle of a residual branch."""


def build(config: HTDemucsConfig, weights: Weights) -> Graph:
    """Raises UnusableModel, naming tensors, when the checkpoint is not of this configuration."""
    g = Graph()
    c = config
    x = g.input("x", 1, 2 * c.audio_channels, c.windows, c.nfft // 2)
    xt = g.input("xt", 1, c.audio_channels, c.samples)
    skips, skips_t = [], []
    wide, wide_t = c.channels, c.channels_time or c.channels
    for i in range(c.depth):
        with g.scope("tencoder", i):
            xt = encode(g, c, weights.below("tencoder", i), xt, wide_t * c.growth**i, i)
        skips_t.append(xt)
        with g.scope("encoder", i):
            x = encode(g, c, weights.below("encoder", i), x, wide * c.growth**i, i)
        if i == 0 and c.freq_emb:
            rows = weights.get("freq_emb.embedding.weight", x.shape[3], x.shape[1])
            x = g.add(x, g.constant("freq_emb", (rows.T * np.float32(c.emb_scale * c.freq_emb))[None, :, None, :]))
        skips.append(x)
    x, xt = _bottom(g, c, weights, x, xt)
    for i in range(c.depth):
        outer = c.depth - 1 - i
        last = outer == 0
        stems = len(c.sources) * c.audio_channels
        out, out_t = (2 * stems, stems) if last else (wide * c.growth ** (outer - 1), wide_t * c.growth ** (outer - 1))
        bins = c.nfft // 2 if last else skips[outer - 1].shape[3]
        samples = c.samples if last else skips_t[outer - 1].shape[2]
        with g.scope("decoder", i):
            x = decode(g, c, weights.below("decoder", i), g.add(x, skips[outer]), (out, bins, last), outer)
        with g.scope("tdecoder", i):
            xt = decode(g, c, weights.below("tdecoder", i), g.add(xt, skips_t[outer]), (out_t, samples, last), outer)
    g.output("y", x)
    g.output("yt", xt)
    weights.check("HTDemucs as its own metadata describes it")
    return g


def flat(x: Value) -> tuple[int, ...]:
    """Kernel, stride or dilation along the axis that a layer leaves alone: the spectral branch has one more axis."""
    return (1,) if len(x.shape) == 4 else ()


def encode(g: Graph, c: Layout, w: Weights, x: Value, out: int, index: int) -> Value:
    """Strided convolution, GELU, residual branch, 1x1 convolution with a gate (HEncLayer)."""
    one = flat(x)
    last = len(x.shape) - 1
    x = g.pad(x, last, 0, -x.shape[last] % c.stride) if not one and x.shape[last] % c.stride else x
    weight = w.get("conv.weight", out, x.shape[1], c.kernel_size, *one)
    padding = (*(0 for _ in one), c.kernel_size // 4)
    y = g.convolution(x, turned(weight), w.get("conv.bias", out), (*one, c.stride), padding)
    normed = index >= c.norm_starts
    y = g.gelu(norm(g, c, w, y, "norm1", normed))
    if c.dconv_mode & 1:
        y = residual(g, c, w.below("dconv"), y)
    return gated(g, c, w, y, ("rewrite", "norm2", normed))


def decode(g: Graph, c: Layout, w: Weights, x: Value, sizes: tuple[int, int, bool], index: int) -> Value:
    """Convolution with a gate, residual branch, transposed convolution (HDecLayer); `sizes`: channels out, length kept, last."""
    out, length, last = sizes
    one = flat(x)
    normed = index >= c.norm_starts
    y = gated(g, c, w, x, ("rewrite", "norm1", normed), c.context)
    if c.dconv_mode & 2:
        y = residual(g, c, w.below("dconv"), y)
    weight = turned(w.get("conv_tr.weight", y.shape[1], out, c.kernel_size, *one))
    y = widened_back(g, c, w, y, (weight, c.stride, length, normed))
    return y if last else g.gelu(y)


def widened_back(g: Graph, c: Layout, w: Weights, y: Value, how: tuple[Array, int, int, bool]) -> Value:
    """Transposed convolution, norm and trim along the last axis; `how`: kernel, stride, length kept, normed.

    The norm sees what is trimmed, as in the original; where there is none the trim happens inside the convolution.
    """
    weight, stride, length, normed = how
    pad, axis = weight.shape[-1] // 4, len(y.shape) - 1
    full = (y.shape[axis] - 1) * stride + weight.shape[-1]
    none = [(0, 0)] * (axis - 2)
    trim = [*none, (0, 0) if normed else (pad, full - pad - length)]
    y = g.transposed_convolution(y, weight, w.get("conv_tr.bias", weight.shape[1]), (*(1 for _ in none), stride), trim)
    return g.slice(norm(g, c, w, y, "norm2", True), axis, pad, pad + length) if normed else y


def turned(weight: Array) -> Array:
    """A kernel [out, in, bins, windows] of the checkpoint for our [windows, bins]."""
    return weight.swapaxes(2, 3) if weight.ndim == 4 else weight


def gated(g: Graph, c: Layout, w: Weights, x: Value, names: tuple[str, str, bool], context: int = 0) -> Value:
    """Convolution to twice the channels, norm, gated linear unit. Without a norm the two halves are two convolutions: nothing to split."""
    name, norm_name, normed = names
    one, channels = flat(x), x.shape[1]
    kernel = (1 + 2 * context,) * (1 + len(one))
    weight = turned(w.get(f"{name}.weight", 2 * channels, channels, *kernel))
    bias = w.get(f"{name}.bias", 2 * channels)
    stride, padding = (1,) * len(kernel), (context,) * len(kernel)
    if normed:
        y = g.convolution(x, weight, bias, stride, padding, name=name)
        return g.glu(norm(g, c, w, y, norm_name, True), 1)
    value = g.convolution(x, weight[:channels], bias[:channels], stride, padding, name=f"{name}.value")
    return g.multiply(value, g.sigmoid(g.convolution(x, weight[channels:], bias[channels:], stride, padding, name=f"{name}.gate")))


def norm(g: Graph, c: Layout, w: Weights, x: Value, name: str, normed: bool) -> Value:
    if not normed:
        return x
    return g.group_norm(x, c.norm_groups, w.get(f"{name}.weight", x.shape[1]), w.get(f"{name}.bias", x.shape[1]), name=name)


def residual(g: Graph, c: Layout, w: Weights, x: Value, inside: Inside | None = None) -> Value:
    """Dilated convolutions over time through a narrow middle (DConv); in the spectral branch every bin has norms of its own.

    The second norm acts on the wide side, but mean and variance of a 1x1 convolution follow from those of its narrow input, so the wide
    tensor is written once, already normalised.
    """
    one = flat(x)
    channels, hidden = x.shape[1], int(x.shape[1] / c.dconv_comp)
    for d in range(abs(c.dconv_depth)):
        w_d, dilation = w.below("layers", d), 2**d if c.dconv_depth > 0 else 1
        with g.scope("dconv", d):
            weight = w_d.get("0.weight", hidden, channels, 3).reshape(hidden, channels, 3, *one)
            step = (dilation, *one)
            y = g.convolution(x, weight, w_d.get("0.bias", hidden), (1, *one), (dilation, *(0 for _ in one)), dilation=step, name="narrow")
            y = g.gelu(norm_by_bin(g, y, w_d.get("1.weight", hidden), w_d.get("1.bias", hidden)))
            after = 3
            if inside is not None:
                y = inside(g, w_d, y)
                after = 5
            x = g.add(x, _widened(g, w_d, y, channels, after))
    return x


def _widened(g: Graph, w: Weights, h: Value, channels: int, at: int) -> Value:
    """1x1 convolution to twice the channels, GroupNorm (one group), gated linear unit and LayerScale.

    With y = W h + b over channels c and time t: mean(y) = mean_c(W mean_t(h) + b), var(y) = mean_t |R (h - mean_t(h))|^2 / C +
    var_c(W mean_t(h) + b), where R is the triangle of W's QR decomposition.
    """
    one = flat(h)
    wide, hidden = 2 * channels, h.shape[1]
    matrix = w.get(f"{at}.weight", wide, hidden, 1)[..., 0].astype(np.float64)
    shift = w.get(f"{at}.bias", wide).astype(np.float64)
    scale = np.concatenate([w.get(f"{at + 3}.scale", channels), np.ones(channels, np.float32)])
    weight, bias = w.get(f"{at + 1}.weight", wide) * scale, w.get(f"{at + 1}.bias", wide) * scale
    stride, none = (1, *one), (0, *(0 for _ in one))

    def product(x: Value, m: Array, b: Array | None, name: str) -> Value:
        return g.convolution(x, m.reshape(*m.shape, 1, *one).astype(np.float32), b, stride, none, name=name)

    middle = g.mean(h, 2)
    turned = product(g.subtract(h, middle), np.asarray(np.linalg.qr(matrix, mode="r"), np.float32), None, "spread")
    within = g.multiply(g.mean(g.multiply(turned, turned), 1, 2), g.constant("share", np.full(1, min(wide, hidden) / wide, np.float32)))
    level = g.mean(product(middle, matrix.mean(0, keepdims=True), shift.mean(keepdims=True).astype(np.float32), "level"), 1)
    across = product(middle, matrix - matrix.mean(0), (shift - shift.mean()).astype(np.float32), "across")
    variance = g.add(within, g.mean(g.multiply(across, across), 1))
    spread = g.root(g.add(variance, g.constant("epsilon", np.full(1, EPSILON, np.float32))))
    scaled = g.divide(h, spread)
    shape = (1, channels) + (1,) * (len(h.shape) - 2)
    halves = []
    for part, rows in (("value", slice(0, channels)), ("gate", slice(channels, wide))):
        gain = weight[rows].reshape(shape)
        offset = g.divide(g.subtract(g.constant(f"{part}.shift", shift[rows].reshape(shape).astype(np.float32)), level), spread)
        offset = g.add(g.multiply(offset, g.constant(f"{part}.gain", gain)), g.constant(f"{part}.bias", bias[rows].reshape(shape)))
        halves.append(g.add(product(scaled, weight[rows, None] * matrix[rows], None, f"wide.{part}"), offset))
    return g.multiply(halves[0], g.sigmoid(halves[1]))


def _bottom(g: Graph, c: HTDemucsConfig, w: Weights, x: Value, xt: Value) -> tuple[Value, Value]:
    """The two branches as sequences of tokens [1, tokens, width], through the cross-domain transformer and back."""
    channels, windows, bins = x.shape[1:]
    channels_t = xt.shape[1]
    width = c.transformer_channels
    a = g.reshape(g.transpose(x, 0, 2, 3, 1), 1, windows * bins, channels)
    b = g.transpose(xt, 0, 2, 1)
    if c.bottom_channels:
        a = g.linear(a, w.get("channel_upsampler.weight", width, channels, 1)[..., 0], w.get("channel_upsampler.bias", width), name="up")
        b = g.linear(
            b, w.get("channel_upsampler_t.weight", width, channels_t, 1)[..., 0], w.get("channel_upsampler_t.bias", width), name="up_t"
        )
    with g.scope("crosstransformer"):
        a, b = _transformer(g, c, w.below("crosstransformer"), (a, b), (bins, windows))
    if c.bottom_channels:
        a = g.linear(
            a, w.get("channel_downsampler.weight", channels, width, 1)[..., 0], w.get("channel_downsampler.bias", channels), name="down"
        )
        b = g.linear(
            b,
            w.get("channel_downsampler_t.weight", channels_t, width, 1)[..., 0],
            w.get("channel_downsampler_t.bias", channels_t),
            name="down_t",
        )
    x = g.transpose(g.reshape(a, 1, windows, bins, channels), 0, 3, 1, 2)
    return x, g.transpose(b, 0, 2, 1)


def _transformer(g: Graph, c: HTDemucsConfig, w: Weights, pair: tuple[Value, Value], grid: tuple[int, int]) -> tuple[Value, Value]:
    a, b = pair
    width = c.transformer_channels
    weight = np.float32(c.t_weight_pos_embed)
    a = g.layer_norm(a, w.get("norm_in.weight", width), w.get("norm_in.bias", width), name="norm_in")
    a = g.add(a, g.constant("positions", weight * positions_2d(width, *grid, c.t_max_period)))
    b = g.layer_norm(b, w.get("norm_in_t.weight", width), w.get("norm_in_t.bias", width), name="norm_in_t")
    b = g.add(b, g.constant("positions_t", weight * positions_1d(width, b.shape[1], c.t_max_period)))
    for i in range(c.t_layers):
        own = i % 2 == int(c.t_cross_first)
        before = a
        with g.scope("layers", i):
            a = _attend(g, c, w.below("layers", i), a, None if own else b)
        with g.scope("layers_t", i):
            b = _attend(g, c, w.below("layers_t", i), b, None if own else before)
    return a, b


def _attend(g: Graph, c: HTDemucsConfig, w: Weights, x: Value, other: Value | None) -> Value:
    """One layer, norm first: attention to itself or to the other branch, then the feed-forward part, then a norm over everything."""
    width, hidden = c.transformer_channels, int(c.transformer_channels * c.t_hidden_scale)
    name = "self_attn" if other is None else "cross_attn"
    into = w.get(f"{name}.in_proj_weight", 3 * width, width).astype(np.float64)
    into_bias = w.get(f"{name}.in_proj_bias", 3 * width).astype(np.float64)
    into[:width] *= (width // c.t_heads) ** -0.5
    into_bias[:width] *= (width // c.t_heads) ** -0.5

    def product(y: Value, norm: str, rows: slice, label: str) -> Value:
        weight, bias = _after_norm(w, norm, width, into[rows], into_bias[rows])
        return g.linear(_plain_norm(g, y, label), weight, bias, name=label)

    if other is None:
        q, k, v = g.split(product(x, "norm1", slice(0, 3 * width), "qkv"), 2, (width,) * 3)
    else:
        q = product(x, "norm1", slice(0, width), "q")
        k, v = g.split(product(other, "norm2", slice(width, 3 * width), "kv"), 2, (width,) * 2)
    heads = g.attention(*(_by_head(g, y, c.t_heads) for y in (q, k, v)))
    together = g.reshape(g.transpose(heads, 0, 2, 1, 3), 1, x.shape[1], width)
    scale = w.get("gamma_1.scale", width)
    x = g.add(
        x,
        g.linear(
            together,
            scale[:, None] * w.get(f"{name}.out_proj.weight", width, width),
            scale * w.get(f"{name}.out_proj.bias", width),
            name="out_proj",
        ),
    )
    second = "norm2" if other is None else "norm3"
    weight, bias = _after_norm(w, second, width, w.get("linear1.weight", hidden, width), w.get("linear1.bias", hidden))
    y = g.gelu(g.linear(_plain_norm(g, x, "ff"), weight, bias, name="linear1"))
    scale = w.get("gamma_2.scale", width)
    x = g.add(x, g.linear(y, scale[:, None] * w.get("linear2.weight", width, hidden), scale * w.get("linear2.bias", width), name="linear2"))
    return _norm_of_all(g, x, w.get("norm_out.weight", width), w.get("norm_out.bias", width))


def _by_head(g: Graph, x: Value, heads: int) -> Value:
    return g.transpose(g.reshape(x, 1, x.shape[1], heads, x.shape[2] // heads), 0, 2, 1, 3)


def _after_norm(w: Weights, norm: str, width: int, weight: NDArray[np.floating], bias: NDArray[np.floating]) -> tuple[Array, Array]:
    """A product that follows LayerNorm, with the norm's own weight and bias folded in."""
    scale, shift = w.get(f"{norm}.weight", width).astype(np.float64), w.get(f"{norm}.bias", width).astype(np.float64)
    return (weight * scale).astype(np.float32), (bias + weight @ shift).astype(np.float32)


def _plain_norm(g: Graph, x: Value, name: str) -> Value:
    width = x.shape[-1]
    return g.layer_norm(x, np.ones(width, np.float32), np.zeros(width, np.float32), name=f"{name}.norm")


def _norm_of_all(g: Graph, x: Value, weight: Array, bias: Array) -> Value:
    """GroupNorm with one group over tokens and channels of [1, tokens, channels]."""
    one = np.ones(1, np.float32)
    y = g.group_norm(g.reshape(x, 1, 1, x.shape[1] * x.shape[2]), 1, one, 0 * one, name="norm_out")
    y = g.multiply(g.reshape(y, *x.shape), g.constant("norm_out.gain", weight))
    return g.add(y, g.constant("norm_out.offset", bias))


def positions_1d(width: int, length: int, max_period: float) -> Array:
    """Cosines, then sines, of position over geometric periods -> [1, length, width]."""
    half = width // 2
    phase = np.arange(length)[:, None] / max_period ** (np.arange(half) / (half - 1))
    return np.concatenate([np.cos(phase), np.sin(phase)], 1).astype(np.float32)[None]


def positions_2d(width: int, bins: int, windows: int, max_period: float) -> Array:
    """First half of the channels by window, second half by bin, sines and cosines in turn -> [1, windows * bins, width]."""
    half = width // 2
    rate = np.exp(np.arange(0, half, 2) * -(math.log(max_period) / half))
    table = np.zeros((windows, bins, width))
    by_window, by_bin = np.arange(windows)[:, None] * rate, np.arange(bins)[:, None] * rate
    table[..., 0:half:2], table[..., 1:half:2] = np.sin(by_window)[:, None], np.cos(by_window)[:, None]
    table[..., half::2], table[..., half + 1 :: 2] = np.sin(by_bin), np.cos(by_bin)
    return table.reshape(1, windows * bins, width).astype(np.float32)
