"""Where figures go: one Markdown file per benchmark, with date, machine and versions; the newest run replaces the older one."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            name = line.split(":")[1].strip()
            break
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in ("numpy", "scipy", "av"))
    return f"{os.cpu_count()} cores of {name}, Python {platform.python_version()}, {versions}"


def write_result(name: str, title: str, body: str) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.md"
    path.write_text(
        f"# {title}\n\n{date.today().isoformat()}; {machine()}; sideman {metadata.version('sideman')}.\n\n{body.rstrip()}\n", "utf-8"
    )
    print(body, f"\nwritten: {path}")
    return path


def markdown_table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["--" if k == 0 else "--:" for k in range(len(columns))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
