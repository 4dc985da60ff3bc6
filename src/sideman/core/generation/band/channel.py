"""Channel strips: equaliser, transient shaper, compressor, saturation, parallel bus, width, shared room, level against the song.

Streaming: control curves are kept for the whole stem at one value per 64 samples, audio only in blocks. No gain depends on an
absolute level: thresholds lie under the 95th percentile of the stem's own block level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy

from sideman.core.audio import AudioReader, Samples, ScratchAudio, ScratchWriter, blocks, integrated_loudness
from sideman.core.generation.band.filters import (
    BLOCK,
    Band,
    Convolver,
    Curve,
    Equaliser,
    apply_gain,
    ballistics,
    block_levels,
    decibels,
)  # fmt: skip
from sideman.core.generation.band.room import impulse_response, velvet
from sideman.core.generation.band.style import StripChange, Style
from sideman.core.music import StemRole
from sideman.core.music.roles import LEVEL_LU

CHUNK = BLOCK * 4096


@dataclass(frozen=True, slots=True)
class Compressor:
    """threshold = over_db under the loud passages; parallel use adds the compressed copy instead of replacing the sound."""

    over_db: float
    ratio: float
    attack_s: float
    release_s: float
    knee_db: float = 6.0


@dataclass(frozen=True, slots=True)
class Room:
    send_db: float
    pan: float
    depth_m: float
    early_db: float


@dataclass(frozen=True, slots=True)
class Strip:
    """level_lu: loudness of the stem relative to the song."""

    bands: tuple[Band, ...]
    room: Room
    level_lu: float
    punch_db: float = 0.0
    sustain_db: float = 0.0
    compressor: Compressor | None = None
    drive_db: float | None = None
    parallel: Compressor | None = None
    parallel_db: float = 0.0
    width: float = 0.0


STRIPS: dict[StemRole, Strip] = {
    StemRole.DRUMS: Strip(
        (Band("high_pass", 30), Band("peak", 62, 2.0, 1.1), Band("peak", 400, -3.0, 1.0), Band("peak", 3800, 1.5, 0.9)),
        Room(-15, 0.0, 3.0, 2), LEVEL_LU[StemRole.DRUMS], punch_db=3, sustain_db=-2, compressor=Compressor(6, 2.5, 0.02, 0.1), drive_db=5,
        parallel=Compressor(24, 8.0, 0.002, 0.09), parallel_db=-10,
    ),
    StemRole.BASS: Strip(
        (Band("high_pass", 32), Band("low_shelf", 90, 1.5), Band("peak", 250, -2.5, 1.0), Band("peak", 800, 2.0, 0.9), Band("low_pass", 6500)),
        Room(-30, 0.0, 2.5, 3), LEVEL_LU[StemRole.BASS], compressor=Compressor(9, 4.0, 0.025, 0.16), drive_db=4,
    ),
    StemRole.PIANO: Strip(
        (Band("high_pass", 90), Band("peak", 320, -2.0, 1.0), Band("peak", 2600, 1.0, 0.8), Band("high_shelf", 8000, 3.0)),
        Room(-17, 0.25, 3.0, 0), LEVEL_LU[StemRole.PIANO], compressor=Compressor(6, 2.0, 0.02, 0.18), drive_db=-5, width=0.3,
    ),
    StemRole.GUITAR: Strip(
        (Band("high_pass", 95), Band("peak", 300, -2.0, 1.0), Band("peak", 2800, 2.0, 0.9), Band("low_pass", 9500)),
        Room(-18, -0.3, 2.5, 2), LEVEL_LU[StemRole.GUITAR], compressor=Compressor(5, 2.2, 0.012, 0.12), drive_db=0, width=0.2,
    ),
    StemRole.PAD: Strip(
        (Band("high_pass", 160), Band("peak", 450, -2.0, 0.8), Band("high_shelf", 7000, 2.0)), Room(-13, 0.0, 4.5, -3), LEVEL_LU[StemRole.PAD], width=0.7,
    ),
    StemRole.KEYS: Strip(
        (Band("high_pass", 80), Band("peak", 300, -2.5, 1.0), Band("peak", 1800, 1.5, 0.8), Band("high_shelf", 7000, 1.5)),
        Room(-19, -0.2, 3.0, 0), LEVEL_LU[StemRole.KEYS], compressor=Compressor(6, 2.0, 0.02, 0.2), drive_db=-3, width=0.45,
    ),
    StemRole.ACOUSTIC: Strip(
        (Band("high_pass", 100), Band("peak", 220, -3.0, 1.0), Band("peak", 5000, 1.5, 0.8), Band("high_shelf", 9000, 2.0)),
        Room(-17, 0.35, 2.2, 2), LEVEL_LU[StemRole.ACOUSTIC], compressor=Compressor(6, 2.5, 0.015, 0.12), drive_db=-4, width=0.2,
    ),
    StemRole.STRINGS: Strip(
        (Band("high_pass", 150), Band("peak", 500, -1.5, 1.0), Band("peak", 3200, -1.5, 0.9), Band("high_shelf", 8500, 2.0)),
        Room(-10, 0.1, 4.8, -1), LEVEL_LU[StemRole.STRINGS], compressor=Compressor(4, 1.6, 0.05, 0.3), width=0.5,
    ),
    StemRole.BRASS: Strip(
        (Band("high_pass", 140), Band("peak", 400, -1.5, 1.0), Band("peak", 2500, 1.0, 0.9), Band("low_pass", 11000)),
        Room(-14, -0.15, 3.8, 1), LEVEL_LU[StemRole.BRASS], compressor=Compressor(6, 2.5, 0.015, 0.15), drive_db=-3, width=0.35,
    ),
    StemRole.LEAD: Strip(
        (Band("high_pass", 140), Band("peak", 350, -1.5, 1.0), Band("peak", 3000, 1.5, 0.9), Band("high_shelf", 9000, -1.0)),
        Room(-16, 0.0, 2.2, 0), LEVEL_LU[StemRole.LEAD], compressor=Compressor(7, 2.5, 0.015, 0.15), drive_db=-1, width=0.15,
    ),
    StemRole.VOCALS: Strip(
        (Band("high_pass", 150), Band("peak", 400, -2.0, 1.0), Band("peak", 3500, 2.0, 0.9), Band("high_shelf", 9000, 2.0)),
        Room(-12, 0.0, 3.0, 0), LEVEL_LU[StemRole.VOCALS], compressor=Compressor(8, 3.0, 0.01, 0.15), drive_db=-5, width=0.25,
    ),
    StemRole.PERCUSSION: Strip(
        (Band("high_pass", 110), Band("peak", 450, -2.0, 1.0), Band("high_shelf", 8000, 1.5)),
        Room(-15, 0.3, 3.4, 2), LEVEL_LU[StemRole.PERCUSSION], punch_db=2, sustain_db=-1, compressor=Compressor(6, 2.0, 0.01, 0.1), drive_db=-3,
    ),
}  # fmt: skip


def strip_for(role: StemRole, style: Style) -> Strip:
    """The strip of a part, with what the style changes on it."""
    strip, change = STRIPS[StemRole.KEYS if role is StemRole.OTHER else role], style.strips.get(role, StripChange())
    plain = {
        "drive_db": change.drive_db, "punch_db": change.punch_db, "sustain_db": change.sustain_db, "level_lu": change.level_lu, "width": change.width,
    }  # fmt: skip
    strip = replace(strip, **{k: v for k, v in plain.items() if v is not None})  # type: ignore[arg-type]
    if change.room_send_db is not None:
        strip = replace(strip, room=replace(strip.room, send_db=change.room_send_db))
    if change.compressor is not None:
        strip = replace(strip, compressor=Compressor(*change.compressor))
    return strip if change.parallel else replace(strip, parallel=None)


@dataclass(frozen=True, slots=True)
class StripLevels:
    """What a strip takes from the whole performance: its loud passages before each compressor, the squeezed copy's make-up, its peaks."""

    loud_db: float
    parallel_loud_db: float
    make_up_db: float
    ceiling: float


@dataclass(frozen=True, eq=False)
class Processed:
    audio: ScratchAudio
    levels: StripLevels


def _percentile_level(rms: Curve) -> float:
    loud = rms[rms > 1e-6]
    return float(np.percentile(decibels(loud), 95)) if len(loud) else -90.0


def _compression(rms: Curve, c: Compressor, rate: int, loud_db: float) -> Curve:
    smooth = decibels(np.sqrt(np.maximum(scipy.ndimage.uniform_filter1d(rms * rms, 5), 0)))
    over = smooth - (loud_db - c.over_db)
    knee = c.knee_db
    soft = np.where(over > knee / 2, over, np.where(over > -knee / 2, (over + knee / 2) ** 2 / (2 * knee), 0))
    return ballistics(soft * (1 / c.ratio - 1), c.attack_s, c.release_s, rate)


def _transients(rms: Curve, punch_db: float, sustain_db: float, rate: int) -> Curve:
    """The difference of a fast and a slow follower drives the gain, so the level itself does not matter."""
    falling = -np.maximum(decibels(rms), -70)
    fast, slow = -ballistics(falling, 0.002, 0.06, rate), -ballistics(falling, 0.03, 0.06, rate)
    long = -ballistics(falling, 0.002, 0.25, rate)
    return punch_db * np.clip((fast - slow) / 12, 0, 1) + sustain_db * np.clip((long - fast) / 12, 0, 1)


def _saturated(x: Samples, gain: float, asymmetry: float = 0.12) -> Samples:
    """Rational tanh with slight even harmonics; unity gain for small signals."""
    u = np.clip(x * np.float32(gain) + np.float32(asymmetry), -3, 3)
    u2 = u * u
    y = u * (27 + u2) / (27 + 9 * u2) - np.float32(asymmetry * (27 + asymmetry**2) / (27 + 9 * asymmetry**2))  # silence stays silent
    return (y / np.float32(gain)).astype(np.float32)


def _padded(reader: AudioReader) -> Iterator[Samples]:
    """Chunks of whole control blocks; the last one is filled with zeros."""
    for block in blocks(reader, CHUNK):
        short = -block.shape[1] % BLOCK
        yield np.pad(block, ((0, 0), (0, short))) if short else block


@dataclass(frozen=True, eq=False)
class _Controls:
    """Gains of the whole stem, and the levels they were made with."""

    gain_db: Curve
    parallel_db: Curve | None
    drive_gain: float
    levels: StripLevels


class _Output:
    """The strip after its control curves are known; called with equalised chunks in order."""

    def __init__(self, strip: Strip, controls: _Controls, rate: int) -> None:
        self.strip, self._at, self._drive = strip, 0, controls.drive_gain
        self._gain, self._parallel = controls.gain_db, controls.parallel_db
        self._bus = Equaliser((Band("high_pass", 60), Band("low_pass", 5000)), 2, rate)
        self._velvet = Convolver(velvet(rate))
        self._side = Equaliser((Band("high_pass", 250),), 1, rate)
        self._send = Equaliser((Band("high_pass", 180),), 1, rate)
        r = strip.room
        self._room = Convolver(impulse_response(rate, r.pan, r.depth_m, r.early_db))

    def _curve(self, curve: Curve, count: int) -> tuple[Curve, float]:
        part = curve[self._at : self._at + count]
        return part, float(curve[min(self._at + count, len(curve) - 1)])

    def __call__(self, x: Samples) -> Samples:
        count = x.shape[1] // BLOCK
        y = apply_gain(x, *self._curve(self._gain, count))
        if self.strip.drive_db is not None:
            y = _saturated(y, self._drive)
        if self._parallel is not None:
            copy = apply_gain(x, *self._curve(self._parallel, count))
            y = y + self._bus(copy) * np.float32(10 ** (self.strip.parallel_db / 20))
        self._at += count
        mid, side = y.mean(0, keepdims=True), (y[:1] - y[1:]) / 2
        if self.strip.width:  # to the side only: the mono sum stays as it is, and bass stays in the middle
            side = side + np.float32(self.strip.width) * self._side(self._velvet(mid))
        wet = self._room(self._send(mid)) * np.float32(10 ** (self.strip.room.send_db / 20))
        return np.concatenate([mid + side, mid - side]) + wet


def _controls(rms: Curve, peak: Curve, strip: Strip, rate: int, levels: StripLevels | None) -> _Controls:
    gain = _transients(rms, strip.punch_db, strip.sustain_db, rate) if strip.punch_db else np.zeros(len(rms))
    shaped = rms * 10 ** (gain / 20)
    loud, parallel_loud = (levels.loud_db, levels.parallel_loud_db) if levels else (_percentile_level(shaped), _percentile_level(rms))
    if strip.compressor:
        gain = gain + _compression(shaped, strip.compressor, rate, loud)
    parallel, make_up = None, 0.0
    if strip.parallel:  # the squeezed copy comes back at the level of the sound it is added to
        parallel = _compression(rms, strip.parallel, rate, parallel_loud)
        both = np.sqrt((rms**2).mean() / max(((rms * 10 ** (parallel / 20)) ** 2).mean(), 1e-18))
        make_up = levels.make_up_db if levels else float(20 * np.log10(max(both, 1e-9)))
        parallel = parallel + make_up
    ceiling = levels.ceiling if levels else float(np.percentile(peak * 10 ** (gain / 20), 99.5)) + 1e-9
    drive = 10 ** ((strip.drive_db or 0.0) / 20) / ceiling
    return _Controls(gain, parallel, drive, StripLevels(loud, parallel_loud, make_up, ceiling))


def process(dry: ScratchAudio, strip: Strip, folder: Path, name: str, levels: StripLevels | None = None) -> Processed:
    """Dry stereo stem -> through the strip, same length. Level is left to `level_gain`. levels: of the whole, for a part of it."""
    rate = dry.sample_rate_hz
    equaliser, side_filter = Equaliser(strip.bands, 2, rate), Equaliser((Band("high_pass", 150),), 1, rate)
    rms_parts, peak_parts = [], []
    with ScratchWriter(folder / f"{name}-eq.f32", rate, 2) as writer:
        for x in _padded(dry):
            mid, side = x.mean(0, keepdims=True), side_filter((x[:1] - x[1:]) * np.float32(0.5))
            y = equaliser(np.concatenate([mid + side, mid - side]).astype(np.float32))
            rms, peak = block_levels(y)
            rms_parts.append(rms)
            peak_parts.append(peak)
            writer.write(y)
        equalised = writer.finish()
    controls = _controls(np.concatenate(rms_parts), np.concatenate(peak_parts), strip, rate, levels)
    output, left = _Output(strip, controls, rate), dry.frames
    with ScratchWriter(folder / f"{name}-strip.f32", rate, 2) as writer:
        for x in blocks(equalised, CHUNK):
            y = output(x)[:, :left]
            left -= y.shape[1]
            writer.write(y)
        result = writer.finish()
    equalised.remove()
    return Processed(result, controls.levels)


def level_gain(stem: AudioReader, song_lufs: float, level_lu: float) -> float:
    """Factor that brings the stem to its place against the song; 0 for a silent stem."""
    own = integrated_loudness(stem)
    if not np.isfinite(own):
        return 0.0
    song = song_lufs if np.isfinite(song_lufs) else -20.0
    return float(10 ** ((song + level_lu - own) / 20))
