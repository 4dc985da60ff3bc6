"""How soon the player sounds, and what it holds: a song of five minutes and six stems, in a real browser on loopback.

    python -m benchmarks.player

The peer is what pages use otherwise: a media element for each stem, in the same browser.
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import soundfile
from playwright.sync_api import Page, sync_playwright

from benchmarks.platform import finished, serving
from benchmarks.results_file import markdown_table, write_result

sys.path[:0] = [str(Path(__file__).parents[1] / "tests/browser"), str(Path(__file__).parents[1] / "tests")]
from chromium import FLAGS, find  # noqa: E402
from devtools import inside  # noqa: E402

STEMS = ("bass", "drums", "guitar", "piano", "vocals", "other")
SECONDS, ROUNDS, RATE_HZ = 300, int(os.environ.get("ROUNDS", "20")), 44100
TAP = """{
  const connect = AudioNode.prototype.connect
  AudioNode.prototype.connect = function (to, ...rest) {
    const made = connect.call(this, to, ...rest)
    if (to instanceof AudioDestinationNode && to.context !== window.tapped) {
      window.tapped = to.context
      const code = `registerProcessor('first', class extends AudioWorkletProcessor {
        process([[x]]) { if (x && x.some((v) => v !== 0)) { this.port.postMessage(0); return false } return true } })`
      const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
      to.context.audioWorklet.addModule(url).then(() => {
        const node = new AudioWorkletNode(to.context, 'first')
        node.port.onmessage = () => { window.soundAt ??= performance.now() }
        connect.call(this, node); connect.call(node, to.context.destination)
        window.tapReady = true
      })
    }
    return made
  }
}"""


def song() -> bytes:
    """Six stems of noise in rhythm: FLAC gains little on them."""
    rng, out = np.random.default_rng(1), io.BytesIO()
    envelope = 0.2 * np.exp(-4 * (np.arange(SECONDS * RATE_HZ) % (RATE_HZ // 2)) / RATE_HZ)
    with zipfile.ZipFile(out, "w") as archive:
        for name in STEMS:
            sound = np.cumsum(rng.standard_normal((SECONDS * RATE_HZ, 2)), 0, dtype=np.float32)
            sound = np.diff(sound, axis=0, prepend=0) * envelope[:, None]
            file = io.BytesIO()
            soundfile.write(file, sound.astype(np.float32), RATE_HZ, format="WAV", subtype="PCM_16")
            archive.writestr(f"{name}.wav", file.getvalue())
    return out.getvalue()


def until(page: Page, expression: str, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := page.evaluate(expression)):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(5)
    return found


def memory_growth_mb(url: str, recording_id: str, flags: tuple[str, ...]) -> float:
    """What the page's process comes to hold for itself alone. Playwright would keep every answer of the network in that process."""
    with tempfile.TemporaryDirectory(prefix="profile-", ignore_cleanup_errors=True) as profile:
        words = [find() or "chromium", "--headless=new", "--no-sandbox", "--remote-debugging-port=0", f"--user-data-dir={profile}", *flags]
        browser = subprocess.Popen([*words, f"{url}/#/library"], stderr=subprocess.DEVNULL)
        try:
            port = _port_of(Path(profile) / "DevToolsActivePort")
            time.sleep(3)
            before = _largest_renderer_mb(browser.pid)
            inside(port, f"location.hash = '/recording/{recording_id}'")
            while inside(port, "document.querySelectorAll('.lane').length") == 0:
                time.sleep(0.2)
            inside(port, "document.querySelector('.play').click()")
            held = []
            for second in range(60):
                time.sleep(1)
                if second in (20, 30, 40):
                    inside(port, "document.querySelector('[aria-label=\"Next section\"]').click()")
                held.append(_largest_renderer_mb(browser.pid))
            assert inside(port, "document.querySelector('.now .time').textContent") != "0:00.0"
            return max(held) - before
        finally:
            browser.kill()
            browser.wait()


def _port_of(file: Path) -> int:
    while not file.exists() or not file.read_text():
        time.sleep(0.1)
    return int(file.read_text().splitlines()[0])


def _largest_renderer_mb(pid: int) -> float:
    processes = [p for p in psutil.Process(pid).children(recursive=True) if "--type=renderer" in p.cmdline()]
    return max(p.memory_full_info().uss for p in processes) / 1e6


def percentiles(values: list[float]) -> str:
    return f"p50 {statistics.median(values):.0f} ms, p95 {statistics.quantiles(values, n=20)[-1]:.0f} ms"


def measure(url: str, recording_id: str, executable: str | None, flags: tuple[str, ...]) -> list[list[str]]:
    pressed, navigated, elements = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(flags), chromium_sandbox=False)
        for _ in range(ROUNDS):
            pressed.append(_once(browser.new_context(bypass_csp=True), f"{url}/#/recording/{recording_id}", settle=True))
            navigated.append(_once(browser.new_context(bypass_csp=True), f"{url}/#/recording/{recording_id}", settle=False))
            elements.append(_media_elements(browser.new_context(bypass_csp=True), url, recording_id))
        browser.close()
    return [
        ["from pressing Play on a loaded page to sound", percentiles(pressed)],
        ["from navigation to sound, Play pressed as soon as it is there", percentiles(navigated)],
        ["peer: six media elements, from play() to all of them playing", percentiles(elements)],
        ["ratio of the medians, Play to sound", f"{statistics.median(pressed) / statistics.median(elements):.2f}"],
        [
            "memory of the page over the library page's, at most, in a minute with jumps",
            f"{memory_growth_mb(url, recording_id, flags):.0f} MB",
        ],
    ]


def _once(context: Any, address: str, settle: bool) -> float:
    context.add_init_script(TAP)
    page = context.new_page()
    page.goto(address)
    page.get_by_role("button", name="Play", exact=True).wait_for()
    if settle:
        until(page, "() => window.tapReady")
        page.wait_for_timeout(2000)
    began = float(page.evaluate("() => performance.now()")) if settle else 0.0
    page.get_by_role("button", name="Play", exact=True).click()
    heard = float(until(page, "() => window.soundAt"))
    context.close()
    return heard - began


def _media_elements(context: Any, url: str, recording_id: str) -> float:
    page = context.new_page()
    page.goto(f"{url}/livez")  # a page that holds no connection of its own: a browser has six, one for each element
    stems = page.evaluate("(id) => fetch(`/api/v1/stems?recording=${id}`).then((a) => a.json())", recording_id)["items"]
    took = page.evaluate(
        """async (urls) => {
      const all = urls.map((u) => Object.assign(new Audio(u), { preload: 'auto' }))
      await Promise.all(all.map((a) => new Promise((done) => a.addEventListener('canplay', done, { once: true }))))
      const from = performance.now()
      await Promise.all(all.map((a) => new Promise((done) => { a.addEventListener('timeupdate', () => a.currentTime > 0 && done()); a.play() })))
      return performance.now() - from
    }""",
        [s["audioUrl"] for s in stems],
    )
    context.close()
    return float(took)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="player-") as folder, serving(Path(folder)) as server:
        made = httpx.post(f"{server.url}/api/v1/recordings", files={"file": ("Six stems.zip", song())}, timeout=300).json()
        job = httpx.post(f"{server.url}/api/v1/recordings/{made['id']}/analyses", json={"separate": False}, timeout=60).json()
        finished(server, job["id"])
        rows = measure(server.url, made["id"], find(), FLAGS)
    write_result(
        "player",
        "The player in the browser",
        f"Five minutes, six stems, {ROUNDS} rounds each.\n\n{markdown_table(['what', 'figure'], rows)}",
    )


if __name__ == "__main__":
    main()
