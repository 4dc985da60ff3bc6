"""A song for a sequencer: DAWproject 1.0, which Bitwig Studio, Studio One, Cubase and others open.

A ZIP of project.xml, metadata.xml and audio (https://github.com/bitwig/dawproject). The tempo follows the recording beat by beat, so that the
audio lies unstretched under bars, chords, sections and notes. Elements keep the order of the format's schema.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from statistics import median
from xml.etree import ElementTree

import numpy as np

from sideman.core.music import BeatGrid, Meter, MusicAnalysis, NoteEvent
from sideman.core.music.midi import MeterChange, tempo_track

PROJECT_FILE, METADATA_FILE = "project.xml", "metadata.xml"
NO_BEATS_BPM = 120.0
"""What the ruler counts where no pulse was found."""
SLOWEST_BPM, FASTEST_BPM = 20.0, 666.0
CHORD_BASS, CHORD_LOWEST = 36, 60
SHORTEST_NOTE = 1 / 64
COLOURS = ("#e15759", "#4e79a7", "#f28e2b", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#9c755f")
GREY = "#bab0ac"

Element = ElementTree.Element


@dataclass(frozen=True)
class ProjectTrack:
    """One track of audio; of its notes there is a muted one below it. file: where the audio lies in the container, as WAV."""

    name: str
    file: str
    frames: int
    sample_rate_hz: int
    channels: int
    notes: tuple[NoteEvent, ...] = ()
    muted: bool = False


@dataclass(frozen=True)
class Project:
    """A song with its tracks, all beginning with the recording."""

    title: str
    analysis: MusicAnalysis
    tracks: tuple[ProjectTrack, ...]
    artist: str = ""


def write_project(archive: zipfile.ZipFile, project: Project) -> None:
    """All but the audio, which the caller stores under the names that its tracks have."""
    for name, content in ((PROJECT_FILE, project_xml(project)), (METADATA_FILE, metadata_xml(project))):
        archive.writestr(name, content, zipfile.ZIP_DEFLATED)


def metadata_xml(project: Project) -> bytes:
    root = Element("MetaData")
    key = project.analysis.key.value if project.analysis.key else None
    for name, text in (("Title", project.title), ("Artist", project.artist), ("Comment", f"Key: {key}" if key else "")):
        if text:
            ElementTree.SubElement(root, name).text = _plain(text)
    return _document(root)


def project_xml(project: Project) -> bytes:
    return _document(_Writer(project).project())


def _document(root: Element) -> bytes:
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _plain(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(c for c in text if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff"))


def _number(x: float) -> str:
    return f"{x:.9f}".rstrip("0").rstrip(".")


class _Writer:
    """Times are quarters from the beginning of the recording, which is the beginning of a bar."""

    def __init__(self, project: Project) -> None:
        analysis = project.analysis
        count = max(4, int(analysis.duration_s * NO_BEATS_BPM / 60) + 2)
        self._grid = analysis.grid.value if analysis.grid else BeatGrid.constant(NO_BEATS_BPM, count, Meter(4))
        self._p, self._tempo, self._ids = project, tempo_track(self._grid), 0

    def _quarters(self, seconds: float) -> float:
        return self._tempo.beat(seconds) * self._tempo.quarters_per_beat

    def _put(self, parent: Element, tag: str, marked: bool = False, /, **values: str) -> Element:
        """marked: with an id, to be referred to."""
        if marked:
            values["id"] = f"id{self._ids}"
            self._ids += 1
        return ElementTree.SubElement(parent, tag, {k: _plain(v) for k, v in values.items()})

    def project(self) -> Element:
        root = Element("Project", version="1.0")
        self._put(root, "Application", name="Sideman", version=metadata.version("sideman"))
        bpm = self._bpm()
        transport = self._put(root, "Transport")
        limits = {"max": _number(FASTEST_BPM), "min": _number(SLOWEST_BPM), "unit": "bpm"}
        tempo = self._put(transport, "Tempo", True, **limits, value=_number(median(bpm)), name="Tempo")
        usual = self._usual_meter()  # a reader that leaves out automation shows the song's own tempo and meter, not those of its lead-in
        signature = self._put(transport, "TimeSignature", True, numerator=str(usual.numerator), denominator=str(usual.denominator))
        structure = self._put(root, "Structure")
        master = f"id{self._ids}"
        self._ids += 1
        lanes = [(self._track(structure, t.name, COLOURS[k % len(COLOURS)], master, t.muted), t) for k, t in enumerate(self._p.tracks)]
        written = [(self._track(structure, f"{t.name} (notes)", GREY, master, True, "notes"), t) for t in self._p.tracks if t.notes]
        chords = self._track(structure, "Chords", GREY, master, True, "notes") if self._chord_spans() else None
        self._master(structure, master)
        arrangement = self._put(root, "Arrangement", True)
        all_lanes = self._put(arrangement, "Lanes", True, timeUnit="beats")
        for track, t in lanes:
            self._audio(self._clips(all_lanes, track), t)
        for track, t in written:
            self._notes(self._clips(all_lanes, track), t)
        if chords is not None:
            self._chords(self._clips(all_lanes, chords))
        self._ruler(arrangement, bpm, tempo.attrib["id"], signature.attrib["id"])
        self._put(root, "Scenes")
        return root

    def _bpm(self) -> list[float]:
        """Quarters a minute from every anchor to the next; what one of them cannot reach the following make up for."""
        out, written_s = [], 0.0
        for beats, end_s in zip(np.diff(self._tempo.at_beat), self._tempo.at_s[1:], strict=True):
            quarters = float(beats) * self._tempo.quarters_per_beat
            out.append(float(np.clip(60 * quarters / max(1e-9, end_s - written_s), SLOWEST_BPM, FASTEST_BPM)))
            written_s += 60 * quarters / out[-1]
        return out

    def _track(self, structure: Element, name: str, colour: str, master: str, muted: bool, content: str = "audio") -> str:
        track = self._put(structure, "Track", True, contentType=content, loaded="true", name=name, color=colour)
        channel = self._put(track, "Channel", True, audioChannels="2", role="regular", solo="false", destination=master)
        self._controls(channel, muted)
        return track.attrib["id"]

    def _master(self, structure: Element, master: str) -> None:
        track = self._put(structure, "Track", True, contentType="audio notes", loaded="true", name="Master")
        self._controls(self._put(track, "Channel", id=master, audioChannels="2", role="master", solo="false"), False)

    def _controls(self, channel: Element, muted: bool) -> None:
        self._put(channel, "Mute", True, value="true" if muted else "false", name="Mute")
        self._put(channel, "Pan", True, max="1", min="0", unit="normalized", value="0.5", name="Pan")
        self._put(channel, "Volume", True, max="2", min="0", unit="linear", value="1", name="Volume")

    def _clips(self, lanes: Element, track: str) -> Element:
        return self._put(self._put(lanes, "Lanes", True, track=track), "Clips", True)

    def _clip(self, clips: Element, name: str, start: float, length: float) -> Element:
        return self._put(clips, "Clip", time=_number(start), duration=_number(length), playStart="0", name=name)

    def _audio(self, clips: Element, t: ProjectTrack) -> None:
        seconds = t.frames / t.sample_rate_hz
        clip = self._clip(clips, t.name, 0.0, self._quarters(seconds))
        clip.set("contentTimeUnit", "seconds")
        rate, channels = str(t.sample_rate_hz), str(t.channels)
        audio = self._put(clip, "Audio", True, algorithm="raw", channels=channels, duration=_number(seconds), sampleRate=rate)
        self._put(audio, "File", path=t.file)

    def _notes(self, clips: Element, t: ProjectTrack) -> None:
        clip = self._clip(clips, t.name, 0.0, self._quarters(self._p.analysis.duration_s))
        notes = self._put(clip, "Notes", True)
        for n in t.notes:
            start = self._quarters(n.start_s)
            self._note(notes, start, self._quarters(n.end_s) - start, n.pitch, n.velocity / 127)

    def _note(self, notes: Element, start: float, length: float, pitch: int, loudness: float) -> None:
        times = {"time": _number(start), "duration": _number(max(SHORTEST_NOTE, length))}
        self._put(notes, "Note", **times, channel="0", key=str(pitch), vel=_number(loudness), rel=_number(loudness))

    def _chord_spans(self) -> Sequence[tuple[float, float, int, tuple[int, ...], str]]:
        spans = self._p.analysis.chords.value if self._p.analysis.chords else ()
        return [
            (
                self._quarters(s.start_s),
                self._quarters(s.end_s),
                s.chord.bass_pitch_class or 0,
                tuple(s.chord.pitch_classes),
                s.chord.symbol,
            )
            for s in spans
            if s.chord.root is not None
        ]

    def _chords(self, clips: Element) -> None:
        for start, end, bass, tones, symbol in self._chord_spans():
            notes = self._put(self._clip(clips, symbol, start, end - start), "Notes", True)
            for pitch in (CHORD_BASS + bass, *sorted(CHORD_LOWEST + pc for pc in tones)):
                self._note(notes, 0.0, end - start, pitch, 0.6)

    def _usual_meter(self) -> MeterChange:
        meters = self._tempo.meters
        ends = [*(m.beat for m in meters[1:]), self._tempo.at_beat[-1]]
        return max(zip(meters, ends, strict=True), key=lambda pair: pair[1] - pair[0].beat)[0]

    def _ruler(self, arrangement: Element, bpm: Sequence[float], tempo: str, signature: str) -> None:
        sections = self._p.analysis.sections.value if self._p.analysis.sections else ()
        if sections:
            markers = self._put(arrangement, "Markers", True, timeUnit="beats")
            for s in sections:
                self._put(markers, "Marker", time=_number(self._quarters(s.start_s)), name=f"{s.label} ({s.name})" if s.name else s.label)
        curve = self._put(arrangement, "TempoAutomation", True, unit="bpm", timeUnit="beats")
        self._put(curve, "Target", parameter=tempo)
        for beat, value in zip(self._tempo.at_beat[:-1], bpm, strict=True):
            at = _number(beat * self._tempo.quarters_per_beat)
            self._put(curve, "RealPoint", time=at, value=_number(value), interpolation="hold")
        meters = self._put(arrangement, "TimeSignatureAutomation", True, timeUnit="beats")
        self._put(meters, "Target", parameter=signature)
        for m in self._tempo.meters:
            at = _number(m.beat * self._tempo.quarters_per_beat)
            self._put(meters, "TimeSignaturePoint", time=at, numerator=str(m.numerator), denominator=str(m.denominator))
