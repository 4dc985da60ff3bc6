"""Random chord progressions: diatonic triads, sevenths, a mixture, and wholly random; 17 % inversions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sideman.core.analysis.chords.emission import CLASSES
from sideman.core.music.harmony import MAJOR_SCALE, MINOR_SCALE, QUALITIES

MINOR_TRIADS = ("min", "dim", "maj", "min", "min", "maj", "maj")
MAJOR_TRIADS = ("maj", "min", "min", "maj", "maj", "min", "dim")
MINOR_SEVENTHS = ("min7", "hdim7", "maj7", "min7", "min7", "maj7", "7")
MAJOR_SEVENTHS = ("maj7", "min7", "min7", "maj7", "7", "min7", "hdim7")
RANDOM_SHARE = (0.2, 0.18, 0.13, 0.1, 0.13, 0.06, 0.04, 0.04, 0.04, 0.05, 0.03)


@dataclass(frozen=True)
class Event:
    """A chord that starts at a beat; bass is a pitch class."""

    beat: float
    beats: float
    root: int
    quality: str
    bass: int

    @property
    def pitch_classes(self) -> list[int]:
        return [(self.root + i) % 12 for i in QUALITIES[self.quality]]


@dataclass(frozen=True)
class Progression:
    """key 0..23, or -1 where the chords are random."""

    key: int
    scale: tuple[int, ...]
    events: tuple[Event, ...]

    def at(self, beat: float) -> Event:
        return next(e for e in self.events if e.beat <= beat < e.beat + e.beats + 1e-6)


class _Chooser:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.key = int(rng.integers(24))
        self.tonic, self.minor = self.key % 12, self.key >= 12
        self.style = str(rng.choice(["triads", "sevenths", "mixed", "random"], p=[0.28, 0.24, 0.2, 0.28]))
        self.scale = MINOR_SCALE if self.minor else MAJOR_SCALE
        weights = np.array([5, 0.7, 1.2, 2.5, 2.5, 2.5, 1.5] if self.minor else [5, 1.7, 1, 3.2, 3.2, 2.6, 0.3])
        self.weights = weights / weights.sum()
        self.loop = [int(x) for x in rng.choice(7, 4, p=self.weights)] if rng.random() < 0.4 else None
        self.count = 0

    def chord(self) -> tuple[int, str]:
        rng = self.rng
        if self.style == "random":
            return int(rng.integers(12)), str(rng.choice(CLASSES, p=RANDOM_SHARE))
        degree = self.loop[self.count % 4] if self.loop else int(rng.choice(7, p=self.weights))
        sevenths = self.style == "sevenths" or (self.style == "mixed" and rng.random() < 0.35)
        table = (MINOR_SEVENTHS if self.minor else MAJOR_SEVENTHS) if sevenths else (MINOR_TRIADS if self.minor else MAJOR_TRIADS)
        root, quality = (self.tonic + self.scale[degree]) % 12, table[degree]
        if self.minor and degree == 4 and rng.random() < 0.65:
            quality = "7" if quality == "min7" or rng.random() < 0.3 else "maj"
        if rng.random() < 0.07:
            quality = "sus4" if degree == 4 or rng.random() < 0.6 else "sus2"
        if rng.random() < 0.06:
            return (self.tonic + self.scale[int(rng.choice([1, 2, 5]))]) % 12, "7"
        if rng.random() < 0.05:
            return (self.tonic + int(rng.choice([3, 8, 10, 5]))) % 12, "min" if rng.random() < 0.3 else "maj"
        if rng.random() < 0.03:
            return (self.tonic + int(rng.choice([1, 6, 11, 4]))) % 12, str(rng.choice(["dim7", "dim", "aug"]))
        return root, quality


def progression(rng: np.random.Generator, bars: int, meter: int) -> Progression:
    chooser, events = _Chooser(rng), []
    units = [meter, meter, meter, max(1, meter // 2), 2 * meter, 1 if rng.random() < 0.3 else meter]
    base, last, beat = int(rng.choice(units)), None, 0
    while beat < bars * meter:
        length = min(base if rng.random() < 0.75 else int(rng.choice(units)), bars * meter - beat)
        chord = chooser.chord()
        for _ in range(5):
            if chord != last:
                break
            chord = chooser.chord()
        last = chord
        chooser.count += 1
        root, quality = chord
        bass = (root + int(rng.choice(QUALITIES[quality][1:]))) % 12 if rng.random() < 0.17 else root
        events.append(Event(beat, length, root, quality, bass))
        beat += length
    scale = tuple((chooser.tonic + i) % 12 for i in chooser.scale)
    return Progression(-1 if chooser.style == "random" else chooser.key, scale, tuple(events))
