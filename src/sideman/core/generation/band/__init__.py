"""The session band: writes parts on a song's own grid and chords, plays them with human timing, and records them in one room.

No weights. Same seed, same bytes. Rules and measurements: docs/explanation/session-band.md.
"""

from sideman.core.generation.band.session import BAND_ROLES, PART_NAMES, SessionBand
from sideman.core.generation.band.style import Style, style_named, styles
from sideman.core.generation.band.suiting import SuitedStyle, suited_styles

__all__ = ["BAND_ROLES", "PART_NAMES", "SessionBand", "Style", "SuitedStyle", "style_named", "styles", "suited_styles"]
