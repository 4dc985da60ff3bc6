"""ACE-Step 1.5 as its authors publish it (one file for network, condition encoder and audio tokens), made into a diffusers pipeline."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.pipelines.ace_step import AceStepAudioTokenDetokenizer, AceStepAudioTokenizer, AceStepConditionEncoder
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from sideman.core.generation.backends.loading import NAMED, loaded_whole, stated_configuration
from sideman.errors import UnusableModel

Tensors = dict[str, torch.Tensor]
VAE, TEXT_ENCODER = "vae", "Qwen3-Embedding-0.6B"
INDEX, SILENCE = "model.safetensors.index.json", "silence_latent.pt"
RENAMED = (
    (".q_proj.", ".to_q."), (".k_proj.", ".to_k."), (".v_proj.", ".to_v."), (".o_proj.", ".to_out.0."), (".q_norm.", ".norm_q."),
    (".k_norm.", ".norm_k."), ("proj_in.1.", "proj_in_conv."), ("proj_out.1.", "proj_out_conv."),
)  # fmt: skip
ATTENTION = ("head_dim", "rope_theta", "attention_bias", "attention_dropout", "rms_norm_eps", "sliding_window")
POOLED = {"pool_window_size": 5, "num_attention_pooler_hidden_layers": 2}
TOKENS = {"fsq_input_levels": [8, 8, 8, 5, 5, 5], "fsq_input_num_quantizers": 1}
"""What the smaller published networks leave unsaid."""


def convert(folder: Path, out: Path) -> None:
    """folder: config.json, model.safetensors (or its shards), silence_latent.pt, vae/ and Qwen3-Embedding-0.6B/. out: a new folder.

    Raises UnusableModel.
    """
    name = folder.name
    stated = stated_configuration(folder, name)
    tensors = _tensors(folder, name)
    silence = folder / SILENCE
    if silence.exists():  # the network takes silence from here where no timbre is given; zeros would make it drone
        tensors["encoder.silence_latent"] = loaded_whole(lambda: torch.load(silence, weights_only=True), name).transpose(1, 2).contiguous()
    if "null_condition_emb" in tensors:
        tensors["encoder.null_condition_emb"] = tensors.pop("null_condition_emb")
    try:
        parts = _parts(stated)
    except KeyError as error:
        raise UnusableModel(f"{name} is no checkpoint of ACE-Step 1.5 as published: its config.json says nothing of {error}") from error
    prefixes = {"transformer": "decoder.", "condition_encoder": "encoder.", "audio_tokenizer": "tokenizer.", "audio_token_detokenizer": "detokenizer."}  # fmt: skip
    filled = {part: _filled(module, tensors, prefixes[part], name) for part, module in parts.items()}
    vae = loaded_whole(lambda: diffusers.AutoencoderOobleck.from_pretrained(folder / VAE, local_files_only=True), name)
    text = loaded_whole(lambda: AutoModel.from_pretrained(folder / TEXT_ENCODER, local_files_only=True, output_loading_info=True), name)
    tokenizer = loaded_whole(lambda: AutoTokenizer.from_pretrained(folder / TEXT_ENCODER, local_files_only=True), name)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0)
    diffusers.AceStepPipeline(vae=vae, text_encoder=text, tokenizer=tokenizer, scheduler=scheduler, **filled).save_pretrained(out)


def _tensors(folder: Path, name: str) -> Tensors:
    index = folder / INDEX
    if not index.exists():
        return loaded_whole(lambda: load_file(folder / "model.safetensors"), name)
    shards = sorted(set(loaded_whole(lambda: json.loads(index.read_text(encoding="utf-8"))["weight_map"].values(), name)))
    found: Tensors = {}
    for shard in shards:
        found |= loaded_whole(partial(load_file, folder / Path(shard).name), name)
    return found


def _parts(stated: dict[str, Any]) -> dict[str, Any]:
    """Modules of the sizes that config.json states; the largest network's encoder is narrower than the network."""
    attention = {k: stated[k] for k in ATTENTION}
    sizes = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads")
    wide = {k: stated[k] for k in sizes}
    narrow = {k: stated.get(f"encoder_{k}", stated[k]) for k in sizes}
    acoustic = {"audio_acoustic_hidden_dim": stated["audio_acoustic_hidden_dim"]}
    pooled = {k: stated.get(k, v) for k, v in POOLED.items()}
    pooled["layer_types"] = stated["layer_types"][: pooled["num_attention_pooler_hidden_layers"]]
    tokens = {k: stated.get(k, v) for k, v in TOKENS.items()} | {"fsq_dim": stated.get("fsq_dim", narrow["hidden_size"])}
    encoder = {
        k: stated[k]
        for k in ("text_hidden_dim", "timbre_hidden_dim", "num_lyric_encoder_hidden_layers", "num_timbre_encoder_hidden_layers")
    }
    return {
        "transformer": diffusers.AceStepTransformer1DModel(
            num_hidden_layers=stated["num_hidden_layers"], in_channels=stated["in_channels"], patch_size=stated["patch_size"],
            layer_types=stated["layer_types"], encoder_hidden_size=narrow["hidden_size"], is_turbo=bool(stated.get("is_turbo", False)),
            model_version=stated.get("model_version"), **wide, **acoustic, **attention,
        ),
        "condition_encoder": AceStepConditionEncoder(**narrow, **encoder, **attention),
        "audio_tokenizer": AceStepAudioTokenizer(**narrow, **acoustic, **pooled, **tokens, **attention),
        "audio_token_detokenizer": AceStepAudioTokenDetokenizer(**narrow, **acoustic, **pooled, **attention),
    }  # fmt: skip


def _filled(module: Any, tensors: Tensors, prefix: str, name: str) -> Any:
    """`module` with the tensors under a prefix. Raises UnusableModel that names those that do not fit."""
    own = {}
    for key, value in tensors.items():
        if key.startswith(prefix):
            new = key.removeprefix(prefix)
            for old, renamed in RENAMED:
                new = new.replace(old, renamed)
            own[new] = value
    try:
        found = module.load_state_dict(own, strict=False)
    except RuntimeError as error:
        said = str(error).split("\n\t")[-1][:200]
        raise UnusableModel(f"{name} does not have the sizes that its config.json states: {said}") from error
    odd = list(found.missing_keys) or list(found.unexpected_keys)
    if odd:
        what = "lacks" if found.missing_keys else "has no place for"
        raise UnusableModel(f"{name} is no checkpoint of ACE-Step 1.5 as published: {prefix.rstrip('.')} {what} {', '.join(odd[:NAMED])}")
    return module.to(next(iter(own.values())).dtype)  # as exact as it was published, and no larger
