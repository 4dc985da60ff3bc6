"""The timeline is edited where it is seen: sections named, moved, split and joined; bars, beats, meter and tempo set by ear."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Api, Tab
from playwright.sync_api import Locator


@pytest.fixture
def at(tab: Tab, api: Api, analysed: dict[str, Any]) -> Iterator[str]:
    """The page of a song is open; its corrections are taken back afterwards."""
    place = f"/recordings/{analysed['id']}"
    tab.open(f"/recording/{analysed['id']}")
    tab.page.locator(".lane").first.wait_for()
    yield place
    for correction in api.ask("GET", f"{place}/corrections"):
        if correction["revertedAt"] is None:
            api.ask("DELETE", f"{place}/corrections/{correction['id']}")


def chosen(tab: Tab, name: str) -> None:
    tab.page.locator(".song-head .chip.button").click()
    tab.page.get_by_role("menuitem", name=re.compile(f"^{name}")).click()


def sections(api: Api, at: str) -> list[tuple[float, float, str]]:
    return [(s[0], s[1], s[2]) for s in api.ask("GET", f"{at}/timeline")["sections"]]


def downbeats(api: Api, at: str) -> list[float]:
    return [t for t, place in api.ask("GET", f"{at}/timeline")["beats"] if place == 1]


def names(tab: Tab) -> list[str]:
    return tab.page.locator(".sections .block").all_inner_texts()


def centre(place: Locator) -> tuple[float, float]:
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.slow
def test_sections_are_named_moved_split_and_joined(tab: Tab, api: Api, at: str) -> None:
    page, bars = tab.page, downbeats(api, at)
    before = sections(api, at)
    page.keyboard.press("Home")
    chosen(tab, "Correct the section")
    dialog = page.get_by_role("dialog", name="Correct the section")
    assert dialog.get_by_label("Name").input_value() == before[0][2]
    dialog.get_by_label("Name").fill("Intro")
    dialog.get_by_label("Last bar").fill("2")
    tab.button("Save", "dialog").click()
    tab.until(lambda: names(tab)[0] == "Intro")
    first = sections(api, at)[0]
    assert first[1] == pytest.approx(bars[2], abs=1e-3) and first[2] == "Intro"

    for _ in range(4):
        page.keyboard.press("ArrowRight")
    chosen(tab, "A section begins here")
    dialog.get_by_label("Name").fill("Verse")
    tab.button("Save", "dialog").click()
    tab.until(lambda: "Verse" in names(tab))
    verse = next(s for s in sections(api, at) if s[2] == "Verse")
    assert min(abs(verse[0] - b) for b in bars) < 1e-3 and verse[0] > first[1]

    edge = page.locator(".sections .block", has_text="Verse").locator(".edge")
    x, y = centre(edge)
    width = centre(page.locator(".sections .block", has_text="Verse"))[0] - x
    bar_px = width * 2 / (verse[1] - verse[0]) * (bars[1] - bars[0])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2, y)
    page.mouse.up()
    assert ("Verse", verse[0]) in [(s[2], s[0]) for s in sections(api, at)], "a click on an edge moves nothing"
    place = page.locator(".transport .time").inner_text()
    page.mouse.down()
    page.mouse.move(x + 0.6 * bar_px, y, steps=4)
    assert page.locator(".moved-edge").is_visible()
    page.mouse.move(x + 1.1 * bar_px, y, steps=4)
    page.mouse.up()
    later = bars[min(range(len(bars)), key=lambda k: abs(bars[k] - verse[0])) + 1]
    tab.until(lambda: any(s[2] == "Verse" and abs(s[0] - later) < 1e-3 for s in sections(api, at)))
    found = sections(api, at)
    assert page.locator(".transport .time").inner_text() == place, "a drag of an edge is no click on its section"
    assert all(abs(a[1] - b[0]) < 1e-3 for a, b in itertools.pairwise(found)), "no hole, no overlap"

    page.locator(".sections .block", has_text="Verse").dblclick()  # loops it
    chosen(tab, "Correct the section")
    assert dialog.get_by_label("Name").input_value() == "Verse"
    tab.button("Join with the one before", "dialog").click()
    tab.until(lambda: "Verse" not in names(tab))
    assert page.evaluate("() => document.querySelector('dialog[open]')") is None


@pytest.mark.slow
def test_what_the_loop_spans_gets_a_chord_of_its_own(tab: Tab, api: Api, at: str) -> None:
    page, beats = tab.page, [t for t, _ in api.ask("GET", f"{at}/timeline")["beats"]]
    ruler = page.locator(".ruler")
    bars = downbeats(api, at)
    box = ruler.bounding_box()
    assert box is not None
    seconds = api.ask("GET", f"{at}/timeline")["durationS"]
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + bars[1] / seconds * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + beats[beats.index(bars[2]) + 2] / seconds * box["width"], y, steps=5)
    page.mouse.up()
    chosen(tab, "Correct the chord")
    dialog = page.get_by_role("dialog", name="Correct the chord")
    said = dialog.inner_text()
    dialog.get_by_label("Chord", exact=True).fill("Ebmaj7")
    tab.button("Save", "dialog").click()
    tab.until(lambda: any(c[2] == "Eb:maj7" for c in api.ask("GET", f"{at}/timeline")["chords"]))
    chord = next(c for c in api.ask("GET", f"{at}/timeline")["chords"] if c[2] == "Eb:maj7")
    assert chord[0] == pytest.approx(bars[1], abs=1e-3) and chord[1] == pytest.approx(beats[beats.index(bars[2]) + 2], abs=1e-3)
    assert re.search(r"From 2\.1 \(0:\d\d\) to 3\.3 \(0:\d\d\)", said), said


@pytest.mark.slow
def test_bars_and_beats_are_set_at_the_playhead(tab: Tab, api: Api, at: str) -> None:
    page = tab.page

    def beats() -> list[list[float]]:
        return api.ask("GET", f"{at}/timeline")["beats"]

    before = beats()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    chosen(tab, "A bar begins here")
    tab.until(lambda: beats() != before)
    moved = [k for k, (a, b) in enumerate(zip(before, beats(), strict=True)) if a[1] == 2 and b[1] == 1]
    assert len(moved) > 3, "every second beat of a bar is its first now"
    tab.until(lambda: "corrected by you" in page.locator(".song-head .chip.button").inner_text())
    chosen(tab, "A bar begins here")
    page.locator(".toast", has_text="A bar begins here already").wait_for()

    count = len(beats())
    chosen(tab, "Remove the nearest beat")
    tab.until(lambda: len(beats()) == count - 1)
    chosen(tab, "Add a beat here")
    tab.until(lambda: len(beats()) == count)

    menu = page.locator(".song-head .chip.button")
    for left in (2, 1, 0):
        menu.click()
        tab.until(lambda left=left: page.get_by_role("menuitem", name=re.compile("^Revert")).count() == left + 1)
        page.get_by_role("menuitem", name=re.compile("^Revert")).last.click()
        tab.until(lambda left=left: sum(c["revertedAt"] is None for c in api.ask("GET", f"{at}/corrections")) == left)
    tab.until(lambda: beats() == before)


@pytest.mark.slow
def test_meter_and_a_constant_tempo_are_asked_for_in_dialogs(tab: Tab, api: Api, at: str) -> None:
    page = tab.page
    chosen(tab, "Meter")
    page.locator("dialog select").select_option("3/4")
    tab.button("Save", "dialog").click()
    tab.until(lambda: api.ask("GET", f"{at}/timeline")["meter"] == "3/4")
    tab.until(lambda: "3/4" in page.locator(".song-head .chip.button").inner_text())

    chosen(tab, "Constant tempo")
    page.get_by_label("Beats a minute").fill("900")
    tab.button("Save", "dialog").click()
    assert page.get_by_role("dialog", name="Constant tempo").is_visible(), "the browser says what is possible"
    page.get_by_label("Beats a minute").fill("")
    page.get_by_label("Beats a minute").press_sequentially("97.5")
    assert page.get_by_label("Beats a minute").input_value() == "97.5"
    tab.button("Save", "dialog").click()
    tab.until(lambda: api.ask("GET", f"{at}/timeline")["tempoBpm"] == pytest.approx(97.5, abs=0.01))
    times = [t for t, _ in api.ask("GET", f"{at}/timeline")["beats"]]
    assert max(abs(b - a - 60 / 97.5) for a, b in itertools.pairwise(times)) < 1e-3
