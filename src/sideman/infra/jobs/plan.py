"""What a job consists of: stages one after another, the tasks of a stage side by side."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

ORCHESTRATION, CPU, GPU = "orch", "cpu", "gpu"
BATCHES = "orch-batch"
"""Where batch jobs wait, apart from the interactive ones, so that waiting batch jobs never hold the places of the latter."""
QUEUES = (ORCHESTRATION, CPU, GPU)
"""GPU holds what gains from an accelerator (separation, generation); a worker without one may serve it too."""


@dataclass(frozen=True, slots=True)
class Task:
    """One checkpointed step.

    target: dotted name `module:function`, called as function(context, arguments, inputs, progress) -> JSON object, where inputs are
    the results of earlier tasks by name. queue: CPU or GPU run it in a warm child process; ORCHESTRATION in the worker itself, for
    what is light. weight: its part of the job's time, against the other tasks. timeout_s: from when it begins.
    """

    name: str
    title: str
    target: str
    queue: str = CPU
    arguments: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    timeout_s: float = 3600.0

    @property
    def work(self) -> dict[str, Any]:
        """What is done to what."""
        return {"target": self.target, "arguments": self.arguments}


Stage = tuple[Task, ...]
Plan = tuple[Stage, ...]


def to_json(plan: Plan) -> list[list[dict[str, Any]]]:
    return [[asdict(task) for task in stage] for stage in plan]


def from_json(value: list[list[dict[str, Any]]]) -> Plan:
    return tuple(tuple(Task(**task) for task in stage) for stage in value)
