"""The engine. Stems over the song (`lego`) and the other ways need the base network; the turbo one makes variations and repaints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sideman.core.audio import AudioClip
from sideman.core.generation.backends.diffusion import as_clips, at_once, in_groups, on_step, open_pipeline, provenance, stereo, streams
from sideman.core.generation.clips import Anchor, ClipWish, Progress
from sideman.core.models.runtime.torch_place import TorchPlace
from sideman.core.music import Provenance, StemRole

BASE_STEPS, TURBO_STEPS = 50, 8
BASE_SHIFT, TURBO_SHIFT = 1.0, 3.0
GUIDANCE = 7.0
"""Higher values are known to make stems collapse to silence."""
ENCODER_SEED = 0
LEAST_S = 10.0
"""Shorter sounds are outside what it was trained on."""
TRACKS = {
    StemRole.DRUMS: "drums", StemRole.BASS: "bass", StemRole.GUITAR: "guitar", StemRole.ACOUSTIC: "guitar", StemRole.PIANO: "keyboard",
    StemRole.KEYS: "keyboard", StemRole.PAD: "synth", StemRole.LEAD: "synth", StemRole.STRINGS: "strings", StemRole.BRASS: "brass",
    StemRole.PERCUSSION: "percussion", StemRole.VOCALS: "vocals", StemRole.BACKING: "backing_vocals",
}  # fmt: skip
"""Its names of the tracks that a stem can be."""
ACCOMPANIMENT = ("guitar", "keyboard", "strings", "synth")
"""What completes a song for the stem `other`, in one stem."""


class AceStep:
    """An AudioModel."""

    longest_s = 90.0

    def __init__(self, pipeline: Any, place: TorchPlace, name: str, steps: int | None = None) -> None:
        self._pipeline, self._place, self._name = pipeline, place, name
        self._turbo = bool(pipeline.is_turbo)
        self._steps = steps or (TURBO_STEPS if self._turbo else BASE_STEPS)
        self.sample_rate_hz = int(pipeline.sample_rate)
        self.at_once = at_once(place)

    @classmethod
    def open(cls, folder: Path, name: str, place: TorchPlace) -> AceStep:
        return cls(open_pipeline(folder, name, place, ("AceStepPipeline",)), place, name)

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        return (Anchor.VARY, Anchor.REPAINT) if self._turbo else (Anchor.JOIN, Anchor.VARY, Anchor.REPAINT)

    @property
    def provenance(self) -> Provenance:
        return provenance(self._name, self._place)

    def clips(self, wishes: Sequence[ClipWish], progress: Progress) -> tuple[AudioClip, ...]:
        """See AudioModel. Candidates of one stem share a batch: the pipeline takes one song and one track at a time."""

        def alike(w: ClipWish) -> object:
            return round(w.seconds, 3), w.role, id(w.song), id(w.guide), w.freedom, w.repaint_s, w.tempo_bpm, w.key, w.beats_per_bar

        with self._place.working(self._name), torch.inference_mode():
            return in_groups(wishes, alike, self.at_once, self._made, progress)

    def _made(self, wishes: list[ClipWish], progress: Progress) -> list[AudioClip]:
        first = wishes[0]
        seconds = self._whole_frames(max(LEAST_S, first.seconds))
        with torch.random.fork_rng():
            torch.manual_seed(ENCODER_SEED)  # the sound that it is given is encoded with torch's global chance
            found = self._pipeline(
                [w.prompt for w in wishes], lyrics=[""] * len(wishes), audio_duration=seconds, num_inference_steps=self._steps,
                guidance_scale=1.0 if self._turbo else GUIDANCE, shift=TURBO_SHIFT if self._turbo else BASE_SHIFT, generator=streams(wishes),
                bpm=round(first.tempo_bpm) if first.tempo_bpm else None, keyscale=_key(first), timesignature=_meter(first),
                callback_on_step_end=on_step(self._steps, progress), output_type="latent", **self._task(first, seconds),
            )  # fmt: skip
        return as_clips(self._decoded(found.audios), wishes, self.sample_rate_hz)

    def _whole_frames(self, seconds: float) -> float:
        """A length of whole latent frames that the pipeline's own rounding leaves as it is: of about 6 % it makes one frame more of noise."""
        rate = self._pipeline.latents_per_second
        frames = math.ceil(seconds * rate - 1e-6)
        while math.ceil(frames / rate * rate) != frames:
            frames += 1
        return float(frames / rate)

    def _decoded(self, latents: torch.Tensor) -> torch.Tensor:
        """At their own level: the pipeline would bring every clip to full scale, also one in which nothing plays."""
        audio = self._pipeline.vae.decode(latents.transpose(1, 2).to(self._pipeline.vae.dtype)).sample
        self._pipeline.maybe_free_model_hooks()
        return audio

    def _task(self, wish: ClipWish, seconds: float) -> dict[str, Any]:
        frames = round(seconds * self.sample_rate_hz)
        if wish.guide is not None and wish.repaint_s is not None:
            start, end = wish.repaint_s
            sound = self._sound(wish.guide, frames)
            return {"task_type": "repaint", "src_audio": sound, "repainting_start": start, "repainting_end": end}
        if wish.song is not None:
            sound = self._sound(wish.song, frames)
            if wish.role not in TRACKS:
                return {"task_type": "complete", "complete_track_classes": list(ACCOMPANIMENT), "src_audio": sound}
            return {"task_type": "lego", "track_name": TRACKS[wish.role], "src_audio": sound}
        if wish.guide is not None:
            return {"task_type": "cover", "src_audio": self._sound(wish.guide, frames), "audio_cover_strength": max(0.05, 1 - wish.freedom)}
        return {"task_type": "text2music"}

    def _sound(self, clip: AudioClip, frames: int) -> torch.Tensor:
        return stereo(clip, self.sample_rate_hz, frames).to(self._place.device, self._place.dtype)


def _key(wish: ClipWish) -> str | None:
    return str(wish.key) if wish.key is not None else None


def _meter(wish: ClipWish) -> str | None:
    """2, 3, 4 and 6 are the meters that it was trained on."""
    return str(wish.beats_per_bar) if wish.beats_per_bar in (2, 3, 4, 6) else None
