"""Durable jobs: a plan of tasks per job, queues over SQLite or PostgreSQL (DBOS), heavy tasks in warm child processes."""

from sideman.infra.jobs.plan import CPU, GPU, ORCHESTRATION, QUEUES, Plan, Stage, Task
from sideman.infra.jobs.warm import SCRATCH, ChildDied, OutOfTime, WarmProcess

__all__ = ["CPU", "GPU", "ORCHESTRATION", "QUEUES", "SCRATCH", "ChildDied", "OutOfTime", "Plan", "Stage", "Task", "WarmProcess"]
