"""Lead and wordless voice: phrases of four bars over a motif that returns, chord tones on strong beats, steps of the scale between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sideman.core.generation.band.player import Player, full_bars
from sideman.core.generation.band.tab import Step
from sideman.core.generation.context import ContextBar
from sideman.core.music import ScoreNote

PHRASE_BARS = 4
LEAP = 7
LONGEST_BOUND_PULSES = 4


def write(player: Player) -> list[ScoreNote]:
    """Nothing in the quietest sections; the other ones share a motif per section, varied when it returns."""
    out: list[ScoreNote] = []
    previous: int | None = None
    for bar in full_bars(player):
        figure = player.figure(bar, "motif")
        if figure is None:
            continue
        phrase = bar.index_in_section % PHRASE_BARS
        steps = list(figure.tabs["line"].steps(bar, player.context.compound))
        steps = _varied(player, bar, steps, phrase)
        notes = _pitched(player, bar, steps, previous)
        out += notes
        previous = notes[-1].pitch if notes else previous
    return _breathing(player, out)


def _varied(player: Player, bar: ContextBar, steps: list[Step], phrase: int) -> list[Step]:
    """Bars one and three of a phrase state the motif, two answers it shorter, four rests after its beginning."""
    rng = player.rng("varied", bar.section, bar.index_in_section)
    if phrase == PHRASE_BARS - 1:
        return [replace(s, pulses=max(s.pulses, 1.0)) for s in steps if s.at < bar.pulses / 2]
    if phrase == 1 and len(steps) > 2:
        gone = int(rng.integers(1, len(steps)))
        steps = [s for k, s in enumerate(steps) if k != gone]
    if phrase == 2 and rng.random() < 0.6 and steps:
        steps = [s for s in steps if s.at % 1 == 0 or rng.random() < 0.8]
    return steps


def _pitched(player: Player, bar: ContextBar, steps: list[Step], previous: int | None) -> list[ScoreNote]:
    low, high, centre = player.part.register
    rng = player.rng("pitches", bar.section, bar.index_in_section // (2 * PHRASE_BARS), bar.index_in_section % PHRASE_BARS)
    phrase = bar.index_in_section % PHRASE_BARS
    lift = (0, 2, 5, 0)[phrase] + (3 if bar.energy >= 3 else 0)
    out: list[ScoreNote] = []
    at_pitch = centre if previous is None else previous
    for k, step in enumerate(steps):
        at = bar.start + step.at
        chord = player.context.chord_at(at)
        if chord.root is None:
            continue
        rising = np.sin(np.pi * (k + 1) / (len(steps) + 1)) * 4
        aim = centre + lift + rising + float(rng.normal(0, 1.5))
        strong = step.at % 1 == 0 or step.pulses >= 1
        pitch = _choose(player, at, strong, (at_pitch, aim), rng)
        pitch = int(np.clip(pitch, low, high))
        at_pitch = pitch
        loudness = 0.62 if strong else 0.54
        out.append(ScoreNote(player.swung(at), step.pulses * player.part.length, pitch, loudness))
    return out


def _choose(player: Player, at: float, strong: bool, toward: tuple[int, float], rng: np.random.Generator) -> int:
    """A chord tone on strong places, else a step of the scale that is no clash with the chord; near, and towards the aim."""
    (now, aim), chord = toward, player.context.chord_at(at)
    classes = set(chord.pitch_classes[:4]) if strong else set(player.context.key_at(at).scale) | set(chord.pitch_classes)
    if not strong:
        classes -= {(c + 1) % 12 for c in chord.pitch_classes if (c + 1) % 12 not in chord.pitch_classes}
    low, high, _ = player.part.register
    near = [p for p in range(max(low, now - LEAP), min(high, now + LEAP) + 1) if p % 12 in classes]
    options = near or [p for p in range(low, high + 1) if p % 12 in classes]
    return min(options, key=lambda p: abs(p - now) * 0.5 + abs(p - aim) * 0.45 + (1.6 if p == now else 0) + 1.5 * rng.random())


def _breathing(player: Player, notes: list[ScoreNote]) -> list[ScoreNote]:
    """Peaks are stressed, neighbours are bound, and a breath comes before a leap."""
    out = []
    notes = sorted(notes, key=lambda n: n.beat)
    for i, n in enumerate(notes):
        after = notes[i + 1] if i + 1 < len(notes) else None
        peak = after is not None and n.pitch > after.pitch and (i == 0 or notes[i - 1].pitch < n.pitch)
        length = n.length_beats
        if after is not None:
            gap = after.beat - n.beat
            length = min(length, gap) if gap < LONGEST_BOUND_PULSES else length
            if abs(after.pitch - n.pitch) <= 2 and gap < 1:
                length = gap * 1.02
        out.append(replace(n, length_beats=length, loudness=n.loudness * (1.12 if peak else 1.0) * player.arc(n.beat)))
    return out
