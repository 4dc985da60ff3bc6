"""Run a Graph on OpenVINO, onnxruntime or torch, each imported when first used."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from sideman.core.models.graph import Graph
from sideman.core.models.onnx_file import write_onnx
from sideman.core.models.runtime.session import Engine, Precision, Request, RunsOn, Session
from sideman.errors import MissingAsset

__all__ = [
    "Engine",
    "Precision",
    "Request",
    "RunsOn",
    "Session",
    "chosen_engine",
    "installed",
    "open_onnx",
    "open_session",
    "refuse_without_engine",
]


def installed(engine: Engine) -> bool:
    return importlib.util.find_spec(engine.value) is not None


def chosen_engine(request: Request) -> Engine:
    """The engine for a request: the one asked for, torch where it has a GPU, else OpenVINO, else onnxruntime, else torch on the CPU.

    Raises MissingAsset when none is installed.
    """
    refuse_without_engine(request)
    if request.engine is not None:
        return request.engine
    if request.device not in (None, "cpu") or (request.device is None and best_device() != "cpu"):
        return Engine.TORCH
    return next(e for e in (Engine.OPENVINO, Engine.ONNXRUNTIME, Engine.TORCH) if installed(e))


def refuse_without_engine(request: Request) -> None:
    """Raises MissingAsset when nothing is installed that a request could run on. Imports none of them."""
    if request.engine is not None:
        if not installed(request.engine):
            raise MissingAsset(f"{request.engine} is not installed: pip install 'sideman[{_extra(request.engine)}]'")
    elif request.device not in (None, "cpu"):
        if not installed(Engine.TORCH):
            raise MissingAsset(f"running on {request.device} needs torch: pip install 'sideman[torch]'")
    elif not any(installed(e) for e in Engine):
        raise MissingAsset("running a separation model needs a neural runtime: pip install 'sideman[separation]'")


def _extra(engine: Engine) -> str:
    return "torch" if engine is Engine.TORCH else "separation"


def open_session(graph: Graph, request: Request) -> Session:
    """Compile a graph, whose constants are dropped on the way: they would be in memory twice. Raises MissingAsset or UnusableModel."""
    engine = chosen_engine(request)
    if engine is Engine.TORCH:
        from sideman.core.models.runtime.torch_session import TorchSession

        return TorchSession(graph, request.device or best_device(), request.threads)
    with tempfile.TemporaryDirectory(prefix="sideman-model-") as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(graph, path)
        graph.constants.clear()
        return _from_file(engine, path, request)


def _from_file(engine: Engine, path: Path, request: Request) -> Session:
    if engine is Engine.OPENVINO:
        from sideman.core.models.runtime.openvino_session import openvino_session

        return openvino_session(path, request)
    from sideman.core.models.runtime.onnxruntime_session import OnnxRuntimeSession

    return OnnxRuntimeSession(path, request)


def open_onnx(path: Path, request: Request) -> Session:
    """A model that is published as ONNX, as it is, on OpenVINO or onnxruntime."""
    engine = chosen_engine(request)
    if engine is Engine.TORCH:
        engine = Engine.OPENVINO if installed(Engine.OPENVINO) else Engine.ONNXRUNTIME
    if not installed(engine):
        raise MissingAsset(f"{path.name} runs on OpenVINO or onnxruntime, not on torch: pip install 'sideman[separation]'")
    return _from_file(engine, path, request)


def best_device() -> str:
    """`cuda`, `mps` or `cpu`, whichever torch finds first; `cpu` where there is no torch."""
    if not installed(Engine.TORCH):
        return "cpu"
    from sideman.core.models.runtime.torch_session import best_device as find

    return find()
