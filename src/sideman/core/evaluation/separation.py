"""Stems against true stems: SI-SDR (Le Roux et al., ICASSP 2019) beside two answers that need no separator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from sideman.core.audio import Recording, Samples, read_all
from sideman.core.music import StemRole
from sideman.core.separation import SeparatedStem
from sideman.errors import UsageError

ROLES = (StemRole.DRUMS, StemRole.BASS, StemRole.VOCALS, StemRole.OTHER)
BASS_HZ = 200.0


@dataclass(frozen=True, slots=True)
class StemScore:
    """SI-SDR in dB of the stem, of the mixture taken as the stem, and of a plain harmonic/percussive split."""

    role: StemRole
    si_sdr_db: float
    mixture_db: float
    hpss_db: float


@dataclass(frozen=True)
class SeparationScores:
    """residual_db: level of what the stems do not hold, against the recording, before any file format."""

    name: str
    stems: tuple[StemScore, ...]
    residual_db: float


def si_sdr(estimate: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB over all channels."""
    e, s = estimate.ravel().astype(float), reference.ravel().astype(float)
    energy = float(s @ s)
    if energy == 0:
        return float("nan")
    target = (e @ s) / energy * s
    noise = e - target
    return float(10 * np.log10((target @ target) / max(float(noise @ noise), 1e-20)))


def hpss_split(mixture: Samples, sample_rate_hz: int) -> dict[StemRole, Samples]:
    """Median-filter split (Fitzgerald 2010): percussive = drums, harmonic below 200 Hz = bass, the rest stands for both others."""
    window, hop = 4096, 1024
    _, _, spectrum = scipy.signal.stft(mixture, nperseg=window, noverlap=window - hop)
    magnitude = np.abs(spectrum).mean(0)
    harmonic, percussive = scipy.ndimage.median_filter(magnitude, (1, 17)), scipy.ndimage.median_filter(magnitude, (31, 1))
    mask = percussive**2 / (harmonic**2 + percussive**2 + 1e-12)
    _, drums = scipy.signal.istft(spectrum * mask, nperseg=window, noverlap=window - hop)
    drums = drums[:, : mixture.shape[1]]
    rest = mixture - np.pad(drums, ((0, 0), (0, mixture.shape[1] - drums.shape[1])))
    bass = scipy.signal.sosfiltfilt(scipy.signal.butter(4, BASS_HZ, "low", fs=sample_rate_hz, output="sos"), rest, axis=1)
    return {StemRole.DRUMS: mixture - rest, StemRole.BASS: bass, StemRole.VOCALS: rest - bass, StemRole.OTHER: rest - bass}


def true_stems(folder: Path) -> dict[StemRole, Path]:
    found = {role: folder / f"{role}.flac" for role in ROLES if (folder / f"{role}.flac").is_file()}
    if not found:
        raise UsageError(f"{folder} holds no true stems: it needs drums.flac, bass.flac, vocals.flac, other.flac")
    return found


def _alike(one: Recording, other: Recording) -> bool:
    return (one.sample_rate_hz, one.channels) == (other.sample_rate_hz, other.channels)


def score(name: str, recording: Recording, estimated: Sequence[SeparatedStem], truth: dict[StemRole, Path]) -> SeparationScores:
    mixture = read_all(recording.audio)
    plain = hpss_split(mixture, recording.sample_rate_hz)
    rows, total = [], np.zeros_like(mixture)
    for stem in estimated:
        own = read_all(stem.audio)
        total += own
        if stem.role not in truth:
            continue
        with Recording.open(truth[stem.role]) as known:
            rate = recording.sample_rate_hz
            reference = read_all(known.audio if _alike(known, recording) else known.mono(rate) if len(mixture) == 1 else known.stereo(rate))
        if len(reference) != len(mixture):
            raise UsageError(f"{truth[stem.role]} has {len(reference)} channels and its mixture {len(mixture)}: they must be alike")
        n = min(reference.shape[1], mixture.shape[1])
        values = (si_sdr(x[:, :n], reference[:, :n]) for x in (own, mixture, plain[stem.role]))
        rows.append(StemScore(stem.role, *values))
    rest = (mixture - total).astype(float)
    level = 10 * np.log10(max(float((rest**2).sum()), 1e-30) / max(float((mixture.astype(float) ** 2).sum()), 1e-30))
    return SeparationScores(name, tuple(rows), float(level))
