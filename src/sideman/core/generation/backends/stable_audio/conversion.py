"""Stable Audio 3 as its authors publish it (stable-audio-tools' layout), made into a pipeline that diffusers loads.

One file of tensors holds every part under a prefix; `model_config.json` states what the tensors do not show. The names follow the two
published implementations; every tensor has to find its place, or the checkpoint is refused with the names of those that do not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoTokenizer, T5GemmaEncoderModel

from sideman.core.generation.backends.loading import NAMED, loaded_whole, stated_configuration
from sideman.errors import UnusableModel

Tensors = dict[str, torch.Tensor]
WEIGHTS, SETTINGS, TEXT_ENCODER = "model.safetensors", "model_config.json", "text_encoder"
PROMPT, DURATION = "conditioner.conditioners.prompt.", "conditioner.conditioners.seconds_total.embedder.embedding.1."
NETWORK, CODEC = "model.model.", "pretransform.model."
RESAMPLER = (("pre_norm.", "norm_attn."), ("self_attn.", "attn."), ("ff_norm.", "norm_ff."))
FEED_FORWARD = (("ff.ff.0.proj.", "ff.proj_in."), ("ff.ff.2.", "ff.proj_out."))
NOT_NEEDED = ("noise_scaling_factor", "num_batches_tracked", "running_mean")
DISTILLED = "rf_denoiser"


def convert(folder: Path, out: Path) -> None:
    """folder: model.safetensors, model_config.json, and text_encoder/ as Google publishes T5Gemma. out: a new folder in diffusers' layout.

    Raises UnusableModel.
    """
    name = folder.name
    stated = stated_configuration(folder, name, SETTINGS)
    tensors: Tensors = loaded_whole(lambda: load_file(folder / WEIGHTS), name)
    try:
        parts = {
            "vae": _filled(_codec(tensors, stated), _codec_tensors(tensors), name, "codec"),
            "transformer": _filled(_network(tensors), _network_tensors(tensors), name, "network"),
            "duration_embedder": _filled(_duration(tensors), _under(tensors, DURATION, "linear."), name, "duration", ("freqs",)),
        }
        objective = _objective(stated)
    except (KeyError, IndexError, ZeroDivisionError) as error:
        raise UnusableModel(f"{name} is no checkpoint of Stable Audio 3 as published: it says nothing of {error}") from error
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0, stochastic_sampling=objective == DISTILLED)
    text = _text_encoder(folder / TEXT_ENCODER, _under(tensors, PROMPT + "model.", ""), name)
    tokenizer = loaded_whole(lambda: AutoTokenizer.from_pretrained(folder / TEXT_ENCODER, local_files_only=True), name)
    pipeline = diffusers.StableAudio3Pipeline(text_encoder=text, tokenizer=tokenizer, scheduler=scheduler, **parts)
    pipeline.save_pretrained(out)


def _objective(stated: dict[str, Any]) -> str:
    model = stated["model"]
    return str(model.get("diffusion", {}).get("diffusion_objective") or model.get("diffusion_objective") or "")


def _under(tensors: Tensors, prefix: str, then: str) -> Tensors:
    return {then + k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _renamed(key: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        key = key.replace(old, new)
    return key


def _reordered(key: str, tensor: torch.Tensor, width: int) -> torch.Tensor:
    """Differential attention: query, key, value, and the second query and key -> both queries, both keys, value."""
    if not key.endswith("attn.to_qkv.weight") or tensor.shape[0] != 5 * width:
        return tensor
    q, k, v, q2, k2 = tensor.chunk(5)
    return torch.cat([q, q2, k, k2, v])


def _codec_tensors(tensors: Tensors) -> Tensors:
    """Encoder: resamplers, a transposition, the projection. Decoder: a transposition, the projection, another one, resamplers."""
    own = _under(tensors, CODEC, "")
    depth = len({k.split(".")[2] for k in own if re.match(r"encoder\.layers\.\d+\.new_tokens$", k)})
    out: Tensors = {}
    for key, value in own.items():
        found = re.match(r"(encoder|decoder)\.layers\.(\d+)\.(.*)", key)
        if found:
            side, number, rest = found[1], int(found[2]), found[3]
            block = number if side == "encoder" else number - 3
            projection = depth + 1 if side == "encoder" else 1
            new = f"{side}.proj.{rest}" if number == projection else f"{side}.blocks.{block}.{_renamed(rest, RESAMPLER + FEED_FORWARD)}"
            out[new] = _reordered(new, value, value.shape[-1])
        elif key.startswith("bottleneck."):
            out[key.replace("scaling_factor", "scale")] = value
        elif not key.startswith("pretransform."):
            out[key] = value
    return {k: v for k, v in out.items() if not k.endswith(NOT_NEEDED)}


def _network_tensors(tensors: Tensors) -> Tensors:
    out: Tensors = {}
    for key, value in _under(tensors, NETWORK, "").items():
        new = re.sub(r"^transformer\.", "", key)
        new = re.sub(r"^layers\.(\d+)\.", r"transformer_blocks.\1.", new)
        new = _renamed(re.sub(r"^project_(in|out)\.", r"proj_\1.", new), FEED_FORWARD)
        out[new] = _reordered(new, value, value.shape[-1])
    out["prompt_padding_embedding"] = tensors[PROMPT + "padding_embedding"]
    return out


def _codec(tensors: Tensors, stated: dict[str, Any]) -> torch.nn.Module:
    codec = stated["model"]["pretransform"]["config"]
    encoder, decoder = codec["encoder"]["config"], codec["decoder"]["config"]
    strides = list(encoder["strides"])
    first = f"{CODEC}encoder.layers.0."
    qkv, feed = tensors[f"{first}transformers.0.self_attn.to_qkv.weight"], tensors[f"{first}transformers.0.ff.ff.0.proj.weight"]
    none = [0] * len(strides)
    return diffusers.AutoencoderSAME(
        audio_channels=codec["io_channels"], patch_size=codec["downsampling_ratio"] // math.prod(strides), encoder_channels=encoder["channels"],
        encoder_c_mults=list(encoder["c_mults"]), encoder_strides=strides, encoder_transformer_depths=list(encoder["transformer_depths"]),
        latent_dim=encoder["latent_dim"], dim_heads=tensors[f"{first}transformers.0.self_attn.q_norm.gamma"].shape[0],
        use_differential_attention=qkv.shape[0] == 5 * qkv.shape[1], ff_mult=feed.shape[0] // (2 * feed.shape[1]),
        sliding_window=(encoder.get("sliding_window") or [1])[0], encoder_sinusoidal_blocks=list(encoder.get("sinusoidal_blocks", none)),
        decoder_sinusoidal_blocks=list(decoder.get("sinusoidal_blocks", none)), sampling_rate=stated.get("sample_rate", 44100),
    )  # fmt: skip


def _network(tensors: Tensors) -> torch.nn.Module:
    """Every size can be read off the tensors."""

    def shape(key: str) -> tuple[int, ...]:
        return tuple(tensors[NETWORK + key].shape)

    width, features = shape("to_timestep_embed.0.weight")
    block = "transformer.layers.0."
    depth = len({k.split(".")[4] for k in tensors if k.startswith(NETWORK + "transformer.layers.")})
    return diffusers.StableAudio3DiTModel(
        io_channels=shape("preprocess_conv.weight")[0], patch_size=1, embed_dim=width, depth=depth,
        num_heads=width // shape(block + "self_attn.q_norm.gamma")[0], cond_token_dim=shape("to_cond_embed.0.weight")[1],
        global_cond_dim=shape("to_global_embed.0.weight")[1], local_add_cond_dim=shape(block + "to_local_embed.0.weight")[1],
        timestep_features_dim=features, ff_mult=shape(block + "ff.ff.0.proj.weight")[0] // (2 * width),
        num_memory_tokens=shape("transformer.memory_tokens")[0], use_differential_attention=shape(block + "self_attn.to_qkv.weight")[0] == 5 * width,
    )  # fmt: skip


def _duration(tensors: Tensors) -> torch.nn.Module:
    width, features = tensors[DURATION + "weight"].shape
    return diffusers.StableAudio3DurationEmbedder(output_dim=width, fourier_dim=features)


def _filled(module: Any, tensors: Tensors, name: str, part: str, computed: tuple[str, ...] = ()) -> Any:
    """`module` with these tensors. computed: those that it makes itself. Raises UnusableModel."""
    absent, left = _load(module.load_state_dict, tensors, name, part)
    absent = [k for k in absent if k not in computed]
    if absent or left:
        said = f"lacks {', '.join(absent[:NAMED])}" if absent else f"holds {', '.join(left[:NAMED])}, which have no place"
        raise UnusableModel(f"{name} is no checkpoint of Stable Audio 3 as published: its {part} {said}")
    return module.to(next(iter(tensors.values())).dtype)  # as exact as it was published, and no larger


def _load(load: Callable[..., Any], tensors: Tensors, name: str, part: str) -> tuple[list[str], list[str]]:
    try:
        found = load(tensors, strict=False)
    except RuntimeError as error:
        said = str(error).split("\n\t")[-1][:200]
        raise UnusableModel(f"{name} does not have the sizes that it states: its {part} has a {said}") from error
    return list(found.missing_keys), list(found.unexpected_keys)


def _text_encoder(folder: Path, own: Tensors, name: str) -> Any:
    """T5Gemma's encoder, with the checkpoint's own weights where it brings some."""
    stated_configuration(folder, name)

    def load() -> Any:
        settings = AutoConfig.from_pretrained(folder, local_files_only=True)
        settings.is_encoder_decoder = False
        return T5GemmaEncoderModel.from_pretrained(folder, config=settings, local_files_only=True, output_loading_info=True)

    encoder = loaded_whole(load, name)
    if own:
        _filled(encoder, own, name, "text encoder")
    return encoder
