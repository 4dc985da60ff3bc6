"""The vocabulary: frozen values of music that every engine and face speaks, and their files (MIDI, JAMS)."""

from sideman.core.music.analysis import Annotation, EnergyPoint, MusicAnalysis, Provenance
from sideman.core.music.corrections import TAKES as CORRECTION_VALUES
from sideman.core.music.corrections import Correction, corrected, overlaid
from sideman.core.music.form import LyricLine, Section
from sideman.core.music.harmony import NO_CHORD, Chord, ChordSpan, Key, KeySpan
from sideman.core.music.imports import read_annotations
from sideman.core.music.jams import from_jams, read_jams, to_jams, write_jams
from sideman.core.music.lyrics import on_bars, read_lyrics
from sideman.core.music.midi import MidiPart, read_midi, write_midi
from sideman.core.music.notes import PLACES_PER_BEAT, BarAccents, GrooveTemplate, NoteEvent, NoteTrack, ScoreNote, steps_of_beat
from sideman.core.music.ranges import parse_progression, part_of, with_progression
from sideman.core.music.roles import StemRole, parse_roles
from sideman.core.music.timeline import Bar, BeatGrid, Meter, TempoAlternative, TempoPoint

__all__ = [
    "CORRECTION_VALUES", "NO_CHORD", "PLACES_PER_BEAT", "Annotation", "Bar", "BarAccents", "BeatGrid", "Chord", "ChordSpan", "Correction", "EnergyPoint", "GrooveTemplate", "Key", "KeySpan", "LyricLine", "Meter", "MidiPart",
    "MusicAnalysis", "NoteEvent", "NoteTrack", "Provenance", "ScoreNote", "Section", "StemRole", "TempoAlternative", "TempoPoint",
    "corrected", "from_jams", "on_bars", "overlaid", "parse_progression", "parse_roles", "part_of", "read_annotations", "read_jams", "read_lyrics", "read_midi", "steps_of_beat", "to_jams", "with_progression", "write_jams", "write_midi",
]  # fmt: skip
