"""Contrasts of every right and wrong stem of some annotated songs, kept as one pickle.

python -m benchmarks.fit.make_set AUDIO_DIR FONT SEED OUT.pkl [roles=lead,percussion] [without=half,double] [style=suited] SONG [SONG ...]

style=suited: every song in the one style that the band chooses for it. Without roles: drums, bass, piano, and pad or guitar. What the judge is tuned on can do without half and double, which it never learns.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.fit.stems import EXCERPT_S, StemMaker
from benchmarks.suited_styles import ranked
from sideman.core.audio import AudioClip, Recording, measure
from sideman.core.evaluation.references import read_references
from sideman.core.fit.faults import Fault
from sideman.core.fit.listening import CHROMA_RATE_HZ, SAMPLE_RATE_HZ, Heard, listen
from sideman.core.fit.scoring import hear_contrasts
from sideman.core.generation import SessionBand
from sideman.core.music import StemRole, parse_roles

SWUNG_SONGS = ("d04", "d05", "d08")
STRAIGHT = ("rock", "pop", "funk", "soul", "house", "ballad", "reggae", "country")
SWUNG = ("jazz", "blues")
"""Two of them a song, another pair for each seed."""
CLIP_S = 24.0


@dataclass(frozen=True, eq=False)
class Row:
    """contrasts of the whole stem and of a 24 s excerpt from its middle; heard, so that a changed judge can listen again, where it was kept."""

    song: str
    style: str
    role: str
    fault: str
    contrasts: dict[str, float]
    excerpt: dict[str, float]
    heard: Heard | None
    undecidable: tuple[Fault, ...] = ()


@dataclass(frozen=True, eq=False)
class ContrastSet:
    songs: dict[str, Heard]
    rows: list[Row]


def row(song: str, style: str, role: StemRole, fault: str, heard: Heard, listened: Heard) -> Row:
    n = min(heard.chroma.shape[1], listened.chroma.shape[1])
    half = int(CLIP_S * CHROMA_RATE_HZ)
    a = max(0, (n - half) // 2)
    clip = hear_contrasts(listened.cut(a, a + half), heard.cut(a, a + half), role)
    return Row(song, style, role.value, fault, hear_contrasts(listened, heard, role), clip, heard)


def main(audio: Path, font: Path, seed: int, out: Path, names: list[str]) -> None:
    asked = [parse_roles(n.removeprefix("roles=")) for n in names if n.startswith("roles=")]
    without = {f for n in names if n.startswith("without=") for f in n.removeprefix("without=").split(",")}
    band, songs, rows = SessionBand.open(font), {}, []
    for reference in (r for r in read_references(audio) if r.name[:3] in names):
        with Recording.open(reference.audio) as recording, tempfile.TemporaryDirectory() as folder:
            mono = recording.mono(SAMPLE_RATE_HZ).read(0, int(EXCERPT_S * SAMPLE_RATE_HZ))
            song = songs[reference.name] = listen(AudioClip(mono.samples, SAMPLE_RATE_HZ))
            maker = StemMaker(band, Path(folder), song.tuning_semitones, measure(recording.audio).integrated_lufs)
            analysis = reference.analysis(mono.duration_s)
            draw = np.random.default_rng([seed, zlib.crc32(reference.name.encode())])
            styles = SWUNG if reference.name[:3] in SWUNG_SONGS else tuple(draw.permutation(STRAIGHT)[:2].tolist())
            if "style=suited" in names:
                styles = (ranked(recording, analysis)[0].name,)
            for style, fourth in zip(styles, (StemRole.PAD, StemRole.GUITAR), strict=False):
                own = seed * 100 + zlib.crc32((reference.name + style).encode()) % 97
                for role in asked[0] if asked else (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO, fourth):
                    for stem in maker.stems(analysis, role, style, own, without):
                        rows.append(row(reference.name, style, role, stem.fault, stem.heard, song))
        print(reference.name, len(rows), flush=True)
        out.write_bytes(pickle.dumps(ContrastSet(songs, rows)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), sys.argv[5:])
