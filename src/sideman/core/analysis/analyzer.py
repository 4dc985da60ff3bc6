"""All annotations of a recording, each by its engine, from one decoding."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

import numpy as np

from sideman.core.analysis import beats, chords, sections
from sideman.core.analysis.sections import LevelCurve
from sideman.core.audio import Recording, blocks, measure
from sideman.core.music import Annotation, BeatGrid, EnergyPoint, MusicAnalysis, Provenance
from sideman.errors import TooShort

SHORTEST_S = 4.0
LEAST_TUNING_STRENGTH = 0.05
LEVEL_HOP_S = 0.1

Progress = Callable[[str, float], None]


def no_progress(step: str, share: float) -> None:
    """The default: nobody watches."""


def provenance(engine: str, **parameters: object) -> Provenance:
    return Provenance(engine, metadata.version("sideman"), tuple((k, str(v)) for k, v in sorted(parameters.items())))


def level_curve(recording: Recording) -> LevelCurve:
    """RMS of every 100 ms over all channels, of the signal and of its first difference."""
    hop = max(1, round(recording.sample_rate_hz * LEVEL_HOP_S))
    plain, bright = [], []
    for x in blocks(recording.audio, hop * 100):
        whole = x[:, : x.shape[1] // hop * hop].reshape(x.shape[0], -1, hop)
        plain.append(np.sqrt((whole**2).mean((0, 2))))
        bright.append(np.sqrt((np.diff(whole, axis=2) ** 2).mean((0, 2))))
    rms, bright_rms = (np.concatenate(p).astype(np.float32) for p in (plain, bright))
    return LevelCurve(rms, bright_rms, hop / recording.sample_rate_hz)


def _energy(level: LevelCurve) -> tuple[EnergyPoint, ...]:
    per_second = max(1, round(1 / level.hop_s))
    out = []
    for i in range(0, len(level.rms), per_second):
        rms = float(np.sqrt((level.rms[i : i + per_second] ** 2).mean()))
        out.append(EnergyPoint(round(i * level.hop_s, 3), round(20 * float(np.log10(rms + 1e-6)), 1)))
    return tuple(out)


def refuse_unanalysable(recording: Recording) -> None:
    """Raises TooShort where it is silent or shorter than four seconds."""
    if recording.condition.silent:
        raise TooShort(f"{recording.info.name} is silent (peak below -80 dBFS): there is nothing to analyse")
    if recording.duration_s < SHORTEST_S:
        raise TooShort(f"{recording.info.name} lasts {recording.duration_s:.2f} s: analysis needs {SHORTEST_S:.0f} s or more")


def find_beats(recording: Recording) -> MusicAnalysis:
    """The part of an analysis that holds tempo, beats, bars and meter."""
    tracked = beats.track(recording.mono(beats.onsets.SAMPLE_RATE_HZ))
    if tracked.grid is None:
        return MusicAnalysis(recording.duration_s, remarks=("No steady pulse was found: there are no beats, bars and sections.",))
    grid = Annotation(tracked.grid, tracked.confidence, provenance("sideman beats"))
    return MusicAnalysis(recording.duration_s, grid=grid, alternatives=tracked.alternatives)


def find_harmony_and_form(recording: Recording, grid: BeatGrid | None, progress: Progress = no_progress) -> MusicAnalysis:
    """The part of an analysis that holds key, tuning, chords, and sections where there is a grid to place them on."""
    heard = chords.listen(recording.mono(chords.pitch.SAMPLE_RATE_HZ))
    harmony = chords.estimate(heard, grid)
    progress("sections", 0.8)
    key = key_spans = found = None
    remarks: tuple[str, ...] = ()
    if harmony.key is not None:
        source = provenance("sideman harmony")
        key = Annotation(harmony.key, harmony.key_confidence, source)
        key_spans = Annotation(harmony.key_spans, harmony.key_confidence, source)
    else:
        remarks = ("No key stands out.",)
    tuning_hz = 440.0 * 2 ** (heard.tuning_semitones / 12) if heard.tuning_strength >= LEAST_TUNING_STRENGTH else 440.0
    mean_confidence = float(np.mean([c.confidence for c in harmony.chords])) if harmony.chords else 0.0
    if grid is not None:
        value = sections.estimate(heard, grid, level_curve(recording), recording.duration_s)
        found = Annotation(value, float(np.mean([s.confidence for s in value])), provenance("sideman sections"))
    return MusicAnalysis(
        recording.duration_s, key=key, key_spans=key_spans,
        chords=Annotation(harmony.chords, mean_confidence, provenance("sideman harmony")), sections=found,
        tuning_hz=Annotation(tuning_hz, heard.tuning_strength, provenance("sideman tuning")), remarks=remarks,
    )  # fmt: skip


def find_loudness(recording: Recording) -> MusicAnalysis:
    """The part of an analysis that holds title and artist, loudness, energy, and what is odd about the recording itself."""
    remarks: list[str] = []
    if recording.condition.antiphase:
        remarks.append("The channels cancel each other (anti-phase): the loudest one was analysed.")
    if recording.condition.replaced_samples:
        remarks.append(f"{recording.condition.replaced_samples} samples that were no numbers were replaced by silence.")
    if recording.info.damaged_packets:
        remarks.append(f"The file is damaged: {recording.info.damaged_packets} packets were skipped.")
    return MusicAnalysis(
        recording.duration_s, recording.info.tag("title") or "", recording.info.tag("artist") or "",
        loudness=Annotation(measure(recording.audio), 1.0, provenance("libavfilter ebur128")), energy=_energy(level_curve(recording)),
        remarks=tuple(remarks),
    )  # fmt: skip


def analyze(recording: Recording, progress: Progress = no_progress) -> MusicAnalysis:
    """Tempo, beats, bars, meter, key, tuning, chords, sections, loudness and energy of a recording.

    Raises TooShort where it is silent or shorter than four seconds.
    """
    refuse_unanalysable(recording)
    progress("beats", 0.0)
    pulse = find_beats(recording)
    progress("chords and key", 0.4)
    harmony = find_harmony_and_form(recording, pulse.grid.value if pulse.grid else None)
    progress("sections and loudness", 0.9)
    found = pulse.merged(harmony).merged(find_loudness(recording))
    progress("sections and loudness", 1.0)
    return found
