"""What every part shares: its context, style and random streams, the phrase arc, and the way from score to performance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sideman.core.generation.band.style import Figure, PartStyle, Style, swung
from sideman.core.generation.context import ContextBar, SongContext, stream
from sideman.core.music import NoteEvent, ScoreNote, StemRole


@dataclass(frozen=True, slots=True)
class Feel:
    """Mean shift and spread of a player against the grid, ms, and spread of loudness."""

    shift_ms: float
    spread_ms: float
    loudness_spread: float


FEEL = {
    StemRole.DRUMS: Feel(0, 3, 0.05), StemRole.BASS: Feel(-2, 5, 0.05), StemRole.PIANO: Feel(2, 7, 0.07), StemRole.KEYS: Feel(2, 7, 0.06),
    StemRole.GUITAR: Feel(3, 8, 0.07), StemRole.ACOUSTIC: Feel(3, 8, 0.07), StemRole.PAD: Feel(0, 6, 0.03), StemRole.STRINGS: Feel(6, 8, 0.03),
    StemRole.BRASS: Feel(4, 6, 0.04), StemRole.LEAD: Feel(5, 9, 0.05), StemRole.VOCALS: Feel(8, 10, 0.05), StemRole.PERCUSSION: Feel(1, 5, 0.06),
    StemRole.OTHER: Feel(2, 7, 0.06),
}  # fmt: skip
KIT_PAN = {
    36: 0.0, 38: 0.04, 40: 0.04, 37: 0.04, 42: 0.38, 44: 0.38, 46: 0.38, 49: -0.45, 57: 0.5, 51: -0.4, 53: -0.4, 48: 0.25,
    50: 0.35, 45: -0.1, 47: 0.0, 43: -0.35, 41: -0.4, 39: 0.0, 54: 0.35, 56: -0.2, 60: -0.35, 61: -0.25, 62: -0.4, 63: -0.35,
    64: -0.25, 65: 0.3, 66: 0.4, 67: 0.3, 68: 0.35, 69: 0.45, 70: 0.45, 73: -0.5, 74: -0.5, 75: -0.15, 76: 0.2, 77: 0.3, 80: 0.5, 81: 0.5, 82: 0.45,
}  # fmt: skip
RIGID = (StemRole.DRUMS, StemRole.BASS, StemRole.PERCUSSION)
GROOVE_SHARE, MOST_GROOVE_MS = 0.7, 20.0
SWUNG_SONG = 1.2
DETAILS = ("varied", "details", "chance", "shake", "strokes", "fill", "pitches", "human")
"""Streams that decide how a part is played, not what it is."""


@dataclass(frozen=True, eq=False)
class Player:
    """A part's view of the song. Writing modules take one and return ScoreNotes in pulses."""

    context: SongContext
    style: Style
    seed: int
    role: StemRole
    liveliness: float = 1.0
    variation: int = 0

    @cached_property
    def part(self) -> PartStyle:
        part, amount = self.style.parts[self.role], self.liveliness
        return replace(
            part, variation=part.variation * amount, ghosts=part.ghosts * amount, flams=part.flams * amount, answers=part.answers * amount
        )

    def rng(self, *names: object) -> np.random.Generator:
        """A stream by name; those of details differ from variation to variation of the same performance."""
        varied = (self.variation,) if self.variation and names[0] in DETAILS else ()
        return stream(self.seed, self.style.name, self.role, *names, *varied)

    @cached_property
    def _swing(self) -> tuple[float, float]:
        """The unit that is divided unevenly, in pulses, and the share of it before its middle; the song's own swing counts first."""
        groove, unit = self.context.groove, self.style.swing_pulses
        if groove is not None and groove.swing >= SWUNG_SONG and unit == 1.0:
            return 1.0, float(np.clip(groove.swing / (1 + groove.swing), 0.5, 0.7))
        return unit, self.style.swing(self.context.tempo)

    def swung(self, pulse: float) -> float:
        """Moves an off-beat to its swung place; compound time has its own triplets."""
        if self.context.compound or self._swing[1] == 0.5:
            return pulse
        return float(swung(pulse, *self._swing))

    def energy(self, pulse: float) -> int:
        return self.context.bar_at(pulse).energy

    def figure(self, bar: ContextBar, what: str = "figure", energy: int | None = None) -> Figure | None:
        """The figure of this bar: one for a section, another one sometimes for a phrase of four bars of it; None where a part has none."""
        level = bar.energy if energy is None else energy
        meter = self.context.grid.meter.pattern
        figures = [f for f in self.part.figures if f.meter == meter] or [f for f in self.part.figures if not f.meter]
        if not figures:
            return None
        nearest = min(f.for_energy(level) for f in figures)
        fitting = [f for f in figures if f.for_energy(level) == nearest]
        first = int(self.rng(what, bar.section).integers(len(fitting)))
        phrase = self.rng(what, bar.section, bar.index_in_section // 4)
        if bar.index_in_section >= 4 and phrase.random() < 0.5:
            first += 1 + int(phrase.integers(max(1, len(fitting) - 1)))
        return fitting[first % len(fitting)]

    def arc(self, pulse: float) -> float:
        """Phrase dynamics: every four bars rise to the third and relax; a section grows while it lasts."""
        bar = self.context.bar_at(pulse)
        place = (bar.index_in_section % 4 + (pulse - bar.start) / bar.pulses) / 4
        swell = 0.2 * np.sin(np.pi * min(1.0, place * 1.15)) ** 2
        return float(1 - 0.09 + swell + 0.012 * min(8, bar.index_in_section) / 2 + self._wander(bar.section, bar.index_in_section // 4))

    def _wander(self, section: int, phrase: int) -> float:
        if (section, phrase) not in self._wanders:
            self._wanders[section, phrase] = float(stream(self.seed, self.style.name, "arc", section, phrase).normal(0, 0.03))
        return self._wanders[section, phrase]

    @cached_property
    def _wanders(self) -> dict[tuple[int, int], float]:
        return {}

    @cached_property
    def pocket_ms(self) -> NDArray[np.float64]:
        """The rhythm section's shared drift per sixteenth, AR(1): players wander together, they are not white noise."""
        rng = stream(self.seed, self.style.name, "pocket")
        count = int(self.context.bars[-1].end * 4) + 64
        noise, out = rng.normal(0, 1, count), np.zeros(count)
        for i in range(1, count):
            out[i] = 0.9 * out[i - 1] + 0.436 * noise[i]
        return 4.0 * out

    def _groove_ms(self, pulse: float) -> float:
        """Where the song's own players put this step of the bar; 0 for triplet grooves, whose swing is followed instead."""
        groove = self.context.groove
        if groove is None or groove.steps_per_beat != 4 or self.context.compound:
            return 0.0
        bar = self.context.bar_at(pulse)
        step = round((pulse - bar.start) * 4)
        if abs(pulse - bar.start - step / 4) > 0.04 or not 0 <= step < len(groove.offsets_ms):
            return 0.0
        weights = np.array(groove.accents)
        middle = float(np.average(groove.offsets_ms, weights=weights)) if weights.sum() else 0.0
        trust = min(1.0, groove.accents[step] * 2)  # a step that is hardly played says little
        return float(np.clip(GROOVE_SHARE * trust * (groove.offsets_ms[step] - middle), -MOST_GROOVE_MS, MOST_GROOVE_MS))

    def _groove_accent(self, pulse: float) -> float:
        groove = self.context.groove
        if groove is None or self.context.compound:
            return 1.0
        bar = self.context.bar_at(pulse)
        step = round((pulse - bar.start) * groove.steps_per_beat)
        return 0.94 + 0.12 * groove.accents[step] if 0 <= step < len(groove.accents) else 1.0

    def perform(self, score: list[ScoreNote], take: int = 0) -> tuple[NoteEvent, ...]:
        """Score in pulses -> notes in seconds through the song's grid. take > 0 is another performance of the same notes."""
        feel, rng, loose = FEEL[self.role], self.rng("human", take), self.style.looseness
        rigid = self.role in RIGID
        shifts: dict[int, float] = {}
        drift, out = 0.0, []
        score = sorted((n for n in score if not self.context.stopped(n.beat)), key=lambda n: (n.beat, n.pitch))
        starts = self.context.seconds_at([n.beat for n in score])
        ends = self.context.seconds_at([self.context.until_stop(n.beat, n.beat + n.length_beats) for n in score])
        for n, start_s, end_s in zip(score, starts.tolist(), ends.tolist(), strict=True):
            slot = round(n.beat * 24)
            if slot not in shifts:
                drift = 0.85 * drift + 0.5 * float(rng.normal(0, feel.spread_ms))
                pocket = self.pocket_ms[min(len(self.pocket_ms) - 1, max(0, round(n.beat * 4)))]
                shifts[slot] = drift + pocket * (1.0 if rigid else 0.6) + self._groove_ms(n.beat) / max(loose, 0.3)
            ms = (feel.shift_ms + shifts[slot]) * loose + n.push_ms * (max(loose, 0.3) if rigid else 1)
            ms += float(rng.normal(0, 1.2 + 2.5 * take)) * loose
            loudness = n.loudness * self._groove_accent(n.beat) + float(rng.normal(0, feel.loudness_spread))
            velocity = min(127, max(8, round(127 * loudness)))
            if start_s < -0.05:
                continue  # the recording begins inside this bar: what was played before is not heard
            start = max(0.0, start_s + ms / 1000)
            end = max(start + 0.03, end_s + ms / 1000)
            pan = KIT_PAN.get(n.pitch, 0.0) if not self.role.pitched else 0.0
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
            if n.start_s - b.start_s < 0.02:  # the same key cannot be struck twice within 20 ms: the louder stroke counts
                out[i] = n if n.velocity > b.velocity else b
                continue
            out[i] = NoteEvent(b.start_s, max(b.start_s + 0.015, n.start_s - 0.004), b.pitch, b.velocity, b.pan)
        last[n.pitch] = len(out)
        out.append(n)
    return tuple(out)


def full_bars(player: Player) -> list[ContextBar]:
    """Bars that begin inside the recording."""
    return [b for b in player.context.bars if float(player.context.seconds_at(b.start)) < player.context.duration_s - 0.1]
