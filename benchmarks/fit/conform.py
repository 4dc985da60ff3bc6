"""Foreign clips brought onto annotated songs: the judge's score before and after, and the onsets against the annotated grid.

python -m benchmarks.fit.conform AUDIO_DIR STEMS_DIR FONT

Two kinds: bars of a part for the same chart as another band would record it (tempo +-6 to 13 %, another key, unknown lead), and stems of
other songs, at their own tempi and keys, as loops. Before: the clip as it is, from the song's beginning on, over and over.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.fit.stems import mono_22k
from benchmarks.results_file import markdown_table, write_result
from sideman.core import fit
from sideman.core.audio import AudioClip, Recording
from sideman.core.evaluation.references import read_references
from sideman.core.fit import ConformWish
from sideman.core.fit.listening import CHROMA_RATE_HZ, SAMPLE_RATE_HZ
from sideman.core.generation import SessionBand, SongContext
from sideman.core.generation.soundfont import Preset, Renderer
from sideman.core.music import MusicAnalysis, NoteEvent, StemRole
from sideman.core.pipelines.concurrency import Watch
from sideman.core.pipelines.fitting import fit_clip
from sideman.core.pipelines.songs import Song

SONGS = ("d02", "d08", "d10", "d12")
RATE, BARS = 44100, 8
KEYS = (2, -2, 5, 0)
STEMS = {"drums": StemRole.DRUMS, "bass": StemRole.BASS, "other": StemRole.PIANO}
PRESETS = {StemRole.DRUMS: Preset(128, 0), StemRole.BASS: Preset(0, 33), StemRole.PIANO: Preset(0, 0), StemRole.GUITAR: Preset(0, 27)}


@dataclass(frozen=True, eq=False)
class Clip:
    kind: str
    name: str
    role: StemRole
    audio: AudioClip


def same_chart(band: SessionBand, renderer: Renderer, analysis: MusicAnalysis, seed: int) -> Iterator[Clip]:
    """Eight bars of four parts, each at a constant tempo of its own and in another key, after a lead of up to a second."""
    rng = np.random.default_rng(seed)
    context, grid = SongContext.from_analysis(analysis), analysis.require_grid()
    first = grid.bars[min(4, len(grid.bars) - BARS - 1)]
    last = grid.bars[min(4 + BARS, len(grid.bars) - 1)]
    for role, preset in PRESETS.items():
        speed = 1 + float(rng.choice([-1, 1])) * float(rng.uniform(0.06, 0.13))
        beat_s, lead_s = 60 / grid.tempo_bpm / speed, float(rng.uniform(0.2, 1.0))
        turned = int(rng.choice(KEYS)) if role.pitched else 0
        notes = []
        for n in band.write(context, role, "rock", seed):
            a, b = (float(grid.beat_at(t)) - first.first_beat for t in (n.start_s, n.end_s))
            if -0.05 <= a < last.first_beat - first.first_beat - 0.05:
                notes.append(NoteEvent(lead_s + max(0.0, a * beat_s), lead_s + b * beat_s, n.pitch + turned, n.velocity))
        seconds = lead_s + (last.first_beat - first.first_beat) * beat_s
        samples = renderer.render(notes, preset, round(seconds * RATE))
        yield Clip("same chart", f"{role} x{speed:.2f} {turned:+d}", role, AudioClip(samples, RATE))


def other_songs(folder: Path, own: str) -> Iterator[Clip]:
    for song in sorted(p for p in folder.iterdir() if p.is_dir() and p.name[:3] != own):
        for name, role in STEMS.items():
            with Recording.open(song / f"{name}.flac") as recording:
                yield Clip(
                    "other songs",
                    f"{song.name[:3]} {name}",
                    role,
                    AudioClip(recording.audio.read(0, recording.frames).samples, recording.sample_rate_hz),
                )


def before(clip: Clip, song: fit.Heard, frames: int) -> tuple[float, fit.Heard]:
    """As it is, repeated from the beginning on: its score, and what is heard."""
    mono = mono_22k(clip.audio)
    heard = fit.listen(AudioClip(np.tile(mono, (1, -(-frames // mono.shape[1])))[:, :frames], SAMPLE_RATE_HZ), song.tuning_semitones)
    return fit.judge(song, heard, clip.role, probe=False).score, heard


def in_tune(heard: fit.Heard, analysis: MusicAnalysis) -> float:
    """Share of the chroma in the annotated chord or key: says what no comparison of two sounds chose. Overtones leak: 1 is not reached."""
    spans = analysis.key_spans.value if analysis.key_spans else ()
    inside = total = 0.0
    for k in range(heard.chroma.shape[1]):
        t = k / CHROMA_RATE_HZ
        chord = analysis.chord_at(t)
        if chord.root is None:
            continue
        key = next((s.key for s in spans if s.start_s <= t < s.end_s), analysis.key.value if analysis.key else None)
        column, allowed = heard.chroma[:, k] ** 2, {*chord.pitch_classes, *(key.scale if key else ())}
        inside += float(sum(column[c] for c in allowed))
        total += float(column.sum())
    return inside / total if total else float("nan")


def main(audio: Path, stems: Path, font: Path) -> None:
    own_songs: list[float] = []
    band, renderer, rows, watch = SessionBand.open(font), Renderer.open(font), [], Watch(lambda step, share: None)
    for reference in (r for r in read_references(audio) if r.name[:3] in SONGS):
        with Recording.open(reference.audio) as recording, tempfile.TemporaryDirectory():
            analysis = reference.analysis(recording.duration_s)
            mono = recording.mono(SAMPLE_RATE_HZ)
            heard = fit.listen(mono)
            own_songs.append(in_tune(heard, analysis))
            for clip in (*same_chart(band, renderer, analysis, 31), *other_songs(stems, reference.name[:3])):
                with Recording.from_clip(clip.audio, clip.name) as loop:
                    made = fit_clip(Song(recording, analysis), loop, clip.role, ConformWish(), watch)
                    after = fit.listen(AudioClip(mono_22k(made.audio), SAMPLE_RATE_HZ), heard.tuning_semitones)
                was, own = before(clip, heard, mono.frames)
                tuned = (in_tune(own, analysis), in_tune(after, analysis)) if clip.role.pitched else (float("nan"),) * 2
                rows.append((clip, was, made, made.report.figures, tuned))
                print(reference.name[:3], clip.kind, clip.name, f"{rows[-1][1]:.2f} -> {made.report.score:.2f}", flush=True)
    table = []
    for kind in ("same chart", "other songs"):
        for group in ("drums", "pitched"):
            own = [r for r in rows if r[0].kind == kind and r[0].role.pitched == (group == "pitched")]
            was, now = np.array([r[1] for r in own]), np.array([r[2].report.score for r in own])
            median, p90, tempo = (
                np.array([getattr(r[3], n) for r in own]) for n in ("onset_to_grid_ms", "onset_to_grid_p90_ms", "tempo_error_percent")
            )
            table.append([
                f"{kind}, {group}", str(len(own)), f"{was.mean():.2f}", f"{now.mean():.2f}", f"{(now >= 0.75).mean():.2f}",
                f"{np.median(median):.1f}", f"{np.median(p90):.1f}", f"{np.median(tempo):.3f}",
                "-" if group == "drums" else " -> ".join(f"{np.mean([r[4][k] for r in own]):.2f}" for k in (0, 1)),
            ])  # fmt: skip
    columns = [
        "clips",
        "n",
        "score before",
        "after",
        "share at .75",
        "onsets ms (median)",
        "90th percentile ms",
        "tempo error %",
        "chroma in chord or key",
    ]
    write_result(
        "conform",
        "Foreign clips brought onto annotated songs",
        markdown_table(columns, table) + f"\n\nThe songs themselves have {np.mean(own_songs):.2f} of their chroma in chord or key.",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
