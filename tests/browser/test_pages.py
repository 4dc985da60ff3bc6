"""The pages as people use them: adding, searching, many at once, new stems, jobs, a connection that breaks."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import Api, Tab
from playwright.sync_api import Route
from serving import serving

from sideman.core.music import StemRole
from sideman.testing import ShortSong


def noise_file(path: Path, seconds: float) -> Path:
    soundfile.write(path, np.random.default_rng(len(path.name)).uniform(-0.3, 0.3, (round(seconds * 44100), 2)), 44100)
    return path


def row(tab: Tab, title: str) -> Any:
    return tab.page.locator("table.recordings tbody tr").filter(has_text=title)


@pytest.mark.slow
def test_a_new_library_offers_the_demo_song(tab_on: Callable[..., Tab], tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        tab = tab_on(server.url)
        tab.open()
        tab.page.get_by_role("heading", name="Bring in your first recording").wait_for()
        tab.button("Try the demo song").click()
        tab.page.wait_for_url(re.compile("#/recording/"), timeout=180_000)
        tab.page.get_by_role("heading", name="Demo song no. 7").wait_for()
        tab.button("Analyse").wait_for()


@pytest.mark.slow
def test_an_upload_is_analysed_played_and_accompanied(tab: Tab, song: ShortSong, song_file: Path) -> None:
    """The way from a file to a new stem that is kept, without one reload."""
    page = tab.page
    tab.open()
    page.locator("input[type=file]").first.set_input_files(str(song_file))
    tab.until(lambda: row(tab, "song").locator(".status").inner_text() == "Ready", 90)
    row(tab, "song").get_by_role("link", name="song").click()
    page.locator(".lane").first.wait_for()
    before = page.locator(".lane").count()
    assert page.locator(".chords .block").count() > 5 and page.locator(".sections .block").count() >= 1
    assert abs(int(page.locator(".song-head .chip.button b").inner_text()) - song.truth.require_grid().tempo_bpm) < 2
    tab.button("Play").click()
    tab.until(lambda: page.locator(".now .time").inner_text() > "0:01.0")
    page.keyboard.press("l")  # a loop does not end, however long the stems take
    page.locator(".loop").wait_for()
    tab.button("Generate", ".song-head").click()
    drawer = page.get_by_role("dialog", name="Generate")
    drawer.get_by_role("button", name="Piano").click()
    drawer.get_by_role("button", name="Bass").click()
    drawer.get_by_label("Candidates").select_option("2")
    assert "nearest to the song" in drawer.inner_text(), "a style is not asked for unless one is chosen"
    drawer.get_by_role("option", name=re.compile(r"^[A-Z].*, suits the song$")).wait_for(state="attached")
    drawer.get_by_label("Style").select_option("Funk")
    assert drawer.locator(".traits li").count() == 3 and "on the one" in drawer.locator(".traits").inner_text()
    drawer.get_by_label("In your words").fill("louder and busier")
    drawer.get_by_label("Chords").fill("X7b " + drawer.get_by_label("Chords").input_value())
    drawer.get_by_role("alert").wait_for()
    drawer.get_by_role("button", name="Back to the chords found").click()
    drawer.locator("footer").get_by_role("button", name="Generate").click()
    tab.until(lambda: page.locator(".take .verdict").count() == 2, 90)
    tab.until(lambda: page.locator(".lane").count() == before + 2)
    assert tab.button("Pause").is_visible(), "it played on while stems were made and came in"
    take = page.locator(".take").first
    assert re.search(r"fit \d+ %", take.inner_text()) and re.search(r"seed \d+", take.inner_text())
    take.get_by_role("button", name="Audition").click()
    tab.until(lambda: page.locator(".toggle.mute[aria-pressed=false]").count() == before + 1)
    take.get_by_role("button", name="Keep").click()
    tab.until(lambda: page.locator(".lane").count() == before + 1 and page.locator(".take").count() == 1)
    take.get_by_role("button", name="Vary").click()
    tab.until(lambda: page.locator(".take .verdict").count() == 2, 60)
    tab.until(lambda: page.locator(".lane").count() == before + 2)
    for left in (1, 0):
        page.locator(".take").first.get_by_role("button", name="Discard").click()
        tab.until(lambda left=left: page.locator(".lane").count() == before + left and page.locator(".take").count() == left)


@pytest.mark.slow
def test_the_drawer_names_engines_and_fits_a_loop(tab: Tab, api: Api, analysed: dict[str, Any], song: ShortSong, tmp_path: Path) -> None:
    grid = song.truth.require_grid()
    start, end = (round(grid.downbeats_s[k] * 44100) for k in (2, 6))
    loop = tmp_path / "four bars.flac"
    soundfile.write(loop, song.stems[StemRole.DRUMS].samples[:, start:end].T, 44100)
    api.add(loop)
    page = tab.page
    tab.open(f"/recording/{analysed['id']}")
    page.locator(".lane").first.wait_for()
    before = page.locator(".lane").count()
    tab.button("Generate", ".song-head").click()
    drawer = page.get_by_role("dialog", name="Generate")
    drawer.get_by_label("Engine").select_option("musicgen-small")
    assert "sideman models install musicgen-small" in drawer.get_by_role("alert").inner_text()
    assert "no commercial use" in drawer.locator(".engine").inner_text()
    assert drawer.get_by_role("button", name="Vocals").count() == 0
    assert drawer.locator("footer").get_by_role("button", name="Generate").is_disabled()
    drawer.get_by_label("Engine").select_option("band")
    assert drawer.get_by_role("alert").count() == 0 and drawer.get_by_role("button", name="Vocals").count() == 1
    own = drawer.get_by_role("region", name="A loop of yours")
    own.get_by_label("Loop", exact=True).select_option(label="four bars")
    own.get_by_label("It plays").select_option("drums")
    own.get_by_role("button", name="Fit it").click()
    tab.until(lambda: page.locator(".lane").count() == before + 1, 60)
    assert page.locator(".lane-head").filter(has_text="four bars").locator(".verdict.accepted").count() == 1
    for stem in api.ask("GET", f"/stems?recording={analysed['id']}&origin=fitted")["items"]:
        assert api.http.delete(f"/api/v1/stems/{stem['id']}").is_success  # the next tests hear this recording as it was


@pytest.mark.slow
def test_stems_are_exported_at_a_tempo_of_choice(tab: Tab, api: Api, analysed: dict[str, Any]) -> None:
    page = tab.page
    tab.open(f"/recording/{analysed['id']}")
    page.locator(".lane").first.wait_for()
    tab.button("Export", ".song-head").click()
    page.get_by_role("menuitem", name="Stems at an even tempo").click()
    dialog = page.get_by_role("dialog", name="Stems at an even tempo")
    tempo = dialog.get_by_label("Beats a minute")
    chosen = int(tempo.input_value()) + 3
    tempo.fill(str(chosen))
    dialog.get_by_role("button", name="Export").click()
    page.get_by_text("The ZIP is being packed").first.wait_for()
    assert dialog.count() == 0
    (made,) = api.ask("GET", f"/recordings/{analysed['id']}/mixes")
    assert f"{chosen} bpm" in made["fileName"]
    tab.until(lambda: api.ask("GET", f"/jobs/{made['jobId']}")["state"] == "completed", 60)


@pytest.mark.slow
def test_search_filters_and_order_are_in_the_address(tab: Tab, api: Api, analysed: dict[str, Any], tmp_path: Path) -> None:
    other = api.add(noise_file(tmp_path / "Harbour Lights.wav", 2))
    page = tab.page
    tab.open()
    row(tab, "Harbour Lights").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("harb")
    tab.until(lambda: row(tab, "song").count() == 0 and row(tab, "Harbour Lights").count() == 1)
    page.reload()
    tab.until(lambda: row(tab, "Harbour Lights").count() == 1 and row(tab, "song").count() == 0)
    page.get_by_role("searchbox").fill("")
    tab.button("Filters").click()
    page.get_by_label("Status").select_option("analyzed")
    tab.until(lambda: row(tab, "Harbour Lights").count() == 0 and row(tab, "song").count() >= 1)
    tab.button("Remove the filter Ready").click()
    tab.until(lambda: row(tab, "Harbour Lights").count() == 1)
    page.get_by_label("Sort by").select_option("title")
    titles = page.locator("a.title")
    tab.until(lambda: (found := [t.casefold() for t in titles.all_inner_texts()]) == sorted(found) and len(found) > 1)
    tab.button("Cards").click()
    page.locator(".card").filter(has_text="Harbour Lights").wait_for()
    tab.button("Table").click()
    page.get_by_role("searchbox").fill("nothing like it")
    page.get_by_text("Nothing fits these filters.").wait_for()
    api.ask("POST", f"/recordings/{other['id']}/trash")


@pytest.mark.slow
def test_many_at_once_are_tagged_analysed_trashed_and_restored(tab: Tab, api: Api, tmp_path: Path) -> None:
    names = ("one of three", "two of three", "three of three")
    for k, name in enumerate(names):
        api.add(noise_file(tmp_path / f"{name}.wav", 1.0 + k))
    page = tab.page
    tab.open("/library?q=three")
    tab.until(lambda: page.locator("a.title").count() == 3)
    tab.button("Select", ".head").click()
    tab.button("Select all", ".select-tools").click()
    page.get_by_text("3 selected").wait_for()
    tab.button("Select none", ".select-tools").click()
    page.get_by_text("0 selected").wait_for()
    page.get_by_role("checkbox", name="Select one of three").check()
    page.get_by_role("checkbox", name="Select three of three").click(modifiers=["Shift"])
    page.get_by_text("3 selected").wait_for()
    bar = page.get_by_role("toolbar")
    bar.get_by_role("button", name="Tag").click()
    page.get_by_label("Add tags").fill("rehearsal, loud")
    tab.button("Tag", "dialog").click()
    page.get_by_role("dialog", name="Tags: 3 succeeded").get_by_role("button", name="Done").click()
    tab.until(lambda: row(tab, "one of three").get_by_text("#rehearsal").count() == 1)
    bar.get_by_role("button", name="Analyse").click()
    page.get_by_role("dialog", name="Analysis: 3 succeeded").get_by_role("button", name="Done").click()
    tab.until(lambda: row(tab, "one of three").locator(".status").inner_text() == "Failed", 60)  # noise of a second is no music
    bar.get_by_role("button", name="Export stems").click()
    summary = page.get_by_role("dialog", name="Export: 0 succeeded, 3 failed")
    assert "no stems yet" in summary.inner_text()
    summary.get_by_role("button", name="Done").click()
    bar.get_by_role("button", name="Trash").click()
    tab.button("Trash", "dialog").click()
    page.get_by_role("dialog", name="Trash: 3 succeeded").get_by_role("button", name="Done").click()
    tab.until(lambda: page.locator("a.title").count() == 0)
    page.get_by_text("0 selected").wait_for()
    tab.open("/library?trashed=true")
    row(tab, "two of three").get_by_role("button", name="Restore").click()
    tab.until(lambda: row(tab, "two of three").count() == 0)
    page.get_by_role("button", name="Delete one of three now").click()
    tab.button("Cancel", "dialog").click()
    assert row(tab, "one of three").count() == 1
    page.get_by_role("button", name="Delete one of three now").click()
    tab.button("Delete now", "dialog").click()
    tab.until(lambda: row(tab, "one of three").count() == 0)
    assert row(tab, "three of three").count() == 1
    tab.button("Empty the trash").click()
    tab.button("Delete now", "dialog").click()
    tab.until(lambda: page.get_by_text("The trash is empty").count() == 1)
    assert api.ask("GET", "/recordings?trashed=true")["items"] == []
    assert [r["title"] for r in api.ask("GET", "/recordings?q=three")["items"]] == ["two of three"]
    tab.wrong[:] = [w for w in tab.wrong if "422" not in w and "409" not in w]


@pytest.mark.slow
def test_a_broken_upload_goes_on_where_it_stopped(tab: Tab, tmp_path: Path) -> None:
    path = noise_file(tmp_path / "long noise.wav", 240)  # 42 MB: three pieces
    cut, sent = [2, 3], []

    def breaking(route: Route) -> None:
        sent.append(route.request.headers.get("upload-offset"))
        if len(sent) in cut and route.request.method == "PATCH":
            route.abort("connectionreset")
        else:
            route.continue_()

    tab.open()
    tab.page.route("**/api/v1/uploads/*", breaking)
    tab.page.locator("input[type=file]").first.set_input_files(str(path))
    tab.page.get_by_label("Analyse after upload").uncheck()
    tab.until(lambda: row(tab, "long noise").count() == 1, 90)
    assert "0" in sent and len([o for o in sent if o == "0"]) == 1, "the first piece is sent once"
    tab.wrong[:] = [w for w in tab.wrong if "ERR_CONNECTION_RESET" not in w]


@pytest.mark.slow
def test_an_upload_whose_last_answer_is_lost_has_arrived(tab: Tab, tmp_path: Path) -> None:
    path, lost = noise_file(tmp_path / "lost answer.wav", 2), []

    def losing(route: Route) -> None:
        if route.request.method == "PATCH" and not lost:
            lost.append(route.fetch().status)
            route.abort("connectionreset")
        else:
            route.continue_()

    tab.open()
    tab.page.route("**/api/v1/uploads/*", losing)
    tab.page.evaluate("() => { Storage.prototype.getItem = () => { throw new DOMException('blocked', 'SecurityError') } }")
    tab.page.locator("input[type=file]").first.set_input_files(str(path))
    tab.until(lambda: row(tab, "lost answer").count() == 1, 20)
    assert lost == [204] or lost == [200]
    tab.wrong[:] = [w for w in tab.wrong if "ERR_CONNECTION_RESET" not in w]


@pytest.mark.slow
def test_typing_a_search_loses_no_letter(tab: Tab) -> None:
    tab.open()
    box = tab.page.get_by_role("searchbox")
    for delay_ms in (195, 205):
        box.fill("")
        box.press_sequentially("abcdefghijkl", delay=delay_ms)
        tab.page.wait_for_timeout(500)
        assert box.input_value() == "abcdefghijkl"


@pytest.mark.slow
def test_what_is_no_music_says_so_and_can_be_tried_again(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "letter.mp3"
    path.write_text("Dear diary, this is no music.")
    tab.open()
    tab.page.locator("input[type=file]").first.set_input_files(str(path))
    alert = tab.page.locator(".upload [role=alert]")
    alert.wait_for()
    assert "letter.mp3" in alert.inner_text() and "cannot be read as audio" in alert.inner_text()
    tab.button("Clear finished").click()
    tab.until(lambda: tab.page.locator(".upload").count() == 0)
    tab.wrong[:] = [w for w in tab.wrong if "422" not in w]


@pytest.mark.slow
def test_a_job_is_cancelled_and_tried_again(tab: Tab, api: Api, tmp_path: Path) -> None:
    recording = api.add(noise_file(tmp_path / "an hour of waves.wav", 400))
    page = tab.page
    tab.open("/jobs")
    api.ask("POST", f"/recordings/{recording['id']}/analyses", json={})
    job = page.locator(".job").filter(has_text="an hour of waves").first
    tab.until(lambda: job.locator(".progress").count() == 1)
    assert page.get_by_label("1 job at work").is_visible()
    job.get_by_role("button", name="Cancel").click()
    tab.until(lambda: job.locator(".status").inner_text() == "Cancelled")
    job.get_by_role("button", name="Retry").click()
    again = page.locator(".job.running, .job.queued").filter(has_text="an hour of waves")
    again.wait_for()
    again.get_by_role("button", name="Cancel").click()
    tab.until(lambda: page.locator(".job.running, .job.queued").count() == 0)
    page.get_by_label("Show").select_option("failed")
    tab.until(lambda: page.locator(".job.cancelled").filter(has_text="an hour of waves").count() == 2)
    tab.wrong[:] = [w for w in tab.wrong if "404" not in w]  # of jobs whose recording another test deleted


@pytest.mark.slow
def test_progress_goes_on_after_the_server_was_away(tab_on: Callable[..., Tab], tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving(tmp_path, port) as server:
        api = Api(server.url)
        recording = api.add(noise_file(tmp_path / "waves.wav", 20))
        tab = tab_on(server.url)
        tab.open("/jobs")
        tab.page.get_by_text("No jobs yet").wait_for()
        server.die()
        tab.page.get_by_text("The server does not answer").wait_for()
    with serving(tmp_path, port) as server:
        api.ask("POST", f"/recordings/{recording['id']}/analyses", json={})
        tab.until(lambda: tab.page.locator(".job").count() == 1, 40)
        tab.until(lambda: tab.page.get_by_text("The server does not answer").count() == 0)
        tab.until(lambda: tab.page.locator(".job .status").inner_text() in ("Done", "Failed"), 90)
        api.http.close()
    time.sleep(0.1)
    tab.wrong[:] = [
        w
        for w in tab.wrong
        if "ERR_CONNECTION_REFUSED" not in w
        and "ERR_INCOMPLETE_CHUNKED" not in w
        and "ERR_EMPTY_RESPONSE" not in w
        and "ERR_CONNECTION_RESET" not in w
    ]


@pytest.mark.slow
def test_stems_are_found_by_role_key_and_tempo_and_heard(tab: Tab, analysed: dict[str, Any]) -> None:
    page = tab.page
    tab.open("/stems")
    tab.until(lambda: page.locator("table.stems tbody tr").count() >= 5)
    page.get_by_label("Role").select_option("drums")
    tab.until(lambda: set(page.locator("table.stems tbody b").all_inner_texts()) == {"Drums"})
    button = page.locator(".round").first
    button.click()
    tab.until(lambda: button.get_attribute("aria-pressed") == "true")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    page.get_by_label("Role").select_option("")
    tab.until(lambda: page.locator(".round").count() >= 5)
    page.route("**/files/**", lambda route: route.fulfill(status=404), times=1)
    other = page.locator(".round").nth(1)
    other.click()
    tab.until(lambda: "404" in str(tab.wrong))
    page.wait_for_timeout(300)
    assert other.get_attribute("aria-pressed") == "true", "the link had expired: a new one was taken"
    tab.wrong[:] = [w for w in tab.wrong if "404" not in w]
    other.click()
    page.get_by_label("Tempo from").fill("399")
    page.keyboard.press("Enter")
    page.get_by_text("No stem fits these filters.").wait_for()


@pytest.mark.slow
def test_settings_keep_the_theme_make_and_revoke_keys_and_switch_shortcuts_off(tab: Tab, analysed: dict[str, Any]) -> None:
    page = tab.page
    tab.open("/settings")
    page.get_by_label("Theme", exact=True).select_option("light")
    page.reload()
    tab.until(lambda: page.evaluate("() => document.documentElement.dataset.theme") == "light")
    page.get_by_label("Name of the key").fill("stage laptop")
    tab.button("Make a key").click()
    tab.until(lambda: page.locator(".made code").inner_text().startswith("sm_"))
    tab.button("Revoke stage laptop").click()
    tab.until(lambda: page.locator(".keys-list .revoked").filter(has_text="stage laptop").count() == 1)
    page.get_by_role("checkbox", name="Keyboard shortcuts").uncheck()
    tab.open(f"/recording/{analysed['id']}")
    page.locator(".lane").first.wait_for()
    page.keyboard.press("m")
    page.wait_for_timeout(200)
    assert page.locator(".toggle.mute[aria-pressed=true]").count() == 0
