"""New stems for a song: the engine protocol, the song context, and the session band."""

from sideman.core.generation.band import BAND_ROLES, PART_NAMES, SessionBand, Style, SuitedStyle, style_named, styles, suited_styles
from sideman.core.generation.context import SongContext
from sideman.core.generation.direction import Direction, understand
from sideman.core.generation.generator import GeneratedStem, GenerationRequest, Generator
from sideman.core.generation.surroundings import Surroundings, hear_surroundings

__all__ = [
    "BAND_ROLES", "PART_NAMES", "Direction", "GeneratedStem", "GenerationRequest", "Generator", "SessionBand", "SongContext", "Style", "SuitedStyle", "Surroundings", "hear_surroundings",
    "style_named", "styles", "suited_styles", "understand",
]  # fmt: skip
