"""New stems for a song: audio, MIDI and a fit report for each."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from sideman.app.analysis import known_or_found
from sideman.app.engines import Engines, Source, StepProgress, no_progress, opened
from sideman.core.audio import write_lossless
from sideman.core.fit import FitFigures, FitReport
from sideman.core.generation.context import free_grid
from sideman.core.music import MidiPart, MusicAnalysis, write_midi
from sideman.core.pipelines import staged
from sideman.core.pipelines.concurrency import Watch
from sideman.core.pipelines.new_stems import NewStem, new_stems
from sideman.core.pipelines.orders import Order, checked, prepare
from sideman.core.pipelines.songs import Song

__all__ = ["NewStem", "Order", "generate", "report_json", "write_stem_midi"]


def generate(
    source: Source, out: Path, engines: Engines, order: Order, analysis: MusicAnalysis | None = None, progress: StepProgress = no_progress
) -> tuple[NewStem, ...]:
    """ROLE.flac and (of engines that write notes) ROLE.mid for the best candidate of each role, ROLE-2 and so on for the others, and fit.json, into `out`.

    Raises AnalysisError where the song has no steady pulse and stems that need one are asked for.
    """
    generators = engines.generators_named(order.engine)
    generator = generators()
    checked(order, generator)
    with opened(source) as recording, staged(out, [source]) as folder:
        found = known_or_found(recording, analysis, engines, progress)
        prepared = prepare(order, Song(recording, found), generator, lambda share: progress("bring to tempo", share))
        made = new_stems(prepared.song, prepared.wishes, generators, Watch(progress), engines.threads)
        for n in made:
            name = n.file_name
            write_lossless(n.stem.audio, folder / name)
            if n.stem.notes:
                write_stem_midi(n, prepared.song.analysis, folder / f"{name}.mid")
        _write_fit(made, prepared.direction.understood, folder)
    return made


def write_stem_midi(n: NewStem, analysis: MusicAnalysis, path: Path) -> None:
    """On the song's own beats; at 60 bpm where it has none."""
    grid = analysis.grid.value if analysis.grid else free_grid(analysis.duration_s)
    part = MidiPart(n.stem.role.value, n.stem.notes, n.stem.program, not n.stem.role.pitched)
    write_midi(path, grid, [part], analysis)


def _write_fit(made: tuple[NewStem, ...], understood: tuple[str, ...], folder: Path) -> None:
    rows = [
        report_json(n.report) | {"style": n.stem.style, "seed": n.stem.seed, "rank": n.rank, "file": n.file_name, "note": n.note, "engine": n.stem.provenance.engine, "made_with": dict(n.stem.provenance.parameters)}
        for n in made
    ]  # fmt: skip
    facts = {"stems": rows} | ({"understood": list(understood)} if understood else {})
    partial = folder / ".fit.json.part"
    partial.write_text(json.dumps(facts, indent=1), "utf-8")
    os.replace(partial, folder / "fit.json")


def report_json(r: FitReport) -> dict[str, object]:
    """A fit report for programs."""
    return {
        "role": r.role.value, "score": round(r.score, 4), "verdict": r.verdict.value, "reason": r.reason,
        "axes": {a.name: round(a.logit, 3) for a in r.axes}, "undecidable": [u.value for u in r.undecidable], "warnings": list(r.warnings),
        "sounding_s": round(r.sounding_s, 1),
    } | asdict(r.figures or FitFigures())  # fmt: skip
