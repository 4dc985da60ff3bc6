"""Analysis beside madmom, Essentia and librosa: accuracy on annotated recordings, CPU seconds and peak memory on four minutes, one run.

    python -m venv PEER && PEER/bin/pip install Cython numpy     # then madmom from its repository, essentia --pre, librosa, soundfile
    python -m benchmarks.analysis PEER/bin/python FOLDER [--madmom madmom.npz]

FOLDER is one that `sideman eval` takes. The peers hear the same mono samples at 44.1 kHz, each in a process of its own on one thread.
`--madmom` is the converted archive of `sideman models install madmom`: our run of madmom's networks is then a row of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np

from benchmarks.results_file import markdown_table, write_result
from sideman.core.analysis import AnalysisEngines, find_beats, find_harmony_and_form, find_loudness
from sideman.core.audio import AudioClip, Recording, read_all, write_audio
from sideman.core.evaluation.references import Reference, read_references
from sideman.core.evaluation.scores import beat_f, chord_scores, interval
from sideman.core.music import Chord, ChordSpan

FOUR_MINUTES_S = 240
ONE_THREAD = {k: "1" for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}
PEERS = ("madmom", "essentia", "librosa")


def own(path: Path, archive: Path | None) -> dict[str, Any]:
    """Our engines on one file, timed by part; with an archive, madmom's networks run by us."""
    engines = AnalysisEngines()
    if archive is not None:
        from sideman.core.analysis.backends.madmom import MadmomEngine

        engine = MadmomEngine(archive)
        return _madmom_here(engine, path)
    out: dict[str, Any] = {}
    with Recording.open(path) as recording:
        start = time.process_time()
        pulse = find_beats(recording, engines)
        out["cpu_beats"] = time.process_time() - start
        grid = pulse.grid.value if pulse.grid else None
        start = time.process_time()
        harmony = find_harmony_and_form(recording, grid, engines=engines)
        out["cpu_key"], out["cpu_chords"] = 0.0, time.process_time() - start
        start = time.process_time()
        find_loudness(recording)
        out["cpu_loudness"] = time.process_time() - start
    out["beats"], out["downbeats"] = (list(grid.times_s), grid.downbeats_s.tolist()) if grid else ([], [])
    out["key"] = str(harmony.key.value) if harmony.key else ""
    out["chords"] = [(c.start_s, c.end_s, str(c.chord)) for c in (harmony.chords.value if harmony.chords else ())]
    return out


def _madmom_here(engine: Any, path: Path) -> dict[str, Any]:
    out: dict[str, Any] = {}
    with Recording.open(path) as recording:
        reader = recording.mono(44100)
        for name, run in (("beats", engine.grid), ("key", engine.key), ("chords", engine.chords)):
            start = time.process_time()
            out[name] = run(reader)
            out[f"cpu_{name}"] = time.process_time() - start
    found = out["beats"]
    out["beats"], out["downbeats"] = (list(found[0].times_s), found[0].downbeats_s.tolist()) if found else ([], [])
    out["key"] = str(out["key"][0])
    out["chords"] = [(c.start_s, c.end_s, str(c.chord)) for c in out["chords"]]
    return out


def asked(engine: str, path: Path, peer_python: str, archive: Path | None) -> dict[str, Any]:
    if engine.startswith("sideman"):
        call = [sys.executable, "-m", "benchmarks.analysis", "--one", engine, str(path), *(["--madmom", str(archive)] if archive else [])]
    else:
        call = [peer_python, "-P", str(Path(__file__).with_name("analysis_peers.py")), engine, str(path)]
    done = subprocess.run(call, capture_output=True, text=True, env=os.environ | ONE_THREAD)
    line = next((x for x in done.stdout.splitlines() if x.startswith("RESULT")), None)
    if line is None:
        raise SystemExit(f"{engine} stopped on {path.name}: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(line.removeprefix("RESULT"))
    return found


@dataclass
class Row:
    """Scores of one engine, a value for each recording that has the annotation."""

    beat: list[float]
    downbeat: list[float]
    key: list[float]
    majmin: list[float]
    sevenths: list[float]

    def add(self, reference: Reference, found: dict[str, Any]) -> None:
        if reference.beats_s:
            self.beat.append(beat_f(reference.beats_s, found["beats"]))
            if found["downbeats"] is not None:
                self.downbeat.append(beat_f(reference.downbeats_s, found["downbeats"]))
        if reference.key and found["key"]:
            self.key.append(100 * float(mir_eval.key.weighted_score(str(reference.key), found["key"])))
        elif reference.key:
            self.key.append(0.0)
        if reference.chords and found["chords"]:
            scores = chord_scores(reference.chords, [ChordSpan(a, b, Chord.parse(c)) for a, b, c in found["chords"]])
            self.majmin.append(scores.majmin)
            self.sevenths.append(scores.sevenths)

    def cells(self) -> list[str]:
        return [_mean(v) for v in (self.beat, self.downbeat, self.key, self.majmin, self.sevenths)]


def _mean(values: list[float]) -> str:
    if not values:
        return "-"
    low, high = interval(values)
    return f"{np.mean(values):.1f} [{low:.0f}, {high:.0f}]"


def _wav(recording: Recording, path: Path, seconds: float | None = None) -> Path:
    """What all engines hear: mono, 44.1 kHz, 16 bits; repeated up to `seconds`."""
    x = read_all(recording.mono(44100))
    if seconds is not None:
        x = np.tile(x, int(np.ceil(seconds * 44100 / x.shape[1])))[:, : int(seconds * 44100)]
    write_audio(AudioClip(x, 44100), path)
    return path


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("peer", nargs="?")
    options.add_argument("folder", type=Path, nargs="?")
    options.add_argument("--madmom", type=Path)
    options.add_argument("--one", nargs=2)
    given = options.parse_args()
    if given.one:
        found = own(Path(given.one[1]), given.madmom if given.one[0] != "sideman" else None)
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print("RESULT" + json.dumps(found))
        return
    names = ["sideman", *(["sideman, madmom's networks"] if given.madmom else []), *PEERS]
    rows, costs = {n: Row([], [], [], [], []) for n in names}, {}
    with tempfile.TemporaryDirectory() as folder:
        references = [r for r in read_references(given.folder) if r.beats_s or r.key or r.chords]
        for reference in references:
            with Recording.open(reference.audio) as recording:
                path = _wav(recording, Path(folder) / "one.wav")
            for name in names:
                rows[name].add(reference, asked(name, path, given.peer, given.madmom))
        longest = max(references, key=lambda r: len(r.beats_s))
        with Recording.open(longest.audio) as recording:
            path = _wav(recording, Path(folder) / "four.wav", FOUR_MINUTES_S)
        for name in names:
            runs = [asked(name, path, given.peer, given.madmom) for _ in range(3)]
            costs[name] = {k: float(np.median([r.get(k, np.nan) for r in runs])) for k in ("cpu_beats", "cpu_key", "cpu_chords", "cpu_loudness", "peak_mb")}  # fmt: skip
    body = _tables(names, rows, costs)
    write_result("analysis", "Analysis beside madmom, Essentia and librosa", body)


def _tables(names: list[str], rows: dict[str, Row], costs: dict[str, dict[str, float]]) -> str:
    scores = markdown_table(["engine", "beat F", "downbeat F", "key MIREX", "majmin", "sevenths"], [[n, *rows[n].cells()] for n in names])
    reference = costs["madmom"]

    def ratio(name: str, part: str) -> str:
        mine = costs[name][part]
        return "-" if not np.isfinite(mine) or mine <= 0 else f"{mine:.2f} ({reference[part] / mine:.1f})"

    body = [
        [
            n,
            ratio(n, "cpu_beats"),
            ratio(n, "cpu_key"),
            ratio(n, "cpu_chords"),
            _seconds(costs[n]["cpu_loudness"]),
            f"{costs[n]['peak_mb']:.0f}",
        ]
        for n in names
    ]
    heads = ["engine", "beats and bars", "key", "chords (ours: with key, sections, tuning, groove)", "loudness, energy", "peak MB"]
    return f"Means over recordings with 95 % bootstrap intervals.\n\n{scores}\n\nFour minutes, one thread, CPU seconds (times faster than madmom):\n\n{markdown_table(heads, body)}"  # fmt: skip


def _seconds(x: float) -> str:
    return f"{x:.2f}" if np.isfinite(x) else "-"


if __name__ == "__main__":
    main()
