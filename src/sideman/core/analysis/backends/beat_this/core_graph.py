"""The network between its spectrum and its two logits, for a fixed number of frames; sizes are read off the checkpoint's tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.graph import Array, Graph, Value, Weights
from sideman.core.models.roformer_layers import AttentionSizes, attention, feed_forward, normed
from sideman.errors import UnusableModel

EPSILON = 1e-5
FRONT_BLOCKS = 3
DIM_HEAD = 32


@dataclass(frozen=True, slots=True)
class BeatThisConfig:
    bands: int
    stem_dim: int
    dim: int
    layers: int
    ff_hidden: int

    @classmethod
    def of(cls, tensors: dict[str, NDArray[np.generic]]) -> BeatThisConfig:
        """Raises UnusableModel for a checkpoint of something else."""
        try:
            layers = [int(k.split(".")[2]) for k in tensors if k.startswith("transformer_blocks.layers.")]
            return cls(
                bands=tensors["frontend.stem.bn1d.weight"].shape[0], stem_dim=tensors["frontend.stem.conv2d.weight"].shape[0],
                dim=tensors["frontend.linear.weight"].shape[0], layers=max(layers) + 1,
                ff_hidden=tensors["transformer_blocks.layers.0.1.net.1.weight"].shape[0],
            )  # fmt: skip
        except (KeyError, ValueError, IndexError) as error:
            raise UnusableModel(f"this is no checkpoint of Beat This! ({error}): nothing was installed") from error


def build(config: BeatThisConfig, weights: Weights, frames: int) -> Graph:
    """spectrum [1, frames, bands] -> logits [1, frames, 2]: beat, downbeat. Raises UnusableModel, naming tensors."""
    g, c = Graph(), config
    x = g.transpose(g.input("spectrum", 1, frames, c.bands), 0, 2, 1)
    x = _stem(g, c, weights.below("frontend", "stem"), g.reshape(x, 1, 1, c.bands, frames))
    dim = c.stem_dim
    for i in range(FRONT_BLOCKS):
        with g.scope("frontend", i):
            x = _front_block(g, weights.below("frontend", "blocks", i), x, dim)
        dim *= 2
    bands = x.shape[2]
    x = g.reshape(g.transpose(x, 0, 3, 1, 2), 1, frames, dim * bands)
    x = g.linear(x, weights.get("frontend.linear.weight", c.dim, dim * bands), weights.get("frontend.linear.bias", c.dim), name="into")
    sizes = AttentionSizes(c.dim, c.dim // DIM_HEAD, DIM_HEAD, c.ff_hidden)
    blocks = weights.below("transformer_blocks")
    for i in range(c.layers):
        with g.scope("layers", i):
            x = g.add(attention(g, sizes, blocks.below("layers", i, 0), x), x)
            x = g.add(feed_forward(g, sizes, blocks.below("layers", i, 1, "net"), x), x)
    gain = blocks.get("norm.gamma", c.dim)
    heads = weights.below("task_heads", "beat_downbeat_lin")
    weight, bias = heads.get("weight", 2, c.dim), heads.get("bias", 2)
    added = np.array([[1, 1], [0, 1]], np.float32)  # a downbeat is a beat: its logit is added to that of the beat
    g.output("logits", g.linear(normed(g, x), (added @ weight) * gain, added @ bias, name="heads"))
    weights.check("Beat This!")
    return g


def _folded(w: Weights, size: int) -> tuple[Array, Array]:
    """Gain and shift of a batch norm in use."""
    gain = w.get("weight", size) / np.sqrt(w.get("running_var", size) + np.float32(EPSILON))
    return gain, w.get("bias", size) - w.get("running_mean", size) * gain


def _stem(g: Graph, c: BeatThisConfig, w: Weights, x: Value) -> Value:
    gain, shift = _folded(w.below("bn1d"), c.bands)
    x = g.add(g.multiply(x, g.constant("gain", gain[:, None])), g.constant("shift", shift[:, None]))
    gain, shift = _folded(w.below("bn2d"), c.stem_dim)
    weight = w.get("conv2d.weight", c.stem_dim, 1, 4, 3) * gain[:, None, None, None]
    return g.gelu(g.convolution(x, weight, shift, (4, 1), (0, 1), name="stem"))


def _front_block(g: Graph, w: Weights, x: Value, dim: int) -> Value:
    """x [1, dim, bands, frames] -> [1, 2 dim, bands / 2, frames]; attention over bands, then over time."""
    _, _, bands, frames = x.shape
    sizes, partial = AttentionSizes(dim, dim // DIM_HEAD, DIM_HEAD, 4 * dim), w.below("partial")
    y = g.reshape(g.transpose(x, 0, 3, 2, 1), frames, bands, dim)
    for end, turn in (("F", True), ("T", False)):
        with g.scope(end):
            y = g.add(attention(g, sizes, partial.below(f"attn{end}"), y), y)
            y = g.add(feed_forward(g, sizes, partial.below(f"ff{end}", "net"), y), y)
        y = g.transpose(y, 1, 0, 2) if turn else y
    x = g.reshape(g.transpose(y, 2, 0, 1), 1, dim, bands, frames)
    gain, shift = _folded(w.below("norm"), 2 * dim)
    weight = w.get("conv2d.weight", 2 * dim, dim, 2, 3) * gain[:, None, None, None]
    return g.gelu(g.convolution(x, weight, shift, (2, 1), (0, 1), name="conv"))
