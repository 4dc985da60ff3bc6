"""Separators by the names that people choose, and what each of them needs."""

from __future__ import annotations

from dataclasses import dataclass

from sideman.core.models.runtime import Precision
from sideman.core.music import StemRole
from sideman.errors import UsageError

D, B, V, O = StemRole.DRUMS, StemRole.BASS, StemRole.VOCALS, StemRole.OTHER  # noqa: E741 (the four letters of the field)
KIT = (StemRole.KICK, StemRole.SNARE, StemRole.TOMS, StemRole.HATS, StemRole.CYMBALS)


@dataclass(frozen=True, slots=True)
class Preset:
    """`models` are names of the catalogue, all of them needed; precision is the one to use where it passes the check on this machine.

    `of` is the stem that a second pass takes apart; None is for whole recordings.
    """

    name: str
    summary: str
    roles: tuple[StemRole, ...]
    models: tuple[str, ...] = ()
    precision: Precision = Precision.FLOAT32
    of: StemRole | None = None


PRESETS = (
    Preset("preview", "Sideman's own small network: no download, drums and bass usable, vocals and other experimental", (D, B, V, O)),
    Preset("fast", "HTDemucs: four studio stems", (D, B, O, V), ("htdemucs",), Precision.BFLOAT16),
    Preset("best", "HTDemucs fine-tuned: a network for each stem, four times the work of fast", (D, B, O, V), ("htdemucs_ft",)),
    Preset("six", "HTDemucs with guitar and piano", (D, B, O, V, StemRole.GUITAR, StemRole.PIANO), ("htdemucs_6s",)),
    Preset(
        "ensemble",
        "HTDemucs fine-tuned and Hybrid Demucs, averaged: the fewest artefacts, the most work",
        (D, B, O, V),
        ("htdemucs_ft", "hdemucs_mmi"),
    ),
    Preset("scnet", "SCNet: four stems by another kind of network", (D, B, O, V), ("scnet_large",)),
    Preset("vocals", "Mel-Band RoFormer: vocals and everything else", (V, O), ("melband_vocals",), Precision.BFLOAT16),
    Preset("mdx", "MDX-Net: vocals and everything else, light on memory", (V, O), ("mdx_inst_hq_5",)),
    Preset("kit", "A drum stem into kick, snare, toms, hats, cymbals: no download, by average spectra of its hits", KIT, of=D),
    Preset("lead", "A vocal stem into lead and backing", (V, StemRole.BACKING), ("melband_karaoke",), Precision.BFLOAT16, of=V),
)


def preset(name: str) -> Preset:
    """Raises UsageError that lists the names."""
    for p in PRESETS:
        if p.name == name:
            return p
    raise UsageError(f"no preset named {name!r}: there are {', '.join(p.name for p in PRESETS)}")
