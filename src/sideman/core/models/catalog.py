"""Model cards: what each set of weights is, where it comes from, what it may be used for. The cards are data, in `cards.toml`.

Scores stand beside the metric and the test set they were measured with; nothing here ranks figures of different kinds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from sideman.errors import ModelRefused, UsageError

CARDS = Path(__file__).parent / "cards.toml"


class Use(StrEnum):
    """What the licence of the weights lets people do with the results."""

    COMMERCIAL = "commercial"
    REVENUE_LIMIT = "revenue limit"
    CONTESTED = "contested"
    NOT_STATED = "not stated"
    NON_COMMERCIAL = "non-commercial"


SELLABLE = (Use.COMMERCIAL, Use.REVENUE_LIMIT)
"""Results that may be sold; under a revenue limit by those who state, in accepting the terms, that they are below it."""


@dataclass(frozen=True, slots=True)
class Score:
    """Decibels per stem. Two scores may be compared only where metric, test set and source are the same."""

    metric: str
    test_set: str
    source: str
    values_db: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """url: an address, or `pip:NAME==VERSION` for a source archive of the Python package index. sha256 may be None (nobody publishes it: recorded at the first download, then checked) or a prefix; `roles` are the stems that are
    taken from this file, all where it is empty; `published_as` are other names under which the same weights are handed around."""

    name: str
    url: str
    size_bytes: int
    sha256: str | None = None
    roles: tuple[str, ...] = ()
    published_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the model hub. patterns: its files that are needed; folder: where they lie in the model's own; gate: the terms that
    its publisher wants accepted there, empty where it is open to all. size_bytes is about what is fetched."""

    name: str
    patterns: tuple[str, ...]
    size_bytes: int
    revision: str = "main"
    folder: str = ""
    gate: str = ""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything a person should know before installing a model. Sizes in bytes, memory in MB while it runs (of generators, at 32 bits).

    asks: what somebody states by accepting the terms, beside accepting them. converted: what is fetched is made into another layout.
    """

    name: str
    title: str
    task: str
    family: str
    brings: str
    roles: tuple[str, ...]
    files: tuple[ModelFile, ...]
    code_licence: str
    weight_licence: str
    use: Use
    statements: tuple[str, ...]
    provenance: str
    homepage: str
    memory_mb: int
    experimental: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    repositories: tuple[Repository, ...] = ()
    asks: str = ""
    converted: bool = False

    @property
    def size_bytes(self) -> int:
        return sum(f.size_bytes for f in self.files) + sum(r.size_bytes for r in self.repositories)

    @property
    def licence_text(self) -> str:
        """What a person accepts: licences and every statement about them, word for word."""
        lines = [
            f"{self.title}: weights {self.weight_licence}; code {self.code_licence}.",
            f"Use of results: {self.use}.",
            *self.statements,
            f"Trained on: {self.provenance}",
            f"Source: {self.homepage}",
            *(f"Gated: accept {r.gate} at huggingface.co/{r.name} first, and set HF_TOKEN." for r in self.repositories if r.gate),
            *([self.asks] if self.asks else []),
        ]
        return "\n".join(lines)

    @property
    def offer(self) -> str:
        """One sentence for someone who has not installed it."""
        size = f"{self.size_bytes / 1e9:.1f} GB" if self.size_bytes >= 1e9 else f"{self.size_bytes / 1e6:,.0f} MB"
        return f"{self.name} is not installed: {self.brings} ({size}, weights: {self.weight_licence}); `sideman models install {self.name}`"


@dataclass(frozen=True, slots=True)
class Policy:
    """What an administrator allows: only weights that may be used commercially, or only named ones; everything by default."""

    commercial_only: bool = False
    allowed: frozenset[str] | None = None

    def refuse(self, card: ModelCard) -> None:
        """Raises ModelRefused with the reason."""
        if self.allowed is not None and card.name not in self.allowed:
            raise ModelRefused(f"{card.name} is not on this installation's list of models: ask its administrator (SIDEMAN_MODELS_ALLOWED)")
        if self.commercial_only and card.use not in SELLABLE:
            raise ModelRefused(
                f"{card.name} is refused: this installation takes commercial-safe weights only (SIDEMAN_MODEL_POLICY), and the use of these is {card.use}"
            )

    def allows(self, card: ModelCard) -> bool:
        try:
            self.refuse(card)
        except ModelRefused:
            return False
        return True


class Catalog:
    def __init__(self, cards: Iterable[ModelCard]) -> None:
        self._cards = {c.name: c for c in cards}

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._cards.values())

    def get(self, name: str) -> ModelCard:
        """Raises UsageError that lists the names."""
        if name not in self._cards:
            raise UsageError(f"no model named {name!r}: there are {', '.join(self._cards)}")
        return self._cards[name]


@cache
def catalog() -> Catalog:
    """All models that Sideman knows."""
    data = tomllib.loads(CARDS.read_text(encoding="utf-8"))
    statements = data.get("statements", {})
    return Catalog(card_from(entry, statements) for entry in data["model"])


def card_from(entry: Mapping[str, Any], statements: Mapping[str, str]) -> ModelCard:
    """A card from a table of `cards.toml`; `statements` named there are looked up by key."""
    files = tuple(
        ModelFile(f["name"], f["url"], f["size_bytes"], f.get("sha256"), tuple(f.get("roles", ())), tuple(f.get("published_as", ())))
        for f in entry.get("files", ())
    )
    repositories = tuple(
        Repository(r["name"], tuple(r["patterns"]), r["size_bytes"], r.get("revision", "main"), r.get("folder", ""), r.get("gate", ""))
        for r in entry.get("repositories", ())
    )
    scores = tuple(
        Score(s["metric"], s["test_set"], s["source"], tuple((k, float(v)) for k, v in s["values_db"].items()))
        for s in entry.get("scores", ())
    )
    return ModelCard(
        name=entry["name"], title=entry["title"], task=entry["task"], family=entry["family"], brings=entry["brings"],
        roles=tuple(entry["roles"]), files=files, code_licence=entry["code_licence"], weight_licence=entry["weight_licence"],
        use=Use(entry["use"]), statements=tuple(statements[k] for k in entry.get("statements", ())), provenance=entry["provenance"],
        homepage=entry["homepage"], memory_mb=entry["memory_mb"], experimental=tuple(entry.get("experimental", ())), scores=scores,
        repositories=repositories, asks=entry.get("asks", ""), converted=entry.get("converted", False),
    )  # fmt: skip
