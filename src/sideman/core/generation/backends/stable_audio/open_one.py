"""Stable Audio Open 1.0: text, and variation of a sound that is there. Every clip costs as much as one of 47 s."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sideman.core.audio import AudioClip
from sideman.core.generation.backends.diffusion import as_clips, at_once, in_groups, open_pipeline, provenance, stereo, streams
from sideman.core.generation.backends.loading import quietly
from sideman.core.generation.clips import Anchor, ClipWish, Progress
from sideman.core.models.runtime.torch_place import TorchPlace
from sideman.core.music import Provenance

STEPS, GUIDANCE = 100, 7.0
LEAST_SIGMA, SPAN = 0.35, 20.0
"""Noise over a sound that is to be varied, from nearly as it is to nothing but its outline; the pipeline's own 500 leaves none of it."""


class StableAudioOpen:
    """An AudioModel."""

    anchors = (Anchor.VARY,)

    def __init__(self, pipeline: Any, place: TorchPlace, name: str, steps: int = STEPS) -> None:
        self._pipeline, self._place, self._name, self._steps = pipeline, place, name, steps
        self.sample_rate_hz = int(pipeline.vae.config.sampling_rate)
        self._most_frames = int(pipeline.transformer.config.sample_size) * int(pipeline.vae.hop_length)
        self.longest_s = self._most_frames / self.sample_rate_hz
        self.at_once = at_once(place)
        self._sigma_most = float(pipeline.scheduler.config.sigma_max)

    @classmethod
    def open(cls, folder: Path, name: str, place: TorchPlace) -> StableAudioOpen:
        return cls(open_pipeline(folder, name, place, ("StableAudioPipeline",)), place, name)

    @property
    def provenance(self) -> Provenance:
        return provenance(self._name, self._place)

    def clips(self, wishes: Sequence[ClipWish], progress: Progress) -> tuple[AudioClip, ...]:
        """See AudioModel. Raises NotEnoughMemory."""

        def alike(w: ClipWish) -> object:
            return round(w.seconds, 3), w.guide is not None, w.freedom if w.guide is not None else 0

        with self._place.working(self._name), torch.inference_mode(), quietly():
            return in_groups(wishes, alike, self.at_once, self._made, progress)

    def _made(self, wishes: list[ClipWish], progress: Progress) -> list[AudioClip]:
        guided: dict[str, Any] = {}
        sigma = self._sigma_most
        if wishes[0].guide is not None:
            sounds = [stereo(w.guide, self.sample_rate_hz, self._most_frames) for w in wishes if w.guide is not None]
            guided = {"initial_audio_waveforms": torch.stack(sounds).to(self._place.device, self._place.dtype), "initial_audio_sampling_rate": self.sample_rate_hz}  # fmt: skip
            sigma = LEAST_SIGMA * SPAN ** wishes[0].freedom
        self._pipeline.scheduler = type(self._pipeline.scheduler).from_config(self._pipeline.scheduler.config, sigma_max=sigma)
        found = self._pipeline(
            [w.prompt for w in wishes], negative_prompt=[w.avoid for w in wishes] if any(w.avoid for w in wishes) else None,
            audio_end_in_s=wishes[0].seconds, num_inference_steps=self._steps, guidance_scale=GUIDANCE, generator=streams(wishes),
            callback=lambda step, t, latents: progress((step + 1) / (self._steps + 1)), **guided,
        )  # fmt: skip
        return as_clips(found.audios, wishes, self.sample_rate_hz)
