"""The report page in a real browser: its script runs and shows what report.json says."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import sideman

BROWSER = next((b for b in ("chromium", "chromium-browser", "google-chrome", "chrome") if shutil.which(b)), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on PATH: install it (Debian: apt-get install chromium) to run the page for real")
def test_the_page_draws_itself(song_file: Path, tmp_path: Path) -> None:
    sideman.play_along(song_file, tmp_path / "out", stems="bass")
    facts = json.loads((tmp_path / "out/report.json").read_text())
    call = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"file://{tmp_path / 'out/report.html'}"]
    dom = subprocess.run(call, capture_output=True, text=True, timeout=120).stdout
    body = dom.split('<script type="application/json"')[0]
    assert f"{facts['analysis']['tempo_bpm']:.1f} bpm" in body and facts["analysis"]["key"] in body
    assert facts["new_stems"][0]["verdict"] in body and facts["new_stems"][0]["reason"] in body
    assert dom.count("<audio") == 7 and "Made by Sideman" in dom
    assert 'id="lanes" width="' in dom and 'id="spectrogram" width="' in dom
