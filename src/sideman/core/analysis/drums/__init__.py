"""Drum transcription: a small convolutional network, trained on our own kits, over log spectra; kick, snare, toms, hats, cymbals."""

from sideman.core.analysis.drums.transcription import DrumTranscriber

__all__ = ["DrumTranscriber"]
