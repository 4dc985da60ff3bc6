"""What operators set by environment variables: read as they mean it, or refused in a sentence that names the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from sideman import bootstrap
from sideman.errors import UsageError
from sideman.infra.settings import PlatformSettings


def read(folder: Path, **variables: str) -> PlatformSettings:
    return PlatformSettings.from_environment(folder, variables)


@pytest.mark.parametrize(("written", "meant"), [("yes", True), (" True", True), ("1", True), ("No", False), ("false", False), ("0", False)])
def test_yes_and_no_are_read_however_they_are_written(tmp_path: Path, written: str, meant: bool) -> None:
    assert read(tmp_path, SIDEMAN_WEBHOOK_PRIVATE=written).worker.private_webhooks is meant


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SIDEMAN_WEBHOOK_PRIVATE", "on"),
        ("SIDEMAN_HEARTBEAT_S", "soon"),
        ("SIDEMAN_CPU_SLOTS", "-1"),
        ("SIDEMAN_TRASH_DAYS", "1000000"),
        ("SIDEMAN_UPLOAD_HOURS", "99999999"),
    ],
)
def test_what_means_nothing_is_refused_by_its_name(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(UsageError, match=variable):
        read(tmp_path, **{variable: value})


@pytest.mark.parametrize(
    ("device", "given"),
    [("cuda:1", {"CUDA_VISIBLE_DEVICES": "1"}), ("cpu", {"SIDEMAN_DEVICE": "cpu"}), ("mps", {"SIDEMAN_DEVICE": "mps"}), (None, {})],
)
def test_a_worker_runs_where_it_is_told(tmp_path: Path, device: str | None, given: dict[str, str]) -> None:
    found = bootstrap._child_environment(read(tmp_path), tmp_path, device)
    assert {k: v for k, v in found.items() if k in ("CUDA_VISIBLE_DEVICES", "SIDEMAN_DEVICE")} == given
    with pytest.raises(UsageError, match="--device"):
        bootstrap._child_environment(read(tmp_path), tmp_path, "banana")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert PlatformSettings.from_environment(None, {"SIDEMAN_DATA": "~/songs"}).data == tmp_path / "songs"
