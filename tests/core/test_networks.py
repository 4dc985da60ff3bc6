"""Networks by name: offered, refused, loaded once, let go when nobody asks. What is loaded is scripted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sideman.app import networks as networks_module
from sideman.app.models import Models
from sideman.app.networks import Networks
from sideman.carried import carried
from sideman.core.generation import SessionBand
from sideman.core.generation.backends import Room
from sideman.core.generation.clips import ClipWish
from sideman.core.models.catalog import Policy, catalog
from sideman.core.models.memory import Residence
from sideman.core.models.runtime import Request
from sideman.core.music import StemRole
from sideman.errors import ModelNotInstalled, ModelRefused, NotEnoughMemory
from sideman.infra.weights import Consent, WeightStore
from sideman.testing.audio_models import ScriptedModel, hiss


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what was loaded, in order."""
    names: list[str] = []

    def load(family: str, folder: Path, name: str, device: str | None, threads: int) -> ScriptedModel:
        names.append(name)
        return ScriptedModel(hiss)

    monkeypatch.setattr(networks_module, "open_network", load)
    monkeypatch.setattr(networks_module, "refuse_without_extra", lambda family: None)
    monkeypatch.setattr(networks_module, "room", lambda family, mb, device, threads: Room(mb << 20, lambda: 4 << 30, False))
    return names


def networks(tmp_path: Path, policy: Policy = Policy(), idle_s: float = 60.0) -> Networks:  # noqa: B008 (frozen)
    models = Models(catalog(), WeightStore(tmp_path / "models"), policy)
    brought = tmp_path / "brought"
    brought.mkdir(parents=True, exist_ok=True)
    (brought / "config.json").write_text("{}")
    (brought / "model.safetensors").write_bytes(b"scripted")
    for name in ("musicgen-small", "musicgen-medium"):
        if not policy.commercial_only and models.get(name).installed is None:
            models.import_files(name, [brought], Consent.given("Ada", catalog().get(name).licence_text))
    return Networks(models, Request(), Residence(), idle_s)


def band() -> SessionBand:
    return SessionBand.open(carried("soundfont.sf3"))


def wish() -> ClipWish:
    return ClipWish(StemRole.BASS, "bass", 0.1, 1)


def test_they_are_offered_with_what_is_missing(tmp_path: Path, opened: list[str]) -> None:
    here = networks(tmp_path)
    states = {s.card.name: s for s in here.states()}
    assert states["musicgen-small"].problem is None and "sideman models install ace-step" in str(states["ace-step"].problem)
    assert "musicgen-small" in here and "htdemucs" not in here and "nonsense" not in here
    with pytest.raises(ModelNotInstalled):
        here.get("ace-step", band)
    safe = networks(tmp_path / "safe", Policy(commercial_only=True))
    assert "musicgen-small" not in list(safe) and "ace-step" in list(safe)
    with pytest.raises(ModelRefused):
        safe.get("musicgen-small", band)
    assert opened == []


def test_one_is_loaded_when_it_plays_and_stays(tmp_path: Path, opened: list[str]) -> None:
    here = networks(tmp_path)
    generator = here.get("musicgen-small", band)
    assert opened == [] and "non-commercial use only" in generator.note and generator.stand_in is not None
    for _ in range(2):
        generator._model().clips([wish()], lambda share: None)  # type: ignore[attr-defined]
    assert opened == ["musicgen-small"]


def test_what_does_not_fit_is_refused_before_it_is_loaded(tmp_path: Path, opened: list[str]) -> None:
    with pytest.raises(NotEnoughMemory, match="musicgen-medium needs 9,600 MB and 4,096 MB are free: choose a smaller model"):
        networks(tmp_path).get("musicgen-medium", band)._model()  # type: ignore[attr-defined]
    assert opened == []


def test_one_that_nobody_asks_for_is_let_go_but_not_while_it_works(tmp_path: Path, opened: list[str]) -> None:
    here = networks(tmp_path, idle_s=0.2)
    model = here.get("musicgen-small", band)._model()  # type: ignore[attr-defined]
    model.clips([wish()], lambda share: time.sleep(0.6))
    assert here._shared.held_bytes > 0, "it worked for longer than the waiting"
    end = time.monotonic() + 20
    while here._shared.held_bytes and time.monotonic() < end:
        time.sleep(0.05)
    assert here._shared.held_bytes == 0
    here.get("musicgen-small", band)._model()  # type: ignore[attr-defined]
    assert opened == ["musicgen-small"] * 2
