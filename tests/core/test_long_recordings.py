"""Analysis of a long recording takes no more memory than that of a shorter one, but for a few kB a bar."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = """
import resource, sys, tempfile
from pathlib import Path
import numpy as np
from sideman.core.analysis import analyze
from sideman.core.audio import Recording, ScratchWriter, SourceInfo
from sideman.core.music import BeatGrid, Chord, Meter
from sideman.testing import triad_song

minutes = float(sys.argv[1])
song = triad_song(BeatGrid.constant(118, 116, Meter(4), 0.2), [Chord.parse(x) for x in ("C:maj", "A:min", "F:maj", "G:7")], 60).samples
folder = Path(tempfile.mkdtemp(prefix="sideman-"))
with ScratchWriter(folder / "decoded.f32", 44100, 1) as writer:
    for k in range(round(minutes)):
        writer.write(np.roll(song, 4410 * k, axis=1))
    audio = writer.finish()
with Recording(audio, SourceInfo("long", "memory", "pcm_f32", 44100, 1, None), folder, 0) as recording:
    found = analyze(recording)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(found.grid.value), len(found.sections.value))
"""


def peak_mb(minutes: int) -> float:
    done = subprocess.run([sys.executable, "-c", CHILD, str(minutes)], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    peak, beats, sections = (float(x) for x in done.stdout.split())
    assert beats > 100 * minutes and sections > minutes / 2
    return peak


@pytest.mark.slow
def test_twelve_minutes_take_little_more_than_four() -> None:
    """Eight minutes more (`make soak` takes longer ones): back pointers and posteriors of the chords (11 kB a beat, in pieces), pitch activations (0.5 MB a minute)."""
    short, long = peak_mb(4), peak_mb(12)
    assert long < short + 40, f"4 minutes peak at {short:.0f} MB, 12 at {long:.0f} MB"
