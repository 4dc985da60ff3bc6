"""Checkpoints with random weights in the published layouts: small networks of the true architecture, for tests of the loading code.

They separate nothing. Their numbers come from numpy's frozen RandomState, so that golden outputs made once stay valid.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.checkpoint import write_checkpoint
from sideman.core.models.graph import Array, Weights
from sideman.core.separation.backends.demucs import core_graph, hybrid
from sideman.core.separation.backends.demucs.configuration import CLASS, HTDemucsConfig
from sideman.core.separation.backends.roformer import core_graph as roformer_graph
from sideman.core.separation.backends.roformer.configuration import RoformerConfig, mel_bands
from sideman.core.separation.backends.scnet import core_graph as scnet_graph
from sideman.core.separation.backends.scnet.core_graph import ScnetConfig

SMALL_HTDEMUCS: dict[str, Any] = {
    "sources": ["drums", "bass", "other", "vocals"], "channels": 8, "depth": 3, "dconv_mode": 3, "dconv_comp": 4, "bottom_channels": 64,
    "t_layers": 3, "t_heads": 4, "nfft": 1024, "segment": Fraction(3, 2),
}  # fmt: skip
"""Passes every kind of layer of the published network: 0.39 M parameters, segments of 1.5 s."""
SMALL_HDEMUCS: dict[str, Any] = {
    "sources": ["drums", "bass", "other", "vocals"], "channels": 8, "depth": 4, "nfft": 256, "norm_starts": 2, "dconv_mode": 3, "dconv_attn": 2,
    "dconv_lstm": 2, "segment": 1,
}  # fmt: skip
"""Every kind of layer of the third generation: merged branches, LSTM in pieces, local attention."""
HTDEMUCS: dict[str, Any] = {
    "sources": ["drums", "bass", "other", "vocals"], "depth": 4, "dconv_mode": 3, "bottom_channels": 512, "t_layers": 5, "segment": Fraction(39, 5),
}  # fmt: skip
"""The published configuration: 42 M parameters, segments of 7.8 s."""


SMALL_MEL_ROFORMER = RoformerConfig(
    dim=24, depth=2, time_depth=1, band_depth=1, heads=2, dim_head=12, stems=1, channels=2, mask_layers=3, hidden=96, ff_hidden=96, size=512,
    band_bins=mel_bands(12, 512), final_norm=False, hop=128, segment_frames=32_000,
)  # fmt: skip
"""Overlapping mel bands; a mask estimator of three layers, as the reference makes of mask_estimator_depth=2."""
SMALL_BS_ROFORMER = RoformerConfig(
    dim=24, depth=2, time_depth=1, band_depth=1, heads=2, dim_head=12, stems=2, channels=2, mask_layers=2, hidden=96, ff_hidden=96, size=512,
    band_bins=tuple(tuple(range(a, b)) for a, b in ((0, 4), (4, 12), (12, 40), (40, 120), (120, 257))), final_norm=True, hop=128,
    segment_frames=32_000,
)  # fmt: skip
"""Bands in a row, two stems, a norm before the masks."""

SMALL_SCNET = ScnetConfig((4, 8, 12, 16), (3, 4, 16), (3, 2, 1), (2, 3, 4), 4, 1, 4, size=1024, hop=256, segment_frames=30_000)
"""Three levels, four dual-path layers, four stems."""


class WantedShapes(Weights):
    """Stands in for a checkpoint and notes what a graph builder asks for."""

    def __init__(self, prefix: str = "", shapes: dict[str, tuple[int, ...]] | None = None) -> None:
        super().__init__({}, prefix)
        self._name = prefix
        self.shapes = {} if shapes is None else shapes

    def below(self, *names: str | int) -> WantedShapes:
        return WantedShapes(self._name + "".join(f"{n}." for n in names), self.shapes)

    def get(self, name: str, *shape: int) -> Array:
        self.shapes[self._name + name] = shape
        return np.zeros(shape, np.float32)

    def check(self, what: str) -> None:
        """Everything fits: nothing is there."""


def random_tensors(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, NDArray[np.float16]]:
    """One number stream per name. Scales are such that no branch vanishes and no norm is the identity."""
    out = {}
    for name, shape in shapes.items():
        rng = np.random.RandomState((zlib.crc32(name.encode()) + seed) % (1 << 32))
        if name.endswith("scale"):
            x = rng.uniform(0.05, 0.3, shape)
        elif len(shape) == 1:
            x = 0.1 * rng.standard_normal(shape) + (1.0 if name.endswith("weight") else 0.0)
        else:
            x = rng.standard_normal(shape) / np.sqrt(max(1, int(np.prod(shape[1:]))))
        out[name] = x.astype(np.float16)
    return out


def write_hdemucs(path: Path, arguments: dict[str, Any] | None = None, seed: int = 0) -> hybrid.HDemucsConfig:
    """A random Hybrid Demucs (v3), laid out as demucs 4.1.0 writes it."""
    arguments = arguments or SMALL_HDEMUCS
    metadata = {"klass": hybrid.CLASS, "args": "[]", "kwargs": json.dumps({k: _encoded(v) for k, v in arguments.items()})}
    config = hybrid.HDemucsConfig.from_metadata(metadata)
    wanted = WantedShapes()
    hybrid.build(config, wanted)
    write_checkpoint(path, random_tensors(wanted.shapes, seed), metadata)
    return config


def write_scnet(path: Path, config: ScnetConfig, seed: int = 0) -> None:
    """A random SCNet in the layout of the published ones."""
    wanted = WantedShapes()
    scnet_graph.build(config, wanted)
    facts = {"size": config.size, "hop": config.hop, "segment_frames": config.segment_frames}
    write_checkpoint(path, random_tensors(wanted.shapes, seed), {k: str(v) for k, v in facts.items()})


def write_roformer(path: Path, config: RoformerConfig, seed: int = 0) -> None:
    """A random band-split RoFormer in the layout of the published ones."""
    wanted = WantedShapes()
    roformer_graph.build(config, wanted)
    facts = {"n_fft": config.size, "hop": config.hop, "segment_frames": config.segment_frames, "channels": config.channels}
    write_checkpoint(path, random_tensors(wanted.shapes, seed), {k: str(v) for k, v in facts.items()})


def write_htdemucs(path: Path, arguments: dict[str, Any] | None = None, seed: int = 0) -> HTDemucsConfig:
    """A random HTDemucs in half precision, laid out as demucs 4.1.0 writes it. Needs the extra `separation`."""
    arguments = arguments or SMALL_HTDEMUCS
    metadata = {"klass": CLASS, "args": "[]", "kwargs": json.dumps({k: _encoded(v) for k, v in arguments.items()})}
    config = HTDemucsConfig.from_metadata(metadata)
    wanted = WantedShapes()
    core_graph.build(config, wanted)
    write_checkpoint(path, random_tensors(wanted.shapes, seed), metadata)
    return config


def _encoded(value: Any) -> Any:
    return {"_type": "fraction", "numerator": value.numerator, "denominator": value.denominator} if isinstance(value, Fraction) else value


__all__ = [
    "HTDEMUCS",
    "SMALL_BS_ROFORMER",
    "SMALL_HTDEMUCS",
    "SMALL_MEL_ROFORMER",
    "WantedShapes",
    "random_tensors",
    "write_htdemucs",
    "write_roformer",
    "write_torch_file",
]


def write_torch_file(path: Path, tensors: Mapping[str, NDArray[np.generic]], klass: str, arguments: Mapping[str, Any]) -> None:
    """A checkpoint as torch.save writes it, with the opcodes of the pickle put down by hand: no torch, and any class name at all.

    `klass` is a dotted name; the file is the package that demucs before 4.1 published: klass, args, kwargs, state.
    """

    def text(value: str) -> bytes:
        raw = value.encode()
        return b"X" + struct.pack("<I", len(raw)) + raw

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    def named(dotted: str) -> bytes:
        module, _, name = dotted.rpartition(".")
        return f"c{module}\n{name}\n".encode()

    def whole(values: Sequence[int]) -> bytes:
        return b"(" + b"".join(number(v) for v in values) + b"t"

    def tensor(key: str, x: NDArray[np.generic]) -> bytes:
        kind = {"f2": "HalfStorage", "f4": "FloatStorage"}[x.dtype.str[1:]]
        storage = b"(" + text("storage") + named(f"torch.{kind}") + text(key) + text("cpu") + number(x.size) + b"tQ"
        strides = [int(np.prod(x.shape[i + 1 :])) for i in range(x.ndim)]
        hooks = named("collections.OrderedDict") + b")R"
        return (
            named("torch._utils._rebuild_tensor_v2")
            + b"("
            + storage
            + number(0)
            + whole(x.shape)
            + whole(strides)
            + b"\x89"
            + hooks
            + b"tR"
        )

    def plain(value: Any) -> bytes:
        if isinstance(value, list):
            return b"](" + b"".join(plain(v) for v in value) + b"e"
        if isinstance(value, Fraction):
            return named("fractions.Fraction") + b"(" + text(str(value)) + b"tR"
        return text(value) if isinstance(value, str) else number(value)

    state = b"".join(text(name) + tensor(str(i), x) for i, (name, x) in enumerate(tensors.items()))
    kwargs = b"".join(text(k) + plain(v) for k, v in arguments.items())
    fields = (
        text("klass") + named(klass) + text("args") + b")" + text("kwargs") + b"}(" + kwargs + b"u" + text("state") + b"}(" + state + b"u"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}(" + fields + b"u.")
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
        for i, x in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{i}", np.ascontiguousarray(x).tobytes())


def named_random(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Random numbers that only name and shape decide, so that golden files need not hold weights: variances and gains are positive."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("running_var"):
        return rng.uniform(0.5, 2, shape).astype(np.float32)
    if name.endswith(("gamma", "bn1d.weight", "bn2d.weight", "norm.weight")):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    fan = int(np.prod(shape[1:])) if len(shape) > 1 else 30
    return (rng.normal(0, 1, shape) / np.sqrt(fan)).astype(np.float32)
