"""Weights arrive whole, with consent, from where the download stopped; or not at all. A real HTTP server on loopback gives them out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from model_hub import Hub

from sideman.app.models import Models
from sideman.core.models import torch_files
from sideman.core.models.catalog import Catalog, ModelCard, ModelFile, Policy, Use, catalog
from sideman.core.models.checkpoint import Checkpoint
from sideman.core.models.torch_files import read_torch_file, state_dict
from sideman.core.separation.backends.demucs.configuration import CLASS
from sideman.core.separation.backends.demucs.conversion import convert
from sideman.errors import Cancelled, ConsentNeeded, DownloadFailed, ModelError, ModelNotInstalled, ModelRefused, UnusableModel, UsageError
from sideman.infra.weights import Consent, WeightStore
from sideman.testing.weights import SMALL_HTDEMUCS, write_htdemucs, write_torch_file

ADA = Consent.given("Ada", catalog().get("htdemucs").licence_text)


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    write_htdemucs(path)
    return path.read_bytes()


def card(hub: Hub, data: bytes, **changes: object) -> ModelCard:
    hub.files["small.safetensors"] = data
    file = ModelFile("small.safetensors", f"{hub.address}/hub/small.safetensors", len(data), published_as=("0000cafe-00000000.th",))
    known = dataclasses.replace(catalog().get("htdemucs"), name="small", files=(file,))
    return dataclasses.replace(known, **changes)  # type: ignore[arg-type]


def models(tmp_path: Path, known: ModelCard, policy: Policy = Policy()) -> Models:  # noqa: B008 (frozen)
    return Models(Catalog([known]), WeightStore(tmp_path / "models"), policy)


def test_a_model_is_fetched_checked_and_remembered(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    here = models(tmp_path, card(hub, weights))
    with pytest.raises(ModelNotInstalled, match="small is not installed: four studio stems"):
        here.usable("small")
    with pytest.raises(ConsentNeeded, match="provided only for scientific purposes"):
        here.install("small", None)
    shares: list[float] = []
    installed = here.install("small", ADA, shares.append)
    assert shares and shares[-1] <= 1
    file = installed.files[0]
    assert file.path.read_bytes() == weights and file.sha256 == hashlib.sha256(weights).hexdigest() and file.revision == "abc123"
    assert installed.consent.who == "Ada" and "research purpose" in installed.consent.text and installed.consent.when.endswith("+00:00")
    assert here.usable("small")[1] == installed and here.verify("small") == ()
    file.path.write_bytes(weights[:-1] + b"x")
    assert here.verify("small") == ("small.safetensors",)
    assert here.remove("small") and not here.remove("small") and here.get("small").installed is None
    assert list((tmp_path / "models").rglob("*.safetensors")) == []


def test_a_download_goes_on_where_it_stopped(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    here = models(tmp_path, card(hub, weights))
    hub.cut = 100_000
    with pytest.raises(DownloadFailed, match="stopped after 100,000 of"):
        here.install("small", ADA)
    assert here.get("small").installed is None
    hub.cut = None
    here.install("small", ADA)
    assert hub.ranges == [None, "bytes=100000-"] and here.verify("small") == ()


def test_a_stopped_download_leaves_nothing_installed(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    here = models(tmp_path, card(hub, weights))

    def stop(share: float) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        here.install("small", ADA, stop)
    assert here.get("small").installed is None
    assert here.install("small", ADA).files


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("/gated", "sign in there and accept its terms: do, and set HF_TOKEN"),
        ("/nowhere", "answers 404"),
        ("http://127.0.0.1:9/x", "could not be fetched from 127.0.0.1:9"),
    ],
)
def test_a_source_that_does_not_answer_is_named(hub: Hub, weights: bytes, tmp_path: Path, url: str, sentence: str) -> None:
    address = url if url.startswith("http") else hub.address + url
    here = models(tmp_path, card(hub, weights, files=(ModelFile("small.safetensors", address, len(weights)),)))
    with pytest.raises(DownloadFailed, match=sentence):
        here.install("small", ADA)


def test_another_file_than_the_published_one_is_refused(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    file = ModelFile("small.safetensors", f"{hub.address}/small.safetensors", len(weights), sha256="0" * 64)
    here = models(tmp_path, card(hub, weights, files=(file,)))
    with pytest.raises(DownloadFailed, match="is not the file that was published"):
        here.install("small", ADA)
    assert list((tmp_path / "models").rglob("*.safetensors")) == []


def test_a_file_that_is_no_model_is_refused(hub: Hub, tmp_path: Path) -> None:
    here = models(tmp_path, card(hub, b"<html>please sign in</html>"))
    with pytest.raises(UnusableModel, match="not a whole safetensors file"):
        here.install("small", ADA)
    assert here.get("small").installed is None


def test_no_room_is_said_before_anything_is_fetched(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    file = ModelFile("small.safetensors", f"{hub.address}/small.safetensors", 1 << 60)
    with pytest.raises(DownloadFailed, match=r"needs .* MB and .* MB are free"):
        models(tmp_path, card(hub, weights, files=(file,))).install("small", ADA)
    assert hub.ranges == []


def test_a_policy_hides_and_refuses(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    known = card(hub, weights)
    strict = models(tmp_path, known, Policy(commercial_only=True))
    assert not strict.get("small").allowed
    with pytest.raises(ModelRefused, match="commercial-safe weights only .SIDEMAN_MODEL_POLICY., and the use of these is contested"):
        strict.install("small", ADA)
    free = dataclasses.replace(known, use=Use.COMMERCIAL)
    safe = models(tmp_path, free, Policy(commercial_only=True))
    assert safe.install("small", safe.consent("small", "Ada"))
    with pytest.raises(ModelRefused, match="not on this installation's list"):
        models(tmp_path, free, Policy(allowed=frozenset({"other"}))).usable("small")


def test_files_can_be_brought_by_hand(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    here = models(tmp_path, card(hub, weights))
    brought = tmp_path / "small.safetensors"
    brought.write_bytes(weights)
    with pytest.raises(ConsentNeeded):
        here.import_files("small", [brought], None)
    assert here.import_files("small", [brought], ADA).files[0].source == str(brought)
    with pytest.raises(UnusableModel, match="there is no file"):
        here.import_files("small", [tmp_path / "nowhere.safetensors"], ADA)
    assert here.get("small").installed is not None, "a failed import leaves what was there"


def legacy(folder: Path, weights: bytes, klass: str = CLASS) -> Path:
    """The small network in the older format, under the name that its own hash gives it."""
    source = folder / "source.safetensors"
    source.write_bytes(weights)
    whole = Checkpoint.read(source)
    path = folder / "x.th"
    write_torch_file(path, whole.tensors, klass, SMALL_HTDEMUCS)
    return path.rename(folder / f"0000cafe-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.th")


def test_an_older_checkpoint_is_converted_without_running_it(weights: bytes, tmp_path: Path) -> None:
    path = legacy(tmp_path, weights)
    tensors = state_dict(read_torch_file(path))
    original = Checkpoint.read(tmp_path / "source.safetensors")
    assert tensors.keys() == original.tensors.keys()
    assert all((tensors[k] == v).all() for k, v in original.tensors.items())
    ready = Checkpoint.read(convert(path))
    assert ready.metadata == original.metadata and ready.tensors.keys() == original.tensors.keys()


def test_an_older_checkpoint_can_be_imported(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    path = legacy(tmp_path, weights)
    here = models(tmp_path, card(hub, weights, files=(ModelFile("small.safetensors", "https://x", 1, published_as=(path.name,)),)))
    file = here.import_files("small", [path], ADA).files[0]
    assert file.path.name == "0000cafe.safetensors" and file.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DownloadFailed, match="is damaged: its SHA-256 does not begin with"):
        here.import_files("small", [path], ADA)


def test_a_checkpoint_that_names_code_runs_none_of_it(weights: bytes, tmp_path: Path) -> None:
    """A pickle can name any function; here it is one that would leave a mark."""
    mark = tmp_path / "mark"
    evil = tmp_path / "evil.th"
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr(
            "a/data.pkl",
            b"cpathlib\nPath.touch\n(cpathlib\nPath\n(X" + len(str(mark)).to_bytes(4, "little") + str(mark).encode() + b"tRtR.",
        )
    read_torch_file(evil)
    assert not mark.exists()
    with pytest.raises(UnusableModel, match="is a torch file but no Demucs checkpoint"):
        foreign = tmp_path / "plain.th"
        with zipfile.ZipFile(foreign, "w") as archive:
            archive.writestr("a/data.pkl", b"\x80\x02}.")
        convert(foreign)
    with pytest.raises(UnusableModel, match="not an HTDemucs checkpoint"):
        convert(legacy(tmp_path, weights, "os.system"))


def pickled(path: Path, body: bytes, numbers: bytes = b"", compress: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compress) as archive:
        archive.writestr("a/data.pkl", body)
        archive.writestr("a/data/0", numbers)
    return path


STORAGE = b"(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI4\ntQ"


@pytest.mark.parametrize(
    ("body", "compress", "sentence"),
    [
        (b"cfractions\nFraction\n(V1e999999999\ntR.", zipfile.ZIP_STORED, "a fraction that is none"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"I0\n(I1000000\nI1000000\nt(I0\nI0\ntI00\nNtR.", zipfile.ZIP_STORED, "larger than"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"I0\n(I4\nt(I1\ntI00\nNtR.", zipfile.ZIP_DEFLATED, "numbers are compressed"),
        (b"(" * 3 + b".", zipfile.ZIP_STORED, "not a whole torch checkpoint"),
    ],
)  # fmt: skip
def test_a_checkpoint_made_to_exhaust_the_machine_is_refused(tmp_path: Path, body: bytes, compress: int, sentence: str) -> None:
    path = pickled(tmp_path / "x.th", body, bytes(16), compress)
    with pytest.raises(UnusableModel, match=sentence):
        read_torch_file(path)


def test_a_checkpoint_cannot_change_the_reader(tmp_path: Path) -> None:
    """BUILD with a state for slots sets attributes on what it is handed: on the reader's own function, that would outlive the file."""
    code = b"cfractions\nFraction\n(N}V__defaults__\n(V1\ntstb."
    read_torch_file(pickled(tmp_path / "x.th", code))
    with pytest.raises(TypeError):
        torch_files._fraction()  # type: ignore[call-arg]
    assert Fraction("3/4") == Fraction(3, 4) and Fraction.__new__.__defaults__ != ("1",)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no zip", b"text"])
def test_a_damaged_older_checkpoint_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.th"
    path.write_bytes(data)
    with pytest.raises(UnusableModel, match="not a whole torch checkpoint"):
        read_torch_file(path)


def test_every_card_is_complete_and_honest() -> None:
    cards = {c.name: c for c in catalog()}
    assert "htdemucs" in cards
    for c in cards.values():
        assert "bs-rofo-sw" not in c.licence_text.lower() and all(
            f.url.startswith("https://") or (f.url.startswith("pip:") and f.sha256 and len(f.sha256) == 64) for f in c.files
        )
        assert c.statements and c.homepage.startswith("https://") and c.size_bytes > 0 and c.memory_mb > 0
        if c.weight_licence in ("not stated",) or "contested" in c.weight_licence:
            assert c.use is not Use.COMMERCIAL
        assert all(s.metric and s.test_set and s.source for s in c.scores)
    with pytest.raises(UsageError, match="no model named 'x': there are htdemucs"):
        catalog().get("x")


def test_the_record_is_plain_json(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    here = models(tmp_path, card(hub, weights))
    here.install("small", ADA)
    record = tmp_path / "models/small/installed.json"
    assert json.loads(record.read_text())["consent"]["who"] == "Ada"
    for damaged in ("{", "[]", '{"files": [{}], "consent": {}}'):
        record.write_text(damaged)
        state = here.get("small")
        assert state.installed is None and state.problem is not None and "sideman models remove small" in state.problem
        with pytest.raises(UnusableModel, match="sideman models remove small"):
            here.usable("small")
    assert here.remove("small") and here.get("small").problem is None


def test_terms_that_changed_since_they_were_accepted_are_asked_again(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    here = models(tmp_path, card(hub, weights))
    with pytest.raises(ConsentNeeded):
        here.install("small", dataclasses.replace(ADA, text="other terms"))
    assert hub.ranges == []


def test_two_processes_do_not_install_the_same_model_at_once(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    here, other = models(tmp_path, card(hub, weights)), models(tmp_path, card(hub, weights))
    refused: list[str] = []

    def meanwhile(share: float) -> None:
        for change in (lambda: other.install("small", ADA), lambda: other.remove("small")):
            with pytest.raises(ModelError, match="by another process") as found:
                change()
            refused.append(str(found.value))

    assert here.install("small", ADA, meanwhile) and refused
    assert here.verify("small") == () and other.remove("small")


def test_a_file_without_a_published_hash_is_the_one_that_came_first(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    known = card(hub, weights, files=(ModelFile("small.safetensors", f"{hub.address}/small.safetensors", len(weights)),))
    here = models(tmp_path, known)
    here.install("small", ADA)
    here.remove("small")
    hub.files["small.safetensors"] = weights[:-4] + bytes(4)
    with pytest.raises(DownloadFailed, match=r"is not the file that was first installed here .* delete its line in"):
        here.install("small", ADA)
    assert here.get("small").installed is None
    hub.files["small.safetensors"] = weights
    assert here.install("small", ADA)


def test_a_page_that_came_first_is_not_the_file_that_is_remembered(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    known = card(hub, weights, files=(ModelFile("small.safetensors", f"{hub.address}/small.safetensors", len(weights)),))
    here = models(tmp_path, known)
    hub.files["small.safetensors"] = b"<html>please sign in</html>".ljust(len(weights))
    with pytest.raises(UnusableModel):
        here.install("small", ADA)
    hub.files["small.safetensors"] = weights
    assert here.install("small", ADA)


def test_a_page_in_place_of_a_model_is_forgotten(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    here = models(tmp_path, card(hub, b"<html>please sign in</html>"))
    with pytest.raises(UnusableModel):
        here.install("small", ADA)
    assert not list((tmp_path / "models").rglob("small.safetensors*"))
    hub.files["small.safetensors"] = weights
    (tmp_path / "models/pins.json").unlink(missing_ok=True)
    assert here.install("small", ADA)


def test_what_is_no_beginning_of_the_file_is_fetched_anew(hub: Hub, weights: bytes, tmp_path: Path) -> None:
    here = models(tmp_path, card(hub, weights))
    arriving = tmp_path / "models/.arriving/small"
    arriving.mkdir(parents=True)
    (arriving / "small.safetensors.part").write_bytes(weights + b"more than there is")
    assert here.install("small", ADA) and here.verify("small") == ()
