"""A neural graph in our own words: built by the code of a model family, run by any runtime of `sideman.core.models.runtime`.

Static shapes, float32, inference only. The operators are ONNX's, opset 21 (https://onnx.ai/onnx/operators), so that `onnx_file` writes
them as they are; `torch_graph` runs the same nodes on a GPU. Weights keep the names of the checkpoint they came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sideman.errors import UnusableModel

Array = NDArray[np.float32]
Attribute = int | float | str | tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """What flows between nodes."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Lstm:
    """Weights of one bidirectional layer in ONNX's order of gates (input, output, forget, cell): into [2, 4 * hidden, in],
    recurrent [2, 4 * hidden, hidden], bias [2, 8 * hidden], peepholes [2, 3 * hidden] where the gates see the cell."""

    into: Array
    recurrent: Array
    bias: Array
    peepholes: Array | None = None

    @classmethod
    def of(cls, weights: Weights, sizes: tuple[int, int], layer: int = 0) -> Lstm:
        """From a torch LSTM: sizes are (in, hidden), layer counts from 0."""
        width, hidden = sizes
        parts: tuple[list[Array], list[Array], list[Array]] = ([], [], [])
        for end in (f"l{layer}", f"l{layer}_reverse"):
            parts[0].append(_gates(weights.get(f"weight_ih_{end}", 4 * hidden, width)))
            parts[1].append(_gates(weights.get(f"weight_hh_{end}", 4 * hidden, hidden)))
            both = [_gates(weights.get(f"bias_{kind}_{end}", 4 * hidden)) for kind in ("ih", "hh")]
            parts[2].append(np.concatenate(both))
        return cls(np.stack(parts[0]), np.stack(parts[1]), np.stack(parts[2]))


@dataclass(frozen=True)
class Recurrent:
    """Weights of one bidirectional layer of tanh units: into [2, hidden, in], recurrent [2, hidden, hidden], bias [2, 2 * hidden]."""

    into: Array
    recurrent: Array
    bias: Array


def _gates(x: Array) -> Array:
    """torch keeps input, forget, cell, output; ONNX input, output, forget, cell."""
    i, f, c, o = np.split(x, 4)
    return np.concatenate([i, o, f, c])


@dataclass(frozen=True)
class Node:
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass
class _Fit:
    """What was asked of a checkpoint so far."""

    used: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


class Weights:
    """The tensors of a checkpoint, handed out under a prefix; remembers which were asked for and which did not fit."""

    def __init__(self, tensors: Mapping[str, NDArray[np.generic]], prefix: str = "", fit: _Fit | None = None) -> None:
        self._tensors, self._prefix, self._fit = tensors, prefix, fit or _Fit()

    def below(self, *names: str | int) -> Weights:
        return Weights(self._tensors, self._prefix + "".join(f"{n}." for n in names), self._fit)

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._tensors

    def get(self, name: str, *shape: int) -> Array:
        """The tensor as float32; a missing or misshapen one is remembered and replaced by zeros, for `check` to name them all."""
        full = self._prefix + name
        found = self._tensors.get(full)
        self._fit.used.add(full)
        if found is None or found.shape != shape:
            self._fit.wrong.append(f"{full}: wanted {list(shape)}, file has {'none' if found is None else list(found.shape)}")
            return np.zeros(shape, np.float32)
        return np.asarray(found, np.float32)

    def check(self, what: str) -> None:
        """Raises UnusableModel that names the tensors which are missing, misshapen or left over."""
        wrong = self._fit.wrong + [f"{k}: not part of it" for k in sorted(set(self._tensors) - self._fit.used)]
        if wrong:
            more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
            raise UnusableModel(f"the checkpoint does not fit {what}: {'; '.join(wrong[:3])}{more}")


class Graph:
    """Nodes in the order they run. Methods add a node and give its output; shapes are worked out here."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, NDArray[np.generic]] = {}
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self._count = 0
        self._scope: list[str] = []

    @contextmanager
    def scope(self, *names: str | int) -> Iterator[None]:
        """Names of constants inside start with these."""
        self._scope.extend(str(n) for n in names)
        yield
        del self._scope[len(self._scope) - len(names) :]

    def input(self, name: str, *shape: int) -> Value:
        self.inputs.append(Value(name, shape))
        return self.inputs[-1]

    def output(self, name: str, value: Value) -> None:
        out = Value(name, value.shape)
        self.nodes.append(Node("Identity", (value.name,), (name,)))
        self.outputs.append(out)

    def constant(self, name: str, array: NDArray[np.generic]) -> Value:
        full = ".".join([*self._scope, name])
        if full in self.constants:
            self._count += 1
            full = f"{full}.{self._count}"
        self.constants[full] = np.ascontiguousarray(array)
        return Value(full, array.shape)

    def _node(self, op: str, inputs: Sequence[Value], shape: tuple[int, ...], **attributes: Attribute) -> Value:
        self._count += 1
        name = f"v{self._count}"
        self.nodes.append(Node(op, tuple(v.name for v in inputs), (name,), attributes))
        return Value(name, shape)

    # --- element by element

    def add(self, a: Value, b: Value) -> Value:
        return self._node("Add", (a, b), np.broadcast_shapes(a.shape, b.shape))

    def multiply(self, a: Value, b: Value) -> Value:
        return self._node("Mul", (a, b), np.broadcast_shapes(a.shape, b.shape))

    def subtract(self, a: Value, b: Value) -> Value:
        return self._node("Sub", (a, b), np.broadcast_shapes(a.shape, b.shape))

    def divide(self, a: Value, b: Value) -> Value:
        return self._node("Div", (a, b), np.broadcast_shapes(a.shape, b.shape))

    def root(self, x: Value) -> Value:
        return self._node("Sqrt", (x,), x.shape)

    def mean(self, x: Value, *axes: int) -> Value:
        """Over `axes`, which stay with length one."""
        over = self.constant(f"axes{self._count}", np.asarray(axes, np.int64))
        return self._node("ReduceMean", (x, over), tuple(1 if i in axes else n for i, n in enumerate(x.shape)))

    def gelu(self, x: Value) -> Value:
        return self._node("Gelu", (x,), x.shape)

    def tanh(self, x: Value) -> Value:
        return self._node("Tanh", (x,), x.shape)

    def sigmoid(self, x: Value) -> Value:
        return self._node("Sigmoid", (x,), x.shape)

    def relu(self, x: Value) -> Value:
        return self._node("Relu", (x,), x.shape)

    def elu(self, x: Value) -> Value:
        return self._node("Elu", (x,), x.shape)

    def glu(self, x: Value, axis: int) -> Value:
        """First half times the sigmoid of the second half, along `axis`."""
        half = x.shape[axis] // 2
        a, b = self.split(x, axis, (half, half))
        return self.multiply(a, self.sigmoid(b))

    def softmax(self, x: Value, axis: int = -1) -> Value:
        return self._node("Softmax", (x,), x.shape, axis=axis % len(x.shape))

    # --- shape

    def reshape(self, x: Value, *shape: int) -> Value:
        if int(np.prod(shape)) != int(np.prod(x.shape)):
            raise ValueError(f"cannot reshape {x.shape} to {shape}")
        target = self.constant(f"shape{self._count}", np.asarray(shape, np.int64))
        return self._node("Reshape", (x, target), tuple(shape))

    def transpose(self, x: Value, *order: int) -> Value:
        return self._node("Transpose", (x,), tuple(x.shape[i] for i in order), perm=tuple(order))

    def split(self, x: Value, axis: int, sizes: Sequence[int]) -> tuple[Value, ...]:
        axis %= len(x.shape)
        names = []
        for _ in sizes:
            self._count += 1
            names.append(f"v{self._count}")
        lengths = self.constant(f"sizes{self._count}", np.asarray(sizes, np.int64))
        self.nodes.append(Node("Split", (x.name, lengths.name), tuple(names), {"axis": axis}))
        return tuple(Value(n, (*x.shape[:axis], s, *x.shape[axis + 1 :])) for n, s in zip(names, sizes, strict=True))

    def slice(self, x: Value, axis: int, start: int, stop: int) -> Value:
        axis %= len(x.shape)
        bounds = [
            self.constant(f"{n}{self._count}", np.asarray([v], np.int64))
            for n, v in zip(("start", "stop", "axis"), (start, stop, axis), strict=True)
        ]
        return self._node("Slice", (x, *bounds), (*x.shape[:axis], stop - start, *x.shape[axis + 1 :]))

    def concat(self, parts: Sequence[Value], axis: int) -> Value:
        axis %= len(parts[0].shape)
        total = sum(p.shape[axis] for p in parts)
        return self._node("Concat", parts, (*parts[0].shape[:axis], total, *parts[0].shape[axis + 1 :]), axis=axis)

    def pad(self, x: Value, axis: int, before: int, after: int) -> Value:
        """Zeros before and after, along one axis."""
        axis %= len(x.shape)
        pads = [0] * (2 * len(x.shape))
        pads[axis], pads[axis + len(x.shape)] = before, after
        amount = self.constant(f"pads{self._count}", np.asarray(pads, np.int64))
        return self._node("Pad", (x, amount), (*x.shape[:axis], x.shape[axis] + before + after, *x.shape[axis + 1 :]))

    # --- layers

    def convolution(
        self,
        x: Value,
        weight: Array,
        bias: Array | None,
        stride: Sequence[int],
        padding: Sequence[int],
        *,
        dilation: Sequence[int] | None = None,
        name: str = "conv",
    ) -> Value:
        """x [batch, in, ...], weight [out, in, ...]; the same padding on both sides of an axis."""
        kernel, dilation = weight.shape[2:], tuple(dilation or (1,) * (weight.ndim - 2))
        room = zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
        out = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in room)
        inputs = [x, self.constant(f"{name}.weight", weight)]
        if bias is not None:
            inputs.append(self.constant(f"{name}.bias", bias))
        attributes: dict[str, Attribute] = dict(
            kernel_shape=tuple(kernel),
            strides=tuple(stride),
            pads=(*padding, *padding),
            dilations=dilation,
            group=x.shape[1] // weight.shape[1],
        )
        return self._node("Conv", inputs, (x.shape[0], weight.shape[0], *out), **attributes)

    def transposed_convolution(
        self, x: Value, weight: Array, bias: Array, stride: Sequence[int], trim: Sequence[tuple[int, int]], name: str = "conv_tr"
    ) -> Value:
        """x [batch, in, ...], weight [in, out, ...]; `trim` cuts (before, after) along each axis of the full output."""
        kernel = weight.shape[2:]
        full = [(n - 1) * s + k for n, s, k in zip(x.shape[2:], stride, kernel, strict=True)]
        out = tuple(n - a - b for n, (a, b) in zip(full, trim, strict=True))
        inputs = (x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias))
        pads = (*(a for a, _ in trim), *(b for _, b in trim))
        return self._node(
            "ConvTranspose", inputs, (x.shape[0], weight.shape[1], *out), kernel_shape=tuple(kernel), strides=tuple(stride), pads=pads
        )

    def max_pool(self, x: Value, kernel: Sequence[int], stride: Sequence[int]) -> Value:
        """x [batch, channels, ...]; what does not fill a window is left out."""
        out = tuple((n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, stride, strict=True))
        return self._node("MaxPool", (x,), (*x.shape[:2], *out), kernel_shape=tuple(kernel), strides=tuple(stride))

    def group_norm(self, x: Value, groups: int, weight: Array, bias: Array, name: str = "norm", epsilon: float = 1e-5) -> Value:
        inputs = (x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias))
        return self._node("GroupNormalization", inputs, x.shape, num_groups=groups, epsilon=epsilon)

    def layer_norm(self, x: Value, weight: Array, bias: Array, name: str = "norm", epsilon: float = 1e-5) -> Value:
        """Over the last axis."""
        inputs = (x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias))
        return self._node("LayerNormalization", inputs, x.shape, axis=len(x.shape) - 1, epsilon=epsilon)

    def matmul(self, a: Value, b: Value) -> Value:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return self._node("MatMul", (a, b), (*batch, a.shape[-2], b.shape[-1]))

    def linear(self, x: Value, weight: Array, bias: Array | None, name: str = "linear") -> Value:
        """x [..., in], weight [out, in]."""
        y = self.matmul(x, self.constant(f"{name}.weight", weight.T))
        return y if bias is None else self.add(y, self.constant(f"{name}.bias", bias))

    def lstm(self, x: Value, layer: Lstm, name: str = "lstm") -> Value:
        """x [steps, batch, in] -> [steps, batch, 2 * hidden]: forwards and backwards, states from zero."""
        steps, batch, _ = x.shape
        hidden = layer.recurrent.shape[2]
        inputs = [x, *(self.constant(f"{name}.{k}", v) for k, v in (("w", layer.into), ("r", layer.recurrent), ("b", layer.bias)))]
        names = [v.name for v in inputs]
        if layer.peepholes is not None:
            names += ["", "", "", self.constant(f"{name}.p", layer.peepholes).name]
        return self._both_ways("LSTM", names, (steps, batch, hidden))

    def rnn(self, x: Value, layer: Recurrent, name: str = "rnn") -> Value:
        """x [steps, batch, in] -> [steps, batch, 2 * hidden]: tanh units forwards and backwards, states from zero."""
        steps, batch, _ = x.shape
        parts = [self.constant(f"{name}.{k}", v) for k, v in (("w", layer.into), ("r", layer.recurrent), ("b", layer.bias))]
        return self._both_ways("RNN", [x.name, *(p.name for p in parts)], (steps, batch, layer.recurrent.shape[2]))

    def _both_ways(self, op: str, inputs: Sequence[str], sizes: tuple[int, int, int]) -> Value:
        steps, batch, hidden = sizes
        self._count += 1
        y = Value(f"v{self._count}", (steps, 2, batch, hidden))
        self.nodes.append(Node(op, tuple(inputs), (y.name,), {"hidden_size": hidden, "direction": "bidirectional"}))
        return self.reshape(self.transpose(y, 0, 2, 1, 3), steps, batch, 2 * hidden)

    def attention(self, q: Value, k: Value, v: Value) -> Value:
        """softmax(q k^T) v with q [..., heads, queries, dim], k and v [..., heads, keys, dim]; the scale belongs into q's weights."""
        last = len(k.shape) - 1
        turned = self.transpose(k, *range(last - 1), last, last - 1)
        return self.matmul(self.softmax(self.matmul(q, turned)), v)
