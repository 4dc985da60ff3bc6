"""A band-split RoFormer between its STFT and its mask, as a Graph.

Input: x [1, windows, numbers], the bands of the spectrum one after another. Output: masks [stems, windows, numbers], in the same order.
"""

from __future__ import annotations

from sideman.core.models.graph import Graph, Value, Weights
from sideman.core.models.roformer_layers import AttentionSizes, attention, feed_forward, normed
from sideman.core.separation.backends.roformer.configuration import RoformerConfig


def build(config: RoformerConfig, weights: Weights) -> Graph:
    """Raises UnusableModel, naming tensors, when the checkpoint is not of this configuration."""
    g, c = Graph(), config
    x = g.input("x", 1, c.windows, sum(c.band_widths))
    parts = []
    for i, (part, width) in enumerate(zip(g.split(x, 2, c.band_widths), c.band_widths, strict=True)):
        w = weights.below("band_split", "to_features", i)
        with g.scope("band_split", i):
            y = g.linear(normed(g, part), w.get("1.weight", c.dim, width) * w.get("0.gamma", width), w.get("1.bias", c.dim))
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
        y = g.multiply(normed(g, y), g.constant("final_norm", weights.get("final_norm.gamma", c.dim)))
    bands = [g.reshape(b, 1, c.windows, c.dim) for b in g.split(y, 1, (1,) * len(parts))]
    masks = [_mask(g, c, weights.below("mask_estimators", s), bands) for s in range(c.stems)]
    g.output("masks", masks[0] if c.stems == 1 else g.concat(masks, 0))
    weights.check("a band-split RoFormer of these sizes")
    return g


def _transformer(g: Graph, c: RoformerConfig, w: Weights, x: Value, depth: int) -> Value:
    """x [batch, tokens, dim]."""
    sizes = AttentionSizes(c.dim, c.heads, c.dim_head, c.ff_hidden)
    for i in range(depth):
        with g.scope(i):
            x = g.add(attention(g, sizes, w.below("layers", i, 0), x), x)
            x = g.add(feed_forward(g, sizes, w.below("layers", i, 1, "net"), x), x)
    return x if c.final_norm else g.multiply(normed(g, x), g.constant("norm", w.get("norm.gamma", c.dim)))


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
