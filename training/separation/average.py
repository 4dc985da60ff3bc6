"""Average the weights of several runs: what lies between two good networks is often better than both, on music that neither was made for.

    python -m training.separation.average OUT.npz 3:NEW.npz 1:FORMER.npz

Numbers before the colon are shares. Only runs that began from a common network can be averaged. Wortsman et al.: Model soups (ICML 2022).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from training.separation.network import known_inputs


def main(out: Path, shares: list[tuple[float, Path]]) -> None:
    total = sum(share for share, _ in shares)
    runs = [(share / total, np.load(path)) for share, path in shares]
    runs_of = {k: [(share, known_inputs(k.removesuffix(".weight"), run[k])) for share, run in runs] for k in runs[0][1].files}
    np.savez(out, **{k: sum(share * w.astype(np.float32) for share, w in parts).astype(np.float16) for k, parts in runs_of.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]), [(float(a.partition(":")[0]), Path(a.partition(":")[2])) for a in sys.argv[2:]])
