"""New stems for a song: audio, MIDI and a fit report for each."""

from __future__ import annotations

import json
import os
from pathlib import Path

from sideman.app.engines import Engines, Source, StepProgress, no_progress, opened
from sideman.core import analysis as engine
from sideman.core.audio import write_lossless
from sideman.core.fit import FitReport
from sideman.core.music import MidiPart, MusicAnalysis, StemRole, write_midi
from sideman.core.pipelines import staged
from sideman.core.pipelines.concurrency import Watch
from sideman.core.pipelines.new_stems import StemWishes, new_stems, playable


def generate(
    source: Source, out: Path, engines: Engines, wishes: StemWishes, analysis: MusicAnalysis | None = None,
    progress: StepProgress = no_progress,
) -> tuple[FitReport, ...]:  # fmt: skip
    """ROLE.flac, ROLE.mid and fit.json into `out`. Raises AnalysisError where the song has no steady pulse."""
    wishes = playable(wishes, engines.generators())
    with opened(source) as recording, staged(out) as folder:
        found = analysis or engine.analyze(recording, lambda step, share: progress("analyse", share), engines.analyzers.engines())
        made = new_stems(recording, found, wishes, engines.generators, Watch(progress), engines.threads)
        for n in made:
            write_lossless(n.stem.audio, folder / n.stem.role.value)
            part = MidiPart(n.stem.role.value, n.stem.notes, n.stem.program, n.stem.role is StemRole.DRUMS)
            write_midi(folder / f"{n.stem.role}.mid", found.require_grid(), [part], found)
        reports = tuple(n.report for n in made)
        rows = [report_json(r) | {"style": wishes.style, "seed": wishes.seed} for r in reports]
        partial = folder / ".fit.json.part"
        partial.write_text(json.dumps({"stems": rows}, indent=1), "utf-8")
        os.replace(partial, folder / "fit.json")
    return reports


def report_json(r: FitReport) -> dict[str, object]:
    """A fit report for programs."""
    f = r.figures
    return {
        "role": r.role.value, "score": round(r.score, 4), "verdict": r.verdict.value, "reason": r.reason,
        "axes": {a.name: round(a.logit, 3) for a in r.axes}, "undecidable": [u.value for u in r.undecidable],
        "sounding_s": round(r.sounding_s, 1), "onset_to_grid_ms": f.onset_to_grid_ms if f else None,
        "chance_to_grid_ms": f.chance_to_grid_ms if f else None, "chord_tone_share": f.chord_tone_share if f else None,
    }  # fmt: skip
