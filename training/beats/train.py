"""Fit the beat tracker's three small models on grooves, or report with whole styles left out.

    python -m training.beats.train OUT.npz [--seeds 8] [--leave-out]

1. level choice (linear + 8 tanh units, softmax over a song's candidates), 2. downbeat logistic, 3. joint choice on the level score
and the bar numbers; stage 3 sees stage-1 scores from models that did not train on that song's style.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool

import mir_eval
import numpy as np
from scipy.optimize import minimize

from sideman.core.analysis.beats import bars
from sideman.core.analysis.beats.description import at_phases, describe, pooled, triple_share
from sideman.core.analysis.beats.onsets import FRAME_RATE_HZ, OnsetWindow, hear
from sideman.core.analysis.beats.pulses import Pulse, candidates
from sideman.core.analysis.beats.tracker import BAR_CANDIDATES
from training.beats.grooves import Groove, render
from training.beats.styles import STYLES

GOOD_F = 85.0
TOP = BAR_CANDIDATES


@dataclass(frozen=True, eq=False)
class Example:
    style: str
    window: OnsetWindow
    pool: np.ndarray
    pulses: list[Pulse]
    described: np.ndarray
    beat_f: np.ndarray
    groove: Groove


def f_measure(reference, estimate) -> float:
    return 100 * mir_eval.beat.f_measure(np.asarray(reference), np.asarray(estimate))


def example(style: str, seed: int) -> Example:
    groove = render(style, seed)
    window = hear(groove.samples)
    pool, pulses = pooled(window), candidates(window)
    described = np.array([describe(window, pool, p.beats) for p in pulses])
    scores = np.array([f_measure(groove.beats_s, p.beats / FRAME_RATE_HZ) for p in pulses])
    bare = Groove(np.zeros(0), groove.beats_s, groove.downbeats_s, groove.meter)
    return Example(style, window, pool, pulses, described, scores, bare)


def standard(x):
    mean, scale = x.mean(0), x.std(0) + 1e-6
    constant = scale < 1e-5
    mean[constant], scale[constant] = 0, 1
    return mean, scale


def fit_choice(data, ridge, hidden=0):
    """-log P(any good candidate), softmax within each song. data: (numbers, beat F) per song."""
    data = [(x, f) for x, f in data if f.max() > GOOD_F]
    mean, scale = standard(np.vstack([x for x, _ in data]))
    edges = np.cumsum([0] + [len(x) for x, _ in data])
    song = np.repeat(np.arange(len(data)), np.diff(edges))
    z = np.clip((np.vstack([x for x, _ in data]) - mean) / scale, -4, 4)
    good = np.concatenate([f for _, f in data]) > GOOD_F
    d, h = z.shape[1], hidden

    def parts(w):
        return w[: d * h].reshape(d, h), w[d * h : d * h + h], w[d * h + h : d * h + 2 * h], w[d * h + 2 * h :]

    def objective(w):
        a, b, c, linear = parts(w)
        tanh = np.tanh(z @ a + b)
        s = tanh @ c + z @ linear
        e = np.exp(s - np.maximum.reduceat(s, edges[:-1])[song])
        p = e / np.add.reduceat(e, edges[:-1])[song]
        right = np.add.reduceat(p * good, edges[:-1])
        g = p - p * good / np.maximum(right[song], 1e-12)
        inner = np.outer(g, c) * (1 - tanh * tanh)
        gradient = np.concatenate([(z.T @ inner).ravel(), inner.sum(0), tanh.T @ g, z.T @ g])
        return -np.log(right + 1e-12).sum() + 0.5 * ridge * w @ w, gradient + ridge * w

    rng = np.random.default_rng(0)
    start = np.concatenate([rng.normal(0, 0.3 / np.sqrt(d), d * h), np.zeros(h), rng.normal(0, 0.3, h), np.zeros(d)])
    w = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return (mean, scale, *parts(w))


def apply_choice(model, x):
    mean, scale, a, b, c, linear = model
    z = np.clip((x - mean) / scale, -4, 4)
    return np.tanh(z @ a + b) @ c + z @ linear


def fit_downbeat(examples, ridge=5.0):
    xs, ys = [], []
    for e in examples:
        k = int(e.beat_f.argmax())
        if e.beat_f[k] > GOOD_F:
            beats = e.pulses[k].beats
            xs.append(bars.in_context(bars.observations(e.window, e.pool, beats)))
            d = e.groove.downbeats_s
            t = beats / FRAME_RATE_HZ
            i = np.clip(np.searchsorted(d, t), 1, len(d) - 1)
            ys.append((np.minimum(abs(d[i] - t), abs(d[i - 1] - t)) < 0.07).astype(float))
    x, y = np.vstack(xs), np.concatenate(ys)

    def objective(w):
        z = x @ w
        return (np.logaddexp(0, z) - y * z).sum() + 0.5 * ridge * w @ w, x.T @ (1 / (1 + np.exp(-z)) - y) + ridge * w

    return minimize(objective, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x


def second_look(e, level, downbeat):
    s = apply_choice(level, e.described)
    top = np.argsort(-s)[:TOP]
    rows, decodings = [], []
    for k in top:
        pulse = e.pulses[k]
        compound = triple_share(at_phases(e.pool, pulse.beats)[:, :, 4].mean(0))
        seen = bars.evidence(e.window, e.pool, pulse.beats, downbeat)
        decoding = bars.decode(seen.log_downbeat, seen.log_other, seen.repetition, compound)
        rows.append(np.concatenate([[s[k] - s[top[0]]], bars.summary(decoding, seen, pulse.tempo_bpm, compound)]))
        decodings.append(decoding)
    return np.array(rows), top, decodings


def fit(examples, ridge=10.0):
    styles, data = sorted({e.style for e in examples}), []
    for fold in range(3):
        out = set(styles[fold::3])
        inner = [e for e in examples if e.style not in out]
        level, downbeat = fit_choice([(e.described, e.beat_f) for e in inner], ridge, 8), fit_downbeat(inner)
        for e in examples:
            if e.style in out:
                rows, top, _ = second_look(e, level, downbeat)
                data.append((rows, e.beat_f[top]))
    level = fit_choice([(e.described, e.beat_f) for e in examples], ridge, 8)
    return level, fit_downbeat(examples), fit_choice(data, ridge)


def report(examples):
    styles, rows = sorted({e.style for e in examples}), []
    for fold in range(5):
        out = set(styles[fold::5])
        level, downbeat, joint = fit([e for e in examples if e.style not in out])
        for e in (x for x in examples if x.style in out):
            x, top, decodings = second_look(e, level, downbeat)
            z = apply_choice(joint, x)
            j = int(z.argmax())
            t = e.pulses[top[j]].beats / FRAME_RATE_HZ
            down = t[[b.first_beat for b in decodings[j].bars if 0 <= b.first_beat < len(t)]]
            p = np.exp(z - z.max())
            rows.append((e.style, f_measure(e.groove.beats_s, t), f_measure(e.groove.downbeats_s, down), p[j] / p.sum()))
    for style in styles:
        print(style, *(round(float(np.mean([r[k] for r in rows if r[0] == style])), 2) for k in (1, 2, 3)))
    v = np.array([r[1:] for r in rows])
    print("styles left out: beat F {:.1f}, downbeat F {:.1f}".format(*tuple(v[:, :2].mean(0))))
    for low, high in ((0, 0.5), (0.5, 0.75), (0.75, 0.9), (0.9, 1.01)):
        q = (v[:, 2] >= low) & (v[:, 2] < high)
        print(f"confidence {low} to {min(high, 1)}: n {q.sum()}, right {np.mean(v[q, 0] > 80) if q.any() else float('nan'):.2f}")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("out")
    options.add_argument("--seeds", type=int, default=8)
    options.add_argument("--leave-out", action="store_true")
    asked = options.parse_args()
    jobs = [(s, 1000 * i + k) for i, s in enumerate(STYLES) for k in range(asked.seeds)]
    with Pool(2) as pool:
        examples = pool.starmap(partial(example), jobs, chunksize=4)
    if asked.leave_out:
        report(examples)
    level, downbeat, joint = fit(examples)
    names = ("level_mean", "level_scale", "level_hidden", "level_bias", "level_out", "level_linear")
    weights = dict(zip(names, level, strict=True)) | {"downbeat": downbeat}
    weights |= {"joint_mean": joint[0], "joint_scale": joint[1], "joint_linear": joint[5]}
    np.savez(asked.out, **{k: np.asarray(v, np.float32) for k, v in weights.items()})


if __name__ == "__main__":
    main()
