"""Sampling of tokens with one stream of chance for every clip, and a tap on the tokens as they come.

transformers samples a batch from one global stream, so that a clip would sound otherwise in other company. Gumbel noise from a generator
of each clip's own makes the largest score a fair sample (Maddison, Tarlow and Minka, "A* sampling", 2014), whatever the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

TOP_K = 250
COLDEST = 1e-6


class Enough(Exception):
    """All tokens of a window are there; raised instead of stopping, because `generate` would crash on ragged codebooks or decode needlessly."""

    def __init__(self, ids: torch.Tensor) -> None:
        super().__init__("enough tokens")
        self.ids = ids


class GuidanceFirst(LogitsProcessorList):
    """`generate` appends its classifier-free guidance after our sampler; guidance has to come before it."""

    def append(self, processor: LogitsProcessor) -> None:
        self.insert(0, processor)


class ClipSampler(LogitsProcessor):
    """scores [clips * codebooks, vocabulary]. One random generator and one temperature for each clip."""

    def __init__(self, seeds: Sequence[int], temperatures: Sequence[float], codebooks: int) -> None:
        self._streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._temperature = torch.tensor([max(COLDEST, t) for t in temperatures]).repeat_interleave(codebooks)[:, None]
        self._codebooks = codebooks

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        found = scores.float() / self._temperature.to(scores.device)
        least = torch.topk(found, min(TOP_K, found.shape[-1]))[0][..., -1:]
        found = found.masked_fill(found < least, -torch.inf)
        uniform = torch.cat([torch.rand(self._codebooks, found.shape[-1], generator=s) for s in self._streams])
        return found - torch.log(-torch.log(uniform.clamp(1e-9, 1 - 1e-7))).to(scores.device)


class Tap(StoppingCriteria):
    """Called once a token: reports it, which may stop the work, and ends the window when it has all."""

    def __init__(self, tokens: int, report: Callable[[int], None]) -> None:
        self._tokens, self._report, self._count = tokens, report, 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
        self._count += 1
        self._report(self._count)
        if self._count >= self._tokens:
            raise Enough(input_ids)
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)

    def alone(self) -> StoppingCriteriaList:
        return StoppingCriteriaList([self])
