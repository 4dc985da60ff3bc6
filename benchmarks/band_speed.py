"""How fast the session band writes and plays: seconds of music a second of CPU, for every part in every style, on one thread.

python -m benchmarks.band_speed
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.results_file import write_result
from sideman.carried import carried
from sideman.core.generation import BAND_ROLES, GenerationRequest, SessionBand, SongContext, styles
from sideman.core.generation.band.player import Player
from sideman.core.generation.band.session import WRITERS, _takes
from sideman.core.generation.band.style import style_named
from sideman.core.generation.composer import compose
from sideman.core.music import StemRole

SEVEN = (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO, StemRole.GUITAR, StemRole.PAD, StemRole.STRINGS, StemRole.LEAD)
BARS = 16
RATE = 44100


def _writing(band: SessionBand, context: SongContext) -> dict[str, float]:
    """Seconds for 16 bars of seven parts, by style: median of five."""
    share = BARS / len(context.bars)
    out = {}
    for style in styles():
        laps = []
        for seed in range(5):
            began = time.process_time()
            for role in SEVEN:
                band.write(context, role, style, seed)
            laps.append((time.process_time() - began) * share)
        out[style] = float(np.median(laps))
    return out


def main() -> None:
    band, context = SessionBand.open(carried("soundfont.sf3")), SongContext.from_analysis(compose(4))
    frames = round(context.duration_s * RATE)
    writing = _writing(band, context)
    lines = [f"16 bars of seven parts are written in {np.median(list(writing.values())):.3f} s (slowest {max(writing.values()):.3f}).", ""]
    lines += ["Times real time on one core: dry / with rules, takes, strip, room and level.", ""]
    lines += ["| style | " + " | ".join(r.value for r in BAND_ROLES[:-1]) + " |", "|---|" + "--:|" * (len(BAND_ROLES) - 1)]
    slowest = (9e9, "")
    with tempfile.TemporaryDirectory() as folder:
        for style in styles():
            cells = []
            for role in BAND_ROLES[:-1]:
                band = SessionBand.open(carried("soundfont.sf3"))
                player = Player(context, style_named(style), 1, role)
                takes = _takes(player, WRITERS[role](player))
                began = time.process_time()
                band._record(takes, context, Path(folder) / "dry.f32", lambda share: None).remove()
                dry = context.duration_s / (time.process_time() - began)
                band = SessionBand.open(carried("soundfont.sf3"))
                began = time.process_time()
                band.generate(context, GenerationRequest(role, style, 1, frames, RATE), Path(folder)).audio.remove()
                whole = context.duration_s / (time.process_time() - began)
                slowest = min(slowest, (whole, f"{role} of {style}"))
                cells.append(f"{dry:.0f} / {whole:.0f}")
            lines.append(f"| {style} | " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
    lines += ["", f"Slowest: {slowest[1]}, {slowest[0]:.0f} times real time."]
    write_result("band_speed", "The session band: how fast it writes and plays", "\n".join(lines))


if __name__ == "__main__":
    main()
