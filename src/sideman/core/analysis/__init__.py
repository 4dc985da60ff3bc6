"""Understand a recording: beats, chords and key, sections, loudness, each with confidence and provenance."""

from sideman.core.analysis.analyzer import analyze

__all__ = ["analyze"]
