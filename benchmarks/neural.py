"""Neural stems side by side with the plain call of the library, one stem after another; random weights at full size, the arithmetic is the same.

MusicGen small: `generate()` as its documentation shows it, once for each of four stems, against our batch of four with a seed of its own
for each clip; in 32 bits and in the 16 of this device. Runs are interleaved; medians of wall time for a stem, peak memory of each process.
python -m benchmarks.neural [--seconds 1.0] [--repeats 3] [--device cpu]
"""

from __future__ import annotations

import argparse
import json
import resource
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results_file import write_result

STEMS = ("electric bass, rock, 120 bpm", "rock drums, 120 bpm", "jazz piano, 120 bpm, C major", "warm synth pad, 120 bpm")


def build(folder: Path) -> None:
    """MusicGen small as published (24 layers of 1024, T5-base, EnCodec at 32 kHz) with random weights."""
    import torch
    from transformers import EncodecConfig, GenerationConfig, MusicgenConfig, MusicgenForConditionalGeneration, T5Config, T5TokenizerFast

    torch.manual_seed(0)
    text = T5Config(vocab_size=32128, d_model=768, d_ff=3072, d_kv=64, num_layers=12, num_heads=12)
    codec = EncodecConfig(
        sampling_rate=32000, audio_channels=1, normalize=False, num_filters=64, hidden_size=128, codebook_dim=128, upsampling_ratios=[8, 5, 4, 4],
        codebook_size=2048, target_bandwidths=[2.2], use_causal_conv=False, num_lstm_layers=2, chunk_length_s=None,
    )  # fmt: skip
    decoder = {
        "vocab_size": 2048, "num_codebooks": 4, "hidden_size": 1024, "ffn_dim": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
        "max_position_embeddings": 2048, "audio_channels": 1, "pad_token_id": 2048, "bos_token_id": 2048,
    }  # fmt: skip
    model = MusicgenForConditionalGeneration(MusicgenConfig(text_encoder=text.to_dict(), audio_encoder=codec.to_dict(), decoder=decoder))
    for layer in model.audio_encoder.quantizer.layers:
        torch.nn.init.normal_(layer.codebook.embed)
    model.generation_config = GenerationConfig(
        do_sample=True, guidance_scale=3.0, max_length=1500, decoder_start_token_id=2048, bos_token_id=2048, pad_token_id=2048
    )
    model.save_pretrained(folder)
    letters = [(c, -3.0) for c in f"\u2581,{string.ascii_letters}{string.digits}"]
    T5TokenizerFast(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *letters], extra_ids=0).save_pretrained(folder)


def plain(folder: Path, seconds: float, device: str) -> Any:
    """One call of `generate` for each stem. Returns what does it."""
    import torch
    from transformers import AutoTokenizer, MusicgenForConditionalGeneration

    model = MusicgenForConditionalGeneration.from_pretrained(folder).to(device).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokens = round(seconds * 50) + 3

    def run() -> None:
        for k, text in enumerate(STEMS):
            torch.manual_seed(k)
            inputs = tokenizer([text], padding=True, return_tensors="pt").to(device)
            model.generate(**inputs, max_new_tokens=tokens, do_sample=True, guidance_scale=3.0).float().cpu().numpy()

    return run


def ours(folder: Path, seconds: float, device: str, precision: str) -> Any:
    from sideman.core.generation.backends.musicgen import open_musicgen
    from sideman.core.generation.clips import ClipWish
    from sideman.core.models.runtime.session import Precision
    from sideman.core.models.runtime.torch_place import place
    from sideman.core.music import StemRole

    model = open_musicgen(folder, "musicgen-small", place(device, 2, Precision(precision)))
    wishes = [ClipWish(StemRole.OTHER, text, seconds, k) for k, text in enumerate(STEMS)]
    return lambda: model.clips(wishes, lambda share: None)


WAYS = {"plain": plain, "ours f32": lambda *a: ours(*a, "f32"), "ours bf16": lambda *a: ours(*a, "bf16")}


def worker(way: str, folder: Path, seconds: float, device: str) -> None:
    """Runs once for every line that it reads, so that the ways take turns; answers with seconds of wall time."""
    import torch

    torch.set_num_threads(2)
    run = WAYS[way](folder, seconds, device)
    print("ready", flush=True)
    for _ in sys.stdin:
        began, cpu = time.perf_counter(), time.process_time()
        run()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        peak = (
            torch.cuda.max_memory_allocated() / 2**20
            if device.startswith("cuda")
            else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        )
        print(json.dumps({"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu, "peak_mb": peak}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--way")
    wish = parser.parse_args()
    if wish.way:
        return worker(wish.way, wish.folder, wish.seconds, wish.device)
    with tempfile.TemporaryDirectory() as name:
        folder = wish.folder or Path(name)
        if not (folder / "config.json").exists():
            build(folder)
        report(measured(folder, wish), wish)
    return None


def measured(folder: Path, wish: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    command = [sys.executable, "-m", "benchmarks.neural", "--folder", str(folder), "--seconds", str(wish.seconds), "--device", wish.device]
    running = {}
    for way in WAYS:
        running[way] = subprocess.Popen(
            [*command, "--way", way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert running[way].stdout.readline() == "ready\n"  # type: ignore[union-attr]
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(wish.repeats):
        for way, process in running.items():
            process.stdin.write("\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            found[way].append(json.loads(process.stdout.readline()))  # type: ignore[union-attr]
    for process in running.values():
        process.stdin.close()  # type: ignore[union-attr]
        process.wait()
    return found


def report(found: dict[str, list[dict[str, float]]], wish: argparse.Namespace) -> None:
    def median(way: str, what: str) -> float:
        return float(np.median([row[what] for row in found[way]]))

    lines = [
        f"MusicGen small at full size (586 M parameters, random weights), four stems of {wish.seconds:g} s on {wish.device}, 2 threads; medians of {wish.repeats} interleaved runs.",
        "",
    ]
    lines += [
        "| way | wall s a stem | CPU s a stem | s of work a second of sound and stem | times faster | peak MB |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    base = median("plain", "wall_s")
    names = {"plain": "`generate()` for each stem, f32", "ours f32": "Sideman, one batch, f32", "ours bf16": "Sideman, one batch, bf16"}
    for way in WAYS:
        wall, cpu = median(way, "wall_s"), median(way, "cpu_s")
        lines.append(
            f"| {names[way]} | {wall / 4:.1f} | {cpu / 4:.1f} | {wall / 4 / wish.seconds:.1f} | {base / wall:.2f} | {max(r['peak_mb'] for r in found[way]):,.0f} |"
        )
    best = min(median(way, "wall_s") for way in WAYS) / 4 / wish.seconds
    lines += ["", f"Batching alone gives the factor of the second row; the third adds half precision. A stem of 3 minutes takes {3 * best:.0f} minutes here when four are made together. Clips are short and weights random: longer passages attend to more, and take somewhat longer."]  # fmt: skip
    write_result("neural", "Neural stems", "\n".join(lines))


if __name__ == "__main__":
    main()
