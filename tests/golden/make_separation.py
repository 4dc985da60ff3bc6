"""Make the golden outputs of the separation models with the reference implementations (torch, demucs; never installed by the tests).

    python tests/golden/make_separation.py [FOLDER of a clone of github.com/starrytong/SCNet]

Random small networks by `sideman.testing.weights`, the mixture of `mixture()`, and what the authors' own code makes of them. Kept are a
few thousand frames of every stem.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
FRAMES, RATE_HZ = round(4.3 * 44100), 44100
EXCERPTS = (slice(0, 1500), slice(60_000, 61_500), slice(FRAMES - 1500, FRAMES))


def mixture() -> np.ndarray:
    """Two tones, noise and an offset, [2, 4.3 s]: three windows of the small network, the last one short."""
    t = np.arange(FRAMES) / RATE_HZ
    noise = np.random.RandomState(0).standard_normal((2, FRAMES))
    tones = np.stack([np.sin(2 * np.pi * 220 * t), np.sin(2 * np.pi * 330 * t)])
    return (0.3 * tones + 0.05 * noise + 0.01).astype(np.float32)


def excerpts(stems: np.ndarray) -> np.ndarray:
    return np.concatenate([stems[..., e] for e in EXCERPTS], axis=-1)


def demucs_reference(checkpoint: Path, x: np.ndarray) -> np.ndarray:
    """demucs' own answer, `--shifts 0 --overlap 0.25`, [stems, 2, frames]."""
    import torch
    from demucs.apply import apply_model
    from demucs.hf import load_safetensors_model

    model = load_safetensors_model(checkpoint).eval()
    wav = torch.from_numpy(x)
    mean, std = wav.mean(0).mean(), wav.mean(0).std() + 1e-8
    with torch.no_grad():
        return (apply_model(model, ((wav - mean) / std)[None], shifts=0, overlap=0.25)[0] * std + mean).numpy()


def roformer_reference(checkpoint: Path, x: np.ndarray, mel: bool) -> np.ndarray:
    """One segment through the published packages (bs-roformer-infer, melband-roformer-infer), [stems, 2, frames]."""
    import torch
    from safetensors.torch import load_file

    common = dict(dim=24, depth=2, stereo=True, time_transformer_depth=1, freq_transformer_depth=1, dim_head=12, heads=2, stft_n_fft=512)
    common |= dict(stft_hop_length=128, stft_win_length=512, attn_dropout=0.0, ff_dropout=0.0, flash_attn=False)
    if mel:
        from mel_band_roformer.mel_band_roformer import MelBandRoformer

        model = MelBandRoformer(num_stems=1, num_bands=12, mask_estimator_depth=2, match_input_audio_length=True, **common)
    else:
        from bs_roformer.bs_roformer import BSRoformer

        model = BSRoformer(num_stems=2, freqs_per_bands=(4, 8, 28, 80, 137), mask_estimator_depth=2, **common)
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in load_file(checkpoint).items()}, strict=False)
    assert not unexpected and all("rotary" in k for k in missing), (missing, unexpected)
    with torch.no_grad():
        out = model.eval()(torch.from_numpy(x[None])).numpy()[0]
    out = out[None] if out.ndim == 2 else out
    return np.pad(out, ((0, 0), (0, 0), (0, x.shape[1] - out.shape[2])))


def scnet_reference(checkpoint: Path, x: np.ndarray, code: Path) -> np.ndarray:
    """One segment through the authors' code (a clone of github.com/starrytong/SCNet at `code`), [stems, 2, frames]."""
    import torch
    from safetensors.torch import load_file

    sys.path.insert(0, str(code))
    from scnet.SCNet import SCNet

    model = SCNet(dims=[4, 8, 12, 16], nfft=1024, hop_size=256, win_size=1024, num_dplayer=4)
    model.load_state_dict({k: v.float() for k, v in load_file(checkpoint).items()})
    with torch.no_grad():
        return model.eval()(torch.from_numpy(x[None])).numpy()[0]


def main(scnet: Path | None) -> None:
    from sideman.testing import weights
    from sideman.testing.weights import SMALL_BS_ROFORMER, SMALL_MEL_ROFORMER, write_htdemucs, write_roformer

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.safetensors"
        write_htdemucs(path)
        for name, config in (("melband", SMALL_MEL_ROFORMER), ("bs", SMALL_BS_ROFORMER)):
            write_roformer(Path(folder) / f"{name}.safetensors", config)
            segment = mixture()[:, : config.segment_frames]
            stems = roformer_reference(Path(folder) / f"{name}.safetensors", segment, name == "melband")
            np.savez_compressed(HERE / f"{name}_roformer_small.npz", stems=stems[..., 8000:10_000].astype(np.float32))
        weights.write_hdemucs(Path(folder) / "hybrid.safetensors")
        stems = demucs_reference(Path(folder) / "hybrid.safetensors", mixture()[:, :44100])
        np.savez_compressed(HERE / "hdemucs_small.npz", stems=np.concatenate([stems[..., :1500], stems[..., 30_000:31_500]], -1))
        if scnet is not None:
            small = Path(folder) / "scnet.safetensors"
            weights.write_scnet(small, weights.SMALL_SCNET)
            stems = scnet_reference(small, mixture()[:, : weights.SMALL_SCNET.segment_frames], scnet)
            np.savez_compressed(HERE / "scnet_small.npz", stems=stems[..., 8000:10_000].astype(np.float32))
        np.savez_compressed(HERE / "htdemucs_small.npz", stems=excerpts(demucs_reference(path, mixture())).astype(np.float32))


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1] / "src"))
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
