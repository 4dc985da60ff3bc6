"""Chords and key together: NNLS pitch activations (after Mauch & Dixon, ISMIR 2010), a small root-relative network trained on
our own renders, and a joint Viterbi over 24 keys and 133 chords. numpy and scipy only."""

from sideman.core.analysis.chords import pitch
from sideman.core.analysis.chords.emission import EmissionNetwork
from sideman.core.analysis.chords.estimator import HarmonyEstimate, estimate, with_agreement
from sideman.core.analysis.chords.pitch import PitchActivations, listen

__all__ = ["EmissionNetwork", "HarmonyEstimate", "PitchActivations", "estimate", "listen", "pitch", "with_agreement"]
