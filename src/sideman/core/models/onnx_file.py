"""A Graph as an ONNX model file: the protobuf wire format of five messages, written by hand (https://onnx.ai/onnx/repo-docs/IR.html)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.graph import Attribute, Graph, Node, Value

IR_VERSION, OPSET = 10, 21
ELEMENT_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int64): 7, np.dtype(np.float16): 10}
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7


def _varint(n: int) -> bytes:
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, *parts: bytes | memoryview) -> bytes:
    return b"".join([_varint(field << 3 | 2), _varint(sum(len(p) for p in parts)), *parts])


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        body, kind = _varint(2 << 3 | 5) + struct.pack("<f", value), _FLOAT
    elif isinstance(value, int):
        body, kind = _number(3, value), _INT
    elif isinstance(value, str):
        body, kind = _text(4, value), _STRING
    else:
        body, kind = b"".join(_number(8, v) for v in value), _INTS
    return _message(5, _text(1, name), body, _number(20, kind))


def _node(node: Node) -> bytes:
    names = [_text(1, n) for n in node.inputs] + [_text(2, n) for n in node.outputs]
    return _message(1, *names, _text(3, node.outputs[0]), _text(4, node.op), *(_attribute(k, v) for k, v in node.attributes.items()))


def _value(field: int, value: Value) -> bytes:
    shape = _message(2, *(_message(1, _number(1, n)) for n in value.shape))
    return _message(field, _text(1, value.name), _message(2, _message(1, _number(1, 1), shape)))


def _tensor_head(name: str, array: NDArray[np.generic]) -> bytes:
    """Everything of a tensor but its numbers, which follow."""
    facts = b"".join(_number(1, n) for n in array.shape) + _number(2, ELEMENT_TYPES[array.dtype]) + _text(8, name)
    start = _varint(9 << 3 | 2) + _varint(array.nbytes)
    return _varint(5 << 3 | 2) + _varint(len(facts) + len(start) + array.nbytes) + facts + start


def write_onnx(graph: Graph, path: Path) -> None:
    """The whole model, weights inside. Tensors go to the file one by one: nothing is held twice."""
    nodes = b"".join(_node(n) for n in graph.nodes) + _text(2, "sideman")
    ends = b"".join(_value(11, v) for v in graph.inputs) + b"".join(_value(12, v) for v in graph.outputs)
    heads = {name: _tensor_head(name, array) for name, array in graph.constants.items()}
    size = len(nodes) + len(ends) + sum(len(h) + graph.constants[name].nbytes for name, h in heads.items())
    with path.open("wb") as file:
        file.write(_number(1, IR_VERSION) + _text(2, "sideman") + _message(8, _text(1, ""), _number(2, OPSET)))
        file.write(_varint(7 << 3 | 2) + _varint(size) + nodes)
        for name, head in heads.items():
            file.write(head)
            file.write(np.ascontiguousarray(graph.constants[name]).data)
        file.write(ends)
