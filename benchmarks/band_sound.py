"""Does the band sound like a record or like a machine? The same figures for its stems and for stems of bands, in one table.

python -m benchmarks.band_sound STEMS_FOLDER REAL_STEMS_FOLDER [STYLE ...]

spectral tilt (dB an octave, 100 Hz to 10 kHz), crest (dB, half-second blocks), spread (LU, 95th against 10th percentile of 3 s), side
against mid (dB), slow movement of the level (.05 to .8 Hz against .8 to 16 Hz, dB), hits (90 ms) that some other hit repeats with a
correlation over .95, and how far a bar's picture is from its most similar other bar (dB, 24 bands x 16 slots).
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from scipy.signal import butter, find_peaks, resample_poly, sosfilt, stft

from benchmarks.results_file import markdown_table, write_result
from sideman.carried import carried
from sideman.core.audio import AudioClip, Recording, integrated_loudness, read_all
from sideman.core.generation import GenerationRequest, SessionBand, SongContext
from sideman.core.generation.composer import compose
from sideman.core.music import StemRole

RATE = 44100
ROLES = (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO, StemRole.KEYS, StemRole.GUITAR, StemRole.ACOUSTIC, StemRole.STRINGS, StemRole.LEAD)
EXCERPT_S = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    tilt_db: float
    crest_db: float
    spread_lu: float
    side_db: float
    slow_db: float
    same_hits: float
    bar_db: float


def decibels(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 1e-12))


def bands(mono: np.ndarray, rate: int, count: int) -> np.ndarray:
    """Log energy in bands of equal width on the mel scale, [bands, frames] at rate / 256."""
    edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + f / 700) for f in (40, min(16000, rate * 0.45))), count + 2) / 2595) - 1)
    frequency = np.linspace(0, rate / 2, 513)
    rise = (frequency[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - frequency[None]) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.clip(np.minimum(rise, fall), 0, None)
    power = np.abs(stft(mono, rate, nperseg=1024, noverlap=768)[2]) ** 2
    return decibels(weights / np.maximum(weights.sum(1, keepdims=True), 1e-9) @ power)


def tilt(mono: np.ndarray) -> float:
    f, _, z = stft(mono, RATE, nperseg=4096)
    power, octave = (np.abs(z) ** 2).mean(1), np.log2(np.maximum(f, 1))
    thirds = np.arange(np.log2(100), np.log2(10000), 1 / 3)
    levels = [float(decibels(power[(octave >= a) & (octave < a + 1 / 3)].sum())) for a in thirds]
    return float(np.polyfit(thirds, levels, 1)[0])


def crest(mono: np.ndarray) -> float:
    blocks = mono[: len(mono) // (RATE // 2) * (RATE // 2)].reshape(-1, RATE // 2)
    rms = np.sqrt((blocks**2).mean(1))
    loud = rms > 0.1 * rms.max()
    return float(np.median(20 * np.log10(np.abs(blocks[loud]).max(1) / rms[loud])))


def spread(stereo: np.ndarray) -> float:
    windows = range(0, stereo.shape[1] - 3 * RATE, RATE)
    values = np.array([integrated_loudness(AudioClip(stereo[:, a : a + 3 * RATE].astype(np.float32), RATE)) for a in windows])
    values = values[np.isfinite(values)]
    values = values[values > values.max() - 20]
    return float(np.percentile(values, 95) - np.percentile(values, 10))


def slow_movement(mono: np.ndarray) -> float:
    envelope = np.sqrt(np.convolve(mono**2, np.ones(441) / 441, "same")[::220])
    power = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope)))) ** 2
    f = np.fft.rfftfreq(len(envelope), 220 / RATE)
    return float(decibels(power[(f > 0.05) & (f < 0.8)].sum() / power[(f >= 0.8) & (f < 16)].sum()))


def same_hits(mono: np.ndarray, rate: int) -> float:
    flux = np.maximum(0, np.diff(np.maximum(x := bands(mono, rate, 40), x.max() - 60), axis=1)).mean(0)
    peaks, _ = find_peaks(flux, height=np.median(flux) + 1.2, distance=int(0.05 * rate / 256))
    high = sosfilt(butter(2, 120, "hp", fs=rate, output="sos"), mono)
    width, slack = int(0.09 * rate), int(0.004 * rate)
    at = np.array([p * 256 for p in peaks if slack < p * 256 < len(mono) - width - slack])
    if len(at) < 6:
        return float("nan")
    at = at[np.linspace(0, len(at) - 1, min(len(at), 260)).astype(int)]
    size = 1 << int(np.ceil(np.log2(2 * width + 2 * slack)))
    hits = np.array([high[i : i + width] for i in at])
    places = np.array([high[i - slack : i + width + slack] for i in at])
    energy = np.cumsum(np.pad(places**2, ((0, 0), (1, 0))), 1)
    energy = np.sqrt(np.maximum(energy[:, width:] - energy[:, :-width], 1e-12))[:, : 2 * slack + 1]
    spectra, own = np.fft.rfft(places, size), np.sqrt(np.maximum((hits**2).sum(1), 1e-12))
    best = []
    for i, hit in enumerate(hits):
        c = np.fft.irfft(spectra * np.conj(np.fft.rfft(hit, size)), size)[:, : 2 * slack + 1] / energy / own[i]
        best.append(float(c[np.abs(at - at[i]) > width].max(initial=0)))
    return float((np.array(best) > 0.95).mean())


def bar_distance(mono: np.ndarray, rate: int, bar_s: float, first_s: float) -> float:
    levels = np.maximum(x := bands(mono, rate, 24), x.max() - 50)
    pictures = []
    for b in range(int((len(mono) / rate - first_s) / bar_s)):
        edges = np.minimum(((first_s + bar_s * (b + np.arange(17) / 16)) * rate / 256).astype(int), levels.shape[1] - 1)
        pictures.append(np.concatenate([levels[:, a : max(a + 1, z)].max(1) for a, z in itertools.pairwise(edges)]))
    p = np.array(pictures)
    p = p[p.max(1) > p.max() - 20]
    return float(np.median((np.abs(p[:, None] - p[None]).mean(2) + np.eye(len(p)) * 99).min(1))) if len(p) > 2 else float("nan")


def figures(stereo: np.ndarray, bar_s: float, first_s: float) -> Figures:
    x = stereo.astype(np.float64)
    mono, side = x.mean(0), (x[0] - x[1]) / 2
    half = resample_poly(mono, 1, 2)
    side_db = float(decibels(np.array((side @ side) / max(float(mono @ mono), 1e-12))))
    return Figures(
        tilt(mono), crest(mono), spread(stereo), side_db, slow_movement(mono), same_hits(half, RATE // 2), bar_distance(half, RATE // 2, bar_s, first_s)
    )  # fmt: skip


def of_file(path: Path, bar_s: float) -> Figures:
    with Recording.open(path) as recording:
        start = max(0, (recording.frames - round(EXCERPT_S * recording.sample_rate_hz)) // 2)
        clip = recording.audio.read(start, round(EXCERPT_S * recording.sample_rate_hz))
    x = clip.samples if clip.samples.shape[0] == 2 else np.repeat(clip.samples[:1], 2, 0)
    if clip.sample_rate_hz != RATE:
        x = resample_poly(x, RATE, clip.sample_rate_hz, axis=1)
    return figures(x, bar_s, 0.0)


def row(name: str, f: Figures) -> list[str]:
    return [name, *(f"{v:.2f}" if abs(v) < 10 else f"{v:.1f}" for v in astuple(f))]


def main(stems: Path, real: Path, wanted: list[str]) -> None:
    columns = ["stem", *(f.name for f in fields(Figures))]
    band, context = SessionBand.open(carried("soundfont.sf3")), SongContext.from_analysis(compose(4))
    bar_s, first_s = 240 / context.tempo, float(context.grid.times_s[0])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for style in wanted:
            total = np.zeros((2, round(EXCERPT_S * RATE)), np.float32)
            for role in ROLES:
                made = band.generate(context, GenerationRequest(role, style, 5, total.shape[1], RATE), Path(folder))
                x = read_all(made.audio)
                made.audio.remove()
                rows.append(row(f"{style} {role}", figures(x, bar_s, first_s)))
                if role in (StemRole.DRUMS, StemRole.BASS, StemRole.PIANO, StemRole.GUITAR, StemRole.LEAD):
                    total += x
            rows.append(row(f"**{style} mix of five**", figures(total, bar_s, first_s)))
            print(rows[-1], flush=True)
    for path in sorted(stems.glob("*/*.flac")):
        rows.append(row(f"{path.parent.name[:3]} {path.stem}", of_file(path, 240 / float(path.parent.name.split("_")[-1]))))
    for path in sorted(real.glob("*/*.ogg")):
        rows.append(row(f"real {path.parent.name} {path.stem}", of_file(path, 240 / 120)))
    write_result("band_sound", "What the band's stems are like beside stems of bands", markdown_table(columns, rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or ["rock", "funk", "jazz", "house"])
