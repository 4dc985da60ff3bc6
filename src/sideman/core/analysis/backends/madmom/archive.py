"""From madmom's source archive to plain arrays: its pickles are read by a closed whitelist, nothing in the archive is ever run."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import tarfile
import zipfile
import zlib
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
DEEPEST, MOST_STEPS = 12, 200_000
NUMBERS = ("f4", "f8", "i4", "i8", "u1", "b1")
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


class _Kind:
    """Stands for a numpy.dtype: numpy's own takes states that make it read pointers."""

    __slots__ = ("name", "order")

    def __init__(self, name: str) -> None:
        self.name, self.order = name, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]

    def numbers(self, stored: str | bytes, shape: tuple[int, ...], fortran: bool = False) -> np.ndarray:
        if self.name not in NUMBERS or self.order not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError("it holds values that are no numbers")
        raw = stored.encode("latin1") if isinstance(stored, str) else stored
        return np.frombuffer(raw, np.dtype(self.order + self.name)).reshape(shape, order="F" if fortran else "C")


class _KindMaker(_Maker):
    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        return _Kind(str(args[0]))


class _Array:
    """Stands for a numpy.ndarray, which is made only when its state is known to be numbers of the shape it names."""

    __slots__ = ("values",)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, stored = state
        if not isinstance(kind, _Kind):
            raise pickle.UnpicklingError("it holds an array of no kind")
        self.values = kind.numbers(stored, tuple(int(n) for n in shape), bool(fortran))


class _ArrayMaker(_Maker):
    """numpy's _reconstruct."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        return _Array()


class _Number(_Maker):
    """numpy's scalar."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        return args[0].numbers(args[1], ()).item()


class _Bytes(_Maker):
    """_codecs.encode: how a text of Python 2 becomes bytes."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        return str(args[0]).encode("latin1")


class _Nothing(_Maker):
    """Named, never called: numpy.ndarray as an argument of _reconstruct, object as one of _reconstructor."""

    __slots__ = ()


STANDS_FOR: dict[tuple[str, str], type[_Maker]] = {
    ("numpy.core.multiarray", "_reconstruct"): _ArrayMaker,
    ("numpy.core.multiarray", "scalar"): _Number,
    ("numpy", "ndarray"): _Nothing,
    ("numpy", "dtype"): _KindMaker,
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
        if module.startswith("madmom.ml.") or (module, name) == ("numpy", "tanh"):
            return _tree_class(name)
        raise pickle.UnpicklingError(f"it wants {module}.{name}")


def _refuse_huge(data: bytes) -> None:
    """A few bytes can ask for gigabytes of memo."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if count > MOST_STEPS or (opcode.name.endswith(("PUT", "GET")) and int(argument or 0) > MOST_STEPS):
            raise pickle.UnpicklingError("it holds more than any network does")


class _Flattening:
    """JSON of a tree; arrays are put aside under their path, functions become their names."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._arrays, self._left = arrays, MOST_STEPS

    def __call__(self, value: Any, path: str) -> Any:
        self._left -= 1
        if self._left < 0 or path.count("/") > DEEPEST:
            raise pickle.UnpicklingError(f"{path[:60]} holds more than any network does")
        if isinstance(value, _Array):
            self._arrays[path] = value.values
            return {"array": path}
        if isinstance(value, Tree):
            return {k: self(v, f"{path}/{k}") for k, v in value.items() if k not in LEFT_OUT}
        if isinstance(value, (list, tuple)):
            return [self(v, f"{path}/{k}") for k, v in enumerate(value)]
        if isinstance(value, type) and issubclass(value, Tree):
            return value.__name__
        if isinstance(value, (str, int, float, bool, type(None))):
            return value
        raise pickle.UnpicklingError(f"{path[:60]} is of a kind that no network holds")


def convert(archive: Path) -> Path:
    """madmom-0.16.1.tar.gz -> madmom.npz beside it. Raises UnusableModel for anything else."""
    arrays: dict[str, np.ndarray] = {}
    structure: dict[str, Any] = {}
    flat = _Flattening(arrays)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for name, member in MEMBERS.items():
                info = tar.getmember(ROOT + member)
                stream = tar.extractfile(info)
                if stream is None or not info.isreg() or info.size > LARGEST_MEMBER:
                    raise pickle.UnpicklingError(f"{member} is no file of the size it should have")
                data = stream.read()
                _refuse_huge(data)
                structure[name] = flat(_Reader(io.BytesIO(data), encoding="latin1").load(), name)
        arrays[STRUCTURE] = np.frombuffer(json.dumps(structure).encode(), np.uint8)
    except Exception as error:  # a crafted pickle can raise any of them, from the reader or from numpy
        raise UnusableModel(f"{archive.name} is not the source archive of madmom 0.16.1 ({error}): nothing was installed") from error
    target = archive.with_name("madmom.npz")
    np.savez_compressed(target, allow_pickle=False, **arrays)
    return target


def read(path: Path) -> dict[str, Any]:
    """What `convert` wrote: the trees of all networks, arrays in their places. Raises UnusableModel."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            structure = json.loads(bytes(stored[STRUCTURE]).decode())
            arrays = {k: stored[k] for k in stored.files if k != STRUCTURE}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UnusableModel(f"{path} cannot be read ({error}): remove madmom and install it again") from error
    found: dict[str, Any] = _filled(structure, arrays)
    return found


def _filled(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        return arrays[value["array"]] if set(value) == {"array"} else {k: _filled(v, arrays) for k, v in value.items()}
    return [_filled(v, arrays) for v in value] if isinstance(value, list) else value
