"""Fit the emission network and the key head on prepared songs: Adam in numpy, averaged weights.

python -m training.chords.train OUT.npz FOLDER [FOLDER ...] [--hidden 96] [--epochs 24] [--test FOLDER]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sideman.core.analysis.chords.emission import CLASSES, NONE, PER_ROOT, EmissionNetwork, long_chroma, rotate, segment_grid, segments
from sideman.core.analysis.chords.pitch import PitchActivations


@dataclass(frozen=True, eq=False)
class Data:
    chroma: np.ndarray
    scalars: np.ndarray
    chord: np.ndarray
    bass: np.ndarray
    key_chroma: np.ndarray
    key: np.ndarray


def dataset(folders: list[Path], seed: int = 0) -> Data:
    """Three label grids per song: jittered chord spans, jittered beats, and a free grid."""
    rng = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[] for _ in range(6)]
    for path in (p for folder in folders for p in sorted(folder.glob("[0-9]*.npz"))):
        z = np.load(path)
        heard = PitchActivations(z["activations"].astype(np.float32), z["spectrum"].astype(np.float32), z["level_db"], 0.0, 1.0)
        labels, beats, duration = z["labels"], z["beats_s"], heard.duration_s
        jittered = np.sort(beats + rng.normal(0, 0.03) + rng.normal(0, 0.012, len(beats)))
        spans = np.concatenate([labels[:, 0], labels[-1:, 1]]) + rng.normal(0, 0.03, len(labels) + 1)
        spans = np.sort(np.clip(spans, 0, duration))
        spans = np.concatenate([spans[:1], spans[1:][np.diff(spans) > 0.1]])
        step = rng.uniform(0.3, 0.55)
        free = np.concatenate([[0], np.arange(rng.uniform(0.1, step), duration, step), [duration]])
        for limits in (spans, segment_grid(jittered, duration), free):
            seen = segments(heard, limits)
            shared = np.maximum(0, np.minimum(limits[1:, None], labels[None, :, 1]) - np.maximum(limits[:-1, None], labels[None, :, 0]))
            j = shared.argmax(1)
            good = (shared[np.arange(len(j)), j] > 0.6 * np.diff(limits)) & (labels[j, 2] > -2)
            root, quality, bass = (labels[j, k].astype(int) for k in (2, 3, 4))
            chord = np.where(root < 0, NONE, root * PER_ROOT + quality)
            for store, value in zip(parts, (seen.chroma.astype(np.float16), seen.scalars, chord, bass), strict=False):
                store.append(value[good])
            if int(z["key"]) >= 0:
                wide = long_chroma(seen, rng.uniform(5, 15))[3:-3:7]
                parts[4].append(wide)
                parts[5].append(np.full(len(wide), int(z["key"])))
    return Data(*(np.concatenate(p) for p in parts))


class Adam:
    def __init__(self, weights):
        self.first = {k: np.zeros_like(v) for k, v in weights.items()}
        self.second = {k: np.zeros_like(v) for k, v in weights.items()}
        self.t = 0

    def step(self, weights, gradients, rate, decay=1e-4):
        self.t += 1
        for k in weights:
            self.first[k] += 0.1 * (gradients[k] - self.first[k])
            self.second[k] += 0.002 * (gradients[k] ** 2 - self.second[k])
            move = self.first[k] / (1 - 0.9**self.t) / (np.sqrt(self.second[k] / (1 - 0.998**self.t)) + 1e-8)
            weights[k] -= (rate * (move + decay * weights[k])).astype(np.float32)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def gradients(w, x, scalars, chord, bass):
    """Cross entropy of the chord plus half of that of the bass; gradients of every weight."""
    n = len(x)
    r = rotate(x).reshape(n * 12, -1)
    h = np.maximum(0, r @ w["hidden"] + np.repeat(scalars @ w["scalar"] + w["hidden_bias"], 12, 0))
    out = (h @ w["out"] + w["out_bias"]).reshape(n, 12, PER_ROOT + 1)
    mean = h.reshape(n, 12, -1).mean(1)
    none = mean @ w["none"] + scalars @ w["none_scalar"] + w["none_bias"]
    p = softmax(np.concatenate([out[:, :, :PER_ROOT].reshape(n, -1), none], 1))
    loss = -np.log(p[np.arange(n), chord] + 1e-9).mean()
    p[np.arange(n), chord] -= 1
    p /= n
    pb, known = softmax(out[:, :, PER_ROOT]), bass >= 0
    pb[np.nonzero(known)[0], bass[known]] -= 1
    pb *= known[:, None] * 0.5 / n
    d_out = np.concatenate([p[:, :-1].reshape(n, 12, PER_ROOT), pb[:, :, None]], 2).reshape(n * 12, -1).astype(np.float32)
    d_none = p[:, -1:].astype(np.float32)
    d_h = d_out @ w["out"].T + np.repeat(d_none @ w["none"].T / 12, 12, 0)
    d_h *= h > 0
    d_own = d_h.reshape(n, 12, -1).sum(1)
    return loss, {
        "hidden": r.T @ d_h, "hidden_bias": d_h.sum(0), "scalar": scalars.T @ d_own, "out": h.T @ d_out, "out_bias": d_out.sum(0),
        "none": mean.T @ d_none, "none_scalar": scalars.T @ d_none, "none_bias": d_none.sum(0),
    }  # fmt: skip


def train(data: Data, hidden: int, epochs: int, batch: int = 256, peak_rate: float = 3e-3):
    rng = np.random.default_rng(0)
    width = data.chroma.shape[1] * 12

    def normal(*shape):
        return (rng.normal(0, 1, shape) / np.sqrt(shape[0])).astype(np.float32)

    def zeros(*shape):
        return np.zeros(shape, np.float32)

    w = {
        "hidden": normal(width, hidden), "hidden_bias": zeros(hidden), "scalar": normal(4, hidden),
        "out": normal(hidden, PER_ROOT + 1), "out_bias": zeros(PER_ROOT + 1), "none": normal(hidden, 1), "none_scalar": zeros(4, 1),
        "none_bias": zeros(1),
    }  # fmt: skip
    adam, n = Adam(w), len(data.chord)
    total, step, average = epochs * (n // batch), 0, {k: v.copy() for k, v in w.items()}
    for epoch in range(epochs):
        losses = []
        for i in np.array_split(rng.permutation(n), n // batch):
            x = data.chroma[i].astype(np.float32)
            x = x * np.exp(rng.normal(0, 0.15, (len(i), x.shape[1], 1))).astype(np.float32)
            x += 0.03 * rng.normal(0, 1, x.shape).astype(np.float32)
            step += 1
            loss, g = gradients(w, x, data.scalars[i], data.chord[i], data.bass[i])
            adam.step(w, g, peak_rate * min(1, step / 200) * (0.5 + 0.5 * np.cos(np.pi * step / total)) + 1e-5)
            losses.append(loss)
            keep = 0.01 if step > 0.7 * total else 1.0
            for k in average:
                average[k] += keep * (w[k] - average[k])
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}", flush=True)
    return average


def train_key(data: Data, epochs: int = 40):
    """24-way softmax, one weight vector per mode, shared by the 12 tonics."""
    x, rng = rotate(np.sqrt(data.key_chroma)), np.random.default_rng(0)
    w = {"key": np.zeros((24, 2), np.float32), "key_bias": np.zeros(2, np.float32)}
    adam = Adam(w)
    for _ in range(epochs):
        for i in np.array_split(rng.permutation(len(x)), max(1, len(x) // 256)):
            p = softmax((x[i] @ w["key"] + w["key_bias"]).transpose(0, 2, 1).reshape(len(i), 24))
            p[np.arange(len(i)), data.key[i]] -= 1
            g = p.reshape(len(i), 2, 12).transpose(0, 2, 1) / len(i)
            adam.step(w, {"key": np.einsum("nrf,nrm->fm", x[i], g), "key_bias": g.sum((0, 1))}, 5e-3, 1e-2)
    return w


def report(out: Path, folder: Path) -> None:
    data, network = dataset([folder], 1), EmissionNetwork.load(out)

    class Seen:
        def __init__(self):
            self.chroma, self.scalars = data.chroma.astype(np.float32), data.scalars

        def __len__(self):
            return len(self.chroma)

    e = network(Seen())  # type: ignore[arg-type]
    best, sounding = e.chords.argmax(1), data.chord < NONE
    exact = (best == data.chord)[sounding].mean()
    root = (best // PER_ROOT == data.chord // PER_ROOT)[sounding].mean()
    print(f"{folder.name}: chord {exact:.3f}, root {root:.3f}, N recall {(best == data.chord)[~sounding].mean():.3f}")
    print({q: round(float((best == data.chord)[data.chord % PER_ROOT == k].mean()), 2) for k, q in enumerate(CLASSES)})


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("folders", type=Path, nargs="+")
    options.add_argument("--hidden", type=int, default=96)
    options.add_argument("--epochs", type=int, default=24)
    options.add_argument("--test", type=Path)
    asked = options.parse_args()
    data = dataset(asked.folders)
    print(f"{len(data.chord)} segments, N share {(data.chord == NONE).mean():.3f}", flush=True)
    weights = train(data, asked.hidden, asked.epochs) | train_key(data)
    np.savez(asked.out, **{k: v.astype(np.float16) for k, v in weights.items()})
    if asked.test:
        report(asked.out, asked.test)


if __name__ == "__main__":
    main()
