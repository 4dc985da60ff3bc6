"""Models, presets and separation, as the API shows them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sideman.app.models import ModelState
from sideman.app.separators import PresetState
from sideman.faces.rest.shapes import Name, Shape


class ScoreShape(Shape):
    """Figures may be compared only where metric, test set and source are the same."""

    metric: str
    test_set: str
    source: str
    values_db: dict[str, float]


class ModelShape(Shape):
    """use: what the licence of the weights lets people do with results. terms: what is accepted by installing, word for word.

    problem: what is wrong with the files that are installed, null when nothing is.
    """

    name: str
    title: str
    task: str
    brings: str
    stems: list[str]
    size_bytes: int
    memory_mb: int
    code_licence: str
    weight_licence: str
    use: Literal["commercial", "revenue limit", "contested", "not stated", "non-commercial"]
    terms: str
    provenance: str
    homepage: str
    allowed: bool
    installed: bool
    problem: str | None
    accepted_by: str | None
    accepted_at: str | None
    scores: list[ScoreShape]

    @classmethod
    def of(cls, state: ModelState) -> ModelShape:
        card, consent = state.card, state.installed.consent if state.installed else None
        scores = [ScoreShape(metric=s.metric, test_set=s.test_set, source=s.source, values_db=dict(s.values_db)) for s in card.scores]
        return cls(
            name=card.name, title=card.title, task=card.task, brings=card.brings, stems=list(card.roles), size_bytes=card.size_bytes,
            memory_mb=card.memory_mb, code_licence=card.code_licence, weight_licence=card.weight_licence, use=card.use.value,
            terms=card.licence_text, provenance=card.provenance, homepage=card.homepage, allowed=state.allowed,
            installed=consent is not None, problem=state.problem, accepted_by=consent.who if consent else None, accepted_at=consent.when if consent else None,
            scores=scores,
        )  # fmt: skip


class InstallRequest(Shape):
    """accept: that the caller accepts the terms of the model; they are kept with name and time."""

    accept: bool = False


class PresetShape(Shape):
    """takesStem: the stem that it takes apart, null for whole recordings. problem: why it cannot be used here, null when it can. secondsPerMinute: what a minute of music took here the last time."""

    name: str
    summary: str
    takes_stem: str | None
    stems: list[str]
    models: list[str]
    missing: list[str]
    weight_licence: str | None
    use: str | None
    problem: str | None
    seconds_per_minute: float | None

    @classmethod
    def of(cls, state: PresetState) -> PresetShape:
        p, first = state.preset, state.cards[0] if state.cards else None
        return cls(
            name=p.name, summary=p.summary, takes_stem=p.of.value if p.of else None, stems=[r.value for r in p.roles], models=list(p.models), missing=list(state.missing),
            weight_licence=first.weight_licence if first else None, use=first.use.value if first else None, problem=state.problem,
            seconds_per_minute=state.seconds_per_minute,
        )  # fmt: skip


class SeparateRequest(Shape):
    """stems: only these, all of the preset otherwise. previewS: only the loudest part of that many seconds, kept apart as an excerpt."""

    preset: Name = "preview"
    stems: list[Name] | None = Field(None, min_length=1, max_length=12)
    preview_s: float | None = Field(None, ge=1, le=120, allow_inf_nan=False)
    again: bool = False
