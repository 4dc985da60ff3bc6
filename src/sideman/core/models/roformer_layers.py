"""Layers that RoFormers share (rotary attention with gates, RMS norms, feed-forward), with the names of lucidrains' modules.

Gains of the norms are folded into the products behind them; each head's pairs of rotary dimensions lie apart as two halves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sideman.core.models.graph import Array, Graph, Value, Weights


@dataclass(frozen=True, slots=True)
class AttentionSizes:
    dim: int
    heads: int
    dim_head: int
    ff_hidden: int


def normed(g: Graph, x: Value) -> Value:
    """Divided by its root mean square over the last axis; RMSNorm without its gain."""
    square = g.mean(g.multiply(x, x), len(x.shape) - 1)
    return g.divide(x, g.root(g.add(square, g.constant("tiny", np.full(1, 1e-24, np.float32)))))


def feed_forward(g: Graph, c: AttentionSizes, w: Weights, x: Value) -> Value:
    """x [batch, tokens, dim]; `w` is below `net`."""
    gain = w.get("0.gamma", c.dim)
    y = g.gelu(g.linear(normed(g, x), w.get("1.weight", c.ff_hidden, c.dim) * gain, w.get("1.bias", c.ff_hidden), name="ff1"))
    return g.linear(y, w.get("4.weight", c.dim, c.ff_hidden), w.get("4.bias", c.dim), name="ff2")


def attention(g: Graph, c: AttentionSizes, w: Weights, x: Value) -> Value:
    """x [batch, tokens, dim]."""
    batch, tokens, _ = x.shape
    inner = c.heads * c.dim_head
    gain = w.get("norm.gamma", c.dim)
    into = w.get("to_qkv.weight", 3 * inner, c.dim) * gain
    halves = np.concatenate([np.arange(0, c.dim_head, 2), np.arange(1, c.dim_head, 2)])
    rows = (np.arange(c.heads)[:, None] * c.dim_head + halves).ravel()
    q, k, v = into[:inner][rows] * np.float32(c.dim_head**-0.5), into[inner : 2 * inner][rows], into[2 * inner :]
    y = normed(g, x)
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


def _rotary(g: Graph, c: AttentionSizes, w: Weights, tokens: int) -> tuple[Value, Value]:
    """Cosines and sines of position times frequency, [1, 1, tokens, dim_head / 2]; the checkpoint may bring the frequencies."""
    half = c.dim_head // 2
    name = "rotary_embed.freqs"
    frequencies = w.get(name, half) if name in w else 10000.0 ** -(np.arange(half) / half)
    phase = np.arange(tokens)[:, None] * np.asarray(frequencies, np.float64)
    return (
        g.constant("cosine", np.cos(phase).astype(np.float32)[None, None]),
        g.constant("sine", np.sin(phase).astype(np.float32)[None, None]),
    )
