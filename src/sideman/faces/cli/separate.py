"""sideman separate: take a recording apart."""

from __future__ import annotations

from sideman import bootstrap
from sideman.faces.cli.arguments import Json, OutFolder, Song
from sideman.faces.cli.terminal import print_json, progress_bars, say


def command(song: Song, out: OutFolder, json_output: Json = False) -> None:
    """Split SONG into drums, bass, vocals, other, and a residual; together they are the recording, bit for bit at 24 bits.

    The built-in network needs no download. Its quality is a preview: drums and bass are usable, vocals and other experimental.

    Example: sideman separate song.mp3 -o song/stems
    """
    with progress_bars(json_output) as progress:
        written = bootstrap.separate(song, out, progress)
    if json_output:
        stems = [{"role": s.role.value, "path": str(s.path), "quality": s.quality.value} for s in written.stems]
        print_json({"stems": stems, "residual": str(written.residual), "residual_db": round(written.residual_db, 1)})
        return
    for s in written.stems:
        say(f"{s.role.value:<9} {s.path}  ({s.quality.value})")
    say(f"residual  {written.residual}  ({written.residual_db:.0f} dB against the recording)")
    if written.suffix == ".wav":
        say("A lane passes full scale, so the set is 32-bit float WAV: nothing is clipped and nothing rescaled.")
