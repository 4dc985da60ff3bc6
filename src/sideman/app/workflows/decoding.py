"""What is done with untrusted files. Runs in a child process with memory and time limits."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sideman.core.audio import AudioLimits, Recording, inspect, write_lossless, write_peaks
from sideman.core.mixing import Lane, sum_lanes
from sideman.errors import Conflict

LARGEST_ARTWORK = 8 << 20
Json = dict[str, Any]
Progress = Callable[[str, float], None]


def _limits(arguments: Json) -> AudioLimits:
    return AudioLimits(arguments["duration_s"], arguments["channels"], arguments["rate_hz"])


def inspect_file(_context: object, arguments: Json, _inputs: object, progress: Progress) -> Json:
    """What the library wants to know about a file. Raises what `sideman.core.audio.inspect` raises."""
    found = inspect(Path(arguments["path"]), arguments["name"], _limits(arguments), lambda share: progress("inspect", share))
    picture = found.info.artwork if found.artwork_type and found.info.artwork and len(found.info.artwork) <= LARGEST_ARTWORK else None
    return {
        "container": found.info.container, "codec": found.info.codec, "sample_rate_hz": found.info.sample_rate_hz,
        "channels": found.info.channels, "duration_s": found.duration_s, "tags": {k: _clean(v) for k, v in found.info.tags},
        "artwork": b64encode(picture).decode() if picture else None, "artwork_type": found.artwork_type if picture else None,
    }  # fmt: skip


def _clean(text: str) -> str:
    """PostgreSQL keeps no NUL, and a tag may hold one."""
    return text.replace("\0", "").strip()


def join_stems(_context: object, arguments: Json, _inputs: object, _progress: Progress) -> Json:
    """Stems of one song: each as a lossless file, and their sum. Raises Conflict where their rates differ.

    Shorter ones are taken to be silent at their end.
    """
    folder, files = Path(arguments["folder"]), arguments["files"]
    for file in files:
        inspect(Path(file["path"]), file["name"], _limits(arguments))
    with ExitStack() as stack:
        recordings = [stack.enter_context(Recording.open(f["path"], f["name"])) for f in files]
        rates = sorted({r.sample_rate_hz for r in recordings})
        if len(rates) > 1:
            raise Conflict(
                f"the files of {arguments['title']} have different sample rates ({', '.join(map(str, rates))} Hz): export them at one"
            )
        frames = max(r.frames for r in recordings)
        mixture = write_lossless(sum_lanes([Lane(r.audio) for r in recordings], frames, rates[0], folder / "sum.f32"), folder / "mixture")
        stems = [write_lossless(r.audio, folder / f"stem-{k}") for k, r in enumerate(recordings)]
        return {
            "mixture": str(mixture),
            "stems": [{"path": str(p), "duration_s": r.duration_s} for p, r in zip(stems, recordings, strict=True)],
        }


def draw_peaks(_context: object, arguments: Json, _inputs: object, _progress: Progress) -> Json:
    """Peaks of a lossless file."""
    with Recording.open(arguments["path"]) as recording:
        return {"pairs": write_peaks(recording.audio, Path(arguments["out"]))}
