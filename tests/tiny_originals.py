"""The small random networks in the layouts of Stability AI and of ACE-Step, which are not those of the library that runs them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tiny_networks import ace_step, stable_audio_three


def _stored(folder: Path, part: str) -> dict[str, torch.Tensor]:
    return load_file(folder / part / "diffusion_pytorch_model.safetensors")


def _published_order(tensor: torch.Tensor) -> torch.Tensor:
    q, q2, k, k2, v = tensor.chunk(5)
    return torch.cat([q, k, v, q2, k2])


def _put_back(key: str, pairs: list[tuple[str, str]]) -> str:
    for ours, theirs in pairs:
        key = re.sub(ours, theirs, key)
    return key


def original_stable_audio_three(folder: Path, work: Path, objective: str = "rf_denoiser") -> Path:
    """model.safetensors, model_config.json and text_encoder/, from a pipeline written to `work`."""
    made = stable_audio_three(work, objective == "rf_denoiser")
    feed = [(r"ff\.proj_in\.", "ff.ff.0.proj."), (r"ff\.proj_out\.", "ff.ff.2.")]
    out: dict[str, torch.Tensor] = {}
    for key, value in _stored(made, "vae").items():
        new = _put_back(key, [(r"encoder\.blocks\.0\.", "encoder.layers.0."), (r"decoder\.blocks\.0\.", "decoder.layers.3."), (r"encoder\.proj\.", "encoder.layers.2."), (r"decoder\.proj\.", "decoder.layers.1."), (r"bottleneck\.scale", "bottleneck.scaling_factor"), (r"\.attn\.", ".self_attn."), (r"norm_attn\.", "pre_norm."), (r"norm_ff\.", "ff_norm."), *feed])  # fmt: skip
        out["pretransform.model." + new] = _published_order(value) if new.endswith("to_qkv.weight") else value
    for key, value in _stored(made, "transformer").items():
        if key == "prompt_padding_embedding":
            out["conditioner.conditioners.prompt.padding_embedding"] = value
            continue
        inner = re.match(r"(transformer_blocks|proj_in|proj_out|memory_tokens|rotary_pos_emb|global_cond_embedder)", key)
        new = _put_back(key, [(r"^transformer_blocks", "layers"), (r"^proj_(in|out)\.", r"project_\1."), *feed])
        out["model.model." + ("transformer." if inner else "") + new] = _published_order(value) if new.endswith("to_qkv.weight") else value
    for key, value in _stored(made, "duration_embedder").items():
        if key.startswith("linear."):
            out["conditioner.conditioners.seconds_total.embedder.embedding.1." + key.removeprefix("linear.")] = value
    folder.mkdir(parents=True)
    save_file({k: v.clone().contiguous() for k, v in out.items()}, folder / "model.safetensors")
    codec = {
        "strides": [2],
        "transformer_depths": [1],
        "c_mults": [2],
        "channels": 8,
        "latent_dim": 8,
        "dim_heads": 4,
        "sliding_window": [1, 1],
    }
    pretransform = {"config": {"encoder": {"config": codec}, "decoder": {"config": {}}, "io_channels": 2, "downsampling_ratio": 512}}
    stated = {"sample_rate": 44100, "model": {"pretransform": pretransform, "diffusion": {"diffusion_objective": objective}}}
    (folder / "model_config.json").write_text(json.dumps(stated))
    shutil.copytree(made / "text_encoder", folder / "text_encoder")
    shutil.copytree(made / "tokenizer", folder / "text_encoder", dirs_exist_ok=True)
    return folder


def original_ace_step(folder: Path, work: Path) -> Path:
    """config.json, model.safetensors, silence_latent.pt, vae/ and Qwen3-Embedding-0.6B/."""
    made = ace_step(work)
    back = [(r"\.to_q\.", ".q_proj."), (r"\.to_k\.", ".k_proj."), (r"\.to_v\.", ".v_proj."), (r"\.to_out\.0\.", ".o_proj."), (r"\.norm_q\.", ".q_norm."), (r"\.norm_k\.", ".k_norm."), (r"^proj_in_conv\.", "proj_in.1."), (r"^proj_out_conv\.", "proj_out.1.")]  # fmt: skip
    prefixes = {"transformer": "decoder.", "condition_encoder": "encoder.", "audio_tokenizer": "tokenizer.", "audio_token_detokenizer": "detokenizer."}  # fmt: skip
    out: dict[str, torch.Tensor] = {}
    folder.mkdir(parents=True)
    for part, prefix in prefixes.items():
        for key, value in _stored(made, part).items():
            if key == "silence_latent":
                torch.save(value.transpose(1, 2).contiguous(), folder / "silence_latent.pt")
            else:
                out[key if key == "null_condition_emb" else prefix + _put_back(key, back)] = value
    save_file({k: v.clone().contiguous() for k, v in out.items()}, folder / "model.safetensors")
    known = json.loads((made / "transformer/config.json").read_text()) | json.loads((made / "condition_encoder/config.json").read_text())
    known |= {k: v for k, v in json.loads((made / "transformer/config.json").read_text()).items() if v is not None}
    stated = {k: v for k, v in known.items() if not k.startswith("_") and k not in ("is_turbo", "model_version", "encoder_hidden_size")}
    (folder / "config.json").write_text(json.dumps(stated | {"fsq_dim": 32}))
    shutil.copytree(made / "vae", folder / "vae")
    shutil.copytree(made / "text_encoder", folder / "Qwen3-Embedding-0.6B")
    shutil.copytree(made / "tokenizer", folder / "Qwen3-Embedding-0.6B", dirs_exist_ok=True)
    return folder
