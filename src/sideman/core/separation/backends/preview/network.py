"""The mask network in plain numpy, float32: convolutions as matrix products over [windows, bands, channels] arrays.

A U-Net of 24, 40 and 80 channels with dilated convolutions at the bottom and frequency-mixing linear blocks, then a second look at the
lowest bands; softmax over four sources, so the masks sum to one. 438 k parameters, trained only on songs that the project synthesises
(training/separation).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sideman.core.separation.backends.preview.bands import BANDS

Array = NDArray[np.float32]
WEIGHTS = Path(__file__).parent / "weights.npz"
LOW_ROWS, LOW_BLOCKS = 32, 5
POOLING = 4
"""Windows are pooled by four in time: block borders must lie on multiples of it."""


class MaskNetwork:
    def __init__(self, weights: dict[str, Array]) -> None:
        self._w: dict[str, Array] = {}
        self._shape: dict[str, tuple[int, ...]] = {}
        for name, value in weights.items():
            w = value.astype(np.float32)
            if w.ndim == 4:  # [out, in, bands, windows] -> [windows, bands * in, out]
                layer = name.removesuffix(".weight")
                self._shape[layer] = w.shape
                w = np.ascontiguousarray(w.transpose(3, 2, 1, 0)).reshape(w.shape[3], -1, w.shape[0])
            self._w[name] = w

    @classmethod
    @cache
    def default(cls) -> MaskNetwork:
        with np.load(WEIGHTS) as stored:
            return cls({k: stored[k] for k in stored.files})

    def _conv(self, x: Array, name: str, dilation: int = 1, stride: int = 1, relu: bool = True) -> Array:
        """x [windows, bands, in]: kernel over bands and (dilated) windows, stride over bands."""
        outputs, inputs, in_bands, in_windows = self._shape[name]
        w, bias = self._w[f"{name}.weight"], self._w[f"{name}.bias"]
        windows, bands, _ = x.shape
        if in_bands == 1:
            return (x.reshape(-1, inputs) @ w.reshape(inputs, outputs) + bias).reshape(windows, bands, outputs)
        padded = np.zeros((windows + 2 * dilation, bands + in_bands - 1, inputs), np.float32)
        padded[dilation : dilation + windows, in_bands // 2 : in_bands // 2 + bands] = x
        out_bands = (bands - 1) // stride + 1
        view = sliding_window_view(padded, in_bands, axis=1)[:, ::stride]
        columns = np.ascontiguousarray(view.transpose(0, 1, 3, 2)).reshape(-1, out_bands, in_bands * inputs)
        y = np.zeros((windows * out_bands, outputs), np.float32)
        for tap in range(in_windows):  # one product per tap in time: columns are gathered once, over bands only
            there = columns[tap * dilation : tap * dilation + windows].reshape(windows * out_bands, in_bands * inputs)
            y += there @ w[tap]
        y += bias
        if relu:
            np.maximum(y, 0, out=y)
        return y.reshape(windows, out_bands, outputs)

    def _mix(self, x: Array, name: str) -> Array:
        w = self._w
        h = np.maximum(x.transpose(0, 2, 1) @ w[f"{name}.down.weight"].T + w[f"{name}.down.bias"], 0)
        return x + (h @ w[f"{name}.up.weight"].T + w[f"{name}.up.bias"]).transpose(0, 2, 1)

    def __call__(self, features: Array) -> Array:
        """features [5, BANDS, windows] (three of the moment, two of the whole recording) -> masks [4, BANDS, windows]: drums, bass, vocals, other."""
        windows = features.shape[2]
        x = np.pad(features, ((0, 0), (0, 0), (0, -windows % POOLING)), mode="edge").transpose(2, 1, 0)
        position = np.broadcast_to(np.linspace(-1, 1, BANDS, dtype=np.float32)[None, :, None], (x.shape[0], BANDS, 1))
        x = np.concatenate([x, position], 2)
        e1 = self._conv(x, "enc0", stride=2)
        e1 = e1 + self._conv(e1, "enc1")
        e2 = self._conv(self._mix(self._conv(_pool(e1), "enc2"), "mix2"), "enc3")
        h = self._mix(self._conv(_pool(e2), "mid0"), "mix3")
        h = h + self._conv(h, "mid1", 2)
        h = self._mix(h + self._conv(h, "mid2", 4), "mix4")
        h = h + self._conv(h, "mid3", 8)
        h = self._mix(h + self._conv(h, "mid4", 16), "mix5")
        h = h + self._conv(h, "mid5")
        h = self._conv(_unpool(self._conv(h, "red2")) + e2, "dec2")
        h = _unpool(self._conv(h, "red1")) + e1
        h = h + self._conv(h, "dec1")
        z = self._conv(h, "out")
        z[:, :LOW_ROWS] += self._low(h[:, :LOW_ROWS])
        z = z.reshape(x.shape[0], BANDS // 2, 4, 2).transpose(2, 1, 3, 0).reshape(4, BANDS, x.shape[0])[:, :, :windows]
        z = np.exp(z - z.max(0))
        return np.asarray(z / z.sum(0), np.float32)

    def _low(self, h: Array) -> Array:
        """A second look at the lowest 64 bands [windows, LOW_ROWS, channels] at full resolution: a bass note and a kick share them."""
        x = np.maximum(self._conv(h, "low_in"), 0)
        for k in range(LOW_BLOCKS):
            x = self._mix(x + self._conv(x, f"low.{k}", 2**k), f"low_mix.{k}")
        return self._conv(x, "low_out")


def _pool(x: Array) -> Array:
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) * np.float32(0.25)


def _unpool(x: Array) -> Array:
    return x.repeat(2, 0).repeat(2, 1)
