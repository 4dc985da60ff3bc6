"""What a musician changes on the page of a song: its names, key, chords and tempo; and the mix that is heard, taken out of it."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import pytest
from conftest import Api, Tab

LONG_S = 90


def opened(tab: Tab, recording: dict[str, Any]) -> None:
    tab.open(f"/recording/{recording['id']}")
    tab.page.locator(".lane").first.wait_for()


@pytest.mark.slow
def test_names_key_and_chords_are_corrected_where_they_are_seen(tab: Tab, api: Api, analysed: dict[str, Any]) -> None:
    page, at = tab.page, f"/recordings/{analysed['id']}"
    opened(tab, analysed)
    page.get_by_role("button", name=analysed["title"], exact=True).click()
    page.get_by_label("Artist").fill("The Testers")
    tab.button("Save", "dialog").click()
    tab.until(lambda: page.locator(".song-head .by").inner_text() == "The Testers")

    page.locator(".chip.editable").click()
    page.locator("dialog select").select_option("F# minor")
    tab.button("Save", "dialog").click()
    tab.until(lambda: page.locator(".chip.editable b").inner_text() == "F♯ minor")
    assert api.ask("GET", f"{at}/timeline")["key"]["name"] == "F# minor"

    second = page.locator(".chords .block").nth(1)
    second.dblclick()
    name = page.get_by_label("Chord", exact=True)
    name.fill("H7")
    tab.button("Save", "dialog").click()
    page.locator(".toast.bad").wait_for()
    name.fill("B♭m7/A♭")
    tab.button("Save", "dialog").click()
    tab.until(lambda: page.locator(".chords .block").nth(1).inner_text() == "A♯m7/G♯")
    assert api.ask("GET", f"{at}/timeline")["chords"][1][2] == "Bb:min7/b7"
    tab.wrong[:] = [w for w in tab.wrong if "422" not in w]

    page.locator(".song-head .chip.button").click()
    page.get_by_role("menuitem", name=re.compile("Correct the chord")).click()
    page.get_by_role("dialog", name="Correct the chord").wait_for()
    tab.button("Cancel", "dialog").click()
    for correction in api.ask("GET", f"{at}/corrections"):
        if correction["revertedAt"] is None:
            api.ask("DELETE", f"{at}/corrections/{correction['id']}")


@pytest.mark.slow
def test_a_take_is_auditioned_and_the_mixer_is_as_it_was(tab: Tab, api: Api, analysed: dict[str, Any]) -> None:
    page = tab.page
    made = api.ask("POST", f"/recordings/{analysed['id']}/generations", json={"roles": ["bass"], "candidates": 2, "seed": 3})
    end = time.monotonic() + LONG_S
    while api.ask("GET", f"/jobs/{made['jobId']}")["state"] in ("queued", "running"):
        assert time.monotonic() < end
        time.sleep(0.2)
    opened(tab, analysed)
    page.get_by_role("button", name="Mute Drums").click()

    def mutes() -> list[str | None]:
        return [b.get_attribute("aria-pressed") for b in page.locator(".toggle.mute").all()]

    before = mutes()
    tab.button("Generate", ".song-head").click()
    take = page.locator(".take").first
    take.get_by_role("button", name="Audition").click()
    tab.until(lambda: mutes() != before)
    tab.page.reload()  # in the middle of it
    tab.until(lambda: mutes() == before)
    tab.button("Generate", ".song-head").click()
    take.get_by_role("button", name="Audition").click()
    tab.until(lambda: mutes() != before)
    take.get_by_role("button", name="Stop").click()
    tab.until(lambda: mutes() == before)
    assert tab.button("Play").is_visible()
    api.ask("DELETE", f"/generations/{made['id']}")


@pytest.mark.slow
def test_the_mixer_is_as_it_was_when_the_song_is_opened_again(tab: Tab, analysed: dict[str, Any]) -> None:
    page = tab.page
    opened(tab, analysed)
    fader, pan = page.get_by_role("slider", name="Volume of Bass"), page.get_by_role("slider", name="Pan of Bass")
    page.get_by_role("button", name="Mute Drums").click()
    page.get_by_role("button", name="Solo Vocals").click()
    for slider in (fader, pan):
        slider.focus()
        slider.press("ArrowLeft")
    changed = [s.get_attribute("aria-valuenow") for s in (fader, pan)]
    assert changed != ["1", "0"]
    page.get_by_role("link", name="Library").first.click()
    page.get_by_role("link", name=analysed["title"]).first.click()
    for _ in range(2):
        tab.until(lambda: page.get_by_role("button", name="Mute Drums").get_attribute("aria-pressed") == "true")
        assert page.get_by_role("button", name="Solo Vocals").get_attribute("aria-pressed") == "true"
        assert page.get_by_role("button", name="Mute Bass").get_attribute("aria-pressed") == "false"
        assert [s.get_attribute("aria-valuenow") for s in (fader, pan)] == changed
        page.reload()
    page.evaluate(
        "() => Object.keys(localStorage).filter((k) => k.startsWith('sideman.mixer.')).forEach((k) => localStorage.setItem(k, '[5, {}]'))"
    )
    page.reload()
    tab.until(lambda: page.get_by_role("button", name="Mute Drums").get_attribute("aria-pressed") == "false")


@pytest.mark.slow
def test_the_mix_that_is_heard_is_a_file(tab: Tab, api: Api, analysed: dict[str, Any]) -> None:
    page, at = tab.page, f"/recordings/{analysed['id']}"
    opened(tab, analysed)
    page.get_by_role("button", name="Mute Drums").click()
    page.get_by_label("Volume of Bass").fill("0.5")
    page.get_by_label("Pan of Bass").fill("-0.5")
    tab.button("Export").click()
    page.get_by_role("menuitem", name=re.compile("Mix as heard")).click()
    said = page.get_by_role("dialog", name="Mix as heard").inner_text()
    assert "Bass" in said and "Drums" not in said
    page.get_by_label("Format").select_option("flac")
    page.get_by_label("Loudness, LUFS").fill("-16")
    tab.button("Export", "dialog").click()
    (mix,) = tab.until(lambda: [m for m in api.ask("GET", f"{at}/mixes") if m["kind"] == "mix" and m["downloadUrl"]], LONG_S)
    assert mix["integratedLufs"] == pytest.approx(-16, abs=0.6) and mix["fileName"].endswith(".flac")
    heard, _ = api.audio(mix["downloadUrl"])
    stems = {s["role"]: api.audio(s["audioUrl"])[0] for s in api.ask("GET", f"/stems?recording={analysed['id']}&origin=separated")["items"]}
    kept = sum(x for role, x in stems.items() if role not in ("drums", "bass"))
    kept = kept + stems["bass"] * 0.5**2 * np.array([1.0, 0.5])
    gain = np.sum(heard * kept) / np.sum(kept**2)
    assert np.sqrt(np.mean((heard - gain * kept) ** 2)) < 0.02 * np.sqrt(np.mean(heard**2)), "faders, pans and mutes as on the page"
    api.ask("DELETE", f"/mixes/{mix['id']}")


@pytest.mark.slow
def test_the_transport_follows_what_is_corrected_and_what_is_separated(tab: Tab, api: Api, analysed: dict[str, Any]) -> None:
    page, at = tab.page, f"/recordings/{analysed['id']}"
    for stem in api.ask("GET", f"/stems?recording={analysed['id']}")["items"]:
        api.ask("DELETE", f"/stems/{stem['id']}")
    opened(tab, analysed)
    assert page.get_by_role("group", name="Hear the original or the stems").count() == 0
    made = api.ask("POST", f"{at}/generations", json={"roles": ["bass"], "seed": 4})
    tab.until(lambda: page.locator(".lane").count() == 2, LONG_S)
    assert "silent" not in (page.locator(".lane").first.get_attribute("class") or ""), "the song is heard beside a stem that waits"
    api.ask("DELETE", f"/generations/{made['id']}")
    opened(tab, analysed)
    before = int(page.locator(".control.tempo b").inner_text().split()[-1])
    page.locator(".song-head .chip.button").click()
    page.get_by_role("menuitem", name="Halve the tempo").click()
    tab.until(lambda: abs(int(page.locator(".control.tempo b").inner_text().split()[-1]) - before / 2) <= 1)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    tab.until(lambda: int(page.locator(".control.tempo b").inner_text().split()[-1]) == before)
    api.ask("POST", f"{at}/analyses", json={"again": True})
    page.get_by_role("group", name="Hear the original or the stems").wait_for(timeout=1000 * LONG_S)
    tab.until(lambda: page.locator(".lane").count() >= 4 and page.locator(".lane.silent").count() == 0)
