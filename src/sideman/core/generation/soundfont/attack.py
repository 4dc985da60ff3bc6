"""When a sound is heard to begin: a pad that swells is felt on the beat only where it is played before it."""

from __future__ import annotations

import numpy as np

from sideman.core.generation.soundfont.renderer import Preset, Synth
from sideman.core.music import NoteEvent

RATE_HZ = 44100
KEY, VELOCITY, SECONDS, STEP = 64, 90, 1.6, 441
HEARD_SHARE = 0.3
"""Of the level that a sound reaches: it is heard to begin 6 to 15 dB under it (Vos and Rasch 1981)."""
LEAST_S, MOST_S = 0.02, 0.1
"""Earlier than a tenth of a second a pad clashes with the chord before: of 0, 0.1 and 0.25 s the judge told right from late best at 0.1."""


def lead_s(synth: Synth, preset: Preset) -> float:
    """How much earlier than it is to be heard a note of this sound is played, 0 for what speaks at once and for drums."""
    if preset.drums:
        return 0.0
    note = NoteEvent(0.0, SECONDS, KEY, VELOCITY)
    sound = np.concatenate(list(synth.render_blocks([note], preset, round(SECONDS * RATE_HZ))), axis=1)
    level = np.sqrt((sound[:, : sound.shape[1] // STEP * STEP].reshape(2, -1, STEP) ** 2).mean((0, 2)))
    top = float(np.percentile(level, 90))
    if top <= 0:
        return 0.0
    lead = float(np.argmax(level > HEARD_SHARE * top)) * STEP / RATE_HZ
    return min(MOST_S, lead) if lead >= LEAST_S else 0.0
