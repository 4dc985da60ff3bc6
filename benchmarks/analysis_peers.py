"""One peer on one file, in the peer's own Python: prints beats, downbeats, key, chords, CPU seconds and peak memory as JSON.

python benchmarks/analysis_peers.py madmom|essentia|librosa MONO_44100.wav
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


def madmom(samples):
    from madmom.audio.signal import Signal
    from madmom.features.chords import CNNChordFeatureProcessor, CRFChordRecognitionProcessor
    from madmom.features.downbeats import DBNDownBeatTrackingProcessor, RNNDownBeatProcessor
    from madmom.features.key import CNNKeyRecognitionProcessor, key_prediction_to_label

    signal = Signal(samples, sample_rate=44100, num_channels=1)
    steps = {
        "beats": lambda: DBNDownBeatTrackingProcessor(beats_per_bar=[3, 4], fps=100)(RNNDownBeatProcessor()(signal)),
        "key": lambda: key_prediction_to_label(CNNKeyRecognitionProcessor()(signal)),
        "chords": lambda: [(float(a), float(b), str(c)) for a, b, c in CRFChordRecognitionProcessor()(CNNChordFeatureProcessor()(signal))],
    }
    found = timed(steps)
    bars = found.pop("beats")
    return found | {"beats": bars[:, 0].tolist(), "downbeats": bars[bars[:, 1] == 1, 0].tolist()}


def essentia(samples):
    import essentia.standard as es

    x = (samples / np.float32(32768)).astype(np.float32)
    found = timed(
        {
            "beats": lambda: es.RhythmExtractor2013(method="multifeature")(x)[1].tolist(),
            "key": lambda: " ".join(es.KeyExtractor(profileType="bgate")(x)[:2]),
        }
    )
    return found | {"downbeats": None, "chords": None}


def librosa(samples):
    import librosa as lib

    x = (samples / np.float32(32768)).astype(np.float32)
    y = lib.resample(x, orig_sr=44100, target_sr=22050)
    lib.beat.beat_track(y=y[: 22050 * 10], sr=22050)  # its compiler is not what is measured

    def key():
        chroma = lib.feature.chroma_cens(y=y, sr=22050).mean(1)
        scores = [np.corrcoef(np.roll(profile, k), chroma)[0, 1] for profile in (MAJOR, MINOR) for k in range(12)]
        best = int(np.argmax(scores))
        return f"{NAMES[best % 12]} {'minor' if best >= 12 else 'major'}"

    found = timed({"beats": lambda: lib.beat.beat_track(y=y, sr=22050, units="time")[1].tolist(), "key": key})
    return found | {"downbeats": None, "chords": None}


def timed(steps):
    """Results of the steps, and CPU seconds of each under cpu_NAME."""
    out = {}
    for name, run in steps.items():
        start = time.process_time()
        out[name] = run()
        out[f"cpu_{name}"] = time.process_time() - start
    return out


def main(engine: str, path: str) -> None:
    import soundfile

    heard, _ = soundfile.read(path, dtype="float32")
    samples = np.clip(np.round(heard * 32767), -32768, 32767).astype(np.int16)
    found = {"madmom": madmom, "essentia": essentia, "librosa": librosa}[engine](samples)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("RESULT" + json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
