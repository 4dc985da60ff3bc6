"""Stable Audio (Evans et al. 2024, 2026) through diffusers: Open 1.0, and version 3 small and medium."""

from sideman.core.generation.backends.stable_audio.open_one import StableAudioOpen
from sideman.core.generation.backends.stable_audio.three import StableAudio3

__all__ = ["StableAudio3", "StableAudioOpen"]
