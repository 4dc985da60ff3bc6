"""The servers that other tests stand on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from servers import AzuriteServer, PostgresServer, S3Server, answers_http


def test_postgres_answers_and_survives_a_crash() -> None:
    with PostgresServer.start(durable=True) as server:
        url = server.create_database()
        assert url != server.create_database()
        with psycopg.connect(url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
            connection.execute("create table kept as select 'Ä' as letter")
        with psycopg.connect(url) as open_one:
            server.restart(immediate=True)
            with pytest.raises(psycopg.OperationalError):
                open_one.execute("select 1")
        with psycopg.connect(url) as connection:
            assert connection.execute("select lower(letter) from kept").fetchone() == ("ä",)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url(), connect_timeout=2)


def test_azurite_and_s3_answer(azurite: AzuriteServer, s3_server: S3Server) -> None:
    assert answers_http(azurite.port) and answers_http(s3_server.port)


def test_a_server_does_not_outlive_a_killed_run() -> None:
    code = "from servers import S3Server; import sys; print(S3Server.start().port, flush=True); sys.stdin.read()"
    tests = Path(__file__).parents[1]
    with subprocess.Popen([sys.executable, "-c", code], cwd=tests, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        port = int(run.stdout.readline())
        assert answers_http(port)
        run.kill()
    end = time.monotonic() + 10
    while answers_http(port):
        assert time.monotonic() < end, "the server still runs 10 s after its starter was killed"
        time.sleep(0.05)
