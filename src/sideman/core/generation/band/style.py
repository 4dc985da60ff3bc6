"""Styles: read from the files in `styles/`, so that a musician can add one. docs/how-to/add-a-style.md explains every word of them."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sideman.core.generation.band.kit import FILL_VOICES, VOICES
from sideman.core.generation.band.tab import Tab
from sideman.core.generation.soundfont import Preset
from sideman.core.music import StemRole
from sideman.errors import UsageError

FOLDER = Path(__file__).parent / "styles"
COMMON = "common"
SWINGS = ("straight", "eighths", "sixteenths")
DRUM_BANK = 128
VIBRATO = (5.3, 16.0, 0.28)
LONGEST_RELEASE_S = 8.0
DRUM_SYMBOLS, BASS_SYMBOLS, MELODY_SYMBOLS = "xXog?", "12345678axn", "x"
CHORD_SYMBOLS, FILL_SYMBOLS = "xXodumnpPqsOtb123456", "".join(FILL_VOICES)
VOICINGS = ("close", "rootless", "open strings", "frets")
"""What a tab may hold beside silence and holds; docs/how-to/add-a-style.md says what each means."""


@dataclass(frozen=True)
class Sound:
    """Preset of a part; layer: a second preset and its level in dB; double: two takes panned this far apart."""

    preset: Preset
    layer: Preset | None = None
    layer_db: float = 0.0
    double: float = 0.0


@dataclass(frozen=True)
class Figure:
    """What a part plays for a bar or more: a tab per voice. energy: the levels it is for; meter `6/8`, or empty for any."""

    energy: tuple[int, int]
    meter: str
    tabs: Mapping[str, Tab]

    def for_energy(self, energy: int) -> int:
        """How far an energy is from what the figure is for; 0 is inside."""
        low, high = self.energy
        return max(low - energy, energy - high, 0)


@dataclass(frozen=True)
class PartStyle:
    """One part in one style. register: lowest, highest and central MIDI number. length: share of a written length that sounds."""

    sound: Sound
    figures: tuple[Figure, ...]
    register: tuple[int, int, int] = (48, 72, 60)
    voicing: str = "close"
    length: float = 0.92
    notes: int = 4
    walking: bool = False
    ghosts: float = 0.0
    flams: float = 0.0
    answers: float = 0.0
    variation: float = 0.5
    crash: bool = True
    fills: tuple[Tab, ...] = ()
    short_fills: tuple[Tab, ...] = ()


@dataclass(frozen=True)
class StripChange:
    """What a style changes on the channel strip of a part; None leaves it."""

    drive_db: float | None = None
    punch_db: float | None = None
    sustain_db: float | None = None
    room_send_db: float | None = None
    level_lu: float | None = None
    width: float | None = None
    compressor: tuple[float, float, float, float] | None = None
    parallel: bool = True


@dataclass(frozen=True)
class Style:
    """looseness scales the players' unrest (1 = a rock band). swing: which off-beats wait, and how long, by tempo where 0.

    reserve: by how much it must suit a song better than others before it is chosen unasked.
    """

    name: str
    title: str
    traits: tuple[str, ...]
    aliases: tuple[str, ...]
    tempo_bpm: tuple[float, float]
    swing_unit: str
    swing_ratio: float
    looseness: float
    parts: Mapping[StemRole, PartStyle]
    strips: Mapping[StemRole, StripChange] = field(default_factory=dict)
    reserve: float = 0.0

    @property
    def swung(self) -> bool:
        return self.swing_unit == "eighths"

    def swing(self, tempo: float) -> float:
        """Share of the beat (or of its half) before the off-beat: .5 straight; narrower as the tempo rises (Friberg & Sundström 2002)."""
        if self.swing_unit == "straight":
            return 0.5
        return self.swing_ratio or min(0.70, max(0.56, 0.70 - (tempo - 100) * 0.0008))

    @property
    def swing_pulses(self) -> float:
        """What is divided unevenly: a beat, or half of it."""
        return 0.5 if self.swing_unit == "sixteenths" else 1.0


def swung(pulses: ArrayLike, unit: float, ratio: float) -> NDArray[np.float64]:
    """Off-beats at their swung places; triplets that are written as such stay."""
    at = np.asarray(pulses, float)
    whole = np.floor(at / unit + 1e-9) * unit
    share = (at - whole) / unit
    moved = whole + unit * np.where(share <= 0.5, share / 0.5 * ratio, ratio + (share - 0.5) / 0.5 * (1 - ratio))
    triplet = (unit == 1.0) & (np.minimum(np.abs(share - 1 / 3), np.abs(share - 2 / 3)) < 0.02)
    return np.where(triplet | (ratio == 0.5), at, moved)


def _sound(raw: Mapping[str, Any], role: StemRole) -> Sound:
    bank = 0 if role.pitched else DRUM_BANK
    preset = Preset(bank, raw["program"], VIBRATO if raw.get("vibrato") else None, float(raw.get("release_s", LONGEST_RELEASE_S)))
    layer = replace(preset, program=raw["layer"]) if "layer" in raw else None
    return Sound(preset, layer, float(raw.get("layer_db", 0)), float(raw.get("double", 0)))


LINES = (StemRole.BASS, StemRole.LEAD, StemRole.VOCALS)


def _symbols(role: StemRole) -> str:
    if not role.pitched:
        return DRUM_SYMBOLS
    if role in (StemRole.LEAD, StemRole.VOCALS):
        return MELODY_SYMBOLS
    return BASS_SYMBOLS if role is StemRole.BASS else CHORD_SYMBOLS


def _tab(text: str, allowed: str) -> Tab:
    if re.search(r"\.[ |]*-", text):
        raise ValueError(f"the tab {text!r} holds on a silence: a - follows what it lets sound")
    wrong = set(text) - set(allowed) - set(" |.-")
    if wrong:
        raise ValueError(f"the tab {text!r} holds {', '.join(sorted(wrong))}: it may hold {' '.join(allowed)}")
    return Tab.parse(text)


def _figure(raw: Mapping[str, Any], role: StemRole) -> Figure:
    low, high = raw.get("energy", (0, 3))
    voices = set(raw) - {"energy", "meter"}
    known: Iterable[str] = VOICES if not role.pitched else ("line",) if role in LINES else ("hands", "bass")
    if not voices or voices - set(known) or (role in LINES and "line" not in voices):
        raise ValueError(f"a figure of {role} has {', '.join(sorted(voices)) or 'no tab'}: it may have {', '.join(known)}")
    tabs = {k: _tab(v, _symbols(role)) for k, v in raw.items() if k not in ("energy", "meter")}
    return Figure((low, high), raw.get("meter", ""), tabs)


def _part(raw: Mapping[str, Any], role: StemRole) -> PartStyle:
    plain = {k: v for k, v in raw.items() if k not in ("sound", "figures", "fills", "short_fills", "register")}
    if plain.get("voicing", "close") not in VOICINGS:
        raise ValueError(f"voicing is one of {', '.join(VOICINGS)}, not {plain['voicing']!r}")
    register = raw.get("register", (48, 72, 60))
    if len(register) != 3 or not register[0] <= register[2] <= register[1]:
        raise ValueError(f"the register {register} of {role} is none: give its lowest, highest and central note")
    return PartStyle(
        _sound(raw["sound"], role), tuple(_figure(f, role) for f in raw.get("figures", ())), tuple(register),
        fills=tuple(_tab(f, FILL_SYMBOLS) for f in raw.get("fills", ())),
        short_fills=tuple(_tab(f, FILL_SYMBOLS) for f in raw.get("short_fills", ())), **plain,
    )  # fmt: skip


def _strip(raw: Mapping[str, Any]) -> StripChange:
    values = dict(raw)
    if "compressor" in values:
        values["compressor"] = tuple(values["compressor"])
    return StripChange(**values)


def read_style(path: Path, shared: Mapping[str, Any]) -> Style:
    """A style file over the parts that all styles share. Raises ValueError that names the file and what is wrong in it."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        parts = {}
        for name in dict.fromkeys((*shared, *raw.get("parts", {}))):
            own, common = raw.get("parts", {}).get(name, {}), shared.get(name, {})
            role = StemRole.parse(name)
            parts[role] = _part({**common, **own}, role)
        parts.setdefault(StemRole.OTHER, parts[StemRole.KEYS])
        feel = raw.get("feel", {})
        unit = feel.get("swing", "straight")
        if unit not in SWINGS:
            raise ValueError(f"swing is one of {', '.join(SWINGS)}, not {unit!r}")
        if len(raw["traits"]) != 3:
            raise ValueError("a style names its three defining traits")
        return Style(
            path.stem, raw["title"], tuple(raw["traits"]), tuple(raw.get("aliases", ())), tuple(raw["tempo_bpm"]), unit,
            float(feel.get("ratio", 0)), float(feel.get("looseness", 1.0)), parts, {StemRole.parse(k): _strip(v) for k, v in raw.get("strips", {}).items()},
            float(raw.get("reserve", 0)),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise ValueError(f"the style file {path.name} cannot be read: {error}") from error


@cache
def styles() -> Mapping[str, Style]:
    """Every style by name, in the order of their names."""
    shared = tomllib.loads((FOLDER / f"{COMMON}.toml").read_text("utf-8"))["parts"]
    return {p.stem: read_style(p, shared) for p in sorted(FOLDER.glob("*.toml")) if p.stem != COMMON}


@cache
def _names() -> Mapping[str, str]:
    return {_plain(alias): s.name for s in styles().values() for alias in (s.name, s.title, *s.aliases)}


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def style_named(name: str) -> Style:
    """A style by name, title or alias, any case. Raises UsageError that suggests the nearest."""
    known = _names()
    found = known.get(_plain(name))
    if found is None:
        near = difflib.get_close_matches(_plain(name), known, 1, 0.5)
        hint = f", did you mean {known[near[0]]}?" if near else ":"
        raise UsageError(f"no style named {name!r}{hint} there are {', '.join(styles())}")
    return styles()[found]
