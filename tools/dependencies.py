"""Print what the package needs, with the extras named on the command line, one requirement a line: for an image's layer of wheels."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(extras: list[str]) -> list[str]:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    return [*project["dependencies"], *(r for e in extras for r in project["optional-dependencies"][e])]


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
