"""Essentia's child process: what it says, and what becomes of a crash, a hang or nonsense. The real one is asked where it is installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

from sideman.core.analysis.backends.essentia import EssentiaEngine, engine
from sideman.core.audio import Recording
from sideman.core.music import BeatGrid, Chord, Meter
from sideman.errors import AnalysisError, MissingAsset
from sideman.testing import triad_song

GRID = BeatGrid.constant(120, 50, Meter(4), 0.5)
LOOP = [Chord.parse(x) for x in ("C:maj", "A:min", "F:maj", "G:maj")]
REAL = find_spec("essentia") is not None


def child(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were installed: the child is the test's own."""
    monkeypatch.setattr(engine, "find_spec", lambda name: object())
    monkeypatch.setattr(engine.metadata, "version", lambda name: "2.1")


@pytest.fixture(scope="module")
def reader():  # type: ignore[no-untyped-def]
    with Recording.from_clip(triad_song(GRID, LOOP, 26)) as recording:
        yield recording.mono(44100)


def test_without_it_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(MissingAsset, match=r"pip install 'sideman\[essentia\]'"):
        EssentiaEngine()


def test_its_beats_get_our_bars(there: None, reader) -> None:  # type: ignore[no-untyped-def]
    says = f"import json; print(json.dumps({{'beats_s': {list(GRID.times_s)}, 'confidence': 2.66}}))"
    found = EssentiaEngine(child(says)).grid(reader)
    assert found is not None
    grid, confidence = found
    assert grid.times_s == GRID.times_s and confidence == pytest.approx(0.5)
    assert grid.positions == GRID.positions, "a chord a bar and a kick on the one: our bar layer finds it"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "stopped on this recording"),
        ("raise SystemExit('no such algorithm')", "no such algorithm"),
        ("print('hello')", "nothing that can be read"),
        ("import time; time.sleep(60)", "did not answer within"),
    ],
)
def test_a_child_that_fails_is_one_sentence(there: None, reader, monkeypatch: pytest.MonkeyPatch, code: str, sentence: str) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(engine, "START_S", 2.0 if "sleep" in code else 30.0)
    monkeypatch.setattr(engine, "SLOWEST_SHARE", 0.0)
    with pytest.raises(AnalysisError, match=sentence) as caught:
        EssentiaEngine(child(code)).key(reader)
    assert "\n" not in str(caught.value)


def test_it_is_not_asked_about_hours(there: None) -> None:
    class Endless:
        sample_rate_hz, channels, frames = 44100, 1, 44100 * 3600 * 3

    with pytest.raises(AnalysisError, match="up to 2 hours, this one has 3.0"):
        EssentiaEngine(child("")).key(Endless())  # type: ignore[arg-type]


@pytest.mark.skipif(not REAL, reason="Essentia is not installed (AGPL, an extra: pip install 'sideman[essentia]')")
def test_the_real_one_hears_the_song(reader) -> None:  # type: ignore[no-untyped-def]
    real = EssentiaEngine()
    found = real.grid(reader)
    assert found is not None and found[0].tempo_bpm == pytest.approx(120, rel=0.02)
    assert str(real.key(reader)[0]) in ("C major", "A minor")
