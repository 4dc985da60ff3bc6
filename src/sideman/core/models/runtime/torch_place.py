"""Where a torch network runs and how exactly: device, precision, free memory. Used by engines whose code is a library's own."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from sideman.core.models.memory import available_bytes
from sideman.core.models.runtime.session import Precision
from sideman.errors import MissingAsset, NotEnoughMemory


@dataclass(frozen=True, slots=True)
class TorchPlace:
    """device: `cuda`, `xpu`, `mps` or `cpu`, with a number where there are several."""

    device: str
    precision: Precision
    threads: int = 1

    @property
    def dtype(self):  # type: ignore[no-untyped-def]  # a torch.dtype
        import torch

        return {Precision.FLOAT32: torch.float32, Precision.BFLOAT16: torch.bfloat16, Precision.FLOAT16: torch.float16}[self.precision]

    @property
    def free_bytes(self) -> int | None:
        """Memory that a network may take there; None where nobody says."""
        import torch

        kind = self.device.split(":")[0]
        if kind == "cuda":
            return int(torch.cuda.mem_get_info(self.device)[0])
        if kind == "xpu":
            return int(torch.xpu.mem_get_info(self.device)[0])
        return available_bytes()

    @property
    def sharded(self) -> bool:
        """Whether parts of a network may wait in the machine's own memory."""
        return self.device.split(":")[0] in ("cuda", "xpu")

    @contextmanager
    def working(self, name: str) -> Iterator[None]:
        """Frees what the work took, also when it is stopped. Raises NotEnoughMemory for the device's own error."""
        import torch

        if self.device == "cpu":
            torch.set_num_threads(self.threads)
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not lacks_memory(error):
                raise
            advice = "" if self.device == "cpu" else ", or use SIDEMAN_DEVICE=cpu"
            raise NotEnoughMemory(
                f"{self.device} has not enough memory for {name}: ask for fewer candidates or a smaller model{advice}"
            ) from error
        finally:
            self.tidy()

    def room(self) -> int | None:
        """Memory that is free there once torch has given back what it only keeps."""
        self.tidy()
        return self.free_bytes

    def tidy(self) -> None:
        """Give back memory that torch keeps for itself."""
        import torch

        gc.collect()
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        elif self.device.startswith("xpu"):
            torch.xpu.empty_cache()
        elif self.device.startswith("mps"):
            torch.mps.empty_cache()

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """What a result says of where it was made."""
        return ("torch", version("torch")), ("device", self.device), ("precision", self.precision.value)


def lacks_memory(error: BaseException) -> bool:
    """Whether an error of torch or of the allocator means that memory ran out; on a CPU torch has no class for it."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in ("can't allocate memory", "out of memory", "not enough memory"))


def place(wanted: str | None, threads: int, precision: Precision | None = None) -> TorchPlace:
    """The device of that name, else the best there is; bfloat16 where it multiplies faster. Raises MissingAsset without torch or device."""
    try:
        import torch
    except ImportError as error:
        raise MissingAsset("this engine needs the extra `neural`: pip install 'sideman[neural]'") from error
    device = wanted or _best(torch)
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise MissingAsset(f"there is no device {device!r} that torch can use: set SIDEMAN_DEVICE=cpu, or leave it out") from error
    return TorchPlace(device, precision or _precision(torch, device), threads)


def _best(torch) -> str:  # type: ignore[no-untyped-def]
    if torch.cuda.is_available():
        return "cuda"
    if torch.xpu.is_available():
        return "xpu"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _precision(torch, device: str) -> Precision:  # type: ignore[no-untyped-def]
    """MPS stays at 32 bits: Stable Audio 3 gives noise there at 16 (its own documentation)."""
    kind = device.split(":")[0]
    if kind == "cuda":
        return Precision.BFLOAT16 if torch.cuda.is_bf16_supported(including_emulation=False) else Precision.FLOAT16
    if kind == "xpu" or (kind == "cpu" and (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())):
        return Precision.BFLOAT16
    return Precision.FLOAT32
