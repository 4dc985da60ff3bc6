"""Which analysis engines there are here, and the ones that a wish names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sideman.app.models import Models
from sideman.core.analysis import AnalysisEngines
from sideman.errors import UsageError

DEFAULT = "sideman"
QUESTIONS = {
    "beats": (DEFAULT, "madmom", "beat-this", "beat-this-small", "essentia"),
    "chords": (DEFAULT, "madmom"),
    "key": (DEFAULT, "madmom", "essentia"),
    "notes": ("no", "basic-pitch"),
}
"""What is asked, and who can answer; the first one does where nothing is said."""


@dataclass(frozen=True)
class AnalysisWish:
    """Engine by question, for the questions that the default engine should not answer."""

    engines: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> AnalysisWish:
        """`beats=madmom,key=madmom,notes=basic-pitch`. Raises UsageError that lists what there is."""
        found: dict[str, str] = {}
        for part in (p.strip() for p in (text or "").split(",") if p.strip()):
            question, _, engine = part.partition("=")
            if question not in QUESTIONS or engine not in QUESTIONS[question]:
                known = ", ".join(f"{q}={'|'.join(engines)}" for q, engines in QUESTIONS.items())
                raise UsageError(f"no analysis engine {part!r}: there are {known}")
            if engine != QUESTIONS[question][0]:
                found[question] = engine
        return cls(found)

    def __str__(self) -> str:
        return ",".join(f"{q}={e}" for q, e in sorted(self.engines.items()))


class Analyzers:
    """Engines are loaded when first asked for and stay loaded."""

    def __init__(self, models: Models, notes_network: Path, default: AnalysisWish) -> None:
        self._models, self._notes_network, self.default = models, notes_network, default
        self._loaded: dict[str, object] = {}

    def engines(self, wish: AnalysisWish | None = None) -> AnalysisEngines:
        """Raises ModelNotInstalled or ModelRefused for an engine whose weights are not here."""
        wanted = dict(self.default.engines if wish is None else wish.engines)
        chosen: dict[str, object] = {}
        for question, engine in wanted.items():
            chosen[question] = self._engine(engine)
        return AnalysisEngines(**chosen)  # type: ignore[arg-type]

    def _engine(self, name: str) -> object:
        weights = self._models.usable(name)[1].files[0].path if self._models.knows(name) else self._notes_network
        if name not in self._loaded:
            self._loaded[name] = _opened(name, weights)
        return self._loaded[name]


def _opened(name: str, weights: Path) -> object:
    if name == "madmom":
        from sideman.core.analysis.backends.madmom import MadmomEngine

        return MadmomEngine(weights)
    if name == "essentia":
        from sideman.core.analysis.backends.essentia import EssentiaEngine

        return EssentiaEngine()
    if name == "basic-pitch":
        from sideman.core.analysis.notes import Transcriber

        return Transcriber(weights)
    from sideman.core.analysis.backends.beat_this import BeatThisEngine

    return BeatThisEngine(weights)
