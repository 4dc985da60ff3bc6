"""Choosing how to take a recording apart: terms before a model comes, a preview before the whole song, the choice remembered."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Api, Tab
from model_hub import Hub
from serving import serving

from sideman.core.audio import AudioClip, write_audio
from sideman.testing import ShortSong
from sideman.testing.weights import write_htdemucs

LONG_S = 120
SONG_S = 14
"""Two segments of the network."""


@pytest.mark.slow
def test_a_model_is_accepted_installed_previewed_and_used(tab_on: Callable[..., Tab], tmp_path: Path, song: ShortSong) -> None:
    write_audio(
        AudioClip(song.mixture.samples[:, : SONG_S * song.mixture.sample_rate_hz], song.mixture.sample_rate_hz), tmp_path / "song.flac"
    )
    write_htdemucs(tmp_path / "955717e8.safetensors")
    hub = Hub()
    hub.files["955717e8.safetensors"] = (tmp_path / "955717e8.safetensors").read_bytes()
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    with serving(tmp_path, SIDEMAN_HUB=hub.address, SIDEMAN_MODELS=str(tmp_path / "models")) as server:
        api = Api(server.url)
        recording = api.analysed(tmp_path / "song.flac")
        tab = tab_on(server.url)
        tab.open(f"/recording/{recording['id']}")
        tab.page.locator(".lane").first.wait_for()
        tab.button("Separate", ".song-head").click()
        drawer = tab.page.get_by_role("dialog", name="Take apart")
        drawer.get_by_role("radio", name=re.compile("Fast")).click()
        drawer.get_by_text("HTDemucs: four studio stems").wait_for()
        assert "provided only for scientific purposes" in drawer.locator(".terms").inner_text()
        assert drawer.locator("footer").get_by_role("button", name="Separate").is_disabled()
        assert drawer.get_by_role("button", name="Install").is_disabled()
        drawer.get_by_role("checkbox").check()
        drawer.get_by_role("button", name="Install").click()
        drawer.locator(".missing").wait_for(state="detached", timeout=1000 * LONG_S)

        drawer.get_by_role("button", name="Preview 30 s").click()
        drawer.get_by_role("group", name="Preview").get_by_role("button", name="All stems").click(timeout=1000 * LONG_S)
        tab.until(lambda: tab.page.locator(".lane-head").filter(has_text="(preview)").count() == 4)
        assert tab.button("Pause", ".transport").count() == 1, "the preview is heard at once"
        drawer.get_by_role("button", name="Back to the stems").click()
        tab.button("Pause", ".transport").click()

        drawer.get_by_role("group", name="Stems").get_by_role("button", name="Drums").click()
        drawer.locator("footer").get_by_role("button", name="Separate").click()

        def presets() -> list[str]:
            page = api.ask("GET", f"/stems?recording={recording['id']}&origin=separated")
            return sorted(f"{s['role']} {s['provenance']['preset']}" for s in page["items"])

        tab.until(lambda: presets() == ["bass fast", "other fast", "residual fast", "vocals fast"], LONG_S)
        drawer.get_by_role("button", name="Close").click()
        tab.until(lambda: tab.page.locator(".lane-head").filter(has_text="(preview)").count() == 0)
        tab.page.reload()
        tab.page.locator(".lane").first.wait_for()
        tab.page.keyboard.press("p")
        assert drawer.get_by_role("radio", name=re.compile("Fast")).get_attribute("aria-checked") == "true"
        api.http.close()
    hub.shutdown()
    hub.server_close()
