"""A band-split RoFormer between its STFT and its mask, as a Graph.

Input: x [1, windows, numbers], the bands of the spectrum one after another. Output: masks [stems, windows, numbers], in the same order.
Gains of the norms are folded into the products behind them; each head's pairs of rotary dimensions lie apart as two halves.
"""

from __future__ import annotations

import numpy as np

from sideman.core.models.graph import Array, Graph, Value, Weights
from sideman.core.separation.backends.roformer.configuration import RoformerConfig


def build(config: RoformerConfig, weights: Weights) -> Graph:
    """Raises UnusableModel, naming tensors, when the checkpoint is not of this configuration."""
    g, c = Graph(), config
    x = g.input("x", 1, c.windows, sum(c.band_widths))
    parts = []
    for i, (part, width) in enumerate(zip(g.split(x, 2, c.band_widths), c.band_widths, strict=True)):
        w = weights.below("band_split", "to_features", i)
        with g.scope("band_split", i):
            y = g.linear(_normed(g, part), w.get("1.weight", c.dim, width) * w.get("0.gamma", width), w.get("1.bias", c.dim))
        parts.append(g.reshape(y, 1, c.windows, 1, c.dim))
    y = g.reshape(g.concat(parts, 2), c.windows, len(parts), c.dim)
    for i in range(c.depth):
        y = g.transpose(y, 1, 0, 2)  # bands are the batch of the transformer over time
        with g.scope("layers", i, "time"):
            y = _transformer(g, c, weights.below("layers", i, 0), y, c.time_depth)
        y = g.transpose(y, 1, 0, 2)
        with g.scope("layers", i, "bands"):
            y = _transformer(g, c, weights.below("layers", i, 1), y, c.band_depth)
    if c.final_norm:
        y = g.multiply(_normed(g, y), g.constant("final_norm", weights.get("final_norm.gamma", c.dim)))
    bands = [g.reshape(b, 1, c.windows, c.dim) for b in g.split(y, 1, (1,) * len(parts))]
    masks = [_mask(g, c, weights.below("mask_estimators", s), bands) for s in range(c.stems)]
    g.output("masks", masks[0] if c.stems == 1 else g.concat(masks, 0))
    weights.check("a band-split RoFormer of these sizes")
    return g


def _normed(g: Graph, x: Value) -> Value:
    """Divided by its root mean square over the last axis; RMSNorm without its gain."""
    square = g.mean(g.multiply(x, x), len(x.shape) - 1)
    return g.divide(x, g.root(g.add(square, g.constant("tiny", np.full(1, 1e-24, np.float32)))))


def _transformer(g: Graph, c: RoformerConfig, w: Weights, x: Value, depth: int) -> Value:
    """x [batch, tokens, dim]."""
    for i in range(depth):
        with g.scope(i):
            x = g.add(_attention(g, c, w.below("layers", i, 0), x), x)
            f = w.below("layers", i, 1, "net")
            gain = f.get("0.gamma", c.dim)
            y = g.gelu(g.linear(_normed(g, x), f.get("1.weight", c.ff_hidden, c.dim) * gain, f.get("1.bias", c.ff_hidden), name="ff1"))
            x = g.add(g.linear(y, f.get("4.weight", c.dim, c.ff_hidden), f.get("4.bias", c.dim), name="ff2"), x)
    return x if c.final_norm else g.multiply(_normed(g, x), g.constant("norm", w.get("norm.gamma", c.dim)))


def _attention(g: Graph, c: RoformerConfig, w: Weights, x: Value) -> Value:
    batch, tokens, _ = x.shape
    inner = c.heads * c.dim_head
    gain = w.get("norm.gamma", c.dim)
    into = w.get("to_qkv.weight", 3 * inner, c.dim) * gain
    halves = np.concatenate([np.arange(0, c.dim_head, 2), np.arange(1, c.dim_head, 2)])
    rows = (np.arange(c.heads)[:, None] * c.dim_head + halves).ravel()
    q, k, v = into[:inner][rows] * np.float32(c.dim_head**-0.5), into[inner : 2 * inner][rows], into[2 * inner :]
    y = _normed(g, x)
    cosine, sine = _rotary(g, c, w, tokens)

    def by_head(weight: Array, name: str) -> Value:
        z = g.linear(y, weight, None, name=name)
        return g.transpose(g.reshape(z, batch, tokens, c.heads, c.dim_head), 0, 2, 1, 3)

    def turned(z: Value) -> Value:
        a, b = g.split(z, 3, (c.dim_head // 2,) * 2)
        return g.concat([g.subtract(g.multiply(a, cosine), g.multiply(b, sine)), g.add(g.multiply(b, cosine), g.multiply(a, sine))], 3)

    heads = g.attention(turned(by_head(q, "q")), turned(by_head(k, "k")), by_head(v, "v"))
    gates = g.sigmoid(g.linear(y, w.get("to_gates.weight", c.heads, c.dim) * gain, w.get("to_gates.bias", c.heads), name="gates"))
    open_gates = g.reshape(g.transpose(gates, 0, 2, 1), batch, c.heads, tokens, 1)
    together = g.reshape(g.transpose(g.multiply(heads, open_gates), 0, 2, 1, 3), batch, tokens, inner)
    return g.linear(together, w.get("to_out.0.weight", c.dim, inner), None, name="out")


def _rotary(g: Graph, c: RoformerConfig, w: Weights, tokens: int) -> tuple[Value, Value]:
    """Cosines and sines of position times frequency, [1, 1, tokens, dim_head / 2]; the checkpoint may bring the frequencies."""
    half = c.dim_head // 2
    name = "rotary_embed.freqs"
    frequencies = w.get(name, half) if name in w else 10000.0 ** -(np.arange(half) / half)
    phase = np.arange(tokens)[:, None] * np.asarray(frequencies, np.float64)
    return (
        g.constant("cosine", np.cos(phase).astype(np.float32)[None, None]),
        g.constant("sine", np.sin(phase).astype(np.float32)[None, None]),
    )


def _mask(g: Graph, c: RoformerConfig, w: Weights, bands: list[Value]) -> Value:
    """[1, windows, numbers] of one stem."""
    out = []
    for i, (band, width) in enumerate(zip(bands, c.band_widths, strict=True)):
        y = band
        m = w.below("to_freqs", i, 0)
        for layer in range(c.mask_layers):
            last = layer == c.mask_layers - 1
            shape = (2 * width if last else c.hidden, c.dim if layer == 0 else c.hidden)
            with g.scope("mask", i, layer):
                y = g.linear(y, m.get(f"{2 * layer}.weight", *shape), m.get(f"{2 * layer}.bias", shape[0]))
            y = y if last else g.tanh(y)
        out.append(g.glu(y, 2))
    return g.concat(out, 2)
