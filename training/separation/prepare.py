"""Make songs and keep only what training reads: band features (float16) and band masks (in 255ths).

python -m training.separation.prepare FOLDER FIRST_SEED COUNT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from sideman.core.separation.backends.preview import bands
from training.separation.songs import song

POOL, REMIXES = 16, 1


def masks(stems, mixture):
    """Phase-sensitive band masks Re<S, X> / <X, X>, clipped to 0..1 -> [sources, bands, windows]."""
    power = bands.band_power((np.abs(mixture) ** 2).sum(0)) + 1e-12
    ratios = [bands.band_power((s * mixture.conj()).real.sum(0)) / power for s in stems]
    return np.clip(np.stack(ratios), 0, 1).transpose(0, 2, 1)


def coloured(rng, spectrum):
    """A stem's spectrum [2, windows, bins] with its channels swapped or not, and a gentle tilt up or down."""
    y = spectrum[::-1] if rng.random() < 0.5 else spectrum
    if rng.random() < 0.5:
        octaves = np.log2(np.maximum(np.arange(bands.BINS) * bands.BIN_HZ, 30) / 1000)
        y = y * (10 ** (rng.uniform(-1.5, 1.5) * octaves / 20)).astype(np.float32)
    return y


def remixed(rng, pool):
    """Four stems, each from any song of the pool: no bar, key or tempo is shared, so only the sound can be learnt."""
    return [coloured(rng, pool[int(rng.integers(len(pool)))][j]) for j in range(4)]


def example(rng, spectra):
    """Features and masks of one mixture of stem spectra [2, windows, bins]; one example in eight is mono."""
    mono = rng.random() < 0.12
    gains = (10 ** (rng.normal(0, 2.5, 4) / 20)).astype(np.float32)
    parts = [(np.repeat(x.mean(0, keepdims=True), 2, 0) if mono else x) * g for x, g in zip(spectra, gains, strict=True)]
    mixture = sum(parts)
    level = float(bands.band_power((np.abs(mixture) ** 2).sum(0)).mean())
    return bands.features(mixture, level), masks(parts, mixture)


def main(folder: Path, first: int, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pool: list[list[np.ndarray]] = []
    for seed in range(first, first + count):
        rng = np.random.default_rng([seed, 1])
        pool.append([bands.frames_spectrum(np.ascontiguousarray(stem, np.float32)) for stem in song(seed)])
        if len(pool) > POOL:
            pool.pop(0)
        for k in range(1 + REMIXES):
            f, r = example(rng, pool[-1] if k == 0 else remixed(rng, pool))
            partial = folder / f".{seed}-{k}.npz"
            np.savez(partial, features=f.astype(np.float16), masks=np.round(r * 255).astype(np.uint8))
            os.replace(partial, folder / f"{seed:06d}-{k}.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
