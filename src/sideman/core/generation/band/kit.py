"""The pieces of drum kit and percussion, by the names that style files use, as General MIDI keys."""

from __future__ import annotations

KICK, SIDE_STICK, SNARE, CLAP, HAT, PEDAL, OPEN_HAT = 36, 37, 38, 39, 42, 44, 46
RIDE, RIDE_BELL, CRASH, HIGH_TOM, MID_TOM, LOW_TOM = 51, 53, 49, 48, 45, 43
VOICES = {
    "kick": KICK, "rim": SIDE_STICK, "snare": SNARE, "clap": CLAP, "hat": HAT, "pedal": PEDAL, "open": OPEN_HAT, "ride": RIDE,
    "bell": RIDE_BELL, "crash": CRASH, "tom1": HIGH_TOM, "tom2": MID_TOM, "tom3": LOW_TOM, "tambourine": 54, "cowbell": 56,
    "bongo_high": 60, "bongo_low": 61, "conga_slap": 62, "conga": 63, "conga_low": 64, "timbale": 65, "agogo": 67, "agogo_low": 68,
    "cabasa": 69, "shaker": 70, "guiro": 73, "claves": 75, "block": 76, "triangle": 81,
}  # fmt: skip
FILL_VOICES = {"k": KICK, "s": SNARE, "h": HIGH_TOM, "m": MID_TOM, "l": LOW_TOM, "c": CLAP, "o": OPEN_HAT, "r": SIDE_STICK, "t": 65}
