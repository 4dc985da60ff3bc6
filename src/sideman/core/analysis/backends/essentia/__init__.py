"""Essentia's beats and key (Bogdanov et al., ISMIR 2013), in a child process: AGPL-3.0, an extra that people install by themselves."""

from sideman.core.analysis.backends.essentia.engine import EssentiaEngine

__all__ = ["EssentiaEngine"]
