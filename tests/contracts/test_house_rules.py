"""Rules that no linter checks: sizes, names, the public door, the cost of importing, documentation against code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import forked
import pytest

import sideman
from sideman.core.music import Chord
from sideman.errors import SidemanError
from sideman.infra.settings import ROWS, Settings

ROOT = Path(__file__).parents[2]
SOURCES = sorted(p for p in (ROOT / "src/sideman").rglob("*.py") if "migrations/versions" not in p.as_posix())
VAGUE = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "base"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text("utf-8")
    code = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= 400
    assert path.stem not in VAGUE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno + 1 <= 62, node.name
            if "sideman/faces/" in path.as_posix():
                continue  # the parameters of a route or command are what a request or a terminal may say
            assert len(node.args.posonlyargs) + len(node.args.args) <= 7, node.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_modules_say_what_they_are_for(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree), "a module begins with a sentence"


def test_the_public_door() -> None:
    assert sorted(sideman.__all__) == [
        "AudioClip", "FitWish", "MusicAnalysis", "Order", "SidemanError", "StemRole", "analyze", "fit", "generate", "mix", "open_studio", "play_along", "render_midi", "separate", "straighten",
    ]  # fmt: skip
    for name in sideman.__all__:
        assert getattr(sideman, name).__doc__
    with pytest.raises(AttributeError):
        _ = sideman.nothing


def test_importing_sideman_loads_nothing_but_a_little_of_python_itself() -> None:
    code = "import sys; before = set(sys.modules); import sideman; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "sideman" in loaded and len(loaded) < 40
    assert [m for m in loaded if m.partition(".")[0] not in sys.stdlib_module_names] == ["sideman"]


def test_every_error_has_an_exit_code_and_a_place_in_the_tree() -> None:
    import sideman.errors as errors

    tree = errors.__doc__ or ""
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, SidemanError)]
    assert len(classes) >= 10
    for c in classes:
        assert c.__name__ in tree and 1 <= c.exit_code <= 130


def test_settings_are_documented_and_checked() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    for row in ROWS:
        assert f"`{row.variable}`" in page and row.help in page
    with pytest.raises(SidemanError, match="SIDEMAN_THREADS"):
        Settings.from_environment({"SIDEMAN_THREADS": "many"})
    with pytest.raises(SidemanError, match="SIDEMAN_SCRATCH"):
        Settings.from_environment({"SIDEMAN_SCRATCH": "/no/such/folder"})


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs/reference/command-line.md").read_text("utf-8")
    done = forked.sideman("--help")
    commands = set(re.findall(r"│ ([a-z-]+)  +[A-Z]", done.stdout))
    assert {"play-along", "eval", "demo"} <= commands
    for command in commands:
        assert f"## sideman {command}" in page


def test_a_chord_that_is_written_in_the_browser_is_the_same_everywhere_else() -> None:
    script = (ROOT / "src/sideman/faces/web/static/js/music.js").read_text("utf-8")
    table = script[script.index("function writtenQuality") :].partition("return known")[0]
    written = [(quoted or bare, quality) for quoted, bare, quality in re.findall(r"(?:'([^']*)'|(\w+)): '(\w+)'", table)]
    assert len(written) > 50 and ("69", "maj6") in written
    assert [(symbol, Chord.read(f"C{symbol}").quality) for symbol, _ in written] == written


def test_the_readme_names_the_two_commands_on_its_first_screen() -> None:
    first = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:40])
    assert "make demo" in first and "make test" in first and "make demo SONG=" in first


@pytest.mark.parametrize(
    "page",
    sorted((ROOT / "docs").rglob("*.md")) + [ROOT / n for n in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")],
    ids=lambda p: p.name,
)
def test_links_inside_the_documentation_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text("utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_architecture_names_only_what_exists() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for path in re.findall(r"`((?:src|core|infra|app|faces|training|benchmarks|tools|docs)/[\w/.-]+)`", page):
        here = ROOT / path if path.split("/")[0] in ("src", "training", "benchmarks", "tools", "docs") else ROOT / "src/sideman" / path
        assert here.exists(), path


def test_nothing_third_party_is_committed_and_every_asset_has_a_licence() -> None:
    lock = tomllib.loads((ROOT / "assets.lock.toml").read_text("utf-8"))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    assert "_carried/" not in tracked
    for package in lock["package"]:
        assert package["license"] and package["licenses"] and all(len(f["sha256"]) == 64 for f in package["files"])


def test_the_base_holds_no_heavy_or_gpl_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[<>=~!\[]", d)[0].strip().lower() for d in project["dependencies"]}
    assert not names & {"torch", "transformers", "librosa", "numba", "scikit-learn", "mutagen", "essentia", "fastapi", "sqlalchemy"}
    assert len(names) <= 12  # onnxruntime runs the note network, python-stretch warps; every other engine of the base is numpy and scipy
