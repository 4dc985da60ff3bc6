"""Make a Demucs checkpoint ours: check one in safetensors, turn an older .th file into it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sideman.core.models.checkpoint import Checkpoint, write_checkpoint
from sideman.core.models.graph import Weights
from sideman.core.models.torch_files import read_torch_file, state_dict
from sideman.core.separation.backends.demucs.families import build_graph
from sideman.errors import UnusableModel


def convert(path: Path) -> Path:
    """The checkpoint as safetensors, beside the original. Raises UnusableModel for anything that is not a whole one."""
    ready = path
    if path.suffix != ".safetensors":
        saved = read_torch_file(path)
        ready = path.with_suffix(".safetensors").with_name(path.stem.partition("-")[0] + ".safetensors")
        metadata = _metadata(saved, path.name)
        write_checkpoint(ready, state_dict(saved), metadata)
    checkpoint = Checkpoint.read(ready)
    build_graph(checkpoint.metadata, Weights(checkpoint.tensors))
    return ready


def _metadata(saved: Any, name: str) -> dict[str, str]:
    """class, args and kwargs as demucs writes them into safetensors; a class arrives here as the name of one that we did not load."""
    klass = saved.get("klass") if isinstance(saved, dict) else None
    dotted = getattr(klass, "dotted_name", None)
    if dotted is None:
        raise UnusableModel(f"{name} is a torch file but no Demucs checkpoint: it does not say which network it belongs to")
    return {
        "klass": dotted,
        "args": json.dumps(_plain(list(saved.get("args", ())))),
        "kwargs": json.dumps(_plain(dict(saved.get("kwargs", {})))),
    }


def _plain(value: object) -> object:
    if isinstance(value, Fraction):
        return {"_type": "fraction", "numerator": value.numerator, "denominator": value.denominator}
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise UnusableModel(f"the checkpoint is built with something that is not a plain value: {type(value).__name__}")
