"""SCNet between its STFT and its iSTFT, as a Graph: sparse down-sampling of three bands, a dual-path LSTM, and the way back.

Input: x [1, 2 * channels, windows, bins], the normalised spectrum, real and imaginary parts in turn. Output: y [1, stems * 2 * channels,
windows, bins]. Tong et al.: SCNet: Sparse Compression Network for Music Source Separation (ICASSP 2024).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.graph import Graph, Lstm, Value, Weights
from sideman.core.separation.layers import norm_by_bin
from sideman.errors import UnusableModel

SAMPLE_RATE_HZ = 44100


@dataclass(frozen=True)
class ScnetConfig:
    """dims: channels of each level. kernels, depths: of the low, middle and high band. shares: of the bins that are low and middle."""

    dims: tuple[int, ...]
    kernels: tuple[int, ...]
    depths: tuple[int, ...]
    hidden: tuple[int, ...]
    layers: int
    expand: int
    stems: int
    size: int = 4096
    hop: int = 1024
    segment_frames: int = 11 * SAMPLE_RATE_HZ
    shares: tuple[float, float] = (0.175, 0.392)

    @property
    def channels(self) -> int:
        return self.dims[0] // 2

    @property
    def padded_frames(self) -> int:
        """So long that the number of windows is even, which the LSTM's Fourier transform needs."""
        padding = self.hop - self.segment_frames % self.hop
        if (self.segment_frames + padding) // self.hop % 2 == 0:
            padding += self.hop
        return self.segment_frames + padding

    @property
    def windows(self) -> int:
        return self.padded_frames // self.hop + 1

    @classmethod
    def from_checkpoint(cls, tensors: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str]) -> ScnetConfig:
        """Read off the shapes of the tensors. Raises UnusableModel when they are no SCNet's."""
        try:
            levels = 1 + max(int(m.group(1)) for k in tensors if (m := re.match(r"encoder\.(\d+)\.", k)))
            down = [tensors[f"encoder.{i}.SDlayer.convs.0.weight"].shape for i in range(levels)]
            dims = (down[0][1], *(s[0] for s in down))
            kernels = tuple(tensors[f"encoder.0.SDlayer.convs.{b}.weight"].shape[2] for b in range(3))
            inside = re.compile(r"encoder\.0\.conv_modules\.(\d)\.layers\.(\d+)\.")
            found = [(int(m.group(1)), int(m.group(2))) for k in tensors if (m := inside.match(k))]
            depths = tuple(1 + max((d for b, d in found if b == band), default=-1) for band in range(3))
            hidden = tuple(tensors[f"encoder.{i}.conv_modules.0.layers.0.6.weight"].shape[1] for i in range(levels))
            layers = 1 + max(int(m.group(1)) for k in tensors if (m := re.match(r"separation_net\.dp_modules\.(\d+)\.", k)))
            expand = tensors["separation_net.dp_modules.0.lstm_layers.0.weight_hh_l0"].shape[1] // dims[-1]
            stems = tensors[f"decoder.{levels - 1}.1.convtrs.0.weight"].shape[1] // dims[0]
            more: dict[str, Any] = {k: int(metadata[k]) for k in ("size", "hop", "segment_frames") if k in metadata}
            return cls(dims, kernels, depths, hidden, layers, expand, stems, **more)
        except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
            raise UnusableModel(f"this is not an SCNet that Sideman knows: {error}") from error


def build(config: ScnetConfig, weights: Weights) -> Graph:
    """Raises UnusableModel, naming tensors, when the checkpoint is not of this configuration."""
    g, c = Graph(), config
    x = g.input("x", 1, c.dims[0], c.windows, c.size // 2 + 1)
    skips, lengths, originals = [], [], []
    for i in range(len(c.dims) - 1):
        with g.scope("encoder", i):
            x, skip, new, old = _down(g, c, weights.below("encoder", i), x, i)
        skips.append(skip)
        lengths.append(new)
        originals.append(old)
    for i in range(c.layers):
        with g.scope("dual_path", i):
            x = _dual_path(g, c, weights.below("separation_net", "dp_modules", i), x)
            x = _transform(g, x, c.windows, inverse=i % 2 == 1)
    for i in range(len(c.dims) - 1):
        level = len(c.dims) - 2 - i
        with g.scope("decoder", i):
            out = c.dims[level] * (c.stems if level == 0 else 1)
            x = _up(g, c, weights.below("decoder", i), g.add(x, skips[level]), (out, lengths[level], originals[level]))
    g.output("y", x)
    weights.check("an SCNet of these sizes")
    return g


def _strides(c: ScnetConfig) -> tuple[int, ...]:
    """The low band keeps its bins; the others are compressed by as much as their kernel spans."""
    return (1, *c.kernels[1:])


def _down(g: Graph, c: ScnetConfig, w: Weights, x: Value, level: int) -> tuple[Value, Value, list[int], list[int]]:
    bins, out = x.shape[3], c.dims[level + 1]
    low, middle = math.ceil(bins * c.shares[0]), math.ceil(bins * (c.shares[0] + c.shares[1]))
    sizes = (low, middle - low, bins - middle)
    parts = []
    for b, (part, kernel, stride) in enumerate(zip(g.split(x, 3, sizes), c.kernels, _strides(c), strict=True)):
        padding = kernel - stride if stride == 1 else -sizes[b] % stride
        part = g.pad(part, 3, padding // 2, padding - padding // 2) if padding else part
        weight = w.get(f"SDlayer.convs.{b}.weight", out, x.shape[1], kernel, 1).swapaxes(2, 3)
        y = g.convolution(part, weight, w.get(f"SDlayer.convs.{b}.bias", out), (1, stride), (0, 0))
        with g.scope("band", b):
            parts.append(g.gelu(_convolutions(g, w.below("conv_modules", b), y, (c.depths[b], c.hidden[level]))))
    whole = g.concat(parts, 3)
    weight = w.get("globalconv.weight", out, out, 3, 3).swapaxes(2, 3)
    y = g.convolution(whole, weight, w.get("globalconv.bias", out), (1, 1), (1, 1), name="globalconv")
    return y, whole, [p.shape[3] for p in parts], list(sizes)


def _convolutions(g: Graph, w: Weights, x: Value, sizes: tuple[int, int]) -> Value:
    """Gated and depth-wise convolutions over time, every bin with norms of its own."""
    depth, hidden = sizes
    channels = x.shape[1]
    for d in range(depth):
        m = w.below("layers", d)
        with g.scope("conv", d):
            y = norm_by_bin(g, x, m.get("0.weight", channels), m.get("0.bias", channels))
            kernel = m.get("1.weight", 2 * hidden, channels, 3)[..., None]
            y = g.glu(g.convolution(y, kernel, m.get("1.bias", 2 * hidden), (1, 1), (1, 0), name="gated"), 1)
            y = g.convolution(y, m.get("3.weight", hidden, 1, 3)[..., None], m.get("3.bias", hidden), (1, 1), (1, 0), name="depthwise")
            y = norm_by_bin(g, y, m.get("4.weight", hidden), m.get("4.bias", hidden))
            y = g.multiply(y, g.sigmoid(y))
            y = g.convolution(y, m.get("6.weight", channels, hidden, 1)[..., None], m.get("6.bias", channels), (1, 1), (0, 0), name="out")
            x = g.add(x, y)
    return x


def _dual_path(g: Graph, c: ScnetConfig, w: Weights, x: Value) -> Value:
    """Two LSTMs, over bins and over time, each behind a norm and in front of a product."""
    width = x.shape[1]
    hidden = width * c.expand
    for path, order in enumerate(((3, 2, 0, 1), (2, 3, 0, 1))):
        y = g.group_norm(x, 1, w.get(f"norm_layers.{path}.weight", width), w.get(f"norm_layers.{path}.bias", width), name=f"norm{path}")
        y = g.transpose(y, *order)
        y = g.reshape(y, y.shape[0], y.shape[1], width)
        y = g.lstm(y, Lstm.of(w.below("lstm_layers", path), (width, hidden)), name=f"lstm{path}")
        weight, bias = w.get(f"linear_layers.{path}.weight", width, 2 * hidden), w.get(f"linear_layers.{path}.bias", width)
        y = g.reshape(g.linear(y, weight, bias, name=f"linear{path}"), y.shape[0], y.shape[1], 1, width)
        back = (2, 3, 1, 0) if path == 0 else (2, 3, 0, 1)
        x = g.add(g.transpose(y, *back), x)
    return x


def _transform(g: Graph, x: Value, windows: int, inverse: bool) -> Value:
    """Real Fourier transform over time and back (orthonormal), as products; real and imaginary parts are halves of the channels."""
    k, t = np.arange(windows // 2 + 1), np.arange(windows)
    phase = 2 * np.pi * np.outer(k, t) / windows
    scale = windows**-0.5
    if not inverse:
        real, imaginary = np.cos(phase) * scale, -np.sin(phase) * scale
        parts = [g.matmul(g.constant(n, m.astype(np.float32)), x) for n, m in (("cosine", real), ("sine", imaginary))]
        return g.concat(parts, 1)
    twice = np.where((k == 0) | (k == windows // 2), 1.0, 2.0)[:, None] * scale
    half = x.shape[1] // 2
    a, b = g.split(x, 1, (half, half))
    cosine, sine = (np.cos(phase) * twice).T, (-np.sin(phase) * twice).T
    return g.add(g.matmul(g.constant("cosine", cosine.astype(np.float32)), a), g.matmul(g.constant("sine", sine.astype(np.float32)), b))


def _up(g: Graph, c: ScnetConfig, w: Weights, x: Value, sizes: tuple[int, list[int], list[int]]) -> Value:
    """Gated convolution and transposed convolutions per band. Both halves of the fusion's input are the same, so its kernels are summed."""
    out, lengths, originals = sizes
    channels = x.shape[1]
    weight = w.get("0.conv.weight", 2 * channels, 2 * channels, 3, 3)
    weight = (weight[:, :channels] + weight[:, channels:]).swapaxes(2, 3)
    x = g.glu(g.convolution(x, weight, w.get("0.conv.bias", 2 * channels), (1, 1), (1, 1), name="fusion"), 1)
    parts = []
    for b, (part, kernel, stride) in enumerate(zip(g.split(x, 3, lengths), c.kernels, _strides(c), strict=True)):
        full = (lengths[b] - 1) * stride + kernel
        before = abs(originals[b] - full) // 2
        weight = w.get(f"1.convtrs.{b}.weight", channels, out, kernel, 1).swapaxes(2, 3)
        trim = [(0, 0), (before, full - before - originals[b])]
        parts.append(g.transposed_convolution(part, weight, w.get(f"1.convtrs.{b}.bias", out), (1, stride), trim, name=f"up{b}"))
    return g.concat(parts, 3)
