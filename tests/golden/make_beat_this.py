"""What the published code of Beat This! (MIT, package beat-this 1.1.0) makes of two signals with small random weights.

Run where it, torch and this project are installed: python tests/golden/make_beat_this.py tests/golden/beat_this_small.npz
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from beat_this.inference import Audio2Beats
from beat_this.model.beat_tracker import BeatThis

from sideman.testing.weights import named_random

SIZES = {"transformer_dim": 64, "n_layers": 2, "ff_mult": 2}
RATE = 22050


def signal(seconds: float) -> np.ndarray:
    rng, t = np.random.default_rng(1), np.arange(int(seconds * RATE)) / RATE
    return (0.4 * np.sin(2 * np.pi * 220 * t) * (np.sin(2 * np.pi * 2 * t) > 0.8) + 0.02 * rng.normal(0, 1, len(t))).astype(np.float32)


def main(out: str) -> None:
    model, data = BeatThis(**SIZES), {}
    state = {
        f"model.{k}": torch.tensor(named_random(k, tuple(v.shape))) if "freqs" not in k and v.ndim else v
        for k, v in model.state_dict().items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.ckpt"
        torch.save({"state_dict": state, "hyper_parameters": SIZES}, path)
        for name, seconds in (("short", 4.0), ("long", 65.0)):
            x, tracker = signal(seconds), Audio2Beats(str(path))
            beat, downbeat = super(Audio2Beats, tracker).__call__(x, RATE)
            data[f"{name}_logits"] = np.stack([beat.numpy(), downbeat.numpy()], 1)
            data[f"{name}_beats"], data[f"{name}_downbeats"] = tracker(x, RATE)
            if name == "short":
                data["spectrum"] = tracker.signal2spect(x, RATE).numpy()
    np.savez_compressed(out, **data)


if __name__ == "__main__":
    main(sys.argv[1])
