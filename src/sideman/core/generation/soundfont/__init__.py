"""A SoundFont 2.04 / SF3 renderer in numpy: offline, deterministic, no native code. See docs/decisions/0003."""

from sideman.core.generation.soundfont.attack import lead_s
from sideman.core.generation.soundfont.font import SoundFont, Zone
from sideman.core.generation.soundfont.renderer import Humanise, Preset, Renderer, Synth

__all__ = ["Humanise", "Preset", "Renderer", "SoundFont", "Synth", "Zone", "lead_s"]
