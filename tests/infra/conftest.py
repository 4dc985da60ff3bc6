"""Servers that live as long as the test run, started by the first test that asks; each worker of pytest-xdist has its own. And libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers import AzuriteServer, PostgresServer, S3Server, Unavailable

from sideman import bootstrap
from sideman.app.library.access import Caller
from sideman.app.library.studio import Studio


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    yield from _running(PostgresServer)


@pytest.fixture(scope="session")
def azurite() -> Iterator[AzuriteServer]:
    yield from _running(AzuriteServer)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    yield from _running(S3Server)


def _running(kind):
    try:
        server = kind.start()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with server:
        yield server


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Studio]]:
    """A library with the settings that are given."""
    studios: list[Studio] = []

    def open_with(**settings: str) -> Studio:
        for name, value in settings.items():
            monkeypatch.setenv(f"SIDEMAN_{name}", value)
        studios.append(bootstrap.open_studio(tmp_path / "library"))
        return studios[-1]

    yield open_with
    for studio in studios:
        studio.close()


@pytest.fixture
def studio(opened: Callable[..., Studio]) -> Studio:
    return opened()


@pytest.fixture
def me(studio: Studio) -> Caller:
    return studio.access.local()
