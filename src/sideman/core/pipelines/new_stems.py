"""Generate stems for a song, several candidates of each where wanted, and let the judge hear each of them."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import replace

from sideman.core import fit
from sideman.core.fit.listening import SAMPLE_RATE_HZ
from sideman.core.generation import Generator, suited_styles
from sideman.core.pipelines.concurrency import Watch, together
from sideman.core.pipelines.performing import FITTING, NewStem, Stage, played, rescued
from sideman.core.pipelines.songs import Song, StemWishes, song_context

__all__ = ["NewStem", "new_stems", "ranked"]


def new_stems(song: Song, wishes: StemWishes, generators: Callable[[], Generator], watch: Watch, threads: int) -> tuple[NewStem, ...]:
    """Every candidate of every role, in the order asked for and the best of each role first. Every thread has a generator of its own.

    Where performances may fail (`tries` of the engine or of the wishes), a role of which the judge accepts none is played again with other
    seeds, and by the engine's stand-in when that does not help either.
    """
    context, recording = song_context(song, wishes), song.recording
    frames = recording.frames if wishes.length_s is None else min(recording.frames, round(wishes.length_s * recording.sample_rate_hz))
    first = generators()
    style = wishes.style or first.style_named(suited_styles(context)[0].name)
    suited = wishes.style is None and context.accents is not None and len(first.styles) > 1
    stage = Stage(song, context, fit.listen(recording.mono(SAMPLE_RATE_HZ)), wishes, style, suited, frames)
    wanted = [(role, wishes.seed + k) for role in wishes.roles for k in range(wishes.candidates)]
    batches = [wanted[k : k + first.at_once] for k in range(0, len(wanted), first.at_once)]
    workers = max(1, min(threads, len(batches))) if first.at_once == 1 else 1
    idle: queue.SimpleQueue[Generator] = queue.SimpleQueue()
    for k in range(workers):
        idle.put(first if k == 0 else generators())
    shares = [0.0] * len(batches)

    def one(number: int) -> list[NewStem]:
        def report(share: float) -> None:
            shares[number] = share
            watch("play along", sum(shares) / len(batches))

        generator = idle.get()
        try:
            return played(stage, generator, batches[number], report)
        finally:
            idle.put(generator)

    made = [n for batch in together([lambda k=k: one(k) for k in range(len(batches))], watch, workers) for n in batch]  # type: ignore[misc]
    return ranked([*made, *rescued(stage, first, made, watch)])


def ranked(made: Sequence[NewStem]) -> tuple[NewStem, ...]:
    """Best first within each role: what fits, then what stands in for the rest, by score; equal scores in the order of their seeds."""
    out: list[NewStem] = []
    for role in dict.fromkeys(n.stem.role for n in made):
        of_role = sorted(
            (n for n in made if n.stem.role is role),
            key=lambda n: (n.report.verdict not in FITTING, not n.stands_in, -n.report.score, n.stem.seed),
        )
        out += [replace(n, rank=k + 1) for k, n in enumerate(of_role)]
    return tuple(out)
