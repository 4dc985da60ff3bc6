"""What every part shares: its context, style and random streams, the phrase arc, and the way from score to performance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sideman.core.generation.band.styles import Style
from sideman.core.generation.context import ContextBar, SongContext, stream
from sideman.core.music import NoteEvent, ScoreNote, StemRole


@dataclass(frozen=True, slots=True)
class Feel:
    """Mean shift and spread of a player against the grid, ms, and spread of loudness."""

    shift_ms: float
    spread_ms: float
    loudness_spread: float


FEEL = {
    StemRole.DRUMS: Feel(0, 3, 0.05), StemRole.BASS: Feel(-2, 5, 0.05), StemRole.PIANO: Feel(2, 7, 0.07),
    StemRole.GUITAR: Feel(3, 8, 0.07), StemRole.PAD: Feel(0, 6, 0.03),
}  # fmt: skip
KIT_PAN = {
    36: 0.0, 38: 0.04, 40: 0.04, 37: 0.04, 42: 0.38, 44: 0.38, 46: 0.38, 49: -0.45, 57: 0.5, 51: -0.4, 53: -0.4, 48: 0.25,
    50: 0.35, 45: -0.1, 47: 0.0, 43: -0.35, 41: -0.4, 39: 0.0,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Player:
    """A part's view of the song. Writing modules take one and return ScoreNotes in pulses."""

    context: SongContext
    style: Style
    seed: int

    def rng(self, *names: object) -> np.random.Generator:
        return stream(self.seed, self.style.name, *names)

    def swung(self, pulse: float) -> float:
        """Moves an off-beat to its swung place; compound time has its own triplets."""
        if not self.style.swung or self.context.compound:
            return pulse
        whole = np.floor(pulse)
        share, ratio = pulse - whole, self.style.swing(self.context.tempo)
        return float(whole + (share / 0.5 * ratio if share <= 0.5 else ratio + (share - 0.5) / 0.5 * (1 - ratio)))

    def energy(self, pulse: float) -> int:
        return self.context.bar_at(pulse).energy

    def arc(self, pulse: float) -> float:
        """Phrase dynamics: every four bars rise to the third and relax; a section grows while it lasts."""
        bar = self.context.bar_at(pulse)
        place = (bar.index_in_section % 4 + (pulse - bar.start) / bar.pulses) / 4
        wander = float(self.rng("arc", bar.section, bar.index_in_section // 4).normal(0, 0.03))
        swell = 0.2 * np.sin(np.pi * min(1.0, place * 1.15)) ** 2
        return float(1 - 0.09 + swell + 0.012 * min(8, bar.index_in_section) / 2 + wander)

    @cached_property
    def pocket_ms(self) -> NDArray[np.float64]:
        """The rhythm section's shared drift per sixteenth, AR(1): players wander together, they are not white noise."""
        rng = self.rng("pocket")
        count = int(self.context.bars[-1].end * 4) + 64
        noise, out = rng.normal(0, 1, count), np.zeros(count)
        for i in range(1, count):
            out[i] = 0.9 * out[i - 1] + 0.436 * noise[i]
        return 4.0 * out

    def perform(self, role: StemRole, score: list[ScoreNote], take: int = 0) -> tuple[NoteEvent, ...]:
        """Score in pulses -> notes in seconds through the song's grid. take > 0 is another performance of the same notes."""
        feel, rng, loose = FEEL[role], self.rng("human", role, take), self.style.timing
        rigid = role in (StemRole.DRUMS, StemRole.BASS)
        shifts: dict[int, float] = {}
        drift, out = 0.0, []
        score = sorted(score, key=lambda n: (n.beat, n.pitch))
        starts = self.context.seconds_at([n.beat for n in score])
        ends = self.context.seconds_at([n.beat + n.length_beats for n in score])
        for n, start_s, end_s in zip(score, starts, ends, strict=True):
            slot = round(n.beat * 24)
            if slot not in shifts:
                drift = 0.85 * drift + 0.5 * float(rng.normal(0, feel.spread_ms))
                pocket = self.pocket_ms[min(len(self.pocket_ms) - 1, max(0, round(n.beat * 4)))]
                shifts[slot] = drift + pocket * (1.0 if rigid else 0.6)
            ms = (feel.shift_ms + shifts[slot]) * loose + n.push_ms * (max(loose, 0.3) if rigid else 1)
            ms += float(rng.normal(0, 1.2 + 2.5 * take)) * loose
            loudness = n.loudness + float(rng.normal(0, feel.loudness_spread))
            velocity = int(np.clip(round(127 * loudness), 8, 127))
            if float(start_s) < -0.05:
                continue  # the recording begins inside this bar: what was played before is not heard
            start = max(0.0, float(start_s) + ms / 1000)
            end = max(start + 0.03, float(end_s) + ms / 1000)
            pan = KIT_PAN.get(n.pitch, 0.0) if role is StemRole.DRUMS else 0.0
            if start < self.context.duration_s - 0.05:
                out.append(NoteEvent(start, min(end, self.context.duration_s), n.pitch, velocity, pan))
        return _without_overlaps(out)


def _without_overlaps(notes: list[NoteEvent]) -> tuple[NoteEvent, ...]:
    """A key that is struck again ends the note before."""
    notes = sorted(notes, key=lambda n: (n.start_s, n.pitch))
    out: list[NoteEvent] = []
    last: dict[int, int] = {}
    for n in notes:
        i = last.get(n.pitch)
        if i is not None and out[i].end_s > n.start_s - 0.002:
            b = out[i]
            if n.start_s - b.start_s < 0.02:
                continue  # the same key cannot be struck twice within 20 ms
            out[i] = NoteEvent(b.start_s, max(b.start_s + 0.015, n.start_s - 0.004), b.pitch, b.velocity, b.pan)
        last[n.pitch] = len(out)
        out.append(n)
    return tuple(out)


def full_bars(player: Player) -> list[ContextBar]:
    """Bars that begin inside the recording."""
    return [b for b in player.context.bars if float(player.context.seconds_at(b.start)) < player.context.duration_s - 0.1]
