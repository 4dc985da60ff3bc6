"""Pieces of networks that several families of separators share."""

from __future__ import annotations

import numpy as np

from sideman.core.models.graph import Array, Graph, Value

EPSILON = 1e-5


def norm_by_bin(g: Graph, x: Value, weight: Array, bias: Array) -> Value:
    """GroupNorm with one group over channels and time, [1, channels, time(, bins)], each bin on its own."""
    shape = (1, len(weight)) + (1,) * (len(x.shape) - 2)
    centred = g.subtract(x, g.mean(x, 1, 2))
    spread = g.root(g.add(g.mean(g.multiply(centred, centred), 1, 2), g.constant("epsilon", np.full(1, EPSILON, np.float32))))
    scaled = g.multiply(g.divide(centred, spread), g.constant("norm.weight", weight.reshape(shape)))
    return g.add(scaled, g.constant("norm.bias", bias.reshape(shape)))
