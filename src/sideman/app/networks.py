"""Networks that generate: which can be used here, and the one that was asked for, ready to play."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from sideman.app.models import Models
from sideman.core.audio import AudioClip
from sideman.core.generation import Generator
from sideman.core.generation.backends import Room, open_network, refuse_without_extra, room
from sideman.core.generation.clips import Anchor, AudioModel, ClipWish, Progress
from sideman.core.generation.neural import NeuralFacts, NeuralGenerator
from sideman.core.models.catalog import ModelCard, Use
from sideman.core.models.memory import Residence
from sideman.core.models.runtime import Request
from sideman.core.music import Provenance, StemRole
from sideman.errors import MissingAsset, ModelError
from sideman.infra.weights import Installed

AT_ONCE = 8
IDLE_S = 300.0
GENERATION = "generation"


@dataclass(frozen=True, slots=True)
class NetworkState:
    """problem: why it cannot be used here, in one sentence; None when it can."""

    card: ModelCard
    installed: bool
    problem: str | None


class Networks:
    """Generators by the name of their model card. A network stays loaded between jobs, and is let go when nobody asks for a while."""

    def __init__(self, models: Models, request: Request, residence: Residence, idle_s: float = IDLE_S) -> None:
        self._models, self._request, self._idle_s = models, request, idle_s
        self._shared, self._of_device = residence, Residence()
        self._used, self._users = 0.0, 0
        self._held = dict[Hashable, tuple[Residence, Room]]()
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[str]:
        return (s.card.name for s in self._models.all() if s.card.task == GENERATION and s.allowed)

    def __contains__(self, name: str) -> bool:
        return self._models.knows(name) and self._models.get(name).card.task == GENERATION

    def get(self, name: str, band: Callable[[], Generator], runs_here: bool = True) -> Generator:
        """Raises ModelRefused, ModelNotInstalled or (where it runs here) MissingAsset, before anything is loaded."""
        card, installed = self._models.usable(name)
        if runs_here:
            refuse_without_extra(card.family)
        roles = tuple(StemRole.parse(r) for r in card.roles)
        facts = NeuralFacts(card.name, roles, _note(card), card.weight_licence, card.use.value, _weights(installed))
        return NeuralGenerator(facts, lambda: self._loaded(card, installed), band(), AT_ONCE)

    def weights(self, name: str) -> str:
        """One hash of a network's files: equal weights make equal stems. Raises ModelNotInstalled or ModelRefused."""
        return _weights(self._models.usable(name)[1])

    def states(self, runs_here: bool = True) -> tuple[NetworkState, ...]:
        """Those that this installation allows. runs_here: also look whether this machine has the libraries."""
        return tuple(self._state(name, runs_here) for name in self)

    def _state(self, name: str, runs_here: bool) -> NetworkState:
        state, problem = self._models.get(name), None
        try:
            self._models.usable(name)
            if runs_here:
                refuse_without_extra(state.card.family)
        except (ModelError, MissingAsset) as error:
            problem = str(error)
        return NetworkState(state.card, state.installed is not None, problem)

    def _loaded(self, card: ModelCard, installed: Installed) -> AudioModel:
        """Raises NotEnoughMemory before anything is loaded."""
        device, threads = self._request.device, self._request.threads
        where = room(card.family, card.memory_mb, device, threads)
        key = (card.name, _weights(installed))

        def load() -> AudioModel:
            return open_network(card.family, installed.folder, card.name, device, threads)

        residence = self._of_device if where.own else self._shared
        found = residence.get(key, card.name, where.need_bytes, load, where.available)
        with self._lock:
            self._held[key] = residence, where
        self._touch()
        return _InUse(found, self._working)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Nothing is let go while it works, and the waiting begins when it has ended."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
            self._touch()

    def _touch(self) -> None:
        with self._lock:
            self._used = time.monotonic()
            if self._timer is None:
                self._timer = self._wait(self._idle_s)

    def _wait(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._let_go)
        timer.daemon = True
        timer.start()
        return timer

    def _let_go(self) -> None:
        with self._lock:
            left = self._idle_s if self._users else self._used + self._idle_s - time.monotonic()
            self._timer = self._wait(left) if left > 0 else None
            released = {} if left > 0 else dict(self._held)
            for key in released:
                del self._held[key]
        for key, (residence, where) in released.items():
            residence.release(key)
            where.available()  # gives back what torch keeps for itself


@dataclass(frozen=True, eq=False)
class _InUse:
    """A network that says when it works."""

    network: AudioModel
    working: Callable[[], AbstractContextManager[None]]

    @property
    def sample_rate_hz(self) -> int:
        return self.network.sample_rate_hz

    @property
    def longest_s(self) -> float:
        return self.network.longest_s

    @property
    def at_once(self) -> int:
        return self.network.at_once

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        return self.network.anchors

    @property
    def provenance(self) -> Provenance:
        return self.network.provenance

    def clips(self, wishes: Sequence[ClipWish], progress: Progress) -> tuple[AudioClip, ...]:
        with self.working():
            return self.network.clips(wishes, progress)


def _weights(installed: Installed) -> str:
    """One hash of all files of a model."""
    joined = "".join(f.sha256 for f in sorted(installed.files, key=lambda f: f.name))
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


def _note(card: ModelCard) -> str:
    """What everybody who hears a result must know of its use."""
    if card.use is Use.NON_COMMERCIAL:
        return f"Made with {card.title}, whose weights are for non-commercial use only ({card.weight_licence})."
    if card.use is Use.REVENUE_LIMIT:
        return f"Made with {card.title} under the {card.weight_licence}: free below 1 million US dollars of revenue a year."
    return ""
