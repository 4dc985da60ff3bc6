"""Understand a recording: beats, chords and key, sections, loudness, each with confidence and provenance."""

from sideman.core.analysis.analyzer import (
    analyze,
    find_bar_accents,
    find_beats,
    find_groove,
    find_harmony_and_form,
    find_loudness,
    find_notes,
    find_onsets,
    refuse_unanalysable,
)
from sideman.core.analysis.engines import DEFAULT_ENGINES, AnalysisEngines

__all__ = [
    "DEFAULT_ENGINES",
    "AnalysisEngines",
    "analyze",
    "find_bar_accents",
    "find_beats",
    "find_groove",
    "find_harmony_and_form",
    "find_loudness",
    "find_notes",
    "find_onsets",
    "refuse_unanalysable",
]
