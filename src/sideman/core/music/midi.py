"""Standard MIDI files whose tempo map follows the recording: one tempo event per beat."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from sideman.core.music.analysis import MusicAnalysis
from sideman.core.music.notes import NoteEvent
from sideman.core.music.timeline import TICKS_PER_BEAT, BeatGrid, Meter
from sideman.errors import UsageError

DRUM_CHANNEL = 9
LONGEST_BEAT_US = (1 << 24) - 1
SOONEST_S = 0.006
"""A first beat before this is at 0: sequencers are no more exact than that."""
LONGEST_QUARTER_S = 2.9
EDGE_BEATS = 8
MOST_HASTE = 1.6
COMPOUND_UNITS = ((8, 1.0), (8, 1 / 3), (16, 1 / 6), (32, 1 / 12), (64, 1 / 24))
"""(denominator of a bar, beats of its unit)."""
SHORTEST_UNIT = 64


@dataclass(frozen=True, slots=True)
class MidiPart:
    """One track. program: General MIDI 0..127; drums play on channel 10."""

    name: str
    notes: tuple[NoteEvent, ...]
    program: int = 0
    drums: bool = False


@dataclass(frozen=True, slots=True)
class MeterChange:
    """From this beat of the tempo map on."""

    beat: float
    numerator: int
    denominator: int


@dataclass(frozen=True, eq=False)
class TempoTrack:
    """Beats of a sequencer against seconds; second 0 is beat 0 and a bar line.

    at_s, at_beat: second 0, every beat of the grid, and one beat more at the pace that goes on after the last. quarters_per_beat: of the
    meter, because sequencers count quarters.
    """

    at_s: np.ndarray
    at_beat: np.ndarray
    quarters_per_beat: float
    meters: tuple[MeterChange, ...]

    @property
    def ticks_per_beat(self) -> int:
        return round(TICKS_PER_BEAT * self.quarters_per_beat)

    def beat(self, seconds: float) -> float:
        if seconds <= self.at_s[-1]:
            return float(np.interp(seconds, self.at_s, self.at_beat))
        pace = float((self.at_beat[-1] - self.at_beat[-2]) / (self.at_s[-1] - self.at_s[-2]))  # as the last tempo that is written
        return float(self.at_beat[-1] + (seconds - self.at_s[-1]) * pace)

    def tick(self, seconds: float) -> int:
        return round(self.beat(seconds) * self.ticks_per_beat)


def tempo_track(grid: BeatGrid) -> TempoTrack:
    """The time before the first beat becomes whole beats, or one short bar, and a break of many beats more than one, so that no tempo is out
    of a sequencer's reach."""
    intervals = np.diff(grid.times)
    intervals = np.append(intervals, np.median(intervals[-EDGE_BEATS:]))
    quarters, first_s = grid.meter.quarters_per_beat, grid.times_s[0]
    beat_s = float(np.median(intervals[:EDGE_BEATS]))
    lead, denominator = (0.0, 0) if first_s < SOONEST_S else _lead_in(first_s / beat_s, grid.meter)
    longest_s = LONGEST_QUARTER_S * quarters
    steps = np.where(intervals > longest_s, np.ceil(intervals / min(longest_s, max(float(np.median(intervals)), SOONEST_S))), 1)
    beats = lead + np.concatenate([[0.0], np.cumsum(steps)])
    times = np.append(grid.times, grid.times[-1] + intervals[-1])
    at_s, at_beat = (np.concatenate([[0.0], x]) if lead else x for x in (times, beats))
    if not lead:
        at_s = np.concatenate([[0.0], at_s[1:]])
    return TempoTrack(at_s, at_beat, quarters, _meters(grid, beats, denominator))


def _lead_in(beats: float, meter: Meter) -> tuple[float, int]:
    """So many beats, in the coarsest unit in which the tempo stays near, and the denominator of a bar of that unit."""
    halves = range((SHORTEST_UNIT // meter.unit).bit_length())
    units = COMPOUND_UNITS if meter.compound else tuple((meter.unit << k, 1 / (1 << k)) for k in halves)
    for denominator, unit in units:
        count = max(1, round(beats / unit))
        if count * unit <= MOST_HASTE * beats:
            return count * unit, denominator
    return units[-1][1], units[-1][0]


def _meters(grid: BeatGrid, beats: np.ndarray, denominator: int) -> tuple[MeterChange, ...]:
    """beats: where every beat of the grid lies in the tempo map; denominator: of a lead-in shorter than a beat."""
    size, scale, lead, at = grid.meter.beats_per_bar, 3 if grid.meter.compound else 1, float(beats[0]), 0.0
    changes = []
    if 0 < lead < 1:
        changes.append(MeterChange(0.0, round(lead * denominator * grid.meter.quarters_per_beat / 4), denominator))
        at = lead
    bars = [b for b in grid.bars if b.first_beat >= 0]
    first = float(beats[bars[0].first_beat]) if bars else lead + (1 - grid.positions[0]) % size
    until_bar = round(first - at) % size
    if until_bar:
        changes.append(MeterChange(at, until_bar * scale, grid.meter.denominator))
    changes.append(MeterChange(at + until_bar, size * scale, grid.meter.denominator))
    for bar, after in itertools.zip_longest(bars, bars[1:]):
        start = float(beats[bar.first_beat])
        count = round(float(beats[after.first_beat]) - start) if after is not None else bar.beats
        whole = count // size * size if count != bar.beats else 0  # a break in it: bars like the others, and what is left of one
        for begin, length in ((start, size if whole else 0), (start + whole, count - whole)):
            if length and length * scale != changes[-1].numerator:
                if changes[-1].beat == begin:
                    changes.pop()
                changes.append(MeterChange(begin, length * scale, grid.meter.denominator))
    return tuple(changes)


def _append(track: mido.MidiTrack, events: Iterable[tuple[int, mido.Message]]) -> None:
    last = 0
    for tick, message in sorted(events, key=lambda e: (e[0], e[1].type != "note_off")):
        track.append(message.copy(time=tick - last))
        last = tick


def _conductor(grid: BeatGrid, tempo: TempoTrack, analysis: MusicAnalysis | None) -> mido.MidiTrack:
    track = mido.MidiTrack()
    events: list[tuple[int, mido.Message]] = [(0, mido.MetaMessage("track_name", name="timeline"))]
    written_s = 0.0
    for start, beats, end_s in zip(tempo.at_beat, np.diff(tempo.at_beat), tempo.at_s[1:], strict=False):
        quarters = float(beats) * tempo.quarters_per_beat  # rounding is fed back, so it never adds up
        tempo_us = min(LONGEST_BEAT_US, max(1, round((end_s - written_s) * 1e6 / quarters)))
        written_s += tempo_us * quarters / 1e6
        events.append((round(start * tempo.ticks_per_beat), mido.MetaMessage("set_tempo", tempo=tempo_us)))
    for change in tempo.meters:
        message = mido.MetaMessage("time_signature", numerator=change.numerator, denominator=change.denominator)
        events.append((round(change.beat * tempo.ticks_per_beat), message))
    if analysis is not None:
        if analysis.key is not None:
            key = analysis.key.value
            events.append((0, mido.MetaMessage("key_signature", key=_midi_key(key.spell(key.tonic), key.minor))))
        for section in analysis.sections.value if analysis.sections else ():
            events.append((tempo.tick(section.start_s), mido.MetaMessage("marker", text=section.label)))
        for span in analysis.chords.value if analysis.chords else ():
            events.append((tempo.tick(span.start_s), mido.MetaMessage("text", text=span.chord.symbol)))
    _append(track, events)
    return track


def _strokes(part: MidiPart, tempo: TempoTrack) -> Iterator[tuple[int, int, NoteEvent]]:
    """Start and end in ticks. A key that is struck again was let go before: MIDI cannot say which of two equal notes ends."""
    longest: dict[tuple[int, int], tuple[int, NoteEvent]] = {}
    for note in part.notes:
        start, end = tempo.tick(note.start_s), tempo.tick(note.end_s)
        at = note.pitch, start
        if at not in longest or longest[at][0] < end:
            longest[at] = max(start + 1, end), note
    struck = sorted(longest)
    for (pitch, start), after in itertools.zip_longest(struck, struck[1:]):
        end, note = longest[pitch, start]
        yield start, min(end, after[1]) if after is not None and after[0] == pitch else end, note


def _midi_key(tonic: str, minor: bool) -> str:
    respelled = {("D#", False): "Eb", ("G#", False): "Ab", ("A#", False): "Bb", ("Gb", True): "F#", ("Db", True): "C#"}
    return respelled.get((tonic, minor), tonic) + ("m" if minor else "")


def write_midi(path: Path, grid: BeatGrid, parts: Sequence[MidiPart], analysis: MusicAnalysis | None = None) -> None:
    """Timeline track (tempo, meters, key, sections as markers, chords as text) and one track per part."""
    tempo = tempo_track(grid)
    song = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
    song.tracks.append(_conductor(grid, tempo, analysis))
    channels = itertools.cycle(c for c in range(16) if c != DRUM_CHANNEL)
    for part in parts:
        channel = DRUM_CHANNEL if part.drums else next(channels)
        track = mido.MidiTrack()
        track.append(mido.MetaMessage("track_name", name=part.name))
        track.append(mido.Message("program_change", channel=channel, program=part.program))
        events: list[tuple[int, mido.Message]] = []
        for start, end, note in _strokes(part, tempo):
            events.append((start, mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)))
            events.append((end, mido.Message("note_off", channel=channel, note=note.pitch)))
        _append(track, events)
        song.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    song.save(str(partial))
    os.replace(partial, path)


@dataclass(frozen=True, eq=False)
class TempoChanges:
    """A file's own tempo map: ticks at which a tempo begins, their seconds, and seconds per tick from there."""

    ticks: np.ndarray
    starts_s: np.ndarray
    seconds_per_tick: np.ndarray

    def seconds(self, tick: float) -> float:
        i = int(np.searchsorted(self.ticks, tick, "right")) - 1
        return float(self.starts_s[i] + (tick - self.ticks[i]) * self.seconds_per_tick[i])


def open_midi(path: Path) -> mido.MidiFile:
    """Raises UsageError for what is no MIDI file, and for one that counts frames of film (SMPTE) instead of beats."""
    try:
        song = mido.MidiFile(str(path), charset="latin1", clip=True)
    except (OSError, EOFError, ValueError, IndexError, KeyError, mido.midifiles.meta.KeySignatureError) as error:
        raise UsageError(f"{path.name} is not a MIDI file that can be read ({error})") from error
    if song.ticks_per_beat <= 0:
        raise UsageError(f"{path.name} counts frames of film instead of beats (SMPTE): export it with ticks per quarter note")
    return song


def tempo_changes(song: mido.MidiFile) -> TempoChanges:
    """Of several tempi at one tick the last counts."""
    known = {0: 500_000} | {t: m.tempo for track in song.tracks for t, m in absolute(track) if m.type == "set_tempo"}
    ticks = np.array(sorted(known), float)
    tempos = np.array([known[t] for t in sorted(known)], float)
    scale = tempos / song.ticks_per_beat / 1e6
    return TempoChanges(ticks, np.concatenate([[0.0], np.cumsum(np.diff(ticks) * scale[:-1])]), scale)


@dataclass(frozen=True, slots=True)
class _Strike:
    channel: int
    pitch: int
    velocity: int
    start: int
    end: int


def _struck(track: mido.MidiTrack) -> Iterator[_Strike]:
    """Notes in ticks. One that is struck again ends there; one that is never let go, with its track."""
    sounding: dict[tuple[int, int], tuple[int, int]] = {}
    tick = 0
    for tick, m in absolute(track):
        if m.type in ("note_on", "note_off"):
            start, velocity = sounding.pop((m.channel, m.note), (tick, 0))
            if tick > start:
                yield _Strike(m.channel, m.note, velocity, start, tick)
            if m.type == "note_on" and m.velocity:
                sounding[m.channel, m.note] = tick, m.velocity
    for (channel, pitch), (start, velocity) in sounding.items():
        if tick > start:
            yield _Strike(channel, pitch, velocity, start, tick)


def read_midi(path: Path) -> tuple[MidiPart, ...]:
    """One part per track and channel with notes, times in seconds through the file's own tempo map.

    Raises UsageError for what is no MIDI file.
    """
    song = open_midi(path)
    seconds = tempo_changes(song).seconds
    parts = []
    for track in song.tracks:
        programs = {m.channel: m.program for m in reversed(track) if m.type == "program_change"}
        by_channel: dict[int, list[NoteEvent]] = {}
        for s in _struck(track):
            by_channel.setdefault(s.channel, []).append(NoteEvent(seconds(s.start), seconds(s.end), s.pitch, s.velocity))
        for channel, notes in by_channel.items():
            ordered = tuple(sorted(notes, key=lambda n: (n.start_s, n.pitch)))
            parts.append(MidiPart(track.name, ordered, programs.get(channel, 0), channel == DRUM_CHANNEL))
    return tuple(parts)


def absolute(track: mido.MidiTrack) -> Iterable[tuple[int, mido.Message]]:
    """Messages with their tick from the start of the file."""
    tick = 0
    for message in track:
        tick += message.time
        yield tick, message
