"""What plays a training song: three families of instruments, drawn anew for every part, so that no family is learnt by heart.

`additive` and `waveguide` are oscillators of ours, `font` is the carried SoundFont. A family can be left out, to be kept for judging.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from sideman.carried import carried
from sideman.core.generation.soundfont import Preset, Renderer
from sideman.core.music.notes import NoteEvent
from training.synthesis.instruments import instrument
from training.synthesis.kit import kit
from training.synthesis.oscillators import SAMPLE_RATE_HZ
from training.synthesis.strings import plucked, slapped

FAMILIES = ("additive", "waveguide", "font")
PROGRAMS = {
    "piano": (0, 1, 2, 3, 4, 5, 6, 7),
    "guitar": (24, 25, 26, 27, 28),
    "distorted": (29, 30),
    "bass": (32, 33, 34, 35, 36, 37, 38, 39),
    "slap": (36, 37),
    "organ": (16, 17, 18, 19, 21),
    "strings": (40, 41, 42, 44, 48, 49, 50),
    "pad": (51, 88, 89, 90, 92, 94, 95, 52),
    "brass": (56, 57, 58, 60, 61, 62),
    "mallet": (8, 9, 11, 12, 13, 14),
    "reed": (64, 65, 66, 67, 68, 70, 71),
    "flute": (72, 73, 74, 75, 77, 79),
    "lead": (80, 81, 82, 85),
}
KIT_KEYS = {
    "kick": (35, 36), "snare": (38, 40, 37), "clap": (39,), "hat": (42, 44), "open_hat": (46,), "ride": (51, 53, 59), "crash": (49, 57),
    "tom": (41, 43, 45, 47, 48, 50), "percussion": (54, 56, 60, 62, 64, 67, 69, 70, 75),
}  # fmt: skip
KITS = (0, 8, 16, 24, 25, 32, 40)


@cache
def renderer() -> Renderer:
    return Renderer.open(carried("soundfont.sf3"))


def from_font(preset: Preset, pitch: int, duration_s: float, velocity: float) -> np.ndarray:
    frames = int((duration_s + 0.8) * SAMPLE_RATE_HZ)
    event = NoteEvent(0, duration_s, int(pitch), int(np.clip(velocity * 127, 1, 127)))
    y = renderer().render([event], preset, frames).mean(0)
    return (y * velocity / (np.abs(y).max() + 1e-6)).astype(np.float32)


def player(rng, kind, families=FAMILIES):
    """note(pitch, duration_s, velocity) of one instrument of `kind`, from any of the families that know it."""
    known = [
        f
        for f in families
        if (f == "additive" and kind != "slap")
        or (f == "font" and kind in PROGRAMS)
        or (f == "waveguide" and kind in ("guitar", "bass", "slap"))
    ]
    family = rng.choice(known)
    if family == "waveguide" and kind == "slap":
        return slapped(rng)
    if family == "waveguide":
        return plucked(rng, kind == "bass")
    if family == "additive":
        return instrument(rng, "guitar" if kind == "distorted" and rng.random() < 0.3 else kind)
    preset = Preset(0, int(rng.choice(PROGRAMS[kind])))
    return lambda pitch, duration_s, velocity: from_font(preset, pitch, duration_s, velocity)


def boom(rng):
    """The long kick of an 808: a sine that rings, hardly bends and may be driven into saturation."""
    u = rng.uniform
    hz, decay_s, bend, click, drive = u(38, 68), 10 ** u(-0.8, 0.1), u(0.1, 1.5), u(0, 0.15), u(0.5, 3)

    def hit():
        t = np.arange(int(1.6 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        y = np.sin(2 * np.pi * np.cumsum(hz * (1 + bend * np.exp(-t / 0.02))) / SAMPLE_RATE_HZ) * np.exp(-t / decay_s)
        y = np.tanh(drive * y) / np.tanh(drive)
        y[:400] += click * rng.normal(0, 1, 400) * np.exp(-np.arange(400) / 80)
        return y

    return hit


def drum_kit(rng, families=FAMILIES):
    """{piece: hit() -> mono}; pieces of the font and of the synthesiser may meet in one kit."""
    pieces = dict(kit(rng))
    if rng.random() < 0.25:
        pieces["kick"] = boom(rng)
    if "font" not in families or rng.random() < 0.5:
        return pieces
    preset = Preset(128, int(rng.choice(KITS)))
    for piece, keys in KIT_KEYS.items():
        if rng.random() < 0.85 and not (piece == "kick" and rng.random() < 0.3):
            key = int(rng.choice(keys))
            pieces[piece] = lambda key=key: from_font(preset, key, 1.0, rng.uniform(0.5, 1.0))
    return pieces
