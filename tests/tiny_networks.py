"""Small random checkpoints in the published layouts, saved by the real classes: the loading code is real, the music is noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.pipelines.ace_step import AceStepAudioTokenDetokenizer, AceStepAudioTokenizer, AceStepConditionEncoder
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    EncodecConfig,
    GenerationConfig,
    MusicgenConfig,
    MusicgenForConditionalGeneration,
    MusicgenMelodyConfig,
    MusicgenMelodyForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    T5GemmaConfig,
    T5GemmaEncoderModel,
    T5TokenizerFast,
)
from transformers.models.t5gemma.configuration_t5gemma import T5GemmaModuleConfig

WORDS = "electric bass guitar drums piano strings lead pad synth rock jazz pop bpm C major minor A verse chorus no vocals the of in and with a 120"


def unigrams() -> list[tuple[str, float]]:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=110, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator([WORDS] * 20, trainer)
    return [(text, score) for text, score in json.loads(tokenizer.to_str())["model"]["vocab"]]


def t5_tokenizer(longest: int = 512) -> T5TokenizerFast:
    return T5TokenizerFast(vocab=unigrams(), extra_ids=0, model_max_length=longest)


def plain_tokenizer(longest: int = 256) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.Unigram(unigrams(), unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=longest
    )


T5 = T5Config(vocab_size=128, d_model=32, d_ff=64, d_kv=8, num_layers=2, num_heads=4)


def musicgen(folder: Path, channels: int = 1, melody: bool = False) -> Path:
    """32 kHz, 50 frames a second and four codebooks a channel, as published; 2 layers of 32 dimensions."""
    torch.manual_seed(0)
    codec = EncodecConfig(
        sampling_rate=32000, audio_channels=1, normalize=False, num_filters=4, hidden_size=16, codebook_dim=16,
        upsampling_ratios=[8, 5, 4, 4], codebook_size=2048, target_bandwidths=[2.2], use_causal_conv=False, num_lstm_layers=1, chunk_length_s=None,
    )  # fmt: skip
    decoder: dict[str, Any] = {
        "vocab_size": 2048, "num_codebooks": 4 * channels, "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "max_position_embeddings": 2048, "audio_channels": channels, "pad_token_id": 2048, "bos_token_id": 2048,
    }  # fmt: skip
    parts = {"text_encoder": T5.to_dict(), "audio_encoder": codec.to_dict(), "decoder": decoder}
    model: Any
    if melody:
        model = MusicgenMelodyForConditionalGeneration(MusicgenMelodyConfig(num_chroma=12, chroma_length=235, **parts))
        model.audio_enc_to_dec_proj.weight.data.mul_(50)
    else:
        model = MusicgenForConditionalGeneration(MusicgenConfig(**parts))
    spread = torch.Generator().manual_seed(0)
    for layer in model.audio_encoder.quantizer.layers:  # they begin as zeros, and every token would sound the same
        layer.codebook.embed.copy_(torch.randn(layer.codebook.embed.shape, generator=spread))
    for module in model.audio_encoder.encoder.modules():  # or every sound would get the same codes
        if isinstance(module, torch.nn.Conv1d):
            module.parametrizations.weight.original0.data.mul_(4)
            module.bias.data.zero_()
    for weights in model.decoder.model.decoder.layers.parameters():  # or what was played before would hardly count
        if weights.dim() > 1:
            weights.data.mul_(6)
    for head in model.decoder.lm_heads.parameters():
        head.data.mul_(20)
    model.generation_config = GenerationConfig(
        do_sample=True, guidance_scale=3.0, max_length=1500, decoder_start_token_id=2048, bos_token_id=2048, pad_token_id=2048
    )
    model.save_pretrained(folder)
    t5_tokenizer().save_pretrained(folder)
    return folder


def stable_audio_open(folder: Path) -> Path:
    """44.1 kHz stereo, 64 latent frames of 2048 samples: clips of 2.97 s at most."""
    torch.manual_seed(0)
    scheduler = diffusers.CosineDPMSolverMultistepScheduler(
        solver_order=2, prediction_type="v_prediction", sigma_data=1.0, sigma_schedule="exponential", sigma_min=0.3, sigma_max=500
    )
    transformer = diffusers.StableAudioDiTModel(
        sample_size=64, in_channels=8, num_layers=2, attention_head_dim=8, num_attention_heads=4, num_key_value_attention_heads=2, out_channels=8,
        cross_attention_dim=32, time_proj_dim=16, global_states_input_dim=64, cross_attention_input_dim=32,
    )  # fmt: skip
    projection = diffusers.StableAudioProjectionModel(text_encoder_dim=32, conditioning_dim=32, min_value=0, max_value=512)
    diffusers.StableAudioPipeline(
        vae=_oobleck(44100, (2, 4, 4, 8, 8)), text_encoder=T5EncoderModel(T5), projection_model=projection, tokenizer=t5_tokenizer(128),
        transformer=transformer, scheduler=scheduler,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def _oobleck(rate_hz: int, ratios: tuple[int, ...]) -> diffusers.AutoencoderOobleck:
    return diffusers.AutoencoderOobleck(
        encoder_hidden_size=16, downsampling_ratios=list(ratios), decoder_channels=4, decoder_input_channels=8, audio_channels=2,
        channel_multiples=[1, 1, 1, 1, 1], sampling_rate=rate_hz,
    )  # fmt: skip


def t5gemma() -> T5GemmaEncoderModel:
    module = T5GemmaModuleConfig(
        vocab_size=128, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=8,
        max_position_embeddings=256, sliding_window=64, layer_types=["full_attention"] * 2,
    )  # fmt: skip
    return T5GemmaEncoderModel(T5GemmaConfig(encoder=module.to_dict(), decoder=module.to_dict(), is_encoder_decoder=False))


def stable_audio_three(folder: Path, distilled: bool = True) -> Path:
    """44.1 kHz stereo, 512 samples a latent frame; differential attention, as published."""
    torch.manual_seed(0)
    transformer = diffusers.StableAudio3DiTModel(
        io_channels=8, patch_size=1, embed_dim=32, depth=2, num_heads=4, cond_token_dim=16, global_cond_dim=16, local_add_cond_dim=9,
        timestep_features_dim=16, ff_mult=2, num_memory_tokens=3, use_differential_attention=True,
    )  # fmt: skip
    vae = diffusers.AutoencoderSAME(
        audio_channels=2, patch_size=256, encoder_channels=8, encoder_c_mults=(2,), encoder_strides=(2,), encoder_transformer_depths=(1,),
        latent_dim=8, use_differential_attention=True, dim_heads=4, ff_mult=3, sampling_rate=44100,
    )  # fmt: skip
    for module in (transformer, vae):
        _loosened(module)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0, stochastic_sampling=distilled)
    diffusers.StableAudio3Pipeline(
        vae=vae, text_encoder=t5gemma(), tokenizer=plain_tokenizer(), transformer=transformer, scheduler=scheduler,
        duration_embedder=diffusers.StableAudio3DurationEmbedder(output_dim=16, fourier_dim=16),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def _loosened(module: torch.nn.Module) -> None:
    """Gates and output layers begin as zeros, and every seed would sound the same."""
    for parameter in module.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)


ACE = {
    "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "rope_theta": 10000.0, "sliding_window": 16,
}  # fmt: skip
LAYERS = ["sliding_attention", "full_attention"]
POOLED = {"pool_window_size": 5, "num_attention_pooler_hidden_layers": 2, "layer_types": LAYERS}


def ace_step(folder: Path, turbo: bool = False) -> Path:
    """48 kHz stereo, 25 latent frames a second, as published."""
    torch.manual_seed(0)
    text = Qwen3Config(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8, vocab_size=200,
        max_position_embeddings=2048,
    )  # fmt: skip
    encoder = AceStepConditionEncoder(
        text_hidden_dim=32, timbre_hidden_dim=8, num_lyric_encoder_hidden_layers=2, num_timbre_encoder_hidden_layers=2, **ACE
    )
    transformer = diffusers.AceStepTransformer1DModel(
        num_hidden_layers=2, in_channels=24, audio_acoustic_hidden_dim=8, patch_size=2, layer_types=LAYERS, is_turbo=turbo, **ACE
    )
    diffusers.AceStepPipeline(
        vae=_oobleck(48000, (2, 4, 4, 6, 10)), text_encoder=Qwen3Model(text), tokenizer=plain_tokenizer(4096), transformer=transformer,
        condition_encoder=encoder, scheduler=diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
        audio_tokenizer=AceStepAudioTokenizer(fsq_dim=32, audio_acoustic_hidden_dim=8, **POOLED, **ACE),
        audio_token_detokenizer=AceStepAudioTokenDetokenizer(audio_acoustic_hidden_dim=8, **POOLED, **ACE),
    ).save_pretrained(folder)  # fmt: skip
    return folder
