"""SoundFont files: RIFF parser, zones with generators and modulators, samples decoded on first use.

Follows the SoundFont 2.04 specification; SF3 holds each sample as an Ogg Vorbis stream.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from sideman.errors import MissingAsset

VORBIS_SAMPLE = 0x10
DECODE_STEP = 88200


class Gen(IntEnum):
    """Generator numbers of the specification, section 8.1.2."""

    START_OFFSET = 0
    END_OFFSET = 1
    LOOP_START_OFFSET = 2
    LOOP_END_OFFSET = 3
    START_COARSE = 4
    VIBRATO_PITCH = 6
    FILTER_LFO = 10
    FILTER_ENVELOPE = 11
    END_COARSE = 12
    TREMOLO = 13
    CUTOFF = 8
    RESONANCE = 9
    PAN = 17
    LFO_DELAY = 21
    LFO_RATE = 22
    MOD_DELAY = 25
    MOD_ATTACK = 26
    MOD_HOLD = 27
    MOD_DECAY = 28
    MOD_SUSTAIN = 29
    MOD_RELEASE = 30
    DELAY = 33
    ATTACK = 34
    HOLD = 35
    DECAY = 36
    SUSTAIN = 37
    RELEASE = 38
    KEY_TO_HOLD = 39
    KEY_TO_DECAY = 40
    INSTRUMENT = 41
    KEY_RANGE = 43
    VELOCITY_RANGE = 44
    LOOP_START_COARSE = 45
    ATTENUATION = 48
    LOOP_END_COARSE = 50
    COARSE_TUNE = 51
    FINE_TUNE = 52
    SAMPLE = 53
    SAMPLE_MODE = 54
    SCALE_TUNING = 56
    EXCLUSIVE_CLASS = 57
    ROOT_KEY = 58


DEFAULTS = {
    5: 0, 6: 0, 7: 0, 8: 13500, 9: 0, 10: 0, 11: 0, 13: 0, 17: 0, 21: -12000, 22: 0, 25: -12000, 26: -12000, 27: -12000,
    28: -12000, 29: 0, 30: -12000, 33: -12000, 34: -12000, 35: -12000, 36: -12000, 37: 0, 38: -12000, 48: 0, 51: 0, 52: 0,
    54: 0, 56: 100, 57: 0, 58: -1,
}  # fmt: skip
ADDITIVE = (set(DEFAULTS) - {54, 57, 58}) | {15, 16, 31, 32, 39, 40}


@dataclass(frozen=True, slots=True)
class Modulator:
    """amount is scaled by the source (and its amount source) at note-on and added to the destination generator."""

    source: int
    destination: int
    amount: float
    amount_source: int = 0


VELOCITY_TO_ATTENUATION = (1282, int(Gen.ATTENUATION), 0, 0)
VELOCITY_SOURCE, KEY_SOURCE = 2, 3


@dataclass(frozen=True, eq=False, slots=True)
class Zone:
    """One sample with its summed generators. `plain_velocity`: loudness aside, velocity changes nothing in this preset."""

    generators: dict[int, float]
    modulators: tuple[Modulator, ...]
    keys: tuple[int, int]
    velocities: tuple[int, int]
    plain_velocity: bool = False

    def __getitem__(self, generator: int) -> float:
        return self.generators.get(generator, 0.0)

    def covers(self, key: int, velocity: int) -> bool:
        return self.keys[0] <= key <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]


@dataclass(frozen=True, slots=True)
class SampleHeader:
    start: int
    end: int
    loop_start: int
    loop_end: int
    sample_rate_hz: int
    pitch: int
    correction_cents: int
    packed: bool


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """samples [n] float32 from the start of the sample; loop positions in it."""

    samples: NDArray[np.float32]
    loop_start: int
    loop_end: int


def _chunks(data: bytes) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}

    def walk(offset: int, end: int) -> None:
        while offset < end - 7:
            name, size = data[offset : offset + 4], struct.unpack("<I", data[offset + 4 : offset + 8])[0]
            if name == b"LIST":
                walk(offset + 12, min(end, offset + 8 + size))
            else:
                found[name.decode("latin-1")] = (offset + 8, size)
            offset += 8 + size
            if size & 1 and not data[offset : offset + 4].isalnum():
                offset += 1  # MuseScore's SF3 writer does not pad odd chunks

    walk(12, len(data))
    return found


CHUNKS = ("smpl", "phdr", "pbag", "pmod", "pgen", "inst", "ibag", "imod", "igen", "shdr")


class SoundFont:
    """Opened once per process: parsing is quick, but the decoded samples are kept here."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MissingAsset(f"there is no SoundFont at {path}: check the path in SIDEMAN_SOUNDFONT")
        data = path.read_bytes()
        if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
            raise MissingAsset(f"{path.name} is not a SoundFont: choose an .sf2 or .sf3 file")
        self.path, self._data, chunks = path, data, _chunks(data)
        if any(name not in chunks or sum(chunks[name]) > len(data) for name in CHUNKS):
            raise MissingAsset(f"{path.name} is a damaged SoundFont, it ends too early: get the file again")
        self._sample_offset, size = chunks["smpl"]
        self._pcm = np.frombuffer(data, "<i2", size // 2, self._sample_offset)

        def table(name: str, dtype: object) -> NDArray:  # type: ignore[type-arg]
            kind = np.dtype(dtype)  # type: ignore[call-overload]
            return np.frombuffer(data, kind, chunks[name][1] // kind.itemsize, chunks[name][0])

        self._presets = table("phdr", [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("x", "<u4", 3)])
        self._instruments = table("inst", [("name", "S20"), ("bag", "<u2")])
        self._pbag, self._pgen, self._ibag, self._igen = (table(n, "<u2").reshape(-1, 2) for n in ("pbag", "pgen", "ibag", "igen"))
        self._pmod, self._imod = (table(n, "<u2").reshape(-1, 5) for n in ("pmod", "imod"))
        header = [
            ("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"), ("rate", "<u4"),
            ("pitch", "u1"), ("correction", "i1"), ("link", "<u2"), ("type", "<u2"),
        ]  # fmt: skip
        self._headers = table("shdr", header)
        self._decoded: dict[int, tuple[NDArray[np.float32], bool]] = {}
        self._zones: dict[tuple[int, int], tuple[Zone, ...]] = {}

    def header(self, index: int) -> SampleHeader:
        h = self._headers[index]
        return SampleHeader(
            int(h["start"]), int(h["end"]), int(h["loop_start"]), int(h["loop_end"]), int(h["rate"]), int(h["pitch"]),
            int(h["correction"]), bool(h["type"] & VORBIS_SAMPLE),
        )  # fmt: skip

    def sample(self, index: int, need: int) -> Sample:
        """At least `need` samples if there are so many; of a Vorbis stream only the beginning is decoded, more on demand."""
        h = self.header(index)
        samples, whole = self._decoded.get(index, (np.zeros(0, np.float32), False))
        if not whole and len(samples) < need:
            if h.packed:
                wanted = (need // DECODE_STEP + 1) * DECODE_STEP
                stream = io.BytesIO(self._data[self._sample_offset + h.start : self._sample_offset + h.end])
                decoded: NDArray[np.float32] = soundfile.read(stream, dtype="float32", frames=wanted, always_2d=True)[0]
                samples, whole = np.ascontiguousarray(decoded[:, 0]), len(decoded) < wanted
            else:
                samples, whole = self._pcm[h.start : h.end].astype(np.float32) / np.float32(32768), True
            self._decoded[index] = samples, whole
        origin = 0 if h.packed else h.start
        return Sample(samples, h.loop_start - origin, h.loop_end - origin)

    def zones(self, bank: int, program: int) -> tuple[Zone, ...]:
        """Zones of a preset; another preset of the bank where the font lacks it."""
        if (bank, program) not in self._zones:
            self._zones[bank, program] = self._read_preset(self._find(bank, program))
        return self._zones[bank, program]

    def _find(self, bank: int, program: int) -> int:
        of_bank = [i for i in range(len(self._presets) - 1) if self._presets[i]["bank"] == bank]
        exact = [i for i in of_bank if self._presets[i]["program"] == program]
        return (exact or of_bank or [0])[0]

    def _generators(self, table: NDArray, bags: NDArray, z: int) -> dict[int, float]:  # type: ignore[type-arg]
        ranges = (Gen.KEY_RANGE, Gen.VELOCITY_RANGE)
        return {int(k): int(v) if k in ranges else int(np.int16(v)) for k, v in table[bags[z][0] : bags[z + 1][0]]}

    def _modulators(self, table: NDArray, bags: NDArray, z: int) -> dict[tuple[int, int, int, int], float]:  # type: ignore[type-arg]
        rows = table[bags[z][1] : bags[z + 1][1]]
        return {(int(m[0]), int(m[1]), int(m[3]), int(m[4])): int(np.int16(m[2])) for m in rows}

    def _read_preset(self, index: int) -> tuple[Zone, ...]:
        out: list[Zone] = []
        shared: dict[int, float] = {}
        shared_mods: dict[tuple[int, int, int, int], float] = {}
        for z in range(self._presets[index]["bag"], self._presets[index + 1]["bag"]):
            gens, mods = self._generators(self._pgen, self._pbag, z), self._modulators(self._pmod, self._pbag, z)
            if Gen.INSTRUMENT not in gens:
                shared, shared_mods = gens, mods
                continue
            out += self._read_instrument({**shared, **gens}, {**shared_mods, **mods})
        cutoffs: dict[tuple[tuple[int, int], float], set[float]] = {}
        for zone in out:
            cutoffs.setdefault((zone.keys, zone[Gen.SAMPLE]), set()).add(zone[Gen.CUTOFF])
        return tuple(
            Zone(z.generators, z.modulators, z.keys, z.velocities, len(cutoffs[z.keys, z[Gen.SAMPLE]]) == 1 and not _velocity_filters(z))
            for z in out
        )

    def _read_instrument(self, preset: dict[int, float], preset_mods: dict[tuple[int, int, int, int], float]) -> list[Zone]:
        instrument = int(preset[Gen.INSTRUMENT])
        out: list[Zone] = []
        shared: dict[int, float] = {}
        shared_mods: dict[tuple[int, int, int, int], float] = {}
        for z in range(self._instruments[instrument]["bag"], self._instruments[instrument + 1]["bag"]):
            gens, mods = self._generators(self._igen, self._ibag, z), self._modulators(self._imod, self._ibag, z)
            if Gen.SAMPLE not in gens:
                shared, shared_mods = gens, mods
                continue
            own = {**shared, **gens}
            total: dict[int, float] = {**DEFAULTS, **own}
            for g in ADDITIVE & set(preset):
                total[g] = total.get(g, 0) + preset[g]
            merged: dict[tuple[int, int, int, int], float] = {VELOCITY_TO_ATTENUATION: 960, **shared_mods, **mods}
            for key, amount in preset_mods.items():
                merged[key] = merged.get(key, 0) + amount
            listed = tuple(Modulator(k[0], k[1], v, k[2]) for k, v in merged.items() if v)
            keys, velocities = (_overlap(_span(own, g), _span(preset, g)) for g in (Gen.KEY_RANGE, Gen.VELOCITY_RANGE))
            out.append(Zone(total, listed, keys, velocities))
        return out


def _span(generators: dict[int, float], g: int) -> tuple[int, int]:
    value = int(generators.get(g, 127 << 8))
    return value & 255, value >> 8


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return max(a[0], b[0]), min(a[1], b[1])


def _velocity_filters(zone: Zone) -> bool:
    targets = (Gen.CUTOFF, Gen.FILTER_ENVELOPE)
    return any(m.destination in targets and m.source & 127 == VELOCITY_SOURCE for m in zone.modulators)


def source_value(code: int, key: int, velocity: int) -> float:
    """A modulator source at note-on (section 8.2); controllers stand at their General MIDI defaults."""
    index, controller, negative, bipolar, curve = code & 127, code >> 7 & 1, code >> 8 & 1, code >> 9 & 1, code >> 10
    if not controller and index == 0:
        return 1.0
    raw = {7: 100, 10: 64, 11: 127}.get(index, 0) if controller else {2: velocity, 3: key, 14: 64}.get(index, 0)
    x = 1 - raw / 127 if negative else raw / 127
    if curve == 1:  # concave
        x = 0.0 if x <= 0 else 1.0 if x >= 1 else min(1.0, -20 / 96 * float(np.log10((1 - x) ** 2)))
    elif curve == 2:  # convex
        x = 1.0 if x >= 1 else 0.0 if x <= 0 else max(0.0, 1 + 20 / 96 * float(np.log10(x**2)))
    elif curve == 3:  # switch
        x = float(x >= 0.5)
    return 2 * x - 1 if bipolar else x
