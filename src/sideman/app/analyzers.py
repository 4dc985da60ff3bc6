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
    "beats": (DEFAULT, "madmom", "madmom-2015", "beat-this", "beat-this-small", "essentia"),
    "chords": (DEFAULT, "madmom"),
    "key": (DEFAULT, "madmom", "essentia"),
    "notes": ("no", "basic-pitch", "madmom"),
}
"""What is asked, and who can answer; the first one does where nothing is said."""
CARDS = {"madmom-2015": "madmom", "madmom-notes": "madmom"}
"""Engines that run on the weights of another name."""


@dataclass(frozen=True)
class AnalysisWish:
    """Engine by question, as far as something was said."""

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
            found[question] = engine
        return cls(found)

    def over(self, default: AnalysisWish) -> AnalysisWish:
        """This wish, and what the default says of the questions that it leaves open."""
        return AnalysisWish({**default.engines, **self.engines})

    def with_notes(self) -> AnalysisWish:
        """This wish, and notes by basic-pitch where it names no engine for them."""
        asked = self.chosen.get("notes", "basic-pitch")
        return AnalysisWish({**self.engines, "notes": asked})

    @property
    def chosen(self) -> dict[str, str]:
        """Engine by question, for the questions that the default engine should not answer."""
        return {q: e for q, e in sorted(self.engines.items()) if e != QUESTIONS[q][0]}

    def __str__(self) -> str:
        return ",".join(f"{q}={e}" for q, e in self.chosen.items())


class Analyzers:
    """Engines are loaded when first asked for and stay loaded."""

    def __init__(self, models: Models, notes_network: Path, default: AnalysisWish) -> None:
        self._models, self._notes_network, self.default = models, notes_network, default
        self._loaded: dict[str, object] = {}

    def engines(self, wish: AnalysisWish | None = None) -> AnalysisEngines:
        """Those of the wish and of nothing else; those of the settings without one.

        Raises ModelNotInstalled or ModelRefused for an engine whose weights are not here.
        """
        wanted = (wish or self.default).chosen
        chosen = {q: self._engine("madmom-notes" if (q, e) == ("notes", "madmom") else e) for q, e in wanted.items()}
        return AnalysisEngines(**chosen)  # type: ignore[arg-type]

    def _engine(self, name: str) -> object:
        card = CARDS.get(name, name)
        weights = self._models.usable(card)[1].files[0].path if self._models.knows(card) else self._notes_network
        if name not in self._loaded:
            self._loaded[name] = _opened(name, weights)
        return self._loaded[name]


def _opened(name: str, weights: Path) -> object:
    if name == "madmom":
        from sideman.core.analysis.backends.madmom import MadmomEngine

        return MadmomEngine(weights)
    if name in CARDS:
        from sideman.core.analysis.backends.madmom import MadmomBeats, MadmomNotes

        return MadmomBeats(weights) if name == "madmom-2015" else MadmomNotes(weights)
    if name == "essentia":
        from sideman.core.analysis.backends.essentia import EssentiaEngine

        return EssentiaEngine()
    if name == "basic-pitch":
        from sideman.core.analysis.notes import Transcriber

        return Transcriber(weights)
    from sideman.core.analysis.backends.beat_this import BeatThisEngine

    return BeatThisEngine(weights)
