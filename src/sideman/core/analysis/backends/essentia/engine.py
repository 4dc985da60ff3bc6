"""Asks a child process: Essentia can crash on odd input and hang on a frame that holds no numbers, so it never runs in ours."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sideman.core.analysis.beats import barred
from sideman.core.audio import AudioReader, blocks
from sideman.core.music import BeatGrid, Key
from sideman.errors import AnalysisError, MissingAsset

CHILD = "sideman.core.analysis.backends.essentia.child"
LONGEST_S = 7200.0
"""It holds the whole recording in memory, several times over."""
START_S, SLOWEST_SHARE = 30.0, 1.0
ANSWERS = {"beats": ("beats_s", "confidence"), "key": ("tonic", "mode", "strength")}
HIGHEST_CONFIDENCE = 5.32
"""Its beat confidence goes from 0 to this (documentation of RhythmExtractor2013)."""


class EssentiaEngine:
    name = "essentia"
    sample_rate_hz = 44100

    def __init__(self, child: tuple[str, ...] = (sys.executable, "-m", CHILD)) -> None:
        """Raises MissingAsset where it is not installed."""
        if find_spec("essentia") is None:
            raise MissingAsset("Essentia is not installed: pip install 'sideman[essentia]' (AGPL-3.0; Linux and macOS)")
        self.version = metadata.version("essentia")
        self._child = child

    def grid(self, reader: AudioReader) -> tuple[BeatGrid, float] | None:
        """Its beats under our bars: it has none of its own."""
        found = self._ask(reader, "beats")
        if len(found["beats_s"]) < 4 or found["confidence"] <= 0:
            return None
        grid = barred(reader, found["beats_s"])
        return (grid, min(1.0, found["confidence"] / HIGHEST_CONFIDENCE)) if grid is not None else None

    def key(self, reader: AudioReader) -> tuple[Key, float]:
        """By the profile `bgate`, its best on records."""
        found = self._ask(reader, "key")
        return Key.parse(f"{found['tonic']} {found['mode']}"), max(0.0, min(1.0, found["strength"]))

    def _ask(self, reader: AudioReader, question: str) -> dict[str, Any]:
        """Raises AnalysisError when the child crashes, takes too long or answers nonsense."""
        seconds = reader.frames / reader.sample_rate_hz
        if seconds > LONGEST_S:
            raise AnalysisError(
                f"Essentia takes recordings of up to {LONGEST_S / 3600:.0f} hours, this one has {seconds / 3600:.1f}: use another engine"
            )
        with tempfile.TemporaryDirectory(prefix="sideman-essentia-") as folder:
            path = Path(folder) / "mono.f32"
            with path.open("wb") as out:
                for block in blocks(reader, reader.sample_rate_hz * 30):
                    out.write(block[0].astype("<f4").tobytes())
            try:
                done = subprocess.run(
                    [*self._child, question, str(path)], capture_output=True, text=True, timeout=START_S + SLOWEST_SHARE * seconds
                )
            except subprocess.TimeoutExpired as error:
                raise AnalysisError(
                    f"Essentia did not answer within {error.timeout:.0f} s: use another engine for this recording"
                ) from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            raise AnalysisError(f"Essentia stopped on this recording ({last}): use another engine for it")
        try:
            answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
            if not set(ANSWERS[question]) <= set(answer):
                raise ValueError("something is left out")
        except (ValueError, IndexError, TypeError) as error:
            raise AnalysisError("Essentia answered nothing that can be read: use another engine for this recording") from error
        return answer
