"""Piano, electric piano and organ, guitars, pads, strings and brass: voice-led chords in the style's rhythm."""

from __future__ import annotations

import itertools
from dataclasses import replace

from sideman.core.generation.band.fretboard import strummed
from sideman.core.generation.band.player import Player, full_bars
from sideman.core.generation.band.tab import Step
from sideman.core.generation.band.voicing import Register, lead_voices
from sideman.core.generation.context import ChordEvent, ContextBar
from sideman.core.music import ScoreNote, StemRole

GUITARS = (StemRole.GUITAR, StemRole.ACOUSTIC)
HANDS = (StemRole.PIANO, StemRole.KEYS, StemRole.OTHER)
SUSTAINED = (StemRole.PAD, StemRole.STRINGS)
SPREAD_MS = {
    StemRole.GUITAR: (9, 24),
    StemRole.ACOUSTIC: (10, 28),
    StemRole.PAD: (6, 10),
    StemRole.STRINGS: (8, 16),
    StemRole.BRASS: (2, 8),
}
HAND_SPREAD_MS = (2, 11)
STROKES = {
    "x": 0.58,
    "X": 0.72,
    "o": 0.42,
    "d": 0.58,
    "u": 0.46,
    "m": 0.4,
    "n": 0.58,
    "p": 0.66,
    "P": 0.76,
    "q": 0.6,
    "s": 0.66,
    "O": 0.66,
    "t": 0.5,
    "b": 0.52,
}
VOICES = "123456"
NEXT, MUTED, POWER, MUTED_POWER, SIXTH, OCTAVE, TOP, BASS, UP = "n", "m", "pP", "q", "s", "O", "t", "b", "u"
MUTED_PULSES = 0.09
AHEAD_PULSES = 4
"""How far a bar looks for the chord that an anticipation belongs to."""
BUSY_ONSETS = 3.2
"""Onsets a beat from which on a section is full: a comping part then plays as one energy level lower."""
LEAST_ROOM = 12
"""Semitones between the bottom and the top that a part keeps when its register moves."""

FIFTHS = (7, 6, 8)
SLIVER_PULSES = 0.3
"""So short a piece of a chord is not played when a held one is cut at the changes."""

Voiced = list[tuple[ChordEvent, tuple[int, ...]]]


def write(player: Player) -> list[ScoreNote]:
    voiced = _voiced(player)
    if not voiced:
        return []
    out: list[ScoreNote] = []
    for bar in full_bars(player):
        out += _bar(player, bar, [voiced[i] for i in player.context.sounding_between(bar.start, bar.end + AHEAD_PULSES)])
    return _shaded(player, out)


def _voiced(player: Player) -> Voiced:
    events = player.context.sounding_chords()
    chords, part = [e.chord for e in events], player.part
    low, high, centre = part.register
    shift = player.context.room_shift((low, high)) if player.role not in GUITARS else 0
    if part.voicing in ("open strings", "frets"):
        return list(zip(events, strummed(chords, part.voicing == "open strings", centre), strict=True))
    wide = 19 if player.role in SUSTAINED else 14
    register = Register(
        low + shift, max(high + shift, low + shift + LEAST_ROOM), centre + shift, part.notes, part.voicing == "rootless", wide
    )
    known = part.voicing == "rootless" and player.context.key_known
    scales = [player.context.key_at(e.start).scale for e in events] if known else []
    return list(zip(events, lead_voices(chords, register, scales), strict=True))


def _bar(player: Player, bar: ContextBar, voiced: Voiced) -> list[ScoreNote]:
    busy = player.role in (*HANDS, *GUITARS) and bar.density >= BUSY_ONSETS
    figure = player.figure(bar, "comp", max(0, bar.energy - 1) if busy and bar.energy >= 2 else None)
    if figure is None or not voiced:
        return []
    out: list[ScoreNote] = []
    for name, tab in figure.tabs.items():
        steps = list(tab.steps(bar, player.context.compound))
        if name == "hands" and player.role not in SUSTAINED:
            steps = _varied(player, bar, steps)
        steps = _with_changes(steps, bar, voiced, player.role in SUSTAINED) if name == "hands" else steps
        for step in steps:
            out += _struck(player, bar, step, voiced)
    return out


def _varied(player: Player, bar: ContextBar, steps: list[Step]) -> list[Step]:
    """Strokes left out, added or anticipated, as much as the style varies; the fourth bar of a phrase turns more."""
    rng, amount = player.rng("varied", bar.number), player.part.variation * (1.6 if bar.index_in_section % 4 == 3 else 1.0)
    if player.context.compound or bar.energy == 0 or len(steps) < 2:
        return steps
    out = []
    for k, step in enumerate(steps):
        if step.symbol in VOICES:
            if k and rng.random() < 0.14 * amount:  # an arpeggio takes its neighbour now and then
                step = replace(step, symbol=VOICES[min(5, max(0, VOICES.index(step.symbol) + int(rng.choice([-1, 1]))))])
        elif k and rng.random() < (0.2 if step.at % 1 else 0.1) * amount:
            continue
        out.append(step)
    taken = {round(s.at * 2) for s in out}
    free = [q for q in range(1, bar.pulses * 2, 2) if q not in taken and q - 1 in taken]
    if free and rng.random() < 0.35 * amount:
        out.append(Step(float(rng.choice(free)) / 2, 0.4, UP if player.role in GUITARS else "o"))
    return sorted(out, key=lambda s: s.at)


def _with_changes(steps: list[Step], bar: ContextBar, voiced: Voiced, sustained: bool) -> list[Step]:
    """A chord that changes under a held one is struck again; a chord that the figure never strikes is struck where it begins."""
    out = [piece for step in steps for piece in (_along_chords if sustained else _cut_at_changes)(step, bar, voiced)]
    early = 0.0 if sustained else 0.51
    for event, _ in voiced if steps else ():  # a bar of rests is meant
        a, b = event.start - bar.start, min(float(bar.pulses), event.end - bar.start)
        if a > -1e-6 and b - a >= 1 and not any(a - early - 1e-6 <= s.at < b for s in out):
            out.append(Step(a, min(1.0, b - a), "x"))
    return sorted(out, key=lambda s: s.at)


def _cut_at_changes(step: Step, bar: ContextBar, voiced: Voiced) -> list[Step]:
    changes = [e.start - bar.start for e, _ in voiced]
    cuts = [c for c in changes if step.at + 0.3 < c < step.at + step.pulses - 0.2] if step.pulses > 1 else []
    edges = [step.at, *cuts, step.at + step.pulses]
    return [Step(a, b - a, step.symbol) for a, b in itertools.pairwise(edges)]


def _along_chords(step: Step, bar: ContextBar, voiced: Voiced) -> list[Step]:
    """What is held, cut exactly where chords begin and end: nothing else ends it."""
    spans = [(max(step.at, e.start - bar.start), min(step.at + step.pulses, e.end - bar.start)) for e, _ in voiced]
    pieces = [Step(a, b - a, step.symbol) for a, b in spans if b - a > 1e-6]
    return [p for p in pieces if p.pulses >= SLIVER_PULSES] or pieces


def _struck(player: Player, bar: ContextBar, step: Step, voiced: Voiced) -> list[ScoreNote]:
    at = bar.start + step.at
    i = next((k for k, (e, _) in enumerate(voiced) if e.start - 1e-6 <= at < e.end - 1e-6), None)
    if i is None:
        return []
    ahead = step.symbol == NEXT and i + 1 < len(voiced) and voiced[i + 1][0].start - at <= player.context.pulses_per_beat + 0.01
    event, v = voiced[i + 1] if ahead else voiced[i]
    room = step.pulses if ahead else min(step.pulses, event.end - at)
    length = max(0.06, room * player.part.length)
    if step.symbol in (MUTED, MUTED_POWER):
        length = MUTED_PULSES
    loudness = STROKES.get(step.symbol, 0.5) * (1.0 if step.at % 1 == 0 else 0.92)
    place = player.swung(at)
    return [ScoreNote(place, length, p, loudness) for p in _pitches(player, step.symbol, event, v)]


def _pitches(player: Player, symbol: str, event: ChordEvent, v: tuple[int, ...]) -> tuple[int, ...]:
    assert event.chord.root is not None
    if symbol in VOICES:
        return (v[(int(symbol) - 1) % len(v)],)
    if symbol in POWER or symbol == MUTED_POWER:
        root = 40 + (event.chord.root - 40) % 12
        fifth = tuple(root + i for i in FIFTHS if i in event.chord.intervals)[:1]
        return (root, *fifth, root + 12) if symbol in POWER else (root, *fifth)
    if symbol == SIXTH:
        root = 40 + (event.chord.root - 40) % 12
        return (root, root + 9)
    if symbol == OCTAVE:
        return (v[-1], v[-1] + 12)
    if symbol == TOP:
        return v[-2:]
    if symbol == BASS:
        bass = event.chord.bass_pitch_class
        assert bass is not None
        low = 40 if player.role in GUITARS else 36
        return (low + (bass - low) % 12,)
    if symbol == UP and len(v) > 3:
        return v[1:]
    return v


def _shaded(player: Player, score: list[ScoreNote]) -> list[ScoreNote]:
    """Per chord: strum order and spread, balance of the notes, accents, phrase arc."""
    out: list[ScoreNote] = []
    score = sorted(score, key=lambda n: (n.beat, n.pitch))
    i = 0
    while i < len(score):
        j = i
        while j < len(score) and abs(score[j].beat - score[i].beat) < 1e-9:
            j += 1
        out += _one_chord(player, score[i:j])
        i = j
    return out


def _one_chord(player: Player, notes: list[ScoreNote]) -> list[ScoreNote]:
    role, at = player.role, notes[0].beat
    rng = player.rng("chord", round(at * 96))
    up = role in GUITARS and round(at * 2) % 2 == 1
    low, high = SPREAD_MS.get(role, HAND_SPREAD_MS)
    spread = float(rng.uniform(low, high)) * (0.8 if up else 1.0) if len(notes) > 1 else 0.0
    accent = 1.04 if at == player.context.bar_at(at).start else 0.92 if at % 1 else 1.0
    out = []
    for k, n in enumerate(notes):
        order = (len(notes) - 1 - k if up else k) / max(1, len(notes) - 1)
        balance = 1.0
        if role in HANDS:
            balance = 1.1 if k == len(notes) - 1 else 0.95 if k == 0 else 0.84
        elif role in GUITARS:
            balance = (1 - 0.22 * order) * (0.82 if up else 1)
        stretch = 1.04 if role in SUSTAINED else float(rng.uniform(0.85, 1.08))
        push = spread * order - (4 if role in HANDS else 0)
        loudness = n.loudness * balance * (1.0 if role in SUSTAINED else accent) * player.arc(at)
        out.append(replace(n, length_beats=n.length_beats * stretch, loudness=loudness, push_ms=push))
    return out
