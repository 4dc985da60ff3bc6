"""Make the golden outputs of the separation models with the reference implementations (torch, demucs; never installed by the tests).

    python tests/golden/make_separation.py

Random small networks by `sideman.testing.weights`, the mixture of `mixture()`, and what the authors' own code makes of them. Kept are a
few thousand frames of every stem.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
FRAMES, RATE_HZ = round(4.3 * 44100), 44100
EXCERPTS = (slice(0, 1500), slice(60_000, 61_500), slice(FRAMES - 1500, FRAMES))


def mixture() -> np.ndarray:
    """Two tones, noise and an offset, [2, 4.3 s]: three windows of the small network, the last one short."""
    t = np.arange(FRAMES) / RATE_HZ
    noise = np.random.RandomState(0).standard_normal((2, FRAMES))
    tones = np.stack([np.sin(2 * np.pi * 220 * t), np.sin(2 * np.pi * 330 * t)])
    return (0.3 * tones + 0.05 * noise + 0.01).astype(np.float32)


def excerpts(stems: np.ndarray) -> np.ndarray:
    return np.concatenate([stems[..., e] for e in EXCERPTS], axis=-1)


def demucs_reference(checkpoint: Path, x: np.ndarray) -> np.ndarray:
    """demucs' own answer, `--shifts 0 --overlap 0.25`, [stems, 2, frames]."""
    import torch
    from demucs.apply import apply_model
    from demucs.hf import load_safetensors_model

    model = load_safetensors_model(checkpoint).eval()
    wav = torch.from_numpy(x)
    mean, std = wav.mean(0).mean(), wav.mean(0).std() + 1e-8
    with torch.no_grad():
        return (apply_model(model, ((wav - mean) / std)[None], shifts=0, overlap=0.25)[0] * std + mean).numpy()


def main() -> None:
    from sideman.testing.weights import write_htdemucs

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.safetensors"
        write_htdemucs(path)
        np.savez_compressed(HERE / "htdemucs_small.npz", stems=excerpts(demucs_reference(path, mixture())).astype(np.float32))


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1] / "src"))
    main()
