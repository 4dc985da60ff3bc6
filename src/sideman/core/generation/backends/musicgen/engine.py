"""The engine: groups of like wishes, windows of tokens, one decoding of the codes that all windows gave."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, MusicgenForConditionalGeneration, MusicgenMelodyForConditionalGeneration

from sideman.core.audio import AudioClip, resample
from sideman.core.generation.backends.loading import loaded_whole, stated_configuration
from sideman.core.generation.backends.musicgen.codes import decoded, encoded, undelayed
from sideman.core.generation.backends.musicgen.sampling import ClipSampler, Enough, GuidanceFirst, Tap
from sideman.core.generation.clips import CHROMA_RATE_HZ, Anchor, ClipWish, Progress, exact
from sideman.core.models.runtime.torch_place import TorchPlace
from sideman.core.music import Provenance
from sideman.errors import UnusableModel

CLASSES = {"musicgen": MusicgenForConditionalGeneration, "musicgen_melody": MusicgenMelodyForConditionalGeneration}
GUIDANCE = 3.0
WINDOW_S, KEPT_S = 30.0, 10.0
"""What the networks were trained on, and how much of a window the next one goes on from."""
DECODED_S, OVERLAP_S = 30.0, 1.0
TEXT_MULTIPLE = 16
"""Texts are padded to multiples of this, so that a clip's padding hardly depends on its company."""
DECODING_SHARE = 0.03


@dataclass(frozen=True, eq=False)
class _Group:
    """Wishes that can share a batch: equal lengths of text and lead, all with a melody or none."""

    indices: tuple[int, ...]
    wishes: tuple[ClipWish, ...]
    lead_frames: int


class MusicGen:
    """An AudioModel. Clips of any length: beyond 30 s a window goes on from the codes of the one before, which are kept as they are."""

    longest_s = WINDOW_S

    def __init__(self, model: Any, tokenizer: Any, place: TorchPlace, name: str) -> None:
        self._model, self._tokenizer, self._place, self._name = model, tokenizer, place, name
        decoder = model.config.decoder
        self._codebooks, self._channels = decoder.num_codebooks, decoder.audio_channels
        self.sample_rate_hz = int(model.config.audio_encoder.sampling_rate)
        self._hop = math.prod(model.config.audio_encoder.upsampling_ratios)
        self._frame_rate = self.sample_rate_hz / self._hop
        self._melodic = isinstance(model, MusicgenMelodyForConditionalGeneration)
        self.at_once = 4 if place.device in ("cpu", "mps") else 16

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        return (Anchor.CONTINUE, Anchor.MELODY) if self._melodic else (Anchor.CONTINUE,)

    @property
    def provenance(self) -> Provenance:
        from importlib.metadata import version

        return Provenance(self._name, version("transformers"), self._place.parameters)

    def clips(self, wishes: Sequence[ClipWish], progress: Progress) -> tuple[AudioClip, ...]:
        """See AudioModel. Raises NotEnoughMemory."""
        groups = self._groups(wishes)
        total = sum(self._tokens(g) for g in groups)
        out: dict[int, AudioClip] = {}
        done = 0
        with self._place.working(self._name), torch.inference_mode():
            for group in groups:
                codes = self._written(group, lambda n, before=done: progress((1 - DECODING_SHARE) * (before + n) / total))  # type: ignore[misc]
                done += self._tokens(group)
                for index, wish, of_clip in zip(group.indices, group.wishes, codes, strict=True):
                    out[index] = self._sound(of_clip, group.lead_frames, wish.seconds)
        progress(1.0)
        return tuple(out[i] for i in range(len(wishes)))

    def _frames(self, seconds: float) -> int:
        return math.ceil(seconds * self._frame_rate - 1e-6)

    def _lead_frames(self, wish: ClipWish) -> int:
        return min(self._frames(KEPT_S), int(wish.lead.duration_s * self._frame_rate)) if wish.lead is not None else 0

    def _text(self, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        found = self._tokenizer(list(prompts), padding=True, pad_to_multiple_of=TEXT_MULTIPLE, truncation=True, max_length=512, return_tensors="pt")  # fmt: skip
        return {k: found[k].to(self._model.device) for k in ("input_ids", "attention_mask")}

    def _groups(self, wishes: Sequence[ClipWish]) -> list[_Group]:
        alike: dict[tuple[int, int, bool], list[int]] = defaultdict(list)
        for i, wish in enumerate(wishes):
            alike[self._lead_frames(wish), self._text([wish.prompt])["input_ids"].shape[1], wish.melody is not None].append(i)
        return [
            _Group(tuple(part), tuple(wishes[i] for i in part), lead)
            for (lead, _, _), indices in alike.items()
            for part in (indices[k : k + self.at_once] for k in range(0, len(indices), self.at_once))
        ]

    def _windows(self, group: _Group) -> list[tuple[int, int]]:
        """(frames that are there, frames that are new) of each window."""
        window, kept = self._frames(WINDOW_S), self._frames(KEPT_S)
        have, total = group.lead_frames, group.lead_frames + max(self._frames(w.seconds) for w in group.wishes)
        out: list[tuple[int, int]] = []
        while have < total:
            there = have if not out else kept
            out.append((there, min(window - there, total - have)))
            have += out[-1][1]
        return out

    def _tokens(self, group: _Group) -> int:
        return sum(new + self._late - 1 for _, new in self._windows(group))

    @property
    def _late(self) -> int:
        return int(self._codebooks // self._channels)

    def _written(self, group: _Group, report: Callable[[int], None]) -> torch.Tensor:
        """Codes [clips, codebooks, lead + new frames]."""
        text = self._text([w.prompt for w in group.wishes])
        sampler = ClipSampler([w.seed for w in group.wishes], [w.liveliness for w in group.wishes], self._codebooks)
        codes = self._leads(group) if group.lead_frames else None
        before = 0
        for there, new in self._windows(group):
            prompt = None if codes is None else codes[..., codes.shape[-1] - there :]
            start = 0 if codes is None else codes.shape[-1] - there
            tokens = new + self._late - 1
            conditions = text | self._melody(group, start) | self._prompt(prompt)
            tap = Tap(tokens, lambda n, done=before: report(done + n))  # type: ignore[misc]
            try:
                self._model.generate(
                    **conditions, max_new_tokens=tokens, do_sample=False, guidance_scale=GUIDANCE,
                    logits_processor=GuidanceFirst([sampler]), stopping_criteria=tap.alone(),
                )  # fmt: skip
            except Enough as enough:
                laid = self._as_prompted(enough.ids, prompt)
            codes_here = undelayed(laid, self._codebooks, self._channels)
            codes = codes_here if codes is None else torch.cat([codes, codes_here[..., there:]], -1)
            before += tokens
        assert codes is not None
        return codes

    @staticmethod
    def _prompt(codes: torch.Tensor | None) -> dict[str, torch.Tensor]:
        return {} if codes is None else {"decoder_input_ids": codes.reshape(-1, codes.shape[-1])}

    def _as_prompted(self, ids: torch.Tensor, prompt: torch.Tensor | None) -> torch.Tensor:
        """The sampler also wrote where later codebooks still belong to the prompt: those tokens are the prompt's."""
        if prompt is None:
            return ids
        pad = self._model.config.decoder.pad_token_id
        laid = ids.reshape(-1, self._codebooks, ids.shape[-1]).clone()
        length = prompt.shape[-1]
        for k in range(self._codebooks):
            late = k // self._channels
            laid[:, k, : 1 + late] = pad
            laid[:, k, 1 + late : 1 + late + length] = prompt[:, k]
        return laid.reshape(-1, ids.shape[-1])

    def _leads(self, group: _Group) -> torch.Tensor:
        """Codes of what sounds before, its end where the clip begins."""
        samples = []
        for wish in group.wishes:
            assert wish.lead is not None
            x = resample(wish.lead, self.sample_rate_hz).samples
            x = x.mean(0, keepdims=True) if self._channels == 1 else np.broadcast_to(x, (2, x.shape[1])) if x.shape[0] == 1 else x[:2]
            frames = group.lead_frames * self._hop
            samples.append(np.pad(x, ((0, 0), (max(0, frames - x.shape[1]), 0)))[:, -frames:])
        codes = encoded(self._model.audio_encoder, torch.from_numpy(np.array(samples, np.float32)).to(self._model.device), self._channels)
        return codes[..., : group.lead_frames]

    def _melody(self, group: _Group, start: int) -> dict[str, torch.Tensor]:
        """Pitch classes from the window's first frame on, one-hot [clips, frames, 12]."""
        if not self._melodic or any(w.melody is None for w in group.wishes):
            return {}
        first = round(start / self._frame_rate * CHROMA_RATE_HZ)
        rows = [_held(np.asarray(w.melody))[first:] for w in group.wishes]
        length = max(1, *(len(r) for r in rows))
        classes = np.array([np.pad(r, (0, length - len(r)), mode="edge" if len(r) else "constant") for r in rows])
        hot = torch.nn.functional.one_hot(torch.from_numpy(classes).long(), 12)
        return {"input_features": hot.to(self._model.device, self._place.dtype)}

    def _sound(self, codes: torch.Tensor, lead_frames: int, seconds: float) -> AudioClip:
        """One clip of codes [codebooks, frames] without its lead, decoded in overlapping pieces where it is long."""
        frames = lead_frames + self._frames(seconds)
        piece, overlap = self._frames(DECODED_S), self._frames(OVERLAP_S)
        out = np.zeros((self._channels, frames * self._hop), np.float32)
        for start in range(0, max(1, frames - overlap), piece - overlap):
            part = decoded(self._model.audio_encoder, codes[None, :, start : min(frames, start + piece)], self._channels)[0]
            y = part.float().cpu().numpy()
            if start:
                ramp = np.minimum(1, np.arange(y.shape[1], dtype=np.float32) / (overlap * self._hop))
                y *= ramp
                out[:, start * self._hop : (start + overlap) * self._hop] *= 1 - ramp[: overlap * self._hop]
            out[:, start * self._hop : start * self._hop + y.shape[1]] += y
        return AudioClip(exact(out[:, lead_frames * self._hop :], round(seconds * self.sample_rate_hz)), self.sample_rate_hz)


def _held(classes: np.ndarray) -> np.ndarray:
    """A rest holds the pitch class before it; the network knows none."""
    known = np.where(classes >= 0, np.arange(len(classes)), -1)
    last = np.maximum.accumulate(known)
    return np.where(last >= 0, classes[np.maximum(last, 0)], classes[classes >= 0][0] if (classes >= 0).any() else 0)


def open_musicgen(folder: Path, name: str, place: TorchPlace) -> MusicGen:
    """From a folder in transformers' layout. Raises UnusableModel for a damaged checkpoint or one of another class."""
    kind = str(stated_configuration(folder, name).get("model_type", "nothing"))
    if kind not in CLASSES:
        raise UnusableModel(f"{name} is a checkpoint of {kind!r}, not of MusicGen: install it again, or import the right folder")
    model = loaded_whole(lambda: CLASSES[kind].from_pretrained(folder, dtype=place.dtype, local_files_only=True, output_loading_info=True), name)  # fmt: skip
    tokenizer = loaded_whole(lambda: AutoTokenizer.from_pretrained(folder, local_files_only=True), name)
    model.audio_encoder.float()  # half precision is for the decoder; in the codec it would be heard
    return MusicGen(model.to(place.device).eval(), tokenizer, place, name)
