"""Words for networks that know only words: role, style, section, tempo, key and energy, and what a person adds."""

from __future__ import annotations

from dataclasses import dataclass

from sideman.core.generation.band.session import PART_NAMES
from sideman.core.generation.band.style import style_named
from sideman.core.music import Key, StemRole

ENERGY_WORDS = ("very sparse and quiet", "sparse and calm", "steady", "driving, full energy")
OTHERS = {
    StemRole.DRUMS: "melody, chords, bass, vocals", StemRole.PERCUSSION: "melody, chords, bass, vocals", StemRole.BASS: "drums, chords, vocals",
    StemRole.VOCALS: "drums, bass, guitar, piano", StemRole.OTHER: "drums, vocals",
}  # fmt: skip
SAID = {StemRole.OTHER: "accompaniment, guitar, keyboard and strings"}
"""Where a network is asked for more than the band's part."""
DEFAULT_OTHERS = "drums, bass, vocals"
POOR = "speech, noise, distortion, low quality"


@dataclass(frozen=True, slots=True)
class PassageFacts:
    """What a passage of the song is like. key None: none was found. energy 0 to 3. section: what it seems to be, empty for no guess."""

    tempo_bpm: float | None
    key: Key | None
    beats_per_bar: int | None
    energy: int
    section: str = ""


def prompt_for(role: StemRole, style: str, facts: PassageFacts, words: str = "") -> str:
    """One line in the manner of the captions that such networks were trained on; a person's words come first."""
    known = style_named(style)
    said = [words.strip(" .,")] if words.strip() else []
    said.append(SAID.get(role) or f"solo {PART_NAMES.get(role, role.value).split(' (')[0]}, isolated stem")
    said += [known.title.lower(), ENERGY_WORDS[max(0, min(3, facts.energy))]]
    if facts.section:
        said.append(facts.section)
    if facts.tempo_bpm is not None:
        said.append(f"{round(facts.tempo_bpm)} bpm")
    if facts.key is not None and role.pitched:
        said.append(f"key of {facts.key}")
    if facts.beats_per_bar is not None and facts.beats_per_bar != 4:
        said.append(f"{facts.beats_per_bar} beats to the bar")
    return ", ".join(said)


def avoided(role: StemRole) -> str:
    """What must not sound, for networks that can be told so."""
    return f"{OTHERS.get(role, DEFAULT_OTHERS)}, {POOR}"
