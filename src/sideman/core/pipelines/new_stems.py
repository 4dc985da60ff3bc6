"""Generate stems for a song and let the judge hear each of them."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sideman.core import fit
from sideman.core.audio import AudioReader, Recording, ScratchAudio, ScratchWriter, resampled_blocks
from sideman.core.fit.listening import SAMPLE_RATE_HZ
from sideman.core.generation import GeneratedStem, GenerationRequest, Generator, SongContext
from sideman.core.music import MusicAnalysis, StemRole
from sideman.core.pipelines.concurrency import Watch, together
from sideman.errors import UsageError


@dataclass(frozen=True, eq=False)
class NewStem:
    """A generated stem and what the judge says of it."""

    stem: GeneratedStem
    report: fit.FitReport

    @property
    def accepted(self) -> bool:
        return self.report.verdict is fit.Verdict.ACCEPTED


@dataclass(frozen=True)
class StemWishes:
    roles: tuple[StemRole, ...]
    style: str
    seed: int
    within_s: tuple[float, float] | None = None


def playable(wishes: StemWishes, generator: Generator) -> StemWishes:
    """The wishes with the style's own name. Raises UsageError, before any work is done, for what the generator cannot play."""
    for role in wishes.roles:
        if role not in generator.roles:
            raise UsageError(f"the band plays no {role}: it plays {', '.join(r.value for r in generator.roles)}")
    if not wishes.roles:
        raise UsageError(f"no stems were asked for: choose from {', '.join(r.value for r in generator.roles)}")
    return replace(wishes, style=generator.style_named(wishes.style))


def judged_mono(audio: AudioReader, path: Path) -> ScratchAudio:
    """A stem as the judge hears it: mono at 22,050 Hz."""
    with ScratchWriter(path, SAMPLE_RATE_HZ, 1) as writer:
        for block in resampled_blocks(audio, SAMPLE_RATE_HZ, lambda b: b.mean(0, keepdims=True, dtype=np.float32)):
            writer.write(block)
        return writer.finish()


def new_stems(
    recording: Recording, analysis: MusicAnalysis, wishes: StemWishes, generators: Callable[[], Generator], watch: Watch, threads: int
) -> tuple[NewStem, ...]:
    """One stem per role, in the order asked for. Every thread has a generator of its own."""
    context = SongContext.from_analysis(analysis)
    song = fit.listen(recording.mono(SAMPLE_RATE_HZ))
    folder, roles = recording.scratch_folder, wishes.roles
    idle: queue.SimpleQueue[Generator] = queue.SimpleQueue()
    workers = max(1, min(threads, len(roles)))
    for _ in range(workers):
        idle.put(generators())
    shares = dict.fromkeys(roles, 0.0)

    def report(role: StemRole, share: float) -> None:
        shares[role] = share
        watch("play along", sum(shares.values()) / len(roles))

    def one(role: StemRole) -> NewStem:
        generator = idle.get()
        try:
            request = GenerationRequest(role, wishes.style, wishes.seed, recording.frames, recording.sample_rate_hz, wishes.within_s)
            stem = generator.generate(context, request, folder, lambda share: report(role, 0.6 * share))
        finally:
            idle.put(generator)
        mono = judged_mono(stem.audio, folder / f"judge-{role}.f32")
        heard = fit.listen(mono, song.tuning_semitones)
        mono.remove()
        report(role, 0.75)
        verdict = fit.judge(song, heard, role)
        report(role, 1.0)
        return NewStem(stem, fit.with_figures(verdict, fit.figures(stem.notes, analysis, role)))

    made = together([lambda role=r: one(role) for r in roles], watch, workers)  # type: ignore[misc]
    return tuple(made)
