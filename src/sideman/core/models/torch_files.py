"""Tensors out of a file that torch.save wrote (.th, .pt, .ckpt), without torch and without running what is in it.

A torch file is a zip archive: `data.pkl` describes the objects, `data/N` hold the numbers. The pickle is read with a reader that knows
tensors, dictionaries and fractions; any other class it names becomes an inert placeholder that is never imported, let alone called.
"""

from __future__ import annotations

import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.checkpoint import write_checkpoint
from sideman.errors import UnusableModel

STORAGES: Mapping[str, str] = {
    "FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2",
    "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?", "BFloat16Storage": "bf16",
}  # fmt: skip


@dataclass
class Unknown:
    """A class that the file names and we do not load: `name` is its dotted path. Instances take whatever state they are given and keep it."""

    name: str
    arguments: tuple[object, ...] = ()
    state: object = None
    items: dict[object, object] = field(default_factory=dict)

    def __call__(self, *arguments: object, **named: object) -> Unknown:
        return Unknown(self.name, arguments)

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        self.items[key] = value

    def append(self, value: object) -> None:
        self.items[len(self.items)] = value

    def extend(self, values: list[object]) -> None:
        for v in values:
            self.append(v)


class _Reader(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(archive.open(f"{folder}/data.pkl"))
        self._archive, self._folder = archive, folder
        self._storages: dict[str, NDArray[np.generic]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.storage") and name in STORAGES:
            return Unknown(name)
        # Fresh functions, never the real ones: a pickle can set attributes on whatever it is handed.
        known = {
            ("collections", "OrderedDict"): lambda *items: OrderedDict(*items),
            ("fractions", "Fraction"): lambda text: _fraction(text),
            ("torch._utils", "_rebuild_tensor_v2"): lambda *description: _tensor(*description),
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *rest: tensor,
        }
        return known.get((module, name), _placeholder(f"{module}.{name}"))

    def persistent_load(self, pid: Any) -> NDArray[np.generic]:
        kind, storage, key, _, _ = pid
        name = getattr(storage, "name", "")
        if kind != "storage" or name not in STORAGES:
            raise pickle.UnpicklingError(f"unknown kind of storage {name or kind!r}")
        if key not in self._storages:
            entry = self._archive.getinfo(f"{self._folder}/data/{key}")
            if entry.compress_type != zipfile.ZIP_STORED:  # torch never compresses, and what is compressed has no bound
                raise pickle.UnpicklingError("its numbers are compressed")
            raw = self._archive.read(entry)
            if STORAGES[name] == "bf16":
                wide = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
                self._storages[key] = wide.view(np.float32)
            else:
                self._storages[key] = np.frombuffer(raw, STORAGES[name])
        return self._storages[key]


def _placeholder(name: str) -> type:
    """A class of its own, because a pickle may make instances with __new__ and without calling anything."""

    def start(self: Unknown, *arguments: object, **named: object) -> None:
        Unknown.__init__(self, name, arguments)

    return type("Placeholder", (Unknown,), {"__init__": start, "dotted_name": name})


def _fraction(text: object) -> Fraction:
    if not isinstance(text, str) or not re.fullmatch(r"-?\d{1,12}(/\d{1,12})?", text):
        raise pickle.UnpicklingError("a fraction that is none")
    return Fraction(text)


def _tensor(
    storage: NDArray[np.generic], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *rest: object
) -> NDArray[np.generic]:
    if not size:
        return storage[offset : offset + 1].reshape(())
    if math.prod(size) > len(storage):  # strides of 0 would make much of little
        raise pickle.UnpicklingError("a tensor is larger than its storage")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if min(size) > 0 and (last >= len(storage) or offset < 0 or min(stride) < 0):
        raise pickle.UnpicklingError("a tensor reaches outside its storage")
    steps = tuple(s * storage.itemsize for s in stride)
    return np.array(np.lib.stride_tricks.as_strided(storage[offset:], size, steps))


_BROKEN = (  # what reading a damaged or a made-up archive raises, the classes of pickle and zipfile among them
    zipfile.BadZipFile, pickle.UnpicklingError, EOFError, OSError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError,
    NotImplementedError, RecursionError, MemoryError,
)  # fmt: skip


def read_torch_file(path: Path) -> object:
    """The object that was saved, with numpy arrays for tensors. Raises UnusableModel for anything else than a whole torch zip file."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [n for n in archive.namelist() if n.endswith("/data.pkl")]
            if len(inside) != 1:
                raise UnusableModel(f"{path.name} is a zip file but none of torch's: give the checkpoint as its authors publish it")
            return _Reader(archive, inside[0].removesuffix("/data.pkl")).load()
    except _BROKEN as error:
        raise UnusableModel(f"{path.name} is not a whole torch checkpoint ({error}): fetch it again") from error


def as_safetensors(path: Path) -> Path:
    """The named tensors of a torch file in a safetensors file beside it; a safetensors file as it is. Raises UnusableModel."""
    if path.suffix == ".safetensors":
        return path
    ready = path.with_suffix(".safetensors")
    write_checkpoint(ready, state_dict(read_torch_file(path)), {})
    return ready


def state_dict(saved: object) -> dict[str, NDArray[np.generic]]:
    """The named tensors of a saved object: itself, or what it keeps under `state`, `state_dict`, `model` or `model_state_dict`."""
    for key in (None, "state", "state_dict", "model_state_dict", "model", "best_state"):
        found = saved if key is None else saved.get(key) if isinstance(saved, dict) else None
        if isinstance(found, dict) and found and all(isinstance(v, np.ndarray) for v in found.values()):
            return {str(k): v for k, v in found.items()}
    raise UnusableModel("the file holds no network: no dictionary of named tensors was found in it")
