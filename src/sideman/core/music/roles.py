"""StemRole: the only list of stems. A new stem is one line here."""

from __future__ import annotations

from enum import Enum

from sideman.errors import UsageError


class StemRole(Enum):
    """What a stem plays. `StemRole.parse` reads names and aliases."""

    DRUMS = "drums"
    BASS = "bass"
    VOCALS = "vocals"
    OTHER = "other"
    PIANO = "piano"
    KEYS = "keys"
    GUITAR = "guitar"
    ACOUSTIC = "acoustic"
    PAD = "pad"
    STRINGS = "strings"
    BRASS = "brass"
    LEAD = "lead"
    PERCUSSION = "percussion"
    BACKING = "backing"
    KICK = "kick"
    SNARE = "snare"
    TOMS = "toms"
    HATS = "hats"
    CYMBALS = "cymbals"
    RESIDUAL = "residual"

    @property
    def pitched(self) -> bool:
        return self not in UNPITCHED

    def __str__(self) -> str:
        return self.value

    @classmethod
    def parse(cls, text: str) -> StemRole:
        """A role by name or alias, any case. Raises UsageError that lists the names."""
        name = text.strip().lower()
        name = ALIASES.get(name, name)
        for role in cls:
            if role.value == name:
                return role
        raise UsageError(f"no stem named {text!r}: there are {', '.join(r.value for r in cls)}")


UNPITCHED = frozenset((StemRole.DRUMS, StemRole.PERCUSSION, StemRole.KICK, StemRole.SNARE, StemRole.TOMS, StemRole.HATS, StemRole.CYMBALS))
LEVEL_LU = {
    StemRole.DRUMS: -5.5, StemRole.BASS: -8.5, StemRole.VOCALS: -9.5, StemRole.OTHER: -12.0, StemRole.PIANO: -11.0, StemRole.KEYS: -12.0,
    StemRole.GUITAR: -10.5, StemRole.ACOUSTIC: -12.0, StemRole.PAD: -15.0, StemRole.STRINGS: -14.0, StemRole.BRASS: -11.5, StemRole.LEAD: -9.0,
    StemRole.PERCUSSION: -13.0,
}  # fmt: skip
"""Loudness of a part against the song that it is in, LU: about what stems of records show."""
USUAL_LEVEL_LU = -11.0
ALIASES = {
    "vox": "vocals", "gtr": "guitar", "drum": "drums", "perc": "percussion", "beat": "drums", "bassline": "bass", "vocal": "vocals", "voice": "vocals",
    "hat": "hats", "hihat": "hats", "hi-hat": "hats", "tom": "toms", "cymbal": "cymbals", "overheads": "cymbals", "backing vocals": "backing",
    "keyboard": "keys", "keyboards": "keys", "electric piano": "keys", "rhodes": "keys", "organ": "keys", "electric guitar": "guitar",
    "acoustic guitar": "acoustic", "horns": "brass", "brass section": "brass", "synth": "pad", "rest": "other", "accompaniment": "other", "melody": "lead",
}  # fmt: skip


def parse_roles(text: str) -> tuple[StemRole, ...]:
    """`drums,bass` -> roles in that order, without repeats."""
    return tuple(dict.fromkeys(StemRole.parse(part) for part in text.split(",") if part.strip()))
