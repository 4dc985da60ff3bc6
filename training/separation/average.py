"""Average the weights of several runs: what lies between two good networks is often better than both, on music that neither was made for.

    python -m training.separation.average OUT.npz 3:NEW.npz 1:FORMER.npz

Numbers before the colon are shares. Only runs that began from a common network can be averaged. Wortsman et al.: Model soups (ICML 2022).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main(out: Path, shares: list[tuple[float, Path]]) -> None:
    total = sum(share for share, _ in shares)
    runs = [(share / total, np.load(path)) for share, path in shares]
    np.savez(out, **{k: sum(share * run[k].astype(np.float32) for share, run in runs).astype(np.float16) for k in runs[0][1].files})


if __name__ == "__main__":
    main(Path(sys.argv[1]), [(float(a.partition(":")[0]), Path(a.partition(":")[2])) for a in sys.argv[2:]])
