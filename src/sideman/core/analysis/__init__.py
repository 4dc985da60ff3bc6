"""Understand a recording: beats, chords and key, sections, loudness, each with confidence and provenance."""

from sideman.core.analysis.analyzer import analyze, find_beats, find_harmony_and_form, find_loudness, refuse_unanalysable

__all__ = ["analyze", "find_beats", "find_harmony_and_form", "find_loudness", "refuse_unanalysable"]
