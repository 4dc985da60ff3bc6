"""Loading checkpoints in a library's own layout: what is wrong with one is said in one sentence."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sideman.core.models.runtime.torch_place import lacks_memory
from sideman.errors import UnusableModel

NAMED = 3


def stated_configuration(folder: Path, name: str, file: str = "config.json") -> dict[str, Any]:
    """What a checkpoint says of itself. Raises UnusableModel where it says nothing."""
    try:
        found = json.loads((folder / file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnusableModel(f"{name} has no readable {file} in {folder.name}/: `sideman models install {name}` again, or import its folder") from error  # fmt: skip
    if not isinstance(found, dict):
        raise UnusableModel(f"{file} of {name} holds no settings: `sideman models install {name}` again, or import its folder")
    return found


def loaded_whole(load: Callable[[], Any], name: str) -> Any:
    """What `load` gives. Raises UnusableModel for damaged files, and for tensors that are missing or of other sizes.

    `load` may give (model, report) as from_pretrained does with output_loading_info: a network of which parts stayed random is refused.
    """
    from safetensors import SafetensorError

    try:
        found = load()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError, SafetensorError) as error:
        if lacks_memory(error):
            raise
        said = str(error).strip().split("\n")[0][:200]
        raise UnusableModel(f"{name} cannot be loaded ({said}): it is damaged or not what its card says, install it again") from error
    if not isinstance(found, tuple):
        return found
    model, report = found
    absent = sorted(str(k) for k in report["missing_keys"])
    odd = sorted(str(k[0] if isinstance(k, tuple) else k) for k in report.get("mismatched_keys", ()))
    if absent or odd:
        what = f"lacks {len(absent)} tensors" if absent else f"has {len(odd)} tensors of other sizes"
        raise UnusableModel(
            f"{name} {what} ({', '.join((absent or odd)[:NAMED])}): it is no whole checkpoint of its class, install it again"
        )
    return model


@contextmanager
def quietly() -> Iterator[None]:
    """Without the progress bars and advice that the libraries write to the terminal; what they raise is said by us."""
    import transformers

    libraries: list[Any] = [transformers.utils.logging]
    if "diffusers" in sys.modules:
        libraries.append(sys.modules["diffusers"].utils.logging)
    before = [
        (log, log.get_verbosity(), log.is_progress_bar_enabled() if hasattr(log, "is_progress_bar_enabled") else True) for log in libraries
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # what they still use of torch
        warnings.filterwarnings("ignore", "Should have t[ab]", UserWarning)  # torchsde rounds the ends of its own interval
        try:
            for log in libraries:
                log.set_verbosity_error()
                log.disable_progress_bar()
            yield
        finally:
            for log, verbosity, bars in before:
                log.set_verbosity(verbosity)
                if bars:
                    log.enable_progress_bar()
