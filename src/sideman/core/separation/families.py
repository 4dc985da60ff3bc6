"""Families of models that can be run: how a checkpoint of each is checked and made ready, and the separator over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sideman.core.models.catalog import ModelCard
from sideman.core.models.memory import Residence
from sideman.core.models.runtime import Request
from sideman.core.music import StemRole
from sideman.core.separation.separator import Separator
from sideman.core.separation.single import WeightFacts
from sideman.errors import UnusableModel


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file of an installed model; `roles` are the stems that are taken from it, all of the card's where it is empty."""

    path: Path
    sha256: str
    roles: tuple[str, ...] = ()


def converter(family: str) -> Callable[[Path], Path]:
    """What makes a checkpoint of this family ready to run: it checks it, and gives the path of the result. Raises UnusableModel."""
    if family == "demucs":
        from sideman.core.separation.backends.demucs.conversion import convert as convert_demucs

        return convert_demucs
    if family == "roformer":
        from sideman.core.separation.backends.roformer import convert as convert_roformer

        return convert_roformer
    if family == "scnet":
        from sideman.core.separation.backends.scnet import convert as convert_scnet

        return convert_scnet
    if family == "mdx":
        from sideman.core.separation.backends.mdx import convert as convert_mdx

        return convert_mdx
    raise UnusableModel(f"no family of models is named {family!r}: there are demucs, roformer, scnet, mdx, stable-audio-3 and ace-step")


def open_separator(card: ModelCard, files: Sequence[WeightFile], request: Request, residence: Residence) -> Separator:
    """The separator over an installed model. Nothing is loaded yet."""
    roles = tuple(StemRole(r) for r in card.roles)
    if card.family == "demucs":
        from sideman.core.separation.backends.demucs import DemucsSeparator, Member

        members = [Member(f.path, tuple(StemRole(r) for r in f.roles) or roles, f.sha256) for f in files]
        experimental = tuple(StemRole(r) for r in card.experimental)
        return DemucsSeparator(
            card.name, members, request, residence, memory_mb=card.memory_mb, experimental=experimental, licence=card.weight_licence
        )
    facts = WeightFacts(files[0].path, files[0].sha256, card.weight_licence, card.memory_mb)
    if card.family == "roformer":
        from sideman.core.separation.backends.roformer import RoformerSeparator

        return RoformerSeparator(card.name, roles, facts, request, residence)
    if card.family == "scnet":
        from sideman.core.separation.backends.scnet import ScnetSeparator

        return ScnetSeparator(card.name, roles, facts, request, residence)
    if card.family == "mdx":
        from sideman.core.separation.backends.mdx import MdxSeparator

        return MdxSeparator(card.name, roles, facts, request, residence)
    raise UnusableModel(f"this version of Sideman cannot run models of the family {card.family!r}")
