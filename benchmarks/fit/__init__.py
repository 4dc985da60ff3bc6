"""The judge's proof: right stems and deliberate errors for every annotated song, tuned on half of the songs, reported on the other."""
