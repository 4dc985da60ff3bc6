"""From madmom's source archive to plain arrays: its pickles are read by a closed whitelist, nothing in the archive is ever run."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from sideman.errors import UnusableModel

ROOT = "madmom-0.16.1/madmom/models/"
MEMBERS = {
    **{f"beats/{k}": f"beats/2015/beats_blstm_{k}.pkl" for k in range(1, 9)},
    **{f"downbeats/{k}": f"downbeats/2016/downbeats_blstm_{k}.pkl" for k in range(1, 9)},
    "key": "key/2018/key_cnn.pkl",
    "chord_features": "chords/2016/chords_cnnfeat.pkl",
    "chord_crf": "chords/2016/chords_cnncrf.pkl",
    "notes": "notes/2013/notes_brnn.pkl",
}
LARGEST_MEMBER = 50_000_000
DEEPEST, MOST_ARRAYS = 12, 5000
NUMBERS = "fiub"
STRUCTURE = "structure"
LEFT_OUT = ("_tmp",)
"""Working memory that was pickled along."""


class Tree(dict[str, Any]):
    """A pickled object as its attributes and, under `class`, the name of what it was."""

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.update({str(k): v for k, v in state.items()})


def _tree_class(name: str) -> type[Tree]:
    def new(cls: type[Tree], *args: object) -> Tree:
        made: Tree = dict.__new__(cls)
        made["class"] = name
        return made

    return type(name, (Tree,), {"__new__": new, "__init__": lambda self, *args: None})


class _Maker:
    """A function the pickles call. It holds no state, so that nothing a pickle sets on it stays."""

    __slots__ = ()


class _Object(_Maker):
    """copy_reg._reconstructor: an empty instance of a class of ours."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        if not (isinstance(args[0], type) and issubclass(args[0], Tree)):
            raise pickle.UnpicklingError("it makes an object of another class")
        return args[0]()


class _EmptyArray(_Maker):
    """numpy's _reconstruct: an empty array, filled by its state, which numpy checks against the shape it names."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        return np.ndarray.__new__(np.ndarray, (0,), np.int8)


class _Number(_Maker):
    """numpy's scalar: of a numeric kind, from its bytes."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        dtype, stored = args
        if dtype.kind not in NUMBERS:
            raise pickle.UnpicklingError("it holds a value that is no number")
        return np.frombuffer(stored.encode("latin1") if isinstance(stored, str) else stored, dtype)[0]


class _Bytes(_Maker):
    """_codecs.encode: how a text of Python 2 becomes bytes."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        return str(args[0]).encode("latin1")


class _Nothing(_Maker):
    """Named, never called: numpy.ndarray as an argument of _reconstruct, object as one of _reconstructor."""

    __slots__ = ()


STANDS_FOR: dict[tuple[str, str], type[_Maker]] = {
    ("numpy.core.multiarray", "_reconstruct"): _EmptyArray,
    ("numpy.core.multiarray", "scalar"): _Number,
    ("numpy", "ndarray"): _Nothing,
    ("copy_reg", "_reconstructor"): _Object,
    ("copyreg", "_reconstructor"): _Object,
    ("__builtin__", "object"): _Nothing,
    ("builtins", "object"): _Nothing,
    ("_codecs", "encode"): _Bytes,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        made = STANDS_FOR.get((module.replace("numpy._core", "numpy.core"), name))
        if made is not None:
            return made()
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if module.startswith("madmom.ml.") or (module, name) == ("numpy", "tanh"):
            return _tree_class(name)
        raise pickle.UnpicklingError(f"it wants {module}.{name}")


def _plain(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """JSON of a tree; arrays are put aside under their path, functions become their names."""
    if path.count("/") > DEEPEST or len(arrays) > MOST_ARRAYS:
        raise pickle.UnpicklingError(f"{path[:60]} holds more than any network does")
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in NUMBERS or value.nbytes > LARGEST_MEMBER:
            raise pickle.UnpicklingError(f"{path} holds no numbers, or too many")
        arrays[path] = value
        return {"array": path}
    if isinstance(value, Tree):
        return {k: _plain(v, f"{path}/{k}", arrays) for k, v in value.items() if k not in LEFT_OUT}
    if isinstance(value, (list, tuple)):
        return [_plain(v, f"{path}/{k}", arrays) for k, v in enumerate(value)]
    if isinstance(value, type) and issubclass(value, Tree):
        return value.__name__
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def convert(archive: Path) -> Path:
    """madmom-0.16.1.tar.gz -> madmom.npz beside it. Raises UnusableModel for anything else."""
    arrays: dict[str, np.ndarray] = {}
    structure: dict[str, Any] = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for name, member in MEMBERS.items():
                info = tar.getmember(ROOT + member)
                stream = tar.extractfile(info)
                if stream is None or not info.isreg() or info.size > LARGEST_MEMBER:
                    raise pickle.UnpicklingError(f"{member} is no file of the size it should have")
                structure[name] = _plain(_Reader(io.BytesIO(stream.read()), encoding="latin1").load(), name, arrays)
    except Exception as error:  # a crafted pickle can raise any of them, from the reader or from numpy
        raise UnusableModel(f"{archive.name} is not the source archive of madmom 0.16.1 ({error}): nothing was installed") from error
    target = archive.with_name("madmom.npz")
    arrays[STRUCTURE] = np.frombuffer(json.dumps(structure).encode(), np.uint8)
    np.savez_compressed(target, allow_pickle=False, **arrays)
    return target


def read(path: Path) -> dict[str, Any]:
    """What `convert` wrote: the trees of all networks, arrays in their places. Raises UnusableModel."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            structure = json.loads(bytes(stored[STRUCTURE]).decode())
            arrays = {k: stored[k] for k in stored.files if k != STRUCTURE}
    except (OSError, ValueError, KeyError) as error:
        raise UnusableModel(f"{path} cannot be read ({error}): remove madmom and install it again") from error
    found: dict[str, Any] = _filled(structure, arrays)
    return found


def _filled(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        return arrays[value["array"]] if set(value) == {"array"} else {k: _filled(v, arrays) for k, v in value.items()}
    return [_filled(v, arrays) for v in value] if isinstance(value, list) else value
