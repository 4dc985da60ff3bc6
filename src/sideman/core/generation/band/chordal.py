"""Piano, guitar and pad: voice-led chords in the style's rhythm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sideman.core.generation.band.player import Player
from sideman.core.generation.band.voicing import Register, lead_voices
from sideman.core.generation.context import ChordEvent
from sideman.core.music import ScoreNote, StemRole

COMPING = ((0, 1.5), (0.5, 2), (1.5, 3), (0, 2.5), (0.5, 1.5, 3.5))
STRUMS = {"jazz": (0, 1, 2, 3), "electronic": (0.5, 1.5, 2.5, 3.5), "rock": (0, 1, 1.5, 2.5, 3, 3.5)}
SPREAD_MS = {StemRole.PIANO: (2, 11), StemRole.GUITAR: (9, 24), StemRole.PAD: (6, 10)}

Voiced = list[tuple[ChordEvent, tuple[int, ...]]]


def _voiced(player: Player, register: Register) -> Voiced:
    events = player.context.sounding_chords()
    return list(zip(events, lead_voices([e.chord for e in events], register), strict=True))


def _chord(at: float, length: float, pitches: tuple[int, ...], loudness: float) -> list[ScoreNote]:
    return [ScoreNote(at, length, p, loudness) for p in pitches]


def write_piano(player: Player) -> list[ScoreNote]:
    out: list[ScoreNote] = []
    jazz = player.style.name == "jazz"
    for event, v in _voiced(player, Register(50, 74, 62, 4, rootless=jazz)):
        energy, bar = player.energy(event.start), player.context.bar_at(event.start)
        variant = int(player.rng("piano", bar.section, bar.index_in_section // 4).integers(3))
        if player.context.compound:
            out += _compound_piano(event, v, energy)
        elif jazz:
            out += _jazz_piano(player, event, v, energy)
        elif player.style.name == "electronic":
            out += _electronic_piano(event, v, energy, variant)
        else:
            out += _rock_piano(event, v, energy, variant)
    return _shaded(player, StemRole.PIANO, out)


def _jazz_piano(player: Player, event: ChordEvent, v: tuple[int, ...], energy: int) -> list[ScoreNote]:
    rng, out = player.rng("comp", round(event.start * 4)), []
    for cell in np.arange(0, event.pulses, 4.0):
        for x in COMPING[int(rng.integers(len(COMPING)))]:
            if cell + x < event.pulses:
                length = 0.35 if rng.random() < 0.6 else 0.9
                out += _chord(player.swung(event.start + cell + x), length, v, 0.5 + 0.08 * energy)
    return out


def _electronic_piano(event: ChordEvent, v: tuple[int, ...], energy: int, variant: int) -> list[ScoreNote]:
    if energy < 2:
        return _chord(event.start, event.pulses * 0.95, v, 0.5)
    figures = ((0, 0.75, 1.5, 2.5, 3.25), (0, 1.5, 3), (0.5, 1.5, 2.5, 3.5))
    figure = figures[variant] if energy >= 3 else figures[2 if variant else 1]
    times = [c + x for c in np.arange(0, event.pulses, 4.0) for x in figure if c + x < event.pulses]
    return [n for x in times for n in _chord(event.start + x, 0.3, v, 0.62)]


def _rock_piano(event: ChordEvent, v: tuple[int, ...], energy: int, variant: int) -> list[ScoreNote]:
    out = [ScoreNote(event.start, event.pulses * 0.95, v[0] - 12 if v[0] >= 52 else v[0], 0.5)]
    if energy <= 1:
        order = ((0, 1, 2, 1), (0, 2, 1, 2), (0, 1, 2, 3))[variant]
        for k, x in enumerate(np.arange(0, event.pulses, 0.5)):
            out.append(ScoreNote(event.start + x, 0.9, v[order[k % 4] % len(v)], 0.46 + 0.08 * (x % 2 == 0)))
        return out
    eighths = energy == 3 and variant != 1
    for x in np.arange(0, event.pulses, 0.5 if eighths else 1.0):
        if variant == 2 and x % 2 == 1.5:
            continue
        out += _chord(event.start + x, 0.45 if eighths else 0.85, v, 0.6 if x % 1 == 0 else 0.45)
    return out


def _compound_piano(event: ChordEvent, v: tuple[int, ...], energy: int) -> list[ScoreNote]:
    if energy >= 3:
        times = [x for x in np.arange(0, event.pulses, 1.0) if (event.start + x) % 3 != 1]
        return [n for x in times for n in _chord(event.start + x, 0.9, v, 0.6 if (event.start + x) % 3 == 0 else 0.45)]
    order = (0, 1, 2)
    return [
        ScoreNote(event.start + x, 1.4, v[order[int(event.start + x) % 3] % len(v)], 0.5 + 0.08 * ((event.start + x) % 3 == 0))
        for x in np.arange(0, event.pulses, 1.0)
    ]


def write_guitar(player: Player) -> list[ScoreNote]:
    out: list[ScoreNote] = []
    for event, v in _voiced(player, Register(45, 69, 57, 4)):
        energy = player.energy(event.start)
        assert event.chord.root is not None
        if player.context.compound:
            for x in np.arange(0, event.pulses, 1.0):
                out += _chord(event.start + x, 0.9, v, 0.55 if (event.start + x) % 3 == 0 else 0.42)
        elif player.style.name == "rock" and energy >= 3:
            root = 40 + (event.chord.root - 40) % 12
            for x in np.arange(0, event.pulses, 0.5):
                out += _chord(event.start + x, 0.47, (root, root + 7, root + 12), 0.72 if x % 1 == 0 else 0.58)
        elif energy == 0:
            out += _chord(event.start, min(event.pulses, 4) * 0.95, v, 0.45)
        else:
            length = 0.8 if player.style.name == "rock" else 0.35
            for cell in np.arange(0, event.pulses, 4.0):
                for x in STRUMS[player.style.name]:
                    if cell + x < event.pulses:
                        at = player.swung(event.start + cell + x)
                        out += _chord(at, length, v, 0.55 if x % 1 == 0 else 0.45)
    return _shaded(player, StemRole.GUITAR, out)


def write_pad(player: Player) -> list[ScoreNote]:
    out = [
        note
        for event, v in _voiced(player, Register(52, 79, 65, 4))
        for note in _chord(event.start, event.pulses * 1.02, v, 0.5 + 0.05 * player.energy(event.start))
    ]
    return _shaded(player, StemRole.PAD, out)


def _shaded(player: Player, role: StemRole, score: list[ScoreNote]) -> list[ScoreNote]:
    """Per chord: strum order and spread, balance of the notes, accents, phrase arc; up-strokes leave out the lowest string."""
    out: list[ScoreNote] = []
    score = sorted(score, key=lambda n: (n.beat, n.pitch))
    i = 0
    while i < len(score):
        j = i
        while j < len(score) and abs(score[j].beat - score[i].beat) < 1e-9:
            j += 1
        out += _one_chord(player, role, score[i:j])
        i = j
    return out


def _one_chord(player: Player, role: StemRole, notes: list[ScoreNote]) -> list[ScoreNote]:
    at = notes[0].beat
    rng = player.rng("chord", role, round(at * 96))
    up = role is StemRole.GUITAR and round(at * 2) % 2 == 1
    if role is not StemRole.PAD and at % 1 and rng.random() < 0.06:
        return []  # a player leaves some off-beats out
    if up and len(notes) > 3:
        notes = notes[1:]
    low, high = SPREAD_MS[role]
    spread = float(rng.uniform(low, high)) * (0.8 if up else 1.0) if len(notes) > 1 else 0.0
    accent = 1.04 if at == player.context.bar_at(at).start else 0.92 if at % 1 else 1.0
    out = []
    for k, n in enumerate(notes):
        order = (len(notes) - 1 - k if up else k) / max(1, len(notes) - 1)
        balance = 1.0
        if role is StemRole.PIANO:
            balance = 1.1 if k == len(notes) - 1 else 0.95 if k == 0 else 0.84
        elif role is StemRole.GUITAR:
            balance = (1 - 0.22 * order) * (0.82 if up else 1)
        stretch = {
            StemRole.GUITAR: float(rng.choice([0.55, 0.9, 1.0])), StemRole.PIANO: float(rng.uniform(0.85, 1.08)), StemRole.PAD: 1.04,
        }[role]  # fmt: skip
        push = spread * order - (4 if role is StemRole.PIANO else 0)
        loudness = n.loudness * balance * (1.0 if role is StemRole.PAD else accent) * player.arc(at)
        out.append(replace(n, length_beats=n.length_beats * stretch, loudness=loudness, push_ms=push))
    return out
