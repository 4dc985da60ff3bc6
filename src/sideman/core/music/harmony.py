"""Keys and chords. Labels are Harte syntax (Harte et al., ISMIR 2005): `C:maj7/3`, `A:min`, `N`. Pitch class 0 is C."""

from __future__ import annotations

import re
from dataclasses import dataclass

NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
FLAT_MAJOR_TONICS = frozenset({5, 10, 3, 8, 1})
QUALITIES: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10),
    "sus4": (0, 5, 7), "sus2": (0, 2, 7), "dim": (0, 3, 6), "aug": (0, 4, 8), "hdim7": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9), "minmaj7": (0, 3, 7, 11), "maj6": (0, 4, 7, 9), "min6": (0, 3, 7, 9),
    "9": (0, 4, 7, 10, 14), "maj9": (0, 4, 7, 11, 14), "min9": (0, 3, 7, 10, 14), "11": (0, 4, 7, 10, 14, 17),
    "13": (0, 4, 7, 10, 14, 21), "5": (0, 7), "1": (0,),
}  # fmt: skip
THINNED = {"min11": "min9", "min13": "min9", "maj11": "maj9", "maj13": "maj9"}
"""Shorthands of other people's annotations that have more thirds than we tell apart."""
SYMBOLS = {
    "maj": "", "min": "m", "7": "7", "maj7": "maj7", "min7": "m7", "sus4": "sus4", "sus2": "sus2", "dim": "dim",
    "aug": "aug", "hdim7": "m7b5", "dim7": "dim7", "minmaj7": "mMaj7", "maj6": "6", "min6": "m6",
}  # fmt: skip
DEGREES = {
    "1": 0,
    "b2": 1,
    "2": 2,
    "b3": 3,
    "3": 4,
    "4": 5,
    "b5": 6,
    "#4": 6,
    "5": 7,
    "#5": 8,
    "b6": 8,
    "6": 9,
    "bb7": 9,
    "b7": 10,
    "7": 11,
    "9": 2,
    "11": 5,
    "13": 9,
}
DEGREE_NAMES = {0: "1", 1: "b2", 2: "2", 3: "b3", 4: "3", 5: "4", 6: "b5", 7: "5", 8: "#5", 9: "6", 10: "b7", 11: "7"}
MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)
_NOTE = re.compile(r"([A-G])([#b]*)")
_SYMBOL = re.compile(r"([A-G][#b]*)(.*)")
SYMBOL_QUALITIES = {symbol: quality for quality, symbol in SYMBOLS.items()} | {
    "M": "maj", "major": "maj", "min": "min", "-": "min", "mi": "min", "min7": "min7", "-7": "min7", "mi7": "min7", "M7": "maj7", "Δ": "maj7",
    "Δ7": "maj7", "ma7": "maj7", "sus": "sus4", "7sus4": "sus4", "o": "dim", "°": "dim", "o7": "dim7", "°7": "dim7", "+": "aug", "ø": "hdim7",
    "ø7": "hdim7", "min7b5": "hdim7", "mM7": "minmaj7", "maj6": "maj6", "min6": "min6", "9": "9", "maj9": "maj9", "m9": "min9", "min9": "min9",
    "add9": "maj", "add2": "maj", "madd9": "min", "11": "11", "13": "13", "5": "5", "maj": "maj", "ma": "maj", "mi9": "min9", "ma9": "maj9", "M9": "maj9",
    "m11": "min9", "m13": "min9", "maj13": "maj9", "69": "maj6", "m69": "min6", "9sus4": "sus4", "13sus4": "sus4", "7sus": "sus4", "m(maj7)": "minmaj7",
    "mmaj7": "minmaj7", "7b9": "7", "7#9": "7", "7#11": "7", "7b5": "7", "7b13": "7", "7alt": "7", "alt": "7",
}  # fmt: skip
"""How lead sheets write qualities; of tensions the chord below them."""


FLATTENED = (1, 3, 6, 8, 10)
"""Degrees above a root that are written with flats, in the bass, whatever the root is written with."""


def _of_degrees(label: str, text: str) -> str:
    """The quality of a chord that is written by its degrees alone, `(1,b3,5)`; of tensions the chord below them, and its fifth may be left out."""
    names = [d.strip() for d in text.rstrip(")").split(",")]
    if any(d not in DEGREES for d in names):
        raise ValueError(f"{label!r}: no chord of the degrees ({text}")
    asked = {DEGREES[d] for d in names} | {0}
    told = {q: {i % 12 for i in intervals} for q, intervals in QUALITIES.items()}
    best = max(told, key=lambda q: (len(told[q] & asked) - 2 * len(told[q] - asked - {7}), -len(told[q])))
    if len(asked) > 1 and best == "1":
        raise ValueError(f"{label!r}: no chord of the degrees ({text}")
    return best


def _plain(text: str) -> str:
    return text.strip().replace("♯", "#").replace("♭", "b")


def pitch_class(name: str) -> int:
    """`Bb` -> 10. Raises ValueError for what is no note name."""
    match = _NOTE.fullmatch(name)
    if not match:
        raise ValueError(f"{name!r} is not a note name")
    return (NATURAL[match[1]] + match[2].count("#") - match[2].count("b")) % 12


@dataclass(frozen=True, slots=True)
class Key:
    """tonic 0..11, mode `major` or `minor`."""

    tonic: int
    mode: str

    def __post_init__(self) -> None:
        if not 0 <= self.tonic < 12 or self.mode not in ("major", "minor"):
            raise ValueError(f"no key with tonic {self.tonic} and mode {self.mode}")

    @classmethod
    def parse(cls, text: str) -> Key:
        """`A minor`, `B♭ major`, `F#m`, JAMS's `A:minor`, Camelot's `8A`, and a bare `G` for major. Raises ValueError."""
        text = _plain(text)
        text = text[:1].upper() + text[1:]
        wheel = re.fullmatch(r"(1[0-2]|[1-9])([AaBb])", text)
        if wheel:
            major = (int(wheel[1]) - 8) * 7 % 12
            return cls(major, "major") if wheel[2] in "Bb" else cls((major + 9) % 12, "minor")
        short = re.fullmatch(r"([A-G][#b]*)m", text)
        if short:
            return cls(pitch_class(short[1]), "minor")
        name, _, mode = text.replace(":", " ").partition(" ")
        mode = mode.strip().lower() or "major"
        if mode not in ("maj", "major", "min", "minor"):
            raise ValueError(f"no key with mode {mode!r}")
        return cls(pitch_class(name), "minor" if mode.startswith("min") else "major")

    @property
    def minor(self) -> bool:
        return self.mode == "minor"

    @property
    def relative_major(self) -> int:
        return (self.tonic + 3) % 12 if self.minor else self.tonic

    @property
    def flat(self) -> bool:
        """True when this key is written with flats."""
        return self.relative_major in FLAT_MAJOR_TONICS

    @property
    def scale(self) -> tuple[int, ...]:
        """Pitch classes of the major or natural minor scale, from the tonic."""
        return tuple((self.tonic + s) % 12 for s in (MINOR_SCALE if self.minor else MAJOR_SCALE))

    @property
    def index(self) -> int:
        """0..11 the major keys from C, 12..23 the minor keys from C: for tables and filters."""
        return self.tonic + (12 if self.minor else 0)

    @classmethod
    def from_index(cls, index: int) -> Key:
        return cls(index % 12, "minor" if index >= 12 else "major")

    @property
    def camelot(self) -> str:
        """The name that DJ software uses: `8B` is C major, `8A` A minor, neighbours on the circle of fifths differ by 1."""
        return f"{(self.relative_major * 7 + 7) % 12 + 1}{'A' if self.minor else 'B'}"

    @property
    def compatible(self) -> tuple[Key, ...]:
        """Keys that mix with this one: the same, its relative, and its neighbours on the circle of fifths."""
        relative = Key((self.tonic + 3) % 12, "major") if self.minor else Key((self.tonic + 9) % 12, "minor")
        return (self, relative, Key((self.tonic + 7) % 12, self.mode), Key((self.tonic + 5) % 12, self.mode))

    def spell(self, pc: int) -> str:
        return (FLATS if self.flat else SHARPS)[pc % 12]

    def __str__(self) -> str:
        return f"{self.spell(self.tonic)} {self.mode}"


@dataclass(frozen=True, slots=True)
class Chord:
    """root None is `N`, no chord. bass is a pitch class, equal to the root in root position. `flat` only decides the spelling."""

    root: int | None
    quality: str = "maj"
    bass: int | None = None
    flat: bool = False

    @classmethod
    def parse(cls, label: str) -> Chord:
        """Harte syntax. Raises ValueError for a label it cannot read."""
        if label in ("N", "X"):
            return NO_CHORD
        head, _, bass_degree = label.partition("/")
        root_name, _, written = head.partition(":")
        shorthand, _, degrees = written.partition("(")
        quality = shorthand or (_of_degrees(label, degrees) if degrees else "maj")
        quality = THINNED.get(quality, quality)
        if quality not in QUALITIES:
            raise ValueError(f"{label!r}: no chord quality named {quality!r}")
        root = pitch_class(root_name)
        if bass_degree and bass_degree not in DEGREES:
            raise ValueError(f"{label!r}: no bass degree named {bass_degree!r}")
        bass = (root + DEGREES[bass_degree]) % 12 if bass_degree else root
        return cls(root, quality, bass, "b" in root_name)

    @classmethod
    def read(cls, text: str) -> Chord:
        """Harte syntax, or as on a lead sheet: `Am7`, `F#m7b5`, `B♭/D`, `C6/9`, `N.C.`. Raises ValueError."""
        written = _plain(text).replace("6/9", "69")
        if written.upper() in ("N", "N.C.", "NC", "X"):
            return NO_CHORD
        if ":" in written:
            return cls.parse(written)
        head, _, bass = written.partition("/")
        match = _SYMBOL.fullmatch(head)
        quality = SYMBOL_QUALITIES.get(match[2]) if match else None
        if match is None or quality is None:
            raise ValueError(f"{text!r} is no chord symbol")
        root = pitch_class(match[1])
        return cls(root, quality, pitch_class(bass) if bass else root, "b" in match[1])

    @property
    def intervals(self) -> tuple[int, ...]:
        """Semitones above the root; empty for N."""
        return QUALITIES[self.quality] if self.root is not None else ()

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        return tuple((self.root + i) % 12 for i in self.intervals) if self.root is not None else ()

    @property
    def bass_pitch_class(self) -> int | None:
        return self.root if self.bass is None else self.bass

    def _names(self) -> tuple[str, ...]:
        return FLATS if self.flat else SHARPS

    def __str__(self) -> str:
        if self.root is None:
            return "N"
        text = f"{self._names()[self.root]}:{self.quality}"
        if self.bass is None or self.bass == self.root:
            return text
        return f"{text}/{DEGREE_NAMES[(self.bass - self.root) % 12]}"

    @property
    def symbol(self) -> str:
        """As on a lead sheet: `Bbmaj7/D`, `Am7`."""
        if self.root is None:
            return "N.C."
        text = self._names()[self.root] + SYMBOLS.get(self.quality, self.quality)
        if self.bass is None or self.bass == self.root:
            return text
        flat = self.flat or (self.bass - self.root) % 12 in FLATTENED
        return f"{text}/{(FLATS if flat else SHARPS)[self.bass]}"

    def transposed(self, semitones: int) -> Chord:
        if self.root is None:
            return self
        bass = None if self.bass is None else (self.bass + semitones) % 12
        return Chord((self.root + semitones) % 12, self.quality, bass, self.flat)


NO_CHORD = Chord(None)


@dataclass(frozen=True, slots=True)
class ChordSpan:
    start_s: float
    end_s: float
    chord: Chord
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class KeySpan:
    start_s: float
    end_s: float
    key: Key
    confidence: float = 1.0
