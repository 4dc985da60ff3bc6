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
from training.synthesis.oscillators import band_pass

POOL, REMIXES = 60, 2


def masks(stems, mixture):
    """Phase-sensitive band masks Re<S, X> / <X, X>, clipped to 0..1 -> [sources, bands, windows]."""
    power = bands.band_power((np.abs(mixture) ** 2).sum(0)) + 1e-12
    ratios = [bands.band_power((s * mixture.conj()).real.sum(0)) / power for s in stems]
    return np.clip(np.stack(ratios), 0, 1).transpose(0, 2, 1)


def coloured(rng, stem):
    """A stem with its channels swapped or not, and a gentle tilt up or down."""
    y = stem[::-1] if rng.random() < 0.5 else stem
    if rng.random() < 0.5:
        y = y + band_pass(y, *((60, 400) if rng.random() < 0.5 else (2000, 12000)), 1) * rng.uniform(-0.5, 0.8)
    return y


def remixed(rng, pool):
    """Four stems, each from any song of the pool: no bar, key or tempo is shared, so only the sound can be learnt."""
    return np.stack([coloured(rng, pool[int(rng.integers(len(pool)))][j]) for j in range(4)])


def example(rng, stems):
    """Features and masks of one mixture of stems [4, 2, frames]; one example in eight is mono."""
    x = stems * (10 ** (rng.normal(0, 2.5, 4) / 20))[:, None, None].astype(np.float32)
    if rng.random() < 0.12:
        x = np.repeat(x.mean(1, keepdims=True), 2, 1)
    spectra = [bands.frames_spectrum(np.ascontiguousarray(s, np.float32)) for s in x]
    mixture = sum(spectra)
    level = float(bands.band_power((np.abs(mixture) ** 2).sum(0)).mean())
    return bands.features(mixture, level), masks(spectra, mixture)


def main(folder: Path, first: int, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pool: list[np.ndarray] = []
    for seed in range(first, first + count):
        rng = np.random.default_rng([seed, 1])
        pool.append(song(seed))
        if len(pool) > POOL:
            pool.pop(0)
        for k in range(1 + REMIXES):
            f, r = example(rng, pool[-1] if k == 0 else remixed(rng, pool))
            partial = folder / f".{seed}-{k}.npz"
            np.savez(partial, features=f.astype(np.float16), masks=r.astype(np.float16))
            os.replace(partial, folder / f"{seed:06d}-{k}.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
