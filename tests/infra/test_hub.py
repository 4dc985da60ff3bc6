"""Networks of many files: listed, fetched, pinned, brought by hand, made into the library's layout. A hub on loopback gives them out."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_hub import Hub

from sideman.app.models import Models
from sideman.core.models.catalog import Catalog, ModelCard, Policy, Repository, Use, catalog
from sideman.errors import Cancelled, DownloadFailed, MissingAsset, ModelRefused, UnusableModel
from sideman.infra import hub as hubs
from sideman.infra.weights import Consent, WeightStore

WEIGHTS = b"w" * 5000
CARD = dataclasses.replace(
    catalog().get("musicgen-small"), name="net",
    repositories=(Repository("ada/net", ("*.json", "model*.safetensors"), 5100), Repository("bob/text", ("*.json",), 20, folder="text", gate="Bob's Terms")),
)  # fmt: skip
ADA = Consent.given("Ada", CARD.licence_text)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "nobody"))
    server = Hub()
    server.repositories["ada/net"] = {"config.json": b"{}", "model.safetensors": WEIGHTS, "flax.msgpack": b"no", "README.md": b"no"}
    server.repositories["bob/text"] = {"config.json": b"[]"}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def models(hub: Hub, tmp_path: Path, card: ModelCard = CARD, policy: Policy = Policy()) -> Models:  # noqa: B008 (frozen)
    return Models(Catalog([card]), WeightStore(tmp_path / "models", hub.address), policy)


def test_a_network_is_fetched_as_far_as_it_is_needed(hub: Hub, tmp_path: Path) -> None:
    here, shares = models(hub, tmp_path), list[float]()
    installed = here.install("net", ADA, shares.append)
    assert sorted(f.name for f in installed.files) == ["config.json", "model.safetensors", "text/config.json"]
    assert (installed.folder / "model.safetensors").read_bytes() == WEIGHTS and (
        installed.folder / "text/config.json"
    ).read_bytes() == b"[]"
    assert {f.revision for f in installed.files} == {"abc123"} and installed.folder == tmp_path / "models/net"
    assert shares == sorted(shares) and here.verify("net") == () and here.get("net").installed == installed
    (installed.folder / "text/config.json").write_bytes(b"{}")
    assert here.verify("net") == ("text/config.json",)
    assert here.remove("net") and here.get("net").installed is None


def test_the_commit_that_came_first_comes_again(hub: Hub, tmp_path: Path) -> None:
    here = models(hub, tmp_path)
    here.install("net", ADA)
    here.remove("net")
    here.install("net", ADA)
    asked = [path for path, _ in hub.tokens if path.startswith("/api/models/ada/net")]
    assert asked == ["/api/models/ada/net/revision/main", "/api/models/ada/net/revision/abc123"]


def test_a_download_that_was_stopped_goes_on(hub: Hub, tmp_path: Path) -> None:
    here = models(hub, tmp_path)

    def stop(share: float) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        here.install("net", ADA, stop)
    assert here.get("net").installed is None
    here.install("net", ADA)
    assert here.get("net").installed is not None and "bytes=2-" in hub.ranges


def test_a_gate_is_explained_and_the_token_goes_to_the_hub_alone(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gates["bob/text"] = "sesame"
    here = models(hub, tmp_path)
    with pytest.raises(
        ModelRefused,
        match=r"bob/text is open only to people who accepted its publisher's terms \(Bob's Terms\): sign in at .*/bob/text, accept them, and set HF_TOKEN",
    ):
        here.install("net", ADA)
    assert here.get("net").installed is None
    hub.gates["ada/net"] = "sesame"
    both = dataclasses.replace(CARD, repositories=tuple(dataclasses.replace(r, gate=r.gate or "Ada's Terms") for r in CARD.repositories))
    with pytest.raises(
        ModelRefused, match=r"ada/net is open .*\(Ada's Terms\).*accept them, and those of http.*/bob/text \(Bob's Terms\), and set"
    ):
        models(hub, tmp_path, both).install("net", Consent.given("Ada", both.licence_text))
    del hub.gates["ada/net"]
    monkeypatch.setenv("HF_TOKEN", "sesame")
    hub.tokens.clear()
    here.install("net", ADA)
    blobs = {token for path, token in hub.tokens if path.startswith("/blob-")}
    assert blobs == {None} and {token for path, token in hub.tokens if not path.startswith("/blob-")} == {"Bearer sesame"}


def test_a_token_that_is_none_is_named_without_being_shown(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gates["bob/text"] = "sesame"
    monkeypatch.setenv("HF_TOKEN", "sesame\n")  # as mounted secrets often end
    models(hub, tmp_path).install("net", ADA)
    for wrong in ("se\x07same", "ses ame", "sésame"):
        monkeypatch.setenv("HF_TOKEN", wrong)
        with pytest.raises(ModelRefused, match="HF_TOKEN does not hold a token") as refused:
            models(hub, tmp_path / "other").install("net", ADA)
        assert "same" not in str(refused.value)


def test_a_listing_that_is_elsewhere_gets_no_token(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "sesame")
    hub.moved = {"/api/models/ada/net/revision/main": f"http://localhost:{hub.server_address[1]}/api/models/ada/net/revision/main"}
    models(hub, tmp_path).install("net", ADA)
    asked = [token for path, token in hub.tokens if path.startswith("/api/models/ada/net")]
    assert asked == ["Bearer sesame", None]


def test_the_token_is_the_one_that_the_hubs_own_tool_keeps(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("kept\n")
    assert hubs.token({"HF_TOKEN": "given", "HF_HOME": str(tmp_path)}) == "given"
    assert hubs.token({"HF_HOME": str(tmp_path)}) == "kept" and hubs.token({"HF_TOKEN_PATH": str(tmp_path / "no")}) is None


def test_a_hub_that_gives_something_else_is_named(hub: Hub, tmp_path: Path) -> None:
    here = models(hub, tmp_path)
    hub.repositories["ada/net"] = {"README.md": b"moved"}
    with pytest.raises(DownloadFailed, match="ada/net holds none of the files that are needed"):
        here.install("net", ADA)
    hub.repositories["ada/net"] = {"../../escape.json": b"{}"}
    with pytest.raises(DownloadFailed, match="a file that lies outside"):
        here.install("net", ADA)
    del hub.repositories["ada/net"]
    with pytest.raises(DownloadFailed, match=r"answers 404 .*sideman models import"):
        here.install("net", ADA)
    gone = Models(Catalog([CARD]), WeightStore(tmp_path / "models", "http://127.0.0.1:9"), Policy())
    with pytest.raises(
        DownloadFailed, match="ada/net cannot be listed at http://127.0.0.1:9 .* bring a folder with the files of ada/net and bob/text"
    ):
        gone.install("net", ADA)
    assert not list((tmp_path / "models/net").rglob("*"))


def test_a_folder_that_was_brought_by_hand_is_installed(hub: Hub, tmp_path: Path) -> None:
    here, brought = models(hub, tmp_path), tmp_path / "brought"
    (brought / "text").mkdir(parents=True)
    (brought / "config.json").write_text("{}")
    (brought / "text/config.json").write_text("[]")
    (brought / "model.safetensors").write_bytes(WEIGHTS)
    (brought / "shadow").write_text("a secret that belongs to nobody's model")
    (brought / "deep/er").mkdir(parents=True)
    (brought / "deep/er/model.safetensors").write_bytes(WEIGHTS)
    installed = here.import_files("net", [brought], ADA)
    assert (
        sorted(f.name for f in installed.files) == ["config.json", "model.safetensors", "text/config.json"]
        and installed.folder == tmp_path / "models/net"
    )
    for wrong, sentence in (
        ([brought / "config.json"], "is not a folder: give the one that holds the files of net"),
        ([brought, brought], "give the one folder"),
        ([tmp_path / "no"], "is not a folder"),
    ):
        with pytest.raises(UnusableModel, match=sentence):
            here.import_files("net", wrong, ADA)
    (tmp_path / "bare").mkdir()
    with pytest.raises(UnusableModel, match=r"holds nothing of net: bring the files of ada/net .* and bob/text"):
        here.import_files("net", [tmp_path / "bare"], ADA)
    (tmp_path / "bare/config.json").write_text("{}")
    with pytest.raises(UnusableModel, match=r"is no musicgen network as it is published: it lacks model\*.safetensors"):
        here.import_files("net", [tmp_path / "bare"], ADA)
    assert here.get("net").installed == installed


def test_what_has_another_layout_is_made_into_the_librarys(hub: Hub, tmp_path: Path) -> None:
    """Only the folder that the conversion gives is kept, and its files say what they were made of."""
    store = WeightStore(tmp_path / "models", hub.address)

    def assemble(folder: Path) -> Path:
        out = folder / "converted"
        (out / "part").mkdir(parents=True)
        (out / "model_index.json").write_text("{}")
        (out / "part/weights.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[::-1])
        return out

    installed = store.install(CARD, ADA, lambda path: path, assemble=assemble)
    assert sorted(f.name for f in installed.files) == ["model_index.json", "part/weights.safetensors"]
    assert sorted(p.name for p in installed.folder.rglob("*") if p.is_file()) == [
        "installed.json",
        "model_index.json",
        "weights.safetensors",
    ]
    assert installed.files[0].revision == "abc123" and "/ada/net" in installed.files[0].source and "/bob/text" in installed.files[0].source
    assert store.verify(CARD) == ()

    def refuse(folder: Path) -> Path:
        raise UnusableModel("no")

    (tmp_path / "models/.arriving/net.whole").mkdir(parents=True)  # a process was killed while it put things in their place
    (tmp_path / "models/.arriving/net.whole/left").write_text("")
    store.install(CARD, ADA, lambda path: path, assemble=assemble)
    with pytest.raises(UnusableModel):
        store.install(CARD, ADA, lambda path: path, assemble=refuse)
    assert store.installed("net") == installed and not (tmp_path / "models/.arriving/net").exists()


def test_the_policy_and_the_revenue_limit(hub: Hub, tmp_path: Path) -> None:
    commercial = Policy(commercial_only=True)
    with pytest.raises(ModelRefused, match="commercial-safe weights only .SIDEMAN_MODEL_POLICY., and the use of these is non-commercial"):
        models(hub, tmp_path, policy=commercial).install("net", ADA)
    assert {c.name for c in catalog() if c.task == "generation" and commercial.allows(c)} == {
        "stable-audio-3-small", "stable-audio-3-medium", "stable-audio-open", "ace-step", "ace-step-turbo",
    }  # fmt: skip
    for card in catalog():
        if card.task == "generation":
            asks = "less than 1 million US dollars" in card.licence_text
            assert (
                asks == (card.use is Use.REVENUE_LIMIT) and card.size_bytes > 10**9 and card.repositories and "vocals" not in card.roles
            ) or card.family == "ace-step"


def test_what_could_not_be_converted_is_not_fetched(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingAsset, match="needs the extra `neural`"):
        models(hub, tmp_path, dataclasses.replace(CARD, converted=True)).install("net", ADA)
    assert not hub.tokens


def test_the_cards_name_what_their_publishers_ask(hub: Hub) -> None:
    gates = {r.name: r.gate for c in catalog() for r in c.repositories if r.gate}
    assert (
        gates["google/t5gemma-b-b-ul2"] == "Gemma Terms of Use"
        and gates["stabilityai/stable-audio-3-medium"] == "Stability AI Community License"
    )
    assert "CC-BY-NC 4.0" in catalog().get("musicgen-small").licence_text
