"""Styles: which sounds play, how straight or swung, how tight. What a part plays in a style stands in its own module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sideman.core.generation.soundfont import Preset
from sideman.core.music import StemRole
from sideman.errors import UsageError


@dataclass(frozen=True)
class Sound:
    """Preset of a part; layer: a second preset and its level in dB; double: two takes panned this far apart."""

    preset: Preset
    layer: Preset | None = None
    layer_db: float = 0.0
    double: float = 0.0


@dataclass(frozen=True)
class Style:
    """timing scales the players' looseness (1 = a rock band)."""

    name: str
    swung: bool
    timing: float
    sounds: Mapping[StemRole, Sound]

    def swing(self, tempo: float) -> float:
        """Share of the beat before the off-beat: .5 straight; swing narrows as the tempo rises (Friberg & Sundström 2002)."""
        return min(0.70, max(0.56, 0.70 - (tempo - 100) * 0.0008)) if self.swung else 0.5


def _melodic(program: int) -> Preset:
    return Preset(0, program)


STYLES: dict[str, Style] = {
    "rock": Style(
        "rock",
        False,
        1.0,
        {
            StemRole.DRUMS: Sound(Preset(128, 0)),
            StemRole.BASS: Sound(_melodic(33), _melodic(34), -4.0),
            StemRole.PIANO: Sound(_melodic(0)),
            StemRole.GUITAR: Sound(_melodic(27), double=0.8),
            StemRole.PAD: Sound(_melodic(89)),
        },
    ),
    "jazz": Style(
        "jazz",
        True,
        1.35,
        {
            StemRole.DRUMS: Sound(Preset(128, 32)),
            StemRole.BASS: Sound(_melodic(32)),
            StemRole.PIANO: Sound(_melodic(0)),
            StemRole.GUITAR: Sound(_melodic(26)),
            StemRole.PAD: Sound(_melodic(48), double=0.45),
        },
    ),
    "electronic": Style(
        "electronic",
        False,
        0.15,
        {
            StemRole.DRUMS: Sound(Preset(128, 25)),
            StemRole.BASS: Sound(_melodic(38)),
            StemRole.PIANO: Sound(_melodic(4)),
            StemRole.GUITAR: Sound(_melodic(28), double=0.6),
            StemRole.PAD: Sound(_melodic(90)),
        },
    ),
}


def style_named(name: str) -> Style:
    """Raises UsageError that lists the styles."""
    if name not in STYLES:
        raise UsageError(f"no style named {name!r}: there are {', '.join(STYLES)}")
    return STYLES[name]
