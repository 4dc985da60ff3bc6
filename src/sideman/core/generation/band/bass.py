"""Bass: roots with a lead-in to the next chord (rock), a walking line (jazz), notes between the kicks (electronic)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sideman.core.generation.band.player import Player
from sideman.core.generation.context import ChordEvent
from sideman.core.music import ScoreNote

LOW, HIGH = 28, 52


def _near(pitch_class: int, reference: int) -> int:
    return min((p for p in range(LOW, HIGH + 1) if p % 12 == pitch_class), key=lambda p: (abs(p - reference), p))


def _bass_of(event: ChordEvent) -> int:
    pc = event.chord.bass_pitch_class
    assert pc is not None
    return pc


def write(player: Player) -> list[ScoreNote]:
    events, out, reference = player.context.sounding_chords(), [], 40
    for k, event in enumerate(events):
        following = events[k + 1] if k + 1 < len(events) else event
        energy = player.energy(event.start)
        if player.style.name == "jazz" and energy >= 1:
            line, reference = _walk(player, event, following, reference)
        elif energy == 0:
            line = [ScoreNote(event.start, event.pulses * 0.98, _near(_bass_of(event), 36), 0.55)]
        elif player.style.name == "electronic":
            line = _between_kicks(player, event, energy)
        else:
            line = _roots(player, event, following, energy)
        out += line
    return [replace(n, loudness=n.loudness * player.arc(n.beat)) for n in out]


def _walk(player: Player, event: ChordEvent, following: ChordEvent, reference: int) -> tuple[list[ScoreNote], int]:
    """Quarters: chord tones on the way to the next root, which is approached from a step away."""
    rng = player.rng("walk", round(event.start * 4))
    target, now = _near(_bass_of(following), reference), _near(_bass_of(event), reference)
    tones = [p for p in range(LOW, HIGH + 1) if p % 12 in event.chord.pitch_classes[:4]]
    scale = player.context.key.scale
    steps = max(1, round(event.pulses))
    line = [now]
    for b in range(1, steps):
        before = line[-1]
        if b == steps - 1:
            options = [target - 1, target + 1, target + 2 if (target + 2) % 12 in scale else target - 1]
            line.append(min(options, key=lambda q: abs(q - before) + 3 * (q == before) + rng.random()))
        else:
            aim = now + (target - now) * b / steps
            options = [q for q in tones if q != before and abs(q - before) <= 7] or tones
            line.append(min(options, key=lambda q: abs(q - aim) * 0.4 + abs(q - before) * 0.3 + 2.2 * rng.random()))
    line = [int(np.clip(p, LOW, HIGH)) for p in line]
    out = [
        ScoreNote(event.start + b, float(rng.uniform(0.85, 0.99)), p, 0.66 + 0.06 * (b % 2) + 0.05 * rng.random())
        for b, p in enumerate(line)
    ]
    if rng.random() < 0.12:
        out.append(ScoreNote(player.swung(event.start + steps - 0.5), 0.3, line[-1], 0.35))
    return out, line[-1]


def _between_kicks(player: Player, event: ChordEvent, energy: int) -> list[ScoreNote]:
    rng, out = player.rng("synth", round(event.start * 4)), []
    root = _near(_bass_of(event), 36)
    if player.context.compound:  # eighths after the dotted beat; between the eighths would sound like a mistake
        return [ScoreNote(event.start + x, 0.8, root, 0.78) for x in np.arange(0, event.pulses, 1.0) if (event.start + x) % 3 or energy < 2]
    for x in np.arange(0, event.pulses, 0.5):
        off = (event.start + x) % 1 != 0
        if energy >= 3:
            if off:
                out.append(ScoreNote(event.start + x, 0.42, root, 0.8))
                if rng.random() < 0.25 and root + 12 <= HIGH + 6:
                    out.append(ScoreNote(event.start + x + 0.25, 0.2, root + 12, 0.6))
        elif off or x == 0:
            out.append(ScoreNote(event.start + x, 0.45, root, 0.75))
    return out


def _roots(player: Player, event: ChordEvent, following: ChordEvent, energy: int) -> list[ScoreNote]:
    rng = player.rng("roots", round(event.start * 4))
    root, target = _near(_bass_of(event), 38), _near(_bass_of(following), 38)
    fifth = next((x for x in (root + 7, root - 5) if LOW <= x <= HIGH), root)
    if player.context.compound:
        return _compound_roots(player, event, root, fifth, energy)
    out = []
    if energy <= 1:
        out.append(ScoreNote(event.start, min(event.pulses, 2) * 0.95, root, 0.75))
        if event.pulses >= 3:
            out.append(ScoreNote(event.start + 2, min(event.pulses - 2, 2) * 0.95, root if rng.random() < 0.6 else fifth, 0.66))
        return out
    figure = int(player.rng("figure", player.context.bar_at(event.start).section).integers(2))
    for x in np.arange(0, event.pulses, 0.5):
        place, pitch = float(x), root
        last = event.pulses >= 4 and x == event.pulses - 0.5
        if last:
            step = -1 if target > root else 2 if (target + 2) % 12 in player.context.key.scale else 1
            pitch = target + step if target != root else fifth
        elif event.pulses >= 4 and x == event.pulses - 1.5 and rng.random() < 0.3:
            pitch = fifth
        elif figure and x % 2 == 1.5 and rng.random() < 0.5:
            continue  # the second figure breathes before the backbeat
        bar = player.context.bar_at(event.start + place)
        on_kick = (event.start + place - bar.start) % 2 == 0
        loudness = (0.74 if x % 1 == 0 else 0.6) * (1.1 if on_kick else 0.92)
        before_snare = (event.start + place + 0.5 - bar.start) % 2 == 1
        length = 0.5 * (0.62 if before_snare else 0.93 if rng.random() < 0.75 else 0.55)
        out.append(ScoreNote(event.start + place, length, int(np.clip(pitch, LOW, HIGH)), loudness))
    return out


def _compound_roots(player: Player, event: ChordEvent, root: int, fifth: int, energy: int) -> list[ScoreNote]:
    rng, out = player.rng("compound", round(event.start)), []
    for x in np.arange(0, event.pulses, 1.0):
        place = (event.start + x) % 3
        if place == 0 or x == 0:
            out.append(ScoreNote(event.start + x, 1.9 if energy < 2 else 0.95, root, 0.76))
        elif energy >= 2 and place == 2:
            out.append(ScoreNote(event.start + x, 0.9, fifth if rng.random() < 0.35 else root, 0.6))
        elif energy >= 3:
            out.append(ScoreNote(event.start + x, 0.9, root, 0.55))
    return out
