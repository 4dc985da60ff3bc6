"""Settings: one typed value, read once from the environment and passed down. Every row stands in docs/reference/settings.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sideman.carried import FOLDER
from sideman.errors import UsageError


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the settings table."""

    variable: str
    default: str
    help: str


ROWS = (
    Setting("SIDEMAN_SOUNDFONT", "the carried FluidR3Mono", "SoundFont (.sf2 or .sf3) that the session band plays"),
    Setting("SIDEMAN_THREADS", "number of processors, at most 4", "how many stems are made at once"),
    Setting(
        "SIDEMAN_SCRATCH", "the system's temporary folder", "where decoded audio lies while a job runs (21 MB a stereo minute and lane)"
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    soundfont: Path
    threads: int
    scratch: Path | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Raises UsageError for a value that makes no sense."""
        env = os.environ if environment is None else environment
        font = env.get("SIDEMAN_SOUNDFONT")
        scratch = env.get("SIDEMAN_SCRATCH")
        raw = env.get("SIDEMAN_THREADS", str(min(4, os.cpu_count() or 1)))
        if not raw.isdecimal() or int(raw) < 1:
            raise UsageError(f"SIDEMAN_THREADS is {raw!r}: set it to a whole number from 1 on")
        if scratch and not Path(scratch).is_dir():
            raise UsageError(f"SIDEMAN_SCRATCH is {scratch!r}, which is not a folder: make it or unset the variable")
        return cls(Path(font) if font else FOLDER / "soundfont.sf3", int(raw), Path(scratch) if scratch else None)
