"""Reference annotations: one JSON file per recording, in a folder `ref` beside the folders of audio.

Fields, all optional: beats, downbeats (s), tempo (bpm), key (`A minor`), chords [[start, end, Harte label]],
sections [[start, end, name]], tuning (Hz), lufs, lra.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sideman.core.music import (
    Annotation,
    BeatGrid,
    Chord,
    ChordSpan,
    Key,
    KeySpan,
    Meter,
    MusicAnalysis,
    Provenance,
    Section,
)  # fmt: skip
from sideman.errors import UsageError

AUDIO_SUFFIXES = (".ogg", ".flac", ".mp3", ".wav", ".m4a", ".opus")
ANNOTATED = Provenance("reference annotation")
ENERGY_BY_NAME = {"intro": 0.4, "verse": 0.75, "bridge": 0.8, "chorus": 0.97, "solo": 0.8, "outro": 0.4}


@dataclass(frozen=True)
class Reference:
    """What is known about a recording; None and empty where nothing is."""

    name: str
    audio: Path
    beats_s: tuple[float, ...]
    downbeats_s: tuple[float, ...]
    tempo_bpm: float | None
    key: Key | None
    chords: tuple[tuple[float, float, str], ...]
    sections: tuple[tuple[float, float, str], ...]
    tuning_hz: float | None
    integrated_lufs: float | None

    def analysis(self, duration_s: float) -> MusicAnalysis:
        """The annotation as an analysis, for stems that are written on the truth. Raises UsageError without beats."""
        if len(self.beats_s) < 2 or not self.downbeats_s:
            raise UsageError(f"{self.name} has no annotated beats: stems cannot be placed on its reference")
        chords = tuple(ChordSpan(a, b, Chord.parse(c)) for a, b, c in self.chords)
        sections = tuple(Section(a, b, n, ENERGY_BY_NAME.get(n.lower().rstrip("0123456789 "), 0.8)) for a, b, n in self.sections)
        key = self.key or Key(0, "major")

        def known(value: Any) -> Annotation[Any]:
            return Annotation(value, 1.0, ANNOTATED)

        return MusicAnalysis(
            duration_s=duration_s, title=self.name, grid=known(self.grid()), key=known(key),
            key_spans=known((KeySpan(0.0, duration_s, key),)), chords=known(chords), sections=known(sections),
            tuning_hz=known(self.tuning_hz or 440.0),
        )  # fmt: skip

    def grid(self) -> BeatGrid:
        beats, downbeats = np.array(self.beats_s), np.array(self.downbeats_s)
        per_bar = round(len(beats) / len(downbeats))
        is_down = np.abs(beats[:, None] - downbeats[None]).min(1) < 0.03
        pickup = int(np.argmax(is_down))  # beats before the first downbeat end their bar
        position, positions = per_bar - pickup, []
        for down in is_down:
            position = 1 if down else position + 1
            positions.append(position)
        return BeatGrid.from_times(beats, positions, Meter(per_bar, per_bar == 2 and float(np.median(np.diff(beats))) > 0.75))


def read_references(folder: Path) -> list[Reference]:
    """All references below `folder`, by name. Raises UsageError when there are none."""
    files = sorted((folder / "ref").glob("*.json"))
    audio = {p.stem: p for p in sorted(folder.rglob("*")) if p.suffix in AUDIO_SUFFIXES and "stems" not in p.parent.parent.name}
    found = [_read(f, audio[f.stem]) for f in files if f.stem in audio]
    if not found:
        raise UsageError(f"{folder} holds no annotated recordings: it needs a folder `ref` of JSON files beside the audio")
    return found


def _read(path: Path, audio: Path) -> Reference:
    raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return Reference(
        name=path.stem, audio=audio, beats_s=tuple(raw.get("beats", ())), downbeats_s=tuple(raw.get("downbeats", ())),
        tempo_bpm=raw.get("tempo"), key=_key(raw.get("key")),
        chords=tuple((a, b, c) for a, b, c in raw.get("chords", ())), sections=tuple((a, b, n) for a, b, n in raw.get("sections", ())),
        tuning_hz=raw.get("tuning"), integrated_lufs=raw.get("lufs", raw.get("integrated")),
    )  # fmt: skip


def _key(text: str | None) -> Key | None:
    """None also for a key that is neither major nor minor, such as `D dorian`: there is nothing to compare it with."""
    try:
        return Key.parse(text) if text else None
    except ValueError:
        return None
