"""A model comes by a job, after its terms were accepted, and takes a recording apart by another. The network is small and random."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from model_hub import Hub
from serving import serving
from test_made_files import Server

from sideman.testing.weights import write_htdemucs


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    path = tmp_path_factory.mktemp("weights") / "955717e8.safetensors"
    write_htdemucs(path)
    server = Hub()
    server.files[path.name] = path.read_bytes()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("separating")
    settings = {"SIDEMAN_HUB": hub.address, "SIDEMAN_MODELS": str(folder / "models")}
    with serving(folder, **settings) as running, httpx.Client(base_url=running.url, timeout=60) as http:
        yield Server(http)


@pytest.fixture(scope="module")
def recording(studio: Server, song_file: Path) -> dict[str, Any]:
    with song_file.open("rb") as file:
        return studio.ask("POST", "/recordings", files={"file": ("song.flac", file)})


def stems(studio: Server, recording: dict[str, Any], origin: str) -> dict[str, dict[str, Any]]:
    page = studio.ask("GET", f"/stems?recording={recording['id']}&origin={origin}")
    return {s["role"]: s for s in page["items"]}


def test_a_model_that_is_not_there_is_offered_in_one_sentence(studio: Server, recording: dict[str, Any]) -> None:
    presets = {p["name"]: p for p in studio.ask("GET", "/presets")}
    assert presets["preview"]["problem"] is None and presets["fast"]["missing"] == ["htdemucs"]
    answer = studio.http.post(f"/api/v1/recordings/{recording['id']}/separations", json={"preset": "fast"})
    assert answer.status_code == 409 and "htdemucs is not installed: four studio stems (84 MB" in answer.json()["detail"]
    for wrong, code in (({"preset": "loud"}, 422), ({"preset": "preview", "stems": ["piano"]}, 422), ({"previewS": 0}, 422)):
        assert studio.http.post(f"/api/v1/recordings/{recording['id']}/separations", json=wrong).status_code == code


def test_its_terms_are_accepted_before_it_comes(studio: Server) -> None:
    card = studio.ask("GET", "/models/htdemucs")
    assert not card["installed"] and "provided only for scientific purposes" in card["terms"] and card["use"] == "contested"
    answer = studio.http.post("/api/v1/models/htdemucs/install", json={})
    assert answer.status_code == 409 and card["terms"] in answer.json()["detail"]
    assert studio.http.post("/api/v1/models/nothing/install", json={"accept": True}).status_code == 404
    studio.done(studio.ask("POST", "/models/htdemucs/install", json={"accept": True})["id"])
    card = studio.ask("GET", "/models/htdemucs")
    assert card["installed"] and card["acceptedBy"] and card["acceptedAt"]
    fast = next(p for p in studio.ask("GET", "/presets") if p["name"] == "fast")
    assert fast["problem"] is None and fast["secondsPerMinute"] > 0, "it was tried out on this machine"


def test_a_preset_takes_the_recording_apart(studio: Server, recording: dict[str, Any]) -> None:
    ask = f"/recordings/{recording['id']}/separations"
    job = studio.done(studio.ask("POST", ask, json={"preset": "fast", "stems": ["vocals", "bass"]})["id"])
    made = stems(studio, recording, "separated")
    assert set(made) == {"vocals", "bass", "residual"}
    facts = made["vocals"]["provenance"]
    assert facts["preset"] == "fast" and facts["engine"] == "htdemucs" and "openvino" in facts["parameters"]["runs on"]
    assert facts["parameters"]["licence"] == "contested (MIT or research only)" and len(facts["parameters"]["sha256"]) == 64
    song = soundfile.read(io.BytesIO(studio.http.get(f"/api/v1/recordings/{recording['id']}/file").content), always_2d=True)[0]
    total = sum(studio.audio(s["audioUrl"]) for s in made.values())
    assert np.abs(total - song).max() < 10 ** (-90 / 20)
    assert studio.ask("POST", ask, json={"preset": "fast", "stems": ["vocals", "bass"]})["id"] == job["id"]


def test_an_excerpt_is_kept_apart_and_lies_where_it_belongs(studio: Server, recording: dict[str, Any]) -> None:
    before = set(stems(studio, recording, "separated"))
    studio.done(studio.ask("POST", f"/recordings/{recording['id']}/separations", json={"preset": "fast", "previewS": 3})["id"])
    made = stems(studio, recording, "excerpt")
    assert set(made) == {"drums", "bass", "other", "vocals"} and set(stems(studio, recording, "separated")) == before
    start, end = made["drums"]["provenance"]["within_s"]
    assert end - start == pytest.approx(3)
    for s in made.values():
        sound = studio.audio(s["audioUrl"])
        assert len(sound) == round(recording["durationS"] * 44100)
        assert not sound[: int(start * 44100)].any() and not sound[int(end * 44100) + 1 :].any() and sound.any()


def test_an_analysis_keeps_the_better_stems(studio: Server, recording: dict[str, Any]) -> None:
    studio.done(studio.ask("POST", f"/recordings/{recording['id']}/analyses", json={})["id"])
    assert stems(studio, recording, "separated")["bass"]["provenance"]["preset"] == "fast"


def test_an_analysis_and_a_preset_at_once_leave_the_preset(studio: Server, song_file: Path) -> None:
    samples, rate = soundfile.read(song_file)
    shorter = io.BytesIO()
    soundfile.write(shorter, samples[: 12 * rate], rate, format="FLAC")
    other = studio.ask("POST", "/recordings", files={"file": ("shorter.flac", shorter.getvalue())})
    jobs = [
        studio.ask("POST", f"/recordings/{other['id']}/{kind}", json=body)["id"]
        for kind, body in (("analyses", {}), ("separations", {"preset": "fast"}))
    ]
    for job in jobs:
        studio.done(job)
    assert {s["provenance"].get("preset") for s in stems(studio, other, "separated").values()} == {"fast"}


def test_a_removed_model_is_gone_and_its_stems_stay(studio: Server, recording: dict[str, Any]) -> None:
    assert studio.http.delete("/api/v1/models/htdemucs").status_code == 204
    assert not studio.ask("GET", "/models/htdemucs")["installed"] and "vocals" in stems(studio, recording, "separated")


def test_a_stem_is_taken_apart_in_a_second_pass(studio: Server, recording: dict[str, Any]) -> None:
    ask = f"/api/v1/recordings/{recording['id']}/separations"
    answer = studio.http.post(ask, json={"preset": "kit"})
    assert answer.status_code == 409 and "kit takes the drums stem apart and there is none yet" in answer.json()["detail"]
    studio.done(studio.ask("POST", f"/recordings/{recording['id']}/separations", json={"preset": "preview"})["id"])
    before = stems(studio, recording, "separated")
    for _ in range(2):  # a second run replaces its own parts and nothing else
        studio.done(studio.ask("POST", f"/recordings/{recording['id']}/separations", json={"preset": "kit", "again": True})["id"])
    parts = stems(studio, recording, "part")
    assert set(parts) == {"kick", "snare", "toms", "hats", "cymbals"}
    assert {r: s["id"] for r, s in stems(studio, recording, "separated").items()} == {r: s["id"] for r, s in before.items()}
    total = sum(studio.audio(s["audioUrl"]) for s in parts.values())
    assert np.abs(total - studio.audio(before["drums"]["audioUrl"])).max() < 10 ** (-90 / 20)
