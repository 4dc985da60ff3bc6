"""A network comes by a job from a hub of our own, plays a generation in one batch, and the band stands in: its weights are random."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from model_hub import Hub
from serving import serving
from test_made_files import Server

pytest.importorskip("transformers", reason="the extra `neural` is not installed: pip install 'sideman[neural]'")

from tiny_networks import musicgen


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = musicgen(tmp_path_factory.mktemp("musicgen") / "small")
    server = Hub()
    server.repositories["facebook/musicgen-small"] = {p.name: p.read_bytes() for p in folder.iterdir()}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("networks")
    settings = {
        "SIDEMAN_HUB": hub.address,
        "SIDEMAN_MODELS": str(folder / "models"),
        "SIDEMAN_DEVICE": "cpu",
        "SIDEMAN_MODEL_THREADS": "1",
    }  # beside another process of tests
    with serving(folder, **settings) as running, httpx.Client(base_url=running.url, timeout=60) as http:
        yield Server(http)


def engine(studio: Server, name: str) -> dict[str, Any]:
    return next(g for g in studio.ask("GET", "/engines")["generators"] if g["engine"] == name)


def test_a_network_from_the_offer_to_the_stem(studio: Server, song_file: Path) -> None:
    with song_file.open("rb") as file:
        recording = studio.ask("POST", "/recordings", files={"file": ("song.flac", file)})
    band, offered = engine(studio, "band"), engine(studio, "musicgen-small")
    assert band["problem"] is None and band["use"] == "commercial" and "vocals" in band["roles"]
    assert (
        offered["use"] == "non-commercial"
        and "sideman models install musicgen-small" in offered["problem"]
        and "vocals" not in offered["roles"]
    )
    ask, wish = (
        f"/recordings/{recording['id']}/generations",
        {"roles": ["bass", "drums"], "engine": "musicgen-small", "seed": 3, "durationS": 8},
    )
    refused = studio.http.post(f"/api/v1{ask}", json=wish)
    assert refused.status_code == 409 and "musicgen-small is not installed" in refused.json()["detail"]
    assert studio.http.post(f"/api/v1{ask}", json=wish | {"engine": "nonsense"}).status_code == 422

    studio.done(studio.ask("POST", "/models/musicgen-small/install", json={"accept": True})["id"])
    assert engine(studio, "musicgen-small")["problem"] is None
    unplayable = studio.http.post(f"/api/v1{ask}", json=wish | {"roles": ["vocals"]})
    assert unplayable.status_code == 422 and "musicgen-small plays no vocals" in unplayable.json()["detail"]

    made = studio.ask("POST", ask, json=wish)
    studio.done(made["jobId"])
    stems = [
        s for s in studio.ask("GET", f"/stems?recording={recording['id']}&origin=generated")["items"] if s["generationId"] == made["id"]
    ]
    assert sorted(s["role"] for s in stems) == ["bass", "drums"]
    for stem in stems:  # a hum is nothing that fits
        assert "The session band plays: the judge accepted none of 3 performances of musicgen-small" in stem["provenance"]["note"]
        assert stem["provenance"]["engine"] == "session band" and stem["report"]["verdict"] == stem["verdict"]
