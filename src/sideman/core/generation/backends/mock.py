"""The placeholder of the system that Sideman replaces: sine waves, for trying out everything around an engine. Never a default.

Every result says that it is a mock: in its provenance, its style's place and its note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from sideman.core.audio import ScratchWriter
from sideman.core.generation.context import SongContext, stream
from sideman.core.generation.generator import GeneratedStem, GenerationRequest, Progress, no_progress
from sideman.core.music import NoteEvent, Provenance, StemRole
from sideman.errors import UsageError

NOTE = "Mock: a sine wave in place of music, made because the engine `mock` was asked for."
ROLES = (
    StemRole.DRUMS,
    StemRole.BASS,
    StemRole.PIANO,
    StemRole.GUITAR,
    StemRole.PAD,
    StemRole.STRINGS,
    StemRole.LEAD,
    StemRole.VOCALS,
    StemRole.OTHER,
)
STYLE = "sine"
OCTAVES = {StemRole.BASS: 36, StemRole.DRUMS: 36, StemRole.LEAD: 72, StemRole.VOCALS: 60}
LEVEL, FADE_S, BLOCK_S = 0.1, 0.01, 10


@dataclass(frozen=True)
class MockSines:
    """A Generator: the root of every chord as a sine, one note a beat for drums and bass, one a chord for the others."""

    roles: tuple[StemRole, ...] = ROLES
    styles: tuple[str, ...] = (STYLE,)
    note: str = NOTE
    name: str = "mock"
    at_once: int = 1
    tries: int = 1
    stand_in: None = None

    def style_named(self, name: str) -> str:
        """It has one style, whatever is asked for: a mock does not pretend to know the others."""
        return STYLE

    def write(self, context: SongContext, role: StemRole, style: str, seed: int) -> tuple[NoteEvent, ...]:
        if role not in self.roles:
            raise UsageError(f"the mock engine has no {role}: it has {', '.join(r.value for r in self.roles)}")
        octave, out = OCTAVES.get(role, 60), list[NoteEvent]()
        transposed = int(stream(seed, "mock").choice([0, 12]))
        for event in context.sounding_chords():
            steps = max(1, round(event.pulses)) if role in (StemRole.DRUMS, StemRole.BASS) else 1
            for k in range(steps):
                start, end = (float(context.seconds_at(event.start + event.pulses * share)) for share in (k / steps, (k + 0.9) / steps))
                if 0 <= start < context.duration_s:
                    out.append(NoteEvent(start, min(end, context.duration_s), octave + transposed + (event.chord.root or 0), 80))
        return tuple(out)

    def generate(self, context: SongContext, request: GenerationRequest, folder: Path, progress: Progress = no_progress) -> GeneratedStem:
        notes = self.write(context, request.role, request.style, request.seed)
        if request.within_s is not None:
            notes = tuple(n for n in notes if request.within_s[0] <= n.start_s < request.within_s[1])
        rate = request.sample_rate_hz
        with ScratchWriter(folder / f"mock-{request.role}-{request.seed}.f32", rate, 2) as writer:
            for first in range(0, request.frames, BLOCK_S * rate):
                count = min(BLOCK_S * rate, request.frames - first)
                writer.write(np.repeat(_sines(notes, first, count, rate)[None], 2, axis=0))
                progress((first + count) / request.frames)
            audio = writer.finish()
        made = Provenance("mock", metadata.version("sideman"), (("mock", "true"), ("seed", str(request.seed))))
        return GeneratedStem(request.role, STYLE, request.seed, audio, notes, 80, made)

    def generate_all(
        self, context: SongContext, requests: Sequence[GenerationRequest], folder: Path, progress: Progress = no_progress
    ) -> tuple[GeneratedStem, ...]:
        return tuple(self.generate(context, r, folder, progress) for r in requests)


def _sines(notes: tuple[NoteEvent, ...], first: int, count: int, rate: int) -> np.ndarray:
    t = (first + np.arange(count)) / rate
    y = np.zeros(count, np.float32)
    for n in notes:
        a, b = np.searchsorted(t, [n.start_s, n.end_s])
        if a < b:
            fade = np.clip(np.minimum(t[a:b] - n.start_s, n.end_s - t[a:b]) / FADE_S, 0, 1)
            y[a:b] += (LEVEL * fade * np.sin(2 * np.pi * 440 * 2 ** ((n.pitch - 69) / 12) * t[a:b])).astype(np.float32)
    return y
