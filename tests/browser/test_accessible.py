"""Everybody can use the pages: no violation that axe finds, at any width, in both themes, under the strict policy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Api, Tab
from servers import Unavailable, find_node, npm_package

AXE = "4.10.3"
PAGES = ("/library", "/library?trashed=true", "/stems", "/jobs", "/settings", "/recording/ID", "/nowhere")
SIZES = ((320, 640), (768, 1024), (1360, 850), (3840, 2160))


@pytest.fixture(scope="session")
def axe() -> str:
    try:
        return (npm_package(find_node(), "axe-core", AXE) / "axe.min.js").read_text("utf-8")
    except Unavailable as reason:
        pytest.skip(str(reason))


def settled(tab: Tab, page: str, recording_id: str) -> None:
    tab.open(page.replace("ID", recording_id))
    tab.until(lambda: tab.page.locator(".loading").count() == 0)
    if "recording" in page:
        tab.page.locator(".lane").first.wait_for()
    tab.page.wait_for_timeout(200)


def violations(tab: Tab, axe: str) -> list[str]:
    tab.page.evaluate(axe)
    found = tab.page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [f"{v['id']}: {n['html'][:160]} {n['failureSummary'][:200]}" for v in found["violations"] for n in v["nodes"]]


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing(tab_on: Callable[..., Tab], server, analysed: dict[str, Any], api: Api, axe: str, theme: str) -> None:
    if not any(s["origin"] == "generated" for s in api.ask("GET", f"/stems?recording={analysed['id']}")["items"]):
        made = api.ask("POST", f"/recordings/{analysed['id']}/generations", json={"roles": ["bass"], "seed": 1})
        while api.ask("GET", f"/jobs/{made['jobId']}")["finishedAt"] is None:
            time.sleep(0.2)
    made = api.ask("POST", "/collections", json={"name": "Friday"})
    api.ask("PATCH", f"/collections/{made['id']}", json={"recordingIds": [analysed["id"]]})
    tab = tab_on(server.url, color_scheme=theme, bypass_csp=True)
    wrong = {}
    for page in (*PAGES, f"/library?set={made['id']}&sort=position&descending=false", f"/recording/ID?set={made['id']}"):
        settled(tab, page, analysed["id"])
        wrong[page] = violations(tab, axe)
    settled(tab, "/recording/ID", analysed["id"])
    for name, key in (("generate", "g"), ("take apart", "p"), ("keyboard", "?")):
        tab.page.keyboard.press(key)
        tab.page.get_by_role("dialog").first.wait_for()
        tab.page.wait_for_timeout(300)
        if name == "take apart":
            tab.page.get_by_role("radio").nth(1).click()
            tab.page.locator(".terms").wait_for()
        wrong[name] = violations(tab, axe)
        tab.page.keyboard.press("Escape")
    settled(tab, "/library", analysed["id"])
    tab.button("Select", ".head").click()
    tab.button("Select all", ".select-tools").click()
    tab.button("Filters").click()
    wrong["selection and filters"] = violations(tab, axe)
    assert {page: found for page, found in wrong.items() if found} == {}


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]} px")
def test_no_page_is_wider_than_the_window(tab_on: Callable[..., Tab], server, analysed: dict[str, Any], size: tuple[int, int]) -> None:
    tab = tab_on(server.url, viewport={"width": size[0], "height": size[1]})
    for page in PAGES:
        settled(tab, page, analysed["id"])
        too_wide = tab.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert too_wide <= 0, page
        play = tab.page.get_by_role("button", name="Play", exact=True)
        if "recording" in page:
            play.scroll_into_view_if_needed()
            assert play.is_visible()


@pytest.mark.slow
def test_reduced_motion_stills_everything(tab_on: Callable[..., Tab], server, analysed: dict[str, Any]) -> None:
    tab = tab_on(server.url, reduced_motion="reduce")
    settled(tab, "/recording/ID", analysed["id"])
    moving = tab.page.evaluate("() => document.getAnimations().length")
    assert moving == 0


@pytest.mark.slow
def test_the_page_is_served_under_a_strict_policy_and_kept_for_good(api: Api) -> None:
    page = api.http.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe-inline" not in policy and "'unsafe-eval'" not in policy
    assert page.headers["cache-control"] == "no-cache" and "<script>" not in page.text and "style=" not in page.text
    script = page.text.split('type="module" src="')[1].split('"')[0]
    answer = api.http.get(script)
    assert "immutable" in answer.headers["cache-control"] and answer.headers["content-type"].startswith("text/javascript")
    assert api.http.get("/", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    assert api.http.get("/app/another/js/main.js").headers["cache-control"] == "no-store"
    assert api.http.get(script.replace("main.js", "none.js")).status_code == 404
