"""SessionBand: the weight-free engine. Writes, performs, renders and mixes one stem at a time, in blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np

from sideman.core.audio import ScratchAudio, ScratchWriter, blocks, resampled_blocks
from sideman.core.generation.band import bass, chordal, drums, melody
from sideman.core.generation.band.channel import Processed, StripLevels, level_gain, process, strip_for
from sideman.core.generation.band.player import Player
from sideman.core.generation.band.style import style_named, styles
from sideman.core.generation.context import SongContext, stream
from sideman.core.generation.generator import EARLY_S, GeneratedStem, GenerationRequest, Progress, no_progress
from sideman.core.generation.soundfont import Humanise, Preset, Renderer, Synth, lead_s
from sideman.core.generation.soundfont.fluidsynth import FluidSynthRenderer
from sideman.core.music import NoteEvent, Provenance, ScoreNote, StemRole
from sideman.errors import UsageError

RENDER_RATE_HZ = 44100
WRITERS: dict[StemRole, Callable[[Player], list[ScoreNote]]] = {
    StemRole.DRUMS: drums.write,
    StemRole.BASS: bass.write,
    StemRole.PIANO: chordal.write,
    StemRole.KEYS: chordal.write,
    StemRole.GUITAR: chordal.write,
    StemRole.ACOUSTIC: chordal.write,
    StemRole.PAD: chordal.write,
    StemRole.STRINGS: chordal.write,
    StemRole.BRASS: chordal.write,
    StemRole.LEAD: melody.write,
    StemRole.PERCUSSION: drums.write_percussion,
    StemRole.VOCALS: melody.write,
    StemRole.OTHER: chordal.write,
}
BAND_ROLES = tuple(WRITERS)
PART_NAMES = {
    StemRole.DRUMS: "drums", StemRole.BASS: "bass", StemRole.PIANO: "piano", StemRole.KEYS: "electric piano or organ",
    StemRole.GUITAR: "electric guitar", StemRole.ACOUSTIC: "acoustic guitar", StemRole.PAD: "synthesiser pad", StemRole.STRINGS: "string section",
    StemRole.BRASS: "brass section", StemRole.LEAD: "lead line", StemRole.PERCUSSION: "percussion", StemRole.VOCALS: "wordless lead line (no words are sung)",
    StemRole.OTHER: "electric piano or organ",
}  # fmt: skip
"""What the band plays for each stem that can be asked for."""
KIT_GAINS_DB = {42: -5.0, 44: -5.0, 46: -5.0, 51: -3.0, 53: -4.0, 49: -2.0, 57: -2.0, 36: 1.0}
"""The font's kit against a record's balance: its hats are too loud."""
TAKE_GAIN = 0.75
LEAST_HELD_S = 0.25
"""A note that ends sooner in a part of the song is left out there."""


@dataclass(frozen=True, eq=False)
class _Take:
    """One performance with one sound, and its level in the part."""

    notes: tuple[NoteEvent, ...]
    preset: Preset
    gain: float
    human: Humanise


class SessionBand:
    """Generator with a SoundFont. One per process: the renderer keeps its decoded samples."""

    name = "session band"
    roles = BAND_ROLES
    note = ""
    at_once, tries = 1, 1
    stand_in = None

    def __init__(self, synth: Synth) -> None:
        self._synth = synth
        self._leads_s: dict[Preset, float] = {}

    @property
    def styles(self) -> tuple[str, ...]:
        return tuple(styles())

    def style_named(self, name: str) -> str:
        return style_named(name).name

    @classmethod
    def open(cls, soundfont: Path, synth: str = "own") -> SessionBand:
        """synth: `own`, or `fluidsynth` where that is installed. Raises MissingAsset."""
        return cls(FluidSynthRenderer(soundfont) if synth == "fluidsynth" else Renderer.open(soundfont))

    def write(self, context: SongContext, role: StemRole, style: str, seed: int) -> tuple[NoteEvent, ...]:
        """The notes of one part, in seconds on the song's grid. Raises UsageError."""
        player = self._player(context, role, style, seed)
        return player.perform(WRITERS[role](player))

    def _player(self, context: SongContext, role: StemRole, style: str, seed: int) -> Player:
        if role not in WRITERS:
            raise UsageError(f"the session band plays no {role}: it plays {', '.join(r.value for r in BAND_ROLES)}")
        return Player(context, style_named(style), seed, role)

    def generate(self, context: SongContext, request: GenerationRequest, folder: Path, progress: Progress = no_progress) -> GeneratedStem:
        role = request.role
        player = self._player(context.louder(request.energy), role, request.style, request.seed)
        player = replace(player, liveliness=request.liveliness, variation=request.variation)
        style = player.style.name
        score = WRITERS[role](player)
        name, strip, takes = f"{role}-{style}-{request.seed}", strip_for(role, player.style), _takes(player, score)

        def played(takes: list[_Take], levels: StripLevels | None, progress: Progress) -> Processed:
            dry = self._record(takes, context, folder / f"{name}-dry.f32", progress)
            wet = process(dry, strip, folder, name, levels)
            dry.remove()
            return wet

        wet = played(takes, None, lambda share: progress((0.7 if request.within_s is None else 0.5) * share))
        gain = np.float32(level_gain(wet.audio, context.loudness_lufs, strip.level_lu))
        if request.within_s is not None:  # a part of the song is as loud as it is in the whole
            wet.audio.remove()
            part = [replace(t, notes=_within(t.notes, request.within_s, role)) for t in takes]
            wet = played(part, wet.levels, lambda share: progress(0.5 + 0.4 * share))
        progress(0.9)
        audio = _at_rate(wet.audio, gain, request, folder / f"{name}.f32")
        wet.audio.remove()
        progress(1.0)
        program = player.part.sound.preset.program
        notes = _within(player.perform(score), request.within_s, role)
        return GeneratedStem(role, style, request.seed, audio, notes, program, self._provenance(request, style))

    def generate_all(
        self, context: SongContext, requests: Sequence[GenerationRequest], folder: Path, progress: Progress = no_progress
    ) -> tuple[GeneratedStem, ...]:
        return tuple(
            self.generate(context, r, folder, lambda share, n=k: progress((n + share) / len(requests)))  # type: ignore[misc]
            for k, r in enumerate(requests)
        )

    def _provenance(self, request: GenerationRequest, style: str) -> Provenance:
        asked = [("part", PART_NAMES[request.role]), ("style", style), ("seed", str(request.seed))]
        asked += [("liveliness", f"{request.liveliness:g}")] if request.liveliness != 1 else []
        asked += [("energy", f"{request.energy:+d}")] if request.energy else []
        asked += [("variation", str(request.variation))] if request.variation else []
        asked.append(("soundfont", self._synth.font_name))
        asked += [("synth", self._synth.name)] if self._synth.name != "own" else []
        return Provenance(self.name, metadata.version("sideman"), tuple(asked), "mixture")

    def _record(self, takes: list[_Take], context: SongContext, path: Path, progress: Progress) -> ScratchAudio:
        """All takes and layers of a part, summed block by block."""
        frames = round(context.duration_s * RENDER_RATE_HZ)
        cents = 1200 * float(np.log2(context.tuning_hz / 440)) if not takes[0].preset.drums else 0.0
        streams = [self._synth.render_blocks(self._early(t), t.preset, frames, t.human, cents) for t in takes]
        with ScratchWriter(path, RENDER_RATE_HZ, 2) as writer:
            done = 0
            for parts in zip(*streams, strict=True):
                block = sum((p * np.float32(t.gain) for p, t in zip(parts, takes, strict=True)), np.zeros_like(parts[0]))
                writer.write(block)
                done += block.shape[1]
                progress(done / frames)
            return writer.finish()

    def _early(self, take: _Take) -> tuple[NoteEvent, ...]:
        """The notes as early as this sound needs to be heard in time; what is written down stays on the beat."""
        if take.preset not in self._leads_s:
            self._leads_s[take.preset] = lead_s(self._synth, take.preset)
        lead = self._leads_s[take.preset]
        return (
            tuple(replace(n, start_s=max(0.0, n.start_s - lead), end_s=max(0.01, n.end_s - lead)) for n in take.notes)
            if lead
            else take.notes
        )


def _within(notes: tuple[NoteEvent, ...], within_s: tuple[float, float] | None, role: StemRole) -> tuple[NoteEvent, ...]:
    """What is played in a part of the song; what is held into it begins with it."""
    if within_s is None:
        return notes
    start, end = within_s
    held = [replace(n, start_s=start) for n in notes if role.pitched and n.start_s < start - EARLY_S and n.end_s > start + LEAST_HELD_S]
    inside = (n for n in notes if start - EARLY_S <= n.start_s < end - EARLY_S)
    return tuple(replace(n, end_s=min(n.end_s, end)) for n in (*held, *inside))


def _takes(player: Player, score: list[ScoreNote]) -> list[_Take]:
    """One performance, or two panned apart (double tracking), or a second sound under the first."""
    sound, notes = player.part.sound, player.perform(score)
    gains = KIT_GAINS_DB if not player.role.pitched else {}
    if sound.double:
        sides = ((notes, -sound.double), (player.perform(score, 1), sound.double))
        return [
            _Take(tuple(replace(n, pan=side) for n in played), sound.preset, TAKE_GAIN, Humanise(1.0, player.seed + 1000 * k))
            for k, (played, side) in enumerate(sides)
        ]
    takes = [_Take(notes, sound.preset, 1.0, Humanise(1.0, player.seed, gains))]
    if sound.layer:
        rng = stream(player.seed, "layer", player.role)
        layered = tuple(replace(n, velocity=int(np.clip(n.velocity + rng.normal(0, 12), 20, 127))) for n in notes)
        takes.append(_Take(layered, sound.layer, 10 ** (sound.layer_db / 20), Humanise(1.0, player.seed + 1)))
    return takes


def _at_rate(wet: ScratchAudio, gain: np.float32, request: GenerationRequest, path: Path) -> ScratchAudio:
    """At the song's rate and exactly as long as asked for."""
    left = request.frames
    source = blocks(wet, RENDER_RATE_HZ * 10)
    if request.sample_rate_hz != RENDER_RATE_HZ:
        source = resampled_blocks(wet, request.sample_rate_hz)
    with ScratchWriter(path, request.sample_rate_hz, 2) as writer:
        for block in source:
            part = block[:, :left] * gain
            left -= part.shape[1]
            writer.write(part)
        if left > 0:
            writer.write(np.zeros((2, left), np.float32))
        return writer.finish()
