"""Small pictures and sounds of a recording for the report: peaks, a spectrogram, MP3 previews."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy

from sideman.core.audio import AudioClip, AudioReader, Mp3Writer, blocks, resample

PREVIEW_RATE_HZ = 24000
PREVIEW_BPS = 56_000
SPECTROGRAM_ROWS, LOWEST_HZ, HIGHEST_HZ = 120, 40.0, 14000.0
FLOOR_DB = 70.0


@dataclass(frozen=True, slots=True)
class Preview:
    """mp3_base64: mono; start_s: where in the song it begins."""

    mp3_base64: str
    start_s: float
    duration_s: float


def peaks(reader: AudioReader, columns: int) -> list[int]:
    """Largest absolute value of each of `columns` equal stretches, 0..100 against full scale."""
    edges = np.linspace(0, reader.frames, columns + 1).astype(int)
    out = np.zeros(columns)
    position = 0
    for block in blocks(reader, reader.sample_rate_hz * 10):
        level = np.abs(block).max(0)
        first, last = np.searchsorted(edges, [position, position + len(level) - 1], side="right") - 1
        for c in range(int(first), min(int(last), columns - 1) + 1):
            part = level[max(0, edges[c] - position) : max(0, edges[c + 1] - position)]
            if len(part):
                out[c] = max(out[c], float(part.max()))
        position += len(level)
    return [round(min(1.0, v) * 100) for v in out]


def spectrogram(reader: AudioReader, columns: int) -> str:
    """Log-frequency picture of a mono reader, base64 of uint8 [rows, columns], top row = highest frequency, 70 dB deep."""
    window = 4096
    edges_hz = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, reader.sample_rate_hz * 0.45), SPECTROGRAM_ROWS + 1)
    bins = np.maximum(1, np.round(edges_hz * window / reader.sample_rate_hz).astype(int))
    hann = np.hanning(window).astype(np.float32)
    picture = np.zeros((SPECTROGRAM_ROWS, columns), np.float32)
    for c, at in enumerate(np.linspace(0, max(0, reader.frames - window), columns).astype(int)):
        x = reader.read(int(at), window).samples[0]
        power = np.abs(scipy.fft.rfft(np.pad(x, (0, window - len(x))) * hann)) ** 2
        total = np.concatenate([[0], np.cumsum(power)])
        last = np.maximum(bins[1:], bins[:-1] + 1)
        picture[:, c] = (total[last] - total[bins[:-1]]) / (last - bins[:-1])
    db = 10 * np.log10(picture + 1e-12)
    shade = np.clip((db - (db.max() - FLOOR_DB)) / FLOOR_DB * 255, 0, 255).astype(np.uint8)[::-1]
    return base64.b64encode(shade.tobytes()).decode()


def preview(reader: AudioReader, start_s: float, duration_s: float, folder: Path) -> Preview:
    """A stretch as mono MP3, small enough to live inside a page."""
    path = folder / "preview.mp3"
    rate, first = reader.sample_rate_hz, int(start_s * reader.sample_rate_hz)
    end = min(reader.frames, first + int(duration_s * rate))
    with Mp3Writer(path, PREVIEW_RATE_HZ, 1, PREVIEW_BPS) as out:
        for at in range(first, end, rate * 30):
            mono = reader.read(at, min(rate * 30, end - at)).samples.mean(0, keepdims=True)
            out.write(resample(AudioClip(mono, rate), PREVIEW_RATE_HZ).samples)
    data = path.read_bytes()
    path.unlink()
    return Preview(base64.b64encode(data).decode(), start_s, (end - first) / rate)
