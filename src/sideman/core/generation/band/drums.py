"""Drums: a groove per style and section, ghosts, hat variation, flams, fills at section ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sideman.core.generation.band.player import Player, full_bars
from sideman.core.generation.context import ContextBar
from sideman.core.music import ScoreNote

KICK, SIDE_STICK, SNARE, CLAP, HAT, PEDAL, OPEN_HAT = 36, 37, 38, 39, 42, 44, 46
RIDE, RIDE_BELL, CRASH, HIGH_TOM, MID_TOM, LOW_TOM = 51, 53, 49, 48, 45, 43
HANDS = (1.0, 0.58, 0.80, 0.52)
"""Accent of the four sixteenths of a beat: the stroke of one hand is never even."""
PUSH_MS = {SNARE: 5.0, SIDE_STICK: 4.0, HAT: -2.0, OPEN_HAT: -2.0, RIDE: -1.0, RIDE_BELL: -1.0}
FILLS = (
    (SNARE, SNARE, HIGH_TOM, LOW_TOM),
    (SNARE, HIGH_TOM, HIGH_TOM, MID_TOM),
    (HIGH_TOM, SNARE, MID_TOM, LOW_TOM),
    (SNARE, KICK, SNARE, LOW_TOM),
)
CYMBALS = (HAT, OPEN_HAT, PEDAL, RIDE, RIDE_BELL)


def write(player: Player) -> list[ScoreNote]:
    out: list[ScoreNote] = []
    bars = full_bars(player)
    for i, bar in enumerate(bars):
        final = i + 1 == len(bars)
        notes = _groove(player, bar, final)
        if bar.first_in_section and i > 0 and bar.energy >= 2:
            notes.append(ScoreNote(bar.start, 2, CRASH, 0.8))
        if player.style.name == "rock":
            notes = _rock_details(player, bar, notes, _fills(bar, final))
        out += _dynamics(player, bar, notes)
    if bars and bars[-1].energy >= 1:
        end = bars[-1].end
        out += [ScoreNote(end, 2, CRASH, 0.7), ScoreNote(end, 0.1, KICK, 0.8)]
    return out


def _fills(bar: ContextBar, final: bool) -> bool:
    return bar.last_in_section and not final and bar.energy > 0


def _groove(player: Player, bar: ContextBar, final: bool) -> list[ScoreNote]:
    length = (1 if bar.energy < 2 else 2) if bar.pulses >= 3 else 1
    limit = bar.pulses - length if _fills(bar, final) else bar.pulses
    if player.style.name == "jazz":
        notes = _jazz(player, bar, limit)
    elif player.style.name == "electronic":
        notes = _electronic(player, bar, limit)
    else:
        notes = _rock(player, bar, limit)
    if _fills(bar, final):
        notes += _section_fill(player, bar, length)
    return notes


def _hit(bar: ContextBar, at: float, pitch: int, loudness: float, push_ms: float = 0.0) -> ScoreNote:
    return ScoreNote(bar.start + at, 0.1, pitch, loudness, push_ms)


def _rock(player: Player, bar: ContextBar, limit: float) -> list[ScoreNote]:
    e, groups = bar.energy, player.context.groups(bar)
    starts = np.cumsum([0, *groups])[:-1]
    variant = int(player.rng("groove", bar.section).integers(3))
    figures = ((0.0,), (0.0, 1.5), (0.0, 0.5)) if bar.index_in_section % 2 == 0 else ((0.0,), (0.0, 1.75), (0.0, 1.5))
    kicks, out = figures[variant], []
    snare = SNARE if e > 1 else SIDE_STICK
    for k, (start, size) in enumerate(zip(starts, groups, strict=True)):
        if e >= 1 and start < limit:
            out.append(_hit(bar, start, KICK, 0.85))
            extra = [x for x in kicks[1:] if x < size and start + x < limit and (k or bar.index_in_section % 2 == 0)]
            out += [_hit(bar, start + x, KICK, 0.62) for x in extra] if e >= 2 and not player.context.compound else []
        back = start + (size - 1 if size <= 3 else size // 2)
        compound_group = player.context.compound and size == 3
        if e >= 1 and back < limit and not compound_group:
            out.append(_hit(bar, back, snare, 0.82 if e > 1 else 0.6, 4))
    if player.context.compound:
        out += [_hit(bar, x, snare, 0.82) for x in starts[1::2] if e >= 1 and x < limit]
    step = 1.0 if player.context.compound or player.context.tempo > 190 else 0.5
    for x in np.arange(0, limit, step):
        out.append(_hit(bar, float(x), RIDE if e >= 3 and bar.section % 2 else HAT, 0.62 if x == int(x) else 0.42))
    if e >= 2 and bar.index_in_section % 4 == 3 and limit == bar.pulses:
        out.append(_hit(bar, bar.pulses - 0.5, OPEN_HAT, 0.55))
    return out


def _jazz(player: Player, bar: ContextBar, limit: float) -> list[ScoreNote]:
    rng, e, out = player.rng("jazz", bar.section, bar.number), bar.energy, []
    backbeats = range(1, bar.pulses, 2) if bar.pulses != 3 else (1,)
    for b in range(bar.pulses):
        out += [_hit(bar, b, RIDE, 0.82 if b in backbeats else 0.7), _hit(bar, b, KICK, 0.3)]
        if b in backbeats:
            out.append(_hit(bar, b, PEDAL, 0.75))
            if b < limit:
                out.append(_hit(bar, player.swung(bar.start + b + 0.5) - bar.start, RIDE, 0.42))
    for b in range(int(limit)) if e >= 1 else ():
        off = player.swung(bar.start + b + 0.5) - bar.start
        if rng.random() < 0.08 + 0.05 * e:
            out.append(_hit(bar, off, SNARE, 0.15 + 0.15 * rng.random()))
        if rng.random() < 0.03 * e:
            out.append(_hit(bar, off, KICK, 0.4))
    return out


def _electronic(player: Player, bar: ContextBar, limit: float) -> list[ScoreNote]:
    e, out = bar.energy, []
    beat = 3.0 if player.context.compound else 1.0
    half = beat / 2 if not player.context.compound else 2.0
    for k, b in enumerate(np.arange(0, bar.pulses, beat)):
        if e >= 1 and b < limit:
            out.append(_hit(bar, b, KICK, 0.95))
        if e >= 2 and k % 2 and b < limit:
            out.append(_hit(bar, b, CLAP, 0.8))
        if e >= 1 and b + half < bar.pulses:
            out.append(_hit(bar, b + half, OPEN_HAT if e >= 2 else HAT, 0.55))
        if e >= 2:
            fine = (0.0, 1.0) if player.context.compound else (0.0, 0.25, 0.75)
            out += [_hit(bar, b + q, HAT, 0.40 if q == 0 else 0.28) for q in fine]
    if e == 3 and bar.index_in_section % 2 and limit == bar.pulses and not player.context.compound:
        out.append(_hit(bar, bar.pulses - 0.25, KICK, 0.6))
    return out


def _section_fill(player: Player, bar: ContextBar, length: int) -> list[ScoreNote]:
    rng = player.rng("fill", bar.section, bar.number)
    step = 1 / 3 if player.style.swung else 0.5 if player.context.compound else 0.25
    down = (SNARE, SNARE, HIGH_TOM, HIGH_TOM, MID_TOM, MID_TOM, LOW_TOM, LOW_TOM)
    mixed = (SNARE, HIGH_TOM, SNARE, MID_TOM, SNARE, LOW_TOM, KICK, LOW_TOM)
    order = down if rng.random() < 0.6 else mixed
    if player.style.name == "electronic":
        order = (CLAP,) * 8
    count = round(length / step)
    out = []
    for k in range(count):
        if not player.style.swung or rng.random() < 0.8:
            piece = order[int(k * len(order) / count)]
            out.append(_hit(bar, bar.pulses - length + k * step, piece, 0.5 + 0.4 * k / max(1, count - 1)))
    return out


def _rock_details(player: Player, bar: ContextBar, notes: list[ScoreNote], fills: bool) -> list[ScoreNote]:
    """Kick answers, ghost notes around the backbeat, hats left out or added, a small fill every fourth bar."""
    rng, e = player.rng("details", bar.section, bar.number), bar.energy
    if player.context.compound or fills:
        return notes
    m = bar.pulses
    if e >= 2 and bar.index_in_section % 2 and rng.random() < 0.6:
        at = m + float(rng.choice([-0.5, -1.5, -0.75]))
        if at > 0:
            notes.append(_hit(bar, at, KICK, 0.5 + 0.1 * rng.random()))
    busy = {round((n.beat - bar.start) * 4) for n in notes if n.pitch in (SNARE, KICK, SIDE_STICK)}
    backbeats = [n.beat - bar.start for n in notes if n.pitch in (SNARE, SIDE_STICK) and n.loudness > 0.5]
    for s in backbeats if e >= 1 else ():
        for offset, chance in ((-0.25, 0.25), (0.25, 0.35), (0.75, 0.45), (-0.75, 0.2)):
            slot = round((s + offset) * 4)
            if 0 <= slot < m * 4 and slot not in busy and rng.random() < chance * (0.3 + 0.2 * e):
                busy.add(slot)
                notes.append(_hit(bar, slot / 4, SNARE, 0.13 + 0.12 * rng.random()))
    kept = [n for n in notes if n.pitch != HAT or (n.beat - bar.start) % 1 == 0 or rng.random() >= 0.05]
    extra = [
        ScoreNote(n.beat + 0.25, 0.1, HAT, n.loudness * 0.6)
        for n in kept
        if n.pitch == HAT and e >= 1 and (n.beat - bar.start) % 0.5 == 0 and rng.random() < 0.04 + 0.02 * e
    ]
    notes = kept + extra
    if bar.index_in_section % 4 == 3 and e >= 1 and m >= 3:
        length = 1.0 if bar.index_in_section % 8 == 7 else 0.5
        cut = bar.end - length
        notes = [n for n in notes if n.beat < cut - 1e-6 or n.pitch == KICK]
        figure = FILLS[int(rng.integers(4))][-int(length * 4) :]
        notes += [ScoreNote(cut + k * 0.25, 0.1, t, 0.5 + 0.3 * k / max(1, len(figure) - 1)) for k, t in enumerate(figure)]
    return notes


def _dynamics(player: Player, bar: ContextBar, notes: list[ScoreNote]) -> list[ScoreNote]:
    rng, out = player.rng("strokes", bar.section, bar.number), []
    level = (0.7, 0.85, 1.0, 1.05)[bar.energy]
    for n in sorted(notes, key=lambda x: (x.beat, x.pitch)):
        loudness = n.loudness
        if n.pitch in CYMBALS and not player.style.swung:
            loudness *= HANDS[round((n.beat - bar.start) * 4) % 4] * 1.2
        if n.pitch in (SNARE, KICK) and loudness > 0.55:
            loudness *= 1.05 if n.beat - bar.start >= bar.pulses / 2 else 0.97
        push = n.push_ms + PUSH_MS.get(n.pitch, 0.0)
        out.append(replace(n, loudness=loudness * level * player.arc(n.beat), push_ms=push))
        if n.pitch == SNARE and loudness > 0.7 and player.style.name == "rock" and rng.random() < 0.18:
            out.append(ScoreNote(n.beat, 0.05, SNARE, loudness * 0.35, push - 22))
    return out
