"""One real server for the whole run, with its own worker, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`sideman serve` on a free port and a fresh folder; shared, so a test must not expect the library to be empty."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running
