"""Seconds and megabytes of a fresh base install, by package.

python -m benchmarks.install
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.results_file import write_result

ROOT = Path(__file__).parent.parent


def sizes(site: Path) -> dict[str, float]:
    """MB by top-level folder of site-packages."""
    found: dict[str, float] = defaultdict(float)
    for path in site.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found[path.relative_to(site).parts[0].removesuffix(".libs").split("-")[0]] += path.stat().st_size / 1e6
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        start = time.monotonic()
        subprocess.run([sys.executable, "-m", "venv", name], check=True)
        made = time.monotonic()
        python = Path(name) / "bin/python"
        bare = sum(sizes(next(Path(name).glob("lib/python*/site-packages"))).values())
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(ROOT)], check=True)
        done = time.monotonic()
        found = sizes(next(Path(name).glob("lib/python*/site-packages")))
    total = sum(found.values())
    rows = [f"| {k} | {v:.1f} |" for k, v in sorted(found.items(), key=lambda x: -x[1]) if v >= 0.5]
    body = "\n".join([
        f"venv {made - start:.1f} s, `pip install .` {done - made:.1f} s (package index as configured, carried files from the cache if they are there).", "",
        f"site-packages {total:.0f} MB, {bare:.0f} MB of it pip's own before the install.", "", "| package | MB |", "|---|--:|", *rows,
    ])  # fmt: skip
    write_result("install", "What the base install costs", body)


if __name__ == "__main__":
    main()
