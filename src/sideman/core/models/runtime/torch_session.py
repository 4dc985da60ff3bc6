"""The same graph in torch: for CUDA and MPS. Each operator of `graph` is one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.graph import Attribute, Graph, Node
from sideman.core.models.runtime.session import Engine, Precision, RunsOn
from sideman.errors import MissingAsset, NotEnoughMemory

Array = NDArray[np.float32]


def best_device() -> str:
    """`cuda`, `mps` or `cpu`, whichever torch finds first."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _present(device: str):  # type: ignore[no-untyped-def]
    """The device of that name. Raises MissingAsset where this machine has none."""
    import torch

    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        have = [f"cuda:{i}" for i in range(torch.cuda.device_count())] + (["mps"] if torch.backends.mps.is_available() else [])
        raise MissingAsset(f"there is no device {device!r} that torch can use; there are {', '.join([*have, 'cpu'])}") from error
    return found


class TorchSession:
    def __init__(self, graph: Graph, device: str, threads: int) -> None:
        import torch

        if device == "cpu":
            torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = False  # torch's default would round convolutions to 10 bits
        self._device = _present(device)
        self._nodes = [(n, _operator(n)) for n in graph.nodes]
        self._inputs, self._outputs = [v.name for v in graph.inputs], [v.name for v in graph.outputs]
        try:
            self._constants = {
                k: torch.from_numpy(np.array(v)).to(self._device) if v.dtype == np.float32 else v.tolist()
                for k, v in graph.constants.items()
            }
        except torch.OutOfMemoryError as error:
            raise _not_enough(self._device) from error
        self._last_use = {name: i for i, n in enumerate(graph.nodes) for name in n.inputs}
        self.runs_on = RunsOn(Engine.TORCH, version("torch"), device, Precision.FLOAT32)

    def __call__(self, *inputs: Array) -> Sequence[Array]:
        import torch

        try:
            return self._outputs_of(inputs)
        except torch.OutOfMemoryError as error:
            raise _not_enough(self._device) from error

    def _outputs_of(self, inputs: Sequence[Array]) -> Sequence[Array]:
        import torch

        with torch.inference_mode():
            values = {k: torch.from_numpy(np.ascontiguousarray(x)).to(self._device) for k, x in zip(self._inputs, inputs, strict=True)}
            for i, (node, run) in enumerate(self._nodes):
                given = [self._constants[k] if k in self._constants else values[k] for k in node.inputs]
                made = run(given, node.attributes)
                values.update(zip(node.outputs, made if isinstance(made, tuple | list) else (made,), strict=True))
                for k in node.inputs:
                    if self._last_use[k] == i:
                        values.pop(k, None)
            return [values[k].cpu().numpy() for k in self._outputs]


def _not_enough(device: object) -> NotEnoughMemory:
    return NotEnoughMemory(f"{device} has not enough memory for this network: free some, or set SIDEMAN_DEVICE=cpu")


def _torch_gates(x):  # type: ignore[no-untyped-def]
    """From ONNX's order of gates to torch's."""
    import torch

    i, o, f, c = x.chunk(4)
    return torch.cat([i, f, c, o])


def _operator(node: Node) -> Callable:  # type: ignore[type-arg]  # tensors in, tensors out; torch has no types without torch
    import torch
    from torch.nn import functional

    def convolution(x: list, a: Mapping[str, Attribute]):  # type: ignore[no-untyped-def, type-arg]
        spatial = len(a["kernel_shape"])  # type: ignore[arg-type]
        run = functional.conv1d if spatial == 1 else functional.conv2d
        pads = a["pads"][:spatial]  # type: ignore[index]
        return run(x[0], x[1], x[2] if len(x) > 2 else None, a["strides"], pads, a["dilations"], a["group"])

    def transposed(x: list, a: Mapping[str, Attribute]):  # type: ignore[no-untyped-def, type-arg]
        spatial = len(a["kernel_shape"])  # type: ignore[arg-type]
        y = (functional.conv_transpose1d if spatial == 1 else functional.conv_transpose2d)(x[0], x[1], x[2], a["strides"])
        before, after = a["pads"][:spatial], a["pads"][spatial:]  # type: ignore[index]
        for axis, (start, stop) in enumerate(zip(before, after, strict=True)):
            y = y.narrow(2 + axis, start, y.shape[2 + axis] - start - stop)
        return y

    def padded(x: list, a: Mapping[str, Attribute]):  # type: ignore[no-untyped-def, type-arg]
        n = len(x[1]) // 2
        pairs = [side for axis in reversed(range(n)) for side in (x[1][axis], x[1][axis + n])]
        return functional.pad(x[0], pairs)

    def lstm(x: list, a: Mapping[str, Attribute]):  # type: ignore[no-untyped-def, type-arg]
        hidden = a["hidden_size"]
        weights = []
        for d in range(2):
            both = x[3][d]
            weights += [_torch_gates(part) for part in (x[1][d], x[2][d], *both.chunk(2))]  # type: ignore[no-untyped-call]
        zeros = x[0].new_zeros(2, x[0].shape[1], hidden)
        y = torch._VF.lstm(x[0], (zeros, zeros), weights, True, 1, 0.0, False, True, False)[0]
        return y.reshape(*y.shape[:2], 2, hidden).permute(0, 2, 1, 3)

    operators = {
        "LSTM": lstm,
        "Add": lambda x, a: x[0] + x[1],
        "Sub": lambda x, a: x[0] - x[1],
        "Mul": lambda x, a: x[0] * x[1],
        "Div": lambda x, a: x[0] / x[1],
        "Sqrt": lambda x, a: torch.sqrt(x[0]),
        "ReduceMean": lambda x, a: x[0].mean(x[1], keepdim=True),
        "Gelu": lambda x, a: functional.gelu(x[0]),
        "Tanh": lambda x, a: torch.tanh(x[0]),
        "Sigmoid": lambda x, a: torch.sigmoid(x[0]),
        "Softmax": lambda x, a: torch.softmax(x[0], a["axis"]),
        "Identity": lambda x, a: x[0],
        "Reshape": lambda x, a: x[0].reshape(x[1]),
        "Transpose": lambda x, a: x[0].permute(a["perm"]),
        "Split": lambda x, a: torch.split(x[0], x[1], a["axis"]),
        "Slice": lambda x, a: x[0].narrow(x[3][0], x[1][0], x[2][0] - x[1][0]),
        "Concat": lambda x, a: torch.cat(x, a["axis"]),
        "Pad": padded,
        "Conv": convolution,
        "ConvTranspose": transposed,
        "GroupNormalization": lambda x, a: functional.group_norm(x[0], a["num_groups"], x[1], x[2], a["epsilon"]),
        "LayerNormalization": lambda x, a: functional.layer_norm(x[0], x[1].shape, x[1], x[2], a["epsilon"]),
        "MatMul": lambda x, a: x[0] @ x[1],
    }
    return operators[node.op]
