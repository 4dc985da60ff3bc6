"""madmom's networks as graphs: recurrent ensembles over a whole recording, and two convolutional ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.graph import Graph, Lstm, Recurrent, Value
from sideman.core.models.runtime import Engine, Request, open_session

Array = NDArray[np.float32]
Layer = Mapping[str, Any]
GATES = ("input_gate", "output_gate", "forget_gate", "cell")
"""ONNX's order."""
CHORD_CONTEXT = 11


def _run(graph: Graph, features: Array) -> Array:
    session = open_session(graph, Request(engine=Engine.ONNXRUNTIME))
    return np.array(session(np.ascontiguousarray(features, np.float32))[0])


def _lstm(layer: Layer) -> Lstm:
    parts: tuple[list[Array], ...] = ([], [], [], [])
    for direction in ("fwd_layer", "bwd_layer"):
        gates = [layer[direction][g] for g in GATES]
        parts[0].append(np.concatenate([np.asarray(g["weights"], np.float32).T for g in gates]))
        parts[1].append(np.concatenate([np.asarray(g["recurrent_weights"], np.float32).T for g in gates]))
        bias = np.concatenate([np.asarray(g["bias"], np.float32).ravel() for g in gates])
        parts[2].append(np.concatenate([bias, np.zeros_like(bias)]))
        parts[3].append(np.concatenate([np.asarray(g["peephole_weights"], np.float32).ravel() for g in gates[:3]]))
    return Lstm(*(np.stack(p) for p in parts))


def _recurrent(layer: Layer) -> Recurrent:
    ends = [layer[d] for d in ("fwd_layer", "bwd_layer")]
    bias = [np.asarray(e["bias"], np.float32).ravel() for e in ends]
    return Recurrent(
        np.stack([np.asarray(e["weights"], np.float32).T for e in ends]),
        np.stack([np.asarray(e["recurrent_weights"], np.float32).T for e in ends]),
        np.stack([np.concatenate([b, np.zeros_like(b)]) for b in bias]),
    )


def recurrent_ensemble(networks: Sequence[Layer], features: Array) -> Array:
    """features [frames, in] -> mean output of the networks [frames, out]."""
    graph = Graph()
    x = graph.input("features", *features.shape)
    start = graph.reshape(x, features.shape[0], 1, features.shape[1])
    total: Value | None = None
    for network in networks:
        h = start
        for layer in network["layers"]:
            if layer["class"] == "BidirectionalLayer":
                lstm = layer["fwd_layer"]["class"] == "LSTMLayer"
                h = graph.lstm(h, _lstm(layer)) if lstm else graph.rnn(h, _recurrent(layer))
            else:
                h = graph.linear(h, np.asarray(layer["weights"], np.float32).T, np.asarray(layer["bias"], np.float32).ravel())
                h = _activated(graph, h, layer["activation_fn"])
        total = h if total is None else graph.add(total, h)
    assert total is not None
    graph.output("activation", total)
    return np.asarray(_run(graph, features)[:, 0] / np.float32(len(networks)))


def _activated(graph: Graph, x: Value, function: str | None) -> Value:
    if function in (None, "linear"):
        return x
    if function == "softmax":
        return graph.softmax(x)
    kinds = {"sigmoid": graph.sigmoid, "tanh": graph.tanh, "relu": graph.relu, "elu": graph.elu}
    return kinds[str(function)](x)


def _convolutions(graph: Graph, x: Value, layers: Sequence[Layer]) -> Value:
    """Padding, convolution with its batch norm folded in, pooling; x [1, channels, frames, bands]."""
    padding = 0
    for layer, following in zip(layers, [*layers[1:], {"class": ""}], strict=True):
        kind = layer["class"]
        if kind == "PadLayer":
            padding = int(layer["width"])
        elif kind == "ConvolutionalLayer":
            weight = np.asarray(layer["weights"], np.float32)[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # a true convolution
            bias = np.broadcast_to(np.asarray(layer["bias"], np.float32).ravel(), (len(weight),))
            function = layer["activation_fn"]
            if following["class"] == "BatchNormLayer" and function in (None, "linear"):
                gain = (following["gamma"] * following["inv_std"]).astype(np.float32)
                weight, bias = weight * gain[:, None, None, None], (bias - following["mean"]) * gain + following["beta"]
                function = following["activation_fn"]
            x = graph.convolution(x, weight.copy(), np.asarray(bias, np.float32).copy(), (1, 1), (padding, padding))
            x, padding = _activated(graph, x, function), 0
        elif kind == "MaxPoolLayer":
            x = graph.max_pool(x, tuple(int(v) for v in layer["size"]), tuple(int(v) for v in layer["stride"]))
        elif kind == "AverageLayer":
            x = graph.mean(x, 2, 3)
    return x


def key_probabilities(network: Layer, features: Array) -> Array:
    """features [frames, bands] -> [24], major keys from A, then minor keys from A."""
    graph = Graph()
    x = graph.reshape(graph.input("features", *features.shape), 1, 1, *features.shape)
    x = graph.reshape(_convolutions(graph, x, network["layers"]), 24)
    graph.output("probabilities", graph.softmax(x))
    return _run(graph, features)


def chord_features(network: Layer, features: Array) -> Array:
    """features [frames, bands] -> [frames, 128]: feature maps averaged over bands and three frames."""
    graph = Graph()
    x = graph.input("features", *features.shape)
    x = graph.pad(x, 0, CHORD_CONTEXT, CHORD_CONTEXT)
    x = _convolutions(graph, graph.reshape(x, 1, 1, *x.shape), network["layers"])
    x = graph.mean(x, 3)
    frames = x.shape[2] - 2
    total = graph.add(graph.add(graph.slice(x, 2, 0, frames), graph.slice(x, 2, 1, frames + 1)), graph.slice(x, 2, 2, frames + 2))
    graph.output("features128", graph.transpose(graph.reshape(total, x.shape[1], frames), 1, 0))
    return np.asarray(_run(graph, features) / np.float32(3))
