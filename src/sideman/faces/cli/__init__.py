"""The command line: `sideman COMMAND`. One module per command."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Entry point. Threads of the linear algebra library are pinned first: its pool fights with our own."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    for name in ("SIGTERM", "SIGHUP"):  # a closed terminal window, too, leaves no scratch file and nothing half-made
        ended = getattr(signal, name, None)
        if ended is not None and signal.getsignal(ended) == signal.SIG_DFL:
            signal.signal(ended, signal.default_int_handler)
    try:
        from sideman.faces.cli.application import run  # numpy must not load before the lines above
    except KeyboardInterrupt:
        sys.exit(130)
    run()
