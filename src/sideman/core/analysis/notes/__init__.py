"""Notes: basic-pitch's network (Bittner et al., ICASSP 2022) run by our own code, decoded to notes, and the same notes on the grid."""

from sideman.core.analysis.notes.quantise import on_the_grid
from sideman.core.analysis.notes.transcriber import MONOPHONIC, SAMPLE_RATE_HZ, NoteOptions, Transcriber, melody, options_for

__all__ = ["MONOPHONIC", "SAMPLE_RATE_HZ", "NoteOptions", "Transcriber", "melody", "on_the_grid", "options_for"]
