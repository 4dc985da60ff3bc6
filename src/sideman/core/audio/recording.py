"""A recording that is decoded once, and the views of it that the engines read."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from sideman.core.audio.clip import AudioClip, AudioReader, Samples, blocks, fold_to_stereo
from sideman.core.audio.decoding import SourceInfo, decode
from sideman.core.audio.resampling import resampled_blocks
from sideman.core.audio.scratch import ScratchAudio, ScratchWriter

SILENCE_PEAK = 1e-4
"""-80 dBFS: below this nothing is analysed."""
ANTIPHASE_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Condition:
    """What sanitising found. `dc_offset` is per channel; `antiphase` means that a mono sum would cancel the music."""

    peak: float
    dc_offset: tuple[float, ...]
    replaced_samples: int
    antiphase: bool
    loudest_channel: int

    @property
    def silent(self) -> bool:
        return self.peak < SILENCE_PEAK


class Recording:
    """Decoded audio with its tags. A context manager: leaving it removes the scratch files."""

    def __init__(self, audio: AudioReader, info: SourceInfo, folder: Path | None, replaced_samples: int = 0) -> None:
        self.audio, self.info = audio, info
        self._folder = folder
        self._views: dict[tuple[str, int], ScratchAudio] = {}
        self.condition = _condition(audio, replaced_samples)

    @classmethod
    def open(cls, path: str | Path, name: str | None = None) -> Recording:
        """Decode a file; `name` goes into messages where the file's own name says nothing. Raises UnreadableAudio or NoAudio."""
        folder = Path(tempfile.mkdtemp(prefix="sideman-"))
        try:
            decoded = decode(Path(path), folder / "source.f32", name)
            return cls(decoded.audio, decoded.info, folder, decoded.replaced_samples)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @classmethod
    def from_clip(cls, clip: AudioClip, name: str = "clip") -> Recording:
        """Wrap samples that are already in memory; NaN and infinity become zero."""
        bad = ~np.isfinite(clip.samples)
        clean = AudioClip(np.where(bad, np.float32(0), clip.samples).astype(np.float32), clip.sample_rate_hz)
        info = SourceInfo(name, "memory", "pcm_f32", clip.sample_rate_hz, clip.channels, None)
        return cls(clean, info, Path(tempfile.mkdtemp(prefix="sideman-")), int(bad.sum()))

    @property
    def sample_rate_hz(self) -> int:
        return self.audio.sample_rate_hz

    @property
    def channels(self) -> int:
        return self.audio.channels

    @property
    def frames(self) -> int:
        return self.audio.frames

    @property
    def duration_s(self) -> float:
        return self.audio.frames / self.audio.sample_rate_hz

    @property
    def scratch_folder(self) -> Path:
        assert self._folder is not None, "the recording is closed"
        return self._folder

    def mono(self, sample_rate_hz: int) -> ScratchAudio:
        """Mean of the channels without DC; the loudest channel where the mean would cancel. Made once per rate."""
        offset = np.array(self.condition.dc_offset, np.float32)[:, None]

        def mix(block: Samples) -> Samples:
            if self.condition.antiphase:
                c = self.condition.loudest_channel
                return block[c : c + 1] - offset[c : c + 1]
            return (block - offset).mean(0, keepdims=True, dtype=np.float32)

        return self._view("mono", sample_rate_hz, 1, mix)

    def stereo(self, sample_rate_hz: int) -> ScratchAudio:
        """Two channels: mono doubled, stereo as it is, more channels folded down left and right."""
        return self._view("stereo", sample_rate_hz, 2, fold_to_stereo)

    def _view(self, kind: str, rate: int, channels: int, shape) -> ScratchAudio:  # type: ignore[no-untyped-def]
        if (kind, rate) not in self._views:
            with ScratchWriter(self.scratch_folder / f"{kind}-{rate}.f32", rate, channels) as writer:
                for block in resampled_blocks(self.audio, rate, shape):
                    writer.write(block)
                self._views[kind, rate] = writer.finish()
        return self._views[kind, rate]

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _condition(audio: AudioReader, replaced: int) -> Condition:
    total = np.zeros(audio.channels)
    energy = np.zeros(audio.channels)
    mono_energy, peak = 0.0, 0.0
    for block in blocks(audio, audio.sample_rate_hz * 10):
        total += block.sum(1, dtype=np.float64)
        energy += np.einsum("cn,cn->c", block, block, dtype=np.float64)
        mono = block.mean(0)
        mono_energy += float(np.dot(mono, mono))
        peak = max(peak, float(np.abs(block).max()) if block.size else 0.0)
    offset = total / max(audio.frames, 1)
    energy -= offset**2 * audio.frames
    mono_energy -= float(offset.mean()) ** 2 * audio.frames
    mean_energy = float(energy.mean())
    # a lone channel leaves 1 / channels of the mean energy in the mono sum, so only real cancelling falls below the share
    antiphase = audio.channels > 1 and mean_energy > 0 and mono_energy < ANTIPHASE_SHARE * mean_energy / audio.channels * 2
    return Condition(peak, tuple(float(o) for o in offset), replaced, antiphase, int(np.argmax(energy)))
