"""What the player plays, taken from its output: the recording sample for sample, loops, tempo, pitch, clicks."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Api, Tab
from playwright.sync_api import Locator, Page

LSB = 1 / 32768


def opened(tab: Tab, recording: dict[str, Any]) -> None:
    tab.open(f"/recording/{recording['id']}")
    tab.page.wait_for_selector(".lane")
    tab.until(lambda: not tab.heard or tab.page.evaluate("() => window.tap?.ready === true"))
    tab.page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200)))"
    )  # what hears the keys comes after the paint


def mono(sound: np.ndarray) -> np.ndarray:
    return sound.mean(1)


def place_of(part: np.ndarray, whole: np.ndarray) -> int:
    """Where `part` lies in `whole`: the least squared difference, by way of the spectrum."""
    size = 1 << (len(whole) + len(part)).bit_length()
    product = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[: len(whole) - len(part)]
    power = np.concatenate([[0], np.cumsum(whole.astype(np.float64) ** 2)])
    return int(np.argmin(power[len(part) :][: len(product)] - power[: len(product)] - 2 * product))


def difference(heard: np.ndarray, truth: np.ndarray) -> float:
    at = place_of(mono(heard), mono(truth))
    return float(np.abs(heard - truth[at : at + len(heard)]).max())


def peak_hz(sound: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(mono(sound) * np.hanning(len(sound)), 1 << 19))
    return float(np.argmax(spectrum) * rate / (1 << 19))


@pytest.mark.slow
def test_the_stems_together_are_the_recording_sample_for_sample(ear: Tab, api: Api, analysed: dict[str, Any]) -> None:
    truth, _ = api.audio(analysed["audioUrl"])
    opened(ear, analysed)
    for seek in ("Home", "ArrowRight", "ArrowRight"):
        ear.page.keyboard.press(seek)
        heard, _ = ear.recorded(2.0, lambda: ear.page.keyboard.press(" "))
        ear.page.keyboard.press(" ")
        sounding = heard[np.flatnonzero(np.abs(heard).max(1) > 1e-3)[0] :][1000:60000]
        assert difference(sounding, truth) < 8 * LSB, "one read head: no lane is a sample early or late"


def least(error: Callable[[], float], limit: float) -> float:
    """The smallest of up to six: a busy machine drops frames between page and loudspeaker, what is wrong is wrong each time."""
    found = error()
    for _ in range(5):
        found = found if found < limit else error()
    return found


@pytest.mark.slow
def test_original_and_stems_sound_alike_and_minus_one_leaves_out_one(ear: Tab, api: Api, analysed: dict[str, Any]) -> None:
    truth, _ = api.audio(analysed["audioUrl"])
    bass = next(s for s in api.ask("GET", f"/stems?recording={analysed['id']}")["items"] if s["role"] == "bass")
    without, _ = api.audio(bass["audioUrl"])
    opened(ear, analysed)
    ear.button("Original", ".transport").click()
    ear.button("Play").click()
    assert least(lambda: difference(ear.recorded(1.5)[0][20000:60000], truth), 2 * LSB) < 2 * LSB
    ear.button("Stems", ".transport").click()
    ear.button("Everything but Bass").click()
    assert ear.button("Mute Bass").get_attribute("aria-pressed") == "true"
    ear.page.wait_for_timeout(400)
    rest = truth - without[: len(truth)]
    assert least(lambda: difference(ear.recorded(1.0)[0][4000:40000], rest), 8 * LSB) < 8 * LSB


@pytest.mark.slow
def test_a_loop_of_a_bar_is_as_long_as_the_bar(ear: Tab, api: Api, analysed: dict[str, Any]) -> None:
    beats = api.ask("GET", f"/recordings/{analysed['id']}/timeline")["beats"]
    starts = [t for t, place in beats if place == 1]
    opened(ear, analysed)
    ear.page.keyboard.press("Home")
    for _ in range(3):
        ear.page.keyboard.press("ArrowRight")
    ear.page.keyboard.press("Shift+L")
    ear.page.locator(".loop").wait_for()
    ear.page.keyboard.press(" ")

    def error() -> float:
        heard, rate = ear.recorded(6.0)
        sound = mono(heard)[round(1.0 * rate) :]
        assert np.abs(sound).max() > 0.05
        lengths = {round(b * rate) - round(a * rate) for a, b in pairwise(starts)}
        return min(float(np.abs(sound[n : n + rate] - sound[:rate]).max()) for n in lengths)

    assert least(error, 4 * LSB) < 4 * LSB
    ear.page.keyboard.press("L")
    ear.until(lambda: ear.page.locator(".loop").is_hidden())


@pytest.mark.slow
def test_tempo_keeps_the_pitch_and_transposing_keeps_the_tempo(ear: Tab, api: Api, new_tone: Callable[[float], Path]) -> None:
    recording = api.analysed(new_tone(440.0))
    opened(ear, recording)
    tempo = ear.page.get_by_role("slider", name="Tempo", exact=True)
    ear.until(lambda: tempo.is_enabled() and ear.page.evaluate("() => true"))
    ear.page.wait_for_timeout(800)
    for _ in range(5):
        ear.page.keyboard.press(",")
    assert tempo.get_attribute("aria-valuetext") == "75 percent"
    heard, rate = ear.recorded(2.5, lambda: ear.page.keyboard.press(" "))
    assert peak_hz(heard[rate:], rate) == pytest.approx(440, abs=1.5)
    for _ in range(3):
        ear.page.keyboard.press("'")
    ear.page.keyboard.press("Home")
    ear.page.wait_for_timeout(600)
    heard, rate = ear.recorded(1.5)
    assert peak_hz(heard[rate // 2 :], rate) == pytest.approx(440 * 2 ** (3 / 12), abs=3)


@pytest.mark.slow
def test_at_another_tempo_the_song_passes_that_much_slower_and_names_are_transposed(tab: Tab, api: Api, analysed: dict[str, Any]) -> None:
    opened(tab, analysed)
    page = tab.page
    key, chord = page.locator(".song-head .chip b").nth(2).inner_text(), page.locator(".chords .block").nth(1).get_attribute("aria-label")
    for _ in range(5):
        page.keyboard.press(",")
    page.keyboard.press("'")
    page.keyboard.press("'")
    assert page.locator(".song-head .chip b").nth(2).inner_text() != key
    assert page.locator(".chords .block").nth(1).get_attribute("aria-label") != chord
    page.keyboard.press(" ")
    page.wait_for_timeout(1500)

    def clocks() -> tuple[float, float]:
        """The song's and the wall's at one moment, in seconds."""
        shown, wall_ms = page.evaluate("() => [document.querySelector('.now .time').innerText, performance.now()]")
        minutes, seconds = shown.split(":")
        return 60 * int(minutes) + float(seconds), wall_ms / 1000

    start = clocks()

    def rate() -> float:
        page.wait_for_timeout(4000)
        song_s, wall_s = np.subtract(clocks(), start)
        return song_s / wall_s

    assert least(lambda: abs(rate() - 0.75), 0.04) < 0.04


@pytest.mark.slow
def test_the_metronome_clicks_on_the_beats_and_counts_a_bar_in(ear: Tab, api: Api, analysed: dict[str, Any]) -> None:
    timeline = api.ask("GET", f"/recordings/{analysed['id']}/timeline")
    opened(ear, analysed)
    page = ear.page
    for k in range(page.locator(".lane-head").count()):
        page.keyboard.press(str(k + 1))  # all lanes muted: only clicks are left
    page.keyboard.press("c")
    page.keyboard.press("i")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    heard, rate = ear.recorded(7.0, lambda: page.keyboard.press(" "))
    loud = np.abs(mono(heard)) > 0.05
    onsets = np.flatnonzero(loud & ~np.roll(np.convolve(loud, np.ones(4000), "full")[: len(loud)] > 0, 1)) / rate
    counted, beats = int(timeline["meter"].split("/")[0]), np.array([t for t, _ in timeline["beats"]])
    clicks = onsets[counted:]
    assert len(onsets) > counted + 4
    first = int(np.argmin(np.abs(np.diff(beats)[:8] - (clicks[1] - clicks[0]))))
    offsets = [clicks[:5] - beats[k : k + 5] for k in range(first + 8)]
    assert min(np.ptp(o) for o in offsets) < 0.003, "clicks lie on the song's own beats"
    assert np.diff(onsets[: counted + 1]).std() < 0.01, "the bar that is counted in is even and ends on the first beat"


SECONDS_OF_TONES = """async ({ rate, cases }) => {
  const main = document.querySelector('script[type=module]').src
  const { MixerCore } = await import(new URL('player/mixer_core.js', main))
  const [seconds, chunk] = [12, rate]
  const make = () => new Promise((done, failed) => {
    const core = new MixerCore({ lanes: [{ channels: 1, frames: rate * seconds }], frames: rate * seconds, chunkFrames: chunk, sampleRate: rate },
      (m) => m.type === 'stretcher' && (m.there ? done(core) : failed(new Error('no stretcher'))))
    for (let c = 0; c < seconds; c++) { // second c sounds at 200 + 100 c Hz
      const data = Int16Array.from({ length: chunk }, (_, i) => 12000 * Math.sin((2 * Math.PI * (200 + 100 * c) * i) / rate))
      core.message({ type: 'chunk', lane: 0, number: c, data })
    }
    core.message({ type: 'gain', lane: 0, left: 1, right: 1 })
    return core
  })
  const run = (core, s) => {
    const out = []
    for (let b = 0; b < Math.round((s * rate) / 128); b++) {
      const [left, right] = [new Float32Array(128), new Float32Array(128)]
      core.render(left, right, 0)
      out.push(...left)
    }
    return out
  }
  const pitch = (x) => {
    let rises = 0
    for (let i = 1; i < x.length; i++) if (x[i - 1] < 0 && x[i] >= 0) rises++
    return rises / (x.length / rate)
  }
  const found = []
  for (const messages of cases) {
    const core = await make()
    for (const m of messages) {
      if (m.until !== undefined) while (core.position < m.until * rate) run(core, 0.003)
      else if (m.wait !== undefined) run(core, m.wait)
      else core.message(m)
    }
    for (let k = 0; k < 4; k++) {
      run(core, 0.9)
      const from = core.position
      const hz = pitch(run(core, 0.1))
      found.push([from / rate, core.position / rate, hz])
    }
  }
  return found
}"""


@pytest.mark.slow
def test_at_another_tempo_the_sound_is_where_the_playhead_is_whatever_the_loop_does(tab: Tab) -> None:
    rate = 44100
    tempo, play = {"type": "tempo", "rate": 0.8, "semitones": 0}, {"type": "play"}
    loop, none = {"type": "loop", "loop": {"start": 4 * rate, "end": 6 * rate}}, {"type": "loop", "loop": None}

    def seek(seconds: float) -> dict[str, Any]:
        return {"type": "seek", "position": round(seconds * rate)}

    cases = [
        [tempo, loop, seek(4), play, {"wait": 0.5}, seek(6)],
        [tempo, loop, seek(5), play, {"until": 5.9}, none],
        [tempo, seek(5), play, {"until": 5.9}, loop],
    ]
    tab.open()
    for begin, end, hz in tab.page.evaluate(SECONDS_OF_TONES, {"rate": rate, "cases": cases}):
        if int(begin) == int(end) and 0.15 < begin % 1 < 0.85:
            assert hz == pytest.approx(200 + 100 * int(begin), abs=45), f"at {begin:.2f} s"


@pytest.mark.slow
def test_the_transport_goes_to_the_ends_and_a_drawer_leaves_the_loop(tab: Tab, analysed: dict[str, Any]) -> None:
    opened(tab, analysed)
    page, time = tab.page, tab.page.locator(".now .time")
    for _ in range(page.locator(".sections .block").count() + 1):
        page.keyboard.press("]")
    tab.until(lambda: float(time.inner_text().split(":")[1]) > analysed["durationS"] - 0.3)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    assert float(time.inner_text().split(":")[1]) > analysed["durationS"] - 0.3
    page.keyboard.press("Home")
    tab.until(lambda: time.inner_text() == "0:00.0")
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(200)
    assert time.inner_text() == "0:00.0"
    page.keyboard.press("l")
    page.locator(".loop").wait_for()
    page.keyboard.press("g")
    page.get_by_role("dialog", name="Generate").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Generate").wait_for(state="detached")
    assert page.locator(".loop").is_visible(), "one key closes one thing"
    page.keyboard.press("ArrowDown")
    chosen = page.locator(".lane-head.chosen .name").inner_text()
    page.keyboard.press("o")
    tab.until(
        lambda: page.locator(".lane-head").count() > 0 and tab.button("Original", ".transport").get_attribute("aria-pressed") == "true"
    )
    assert page.locator(".lane-head.chosen .name").inner_text() == chosen
    page.keyboard.press("o")


@pytest.mark.slow
def test_every_key_of_the_list_does_something(tab: Tab, analysed: dict[str, Any]) -> None:
    opened(tab, analysed)
    page = tab.page
    time = page.locator(".now .time")
    page.keyboard.press("End")
    tab.until(lambda: time.inner_text() != "0:00.0")
    page.keyboard.press("Home")
    tab.until(lambda: time.inner_text() == "0:00.0")
    for key in ("ArrowRight", "Shift+ArrowRight", "]"):
        before = time.inner_text()
        page.keyboard.press(key)
        tab.until(lambda before=before: time.inner_text() != before)
    for key in ("ArrowLeft", "Shift+ArrowLeft", "["):
        before = time.inner_text()
        page.keyboard.press(key)
        tab.until(lambda before=before: time.inner_text() != before)
    page.keyboard.press("ArrowDown")
    assert page.locator(".lane-head").nth(1).locator(".name").get_attribute("aria-pressed") == "true"
    for key, name in (("m", "mute"), ("s", "solo")):
        page.keyboard.press(key)
        assert page.locator(".lane-head").nth(1).locator(f".{name}").get_attribute("aria-pressed") == "true"
        page.keyboard.press(key)
    page.keyboard.press("x")
    assert page.locator(".toggle.mute[aria-pressed=true]").count() == 1
    page.keyboard.press("x")
    page.keyboard.press("Shift+Digit1")
    assert page.locator(".lane-head").nth(0).locator(".solo").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Shift+Digit1")
    pressed = {"o": tab.button("Original", ".transport"), "c": tab.button("Metronome"), "i": tab.button("Count-in")}
    for key, button in pressed.items():
        page.keyboard.press(key)
        assert button.get_attribute("aria-pressed") == "true"
        page.keyboard.press(key)
    page.keyboard.press("f")
    assert tab.button("Follow the playhead").get_attribute("aria-pressed") == "false"
    page.keyboard.press("+")
    tab.until(lambda: page.locator(".overview .window").is_visible())
    page.keyboard.press("0")
    tab.until(lambda: page.locator(".overview .window").is_hidden())
    page.keyboard.press("l")
    tab.until(lambda: page.locator(".loop").is_visible())
    page.keyboard.press("Escape")
    tab.until(lambda: page.locator(".loop").is_hidden())
    page.keyboard.press("g")
    page.get_by_role("dialog", name="Generate").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Generate").wait_for(state="detached")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard").wait_for()
    page.keyboard.press("Escape")


@pytest.mark.slow
def test_one_click_corrections_are_marked_and_can_be_reverted(tab: Tab, api: Api, analysed: dict[str, Any]) -> None:
    opened(tab, analysed)
    page = tab.page
    tempo = page.locator(".song-head .chip.button b")
    before = int(tempo.inner_text())

    def standing() -> int:
        return sum(c["revertedAt"] is None for c in api.ask("GET", f"/recordings/{analysed['id']}/corrections"))

    page.locator(".song-head .chip.button").click()
    page.get_by_role("menuitem", name="Halve the tempo").click()
    tab.until(lambda: abs(int(tempo.inner_text()) - before / 2) <= 1)
    assert page.get_by_text("corrected by you").is_visible()
    page.locator(".song-head .chip.button").click()
    page.get_by_role("menuitem", name="Bar 1 one beat later").click()
    reverts = page.get_by_role("menuitem", name=re.compile("^Revert"))
    for left in (2, 1):
        tab.until(lambda left=left: standing() == left)
        tab.until(lambda left=left: _menu_with(page, reverts) == left)
        reverts.first.click()
    tab.until(lambda: standing() == 0)
    tab.until(lambda: int(tempo.inner_text()) == before and page.get_by_text("corrected by you").count() == 0)


def _menu_with(page: Page, items: Locator) -> int:
    """How many such items the menu of the grid shows when it is opened."""
    if items.count() == 0:
        page.locator(".song-head .chip.button").click()
    return items.count()


@pytest.mark.slow
def test_without_an_audio_thread_the_scheduler_plays_the_same(
    tab_on: Callable[..., Tab], api: Api, analysed: dict[str, Any], server
) -> None:
    """Plain http under a name that is not this machine's own: no AudioWorklet there, and a key is asked for."""
    truth, _ = api.audio(analysed["audioUrl"])
    token = api.ask("POST", "/keys", json={"name": "for another machine", "role": "editor"})["token"]
    tab = tab_on(server.url.replace("127.0.0.1", "studio.test"), heard=True)
    tab.open()
    page = tab.page
    page.get_by_label("API key").fill("sm_wrong")
    tab.button("Sign in").click()
    assert page.get_by_role("alert").inner_text()
    page.get_by_label("API key").fill(token)
    tab.button("Sign in").click()
    page.wait_for_selector("table.recordings")
    assert page.evaluate("() => isSecureContext") is False
    opened(tab, analysed)
    page.locator(".limits").wait_for()
    heard, _ = tab.recorded(3.0, lambda: page.keyboard.press(" "))
    assert difference(heard[3 * 16384 : 4 * 16384], truth) < 8 * LSB
    tab.wrong[:] = [w for w in tab.wrong if "401" not in w]


LATE = """(() => {
  const port = Object.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage')
  Object.defineProperty(MessagePort.prototype, 'onmessage', { ...port, set(hear) { port.set.call(this, (e) => setTimeout(() => hear.call(this, e), 600)) } })
})()"""


@pytest.mark.slow
def test_a_sought_place_stands_however_late_the_audio_thread_reports(
    tab_on: Callable[..., Tab], server: Any, analysed: dict[str, Any]
) -> None:
    """What it said before the seek comes when nothing plays any more."""
    tab = tab_on(server.url)
    tab.page.context.add_init_script(LATE)
    opened(tab, analysed)
    time = tab.page.locator(".now .time")
    tab.page.keyboard.press(" ")
    tab.until(lambda: time.inner_text() > "0:02.0")
    tab.page.keyboard.press(" ")
    tab.page.keyboard.press("Home")
    seen = set()
    for _ in range(30):
        tab.page.wait_for_timeout(40)
        seen.add(time.inner_text())
    assert seen == {"0:00.0"}
