"""Train the preview network on the folder that `prepare` fills, for a number of minutes, and write the weights.

    python -m training.separation.train FOLDER MINUTES OUT.npz [START.npz]

Every 400 steps the weights so far are kept as OUT-STEP.npz, to choose from on recordings that were never trained on.

Songs may still be arriving: the folder is read again every 20 s. Loss: weighted squared plus 0.15 absolute mask error, weight
root of power. Variety matters more than steps: stereo cues are blanked in 45 % of the examples, and bands and frames dropped.
"""

from __future__ import annotations

import copy
import sys
import time
from pathlib import Path

import numpy as np
import torch

from sideman.core.separation.backends.preview import bands
from training.separation.network import MaskNetwork, folded, unfolded

WINDOWS, BATCH, PEAK_RATE = 192, 6, 1e-3
REMIXED, REBALANCED = 0.25, 0.35
WITHOUT_BASS = 0.25
"""So many examples are drawn from those without a bass, beside the one in six that chance gives."""


def augmented(rng, f, profile, windows=WINDOWS):
    """Features and long-term spectrum in another light: level, smooth random equaliser (masks do not change under either), dull top, noise, blanked stereo cues and gaps."""
    x = np.linspace(0, 1, f.shape[1])
    curve = rng.normal(0, 0.25)
    curve = curve + sum(rng.normal(0, 0.3) * np.cos(np.pi * k * x + rng.uniform(0, 6)) for k in (1, 2, 3, 5)) * rng.random()
    if rng.random() < 0.15:
        curve = curve - 24 * np.clip(x - rng.uniform(0.7, 0.95), 0, 1)
    colour = np.convolve(rng.normal(0, 1, len(x) + 4), np.ones(5) / 5**0.5, "valid") * rng.uniform(0, 0.12)
    f[0] = np.maximum(f[0] + 0.5 * curve[:, None] + colour[:, None] + rng.normal(0, 0.02, f[0].shape), -2.5)
    profile[0] = np.maximum(profile[0] + 0.5 * curve + colour, -2.5)
    blank = rng.random()
    if blank < 0.7:
        f[1:] *= 0 if blank < 0.45 else rng.uniform(0, 1)
    for _ in range(int(rng.integers(0, 3))):
        q = int(rng.integers(0, len(x)))
        f[0, q : q + int(rng.integers(2, 14))] = rng.uniform(-2, 0.5)
        q = int(rng.integers(0, windows))
        f[:, :, q : q + int(rng.integers(1, 8))] = 0
    return f, profile


def long_term(f):
    power = 10 ** ((f[0].astype(np.float32) - 1) * 2)
    return bands.long_term_spectrum(power.mean(1), np.sqrt(power).mean(1), 1.0)


def remixed(rng, first, second):
    """Stems of one example among those of another, by band power alone: what both channels share is not known then, so stereo cues go.

    `second` may be the same example: then only the balance changes, and the cues stay.
    """
    f1, f2 = first[0], second[0]
    from_second = (rng.random(4) < 0.5)[:, None, None]
    windows = min(f1.shape[2], f2.shape[2])
    parts = [r[:, :, :windows] / np.float32(255) * 10 ** ((f[0, :, :windows].astype(np.float32) - 1) * 2) for f, r in (first, second)]
    gains = (10 ** (rng.normal(0, 3, 4) / 10)).astype(np.float32)[:, None, None]
    parts = np.where(from_second, parts[1], parts[0]) * gains
    power = parts.sum(0) + np.float32(1e-14)
    f = np.zeros((3, *power.shape), np.float32)
    f[0] = np.log10(power / power.mean() + 1e-7) * 0.5 + 1
    if f1 is f2:
        f[1:] = f1[1:, :, :windows]
    return f, parts / power * np.float32(255)


def another(rng, example, names, known):
    """The example as it is, in another balance, or with stems of another."""
    chance = rng.random()
    if chance > REMIXED + REBALANCED:
        return example
    return remixed(rng, example, example if chance > REMIXED else known[names[int(rng.integers(len(names)))]])


def batch(rng, examples, augment):
    features, masks, weights = [], [], []
    for f, r in examples:
        profile = long_term(f)
        i = int(rng.integers(0, f.shape[2] - WINDOWS))
        f, r = f[:, :, i : i + WINDOWS].astype(np.float32), r[:, :, i : i + WINDOWS].astype(np.float32) / 255
        w = 10 ** (f[0] - 1)
        weights.append(w / (w.mean() + 1e-6))
        f, profile = augmented(rng, f.copy(), profile) if augment else (f, profile)
        features.append(np.concatenate([f, np.repeat(profile[:, :, None], WINDOWS, 2)]))
        masks.append(r)
    return [torch.tensor(np.stack(a), dtype=torch.float32) for a in (features, masks, weights)]


def seed_of(path: Path) -> int:
    return int(path.stem.split("-")[0])


def loss(logits, masks, weights):
    d = logits.softmax(1) - masks
    return ((d * d).sum(1) * weights).mean() + 0.15 * (d.abs().sum(1) * weights).mean()


def drawn(rng, train, no_bass, known):
    """A batch of examples, some of them surely without a bass, some mixed anew."""
    pools = (no_bass if no_bass and rng.random() < WITHOUT_BASS else train for _ in range(BATCH))
    return [another(rng, known[pool[int(rng.integers(len(pool)))]], pool, known) for pool in pools]


@torch.no_grad()
def follow(average, network, keep=0.99):
    for a, b in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        a.mul_(keep).add_(b, alpha=1 - keep) if a.dtype.is_floating_point else a.copy_(b)


def main(folder: Path, minutes: float, out: Path, start_from: Path | None) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(2)
    rng, known, no_bass = np.random.default_rng(0), {}, []
    network = MaskNetwork()
    if start_from is not None:
        some = [np.load(p) for p in sorted(folder.glob("[0-9]*.npz"))[:24]]
        first = batch(np.random.default_rng(1), [(z["features"], z["masks"]) for z in some], False)[0]
        unfolded(network, dict(np.load(start_from)), first)
    network = network.to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=1e-3)
    start, looked, step, running = time.time(), 0.0, 0, []
    while (elapsed := (time.time() - start) / 60) < minutes:
        if time.time() - looked > 20:
            looked = time.time()
            for path in sorted(folder.glob("[0-9]*.npz")):
                if path not in known:
                    z = np.load(path)
                    known[path] = z["features"], z["masks"]
                    if seed_of(path) % 25 and known[path][1][1].mean() < 1:
                        no_bass.append(path)
        names = sorted(known)
        held_out, train = [n for n in names if seed_of(n) % 25 == 0], [n for n in names if seed_of(n) % 25]
        rate = PEAK_RATE * min(1, (step + 1) / 100) * (0.5 * (1 + np.cos(np.pi * min(1, elapsed / minutes))) + 0.01)
        for group in optimiser.param_groups:
            group["lr"] = rate
        network.train()
        network.drop = 0.1
        value = loss(network((x := batch(rng, drawn(rng, train, no_bass, known), True))[0]), *x[1:])
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        network.drop = 0.0
        follow(average, network, min(0.99, step / (step + 10)))
        running.append(value.item())
        step += 1
        if step % 200 == 0:
            average.eval()
            fixed = np.random.default_rng(7)
            with torch.no_grad():
                x = batch(fixed, [known[n] for n in held_out[:48]], False)
                print(
                    f"{step} {elapsed:.1f} min, {len(known)} songs, train {np.mean(running[-200:]):.4f}, held out {loss(average(x[0]), *x[1:]).item():.4f}",
                    flush=True,
                )
        if step % 400 == 0:
            np.savez(out.with_name(f"{out.stem}-{step}.npz"), **folded(average.eval()))
    np.savez(out, **folded(average.eval()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]) if len(sys.argv) > 4 else None)
