"""Which models there are, may be used and are installed; installing and removing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sideman.core.generation.backends import FAMILIES, assembled, refuse_without_extra
from sideman.core.models.catalog import Catalog, ModelCard, Policy
from sideman.core.models.checkpoint import refuse_without_reader
from sideman.core.separation import families
from sideman.errors import UnusableModel
from sideman.infra.weights import Consent, Installed, Progress, WeightStore, no_progress, same

READ_AS_SAFETENSORS = ("demucs", "roformer", "scnet")
__all__ = ["ModelState", "Models", "converter"]


@dataclass(frozen=True, slots=True)
class ModelState:
    """allowed: by the policy of this installation. problem: what is wrong with what is installed, in one sentence."""

    card: ModelCard
    installed: Installed | None
    allowed: bool
    problem: str | None = None


def converter(family: str) -> Callable[[Path], Path]:
    """What makes a published file of this family ready to run: separation networks, or an analysis engine. Raises UnusableModel."""
    if family in FAMILIES:
        return same
    if family == "madmom":
        from sideman.core.analysis.backends.madmom import convert

        return convert
    if family == "beat-this":
        from sideman.core.analysis.backends.beat_this import convert as convert_beat_this

        return convert_beat_this
    return families.converter(family)


def assembler(family: str) -> Callable[[Path], Path]:
    """What makes the files of a network of several ready to run, once all are there. Raises UnusableModel, MissingAsset."""
    return partial(assembled, family) if family in FAMILIES else same


class Models:
    def __init__(self, cards: Catalog, store: WeightStore, policy: Policy) -> None:
        self._cards, self.store, self.policy = cards, store, policy

    def all(self) -> tuple[ModelState, ...]:
        return tuple(self._state(card) for card in self._cards)

    def get(self, name: str) -> ModelState:
        """Raises UsageError for a name that no card has."""
        return self._state(self._cards.get(name))

    def _state(self, card: ModelCard) -> ModelState:
        try:
            return ModelState(card, self.store.installed(card.name), self.policy.allows(card))
        except UnusableModel as error:
            return ModelState(card, None, self.policy.allows(card), str(error))

    def knows(self, name: str) -> bool:
        return any(card.name == name for card in self._cards)

    def allowed(self, name: str) -> ModelCard:
        """Raises ModelRefused where the policy is against it."""
        card = self._cards.get(name)
        self.policy.refuse(card)
        return card

    def usable(self, name: str) -> tuple[ModelCard, Installed]:
        """Raises ModelRefused or ModelNotInstalled; the sentence says what to do."""
        card = self.allowed(name)
        return card, self.store.require(card)

    def consent(self, name: str, who: str) -> Consent:
        """That `who` accepts the terms of a model as its card has them now."""
        return Consent.given(who, self._cards.get(name).licence_text)

    def install(self, name: str, consent: Consent | None, progress: Progress = no_progress) -> Installed:
        """Fetch a model. Raises ConsentNeeded with the terms (nobody accepted them, or other ones), ModelRefused, DownloadFailed."""
        card = self.allowed(name)
        if card.converted:
            refuse_without_extra(card.family)  # before gigabytes are fetched that it could not convert
        elif card.family in READ_AS_SAFETENSORS:
            refuse_without_reader()
        return self.store.install(card, consent, converter(card.family), progress, assembler(card.family))

    def import_files(self, name: str, paths: Sequence[Path], consent: Consent | None) -> Installed:
        """The same from files on this machine, for one without internet."""
        card = self.allowed(name)
        if card.repositories:
            if len(paths) != 1:
                raise UnusableModel(f"{name} is a folder of files: give the one folder that holds them")
            return self.store.import_folder(card, paths[0], consent, assembler(card.family))
        return self.store.import_files(card, paths, consent, converter(card.family))

    def remove(self, name: str) -> bool:
        return self.store.remove(self._cards.get(name))

    def verify(self, name: str) -> tuple[str, ...]:
        """Names of files that changed since they were installed. Raises ModelNotInstalled."""
        return self.store.verify(self._cards.get(name))
