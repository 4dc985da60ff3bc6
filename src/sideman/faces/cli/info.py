"""sideman info: what a file says about itself."""

from __future__ import annotations

from sideman.app.recordings import info
from sideman.faces.cli.arguments import Json, Song
from sideman.faces.cli.terminal import print_json, say


def command(song: Song, json_output: Json = False) -> None:
    """Format, codec, rate, channels and tags of SONG, from its header alone.

    Example: sideman info song.mp3
    """
    found = info(song)
    if json_output:
        print_json(
            {
                "name": found.name, "container": found.container, "codec": found.codec, "sample_rate_hz": found.sample_rate_hz,
                "channels": found.channels, "bit_rate_bps": found.bit_rate_bps, "tags": dict(found.tags),
            }
        )  # fmt: skip
        return
    rate = f", {found.bit_rate_bps // 1000} kbit/s" if found.bit_rate_bps else ""
    say(f"{found.name}: {found.container}/{found.codec}, {found.sample_rate_hz} Hz, {found.channels} channels{rate}")
    for name, value in found.tags:
        say(f"  {name:<12} {value}")
