"""Scores against annotations: beats, key, chords, tempo, separation, timing of generated stems."""
