"""New stems for a song: the engine protocol, the song context, and the session band."""

from sideman.core.generation.band import BAND_ROLES, STYLES, SessionBand
from sideman.core.generation.context import SongContext
from sideman.core.generation.generator import GeneratedStem, GenerationRequest, Generator

__all__ = ["BAND_ROLES", "STYLES", "GeneratedStem", "GenerationRequest", "Generator", "SessionBand", "SongContext"]
