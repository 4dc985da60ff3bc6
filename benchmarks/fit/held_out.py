"""Stems held out of their own mix: the true use. Each stem of a band is judged against the rest of that band, as it is and with each error.

python -m benchmarks.fit.held_out STEMS_FOLDER REAL_STEMS_FOLDER OUT.pkl

STEMS_FOLDER holds a folder a song with mixture and stems, REAL_STEMS_FOLDER one with guitar and rest. Errors are made in what is heard
(moved, stretched, turned, reordered), so the sounds stay as they were recorded.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.fit.make_set import ContrastSet, Row
from sideman.core.audio import AudioClip, Recording
from sideman.core.fit.faults import late, moved, reordered, transposed
from sideman.core.fit.listening import SAMPLE_RATE_HZ, Heard, listen
from sideman.core.fit.scoring import hear_contrasts
from sideman.core.music import StemRole

ROLES = {"drums": StemRole.DRUMS, "bass": StemRole.BASS, "other": StemRole.PIANO, "vocals": StemRole.LEAD, "guitar": StemRole.GUITAR}
METER = {"d01": 4, "d02": 4, "d03": 4, "d07": 4, "d09": 4}
REAL_TEMPO = {"rock_chaosland": 135.0, "ballad_feelings": 80.0, "metal_chaos_god": 170.0}
"""Only sizes the errors."""


def _mono(path: Path) -> np.ndarray:
    with Recording.open(path) as recording:
        reader = recording.mono(SAMPLE_RATE_HZ)
        return reader.read(0, reader.frames).samples


def errors(stem: Heard, beat_s: float, pitched: bool) -> dict[str, Callable[[], Heard]]:
    out: dict[str, Callable[[], Heard]] = {
        "right": lambda: stem, "quarter": lambda: late(stem, 0.25 * beat_s), "halfbeat": lambda: late(stem, 0.5 * beat_s),
        "beat": lambda: late(stem, beat_s), "bar": lambda: late(stem, 4 * beat_s), "tempo1": lambda: moved(stem, lambda t: t * 1.01),
    }  # fmt: skip
    if pitched:
        out |= {name: (lambda k=k: transposed(stem, k)) for name, k in {"+1": 1, "-1": -1, "6": 6, "+7": 7}.items()}
        out["shuffle"] = lambda: reordered(stem, 4 * beat_s)
    return out


def cases(stems: Path, real: Path) -> Iterator[tuple[str, str, np.ndarray, np.ndarray, float]]:
    """Name of the song, of the stem, the rest, the stem, and the length of a beat."""
    for folder in sorted(p for p in stems.iterdir() if p.is_dir()):
        mixture = _mono(folder / "mixture.flac")
        for name in ("drums", "bass", "other", "vocals"):
            stem = _mono(folder / f"{name}.flac")
            n = min(stem.shape[1], mixture.shape[1])
            yield folder.name, name, mixture[:, :n] - stem[:, :n], stem[:, :n], 60 / float(folder.name.split("_")[-1])
    for folder in sorted(p for p in real.iterdir() if p.is_dir()):
        yield folder.name, "guitar", _mono(folder / "rest.ogg"), _mono(folder / "guitar.ogg"), 60 / REAL_TEMPO[folder.name]


def main(stems: Path, real: Path, out: Path) -> None:
    songs, rows = {}, []
    for song, name, rest, stem, beat_s in cases(stems, real):
        role = ROLES[name]
        heard_rest = songs[f"{song}-{name}"] = listen(AudioClip(rest, SAMPLE_RATE_HZ))
        heard = listen(AudioClip(stem, SAMPLE_RATE_HZ), heard_rest.tuning_semitones)
        if heard.silent:
            continue
        for fault, make in errors(heard, beat_s, role.pitched).items():
            wrong = make()
            rows.append(Row(f"{song}-{name}", "held out", role.value, fault, hear_contrasts(heard_rest, wrong, role), {}, wrong))
        print(song, name, len(rows), flush=True)
    out.write_bytes(pickle.dumps(ContrastSet(songs, rows)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
