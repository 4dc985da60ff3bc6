"""The install commands of the Dockerfile, run in a bare environment: what an image would hold, against the images that it replaces.

    python -m benchmarks.deployment

No container engine is used: the commands are taken from the Dockerfile and run with their folders moved into a temporary one. The base
image itself (python:3.13-slim, about 125 MB) is not in the figure.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results_file import markdown_table, write_result

ROOT = Path(__file__).parents[1]
REPLACED_GB = {"analysis worker": 6.65, "generation worker": 6.79}


@dataclass(frozen=True)
class Installed:
    python: Path
    size_mb: float
    wheels_s: float
    package_s: float
    install_s: float


def run_commands(text: str) -> list[str]:
    """The RUN lines of a Dockerfile, continued lines joined."""
    return re.findall(r"^RUN (.+)$", text.replace("\\\n", " "), re.M)


def install(folder: Path) -> Installed:
    """Do what the Dockerfile does: wheels of the dependencies, wheel of the package, both installed without an index."""
    commands = [c for c in run_commands((ROOT / "Dockerfile").read_text("utf-8")) if "pip" in c]
    build, venv = folder / "build", folder / "image"
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    there = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, there):
        if (ROOT / name).is_file():
            (build / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, build / name)
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    moved = {"/wheels": f"{folder}/wheels", "/package": f"{folder}/package", "/requirements.txt": f"{build}/requirements.txt"}
    seconds = []
    for command in commands:
        command = re.sub(r"--mount=\S+ ", "", command)
        here = re.sub(
            r"(?<= )" + "|(?<= )".join(map(re.escape, moved)), lambda m: moved[m[0]], command.replace("--no-cache-dir", "--quiet")
        )
        start = time.monotonic()
        path = {"PATH": f"{venv}/bin:/usr/bin:/bin", "HOME": str(Path.home())}
        subprocess.run(["sh", "-c", here], cwd=build, env=path, check=True)
        seconds.append(time.monotonic() - start)
    size = sum(p.stat().st_size for p in venv.rglob("*") if p.is_file() and not p.is_symlink()) / 1e6
    return Installed(venv / "bin/python", size, seconds[0], seconds[1], sum(seconds[2:]))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        made = install(Path(folder))
    rows = [["wheels of the dependencies (a layer of its own)", f"{made.wheels_s:.0f} s"],
            ["wheel of the package (what a change of code repeats)", f"{made.package_s:.0f} s"],
            ["installing both", f"{made.install_s:.0f} s"], ["size of the environment", f"{made.size_mb:.0f} MB"]]  # fmt: skip
    rows += [[f"replaced {name}, image", f"{gb} GB: {1000 * gb / made.size_mb:.0f} times as large"] for name, gb in REPLACED_GB.items()]
    text = "Commands of the Dockerfile in a bare environment; not run: docker build itself, docker compose."
    write_result("deployment", "What the image holds", f"{text}\n\n{markdown_table(['what', 'figure'], rows)}")


if __name__ == "__main__":
    main()
