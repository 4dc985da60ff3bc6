"""A real browser on a real server with a real worker; what is heard is recorded from the page's own output."""

from __future__ import annotations

import io
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from chromium import FLAGS, NoBrowser, find
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright
from serving import Server, serving

from sideman.core.audio import write_audio
from sideman.testing import ShortSong, faded_tone

SOON_S = 25
TAP = (Path(__file__).parent / "tap.js").read_text("utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after each file: while it is there, its event loop runs in this thread, where other tests start their own."""
    try:
        path = find()
    except NoBrowser as reason:
        pytest.skip(str(reason))
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(FLAGS), chromium_sandbox=False)
        yield running
        running.close()


@dataclass
class Tab:
    """A page, what went wrong in it, and what it plays."""

    page: Page
    url: str
    heard: bool = False
    wrong: list[str] = field(default_factory=list)

    def open(self, address: str = "/library") -> None:
        self.page.goto(f"{self.url}/#{address}")
        self.page.wait_for_selector("main")

    def button(self, name: str, inside: str = "body") -> Locator:
        return self.page.locator(inside).get_by_role("button", name=name, exact=True)

    def until(self, true: Callable[[], Any], seconds: float = SOON_S) -> Any:
        end = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < end, f"it did not happen within {seconds} s; {self.wrong}"
            self.page.wait_for_timeout(50)
        return found

    def recorded(self, seconds: float, then: Callable[[], Any] = lambda: None) -> tuple[np.ndarray, int]:
        """What the page gives to the loudspeaker while `then` runs and until so much was heard: frames x 2, and its rate."""
        self.page.evaluate("() => window.tap.start()")
        then()
        self.until(lambda: self.page.evaluate("() => window.tap.seconds()") >= seconds)
        found = self.page.evaluate("() => window.tap.stop()")
        rate = int(found["rate"])
        return np.frombuffer(b64decode(found["bytes"]), "<f4").reshape(-1, 2), rate


def _matters(message: ConsoleMessage) -> bool:
    return message.type in ("error", "warning") and "ScriptProcessorNode" not in message.text  # the recorder's own node


@pytest.fixture
def tab_on(browser: Browser) -> Iterator[Callable[..., Tab]]:
    """Opens a fresh profile on a server. Whatever the page complains about fails the test, unless the test takes it out of `wrong`.

    heard: what it plays is recorded, and for that it runs without its content security policy.
    """
    tabs: list[Tab] = []

    def make(url: str, heard: bool = False, **options: Any) -> Tab:
        context = browser.new_context(**{"viewport": {"width": 1360, "height": 850}, "color_scheme": "dark", "bypass_csp": heard} | options)
        if heard:
            context.add_init_script(TAP)
        page = context.new_page()
        page.set_default_timeout(1000 * SOON_S)
        tab = Tab(page, url, heard)
        page.on("pageerror", lambda error: tab.wrong.append(f"error: {error}"))
        page.on("console", lambda message: tab.wrong.append(message.text) if _matters(message) else None)
        tabs.append(tab)
        return tab

    yield make
    complaints = [w for tab in tabs for w in tab.wrong]
    for tab in tabs:
        tab.page.context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("pages")) as running:
        yield running


@pytest.fixture
def tab(tab_on: Callable[..., Tab], server: Server) -> Tab:
    return tab_on(server.url)


@pytest.fixture
def ear(tab_on: Callable[..., Tab], server: Server) -> Tab:
    """A tab whose sound is recorded."""
    return tab_on(server.url, heard=True)


class Api:
    """The same library as programs see it."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.http.request(method, f"/api/v1{path}", **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def add(self, path: Path) -> dict[str, Any]:
        with path.open("rb") as file:
            return self.ask("POST", "/recordings", files={"file": (path.name, file)})

    def analysed(self, path: Path) -> dict[str, Any]:
        recording = self.add(path)
        job = self.ask("POST", f"/recordings/{recording['id']}/analyses", json={})
        end = time.monotonic() + 180
        while (state := self.ask("GET", f"/jobs/{job['id']}"))["state"] in ("queued", "running"):
            assert time.monotonic() < end, state
            time.sleep(0.1)
        assert state["state"] == "completed", state["error"]
        return self.ask("GET", f"/recordings/{recording['id']}")

    def audio(self, url: str) -> tuple[np.ndarray, int]:
        return soundfile.read(io.BytesIO(self.http.get(url).content), always_2d=True, dtype="float32")


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[Api]:
    made = Api(server.url)
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def analysed(api: Api, song: ShortSong, song_file: Path) -> dict[str, Any]:
    """The test song, analysed, in the library."""
    return api.analysed(song_file)


@pytest.fixture
def new_tone(tmp_path: Path) -> Callable[[float], Path]:
    def make(frequency_hz: float) -> Path:
        path = tmp_path / f"tone {frequency_hz:g}.flac"
        write_audio(faded_tone(frequency_hz, 6.0), path)
        return path

    return make
