"""Make songs and keep only what training reads: band features and band masks, float16.

    python -m training.separation.prepare FOLDER FIRST_SEED COUNT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from sideman.core.separation.backends.preview import bands
from training.separation.songs import song


def masks(stems, mixture):
    """Phase-sensitive band masks Re<S, X> / <X, X>, clipped to 0..1 -> [sources, bands, windows]."""
    power = bands.band_power((np.abs(mixture) ** 2).sum(0)) + 1e-12
    ratios = [bands.band_power((s * mixture.conj()).real.sum(0)) / power for s in stems]
    return np.clip(np.stack(ratios), 0, 1).transpose(0, 2, 1)


def example(seed, recent):
    """One training example; stems of earlier songs are mixed in, and one example in eight is mono."""
    rng = np.random.default_rng([seed, 1])
    x = song(seed)
    recent.append(x)
    if len(recent) > 24:
        recent.pop(0)
    x = x.copy()
    if rng.random() < 0.4:
        for j in range(4):
            if rng.random() < 0.5:
                x[j] = recent[int(rng.integers(0, len(recent)))][j]
    x *= (10 ** (rng.normal(0, 2.5, 4) / 20))[:, None, None].astype(np.float32)
    if rng.random() < 0.12:
        x = np.repeat(x.mean(1, keepdims=True), 2, 1)
    spectra = [bands.frames_spectrum(s) for s in x]
    mixture = sum(spectra)
    level = float(bands.band_power((np.abs(mixture) ** 2).sum(0)).mean())
    return bands.features(mixture, level), masks(spectra, mixture)


def main(folder: Path, first: int, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    recent: list[np.ndarray] = []
    for seed in range(first, first + count):
        f, r = example(seed, recent)
        partial = folder / f".{seed}.npz"
        np.savez(partial, features=f.astype(np.float16), masks=r.astype(np.float16))
        os.replace(partial, folder / f"{seed:06d}.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
