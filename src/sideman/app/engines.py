"""The engines that a use case may run; bootstrap fills it, nothing here knows a concrete class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sideman.app.analyzers import Analyzers
from sideman.app.networks import Networks
from sideman.app.separators import Separators
from sideman.core.audio import AudioClip, Recording
from sideman.core.generation import Generator
from sideman.core.separation import Separator
from sideman.errors import UsageError

BAND = "band"
StepProgress = Callable[[str, float], None]
Source = str | Path | AudioClip


def no_progress(step: str, share: float) -> None:
    """The default: nobody watches."""


@dataclass(frozen=True)
class Engines:
    separators: Separators
    analyzers: Analyzers
    generators: Callable[[], Generator]
    threads: int
    others: Mapping[str, Callable[[], Generator]] = field(default_factory=dict)
    """Generators that are chosen by name, never by default."""
    networks: Networks | None = None

    def generators_named(self, name: str, runs_here: bool = True) -> Callable[[], Generator]:
        """Raises UsageError that lists the engines; ModelRefused, ModelNotInstalled or MissingAsset for a network that cannot be used here.

        runs_here False: only asked for here, another machine plays.
        """
        if name in (BAND, ""):
            return self.generators
        if name in self.others:
            return self.others[name]
        if self.networks is None or name not in self.networks:
            raise UsageError(f"no engine named {name!r}: there are {', '.join((BAND, *self.others, *(self.networks or ())))}")
        found = self.networks.get(name, self.generators, runs_here)
        return lambda: found

    @property
    def separator(self) -> Separator:
        """The one that needs no download."""
        return self.separators.get("preview")


def opened(source: Source) -> Recording:
    """A recording from a path or from samples in memory; use it as a context manager."""
    return Recording.from_clip(source) if isinstance(source, AudioClip) else Recording.open(source)
