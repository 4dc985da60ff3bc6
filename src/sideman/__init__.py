"""Sideman takes a recording apart, understands it, and plays along.

    import sideman
    sideman.play_along("song.mp3", "out", stems="drums,bass", style="rock")
    print(sideman.analyze("song.mp3").key.value)

Importing this package loads neither numpy nor any engine; they come with the first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sideman.app.fitting import FitWish
    from sideman.bootstrap import analyze, fit, generate, mix, open_studio, play_along, render_midi, separate, straighten
    from sideman.core.audio import AudioClip
    from sideman.core.music import MusicAnalysis, StemRole
    from sideman.core.pipelines import Order
    from sideman.errors import SidemanError

_HOMES = {
    "analyze": "sideman.bootstrap",
    "fit": "sideman.bootstrap",
    "generate": "sideman.bootstrap",
    "mix": "sideman.bootstrap",
    "open_studio": "sideman.bootstrap",
    "play_along": "sideman.bootstrap",
    "render_midi": "sideman.bootstrap",
    "separate": "sideman.bootstrap",
    "straighten": "sideman.bootstrap",
    "FitWish": "sideman.app.fitting",
    "Order": "sideman.core.pipelines",
    "AudioClip": "sideman.core.audio",
    "MusicAnalysis": "sideman.core.music",
    "StemRole": "sideman.core.music",
    "SidemanError": "sideman.errors",
}

__all__ = [
    "AudioClip",
    "FitWish",
    "MusicAnalysis",
    "Order",
    "SidemanError",
    "StemRole",
    "analyze",
    "fit",
    "generate",
    "mix",
    "open_studio",
    "play_along",
    "render_midi",
    "separate",
    "straighten",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sideman' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
