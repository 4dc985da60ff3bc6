"""MDX-Net models as they are published, in ONNX: STFT and iSTFT here, parameters by the hash that Ultimate Vocal Remover uses.

Kim et al.: KUIELab-MDX-Net (2021); the format and its table of parameters are those of Ultimate Vocal Remover.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.core.models.memory import Residence
from sideman.core.models.runtime import Request, Session, open_onnx
from sideman.core.music import StemRole
from sideman.core.separation.segments import SegmentModel
from sideman.core.separation.single import SingleSeparator, WeightFacts
from sideman.core.separation.stft import CentredStft
from sideman.errors import UnusableModel

__all__ = ["MdxParameters", "MdxSeparator", "convert", "fingerprint"]
HOP, HASHED_BYTES = 1024, 10_000 * 1024
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MdxParameters:
    """size: of the STFT. bins, windows: what the network hears. gain: what its output is multiplied by. role: the stem it makes."""

    size: int
    bins: int
    windows: int
    gain: float
    role: StemRole

    @property
    def segment_frames(self) -> int:
        return HOP * (self.windows - 1)


KNOWN: Mapping[str, MdxParameters] = {
    "cb790d0c913647ced70fc6b38f5bea1a": MdxParameters(5120, 2560, 256, 1.01, StemRole.OTHER)  # UVR-MDX-NET-Inst_HQ_5
}


def fingerprint(path: Path) -> str:
    """MD5 of the last ten million bytes or so, by which Ultimate Vocal Remover knows a model. Raises UnusableModel where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - HASHED_BYTES))
            return hashlib.md5(file.read(), usedforsecurity=False).hexdigest()
    except OSError as error:
        raise UnusableModel(f"{path} cannot be read ({error.strerror}): check the path") from error


def parameters_of(path: Path, known: Mapping[str, MdxParameters] = KNOWN) -> MdxParameters:
    """Raises UnusableModel for a model that the table does not know: its STFT cannot be told from the file."""
    found = known.get(fingerprint(path))
    if found is None:
        raise UnusableModel(f"{path.name} is no MDX-Net model that Sideman knows the parameters of, or it is damaged")
    return found


def convert(path: Path) -> Path:
    """Nothing to convert; an unknown or damaged file raises UnusableModel."""
    parameters_of(path)
    return path


@dataclass(frozen=True)
class Core:
    parameters: MdxParameters
    session: Session
    stft: CentredStft

    @property
    def model(self) -> SegmentModel:
        return SegmentModel(self.parameters.segment_frames, 1, 2, self.run, normalised=False)

    def run(self, segment: Array) -> Array:
        """[2, frames] -> [1, 2, frames]. The three lowest bins are not shown to the network, as it was trained."""
        p = self.parameters
        z = self.stft.forward(segment)[..., : p.bins]
        parts = np.empty((1, 4, p.bins, p.windows), np.float32)
        parts[0, ::2], parts[0, 1::2] = z.real.transpose(0, 2, 1), z.imag.transpose(0, 2, 1)
        parts[:, :, :3] = 0
        (y,) = self.session(parts)
        out = np.zeros((2, p.windows, p.size // 2 + 1), np.complex64)
        out.real[..., : p.bins], out.imag[..., : p.bins] = y[0, ::2].transpose(0, 2, 1), y[0, 1::2].transpose(0, 2, 1)
        return self.stft.inverse(out)[None] * np.float32(p.gain)


class MdxSeparator(SingleSeparator):
    """The stem of the network, and the other role as the recording minus it."""

    def __init__(
        self, name: str, roles: Sequence[StemRole], facts: WeightFacts, request: Request, residence: Residence, *,
        known: Mapping[str, MdxParameters] = KNOWN,
    ) -> None:  # fmt: skip
        parameters = parameters_of(facts.path, known)
        own = parameters.role

        def load(path: Path, request: Request) -> Core:
            stft = CentredStft(parameters.size, HOP, parameters.segment_frames, request.threads)
            return Core(parameters, open_onnx(path, request), stft)

        super().__init__(name, (own, *(r for r in roles if r is not own)), facts, request, residence, load=load)
