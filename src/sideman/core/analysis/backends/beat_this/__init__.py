"""Beat This! (Foscarin, Schlüter, Widmer, ISMIR 2024; MIT) as a graph of our own, filled from its published checkpoint, without torch."""

from sideman.core.analysis.backends.beat_this.engine import BeatThisEngine, convert

__all__ = ["BeatThisEngine", "convert"]
