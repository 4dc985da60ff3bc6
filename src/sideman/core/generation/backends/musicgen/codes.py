"""EnCodec's tokens: from sound to codes and back, and out of the delay pattern in which MusicGen writes them.

Codebook k lies k steps late, so that a step holds tokens of several frames (Copet et al., "Simple and controllable music generation",
2023). Stereo models interleave left and right: their pairs are late together.
"""

from __future__ import annotations

import torch


def undelayed(ids: torch.Tensor, codebooks: int, channels: int) -> torch.Tensor:
    """ids [clips * codebooks, 1 + frames + late - 1], first column a start token -> codes [clips, codebooks, frames]."""
    late = codebooks // channels
    laid = ids.reshape(-1, codebooks, ids.shape[-1])
    frames = laid.shape[-1] - late
    return torch.stack([laid[:, k, 1 + k // channels : 1 + k // channels + frames] for k in range(codebooks)], 1)


def encoded(audio_encoder: torch.nn.Module, samples: torch.Tensor, channels: int) -> torch.Tensor:
    """samples [clips, channels, n] -> codes [clips, codebooks, frames]. The codec is mono: stereo is encoded side by side."""
    sides = [audio_encoder.encode(samples[:, c : c + 1]).audio_codes[0] for c in range(channels)]
    return sides[0] if channels == 1 else torch.stack(sides, 2).flatten(1, 2)


def decoded(audio_encoder: torch.nn.Module, codes: torch.Tensor, channels: int) -> torch.Tensor:
    """codes [clips, codebooks, frames] -> samples [clips, channels, n]."""
    none = [None] * codes.shape[0]
    return torch.cat([audio_encoder.decode(codes[None, :, c::channels], none).audio_values for c in range(channels)], 1)
