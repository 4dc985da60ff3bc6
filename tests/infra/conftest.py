"""Servers that live as long as the test run, started by the first test that asks; each worker of pytest-xdist has its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers import AzuriteServer, PostgresServer, S3Server, Unavailable


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
