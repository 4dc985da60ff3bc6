"""Random multitrack songs of 12 s with four stems: drums, bass, vocals, other.

One in ten songs has no bass but a low voice, guitar or piano, and three in ten are sparse (a voice alone, a guitar alone, a voice and a
piano, drums alone, ...): a network that never sees this takes every low sound for bass and every lone one for a band.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from training.separation.sounds import FAMILIES, drum_kit, player
from training.synthesis.oscillators import SAMPLE_RATE_HZ, band_pass, place
from training.synthesis.room import room
from training.synthesis.singing import sing
from training.synthesis.voice import sing_by_source

SOURCES = ("drums", "bass", "vocals", "other")
DURATION_S = 12.0
SPARSE = 0.3
SPARSE_CASES = {
    ("vocals",): 0.18, ("other",): 0.26, ("vocals", "other"): 0.18, ("drums",): 0.14, ("bass",): 0.05, ("drums", "bass"): 0.07,
    ("drums", "vocals"): 0.05, ("drums", "other"): 0.04, ("bass", "other"): 0.03,
}  # fmt: skip


class Score:
    """Tempo, key, chord loop and the sixteenth-note grid of one song."""

    def __init__(self, rng, families=FAMILIES):
        self.rng, self.families = rng, families
        u = rng.uniform
        self.beat_s = 60 / u(62, 178)
        self.beats = int(rng.choice([4, 4, 4, 3, 6]))
        self.swing = u(0, 0.3) if rng.random() < 0.3 else 0
        self.start_s = -u(0, self.beat_s * self.beats)
        self.step_s = self.beat_s / 4
        self.steps = int((DURATION_S - self.start_s) / self.step_s) + 1
        self.bar = 4 * self.beats
        self.key = int(rng.integers(0, 12))
        self.scale = [0, 2, 3, 5, 7, 8, 10] if rng.random() < 0.5 else [0, 2, 4, 5, 7, 9, 11]
        self.loop = [int(x) for x in rng.choice([0, 3, 4, 5, 1, 2], 4)]
        cases = list(SPARSE_CASES)
        self.present = SOURCES if rng.random() > SPARSE else cases[int(rng.choice(len(cases), p=list(SPARSE_CASES.values())))]
        self.kick = rng.random(self.bar) ** 4 * 0.5
        self.kick[:: 4 if rng.random() < 0.35 else 8] = 0.95
        self.bass = rng.random() > 0.1 if len(self.present) == 4 else "bass" in self.present

    def time(self, step):
        late = step % 2 if self.beat_s > 0.5 else step % 4 == 2
        return self.start_s + (step + self.swing * late) * self.step_s + self.rng.normal(0, 0.004)

    def degree(self, d):
        return self.key + self.scale[d % 7] + 12 * (d // 7)

    def chord(self, step):
        return self.loop[(step // self.bar) % 4]


def drums(rng, score, frames):
    u, pieces = rng.uniform, drum_kit(rng, score.families)
    chance = dict(kick=0.95, snare=0.85, clap=0.25, hat=0.8, open_hat=0.3, ride=0.25, crash=0.4, tom=0.3, percussion=0.35)
    table = {k: rng.random(score.bar) ** 4 * 0.5 for k in chance}
    table["kick"] = score.kick
    table["snare"] *= 0.4
    table["snare"][4::8] = 0.97
    table["clap"] *= 0
    table["clap"][4::8] = 0.95
    d = int(rng.choice([1, 2, 2, 4]))
    table["hat"][::d] = 0.93
    table["ride"][:: max(d, 2)] = 0.9
    table["open_hat"][2::4] = u(0.05, 0.9)
    table["crash"] *= 0
    table["crash"][0] = 0.35
    table["tom"] *= 0.6
    table["percussion"][:: int(rng.choice([1, 2, 4]))] = 0.8
    level = dict(kick=1, snare=u(0.5, 1), clap=u(0.3, 0.7), hat=u(0.12, 0.5), open_hat=u(0.1, 0.4), ride=u(0.1, 0.4))
    level |= dict(crash=u(0.15, 0.5), tom=u(0.4, 0.9), percussion=u(0.1, 0.5))
    out, wet, decay = np.zeros((2, frames)), u(0, 0.35) * (rng.random() < 0.7), u(0.2, 1.2)
    for piece, p in chance.items():
        if rng.random() >= p:
            continue
        mono, hits = np.zeros(frames), [pieces[piece]() for _ in range(3)]
        for i in range(score.steps):
            if rng.random() < table[piece][i % score.bar]:
                place(mono, hits[int(rng.integers(0, 3))], score.time(i), level[piece] * u(0.55, 1))
        pan = 0 if piece in ("kick", "snare") else u(-0.7, 0.7) * (rng.random() < 0.6)
        out += room(rng, mono, wet * 0.3 if piece == "kick" else wet, decay, pan)
    return np.tanh(out * u(0.3, 1.6)) if rng.random() < 0.6 else out


def bass(rng, score, frames):
    if not score.bass:
        return np.zeros((2, frames))
    u, x, i = rng.uniform, np.zeros(frames), 0
    kinds = ["bass", "bass", "bass", "slap", "slap", "guitar", "saw", "square", "fm", "sub", "organ", "piano"]
    kind = rng.choice(kinds)
    note = player(rng, kind, score.families)
    lengths = rng.choice([1, 2, 2, 3, 4, 4, 8, 16], 6)
    base, legato = 24 + (score.key + 4) % 12, u(0.2, 1.0)
    slap, muted = kind == "slap" or rng.random() < 0.15, u(0, 0.4) * (rng.random() < 0.25)
    with_kick = u(0.5, 1) if rng.random() < (0.6 if slap else 0.25) else 0
    while i < score.steps:
        if score.kick[i % score.bar] < 0.4 and rng.random() < with_kick:
            i += 1
            continue
        length = int(lengths[int(rng.integers(0, 6))])
        wander = 0 if rng.random() < 0.85 else int(rng.integers(-3, 5))
        pitch = base - score.key + score.degree(score.chord(i) + wander) + int(rng.choice([0, 0, 0, 0, 7, 12, -5, 12]))
        pitch = pitch - 12 * (pitch > 52) + 12 * (pitch < 26)
        if rng.random() < 0.9:
            dur = 0.03 if rng.random() < muted else length * score.step_s * legato
            octave = 12 if slap and rng.random() < 0.3 else 0
            y = note(pitch + octave, dur, u(0.3, 1) if slap else u(0.6, 1))
            place(x, y, score.time(i))
        i += length
    x = np.tanh(x * u(0.5, 3)) if rng.random() < 0.4 else x
    wet, pan, width = u(0, 0.08) * (rng.random() < 0.3), u(-0.15, 0.15) * (rng.random() < 0.3), u(0, 0.4) * (rng.random() < 0.15)
    return room(rng, x, wet, 0.5, pan, width)


ACCOMPANIMENT = (
    "piano",
    "piano",
    "guitar",
    "guitar",
    "guitar",
    "fm",
    "organ",
    "pad",
    "strings",
    "saw",
    "brass",
    "mallet",
    "square",
    "distorted",
)


def accompaniment_layer(rng, score, frames):
    u, kind = rng.uniform, rng.choice(ACCOMPANIMENT)
    alone = len(score.present) < 4 and not score.bass
    kind = rng.choice(["guitar", "guitar", "guitar", "piano"]) if alone and rng.random() < 0.6 else kind
    note, x, i = player(rng, kind, score.families), np.zeros(frames), 0
    style = "block" if kind in ("pad", "strings") else rng.choice(["block", "block", "arpeggio", "comp", "comp", "riff"])
    style = "thumb" if kind in ("guitar", "piano") and rng.random() < (0.6 if alone else 0.08) else style
    low = kind in ("piano", "guitar", "distorted")
    octave = int(rng.choice([36, 40, 48, 48, 60] if low else [48, 48, 60, 60, 72]))
    octave = int(rng.choice([36, 40, 43])) if low and not score.bass and rng.random() < 0.7 else octave
    pattern = rng.random(16) < u(0.2, 0.6)
    pattern[0] = True
    block, strum, sustain = int(rng.choice([4, 8, 16, score.bar])), u(0, 0.03) * (kind in ("guitar", "distorted")), u(0.3, 1)
    while i < score.steps:
        if style == "thumb":
            thumb(rng, score, (x, note, i), pattern, sustain)
            i += 1
            continue
        length = block if style == "block" else (2 if block > 4 else 1) if style == "arpeggio" else 1
        if style in ("block", "arpeggio") or pattern[i % 16]:
            degrees = [0, 4] if kind == "distorted" else [0, 2, 4, 6][: int(rng.integers(3, 5))]
            degrees = degrees if style in ("block", "comp") else [int(rng.choice([0, 2, 4, 7]))]
            dur = length * score.step_s * (u(1, 3) if style == "comp" else 1) * sustain
            for j, q in enumerate(degrees):
                pitch = octave - 12 * (kind == "distorted") + score.degree(score.chord(i) + q) % 24
                place(x, note(pitch, dur, u(0.5, 1)), score.time(i) + j * strum)
        i += length
    if kind == "distorted" or (kind in ("guitar", "organ", "fm") and rng.random() < 0.2):
        x = band_pass(np.tanh(x * 10 ** u(0.3, 1.3)), 80, u(4000, 7000))
    wet, pan, width = u(0, 0.6) * (rng.random() < 0.7), u(-0.9, 0.9) * (rng.random() < 0.7), u(0, 1) * (rng.random() < 0.5)
    y = room(rng, x, wet, u(0.3, 2.5), pan, width)
    return y / (np.sqrt((y**2).mean()) + 1e-9) * u(0.4, 1)


def thumb(rng, score, part, pattern, sustain):
    """One step of an instrument that plays its own bass: roots and fifths on the beat, chord tones above between them."""
    x, note, i = part
    root = score.degree(score.chord(i))
    if i % 4 == 0 and rng.random() < 0.85:
        pitch = 38 + (root + (7 if i % 8 else 0) - 38) % 12 + (12 if rng.random() < 0.15 else 0)
        place(x, note(pitch, score.step_s * rng.uniform(1, 4), rng.uniform(0.6, 1)), score.time(i))
    if pattern[(i + 2) % 16]:
        for q in [0, 2, 4, 6][int(rng.integers(0, 2)) :]:
            if rng.random() < 0.8:
                pitch = 52 + (score.degree(score.chord(i) + q) - 52) % 16
                place(
                    x,
                    note(pitch, score.step_s * rng.uniform(0.5, 4) * sustain, rng.uniform(0.4, 0.9)),
                    score.time(i) + rng.uniform(0, 0.012),
                )


def lead(rng, score, frames):
    u = rng.uniform
    kind = rng.choice(["voice"] * 9 + ["reed", "flute", "lead", "strings", "brass", "saw"])
    note, x, second, notes = player(rng, kind, score.families), np.zeros(frames), np.zeros(frames), []
    legato = kind == "voice" and rng.random() < 0.85
    octave = int(rng.choice([36, 36, 48, 48, 60] if legato else [48, 60, 60, 60, 72] if kind == "voice" else [60, 60, 72]))
    harmony, i, d = rng.random() < 0.2, int(rng.integers(0, 8)), int(rng.integers(0, 7))
    while i < score.steps:
        length = int(rng.choice([1, 2, 2, 2, 3, 4, 4, 6, 8]))
        d = int(np.clip(d + int(rng.choice([-2, -1, -1, 0, 1, 1, 2, 3, -3])), -3, 10))
        if rng.random() < 0.82:
            pitch, dur = octave + score.degree(d), length * score.step_s
            if legato:
                notes.append((score.time(i), dur * u(0.85, 1.0), pitch, u(0.5, 1)))
            else:
                place(x, note(pitch, dur * u(0.7, 1.02), u(0.5, 1)), score.time(i))
                if harmony:
                    place(second, note(octave + score.degree(d + 2), dur * 0.95, u(0.4, 0.8)), score.time(i))
        i += length
    if notes:
        x = sing(rng, notes, frames) if rng.random() < 0.4 else sing_by_source(rng, notes, frames)
    pan = u(-0.1, 0.1) if rng.random() < 0.8 else u(-0.6, 0.6)
    y = room(rng, x, u(0, 0.5) * (rng.random() < 0.8), u(0.3, 2.5), pan, u(0, 0.6) * (rng.random() < 0.35))
    return y + room(rng, second, 0.2, 1, u(-0.8, 0.8), 0.5) if harmony and not notes else y


def song(seed: int, families=FAMILIES) -> np.ndarray:
    """Stems of one song, float32 [4, 2, frames] in the order of SOURCES."""
    rng = np.random.default_rng(seed)
    frames, score = int(DURATION_S * SAMPLE_RATE_HZ), Score(rng, families)
    layers = 1 if rng.random() < 0.3 or len(score.present) < 4 else int(rng.choice([2, 2, 3]))
    silence = np.zeros((2, frames))
    stems = [
        drums(rng, score, frames) if "drums" in score.present else silence,
        bass(rng, score, frames) if "bass" in score.present else silence,
        lead(rng, score, frames) if "vocals" in score.present else silence,
        sum(accompaniment_layer(rng, score, frames) for _ in range(layers)) if "other" in score.present else silence,
    ]
    absent = (0.15 if score.bass else 0.5, 0.08, 0.2 if score.bass else 0.3, 0.12) if len(score.present) == 4 else (0, 0, 0, 0)
    out = []
    for y, level_db, p in zip(stems, (0, -1, 0, -2), absent, strict=True):
        gain = 10 ** ((level_db + rng.normal(0, 3.5)) / 20) * (rng.random() >= p)
        y = y / (np.sqrt((y**2).mean()) + 1e-9) * gain * 0.06
        if rng.random() < 0.4:
            y = y + band_pass(y, *((60, 300) if rng.random() < 0.5 else (2500, 12000)), 1) * rng.uniform(-0.6, 1)
        out.append(y.astype(np.float32))
    return glued(rng, np.stack(out))


def glued(rng, stems):
    """A bus compressor on four songs in ten: one gain curve from the mixture for every stem, so that stems still add up."""
    if rng.random() > 0.4:
        return stems
    level = np.abs(stems.sum(0)).max(0)
    speed = 1 - np.exp(-1 / (rng.uniform(0.03, 0.2) * SAMPLE_RATE_HZ))
    level = lfilter([speed], [1, speed - 1], level) + 1e-6
    threshold, ratio = np.percentile(level, rng.uniform(30, 80)), rng.uniform(0.2, 0.8)
    return (stems * np.minimum(1, threshold / level) ** ratio).astype(np.float32)
