"""Graphs on onnxruntime, float32 on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from sideman.core.models.runtime.session import Array, Engine, Precision, Request, RunsOn
from sideman.errors import UnusableModel


class OnnxRuntimeSession:
    def __init__(self, path: Path, request: Request) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = request.threads, 1
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # with its arena a 42 M model takes 5 GB
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise UnusableModel(f"onnxruntime cannot run this network: {str(error).strip().splitlines()[0]}") from error
        self._names = [i.name for i in self._session.get_inputs()]
        self.runs_on = RunsOn(Engine.ONNXRUNTIME, version("onnxruntime"), "cpu", Precision.FLOAT32)

    def __call__(self, *inputs: Array) -> Sequence[Array]:
        given = dict(zip(self._names, inputs, strict=True))
        try:
            return list(self._session.run(None, given))
        except Exception as error:  # it has a class for each failure, and no common one
            raise UnusableModel(f"onnxruntime stopped in this network: {str(error).strip().splitlines()[0]}") from error
