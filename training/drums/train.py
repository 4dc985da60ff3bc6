"""Fit the drum transcription network on clips and write its weights.

    python -m training.drums.train OUT.npz FONT.sf3 [--clips 1200] [--minutes 15]

Every tenth clip is held out; F of every class within 50 ms is printed. Targets: 1 at a hit's frame, half a frame beside it.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import mir_eval
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from sideman.core.analysis.drums.network import BANDS, CHANNELS, FRAME_RATE_HZ, KERNEL, features, picked
from training.drums.clips import CLASSES, FontKits, clip

LENGTH, BATCH = 256, 12


class Network(nn.Module):
    """features [batch, 2, frames, bands] -> logits [batch, 5, frames]."""

    def __init__(self):
        super().__init__()
        widths, layers, bands = (2, *CHANNELS[:3]), [], BANDS
        for a, b in itertools.pairwise(widths):
            layers.append(nn.Conv2d(a, b, KERNEL, (1, 2), (KERNEL[0] // 2, KERNEL[1] // 2)))
            bands = (bands + 2 * (KERNEL[1] // 2) - KERNEL[1]) // 2 + 1
        self.convolutions = nn.ModuleList(layers)
        self.wide = nn.Conv2d(CHANNELS[2], CHANNELS[3], (5, bands), 1, (2, 0))
        self.out = nn.Conv2d(CHANNELS[3], len(CLASSES), (1, 1))

    def forward(self, x):
        for layer in self.convolutions:
            x = F.relu(layer(x))
        x = F.dropout(F.relu(self.wide(x)), 0.2, self.training)
        return self.out(x)[:, :, :, 0]


def target(hits, frames):
    y = np.zeros((len(CLASSES), frames), np.float32)
    for c, times in enumerate(hits):
        i = np.round(times * FRAME_RATE_HZ).astype(int)
        for shift, value in ((-1, 0.5), (1, 0.5), (0, 1.0)):
            k = np.clip(i + shift, 0, frames - 1)
            y[c, k] = np.maximum(y[c, k], value)
    return y


def example(seed, fonts):
    c = clip(seed, fonts)
    x = features(c.samples)
    return x.astype(np.float16), target(c.hits, x.shape[1]), c.hits


@torch.no_grad()
def scores(network, held):
    network.eval()
    out = []
    for x, _, hits in held:
        p = network(torch.tensor(x[None], dtype=torch.float32)).sigmoid()[0].numpy()
        found = picked(p)
        out.append(
            [
                mir_eval.onset.f_measure(h, np.sort(f), window=0.05)[0] if len(h) + len(f) else np.nan
                for h, f in zip(hits, found, strict=True)
            ]
        )
    return np.nanmean(np.array(out), 0)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("font", type=Path)
    options.add_argument("--clips", type=int, default=1200)
    options.add_argument("--minutes", type=float, default=15)
    asked = options.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    fonts, rng, start = FontKits(asked.font), np.random.default_rng(0), time.time()
    data = [example(seed, fonts) for seed in range(asked.clips)]
    held, train = data[::10], [d for k, d in enumerate(data) if k % 10]
    print(f"{len(data)} clips in {(time.time() - start) / 60:.1f} min", flush=True)
    network, start, step = Network(), time.time(), 0
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    weight = torch.tensor([2.0, 2.0, 3.0, 1.5, 2.5])[None, :, None]
    while (share := (time.time() - start) / 60 / asked.minutes) < 1:
        xs, ys = [], []
        for i in rng.integers(0, len(train), BATCH):
            x, y, _ = train[int(i)]
            a = int(rng.integers(0, x.shape[1] - LENGTH))
            xs.append(x[:, a : a + LENGTH].astype(np.float32) + rng.normal(0, 0.15))
            ys.append(y[:, a : a + LENGTH])
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * (0.5 + 0.5 * np.cos(np.pi * share)) + 1e-5
        network.train()
        z, y = network(torch.tensor(np.stack(xs), dtype=torch.float32)), torch.tensor(np.stack(ys))
        value = (F.binary_cross_entropy_with_logits(z, y, reduction="none") * (1 + weight * y * 2)).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        step += 1
        if step % 300 == 0:
            print(step, f"{value.item():.4f}", dict(zip(CLASSES, np.round(100 * scores(network, held), 1), strict=True)), flush=True)
    print("held out", dict(zip(CLASSES, np.round(100 * scores(network, held), 1), strict=True)))
    np.savez(asked.out, **{k: v.numpy().astype(np.float16) for k, v in network.state_dict().items()})


if __name__ == "__main__":
    main()
