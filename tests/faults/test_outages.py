"""Servers that go away under running jobs and come back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from proxy import Proxy
from servers import PostgresServer, S3Server, Unavailable
from test_faults import assert_nothing_lost
from yard import Yard


def test_postgresql_crashes_and_comes_back(tmp_path: Path) -> None:
    try:
        server = PostgresServer.start(durable=True)
    except Unavailable as reason:
        pytest.skip(str(reason))
    with server:
        yard = Yard(tmp_path, server.create_database(), server.create_database())
        try:
            for worker in (yard.start_worker(), yard.start_worker()):
                yard.wait_ready(worker)
            ids = yard.submit(12, busy_s=0.4)
            yard.until(lambda: len(yard.events()) > 6)
            server.restart(immediate=True)
            assert_nothing_lost(yard, ids)
        finally:
            yard.stop()


def test_the_blob_store_is_down_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        server = S3Server.start()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        way = Proxy(server.port)
        yard = Yard(tmp_path, blobs_url=f"s3://faults?endpoint=http://127.0.0.1:{way.port}&region=us-east-1")
        try:
            yard.wait_ready(yard.start_worker())
            ids = yard.submit(8, busy_s=0.4)
            yard.until(lambda: len(yard.events()) > 4)
            way.cut()
            time.sleep(6)
            way.mend()
            assert_nothing_lost(yard, ids)
        finally:
            yard.stop()
            way.stop()
