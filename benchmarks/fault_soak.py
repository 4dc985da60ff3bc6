"""kill -9 of random workers and child processes over a batch of jobs, on SQLite and on PostgreSQL.

    python -m benchmarks.fault_soak [JOBS] [KILLS]

Prints and keeps: jobs lost, finished tasks that began again, orphan and missing blobs. All must be 0.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results_file import markdown_table, write_result

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/faults")]

from servers import PostgresServer  # noqa: E402
from yard import Yard, chaos  # noqa: E402

BUSY_S = 0.3
PAUSE_S = (0.5, 2.5)


def soak(yard: Yard, jobs: int, kills: int) -> list[str]:
    start = time.monotonic()
    for worker in (yard.start_worker(), yard.start_worker()):
        yard.wait_ready(worker)
    ids = yard.submit(jobs, busy_s=BUSY_S)
    made = chaos(yard, ids, kills, PAUSE_S, seed=jobs, timeout_s=3600)
    while made < kills:  # the batch ended before the kills did: another one
        ids += yard.submit(jobs // 4, busy_s=BUSY_S)
        made += chaos(yard, ids, kills - made, PAUSE_S, seed=made, timeout_s=3600)
    states = yard.wait(ids, 900)
    for job in (yard.jobs.get(i) for i in ids):
        if job.state != "completed":
            print(job, (yard.folder / "worker.log").read_text()[-4000:])
    runs = sum(e.what == "start" for e in yard.events())
    figures = [
        len(ids), made, states["completed"], len(ids) - states["completed"], len(yard.repeated_after_finish()), runs - 4 * len(ids),
        len(yard.orphans()), len(yard.missing()), round(time.monotonic() - start),
    ]  # fmt: skip
    return [str(f) for f in figures]


def main(jobs: int = 100, kills: int = 50) -> None:
    rows = []
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        yard = Yard(Path(folder))
        rows.append(["SQLite", *soak(yard, jobs, kills)])
        yard.stop()
    with PostgresServer.start() as server, tempfile.TemporaryDirectory(prefix="soak-") as folder:
        yard = Yard(Path(folder), server.create_database(), server.create_database())
        rows.append(["PostgreSQL", *soak(yard, jobs, kills)])
        yard.stop()
    columns = [
        "database",
        "jobs",
        "kills",
        "completed",
        "lost",
        "finished tasks repeated",
        "tasks cut and run again",
        "orphan blobs",
        "missing blobs",
        "s",
    ]
    text = "Two workers; jobs of four tasks, of which three are heavy. A killed worker is restarted, a killed child by its worker."
    write_result("faults", "kill -9 of random workers and child processes", f"{text}\n\n{markdown_table(columns, rows)}")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]))
