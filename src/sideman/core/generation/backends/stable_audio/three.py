"""Stable Audio 3: text, going on from a sound, making a part of it anew, variation of it. Few steps for the distilled networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import StableAudio3AudioToAudioPipeline, StableAudio3InpaintPipeline

from sideman.core.audio import AudioClip
from sideman.core.generation.backends.diffusion import as_clips, at_once, in_groups, on_step, open_pipeline, provenance, stereo, streams
from sideman.core.generation.clips import Anchor, ClipWish, Progress
from sideman.core.models.runtime.torch_place import TorchPlace
from sideman.core.music import Provenance

DISTILLED_STEPS, BASE_STEPS, BASE_GUIDANCE = 8, 100, 6.0


class StableAudio3:
    """An AudioModel. The distilled networks know no guidance and no words to avoid; the base ones do."""

    anchors = (Anchor.VARY, Anchor.REPAINT, Anchor.CONTINUE)
    longest_s = 120.0

    def __init__(self, pipeline: Any, place: TorchPlace, name: str, steps: int | None = None) -> None:
        self._pipeline, self._place, self._name = pipeline, place, name
        self.sample_rate_hz = int(pipeline.vae.config.sampling_rate)
        self.at_once = at_once(place)
        self._distilled = bool(pipeline.scheduler.config.stochastic_sampling)
        self._steps = steps or (DISTILLED_STEPS if self._distilled else BASE_STEPS)
        self._vary = self._sibling(StableAudio3AudioToAudioPipeline)
        self._repaint = self._sibling(StableAudio3InpaintPipeline)

    def _sibling(self, kind: Any) -> Any:
        found = kind(**self._pipeline.components)
        found._all_hooks = getattr(self._pipeline, "_all_hooks", [])  # parts that wait elsewhere go back after its work too
        found.set_progress_bar_config(disable=True)
        return found

    @classmethod
    def open(cls, folder: Path, name: str, place: TorchPlace) -> StableAudio3:
        return cls(open_pipeline(folder, name, place, ("StableAudio3Pipeline",)), place, name)

    @property
    def provenance(self) -> Provenance:
        return provenance(self._name, self._place)

    def clips(self, wishes: Sequence[ClipWish], progress: Progress) -> tuple[AudioClip, ...]:
        """See AudioModel. Raises NotEnoughMemory."""

        def alike(w: ClipWish) -> object:
            lead = round(w.lead.duration_s, 3) if w.lead is not None else None
            return round(w.seconds, 3), lead, w.guide is not None, w.freedom if w.guide is not None else 0, w.repaint_s

        with self._place.working(self._name), torch.inference_mode():
            return in_groups(wishes, alike, self.at_once, self._made, progress)

    def _made(self, wishes: list[ClipWish], progress: Progress) -> list[AudioClip]:
        common: dict[str, Any] = {
            "prompt": [w.prompt for w in wishes], "num_inference_steps": self._steps, "generator": streams(wishes), "callback_on_step_end": on_step(self._steps, progress),
        }  # fmt: skip
        first = wishes[0]
        if first.guide is not None and first.repaint_s is not None:
            start, end = first.repaint_s
            return as_clips(self._inpainted(common, wishes, first.seconds, (start, end)), wishes, self.sample_rate_hz)
        if first.guide is not None:
            found = self._vary(
                audio=self._guides(wishes, first.seconds), duration=first.seconds, init_noise_level=max(0.05, first.freedom), **common
            )
            return as_clips(found.audios, wishes, self.sample_rate_hz)
        if first.lead is not None:
            lead_s = first.lead.duration_s
            whole = self._inpainted(common, wishes, lead_s + first.seconds, (lead_s, lead_s + first.seconds))
            return as_clips(whole[..., round(lead_s * self.sample_rate_hz) :], wishes, self.sample_rate_hz)
        if not self._distilled:
            common |= {"guidance_scale": BASE_GUIDANCE, "negative_prompt": [w.avoid for w in wishes]}
        return as_clips(self._pipeline(duration=first.seconds, **common).audios, wishes, self.sample_rate_hz)

    def _inpainted(self, common: dict[str, Any], wishes: list[ClipWish], seconds: float, new_s: tuple[float, float]) -> torch.Tensor:
        sounds = self._guides(wishes, seconds)
        found = self._repaint(audio=sounds, duration=seconds, mask_start_seconds=new_s[0], mask_end_seconds=new_s[1], **common)
        return found.audios

    def _guides(self, wishes: list[ClipWish], seconds: float) -> torch.Tensor:
        frames = round(seconds * self.sample_rate_hz)
        sounds = [w.guide or w.lead for w in wishes]
        laid = torch.stack([stereo(s, self.sample_rate_hz, frames) for s in sounds if s is not None])
        return laid.to(self._place.device, self._place.dtype)
