"""One question to Essentia about a file of float32 samples at 44.1 kHz; the answer is one line of JSON.

python -m sideman.core.analysis.backends.essentia.child beats|key MONO.f32
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def _beats(samples: np.ndarray) -> dict[str, Any]:
    import essentia.standard as es

    _, ticks, confidence, _, _ = es.RhythmExtractor2013(method="multifeature")(samples)
    return {"beats_s": [float(t) for t in ticks], "confidence": float(confidence)}


def _key(samples: np.ndarray) -> dict[str, Any]:
    import essentia.standard as es

    tonic, mode, strength = es.KeyExtractor(profileType="bgate")(samples)
    return {"tonic": tonic, "mode": mode, "strength": float(strength)}


QUESTIONS: dict[str, Callable[[np.ndarray], dict[str, Any]]] = {"beats": _beats, "key": _key}

if __name__ == "__main__":
    import essentia

    essentia.log.infoActive = essentia.log.warningActive = False
    heard = np.fromfile(sys.argv[2], "<f4")
    sys.stdout.write(json.dumps(QUESTIONS[sys.argv[1]](heard)) + "\n")
