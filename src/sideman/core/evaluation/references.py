"""Reference annotations: JSON, JAMS, .beats, .lab or MIDI files under the recordings' names, in a folder of their own.

Fields of a JSON file, all optional: beats, downbeats (s), tempo (bpm), key (`A minor`), chords [[start, end, Harte label]],
sections [[start, end, name]], notes [[start, end, MIDI number]] or one such list per part, tuning (Hz), lufs, lra.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sideman.core.music import (
    Annotation,
    BeatGrid,
    Chord,
    ChordSpan,
    Correction,
    Key,
    KeySpan,
    Meter,
    MusicAnalysis,
    Provenance,
    Section,
    read_annotations,
)  # fmt: skip
from sideman.core.music.imports import SUFFIXES
from sideman.errors import UsageError

AUDIO_SUFFIXES = (".ogg", ".flac", ".mp3", ".wav", ".m4a", ".opus")
ANNOTATED = Provenance("reference annotation")
LONGEST_S = 36_000.0
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
    notes: tuple[tuple[float, float, float], ...] = ()

    def within(self, duration_s: float) -> Reference:
        """Without what lies behind the end of the recording: a tempo map goes on for ever."""
        beats = tuple(t for t in self.beats_s if t <= duration_s)
        tempo_bpm = _tempo_bpm(beats) if self.tempo_bpm == _tempo_bpm(self.beats_s) else self.tempo_bpm
        return replace(self, beats_s=beats, downbeats_s=tuple(t for t in self.downbeats_s if t <= duration_s), tempo_bpm=tempo_bpm)

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
        position, positions = -pickup % per_bar, list[int]()
        for down in is_down:
            position = 1 if down else position % per_bar + 1 if len(positions) < pickup else position + 1
            positions.append(position)
        return BeatGrid.from_times(beats, positions, Meter(per_bar, per_bar == 2 and float(np.median(np.diff(beats))) > 0.75))


def read_references(folder: Path, annotations: Path | None = None) -> list[Reference]:
    """All annotated recordings below `folder`, by name; annotations lie in `folder`/ref unless said otherwise.

    Raises UsageError when there are none, or when one cannot be read.
    """
    where = folder / "ref" if annotations is None else annotations
    audio = {p.stem: p for p in sorted(folder.rglob("*")) if p.suffix.lower() in AUDIO_SUFFIXES and not _is_stem(p.relative_to(folder))}
    by_name: dict[str, list[Path]] = {}
    for path in sorted(where.rglob("*")):
        if path.stem in audio and path.suffix.lower() in (".json", *SUFFIXES):
            by_name.setdefault(path.stem, []).append(path)
    found = [_joined(audio[name], files) for name, files in sorted(by_name.items())]
    if not found:
        raise UsageError(f"{where} holds no annotations of recordings in {folder}: files of the same names, .json, {', '.join(SUFFIXES)}")
    return found


def _is_stem(path: Path) -> bool:
    """stems/CASE/NAME or, of another set, stems_live/CASE/NAME."""
    return len(path.parts) > 2 and path.parts[-3].startswith("stems")


def _joined(audio: Path, files: list[Path]) -> Reference:
    """One reference from all files of a recording; a JSON file first, what others add after it."""
    own = next((f for f in files if f.suffix.lower() == ".json"), None)
    known = _read(own, audio) if own else Reference(audio.stem, audio, (), (), None, None, (), (), None, None)
    for file in (f for f in files if f is not own):
        for said in read_annotations(file, LONGEST_S):
            known = replace(known, **{name: value for name, value in _fields(said).items() if not getattr(known, name)})
    return known


def _tempo_bpm(beats_s: tuple[float, ...]) -> float | None:
    return 60 / float(np.median(np.diff(beats_s))) if len(beats_s) > 1 else None


def _fields(said: Correction) -> dict[str, Any]:
    v = said.values
    if said.kind == "set-beats":
        times = tuple(float(t) for t in v["times_s"])
        downbeats = tuple(t for t, p in zip(times, v["positions"], strict=True) if p == 1)
        return {"beats_s": times, "downbeats_s": downbeats, "tempo_bpm": _tempo_bpm(times)}
    if said.kind == "set-key":
        return {"key": Key.parse(v["key"])}
    return {said.kind.removeprefix("set-"): tuple((float(a), float(b), str(c)) for a, b, c in v[said.kind.removeprefix("set-")])}


def _read(path: Path, audio: Path) -> Reference:
    try:
        return _of_json(json.loads(path.read_text("utf-8-sig")), audio)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as annotations ({error}): correct it or take it out") from error


def _of_json(raw: dict[str, Any], audio: Path) -> Reference:
    """Raises ValueError for times that are not in order, and for chords that nobody reads."""
    tempo, tuning = (None if (v := raw.get(name)) is None else float(v) for name in ("tempo", "tuning"))
    loudness = raw.get("lufs", raw.get("integrated", raw.get("loudness", {}).get("integrated")))
    chords, sections = _spans(raw.get("chords", ())), _spans(raw.get("sections", ()))
    for _, _, label in chords:
        Chord.parse(label)
    return Reference(
        name=audio.stem, audio=audio, beats_s=_times(raw.get("beats", ())), downbeats_s=_times(raw.get("downbeats", ())), tempo_bpm=tempo,
        key=_key(raw.get("key")), chords=chords, sections=sections, notes=_notes(raw.get("notes", ())), tuning_hz=tuning,
        integrated_lufs=None if loudness is None else float(loudness),
    )  # fmt: skip


def _times(raw: Any) -> tuple[float, ...]:
    times = tuple(float(t) for t in raw)
    if any(b <= a for a, b in itertools.pairwise(times)):
        raise ValueError("its beats are not in order")
    return times


def _spans(raw: Any) -> tuple[tuple[float, float, str], ...]:
    rows = tuple((float(a), float(b), str(label)) for a, b, label in raw)
    if any(b <= a for a, b, _ in rows) or any(y[0] < x[0] for x, y in itertools.pairwise(rows)):
        raise ValueError("its chords or sections are not in order")
    return rows


def _notes(raw: Any) -> tuple[tuple[float, float, float], ...]:
    rows = [row for part in raw.values() for row in part] if isinstance(raw, dict) else raw
    return tuple((float(r[0]), float(r[1]), float(r[2])) for r in rows)


def _key(text: str | None) -> Key | None:
    """None also for a key that is neither major nor minor, such as `D dorian`: there is nothing to compare it with."""
    try:
        return Key.parse(text) if text else None
    except ValueError:
        return None
