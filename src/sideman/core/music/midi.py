"""Standard MIDI files whose tempo map follows the recording: one tempo event per beat."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from sideman.core.music.analysis import MusicAnalysis
from sideman.core.music.notes import NoteEvent
from sideman.core.music.timeline import TICKS_PER_BEAT, BeatGrid
from sideman.errors import UsageError

DRUM_CHANNEL = 9
LONGEST_BEAT_US = (1 << 24) - 1


@dataclass(frozen=True, slots=True)
class MidiPart:
    """One track. program: General MIDI 0..127; drums play on channel 10."""

    name: str
    notes: tuple[NoteEvent, ...]
    program: int = 0
    drums: bool = False


@dataclass(frozen=True)
class TempoMap:
    """Ticks against seconds. The file starts with whole bars of lead-in, so that tick 0 is second 0 and a bar line.

    quarters_per_beat: 1, in compound time 1.5: bar lines and tempi of a sequencer count quarters.
    """

    beat_times_s: np.ndarray
    lead_in_beats: int
    quarters_per_beat: float

    @property
    def ticks_per_beat(self) -> int:
        return round(TICKS_PER_BEAT * self.quarters_per_beat)

    def tick(self, seconds: float) -> int:
        times = self.beat_times_s
        if seconds <= times[-1]:
            return round(float(np.interp(seconds, times, np.arange(len(times)) * self.ticks_per_beat)))
        last = times[-1] - times[-2]
        return round((len(times) - 1 + (seconds - times[-1]) / last) * self.ticks_per_beat)


def tempo_map(grid: BeatGrid) -> TempoMap:
    bar = grid.meter.beats_per_bar
    first_beat_s, first_position = grid.times_s[0], grid.positions[0]
    pickup = (first_position - 1) % bar  # beats of the first bar before the first beat of the grid
    interval = grid.times[1] - grid.times[0]
    lead = 0 if first_beat_s < 1e-3 else max(1, round(first_beat_s / interval))
    lead += (pickup - lead) % bar
    if lead == 0 and first_beat_s >= 1e-3:
        lead = bar
    before = np.linspace(0, first_beat_s, lead + 1)[:-1]
    return TempoMap(np.concatenate([before, grid.times]), lead, 1.5 if grid.meter.compound else 1.0)


def _append(track: mido.MidiTrack, events: Iterable[tuple[int, mido.Message]]) -> None:
    last = 0
    for tick, message in sorted(events, key=lambda e: (e[0], e[1].type != "note_off")):
        track.append(message.copy(time=tick - last))
        last = tick


def _conductor(grid: BeatGrid, tempo: TempoMap, analysis: MusicAnalysis | None) -> mido.MidiTrack:
    track = mido.MidiTrack()
    events: list[tuple[int, mido.Message]] = [(0, mido.MetaMessage("track_name", name="timeline"))]
    written_s = 0.0
    for i, end_s in enumerate(tempo.beat_times_s[1:]):  # rounding is fed back, so it never adds up
        tempo_us = min(LONGEST_BEAT_US, max(1, round((end_s - written_s) * 1e6 / tempo.quarters_per_beat)))
        written_s += tempo_us * tempo.quarters_per_beat / 1e6
        events.append((i * tempo.ticks_per_beat, mido.MetaMessage("set_tempo", tempo=tempo_us)))
    offset = tempo.lead_in_beats
    signature_ticks = [(0, grid.meter.beats_per_bar)]
    for bar in grid.bars:
        if bar.beats != signature_ticks[-1][1] and bar.first_beat + offset >= 0:
            signature_ticks.append(((bar.first_beat + offset) * tempo.ticks_per_beat, bar.beats))
    for tick, beats in signature_ticks:
        numerator = beats * 3 if grid.meter.compound else beats
        message = mido.MetaMessage("time_signature", numerator=numerator, denominator=grid.meter.denominator)
        events.append((tick, message))
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


def _midi_key(tonic: str, minor: bool) -> str:
    respelled = {("D#", False): "Eb", ("G#", False): "Ab", ("A#", False): "Bb", ("Gb", True): "F#", ("Db", True): "C#"}
    return respelled.get((tonic, minor), tonic) + ("m" if minor else "")


def write_midi(path: Path, grid: BeatGrid, parts: Sequence[MidiPart], analysis: MusicAnalysis | None = None) -> None:
    """Timeline track (tempo, meters, key, sections as markers, chords as text) and one track per part."""
    tempo = tempo_map(grid)
    song = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
    song.tracks.append(_conductor(grid, tempo, analysis))
    channels = iter(c for c in range(16) if c != DRUM_CHANNEL)
    for part in parts:
        channel = DRUM_CHANNEL if part.drums else next(channels)
        track = mido.MidiTrack()
        track.append(mido.MetaMessage("track_name", name=part.name))
        track.append(mido.Message("program_change", channel=channel, program=part.program))
        events: list[tuple[int, mido.Message]] = []
        for note in part.notes:
            start, end = tempo.tick(note.start_s), tempo.tick(note.end_s)
            events.append((start, mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)))
            events.append((max(start + 1, end), mido.Message("note_off", channel=channel, note=note.pitch)))
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
    """Raises UsageError for what is no MIDI file."""
    try:
        return mido.MidiFile(str(path), charset="latin1", clip=True)
    except (OSError, EOFError, ValueError, IndexError, KeyError, mido.midifiles.meta.KeySignatureError) as error:
        raise UsageError(f"{path.name} is not a MIDI file that can be read ({error})") from error


def tempo_changes(song: mido.MidiFile) -> TempoChanges:
    changes = sorted((t, m.tempo) for track in song.tracks for t, m in absolute(track) if m.type == "set_tempo")
    ticks = np.array([0] + [t for t, _ in changes if t > 0], float)
    tempos = np.array([next((u for t, u in changes[::-1] if t <= 0), 500_000)] + [u for t, u in changes if t > 0], float)
    scale = tempos / song.ticks_per_beat / 1e6
    return TempoChanges(ticks, np.concatenate([[0.0], np.cumsum(np.diff(ticks) * scale[:-1])]), scale)


def read_midi(path: Path) -> tuple[MidiPart, ...]:
    """One part per track and channel with notes, times in seconds through the file's own tempo map.

    Raises UsageError for what is no MIDI file.
    """
    song = open_midi(path)
    seconds = tempo_changes(song).seconds
    parts = []
    for track in song.tracks:
        by_channel: dict[int, list[NoteEvent]] = {}
        programs: dict[int, int] = {}
        sounding: dict[tuple[int, int], tuple[int, int]] = {}
        for tick, m in absolute(track):
            if m.type == "program_change":
                programs.setdefault(m.channel, m.program)
            elif m.type == "note_on" and m.velocity:
                sounding[m.channel, m.note] = (tick, m.velocity)
            elif m.type in ("note_on", "note_off") and (m.channel, m.note) in sounding:
                start, velocity = sounding.pop((m.channel, m.note))
                by_channel.setdefault(m.channel, []).append(NoteEvent(seconds(start), seconds(tick), m.note, velocity))
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
