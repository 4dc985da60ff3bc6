"""Carried assets: whole, hashed, and a sentence when something is wrong. Nothing here reaches for a network."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sideman.carried import carried
from sideman.errors import MissingAsset

ROOT = Path(__file__).parents[2]


@pytest.fixture
def carry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool with its own lock, folder and cache."""
    spec = importlib.util.spec_from_file_location("carry_under_test", ROOT / "tools/carry.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "DEST", tmp_path / "dest")
    monkeypatch.setattr(module, "LOCK", tmp_path / "assets.lock.toml")
    monkeypatch.setenv("SIDEMAN_CACHE_DIR", str(tmp_path / "cache"))
    content, licence = b"the file", b"the licence"
    (tmp_path / "assets.lock.toml").write_text(
        '[[package]]\ngroup = "base"\nkind = "npm"\nname = "thing"\nversion = "1.0"\nlicense = "MIT"\n'
        f'files = [{{ path = "a", to = "a.bin", sha256 = "{hashlib.sha256(content).hexdigest()}" }}]\n'
        f'licenses = [{{ path = "L", to = "licenses/a.txt", sha256 = "{hashlib.sha256(licence).hexdigest()}" }}]\n'
    )
    module.wanted = {"a": content, "L": licence}
    monkeypatch.setattr(module, "fetch", lambda packages: {p.name: dict(module.wanted) for p in packages})
    return module


def test_files_are_laid_cached_and_listed(carry: ModuleType) -> None:
    assert "1 packages fetched" in carry.sync()
    assert (carry.DEST / "a.bin").read_bytes() == b"the file"
    assert "| thing | 1.0 | MIT |" in (carry.DEST / "THIRD_PARTY.md").read_text()
    (carry.DEST / "a.bin").unlink()
    assert "0 packages fetched" in carry.sync()
    assert carry.build_requirements(None) == []


def test_a_spoilt_file_is_never_used(carry: ModuleType) -> None:
    carry.wanted["a"] = b"something else"
    with pytest.raises(carry.CarryError, match="it was not used"):
        carry.sync()
    assert not (carry.DEST / "a.bin").exists()


def test_a_spoilt_cache_is_fetched_again(carry: ModuleType) -> None:
    carry.sync()
    for path in carry.cache_dir().iterdir():
        path.write_bytes(b"spoilt")
    (carry.DEST / "a.bin").unlink()
    assert "1 packages fetched" in carry.sync()
    assert (carry.DEST / "a.bin").read_bytes() == b"the file"


def test_unknown_groups_are_named(carry: ModuleType) -> None:
    with pytest.raises(carry.CarryError, match="no asset group named web; there are base"):
        carry.sync({"web"})


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("npm error code EAI_AGAIN", "connect to the network once"),
        ("npm error code E404 thing@1.0", "the package index has no thing@1.0"),
        ("odd words", "the client says: odd words"),
    ],
)
def test_what_a_client_says_becomes_a_sentence(carry: ModuleType, said: str, sentence: str) -> None:
    assert sentence in carry.why_not(["thing@1.0"], said)


def test_the_soundfont_is_carried() -> None:
    head = carried("soundfont.sf3").read_bytes()[:12]
    assert head[:4] == b"RIFF" and head[8:] == b"sfbk"
    assert "MIT" in carried("THIRD_PARTY.md").read_text("utf-8")
    with pytest.raises(MissingAsset, match=r"tools/carry\.py"):
        carried("no-such-file")
