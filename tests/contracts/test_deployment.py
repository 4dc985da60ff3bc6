"""The deployment files, without a container engine: what they say is checked, and that their commands and requirements are real."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from forked import sideman

from benchmarks.deployment import install

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def test_compose_has_the_replaced_systems_services_and_ports() -> None:
    ports = {name: [str(p).rsplit(":", 1)[-1] for p in s.get("ports", [])] for name, s in COMPOSE["services"].items()}
    assert ports == {
        "postgres": ["5432"], "azurite": ["10000"], "api": ["5000"], "analysis-worker": ["8001"], "generation-worker": ["8002"],
    }  # fmt: skip


def test_only_the_api_is_reachable_from_other_machines() -> None:
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", []):
            assert name == "api" or str(port).startswith("127.0.0.1:")


def test_every_service_of_ours_is_hardened_and_knows_all_three_urls() -> None:
    for name in ("api", "analysis-worker", "generation-worker"):
        service = COMPOSE["services"][name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"]
        assert {"SIDEMAN_DATABASE_URL", "SIDEMAN_JOBS_URL", "SIDEMAN_BLOBS_URL"} <= service["environment"].keys()
        assert [v.split(":")[1] for v in service["volumes"]] == ["/data", "/models"] and "models:/models" in service["volumes"]
    queues = [re.search(r"--queues (\S+)", COMPOSE["services"][w]["command"])[1] for w in ("analysis-worker", "generation-worker")]  # type: ignore[index]
    assert sorted(",".join(queues).split(",")) == ["cpu", "gpu", "orch"]


def test_the_commands_are_ones_that_the_program_takes() -> None:
    commands = [shlex.split(s["command"]) for s in COMPOSE["services"].values() if str(s.get("command", "")).startswith("sideman ")]
    commands.append(re.findall(r'"([^"]+)"', DOCKERFILE.splitlines()[-1]))
    assert len(commands) == 4
    for command in commands:
        done = sideman(*command[1:], "--help")
        assert done.returncode == 0
        for option in (w for w in command if w.startswith("--")):
            assert option in done.stdout.replace("--no-worker", "--no-worker "), option


def test_the_image_runs_as_a_user_and_says_how_it_is() -> None:
    stages = DOCKERFILE.split("FROM ")
    assert re.search(r"^USER sideman$", stages[-1], re.M) and "HEALTHCHECK" in stages[-1]
    assert stages[-1].index("requirements.txt") < stages[-1].index("/package")  # code comes after its dependencies' layer
    assert "COPY" not in stages[-1]  # what is copied and removed again stays in the image
    for path in re.findall(r"^COPY ((?!--from)[^\n]+) \S+$", DOCKERFILE, re.M):
        assert all((ROOT / name).exists() for name in path.split()), path


def test_the_layer_of_wheels_holds_every_requirement() -> None:
    extras = re.search(r"dependencies.py ([a-z0-9 ]+) >", DOCKERFILE)[1].split()  # type: ignore[index]
    printed = subprocess.run([sys.executable, ROOT / "tools/dependencies.py", *extras], capture_output=True, text=True, check=True).stdout
    names = {re.split(r"[<>=\[ ]", line)[0] for line in printed.splitlines()}
    assert {"numpy", "dbos", "fastapi", "psycopg", "azure-storage-blob", "boto3"} <= names


@pytest.mark.soak
def test_the_install_commands_work_in_a_bare_environment(tmp_path: Path) -> None:
    made = install(tmp_path)
    code = "import psycopg, boto3, azure.storage.blob; from sideman.faces.rest import create_application; from sideman.faces.web import pages; "
    code += "print('ready', len(pages.load()[1]) > 50)"
    done = subprocess.run([made.python, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "ready True\n", done.stderr
    assert made.size_mb < 1000
