"""From madmom's source archive to plain arrays: its pickles are read by a closed whitelist, nothing in the archive is ever run."""

from __future__ import annotations

import codecs
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


def _reconstructed(cls: type, base: type, state: object) -> object:
    return cls()


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype", "scalar"):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if module in ("copy_reg", "copyreg") and name == "_reconstructor":
            return _reconstructed
        if module in ("__builtin__", "builtins") and name == "object":
            return object
        if module.startswith("madmom.ml.") or (module, name) == ("numpy", "tanh"):
            return _tree_class(name)
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        raise pickle.UnpicklingError(f"it wants {module}.{name}")


def _plain(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """JSON of a tree; arrays are put aside under their path, functions become their names."""
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            raise pickle.UnpicklingError(f"{path} holds objects")
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
                if stream is None or info.size > LARGEST_MEMBER:
                    raise pickle.UnpicklingError(f"{member} is no file of the size it should have")
                structure[name] = _plain(_Reader(io.BytesIO(stream.read()), encoding="latin1").load(), name, arrays)
    except (
        tarfile.TarError,
        KeyError,
        OSError,
        EOFError,
        pickle.UnpicklingError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
    ) as error:
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
