"""Drums and percussion: the style's grooves, ghosts, hat variation, flams, kick answers, and fills at section ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from sideman.core.generation.band.kit import (
    CLAP,
    CRASH,
    FILL_VOICES,
    HAT,
    KICK,
    OPEN_HAT,
    PEDAL,
    RIDE,
    RIDE_BELL,
    SIDE_STICK,
    SNARE,
    VOICES,
)  # fmt: skip
from sideman.core.generation.band.player import Player, full_bars
from sideman.core.generation.band.tab import Tab
from sideman.core.generation.context import ContextBar
from sideman.core.music import ScoreNote

STROKES = {"x": 0.68, "X": 0.88, "o": 0.45, "g": 0.2, "?": 0.6}
CHANCE = "?"
HANDS = (1.0, 0.62, 0.82, 0.56)
"""Accent of the four sixteenths of a beat: the stroke of one hand is never even."""
PUSH_MS = {SNARE: 5.0, SIDE_STICK: 4.0, HAT: -2.0, OPEN_HAT: -2.0, RIDE: -1.0, RIDE_BELL: -1.0}
CYMBALS = (HAT, OPEN_HAT, PEDAL, RIDE, RIDE_BELL)
BACKBEATS = (SNARE, SIDE_STICK, CLAP)
LEVELS = (0.7, 0.85, 1.0, 1.05)
BUSY_HAND = 6
"""Strokes a bar from which on a voice keeps time, as a hi-hat does: brushes, a cascara, a train beat."""


def write(player: Player) -> list[ScoreNote]:
    out: list[ScoreNote] = []
    bars = full_bars(player)
    for i, bar in enumerate(bars):
        final = i + 1 == len(bars)
        fills = bar.last_in_section and not final and bar.energy > 0
        notes = _details(player, bar, _groove(player, bar), fills)
        if fills:
            notes = _with_fill(player, bar, notes)
        if bar.first_in_section and i > 0 and bar.energy >= 2 and player.part.crash:
            notes.append(ScoreNote(bar.start, 2, CRASH, 0.8))
        out += _dynamics(player, bar, notes)
    if bars and bars[0].energy >= 1:
        out += _pick_up(player, bars[0])
    if bars and bars[-1].energy >= 1:
        end = bars[-1].end
        out += [ScoreNote(end, 2, CRASH, 0.7)] if player.part.crash else []
        out.append(ScoreNote(end, 0.1, KICK, 0.8))
    return out


def write_percussion(player: Player) -> list[ScoreNote]:
    out: list[ScoreNote] = []
    for bar in full_bars(player):
        rng = player.rng("shake", bar.number)
        notes = [n for n in _groove(player, bar) if n.loudness > 0.5 or rng.random() >= 0.08 * player.part.variation]
        out += [replace(n, loudness=n.loudness * LEVELS[bar.energy] * player.arc(n.beat)) for n in notes]
    return out


def _groove(player: Player, bar: ContextBar) -> list[ScoreNote]:
    figure = player.figure(bar, "groove")
    if figure is None:
        return []
    rng, out = player.rng("chance", bar.number), []
    for name, tab in figure.tabs.items():
        pitch = VOICES[name]
        steps = tab.steps(bar, player.context.compound)
        for step in steps:
            if step.symbol == CHANCE and rng.random() < 0.5:
                continue
            out.append(ScoreNote(player.swung(bar.start + step.at), 0.1, pitch, STROKES[step.symbol], 0.0))
        if player.context.compound and pitch in (HAT, RIDE) and len(steps) >= bar.pulses // 2:
            taken = {round(s.at) for s in steps}
            out += [ScoreNote(bar.start + p, 0.1, pitch, 0.45) for p in range(bar.pulses) if p not in taken]
    return out


def _filled(player: Player, bar: ContextBar, tab: Tab, notes: list[ScoreNote]) -> list[ScoreNote]:
    """The end of a bar given to a fill, which grows; the kick plays on, and the hands leave the rest alone."""
    compound = player.context.compound
    beats = tab.bars[0][-max(1, min(len(tab.bars[0]), bar.pulses // (3 if compound else 1) - 1)) :]
    length = len(beats) * (3 if compound else 1)
    cut, piece = bar.end - length, Tab((beats,))
    small = ContextBar(bar.number, cut, length, bar.energy, bar.section, 0, False)
    steps = piece.steps(small, compound)
    strokes = [
        ScoreNote(player.swung(cut + s.at), 0.1, FILL_VOICES[s.symbol], 0.5 + 0.38 * k / max(1, len(steps) - 1))
        for k, s in enumerate(steps)
    ]
    begin = strokes[0].beat if strokes else bar.end
    return [n for n in notes if n.beat < begin - 1e-6 or n.pitch == KICK] + strokes


def _with_fill(player: Player, bar: ContextBar, notes: list[ScoreNote]) -> list[ScoreNote]:
    fills = player.part.fills or player.part.short_fills
    if not fills:
        return notes
    return _filled(player, bar, fills[int(player.rng("fill", bar.section, bar.number).integers(len(fills)))], notes)


def _pick_up(player: Player, bar: ContextBar) -> list[ScoreNote]:
    """A beat before the first bar, where the recording leaves room for it."""
    fills, unit = player.part.short_fills, 3 if player.context.compound else 1
    if not fills or float(player.context.seconds_at(bar.start - unit)) < 0.05:
        return []
    before = ContextBar(bar.number, bar.start - unit, unit, bar.energy, bar.section, 0, False)
    tab = Tab((fills[int(player.rng("pick-up").integers(len(fills)))].bars[0][-1:],))
    return [ScoreNote(before.start + s.at, 0.1, FILL_VOICES[s.symbol], 0.55) for s in tab.steps(before, player.context.compound)]


def _details(player: Player, bar: ContextBar, notes: list[ScoreNote], fills: bool) -> list[ScoreNote]:
    """Kick answers, ghost notes around the backbeat, hats left out or added, a small fill every fourth bar."""
    rng, e, part = player.rng("details", bar.section, bar.number), bar.energy, player.part
    if player.context.compound or fills:
        return notes
    m = bar.pulses
    if e >= 2 and bar.index_in_section % 2 and rng.random() < part.answers:
        at = m + float(rng.choice([-0.5, -1.5, -0.75]))
        if at > 0:
            notes.append(ScoreNote(player.swung(bar.start + at), 0.1, KICK, 0.5 + 0.1 * rng.random()))
    notes += _ghosts(player, bar, notes, rng)
    notes = _hands(player, bar, notes, rng)
    if part.short_fills and bar.index_in_section % 4 == 3 and e >= 1 and m >= 3:
        notes = _filled(player, bar, part.short_fills[int(rng.integers(len(part.short_fills)))], notes)
    return notes


def _ghosts(player: Player, bar: ContextBar, notes: list[ScoreNote], rng: np.random.Generator) -> list[ScoreNote]:
    busy = {round((n.beat - bar.start) * 4) for n in notes if n.pitch in (SNARE, KICK, SIDE_STICK)}
    backbeats = [n.beat - bar.start for n in notes if n.pitch in (SNARE, SIDE_STICK) and n.loudness > 0.5]
    out = []
    for s in backbeats if bar.energy >= 1 else ():
        for offset, chance in ((-0.25, 0.25), (0.25, 0.35), (0.75, 0.45), (-0.75, 0.2)):
            slot = round((s + offset) * 4)
            if 0 <= slot < bar.pulses * 4 and slot not in busy and rng.random() < chance * player.part.ghosts * (0.5 + 0.25 * bar.energy):
                busy.add(slot)
                out.append(ScoreNote(player.swung(bar.start + slot / 4), 0.1, SNARE, 0.13 + 0.12 * rng.random()))
    return out


def _hands(player: Player, bar: ContextBar, notes: list[ScoreNote], rng: np.random.Generator) -> list[ScoreNote]:
    """A stroke of the hand that keeps time left out here, doubled there, as much as the style varies."""
    amount = player.part.variation
    counts = Counter(n.pitch for n in notes if n.pitch != KICK)
    hands = {HAT, RIDE} | {pitch for pitch, count in counts.items() if count >= BUSY_HAND}
    kept = [n for n in notes if n.pitch not in hands or (n.beat - bar.start) % 1 == 0 or rng.random() >= 0.1 * amount]
    taken = {round(n.beat * 4) for n in kept if n.pitch in hands}
    extra = [
        ScoreNote(player.swung(n.beat + 0.25), 0.1, n.pitch, n.loudness * 0.6)
        for n in kept
        if n.pitch in hands and bar.energy >= 1 and (n.beat - bar.start) % 0.5 == 0 and rng.random() < (0.08 + 0.04 * bar.energy) * amount
    ]
    return kept + [n for n in extra if round(n.beat * 4) not in taken]


def _dynamics(player: Player, bar: ContextBar, notes: list[ScoreNote]) -> list[ScoreNote]:
    rng, out = player.rng("strokes", bar.section, bar.number), []
    for n in sorted(notes, key=lambda x: (x.beat, x.pitch)):
        loudness = n.loudness
        if n.pitch in CYMBALS and not player.style.swung:
            loudness *= HANDS[round((n.beat - bar.start) * 4) % 4] * 1.2
        if n.pitch in (SNARE, KICK) and loudness > 0.55:
            loudness *= 1.05 if n.beat - bar.start >= bar.pulses / 2 else 0.97
        push = n.push_ms + PUSH_MS.get(n.pitch, 0.0)
        out.append(replace(n, loudness=loudness * LEVELS[bar.energy] * player.arc(n.beat), push_ms=push))
        if n.pitch == SNARE and loudness > 0.7 and rng.random() < player.part.flams:
            out.append(ScoreNote(n.beat, 0.05, SNARE, loudness * 0.35, push - 22))
    return out
