"""All annotations of a recording, each by its engine, from one decoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.core.analysis import beats, chords, notes, rhythm, sections
from sideman.core.analysis.drums import DrumTranscriber
from sideman.core.analysis.engines import DEFAULT_ENGINES, AnalysisEngines, NoteEngine
from sideman.core.analysis.names import named
from sideman.core.analysis.sections import LevelCurve
from sideman.core.audio import AudioReader, Recording, Samples, ScratchWriter, blocks, measure, resampled_blocks
from sideman.core.music import (
    Annotation,
    BarAccents,
    BeatGrid,
    ChordSpan,
    EnergyPoint,
    GrooveTemplate,
    Key,
    KeySpan,
    LyricLine,
    MusicAnalysis,
    NoteTrack,
    Provenance,
    StemRole,
    on_bars,
    read_lyrics,
)
from sideman.errors import TooShort

SHORTEST_S = 4.0
LEAST_TUNING_STRENGTH = 0.05
LEVEL_HOP_S = 0.1
CANCELLED = 0.01
"""Of the power of the channels: their mean with less has cancelled them."""
DRUMS_RIGHT = 0.7
"""Share of hits that the drum network has right on kits it was not trained on (training/README.md): it gives no probability of its own."""
LYRICS_TAGS = ("syncedlyrics", "lyrics", "unsyncedlyrics", "lyrics-eng", "lyrics-xxx", "uslt")

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


def find_beats(recording: Recording, engines: AnalysisEngines = DEFAULT_ENGINES) -> MusicAnalysis:
    """The part of an analysis that holds tempo, beats, bars and meter.

    Where another engine is asked, its times are taken as they are (a mean of two grids is no grid); how well our own tracker agrees is its
    confidence, and what that heard is offered as another reading.
    """
    tracked = beats.track(recording.mono(beats.onsets.SAMPLE_RATE_HZ))
    found = engines.beats.grid(recording.mono(engines.beats.sample_rate_hz)) if engines.beats is not None else None
    if found is not None and engines.beats is not None:
        grid, confidence, readings = beats.committee(found[0], tracked)
        source = Provenance(engines.beats.name, engines.beats.version)
        return MusicAnalysis(recording.duration_s, grid=Annotation(grid, confidence, source), alternatives=readings)
    if tracked.grid is None or engines.beats is not None:
        return MusicAnalysis(recording.duration_s, remarks=("No steady pulse was found: there are no beats, bars and sections.",))
    grid_found = Annotation(tracked.grid, tracked.confidence, provenance("sideman beats"))
    return MusicAnalysis(recording.duration_s, grid=grid_found, alternatives=tracked.alternatives)


def find_harmony_and_form(
    recording: Recording, grid: BeatGrid | None, progress: Progress = no_progress, engines: AnalysisEngines = DEFAULT_ENGINES
) -> MusicAnalysis:
    """The part of an analysis that holds key, tuning, chords, and sections where there is a grid to place them on."""
    heard = chords.listen(recording.mono(chords.pitch.SAMPLE_RATE_HZ))
    harmony = chords.estimate(heard, grid)
    progress("sections", 0.8)
    key, key_spans = _key(recording, harmony, engines)
    tuning_hz = 440.0 * 2 ** (heard.tuning_semitones / 12) if heard.tuning_strength >= LEAST_TUNING_STRENGTH else 440.0
    found = groove = None
    if grid is not None:
        onsets = rhythm.listen(recording.mono(beats.onsets.SAMPLE_RATE_HZ))
        value = named(rhythm.with_density(sections.estimate(heard, grid, level_curve(recording), recording.duration_s), onsets, grid))
        found = Annotation(value, float(np.mean([s.confidence for s in value])), provenance("sideman sections"))
        if (template := rhythm.groove(onsets, grid)) is not None:
            groove = Annotation(template[0], template[1], provenance("sideman groove"))
    lyrics = _lyrics(recording, grid)
    return MusicAnalysis(
        recording.duration_s, key=key, key_spans=key_spans, chords=_chords(recording, harmony, engines), sections=found,
        tuning_hz=Annotation(tuning_hz, heard.tuning_strength, provenance("sideman tuning")), groove=groove, lyrics=lyrics,
        remarks=("No key stands out.",) if key is None else (),
    )  # fmt: skip


def find_onsets(reader: AudioReader, scratch: Path) -> NDArray[np.float64]:
    """Times of the onsets of a stem, in seconds. scratch: a file that is made and removed."""
    return _onsets_of(reader, scratch).times_s


def find_groove(reader: AudioReader, grid: BeatGrid, scratch: Path) -> Annotation[GrooveTemplate] | None:
    """How a stem plays the bar, its drums best of all; None with too few onsets."""
    found = rhythm.groove(_onsets_of(reader, scratch), grid)
    return Annotation(found[0], found[1], replace(provenance("sideman groove"), stem="drums")) if found is not None else None


def find_bar_accents(recording: Recording, grid: BeatGrid, starts_s: float = 0.0) -> BarAccents | None:
    """Where in the bar a recording is struck, low to high; None where its middle is silent or shorter than a bar.

    starts_s: of an excerpt, where it lies in the song.
    """
    return rhythm.bar_accents(recording.mono(beats.onsets.SAMPLE_RATE_HZ), grid, starts_s)


def _mono(block: Samples) -> Samples:
    """The mean of the channels; the first one where they cancel each other."""
    mean = block.mean(0, keepdims=True, dtype=np.float32)
    return mean if float((mean**2).mean()) > CANCELLED * float((block**2).mean()) else block[:1]


def _onsets_of(reader: AudioReader, scratch: Path) -> rhythm.Onsets:
    with ScratchWriter(scratch, beats.onsets.SAMPLE_RATE_HZ, 1) as writer:
        for block in resampled_blocks(reader, beats.onsets.SAMPLE_RATE_HZ, _mono):
            writer.write(block)
        mono = writer.finish()
    found = rhythm.listen(mono)
    mono.remove()
    return found


def _lyrics(recording: Recording, grid: BeatGrid | None) -> Annotation[tuple[LyricLine, ...]] | None:
    """The words in the file's own tags, timed lines on the bars where there are some."""
    text = next((t for name in LYRICS_TAGS if (t := recording.info.tag(name))), None)
    lines = read_lyrics(text, recording.duration_s) if text else ()
    if not lines:
        return None
    return Annotation(on_bars(lines, grid) if grid is not None else lines, 1.0, Provenance("tags of the file"))


def _key(
    recording: Recording, harmony: chords.HarmonyEstimate, engines: AnalysisEngines
) -> tuple[Annotation[Key] | None, Annotation[tuple[KeySpan, ...]] | None]:
    if engines.key is not None and harmony.key is not None:
        key, confidence = engines.key.key(recording.mono(engines.key.sample_rate_hz))
        source = Provenance(engines.key.name, engines.key.version)
        return Annotation(key, confidence, source), Annotation((KeySpan(0.0, recording.duration_s, key, confidence),), confidence, source)
    if harmony.key is None:
        return None, None
    source = provenance("sideman harmony")
    return Annotation(harmony.key, harmony.key_confidence, source), Annotation(harmony.key_spans, harmony.key_confidence, source)


def _chords(recording: Recording, harmony: chords.HarmonyEstimate, engines: AnalysisEngines) -> Annotation[tuple[ChordSpan, ...]]:
    """The other engine's spans have our own estimate's agreement over their length as confidence."""
    if engines.chords is None:
        mean = float(np.mean([c.confidence for c in harmony.chords])) if harmony.chords else 0.0
        return Annotation(harmony.chords, mean, provenance("sideman harmony"))
    spans = chords.with_agreement(engines.chords.chords(recording.mono(engines.chords.sample_rate_hz)), harmony.chords)
    lengths = [s.end_s - s.start_s for s in spans]
    mean = float(np.average([s.confidence for s in spans], weights=lengths)) if spans else 0.0
    return Annotation(spans, mean, Provenance(engines.chords.name, engines.chords.version))


def _find_drums(recording: Recording, grid: BeatGrid | None) -> Annotation[NoteTrack]:
    engine = DrumTranscriber()
    heard = engine.notes(recording.mono(beats.onsets.SAMPLE_RATE_HZ))
    written = notes.on_the_grid(heard, grid) if grid is not None else ()
    source = replace(provenance(engine.name), stem=StemRole.DRUMS.value)
    return Annotation(NoteTrack(StemRole.DRUMS, heard, written), DRUMS_RIGHT, source)


def find_notes(recording: Recording, role: StemRole, grid: BeatGrid | None, transcriber: NoteEngine) -> Annotation[NoteTrack]:
    """What a stem (or a whole recording, as `other`) plays, as heard and on the grid. Confidence: mean activation of the notes."""
    if role is StemRole.DRUMS:
        return _find_drums(recording, grid)
    options = notes.options_for(role)
    heard = transcriber.notes(recording.mono(transcriber.sample_rate_hz), options)
    if role in notes.MONOPHONIC:
        heard = notes.melody(heard)
    written = notes.on_the_grid(heard, grid) if grid is not None else ()
    confidence = float(np.mean([n.velocity for n in heard])) / 127 if heard else 0.0
    made = Provenance(transcriber.name, transcriber.version, options.parameters, role.value)
    return Annotation(NoteTrack(role, heard, written), confidence, made)


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


def analyze(recording: Recording, progress: Progress = no_progress, engines: AnalysisEngines = DEFAULT_ENGINES) -> MusicAnalysis:
    """Tempo, beats, bars, meter, key, tuning, chords, sections, loudness and energy of a recording.

    Raises TooShort where it is silent or shorter than four seconds.
    """
    refuse_unanalysable(recording)
    progress("beats", 0.0)
    pulse = find_beats(recording, engines)
    grid = pulse.grid.value if pulse.grid else None
    progress("chords and key", 0.4)
    harmony = find_harmony_and_form(recording, grid, engines=engines)
    progress("sections and loudness", 0.8)
    found = pulse.merged(harmony).merged(find_loudness(recording))
    if engines.notes is not None:
        progress("notes", 0.9)
        found = replace(found, notes=(find_notes(recording, StemRole.OTHER, grid, engines.notes),))
    progress("sections and loudness", 1.0)
    return found
