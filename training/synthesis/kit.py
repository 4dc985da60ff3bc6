"""A drum kit of sine sweeps, square clusters and filtered noise: `kit(rng)` -> {piece: hit() -> mono}."""

from __future__ import annotations

import numpy as np

from .oscillators import SAMPLE_RATE_HZ, band_pass


def seconds(duration_s):
    return np.arange(int(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def sweep(from_hz, to_hz, tau_s, duration_s, decay_s):
    t = seconds(duration_s)
    return np.sin(2 * np.pi * (to_hz * t + (from_hz - to_hz) * tau_s * (1 - np.exp(-t / tau_s)))) * np.exp(-t / decay_s)


def kit(rng):
    u = rng.uniform

    def noise(duration_s):
        return rng.normal(0, 1, len(seconds(duration_s)))

    def metal(duration_s, decay_s, base_hz, high_pass_hz):
        t = seconds(duration_s)
        y = sum(np.sign(np.sin(2 * np.pi * base_hz * r * t + u(0, 6))) for r in (2, 3, 4.16, 5.43, 6.79, 8.21))
        y = y * 0.15 * u(0, 1) + rng.normal(0, 0.5, len(t))
        top = 18000 if u(0, 1) < 0.7 else u(9000, 16000)
        return band_pass(y, high_pass_hz, top) * np.exp(-t / decay_s) * np.minimum(1, t / 0.001)

    kick_hz, kick_decay, kick_click = u(38, 75), 10 ** u(-1.2, -0.35), u(0, 0.5)
    kick_ratio, kick_tau = u(0.4, 3), 10 ** u(-2, -1.1)
    acoustic = rng.random() < 0.6
    skin_hz, skin_decay, skin_bend = u(42, 98), 10 ** u(-1.45, -0.7), u(0, 0.45)
    mode_ratios, mode_levels = (1.0, u(1.4, 1.8), u(2.1, 2.8)), (1.0, u(0.05, 0.5), u(0, 0.3))
    beater, beater_hz = u(0.02, 0.9), u(1500, 6000)
    snare_hz, snare_decay, snare_noise, snare_low = u(140, 260), 10 ** u(-1.3, -0.6), u(0.5, 2), u(150, 1500)
    snare_mode, body_decay = u(0.1, 1), 10 ** u(-1.6, -0.9)
    hat_hz, hat_decay, hat_low = u(250, 550), 10 ** u(-1.9, -1.1), u(3000, 9000)
    ride_hz, ride_decay, ride_low, tom_hz, perc_hz = u(180, 420), u(0.2, 0.8), u(2000, 6000), u(80, 130), u(250, 900)

    def kick():
        """A swept sine (electronic), or a struck skin: three damped modes that hardly bend, and the beater's click.

        Without the second kind a network learns that a low tone without a sweep is bass, and most real kicks hardly sweep.
        """
        t = seconds(0.8)
        if acoustic:
            bend = 1 + skin_bend * np.exp(-t / 0.015)
            phase = 2 * np.pi * np.cumsum(bend) / SAMPLE_RATE_HZ
            modes = zip(mode_ratios, mode_levels, strict=True)
            y = sum(a * np.sin(skin_hz * r * phase) * np.exp(-t / (skin_decay / r)) for r, a in modes) * np.minimum(1, t / 0.002)
            click = band_pass(noise(0.03) * np.exp(-seconds(0.03) / 0.006), beater_hz * 0.4, beater_hz * 1.6) * beater
        else:
            y = sweep(kick_hz * u(2.5, 2.8) * kick_ratio, kick_hz, kick_tau, 0.8, kick_decay)
            click = kick_click * band_pass(noise(0.02) * np.exp(-seconds(0.02) / 0.004), 800, 9000)
        y[: len(click)] += click
        return y

    def snare():
        body = sweep(snare_hz * 1.5, snare_hz, 0.01, 0.6, body_decay)
        body = body + 0.6 * sweep(snare_hz * 1.9, snare_hz * 1.78, 0.01, 0.6, body_decay * 0.7)
        rattle = band_pass(noise(0.6), snare_low, 14000, 1) * np.exp(-seconds(0.6) / snare_decay)
        return snare_mode * body + snare_noise * 0.5 * rattle

    def clap():
        t = seconds(0.5)
        hands = sum((t > d) * np.exp(-np.maximum(0, t - d) / (0.006 if d < 0.025 else snare_decay)) for d in (0, 0.011, 0.021, 0.03))
        return band_pass(noise(0.5) * hands, 600, 6000) * 0.8

    def tom():
        f = tom_hz * u(1, 2.2)
        return sweep(f * 1.4, f, 0.05, 0.8, u(0.1, 0.3)) + 0.1 * band_pass(noise(0.8), 200, 4000) * np.exp(-seconds(0.8) / 0.05)

    def cowbell():
        t = seconds(0.4)
        y = np.sign(np.sin(2 * np.pi * perc_hz * t)) + np.sign(np.sin(2 * np.pi * perc_hz * 1.48 * t))
        return band_pass(y, perc_hz * 0.8, 6000) * np.exp(-t / 0.06) * 0.5

    percussion = [
        cowbell,
        lambda: band_pass(noise(0.15), 4000, 12000) * np.hanning(len(seconds(0.15))) * 0.5,
        lambda: metal(0.4, 0.09, 900, 5000),
        lambda: sweep(perc_hz * 0.7, perc_hz * 0.5, 0.02, 0.5, 0.1),
        lambda: band_pass(noise(0.2), 900, 4000) * np.exp(-seconds(0.2) / 0.012) + sweep(perc_hz * 2, perc_hz * 2, 0.01, 0.2, 0.02),
    ]
    return {
        "kick": kick,
        "snare": snare,
        "clap": clap,
        "hat": lambda: metal(0.3, hat_decay * u(0.8, 1.2), hat_hz, hat_low),
        "open_hat": lambda: metal(1.0, u(0.15, 0.35), hat_hz, hat_low),
        "ride": lambda: metal(1.6, ride_decay, ride_hz, ride_low) + 0.15 * sweep(ride_hz * 11, ride_hz * 11, 0.1, 1.6, 0.25),
        "crash": lambda: metal(2.5, u(0.4, 1.1), ride_hz * 0.8, ride_low * 0.4),
        "tom": tom,
        "percussion": percussion[int(rng.integers(0, 5))],
    }
