"""Contrasts of right and wrong stems on songs that the band itself plays: more charts, tempi, meters and styles than annotated songs there are.

python -m benchmarks.fit.band_songs FONT OTHER_FONT FIRST LAST OUT.pkl

Song and stem come from two SoundFonts; the stem is another performance, in a third of the cases in another style. Errors are made in what is
heard. Only learned from, never reported.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.fit.held_out import errors
from benchmarks.fit.make_set import ContrastSet, Row, row
from benchmarks.fit.stems import EXCERPT_S, mono_22k
from sideman.core.audio import AudioClip
from sideman.core.fit.faults import late
from sideman.core.fit.listening import SAMPLE_RATE_HZ, Heard, listen
from sideman.core.generation import GenerationRequest, SessionBand, SongContext, Style, styles
from sideman.core.music import Annotation, BeatGrid, Chord, ChordSpan, Key, Meter, MusicAnalysis, Provenance, Section, StemRole

RATE_HZ, SEED = 44100, 77
OTHERS = (
    StemRole.PIANO, StemRole.KEYS, StemRole.GUITAR, StemRole.ACOUSTIC, StemRole.PAD, StemRole.STRINGS, StemRole.LEAD, StemRole.VOCALS,
    StemRole.BRASS, StemRole.PERCUSSION,
)  # fmt: skip
JUDGED = (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO, StemRole.GUITAR, StemRole.PAD, StemRole.LEAD, StemRole.PERCUSSION)
STRAIGHT = (
    "rock", "pop", "funk", "soul", "house", "ballad", "reggae", "country", "hiphop", "techno", "latin", "bossa", "metal", "dnb", "folk",
)  # fmt: skip
SWUNG = ("jazz", "blues")
METERS = {
    "folk": (Meter(3), Meter(2, True), Meter(4)), "country": (Meter(3), Meter(4), Meter(4)), "ballad": (Meter(2, True), Meter(4), Meter(4)),
    "rock": (Meter(4), Meter(4), Meter(2, True)), "jazz": (Meter(4), Meter(4), Meter(3)),
}  # fmt: skip
MAJOR, SEVENTHS = ("maj", "min", "min", "maj", "maj", "min", "min"), ("maj7", "min7", "min7", "maj7", "7", "min7", "hdim7")
MINOR = ("min", "dim", "maj", "min", "min", "maj", "maj")
DEGREES, DEGREES_OF_MINOR = (0, 1, 2, 3, 4, 5), (0, 2, 3, 4, 5, 6)
SECTION_BARS = 8


@dataclass(frozen=True)
class Loop:
    """What a section repeats."""

    degrees: tuple[int, ...]
    halves: bool
    energy: float


def _grid(rng: np.random.Generator, style: Style) -> BeatGrid:
    """A meter and tempo of the style, steady, unsteady or swelling, after up to two seconds."""
    meters = METERS.get(style.name, (Meter(4),))
    meter = meters[int(rng.integers(len(meters)))]
    tempo = float(rng.uniform(45, 85)) if meter.compound else float(rng.uniform(*style.tempo_bpm))
    count = (int(EXCERPT_S / (60 / tempo * meter.beats_per_bar)) + 2) * meter.beats_per_bar + 1
    swell = 1 + float(rng.choice([0, 0.004, 0.012])) * np.sin(rng.uniform(0, 6) + np.arange(count - 1) * 2 * np.pi / 64)
    unrest = float(rng.choice([0, 0.003]))
    steps = 60 / tempo * swell * np.exp(rng.normal(0, unrest, count - 1))
    times = float(rng.uniform(0.05, 2.0)) + np.concatenate([[0], np.cumsum(steps)])
    return BeatGrid.from_times(times, np.arange(count) % meter.beats_per_bar + 1, meter)


def _loop(rng: np.random.Generator, pool: tuple[int, ...], even_bar: bool) -> Loop:
    length = int(rng.choice([2, 4, 4, 4, 8]))
    degrees = [int(rng.choice([0, 0, *pool]))]
    while len(degrees) < length:
        degree = int(rng.choice(pool))
        if degree != degrees[-1]:
            degrees.append(degree)
    return Loop(tuple(degrees), bool(rng.random() < 0.25) and even_bar, float(rng.choice([0.3, 0.6, 0.8, 1.0])))


def written(rng: np.random.Generator, style: Style) -> MusicAnalysis:
    """A chart that nobody wrote: sections of eight bars over three loops of chords."""
    grid = _grid(rng, style)
    per_bar = grid.meter.beats_per_bar
    bars = (len(grid) - 1) // per_bar
    minor = bool(rng.random() < 0.4)
    key = Key(int(rng.integers(12)), "minor" if minor else "major")
    kinds = MINOR if minor else SEVENTHS if style.name in ("jazz", "bossa", "soul") or rng.random() < 0.2 else MAJOR
    loops: dict[str, Loop] = {}
    chords, sections = [], []
    for bar in range(0, bars, SECTION_BARS):
        label = str(rng.choice(["A", "B", "C"]))
        if label not in loops:
            loops[label] = _loop(rng, DEGREES_OF_MINOR if minor else DEGREES, per_bar % 2 == 0)
        loop, length = loops[label], min(SECTION_BARS, bars - bar)
        for k in range(length):
            parts = 2 if loop.halves and k % 2 else 1
            for h in range(parts):
                degree = loop.degrees[(k + h) % len(loop.degrees)]
                a, b = (float(grid.seconds_at((bar + k) * per_bar + (h + i) * per_bar / parts)) for i in (0, 1))
                chords.append(ChordSpan(a, b, Chord(key.scale[degree], kinds[degree], None, key.flat)))
        a, b = (float(grid.seconds_at((bar + i * length) * per_bar)) for i in (0, 1))
        sections.append(Section(a, b, label, loop.energy))
    source = Provenance("composed")
    return MusicAnalysis(
        EXCERPT_S, grid=Annotation(grid, 1.0, source), key=Annotation(key, 1.0, source),
        chords=Annotation(tuple(c for c in chords if c.start_s < EXCERPT_S), 1.0, source),
        sections=Annotation(tuple(s for s in sections if s.start_s < EXCERPT_S), 1.0, source), tuning_hz=Annotation(440.0, 1.0, source),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Player:
    """A band with a font, on one chart."""

    band: SessionBand
    context: SongContext
    folder: Path

    def play(self, role: StemRole, style: str, seed: int) -> np.ndarray:
        """Mono at 22,050 Hz, [1, n]."""
        stem = self.band.generate(self.context, GenerationRequest(role, style, seed, round(EXCERPT_S * RATE_HZ), RATE_HZ), self.folder)
        mono = mono_22k(stem.audio)
        stem.audio.remove()
        return mono


class Mix:
    """The song: two to five parts at levels that vary, from clean to driven; listened to whole, or without one part."""

    def __init__(self, rng: np.random.Generator, player: Player, style: str, seed: int) -> None:
        there = [role for role in (StemRole.DRUMS, StemRole.BASS) if rng.random() < 0.85]
        count = int(rng.integers(1, 4))
        there += [OTHERS[k] for k in rng.choice(len(OTHERS), count, replace=False)]
        ordered = sorted(there, key=lambda role: role.value)
        self.parts = {role: player.play(role, style, seed) * np.float32(10 ** (rng.uniform(-5, 5) / 20)) for role in ordered}
        self._drive = float(rng.choice([0.5, 1.5, 3.0]))
        self._heard: dict[StemRole | None, Heard] = {}

    def without(self, role: StemRole | None) -> Heard:
        if role not in self._heard:
            total = np.sum([x for r, x in self.parts.items() if r is not role], axis=0)
            level = float(np.sqrt((total**2).mean())) + 1e-6
            driven = np.tanh(total * np.float32(0.12 * self._drive / level)) / np.float32(self._drive)
            self._heard[role] = listen(AudioClip(driven.astype(np.float32), SAMPLE_RATE_HZ))
        return self._heard[role]


def rows(n: int, mixing: SessionBand, playing: SessionBand, folder: Path) -> Iterator[Row]:
    rng = np.random.default_rng([SEED, n])
    if rng.random() >= 0.6:
        mixing, playing = playing, mixing
    names = (*STRAIGHT, *SWUNG)
    style = styles()[names[n % len(names)]]
    analysis = written(rng, style)
    context = SongContext.from_analysis(analysis)
    mix, player = Mix(rng, Player(mixing, context, folder), style.name, 1000 + n), Player(playing, context, folder)
    beat_s, per_bar = 60 / analysis.require_grid().tempo_bpm, analysis.require_grid().meter.beats_per_bar
    for role in JUDGED:
        left_out = role in mix.parts and len(mix.parts) > 2 and rng.random() < 0.6
        song = mix.without(role if left_out else None)
        chosen = style.name if rng.random() < 0.65 else str(rng.choice(SWUNG if style.name in SWUNG else STRAIGHT))
        heard = listen(AudioClip(player.play(role, chosen, 5000 + n), SAMPLE_RATE_HZ), song.tuning_semitones)
        if heard.silent:
            continue
        made = errors(heard, beat_s, role.pitched) | {"bar": lambda heard=heard: late(heard, per_bar * beat_s)}
        for fault, make in made.items():
            judged = row(f"band{n}", chosen, role, fault, make(), song)
            yield judged if fault == "right" else replace(judged, heard=None)


def main(font: Path, other: Path, numbers: range, out: Path) -> None:
    made: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        mixing, playing = SessionBand.open(font), SessionBand.open(other)
        for n in numbers:
            made += rows(n, mixing, playing, Path(folder))
            print(n, len(made), flush=True)
            out.write_bytes(pickle.dumps(ContrastSet({}, made)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), range(int(sys.argv[3]), int(sys.argv[4])), Path(sys.argv[5]))
