"""MusicGen (Copet et al. 2023) through transformers: text, continuation and melody, mono and stereo, in windows beyond 30 s."""

from sideman.core.generation.backends.musicgen.engine import MusicGen, open_musicgen

__all__ = ["MusicGen", "open_musicgen"]
