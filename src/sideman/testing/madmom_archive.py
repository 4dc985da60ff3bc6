"""A source archive like madmom 0.16.1's with small random networks: the same members, classes and layers, pickled as theirs are."""

from __future__ import annotations

import io
import pickle
import sys
import tarfile
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sideman.core.analysis.backends.madmom.archive import MEMBERS, ROOT

LAYERS = ("BidirectionalLayer", "LSTMLayer", "RecurrentLayer", "FeedForwardLayer", "Gate", "Cell", "ConvolutionalLayer", "BatchNormLayer", "MaxPoolLayer", "PadLayer", "AverageLayer")  # fmt: skip
WIDTH = 4
INPUTS = {"beats": 266, "downbeats": 314, "notes": 482}


@contextmanager
def _classes() -> Iterator[dict[str, Any]]:
    """Modules of madmom's names with empty classes and functions, for as long as something is pickled."""
    made: dict[str, Any] = {}
    wanted = {
        "madmom": (), "madmom.ml": (), "madmom.ml.nn": ("NeuralNetwork",), "madmom.ml.nn.layers": LAYERS,
        "madmom.ml.nn.activations": ("linear", "tanh", "sigmoid", "softmax", "elu", "relu"), "madmom.ml.crf": ("ConditionalRandomField",),
    }  # fmt: skip
    for module_name, names in wanted.items():
        module = types.ModuleType(module_name)
        for name in names:
            made[name] = type(name, (), {"__module__": module_name})
            setattr(module, name, made[name])
        sys.modules[module_name] = module
    try:
        yield made
    finally:
        for module_name in wanted:
            del sys.modules[module_name]


class _Maker:
    def __init__(self, known: dict[str, Any], rng: np.random.Generator) -> None:
        self._known, self._rng = known, rng

    def thing(self, kind: str, **attributes: Any) -> Any:
        made = self._known[kind]()
        made.__dict__.update(attributes)
        return made

    def _normal(self, *shape: int) -> np.ndarray:
        return (self._rng.normal(0, 1, shape) / np.sqrt(shape[0])).astype(np.float32)

    def _gate(self, kind: str, width: int) -> Any:
        peephole = self._normal(WIDTH) if kind == "Gate" else None
        function = self._known["sigmoid" if kind == "Gate" else "tanh"]
        return self.thing(
            kind, weights=self._normal(width, WIDTH), recurrent_weights=self._normal(WIDTH, WIDTH), bias=self._normal(WIDTH),
            peephole_weights=peephole, activation_fn=function, _tmp=self._normal(WIDTH),
        )  # fmt: skip

    def _direction(self, width: int, lstm: bool) -> Any:
        if not lstm:
            return self.thing(
                "RecurrentLayer", weights=self._normal(width, WIDTH), recurrent_weights=self._normal(WIDTH, WIDTH),
                bias=self._normal(WIDTH), activation_fn=self._known["tanh"],
            )  # fmt: skip
        gates = {name: self._gate("Gate", width) for name in ("input_gate", "forget_gate", "output_gate")}
        return self.thing("LSTMLayer", cell=self._gate("Cell", width), activation_fn=self._known["tanh"], **gates)

    def recurrent(self, inputs: int, outputs: int, function: str, lstm: bool) -> Any:
        layers, width = [], inputs
        for _ in range(2):
            both = {d: self._direction(width, lstm) for d in ("fwd_layer", "bwd_layer")}
            layers.append(self.thing("BidirectionalLayer", **both))
            width = 2 * WIDTH
        weights, bias = self._normal(width, outputs), self._normal(outputs)
        layers.append(self.thing("FeedForwardLayer", weights=weights, bias=bias, activation_fn=self._known[function]))
        return self.thing("NeuralNetwork", layers=layers)

    def _convolution(self, inputs: int, outputs: int, size: int, function: str) -> list[Any]:
        weights = (self._rng.normal(0, 1, (inputs, outputs, size, size)) / (size * np.sqrt(inputs))).astype(np.float32)
        norm = {k: self._rng.uniform(0.5, 1.5, outputs).astype(np.float32) for k in ("gamma", "inv_std")}
        norm |= {k: self._normal(outputs) for k in ("beta", "mean")}
        return [
            self.thing("ConvolutionalLayer", weights=weights, bias=np.zeros(1, np.int64), stride=1, pad="valid", activation_fn=self._known["linear"]),
            self.thing("BatchNormLayer", activation_fn=self._known[function], **norm),
        ]  # fmt: skip

    def key(self) -> Any:
        layers = [self.thing("PadLayer", width=2, axes=(0, 1), value=0.0), *self._convolution(1, 6, 5, "elu")]
        layers.append(self.thing("MaxPoolLayer", size=(2, 2), stride=(2, 2)))
        layers += [*self._convolution(6, 24, 1, "elu"), self.thing("AverageLayer", axis=(1, 2))]
        return self.thing("NeuralNetwork", layers=layers)

    def chord_features(self) -> Any:
        layers = [*self._convolution(1, 8, 9, "relu"), self.thing("MaxPoolLayer", size=(1, 2), stride=(1, 2))]
        return self.thing("NeuralNetwork", layers=[*layers, *self._convolution(8, 128, 13, "relu")])

    def chord_crf(self) -> Any:
        return self.thing(
            "ConditionalRandomField", pi=self._normal(25), tau=self._normal(25), c=self._normal(25), A=self._normal(25, 25), W=self._normal(128, 25)
        )  # fmt: skip


def write_madmom_archive(path: Path, seed: int = 0, leave_out: str = "") -> Path:
    """An archive at `path`; `leave_out` is a member that is not in it."""
    with _classes() as known, tarfile.open(path, "w:gz") as tar:
        maker = _Maker(known, np.random.default_rng(seed))
        for name, member in MEMBERS.items():
            kind = name.split("/")[0]
            if kind in INPUTS:
                outputs, function = {"beats": (1, "sigmoid"), "downbeats": (3, "softmax"), "notes": (88, "linear")}[kind]
                network = maker.recurrent(INPUTS[kind], outputs, function, kind != "notes")
            else:
                network = getattr(maker, kind)()
            if member == leave_out:
                continue
            data = pickle.dumps(network, protocol=2)
            info = tarfile.TarInfo(ROOT + member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path
