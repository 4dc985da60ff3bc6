"""The demo song: composed, played and recorded by the session band, then looked at as if nothing were known of it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from sideman.app.engines import Engines, StepProgress, no_progress
from sideman.core.audio import Mp3Writer, blocks
from sideman.core.evaluation import scores
from sideman.core.evaluation.references import Reference
from sideman.core.evaluation.scores import AnalysisScores
from sideman.core.generation import GenerationRequest, SongContext
from sideman.core.generation.composer import compose
from sideman.core.mixing import Lane, master, sum_lanes
from sideman.core.music import MusicAnalysis, StemRole

RATE_HZ = 44100
BAND = (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO, StemRole.GUITAR, StemRole.PAD)
STYLE = "rock"


def record_song(path: Path, engines: Engines, seed: int, progress: StepProgress = no_progress) -> MusicAnalysis:
    """Write the demo song as MP3 and return the truth about it."""
    truth = compose(seed)
    context = SongContext.from_analysis(truth)
    frames, band = round(truth.duration_s * RATE_HZ), engines.generators()
    tags = {"title": truth.title, "artist": truth.artist}
    with tempfile.TemporaryDirectory(prefix="sideman-demo-") as name, Mp3Writer(path, RATE_HZ, 2, tags=tags) as mp3:
        folder, lanes = Path(name), []
        for k, role in enumerate(BAND):
            request = GenerationRequest(role, STYLE, seed, frames, RATE_HZ)
            lanes.append(Lane(band.generate(context, request, folder).audio))
            progress("record the demo song", (k + 1) / (len(BAND) + 1))
        made = master(sum_lanes(lanes, frames, RATE_HZ, folder / "sum.f32"), folder / "mix.f32")
        for block in blocks(made.audio, RATE_HZ * 10):
            mp3.write(block)
    progress("record the demo song", 1.0)
    return replace(truth, loudness=None)


def compare(truth: MusicAnalysis, found: MusicAnalysis) -> AnalysisScores:
    """What was found in the MP3 against what was composed."""
    grid = truth.require_grid()
    reference = Reference(
        name=truth.title, audio=Path(), beats_s=grid.times_s, downbeats_s=tuple(float(t) for t in grid.downbeats_s), tempo_bpm=grid.tempo_bpm,
        key=truth.key.value if truth.key else None,
        chords=tuple((c.start_s, c.end_s, str(c.chord)) for c in (truth.chords.value if truth.chords else ())),
        sections=tuple((s.start_s, s.end_s, s.label) for s in (truth.sections.value if truth.sections else ())),
        tuning_hz=truth.tuning_hz.value if truth.tuning_hz else None, integrated_lufs=None,
    )  # fmt: skip
    return scores.score(reference, found)
