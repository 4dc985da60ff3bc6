"""Set lists in the browser: made of what is selected, put in order, played through, shared with someone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from conftest import Tab
from serving import serving

from sideman.core.audio import write_audio
from sideman.testing import faded_tone

TITLES = ("Alfa", "Bravo", "Cargo")


def titles(tab: Tab) -> list[str]:
    return tab.page.locator("table.recordings tbody a.title").all_inner_texts()


def menu(tab: Tab, named: str, item: str) -> None:
    tab.page.locator(".head").get_by_role("button", name=named).click()
    tab.page.get_by_role("menuitem", name=item).click()


@pytest.mark.slow
def test_a_set_list_is_made_ordered_played_through_and_shared(tab_on: Callable[..., Tab], tmp_path: Path) -> None:
    with serving(tmp_path) as server, httpx.Client(base_url=f"{server.url}/api/v1", timeout=60) as api:
        for k, title in enumerate(TITLES):
            file = tmp_path / f"{title}.wav"
            write_audio(faded_tone(220.0 * (k + 1), 2.0 + k), file)
            assert api.post("/recordings", files={"file": (file.name, file.read_bytes())}).status_code == 201
        assert api.post("/users", json={"name": "ann"}).status_code == 201
        ann = next(u for u in api.get("/users").json() if u["name"] == "ann")
        key = api.post("/keys", json={"name": "hers", "userId": ann["id"]}).json()["token"]
        tab = tab_on(server.url)
        page = tab.page
        tab.open()
        tab.until(lambda: len(titles(tab)) == 3)

        tab.button("Select").click()
        tab.button("Select all", ".select-tools").click()
        tab.button("Set list", ".batch").click()
        dialog = page.get_by_role("dialog", name="Put 3 recordings into a set list")
        assert dialog.get_by_role("button", name="Set list").is_disabled(), "a new one needs a name"
        dialog.get_by_label("Name").fill("Friday")
        dialog.get_by_role("button", name="Set list").click()
        page.get_by_text("3 recordings put into Friday").first.wait_for()
        tab.button("Done selecting").click()
        menu(tab, "Set lists", "Friday")
        page.get_by_role("heading", name="Friday").wait_for()
        tab.until(lambda: titles(tab) == ["Cargo", "Bravo", "Alfa"])

        tab.button("Alfa: earlier").press("Enter")
        tab.until(lambda: titles(tab) == ["Cargo", "Alfa", "Bravo"])
        tab.until(lambda: page.evaluate("() => document.activeElement?.ariaLabel") == "Alfa: earlier", 5)
        page.drag_and_drop("table.recordings tbody tr:last-child .by", "table.recordings tbody tr:first-child .by")
        tab.until(lambda: titles(tab) == ["Bravo", "Cargo", "Alfa"])
        page.drag_and_drop("table.recordings tbody tr:first-child .by", "table.recordings tbody tr:last-child .by")
        tab.until(lambda: titles(tab) == ["Cargo", "Alfa", "Bravo"])
        page.reload()
        tab.until(lambda: titles(tab) == ["Cargo", "Alfa", "Bravo"])

        page.get_by_role("link", name="Cargo", exact=True).click()
        place = page.get_by_role("navigation", name="Friday")
        assert place.inner_text().strip() == "1 of 3" and place.get_by_label("Song before").is_disabled()
        place.get_by_role("link", name="Next song: Alfa").click()
        page.get_by_role("heading", name="Alfa", exact=True).wait_for()
        place.get_by_role("link", name="2 of 3").click()

        menu(tab, "Set lists", "Share")
        dialog = page.get_by_role("dialog", name="Share Friday")
        dialog.get_by_text("Not shared with anybody yet.").wait_for()
        dialog.get_by_label("Name of the user").select_option("ann")
        dialog.get_by_role("button", name="Share").click()
        dialog.get_by_role("listitem").filter(has_text="ann").wait_for()
        assert "listen" in dialog.get_by_role("listitem").inner_text()
        dialog.get_by_role("button", name="Done").click()

        hers = tab_on(server.url)
        hers.page.context.set_extra_http_headers({"Authorization": f"Bearer {key}"})
        hers.open()
        menu(hers, "Set lists", "Friday")
        hers.until(lambda: titles(hers) == ["Cargo", "Alfa", "Bravo"])
        assert hers.page.get_by_role("button", name="Alfa: earlier").count() == 0, "hers is to listen to"

        tab.button("Select").click()
        page.get_by_label("Select Alfa").click()
        tab.button("Take out", ".batch").click()
        tab.until(lambda: titles(tab) == ["Cargo", "Bravo"])
        menu(tab, "Set lists", "Delete the set list")
        page.get_by_role("dialog", name="Delete Friday?").get_by_role("button", name="Delete the set list").click()
        page.get_by_role("heading", name="Library").wait_for()
        tab.until(lambda: len(titles(tab)) == 3)
