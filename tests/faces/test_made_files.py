"""What jobs make, taken from the server as its users take it: stems with wishes, mixes, exports."""

from __future__ import annotations

import io
import json
import tempfile
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import mido
import numpy as np
import pytest
import soundfile

from sideman.core.audio import AudioClip, write_audio
from sideman.core.music import Chord, StemRole, from_jams, read_midi
from sideman.testing import ShortSong

WAIT_S = 180


class Server:
    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def ask(self, method: str, path: str, **body: Any) -> Any:
        answer = self.http.request(method, f"/api/v1{path}", **body)
        assert answer.is_success, answer.text
        return answer.json()

    def done(self, job_id: str) -> dict[str, Any]:
        end = time.monotonic() + WAIT_S
        while (job := self.ask("GET", f"/jobs/{job_id}"))["state"] in ("queued", "running"):
            assert time.monotonic() < end, job
            time.sleep(0.1)
        assert job["state"] == "completed", job["error"]
        return job

    def audio(self, url: str) -> np.ndarray:
        return soundfile.read(io.BytesIO(self.http.get(url).content), always_2d=True)[0]


@pytest.fixture(scope="module")
def api(server) -> Iterator[Server]:
    with httpx.Client(base_url=server.url, timeout=60) as http:
        yield Server(http)


@pytest.fixture(scope="module")
def recording(api: Server, song_file: Path) -> dict[str, Any]:
    with song_file.open("rb") as file:
        added = api.ask("POST", "/recordings", files={"file": ("wished.wav", file)})
    api.done(api.ask("POST", f"/recordings/{added['id']}/analyses", json={})["id"])
    return api.ask("GET", f"/recordings/{added['id']}")


@pytest.fixture(scope="module")
def takes(api: Server, recording: dict[str, Any]) -> list[dict[str, Any]]:
    """Two takes of a bass that plays F sharp major in a part of the song."""
    start, end = 4.0, 12.0
    wish = {
        "roles": ["bass"], "style": "rock", "seed": 5, "candidates": 2, "startS": start, "endS": end,
        "chords": [{"startS": start, "endS": end, "label": "F#:maj"}],
    }  # fmt: skip
    made = api.ask("POST", f"/recordings/{recording['id']}/generations", json=wish)
    api.done(made["jobId"])
    assert made["parameters"]["within_s"] == [start, end] and made["parameters"]["candidates"] == 2
    return api.ask("GET", f"/generations/{made['id']}/stems")


@pytest.mark.slow
def test_candidates_are_takes_with_one_seed_after_another(api: Server, takes: list[dict[str, Any]]) -> None:
    assert sorted(s["provenance"]["seed"] for s in takes) == [5, 6] and len({s["name"] for s in takes}) == 2
    first, second = (api.audio(s["audioUrl"]) for s in takes)
    assert first.shape == second.shape and np.abs(first - second).max() > 0.01
    assert all(s["verdict"] in ("accepted", "warned", "rejected") and s["report"]["reason"] for s in takes)


@pytest.mark.slow
def test_a_part_of_the_song_is_played_there_only(api: Server, takes: list[dict[str, Any]], recording: dict[str, Any]) -> None:
    for stem in takes:
        loud, rate = np.abs(api.audio(stem["audioUrl"])).max(1), recording["sampleRateHz"]
        assert len(loud) == round(recording["durationS"] * rate)
        assert loud[: int(3.9 * rate)].max() < 1e-4 and loud[int(14 * rate) :].max() < 0.02 < loud[int(4 * rate) : int(12 * rate)].max()


@pytest.mark.slow
def test_chords_that_were_wished_are_played(api: Server, takes: list[dict[str, Any]], recording: dict[str, Any]) -> None:
    for stem in takes:
        midi = mido.MidiFile(file=io.BytesIO(api.http.get(stem["midiUrl"]).content))
        notes = [m.note % 12 for m in midi if m.type == "note_on" and m.velocity]
        tones = set(Chord.parse("F#:maj").pitch_classes)
        assert len(notes) > 8 and sum(n in tones for n in notes) / len(notes) > 0.8
    found = api.ask("GET", f"/recordings/{recording['id']}/timeline")["chords"]
    assert not any(label == "F#:maj" for *_, label, _ in found), "the recording's own chords stay"


@pytest.mark.slow
@pytest.mark.parametrize("wish", [
    {"roles": ["bass"], "startS": 5.0}, {"roles": ["bass"], "startS": 9.0, "endS": 5.0}, {"roles": ["bass"], "startS": 0, "endS": 9999},
    {"roles": ["bass"], "chords": [{"startS": 0, "endS": 2, "label": "H:maj"}]}, {"roles": ["bass"], "candidates": 9},
    {"roles": ["bass"], "chords": [{"startS": 3, "endS": 2, "label": "C:maj"}]},
])  # fmt: skip
def test_wishes_that_cannot_be_are_refused_when_they_are_made(api: Server, recording: dict[str, Any], wish: dict[str, Any]) -> None:
    answer = api.http.post(f"/api/v1/recordings/{recording['id']}/generations", json=wish)
    assert answer.status_code == 422 and "\n" not in answer.json()["detail"]


@pytest.mark.slow
def test_a_stem_at_another_tempo_says_so_and_lies_on_no_timeline(api: Server, recording: dict[str, Any]) -> None:
    at = f"/recordings/{recording['id']}"
    own = api.ask("GET", f"{at}/timeline")["tempoBpm"]
    made = api.ask("POST", f"{at}/generations", json={"roles": ["bass"], "style": "rock", "seed": 9, "tempoBpm": own * 1.2})
    api.done(made["jobId"])
    (stem,) = api.ask("GET", f"/generations/{made['id']}/stems")
    assert stem["tempoBpm"] == pytest.approx(own * 1.2, rel=0.01)
    length = len(api.audio(stem["audioUrl"]))
    assert length == pytest.approx(recording["durationS"] * recording["sampleRateHz"] / 1.2, rel=0.02)
    for wish in ({"project": True}, {"tempoBpm": round(own)}):
        export = api.ask("POST", f"{at}/exports", json=wish)
        api.done(export["jobId"])
        packed = io.BytesIO(api.http.get(api.ask("GET", f"/mixes/{export['id']}")["downloadUrl"]).content)
        with zipfile.ZipFile(packed) as archive:
            (name,) = (
                n
                for n in archive.namelist()
                if n.endswith((".flac", ".wav")) and soundfile.info(io.BytesIO(archive.read(n))).frames == length
            )
            if "project" in wish:
                tracks = ElementTree.fromstring(archive.read("project.xml")).iterfind("Structure/Track")
                assert {t.find("Channel/Mute").get("value") for t in tracks if (t.get("name") or "").startswith("new bass")} == {"true"}
            else:
                assert f"{name.rpartition('.')[0]}.mid" in archive.namelist()
    api.http.delete(f"/api/v1/generations/{made['id']}").raise_for_status()


@pytest.mark.slow
def test_a_mix_is_the_sum_of_its_lanes(api: Server, recording: dict[str, Any], takes: list[dict[str, Any]]) -> None:
    wish = {"lanes": [{"gainDb": -6.0}, {"stemId": takes[0]["id"], "pan": -0.5}], "fileFormat": "wav", "targetLufs": -16.0}
    made = api.ask("POST", f"/recordings/{recording['id']}/mixes", json=wish)
    api.done(made["jobId"])
    mix = api.ask("GET", f"/mixes/{made['id']}")
    assert mix["fileName"].endswith("(mix).wav") and abs(mix["integratedLufs"] + 16) < 1
    assert len(api.audio(mix["downloadUrl"])) == round(recording["durationS"] * recording["sampleRateHz"])


@pytest.mark.slow
def test_an_export_holds_every_stem_its_midi_and_the_analysis(api: Server, recording: dict[str, Any], takes: list[dict[str, Any]]) -> None:
    made = api.ask("POST", f"/recordings/{recording['id']}/exports")
    api.done(made["jobId"])
    url = api.ask("GET", f"/mixes/{made['id']}")["downloadUrl"]
    with zipfile.ZipFile(io.BytesIO(api.http.get(url).content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        stems = api.ask("GET", f"/stems?recording={recording['id']}&limit=200")["items"]
        assert sum(n.endswith((".flac", ".wav")) for n in names) == len(stems) and "analysis.jams" in names
        assert sum(n.endswith(".mid") for n in names) == len(takes)
        assert json.loads(archive.read("analysis.jams"))["file_metadata"]["duration"] == pytest.approx(recording["durationS"], abs=0.1)


@pytest.mark.slow
def test_an_export_at_an_even_tempo_has_everything_on_one_grid(api: Server, recording: dict[str, Any], takes: list[dict[str, Any]]) -> None:
    at = f"/recordings/{recording['id']}"
    own = api.ask("GET", f"{at}/timeline")["tempoBpm"]
    wish = {"tempoBpm": round(own * 1.1)}
    made = api.ask("POST", f"{at}/exports", json=wish)
    api.done(made["jobId"])
    assert f"{wish['tempoBpm']} bpm" in made["fileName"]
    with zipfile.ZipFile(io.BytesIO(api.http.get(api.ask("GET", f"/mixes/{made['id']}")["downloadUrl"]).content)) as archive:
        names = archive.namelist()
        assert {"analysis.jams", "timeline.mid", "tempo-map.json"} <= set(names)
        even = from_jams(json.loads(archive.read("analysis.jams")))
        beats = even.require_grid().times
        assert np.diff(beats) == pytest.approx(60 / wish["tempoBpm"], abs=2e-4)
        sounds = [n for n in names if n.endswith(".flac")]
        lengths = {soundfile.info(io.BytesIO(archive.read(n))).duration for n in sounds}
        assert len(lengths) == 1 and lengths.pop() == pytest.approx(even.duration_s, abs=1e-3)
        assert len([n for n in sounds if "/" not in n]) == 1, "the recording itself"
        midi = next(n for n in names if n.startswith("generated/") and n.endswith(".mid"))
        steps = on_grid(archive.read(midi), beats)
        assert np.median(np.abs(steps - np.round(steps))) < 0.1, "played on sixteenths of the even grid"
        back = json.loads(archive.read("tempo-map.json"))
        assert [round(s, 3) for s, _ in back["anchors"]] == [round(b[0], 3) for b in api.ask("GET", f"{at}/timeline")["beats"]]
    assert api.ask("POST", f"{at}/exports", json=wish)["id"] == made["id"], "the same file is not made twice"
    far = api.http.post(f"/api/v1{at}/exports", json={"tempoBpm": 399})
    assert far.status_code == 422 and "too far from the song's" in far.json()["detail"]


@pytest.mark.slow
def test_a_project_for_a_sequencer_holds_the_song_and_its_stems(
    api: Server, recording: dict[str, Any], takes: list[dict[str, Any]]
) -> None:
    at = f"/recordings/{recording['id']}"
    timeline = api.ask("GET", f"{at}/timeline")
    made = api.ask("POST", f"{at}/exports", json={"project": True})
    api.done(made["jobId"])
    assert made["fileName"].endswith(".dawproject")
    stems = api.ask("GET", f"/stems?recording={recording['id']}&limit=200")["items"]
    with zipfile.ZipFile(io.BytesIO(api.http.get(api.ask("GET", f"/mixes/{made['id']}")["downloadUrl"]).content)) as archive:
        project = ElementTree.fromstring(archive.read("project.xml"))
        files = [f.get("path") for f in project.iter("File")]
        assert len(files) == len(stems) + 1 and set(files) | {"project.xml", "metadata.xml"} == set(archive.namelist())
        lengths = {soundfile.info(io.BytesIO(archive.read(f))).frames for f in files}
        assert lengths == {round(recording["durationS"] * recording["sampleRateHz"])}
        muted = {t.get("name"): t.find("Channel/Mute").get("value") for t in project.iterfind("Structure/Track")}
        assert muted[recording["title"]] == "true" and muted["drums"] == "false"
        heard = [name for name, value in muted.items() if name.startswith("new bass") and value == "false"]
        assert len(heard) == any(t["verdict"] != "rejected" for t in takes), "of several takes the best one is heard"
        rates = [float(p.get("value")) for p in project.iterfind("Arrangement/TempoAutomation/RealPoint")][1:]
        assert np.ptp(rates) > 0.1, "the song's own tempo drifts"
        assert abs(np.mean(rates) - timeline["tempoBpm"]) < 1.5
        assert len(list(project.iter("Note"))) > 50


def on_grid(midi: bytes, beats: np.ndarray) -> np.ndarray:
    """Places of the notes in sixteenths of the grid."""
    with tempfile.NamedTemporaryFile(suffix=".mid") as file:
        Path(file.name).write_bytes(midi)
        starts = [n.start_s for part in read_midi(Path(file.name)) for n in part.notes]
    return 4 * np.interp(starts, beats, np.arange(len(beats)))


@pytest.mark.slow
def test_notes_of_every_stem_come_with_the_analysis_that_asks_for_them(api: Server, recording: dict[str, Any]) -> None:
    at = f"/recordings/{recording['id']}"
    api.done(api.ask("POST", f"{at}/analyses", json={"engines": "notes=basic-pitch", "again": True})["id"])
    timeline = api.ask("GET", f"{at}/timeline")
    by_role = {n["role"]: n for n in timeline["notes"]}
    assert {"drums", "bass", "other"} <= set(by_role)
    assert by_role["drums"]["engine"] == "sideman drums" and by_role["bass"]["engine"] == "basic-pitch"
    assert all(23 <= pitch <= 67 for _, _, pitch, _ in by_role["bass"]["notes"]) and len(by_role["bass"]["notes"]) > 20
    assert len(by_role["drums"]["notes"]) > 40
    made = api.ask("POST", f"{at}/exports")
    api.done(made["jobId"])
    with zipfile.ZipFile(io.BytesIO(api.http.get(api.ask("GET", f"/mixes/{made['id']}")["downloadUrl"]).content)) as archive:
        for role in ("drums", "bass"):
            midi = mido.MidiFile(file=io.BytesIO(archive.read(f"separated/{role}.mid")))
            struck = [m for m in midi if m.type == "note_on" and m.velocity]
            assert len(struck) == len(by_role[role]["notes"]) and {m.channel == 9 for m in struck} == {role == "drums"}


@pytest.mark.slow
def test_annotations_of_other_tools_are_laid_over_and_taken_back(api: Server, recording: dict[str, Any]) -> None:
    at = f"/recordings/{recording['id']}"
    before = api.ask("GET", f"{at}/timeline")
    beats = "".join(f"{0.5 + 0.8 * k}\t{k % 3 + 1}\n" for k in range(20)).encode()
    made = api.ask("POST", f"{at}/annotations", files={"file": ("mine.beats", beats)})
    assert [c["kind"] for c in made] == ["set-beats"]
    corrected = api.ask("GET", f"{at}/timeline")
    assert (
        corrected["meter"] == "3/4" and corrected["tempoBpm"] == pytest.approx(75) and corrected["provenance"]["grid"]["engine"] == "user"
    )
    api.http.delete(f"/api/v1{at}/corrections/{made[0]['id']}")
    assert api.ask("GET", f"{at}/timeline")["beats"] == before["beats"]
    refused = api.http.post(f"/api/v1{at}/annotations", files={"file": ("mine.beats", b"nonsense")})
    assert refused.status_code == 422 and "cannot be read as annotations" in refused.json()["detail"]


@pytest.mark.slow
def test_an_engine_that_is_not_installed_is_said_when_the_job_fails(api: Server, recording: dict[str, Any]) -> None:
    at = f"/recordings/{recording['id']}/analyses"
    unknown = api.http.post(f"/api/v1{at}", json={"engines": "beats=magic"})
    assert unknown.status_code == 422 and "beats=sideman|madmom" in unknown.json()["detail"]
    job = api.ask("POST", at, json={"engines": "beats=madmom", "again": True})
    end = time.monotonic() + WAIT_S
    while (job := api.ask("GET", f"/jobs/{job['id']}"))["state"] in ("queued", "running"):
        assert time.monotonic() < end, job
        time.sleep(0.1)
    assert job["state"] == "failed" and "sideman models install madmom" in job["error"]


def test_words_chords_and_feel_are_followed(api: Server, recording: dict[str, Any]) -> None:
    wish = {
        "roles": ["keys", "vocals"], "seed": 3, "prompt": "a louder bossa nova", "temperature": 0.5, "progression": ["F#m7", "B7"], "energy": 0,
        "like": recording["id"], "durationS": 20,
    }  # fmt: skip
    made = api.ask("POST", f"/recordings/{recording['id']}/generations", json=wish)
    api.done(made["jobId"])
    assert made["parameters"]["style"] == "bossa" and made["parameters"]["progression"] == ["F#m7", "B7"]
    keys, vocals = sorted(api.ask("GET", f"/generations/{made['id']}/stems"), key=lambda s: s["role"])
    assert keys["durationS"] == pytest.approx(20, abs=0.01)
    assert keys["provenance"]["understood"] == ["bossa nova", "louder"] and "wordless" in str(vocals["provenance"])
    played = [
        m.note % 12 for m in mido.MidiFile(file=io.BytesIO(api.http.get(keys["midiUrl"]).content)) if m.type == "note_on" and m.velocity
    ]
    allowed = {*Chord.read("F#m7").pitch_classes, *Chord.read("B7").pitch_classes}
    assert np.mean([p in allowed for p in played]) > 0.95
    assert {"tempo_error_percent", "masked_share", "onset_to_grid_p90_ms", "warnings"} <= set(keys["report"])


def test_a_part_of_a_stem_is_played_anew_and_the_rest_kept(api: Server, recording: dict[str, Any]) -> None:
    first = api.ask("POST", f"/recordings/{recording['id']}/generations", json={"roles": ["bass"], "style": "soul", "seed": 11})
    api.done(first["jobId"])
    (old,) = api.ask("GET", f"/generations/{first['id']}/stems")
    start, end = 8.0, 16.0
    wish = {"roles": ["bass"], "seed": 12, "startS": start, "endS": end, "base": old["id"]}
    again = api.ask("POST", f"/recordings/{recording['id']}/generations", json=wish)
    api.done(again["jobId"])
    (new,) = api.ask("GET", f"/generations/{again['id']}/stems")
    assert new["provenance"]["style"] == old["provenance"]["style"] == "soul", "a part keeps the style of its stem"
    a, b = (api.audio(s["audioUrl"]) for s in (old, new))
    rate = len(a) / old["durationS"]
    outside = np.r_[: int((start - 0.1) * rate), int((end + 0.1) * rate) : len(a)]
    inside = np.arange(int((start + 0.1) * rate), int((end - 0.1) * rate))
    assert a.shape == b.shape and np.abs(a[outside] - b[outside]).max() < 1e-6 and np.abs(a[inside] - b[inside]).max() > 0.01
    refused = api.http.post(
        f"/api/v1/recordings/{recording['id']}/generations", json={k: v for k, v in wish.items() if k not in ("startS", "endS")}
    )
    assert refused.status_code == 422 and "in a part of the song" in refused.json()["detail"]


def test_the_mock_engine_only_by_name_and_named_in_every_result(api: Server, recording: dict[str, Any]) -> None:
    made = api.ask("POST", f"/recordings/{recording['id']}/generations", json={"roles": ["bass"], "engine": "mock", "seed": 1})
    api.done(made["jobId"])
    (stem,) = api.ask("GET", f"/generations/{made['id']}/stems")
    assert stem["provenance"]["engine"] == "mock" and "sine wave" in stem["provenance"]["note"] and "sine" in stem["name"]
    unknown = api.http.post(f"/api/v1/recordings/{recording['id']}/generations", json={"roles": ["bass"], "engine": "musicbox"})
    assert unknown.status_code == 422 and "there are band, mock" in unknown.json()["detail"]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"style": "polca"}, "did you mean"), ({"progression": ["Am", "Hm"]}, "'Hm', number 2"), ({"like": "00000000-0000-0000-0000-000000000000"}, "no"),
        ({"roles": ["residual"]}, "plays no residual"),
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_is_said(api: Server, recording: dict[str, Any], wish: dict[str, Any], said: str) -> None:
    answer = api.http.post(f"/api/v1/recordings/{recording['id']}/generations", json={"roles": ["bass"]} | wish)
    assert answer.status_code in (404, 422) and said in answer.json()["detail"]


def test_what_can_be_played_is_told(api: Server) -> None:
    engines = api.ask("GET", "/engines")
    assert len(engines["styleCards"]) == len(engines["styles"]) >= 12 and all(len(s["traits"]) == 3 for s in engines["styleCards"])
    assert "no words" in engines["parts"]["vocals"] and set(engines["parts"]) == set(engines["generationRoles"])


def test_a_loop_of_the_library_is_fitted_onto_a_recording(api: Server, recording: dict[str, Any], song: ShortSong, tmp_path: Path) -> None:
    """Two bars of the song's own drums, cut on a downbeat and played 4 % slower."""
    start, end = (round(song.truth.require_grid().downbeats_s[k] * 44100) for k in (2, 6))
    loop = tmp_path / "slow drums.flac"
    write_audio(AudioClip(song.stems[StemRole.DRUMS].samples[:, start:end], round(44100 / 1.04)), loop)
    with loop.open("rb") as file:
        clip = api.ask("POST", "/recordings", files={"file": (loop.name, file)})
    ask = f"/recordings/{recording['id']}/fits"
    job = api.done(api.ask("POST", ask, json={"clip": clip["id"], "role": "drums"})["id"])
    stems = [s for s in api.ask("GET", f"/stems?recording={recording['id']}&origin=fitted")["items"]]
    assert [(s["role"], s["name"]) for s in stems] == [("drums", "slow drums")] and job["kind"] == "fit"
    placement = stems[0]["provenance"]["placement"]
    assert placement["tempo_ratio"] == pytest.approx(1.04, abs=0.02) and placement["repeats"], "the song drifts by two hundredths"
    assert stems[0]["verdict"] == "accepted" and stems[0]["report"]["score"] == stems[0]["score"]
    assert stems[0]["durationS"] == pytest.approx(recording["durationS"], abs=0.01)
    assert api.ask("POST", ask, json={"clip": clip["id"], "role": "drums"})["id"] == job["id"], "equal wishes are one job"
    for wrong, code in (
        ({"clip": str(uuid.uuid4())}, 404),
        ({"clip": clip["id"], "role": "kazoo"}, 422),
        ({"clip": clip["id"], "at": "the moon"}, 422),
    ):
        assert api.http.post(f"/api/v1{ask}", json=wrong).status_code == code
