"""Beats, downbeats, meter and tempo curve: a two-layer decoder in numpy and scipy, in windows of constant size.

Layer one finds candidate pulses (exact semi-Markov Viterbi over intervals, in the spirit of Böck & Schedl's DBN, ISMIR 2016) and a
small scorer chooses the metrical level; layer two is a semi-Markov bar model over beats (meters 2 to 7). See
docs/decisions/0004-own-beat-decoder.md.
"""

from sideman.core.analysis.beats import onsets
from sideman.core.analysis.beats.readings import committee
from sideman.core.analysis.beats.tracker import BeatTracking, Scorer, barred, track

__all__ = ["BeatTracking", "Scorer", "barred", "committee", "onsets", "track"]
