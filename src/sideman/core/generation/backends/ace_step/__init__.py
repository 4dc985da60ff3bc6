"""ACE-Step 1.5 (Gong et al. 2026) through diffusers: one more stem over the song itself, several, or a part of a sound made anew."""

from sideman.core.generation.backends.ace_step.engine import AceStep

__all__ = ["AceStep"]
